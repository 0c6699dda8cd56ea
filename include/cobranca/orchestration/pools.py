"""Airflow's pools with their slots. The launcher and the containers create them from here.

Imports nothing of Airflow, so that a DAG file costs nothing to parse.
"""

WAREHOUSE, SOURCES, SENDGRID = "warehouse", "sources", "sendgrid"

POOLS = {
    WAREHOUSE: (1, "the one writer of the warehouse"),
    SOURCES: (4, "connections to the source databases at a time"),
    SENDGRID: (2, "runs that deliver messages at a time"),
}
