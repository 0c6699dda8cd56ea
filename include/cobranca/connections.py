"""Credentials by connection id.

They are ``AIRFLOW_CONN_<ID>`` variables, or Airflow's own connections inside a task. Both forms
that Airflow knows are read: a URI (``postgresql://user:secret@host:5432/erp``) and JSON
(``{"conn_type": "postgres", "host": ...}``). The secret stays inside :class:`Connection`, whose
``repr`` hides it.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import URL

from cobranca.errors import ConfigError

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mssql": "mssql+pymssql",
    "sqlserver": "mssql+pymssql",
    "oracle": "oracle+oracledb",
    "sqlite": "sqlite",
}
# A connection to a folder of files: Airflow's own type ``fs``, and its plain name.
FOLDERS = ("fs", "file")
# What Airflow's hooks keep among the extras for themselves; no driver knows these words.
_AIRFLOWS_OWN = frozenset(
    "cursor iam redshift redshift-serverless aws_conn_id region client_type thick_mode "
    "thick_mode_lib_dir fetch_decimals fetch_lobs conn_prefix encrypt_password "
    "sqlalchemy_scheme".split()
)
# Extras that a driver takes; the other drivers take whatever their server's client library knows.
_TAKEN = {
    "mysql+pymysql": frozenset(
        (
            "charset unix_socket ssl_ca ssl_capath ssl_cert ssl_key ssl_verify_cert "
            "ssl_verify_identity ssl_disabled"
        ).split()
    ),
    "mssql+pymssql": frozenset({"charset", "tds_version", "encryption", "appname"}),
    "oracle+oracledb": frozenset({"service_name", "sid", "dsn"}),
    "sqlite": frozenset(),
}


class _Place(NamedTuple):
    """Where a database is, as SQLAlchemy names the parts of a URL."""

    host: str | None = None
    port: int | None = None
    database: str | None = None


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
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def url(self) -> URL:
        """The SQLAlchemy URL of a database connection.

        An Oracle database is named by ``service_name``, ``sid`` or ``dsn`` among the extras, or by
        its service name where other databases have their name.

        Raises:
            ConfigError: the connection's type is no database this project reads, or it has an extra
                that its driver does not know.
        """
        driver = DRIVERS.get(self.conn_type)
        if driver is None:
            raise ConfigError(
                f"connection '{self.conn_id}' has type '{self.conn_type}'; use one of: "
                f"{', '.join(sorted(DRIVERS))}."
            )
        if driver == "sqlite":
            # Airflow's own SQLite connections keep the path in the host.
            return URL.create("sqlite", database=self.schema or self.host)
        extras = self._extras(driver)
        place = _Place(self.host, self.port, self.schema)
        if driver == "oracle+oracledb":
            place, extras = self._oracle_place(extras)
        return URL.create(
            driver,
            username=self.login,
            password=self.password,
            query=extras,
            **place._asdict(),
        )

    def folder(self) -> Path:
        """The folder that a ``file`` or ``fs`` connection names.

        It stands in the path or in the extra ``path``.

        Raises:
            ConfigError: the connection has another type, or names no absolute folder.
        """
        if self.conn_type not in FOLDERS:
            raise ConfigError(
                f"connection '{self.conn_id}' has type '{self.conn_type}', but its source reads "
                "files; use the type file (file:///path/to/folder) or fs with the extra 'path'."
            )
        path = Path(self.extra.get("path") or self.schema or "")
        if not path.is_absolute():
            raise ConfigError(
                f"connection '{self.conn_id}' names no absolute folder; write it as "
                "file:///path/to/folder."
            )
        return path

    def _extras(self, driver: str) -> dict[str, str]:
        """The extras as text, without Airflow's own.

        An unknown one is refused: it could be a misspelled ``ssl`` setting.
        """
        taken = _TAKEN.get(driver)
        found = {}
        for key, value in self.extra.items():
            if (
                key in _AIRFLOWS_OWN
                or key.startswith("extra__")
                or not isinstance(value, (str, int))
            ):
                continue
            if taken is not None and key not in taken:
                raise ConfigError(
                    f"connection '{self.conn_id}' has the extra '{key}', which "
                    f"{driver.partition('+')[2]} does not know; "
                    f"remove it (known: {', '.join(sorted(taken))})."
                )
            found[key] = str(value)
        return found

    def _oracle_place(self, extras: dict[str, str]) -> tuple[_Place, dict[str, str]]:
        if "dsn" in extras:  # an alias of tnsnames.ora, or a whole descriptor
            return _Place(extras["dsn"]), {}
        server = _Place(self.host, self.port or 1521)
        if "sid" in extras:
            return server._replace(database=extras["sid"]), {}
        service = extras.get("service_name") or self.schema
        return server, {"service_name": service} if service else {}


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
        # sqlite:////absolute/path and file:///absolute/path keep their leading slash; a server's
        # path is the database's name.
        path = unquote(parts.path if scheme in FOLDERS else parts.path[1:])
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
            "write it as type://user:password@host:port/database (special characters of the "
            "password as in any URL, / is %2F) "
            "or as Airflow's JSON form."
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
