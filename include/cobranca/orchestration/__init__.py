"""What the DAG files share: assets, retries, the business date and Airflow's connections.

Only this package and ``cobranca.local`` know Airflow.
"""
