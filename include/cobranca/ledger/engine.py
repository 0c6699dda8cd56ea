"""Opening the ledger: an engine whose database is migrated to the newest tables."""

import threading
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from cobranca.errors import ConfigError, LedgerError

MIGRATIONS = Path(__file__).parent / "migrations"
DIALECTS = ("sqlite", "postgresql")
# Any constant does; it only has to be the same in every process that migrates this ledger.
_MIGRATION_LOCK = 0x636F6272
# A transaction does nothing for this long only if its process was put to sleep or is cut off; others wait for its locks.
IDLE_SECONDS = 60
# Alembic keeps its context in module globals.
_migrating = threading.Lock()


def open_ledger(url: str | sa.URL, **options) -> sa.Engine:
    """An engine on the ledger at ``url`` (SQLite or PostgreSQL), migrated to head.

    Processes that start at once migrate one after another. ``options`` go to ``sqlalchemy.create_engine``.

    Raises:
        ConfigError: the URL is none, or of another kind of database.
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
            f"COBRANCA_LEDGER ({url.render_as_string(hide_password=True)}) cannot be opened: {_first_line(error)}. "
            "Check that the server runs, that the database exists and that this user may create tables."
        ) from None
    return engine


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database to a revision, by default the newest; does nothing where it already is."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    if _revision(engine) == ScriptDirectory(str(MIGRATIONS)).get_current_head():
        return
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with _migrating, engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _revision(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.scalar(sa.text("select version_num from alembic_version"))


def _normalised(url: str | sa.URL) -> sa.URL:
    try:
        url = make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigError(
            "COBRANCA_LEDGER is not a URL; use sqlite:////path/ledger.db or postgresql://user@host/database."
        ) from None
    backend = url.get_backend_name()
    if backend not in DIALECTS:
        raise ConfigError(
            f"COBRANCA_LEDGER starts with '{backend}:'; use sqlite:////path/ledger.db or postgresql://user@host/database."
        )
    return url.set(drivername="postgresql+psycopg") if backend == "postgresql" else url


def _tune_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connected(connection, record):
        # The driver must not open transactions by itself: BEGIN IMMEDIATE below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("pragma busy_timeout = 60000")
        _use_write_ahead_log(cursor)
        # A commit that was acknowledged must survive a power cut: people were contacted on its strength.
        cursor.execute("pragma synchronous = full")
        cursor.execute("pragma foreign_keys = on")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _began(connection):
        # Take the write lock at once: upgrading a read lock later fails when two workers do it together.
        connection.exec_driver_sql("begin immediate")


def _tune_postgresql(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connected(connection, record):
        # Whatever the server's default: a commit that was acknowledged survives its crash.
        connection.execute("set synchronous_commit = on")
        connection.execute(f"set idle_in_transaction_session_timeout = {round(IDLE_SECONDS * 1000)}")
        connection.commit()


def _use_write_ahead_log(cursor, attempts: int = 50) -> None:
    """Switching to WAL takes an exclusive lock for which SQLite does not wait, so two starting processes may collide."""
    import sqlite3

    for attempt in range(attempts):
        try:
            cursor.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError:
            if attempt == attempts - 1:
                raise
            time.sleep(0.05)


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
