"""Credentials by connection id: ``AIRFLOW_CONN_<ID>`` variables, or Airflow's own connections inside a task.

Both forms that Airflow knows are read: a URI (``postgresql://user:secret@host:5432/erp``) and JSON
(``{"conn_type": "postgres", "host": ...}``). The secret stays inside :class:`Connection`, whose ``repr`` hides it.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import URL

from cobranca.errors import ConfigError

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mssql": "mssql+pymssql",
    "oracle": "oracle+oracledb",
    "sqlite": "sqlite",
}


@dataclass(frozen=True)
class Connection:
    """One set of credentials, free of any particular library."""

    conn_id: str
    conn_type: str
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: dict = field(default_factory=dict, repr=False)

    def url(self) -> URL:
        """The SQLAlchemy URL of a database connection.

        Raises:
            ConfigError: the connection's type is no database this project reads.
        """
        driver = DRIVERS.get(self.conn_type)
        if driver is None:
            raise ConfigError(
                f"connection '{self.conn_id}' has type '{self.conn_type}'; use one of: {', '.join(sorted(DRIVERS))}."
            )
        if driver == "sqlite":
            # Airflow's own SQLite connections keep the path in the host.
            return URL.create("sqlite", database=self.schema or self.host)
        query = {key: str(value) for key, value in self.extra.items() if isinstance(value, (str, int))}
        return URL.create(
            driver,
            username=self.login,
            password=self.password,
            host=self.host,
            port=self.port,
            database=self.schema,
            query=query,
        )


def from_environment(conn_id: str) -> Connection | None:
    """Read ``AIRFLOW_CONN_<ID>``; ``None`` where it is not set."""
    text = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    return parse(conn_id, text) if text else None


def parse(conn_id: str, text: str) -> Connection:
    """Read one connection from Airflow's URI or JSON form.

    Raises:
        ConfigError: the text is neither. The text itself is never shown, since it holds a secret.
    """
    try:
        if text.lstrip().startswith("{"):
            body = json.loads(text)
            extra = body.get("extra") or {}
            extra = json.loads(extra) if isinstance(extra, str) else extra
            if not isinstance(extra, dict):
                raise ValueError
            return Connection(
                conn_id=conn_id,
                conn_type=body["conn_type"],
                host=body.get("host"),
                port=int(body["port"]) if body.get("port") else None,
                login=body.get("login"),
                password=body.get("password"),
                schema=body.get("schema"),
                extra=extra,
            )
        parts = urlsplit(text)
        if not parts.scheme:
            raise ValueError
        scheme = parts.scheme.split("+")[0]
        # sqlite:////absolute/path keeps its leading slash; a server's path is the database's name.
        path = unquote(parts.path[1:])
        return Connection(
            conn_id=conn_id,
            conn_type=scheme,
            host=unquote(parts.hostname) if parts.hostname else None,
            port=parts.port,
            login=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            schema=path or None,
            extra=dict(parse_qsl(parts.query)),
        )
    except (KeyError, ValueError, TypeError):
        raise ConfigError(
            f"connection '{conn_id}' (AIRFLOW_CONN_{conn_id.upper()}) cannot be read; "
            "write it as type://user:password@host:port/database or as Airflow's JSON form."
        ) from None


# Inside Airflow the task sets this to a function that also asks Airflow's own secrets backends.
_lookups: list[Callable[[str], Connection | None]] = [from_environment]


def use_lookup(lookup: Callable[[str], Connection | None]) -> None:
    """Ask one more place, after the environment, for connections that are not found there."""
    if lookup not in _lookups:
        _lookups.append(lookup)


def get_connection(conn_id: str) -> Connection:
    """Find a connection.

    Raises:
        ConfigError: no place knows it.
    """
    for lookup in _lookups:
        connection = lookup(conn_id)
        if connection is not None:
            return connection
    raise ConfigError(
        f"connection '{conn_id}' is not defined; set AIRFLOW_CONN_{conn_id.upper()}, "
        "or add it in Airflow under Admin, Connections."
    )
