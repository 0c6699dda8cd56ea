"""Look up connections in Airflow (its database, its secrets backends)."""

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from cobranca.connections import Connection, use_lookup


def from_airflow(conn_id: str) -> Connection | None:
    """Ask Airflow for a connection; ``None`` where it has none of that id."""
    try:
        found = BaseHook.get_connection(conn_id)
    except (AirflowNotFoundException, AirflowRuntimeError):
        return None
    return Connection(
        conn_id=conn_id,
        conn_type=found.conn_type or "",
        host=found.host,
        port=found.port,
        login=found.login,
        password=found.password,
        # Airflow keeps the path of an SQLite file as the host.
        schema=(found.schema or found.host) if found.conn_type == "sqlite" else found.schema,
        extra=found.extra_dejson,
    )


def use_airflow_connections() -> None:
    """Let the stage functions find Airflow's connections, after ``AIRFLOW_CONN_*`` variables."""
    use_lookup(from_airflow)
