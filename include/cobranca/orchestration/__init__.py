"""What the DAG files share: assets, retries, the business date and Airflow's connections.

The only part of the package, beside ``cobranca.local``, that knows Airflow.
"""
