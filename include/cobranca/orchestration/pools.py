"""Airflow's pools with their slots, free of Airflow itself: the launcher and the containers create them from here."""

WAREHOUSE, SOURCES, SENDGRID = "warehouse", "sources", "sendgrid"

POOLS = {
    WAREHOUSE: (1, "the one writer of the warehouse"),
    SOURCES: (4, "connections to the source databases at a time"),
    SENDGRID: (2, "runs that deliver messages at a time"),
}
