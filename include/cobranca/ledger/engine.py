"""Open the ledger: a SQLAlchemy engine, its connection settings, and the migrations."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from cobranca.errors import ConfigError, LedgerError
from cobranca.retry import retry

if TYPE_CHECKING:
    import sqlite3

    import psycopg

MIGRATIONS = Path(__file__).parent / "migrations"
DIALECTS = ("sqlite", "postgresql")
# Key of the advisory lock: any constant that is the same in every process.
_MIGRATION_LOCK = 0x636F6272
# A transaction is idle for this long only if its process sleeps or is cut off. The server then ends
# it, because other transactions wait for its locks.
IDLE_SECONDS = 60
# Alembic keeps its context in module globals.
_migrating = threading.Lock()


def open_ledger(url: str | sa.URL, **options: Any) -> sa.Engine:
    """Open the ledger at ``url`` (SQLite or PostgreSQL) and migrate it to the newest revision.

    Processes that start at the same time migrate one after another. ``options`` go to
    ``sqlalchemy.create_engine``.

    Raises:
        ConfigError: ``url`` is not a URL, or is one of another kind of database.
        LedgerError: the database cannot be reached or may not be changed.
    """
    url = _normalised(url)
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, hide_parameters=True, **options)
    if engine.dialect.name == "sqlite":
        _tune_sqlite(engine)
    else:
        _tune_postgresql(engine)
    try:
        migrate(engine)
    except (sa.exc.OperationalError, sa.exc.InternalError) as error:
        engine.dispose()
        raise LedgerError(
            f"COBRANCA_LEDGER ({url.render_as_string(hide_password=True)}) cannot be opened: "
            f"{_first_line(error)}. "
            "Check that the server runs, that the database exists and that this user may create "
            "tables."
        ) from None
    return engine


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Migrate the database to a revision, by default the newest; a migrated one stays as it is."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    if _revision(engine) == ScriptDirectory(str(MIGRATIONS)).get_current_head():
        return
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with _migrating, engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(
                sa.text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
            )
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _revision(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(sa.text("select version_num from alembic_version"))
        return found


def _normalised(url: str | sa.URL) -> sa.URL:
    try:
        url = make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigError(
            "COBRANCA_LEDGER is not a URL; use sqlite:////path/ledger.db or "
            "postgresql://user@host/database."
        ) from None
    backend = url.get_backend_name()
    if backend not in DIALECTS:
        raise ConfigError(
            f"COBRANCA_LEDGER starts with '{backend}:'; use sqlite:////path/ledger.db or "
            "postgresql://user@host/database."
        )
    return url.set(drivername="postgresql+psycopg") if backend == "postgresql" else url


def _tune_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connected(connection: "sqlite3.Connection", record: object) -> None:
        # The driver must not open transactions; BEGIN IMMEDIATE below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("pragma busy_timeout = 60000")
        _use_write_ahead_log(cursor)
        # An acknowledged commit must survive a power cut, because a message is sent after it.
        cursor.execute("pragma synchronous = full")
        cursor.execute("pragma foreign_keys = on")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _began(connection: sa.Connection) -> None:
        # Take the write lock at once. Upgrading a read lock later fails when two workers do it at
        # the same time.
        connection.exec_driver_sql("begin immediate")


def _tune_postgresql(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connected(connection: "psycopg.Connection", record: object) -> None:
        # An acknowledged commit must survive a crash, also where the server's default is off.
        connection.execute("set synchronous_commit = on")
        connection.execute(
            f"set idle_in_transaction_session_timeout = {round(IDLE_SECONDS * 1000)}"
        )
        connection.commit()


def _use_write_ahead_log(cursor: "sqlite3.Cursor") -> None:
    """Switch to the write-ahead log, with retries while another process does so too.

    The switch takes an exclusive lock, and ``busy_timeout`` does not apply to it.
    """
    import sqlite3

    retry(
        lambda: cursor.execute("pragma journal_mode = wal"),
        sqlite3.OperationalError,
        seconds=5,
        pause=0.05,
    )


def _first_line(error: sa.exc.DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0].rstrip() if lines else type(error.orig).__name__
