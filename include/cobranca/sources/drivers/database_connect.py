"""Connect to a source's database and begin its read-only snapshot."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from cobranca.connections import Connection, get_connection
from cobranca.errors import ConfigError
from cobranca.sources.drivers import dialects
from cobranca.sources.drivers.database import DatabaseSnapshot
from cobranca.sources.drivers.database_errors import explain_connect
from cobranca.sources.drivers.dialects import CONNECT_SECONDS, ENGINES, driver_connection
from cobranca.sources.mapping.model import SourceMapping
from cobranca.sources.source_problem import SourceProblem


@contextmanager
def open_database(mapping: SourceMapping) -> Iterator[DatabaseSnapshot]:
    """Connect and begin one read-only transaction that sees a single moment."""
    engine, connection = _connect(mapping)
    driver = driver_connection(connection)
    snapshot = DatabaseSnapshot(connection, mapping)
    try:
        with closing(snapshot):
            yield snapshot
    except BaseException:
        _drop(connection, driver)
        raise
    else:
        with suppress(SQLAlchemyError, OSError):
            connection.close()
    finally:
        engine.dispose()


def _connect(mapping: SourceMapping) -> tuple[sa.Engine, sa.Connection]:
    """The engine and a connection on which the snapshot has begun."""
    credentials = get_connection(mapping.connection_id)
    engine = _engine(credentials, mapping)
    connection: sa.Connection | None = None
    try:
        connection = engine.connect()
        ENGINES[engine.dialect.name].begin(connection, mapping.statement_timeout_seconds)
        return engine, connection
    except dialects.SnapshotRefused as error:
        failure = SourceProblem(f"source '{mapping.source}'", error.problem, error.cure)
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        failure = explain_connect(error, engine.dialect.name, credentials, mapping)
    if connection is not None:
        _drop(connection, None)
    # Raised outside the handler: the driver's text is no part of the chain.
    raise failure


def _drop(connection: sa.Connection, driver: object) -> None:
    """Cut the connection without reading the rest of an unfinished result, as a close would."""
    # pymysql would otherwise try to read that rest when its cursor is collected, and complain on
    # stderr.
    unfinished = getattr(driver, "_result", None)
    if unfinished is not None:
        unfinished.unbuffered_active = False
    with suppress(Exception):
        connection.invalidate()
        connection.close()


def _engine(credentials: Connection, mapping: SourceMapping) -> sa.Engine:
    url = credentials.url()
    backend = url.get_backend_name()
    dialect = ENGINES[backend]
    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True, **dialect.options}
    if backend == "sqlite":
        path = Path(url.database or "")
        if not path.is_file():
            raise SourceProblem(
                f"source '{mapping.source}'",
                f"connection '{mapping.connection}' names the SQLite file {path}, which does not "
                "exist",
                f"correct AIRFLOW_CONN_{mapping.connection_id.upper()} or create the file",
            )
        options["creator"] = lambda: _open_sqlite(path, mapping.statement_timeout_seconds)
    else:
        options["connect_args"] = dialect.arguments(mapping.statement_timeout_seconds)
    try:
        engine = sa.create_engine(url, **options)
    except ModuleNotFoundError as error:
        cure = f"pip install 'cobranca[{dialect.extra}]'" if dialect.extra else "install it"
        raise ConfigError(
            f"source '{mapping.source}': connection '{mapping.connection}' ({dialect.title}) needs "
            f"the Python package '{error.name}'; {cure}."
        ) from None
    if backend == "postgresql":
        sa.event.listen(engine, "connect", _dates_as_text)
    if backend == "mysql":
        patience = mapping.statement_timeout_seconds + dialects.SILENCE_SECONDS
        # pymysql has one limit for its server's greeting and for its rows; the greeting should not
        # take so long.
        sa.event.listen(
            engine,
            "connect",
            lambda connection, _record: setattr(connection, "_read_timeout", patience),
        )
    return engine


def _open_sqlite(path: Path, timeout_seconds: int) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=CONNECT_SECONDS, isolation_level=None
    )
    connection.execute("pragma query_only = on")
    # SQLite keeps whatever bytes it was given; one badly encoded name must not stop a whole table.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    if sqlite3.sqlite_version_info < (3, 44):  # later ones have it, as the other engines do
        connection.create_function(
            "concat", -1, lambda *parts: "".join(str(part) for part in parts if part is not None)
        )
    deadline = time.monotonic() + timeout_seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 1_000_000)
    return connection


def _dates_as_text(dbapi_connection: Any, _record: object) -> None:
    """Let dates arrive as text: PostgreSQL knows dates that Python does not (year 20226, infinity).

    One such typing error would otherwise stop the whole table; as text it is one row for
    quarantine.
    """
    from psycopg.types.string import TextLoader

    for kind in ("date", "timestamp", "timestamptz"):
        dbapi_connection.adapters.register_loader(kind, TextLoader)
