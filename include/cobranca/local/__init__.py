"""Run everything on a single machine: a private database server and a launcher of Airflow."""
