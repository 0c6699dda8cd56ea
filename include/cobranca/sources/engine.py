"""One read-only snapshot of a source database, streamed.

Everything of one source is read inside one transaction, so that its three entities belong together even while
the company keeps working. No error of this module shows a password, a URL or a value of a row: database drivers
quote all three, so their texts are replaced, and only the parts that name tables and columns are kept.
"""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from cobranca.connections import Connection, get_connection
from cobranca.errors import ConfigError
from cobranca.sources.mapping import SourceMapping
from cobranca.sources.problem import SourceProblem

CONNECT_SECONDS = 10
CHUNK_ROWS = 25_000

T = TypeVar("T")

# How each engine opens a transaction that sees one moment and cannot write. Oracle's and SQL Server's forms follow
# their manuals; the tests run the first three engines.
_BEGIN = {
    "postgresql": ("set transaction isolation level repeatable read, read only",),
    "mysql": (
        "set session transaction isolation level repeatable read",
        "start transaction with consistent snapshot, read only",
    ),
    "sqlite": ("begin", "select count(*) from sqlite_master"),  # the first read fixes the moment
    "oracle": ("set transaction read only",),
    "mssql": ("set transaction isolation level snapshot",),
}

# Texts with these codes speak of tables, columns, rights and syntax, never of rows.
_PLAIN_POSTGRES = re.compile(r"42\w{3}$")
_PLAIN_MYSQL = {1044, 1046, 1052, 1054, 1064, 1109, 1142, 1143, 1146, 1305}
_PLAIN_SQLITE = re.compile(r'^(no such (table|column|function): |ambiguous column name: |near ")')


@dataclass
class Stream:
    """Rows on their way: lower-case column names and chunks of at most ``CHUNK_ROWS`` rows."""

    columns: tuple[str, ...]
    chunks: Iterator[Sequence[Sequence]]


class Snapshot:
    """One open transaction on one source."""

    def __init__(self, connection: sa.Connection, mapping: SourceMapping):
        self._connection, self._mapping = connection, mapping

    def stream(self, entity: str, query: str) -> Stream:
        """Run a query on a server-side cursor.

        Raises:
            SourceProblem: the database refuses the query, or fails while rows are read.
        """
        result = self._attempt(entity, lambda: self._run(query, stream_results=True, yield_per=CHUNK_ROWS))
        names = list(result.keys())
        return Stream(tuple(name.lower() for name in names), self._chunks(entity, result))

    def rows(self, entity: str, query: str) -> list[Sequence]:
        """All rows of a small result."""
        return self._attempt(entity, lambda: list(self._run(query).all()))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let a query fail without spoiling the transaction for the next one (PostgreSQL would refuse that)."""
        savepoint = self._attempt("connection", self._connection.begin_nested)
        try:
            yield
        finally:
            with suppress(SQLAlchemyError):
                savepoint.rollback()

    def first_rows(self, query: str, limit: int) -> str:
        """The query cut to its first rows, in the words of this engine."""
        if self._connection.dialect.name == "mssql":
            return f"select top {limit} * from (\n{query}\n) q"
        if self._connection.dialect.name == "oracle":
            return f"select * from (\n{query}\n) q fetch first {limit} rows only"
        return f"select * from (\n{query}\n) q limit {limit}"

    def control(self, entity: str, query: str) -> tuple[int, Decimal | float | None]:
        """Row count and amount total as the database itself counts them, in the same snapshot."""
        amount = "" if entity == "customers" else ", sum(amount)"
        row = self.rows(entity, f"select count(*){amount} from (\n{query}\n) q")[0]
        total = row[1] if amount else None
        return int(row[0]), Decimal(total) if isinstance(total, int) else total

    def where_in(self, entity: str, query: str, column: str, values: Sequence[str | int]) -> Iterator[Sequence[Sequence]]:
        """Chunks of the query's rows whose ``column`` is one of ``values``; text is compared without padding.

        Whole numbers are compared as numbers, so that an index of the table below can serve.
        """
        if all(isinstance(value, int) for value in values):
            left = sa.column(column, sa.BigInteger)
        else:
            left = sa.func.trim(sa.cast(sa.column(column), sa.String(200)))
        inner = sa.text(f"(\n{query.replace(':', chr(92) + ':')}\n) q")
        statement = sa.select(sa.text("*")).select_from(inner).where(left.in_(list(values)))
        result = self._attempt(entity, lambda: self._connection.execution_options(yield_per=CHUNK_ROWS).execute(statement))
        return self._chunks(entity, result)

    def _run(self, query: str, **options) -> sa.CursorResult:
        # Without parameters the driver takes the text as it is, so a query may hold % and : freely.
        return self._connection.exec_driver_sql(query, execution_options={"no_parameters": True, **options})

    def _chunks(self, entity: str, result: sa.CursorResult) -> Iterator[Sequence[Sequence]]:
        parts = result.partitions(CHUNK_ROWS)
        while (part := self._attempt(entity, lambda: next(parts, None))) is not None:
            yield part

    def _attempt(self, entity: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            problem, cure = _explain_query(error, self._mapping)
        # Raised outside the handler: the driver's text, which may quote a row, is no part of the chain.
        raise SourceProblem(f"source '{self._mapping.source}', {entity}", problem, cure)


@contextmanager
def open_snapshot(mapping: SourceMapping) -> Iterator[Snapshot]:
    """Connect and begin one read-only transaction that sees a single moment.

    Raises:
        SourceProblem: the database cannot be reached, refuses the login, or fails.
        ConfigError: the connection is not defined or its driver is not installed.
    """
    credentials = get_connection(mapping.connection)
    engine = _engine(credentials, mapping)
    connection = failure = None
    try:
        connection = engine.connect()
        for statement in (*_timeouts(connection.dialect, mapping), *_BEGIN[connection.dialect.name]):
            connection.exec_driver_sql(statement)
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        failure = _explain_connect(error, credentials, mapping)
    if failure is not None:
        if connection is not None:
            _drop(connection, None)
        raise failure
    driver_connection = connection.connection.driver_connection
    try:
        yield Snapshot(connection, mapping)
    except BaseException:
        _drop(connection, driver_connection)
        raise
    else:
        with suppress(SQLAlchemyError, OSError):
            connection.close()
    finally:
        engine.dispose()


def _drop(connection: sa.Connection, driver_connection: object) -> None:
    """Cut the connection without reading the rest of an unfinished result, as a polite close would."""
    # pymysql would otherwise try to read that rest when its cursor is collected, and complain on stderr.
    unfinished = getattr(driver_connection, "_result", None)
    if unfinished is not None:
        unfinished.unbuffered_active = False
    with suppress(Exception):
        connection.invalidate()
        connection.close()


def _engine(credentials: Connection, mapping: SourceMapping) -> sa.Engine:
    url = credentials.url()
    backend = url.get_backend_name()
    options: dict = {"poolclass": NullPool, "hide_parameters": True}
    if backend == "sqlite":
        path = Path(url.database or "")
        if not path.is_file():
            raise SourceProblem(
                f"source '{mapping.source}'",
                f"connection '{mapping.connection}' names the SQLite file {path}, which does not exist",
                f"correct AIRFLOW_CONN_{mapping.connection.upper()} or create the file",
            )
        options["creator"] = lambda: _open_sqlite(path, mapping.statement_timeout_seconds)
    elif backend == "postgresql":
        options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    elif backend == "mysql":
        options["connect_args"] = {"connect_timeout": CONNECT_SECONDS, "read_timeout": mapping.statement_timeout_seconds + 30}
    try:
        engine = sa.create_engine(url, **options)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"source '{mapping.source}': connection '{mapping.connection}' needs the Python package '{error.name}'; install it."
        ) from None
    if backend == "postgresql":
        sa.event.listen(engine, "connect", _dates_as_text)
    return engine


def _open_sqlite(path: Path, timeout_seconds: int) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=CONNECT_SECONDS, isolation_level=None)
    connection.execute("pragma query_only = on")
    # SQLite keeps whatever bytes it was given; one badly encoded name must not stop a whole table.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    deadline = time.monotonic() + timeout_seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 1_000_000)
    return connection


def _dates_as_text(dbapi_connection, _record) -> None:
    """Let dates arrive as text: PostgreSQL knows dates that Python does not (year 20226, infinity).

    One such typing error would otherwise stop the whole table; as text it is one row for quarantine.
    """
    from psycopg.types.string import TextLoader

    for kind in ("date", "timestamp", "timestamptz"):
        dbapi_connection.adapters.register_loader(kind, TextLoader)


def _timeouts(dialect: sa.Dialect, mapping: SourceMapping) -> tuple[str, ...]:
    seconds = mapping.statement_timeout_seconds
    if dialect.name == "postgresql":
        return (
            f"set statement_timeout = {seconds * 1000}",
            "set datestyle = 'ISO, YMD'",
            "set timezone = 'UTC'",
        )
    if dialect.name == "mysql":
        limit = f"max_statement_time = {seconds}" if dialect.is_mariadb else f"max_execution_time = {seconds * 1000}"
        return (f"set session {limit}", f"set session net_write_timeout = {seconds}", "set session time_zone = '+00:00'")
    return ()


def _explain_connect(error: BaseException, credentials: Connection, mapping: SourceMapping) -> SourceProblem:
    original = getattr(error, "orig", None) or error
    variable = f"AIRFLOW_CONN_{mapping.connection.upper()}"
    place = f"{credentials.host or 'localhost'}:{credentials.port}" if credentials.port else credentials.host or "localhost"
    if credentials.conn_type == "sqlite":
        problem = f"connection '{mapping.connection}' names a file that is no readable SQLite database"
        cure = f"correct {variable}"
    elif _answered(original):
        problem = f"connection '{mapping.connection}': the database server at {place} refused the login or has no such database"
        cure = f"correct user, password and database name in {variable} (or in Airflow's connection '{mapping.connection}')"
    else:
        problem = f"connection '{mapping.connection}': no database answers at {place}"
        cure = f"start the database or correct host and port in {variable}, then run this step again"
    return SourceProblem(f"source '{mapping.source}'", problem, cure)


def _answered(original: BaseException) -> bool:
    """Whether a server spoke at all; the two cases have different cures."""
    code = original.args[0] if original.args and isinstance(original.args[0], int) else None
    if code is not None:  # pymysql: 1xxx are the server's own codes, 2xxx the client's
        return 1000 <= code < 2000
    return getattr(original, "sqlstate", None) is not None or "FATAL" in str(original)


def _explain_query(error: BaseException, mapping: SourceMapping) -> tuple[str, str]:
    original = getattr(error, "orig", None) or error
    text = _plain_text(original)
    if text is not None:
        return f"the database refuses the query ({text})", f"correct the query in the file of source '{mapping.source}'"
    if _is_timeout(original):
        return (
            f"a statement took longer than {mapping.statement_timeout_seconds} s",
            "make the query lighter or raise statement_timeout_seconds in the source's file",
        )
    code = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None)
    code = code or (original.args[0] if original.args and isinstance(original.args[0], int) else type(original).__name__)
    if isinstance(error, DBAPIError) and not error.connection_invalidated and str(code)[:2] in ("22", "23"):
        return f"the database could not compute a row (code {code})", "correct the row there, or make the query tolerate it"
    return (
        f"the database failed while it was read (code {code})",
        "nothing of this source was landed; see the database's own log and run this step again",
    )


def _plain_text(original: BaseException) -> str | None:
    """The driver's text, when its code says that it can only speak of tables, columns, rights or syntax."""
    diagnosis = getattr(original, "diag", None)
    if diagnosis is not None:
        return diagnosis.message_primary if _PLAIN_POSTGRES.match(original.sqlstate or "") else None
    if original.args and original.args[0] in _PLAIN_MYSQL and len(original.args) > 1:
        return str(original.args[1]).splitlines()[0]
    if isinstance(original, sqlite3.Error) and _PLAIN_SQLITE.match(str(original)):
        return str(original)
    return None


def _is_timeout(original: BaseException) -> bool:
    if getattr(original, "sqlstate", None) == "57014" or getattr(original, "sqlite_errorname", None) == "SQLITE_INTERRUPT":
        return True
    return bool(original.args) and original.args[0] in (1969, 3024)
