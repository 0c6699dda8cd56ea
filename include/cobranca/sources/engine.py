"""One read-only snapshot of a source database, streamed.

Everything of one source is read inside one transaction, so that its three entities belong together even while
the company keeps working. No error of this module shows a password, a URL or a value of a row: database drivers
quote all three, so their texts are replaced, and only the parts that name tables and columns are kept.
"""

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from cobranca import schema
from cobranca.connections import Connection, get_connection
from cobranca.errors import ConfigError
from cobranca.sources import dialects
from cobranca.sources.ahead import Ahead, Silent, within
from cobranca.sources.bulk import Bulk, BulkTable, Damaged, Reader, open_reader
from cobranca.sources.dialects import CONNECT_SECONDS, ENGINES
from cobranca.sources.keys import narrowed
from cobranca.sources.mapping import SourceMapping
from cobranca.sources.problem import SourceProblem

if TYPE_CHECKING:
    from cobranca.sources.kept import KeptFiles

CHUNK_ROWS = 25_000
# A chunk of wide rows is shorter, so that it stays in memory: at most about this many characters.
CHUNK_CHARACTERS = 32_000_000
FIRST_CHUNK_ROWS = 500
# No column of the contract needs more; a larger value is a document or a mistake, and would fill the memory.
LARGEST_VALUE = 1_000_000

# More combinations of codes and days than this are none; a company has some thousands.
MOST_GROUPS = 50_000
# Columns of codes that control totals are kept by.
_CODES = ("currency", "status", "kind")
# Keys of these types are compared as they are.
_BARE = {int: sa.BigInteger, UUID: sa.Uuid}

T = TypeVar("T")


class TooManyGroups(SourceProblem):
    """Columns that should hold codes or days hold something else in nearly every row."""


@dataclass
class Stream:
    """Rows on their way: lower-case column names and chunks of rows, or of whole columns where they come in bulk.

    Of what comes in bulk, ``kinds`` are those of its columns (see :class:`~cobranca.sources.bulk.BulkColumn`), and
    ``afterwards`` has something asked of the source as soon as the last row has been read, while the caller still works.
    """

    columns: tuple[str, ...]
    chunks: Iterator[Sequence[Sequence] | BulkTable]
    kinds: Mapping[str, str] = field(default_factory=dict)
    afterwards: Callable[[Callable[[], T]], Callable[[], T]] | None = None


class Snapshot:
    """One open transaction on one source."""

    def __init__(self, connection: sa.Connection, mapping: SourceMapping):
        self._connection, self._mapping = connection, mapping
        self._dialect = connection.dialect.name
        self._patience = mapping.statement_timeout_seconds + dialects.SILENCE_SECONDS
        self._silent = False
        self._reader: Reader | None = None
        self._asked_for_reader = False
        self._ahead: Ahead[BulkTable] | None = None

    @property
    def engine(self) -> str:
        """The database engine's name, for people."""
        return ENGINES[self._dialect].title

    @property
    def moment(self) -> str:
        """In words, what makes everything read here one moment."""
        return ENGINES[self._dialect].snapshot

    def stream(self, entity: str, query: str) -> Stream:
        """Run a query on a server-side cursor.

        Raises:
            SourceProblem: the database refuses the query, fails or falls silent while rows are read, or a single value
                is larger than any column of the contract can be.
        """
        result = self._attempt(entity, lambda: self._run(query, stream_results=True))
        columns = tuple(map(str.lower, result.keys()))
        return Stream(columns, self._chunks(entity, result, columns))

    def bulk(self, entity: str, query: str) -> Stream:
        """Like :meth:`stream`, in whole tables of text where the engine has such a way: the same rows, several times as fast.

        Raises:
            SourceProblem: as for :meth:`stream`.
        """
        bulk = self._open_bulk(entity, query)
        if bulk is None:
            return self.stream(entity, query)
        # A second more, so that a driver that can tell what is wrong does so first.
        ahead = self._ahead = Ahead(self._tables(entity, bulk.tables), self._patience + 1, bulk.stop)
        return Stream(tuple(bulk.kinds), self._taken(entity, ahead), bulk.kinds, ahead.afterwards)

    def close(self) -> None:
        """End what reads in bulk. Where that does not come to an end, it is left behind with its connection."""
        ended = self._ahead is None or self._ahead.leave(0 if self._silent else self._patience)
        if self._reader is not None and ended:
            self._reader.close()

    def rows(self, entity: str, query: str) -> list[Sequence]:
        """All rows of a small result."""
        return self._attempt(entity, lambda: list(self._run(query).all()))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let a query fail without spoiling the transaction for the next one (PostgreSQL would refuse that)."""
        if not ENGINES[self._dialect].spoiled:
            yield
            return
        savepoint = self._attempt("connection", self._connection.begin_nested)
        try:
            yield
        finally:
            with suppress(SQLAlchemyError):
                savepoint.rollback()

    def first_rows(self, query: str, limit: int) -> str:
        """The query cut to its first rows, in the words of this engine."""
        return dialects.first_rows(self._dialect, query, limit)

    def columns(self, entity: str, query: str) -> dict[str, str]:
        """The query's columns as the database names them, each with its broad type: text, number, date, flag or bytes.

        The type is empty where the engine does not tell it. No row is read.

        Raises:
            SourceProblem: as for :meth:`stream`, or a column was named in quotes and can only be asked for in quotes.
        """
        result = self._attempt(entity, lambda: self._run(self.first_rows(query, 0)))
        described = result.cursor.description
        result.close()
        for name in (item[0] for item in described):
            if name.lower() in schema.ENTITIES[entity].names and name != dialects.unquoted(self._dialect, name):
                raise SourceProblem(
                    f"source '{self._mapping.source}', {entity}",
                    f"column '{name}' is named in quotes, and the database tells its letters apart",
                    f"name it without quotes (... as {name.lower()})",
                )
        return {item[0]: dialects.broad_type(self._dialect, item[1]) for item in described}

    def only(self, query: str, columns: Sequence[str]) -> str:
        """The query with some of its columns, named as the database names them."""
        quote = self._connection.dialect.identifier_preparer.quote_identifier
        return dialects.around(self._dialect, query, f"select {', '.join(map(quote, columns))}")

    def totals(
        self, entity: str, query: str, by: Sequence[str] = (), amounts: Sequence[str] = ()
    ) -> list[tuple[tuple, int, list[Decimal | float | None]]]:
        """What the database itself counts and adds, in the same snapshot, for each combination of the columns ``by``.

        ``amounts`` is the SQL of what is added up. Each item holds the columns' values as they are (of a time its day), the
        number of rows, and the sums.

        Raises:
            TooManyGroups: the columns hold so many values that nothing is gained by counting them apart.
            SourceProblem: the database refuses or fails.
        """
        if self._dialect == "mssql":  # whole cents in an integer would overflow at 21 million
            amounts = [f"cast({amount} as decimal(38, 6))" for amount in amounts]
        dates = [name for name in by if name not in _CODES]
        kinds = {name.lower(): kind for name, kind in self.columns(entity, query).items()} if dates else {}
        keys = [dialects.told_apart(self._dialect, name, kinds.get(name, "text")) for name in by]
        columns = [*keys, "count(*)", *(f"sum({amount})" for amount in amounts)]
        text = dialects.around(self._dialect, query, f"select {', '.join(columns)}")
        text += f" group by {', '.join(keys)}" if by else ""
        rows: list[Sequence] = []
        for chunk in self.stream(entity, text).chunks:  # to its end, since a connection serves one result at a time
            rows += chunk if len(rows) <= MOST_GROUPS else ()
        if len(rows) > MOST_GROUPS:
            raise TooManyGroups(
                f"source '{self._mapping.source}', {entity}",
                f"{', '.join(by)} hold more than {MOST_GROUPS:,} different values, which are no codes",
                "have the query translate them to the contract's codes",
            )
        found = []
        for row in rows:
            sums = [Decimal(total) if isinstance(total, int) else total for total in row[len(by) + 1 :]]
            found.append((tuple(row[: len(by)]), int(row[len(by)]), sums))
        return found

    def part(self, query: str, columns: str, condition: str) -> str:
        """The query's rows where ``condition`` holds, some columns of them, in the words of this engine."""
        return dialects.around(self._dialect, query, f"select {columns}", condition)

    def day(self, day: date, sample: object) -> str:
        """A day as this engine compares it with a column that holds values like ``sample``."""
        return dialects.day(self._dialect, day, sample)

    def where_in(
        self, entity: str, query: str, column: str, values: Sequence[str | int | UUID], *, as_stored: bool = False
    ) -> Iterator[Sequence[Sequence]]:
        """Chunks of the query's rows whose ``column`` is one of ``values``; text is compared without padding.

        Whole numbers, UUIDs and text that is known to be ``as_stored`` (unpadded) are compared with the bare column, so that
        an index of the table below can serve; for keys joined from parts see :mod:`cobranca.sources.keys`.
        """
        kind = next((kind for one, kind in _BARE.items() if all(isinstance(value, one) for value in values)), sa.String)
        if as_stored or kind is not sa.String:
            left = column
        else:
            padded = {"oracle": "varchar2(200 char)", "mysql": "char(200)"}.get(self._dialect, "varchar(200)")
            left = f"rtrim(ltrim(cast({column} as {padded})))"  # SQL Server before 2017 has no trim()
        text, parts = narrowed(
            dialects.around(self._dialect, query, "select *").replace(":", chr(92) + ":"),
            column,
            values,
            self._mapping.entity(entity).joined.get(column),
            blanks_count=dialects.blanks_count(self._connection.dialect),
        )
        wanted = sa.bindparam("wanted", list(values), type_=kind, expanding=True)
        others = [sa.bindparam(name, found, expanding=True) for name, found in parts.items()]
        statement = sa.text(f"{text} where {left} in :wanted").bindparams(wanted, *others)
        options = {"stream_results": True}
        result = self._attempt(entity, lambda: self._connection.execute(statement, execution_options=options))
        return self._chunks(entity, result, tuple(result.keys()))

    def _run(self, query: str, **options) -> sa.CursorResult:
        # Without parameters the driver takes the text as it is, so a query may hold % and : freely.
        return self._connection.exec_driver_sql(query, execution_options={"no_parameters": True, **options})

    def _chunks(self, entity: str, result: sa.CursorResult, columns: Sequence[str]) -> Iterator[Sequence[Sequence]]:
        rows = min(CHUNK_ROWS, FIRST_CHUNK_ROWS)
        while part := self._attempt(entity, lambda rows=rows: result.fetchmany(rows)):
            longest = [_longest(values) for values in zip(*part, strict=True)]
            self._refuse_giants(entity, dict(zip(columns, longest, strict=True)))
            yield part
            rows = max(1, min(CHUNK_ROWS, CHUNK_CHARACTERS // max(1, sum(longest))))

    def _open_bulk(self, entity: str, query: str) -> Bulk | None:
        if not self._asked_for_reader:
            self._reader = self._attempt(entity, lambda: within(self._patience, self._open_reader))
            self._asked_for_reader = True
        return self._attempt(entity, lambda: self._reader.read(query)) if self._reader else None

    def _open_reader(self) -> Reader | None:
        return open_reader(self._connection, self._mapping.statement_timeout_seconds)

    def _tables(self, entity: str, tables: Iterator[BulkTable]) -> Iterator[BulkTable]:
        with closing(tables):
            while (table := self._attempt(entity, lambda: next(tables, None), watched=False)) is not None:
                self._refuse_giants(entity, table.longest)
                yield table

    def _taken(self, entity: str, ahead: Ahead[BulkTable]) -> Iterator[BulkTable]:
        tables = iter(ahead)
        while (table := self._attempt(entity, lambda: next(tables, None), watched=False)) is not None:
            yield table

    def _refuse_giants(self, entity: str, longest: dict[str, int]) -> None:
        for column, length in longest.items():
            if length > LARGEST_VALUE:
                raise SourceProblem(
                    f"source '{self._mapping.source}', {entity}",
                    f"column '{column}' holds a value of {length:,} characters, more than {LARGEST_VALUE:,}",
                    "correct that row in the database, or have the query return another column or its beginning only",
                )

    def _attempt(self, entity: str, work: Callable[[], T], *, watched: bool = True) -> T:
        try:
            with self._watch() if watched else nullcontext():
                return work()
        except (SQLAlchemyError, sqlite3.Error, OSError, Silent) as error:
            problem, cure = self._explain(error)
        # Raised outside the handler: the driver's text, which may quote a row, is no part of the chain.
        raise SourceProblem(f"source '{self._mapping.source}', {entity}", problem, cure)

    def _watch(self) -> AbstractContextManager:
        """Cut the connection to a server that has fallen silent: psycopg itself would wait for ever."""
        if self._dialect != "postgresql":
            return nullcontext()
        return _cut_after(self._patience, self._connection, lambda: setattr(self, "_silent", True))

    def _explain(self, error: BaseException) -> tuple[str, str]:
        original = getattr(error, "orig", None) or error
        self._silent |= isinstance(error, Silent)
        if self._silent or (dialects.number_of(original) == 2013 and "timed out" in str(original)):
            return (
                f"the database has not answered for {self._patience} s",
                "nothing of this source was landed; see whether its server lives, then run this step again",
            )
        if isinstance(error, Damaged):
            return f"the database sent {error}", "correct that row, or have the query leave out what makes it so"
        return _explain_query(error, self._dialect, self._mapping)


def _longest(values: Sequence) -> int:
    try:
        return max(map(len, values), default=0)
    except TypeError:  # numbers, dates, NULL
        return max((len(value) for value in values if isinstance(value, (str, bytes))), default=0)


@contextmanager
def _cut_after(seconds: float, connection: sa.Connection, note: Callable[[], None]) -> Iterator[None]:
    descriptor = connection.connection.driver_connection.pgconn.socket

    def cut() -> None:
        note()
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
            copy.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def open_snapshot(mapping: SourceMapping, kept: "KeptFiles | None" = None) -> Iterator[Snapshot]:
    """Open one moment of a source: its database, its files, or its database with bank return files beside it.

    Files come as objects with the same methods (:mod:`cobranca.sources.files`, :mod:`cobranca.sources.returns`); those that
    are ``kept`` from an earlier moment are read again only where something changed.

    Raises:
        FileProblem: a file is missing or cannot be believed.
        SourceProblem: the database cannot be reached, refuses the login, or fails.
        ConfigError: the connection is not defined or its driver is not installed.
    """
    if not mapping.reads_files:
        with _open_database(mapping) as database:
            yield database
        return
    from cobranca.sources.files import open_files
    from cobranca.sources.returns import Beside

    with ExitStack() as stack:
        files = kept.open(mapping) if kept else stack.enter_context(open_files(mapping))
        if not mapping.reads_database:
            yield files
        else:
            yield Beside(stack.enter_context(_open_database(mapping)), files, mapping)


@contextmanager
def _open_database(mapping: SourceMapping) -> Iterator[Snapshot]:
    """Connect and begin one read-only transaction that sees a single moment."""
    credentials = get_connection(mapping.connection)
    engine = _engine(credentials, mapping)
    connection = failure = None
    try:
        connection = engine.connect()
        ENGINES[engine.dialect.name].begin(connection, mapping.statement_timeout_seconds)
    except dialects.SnapshotRefused as error:
        failure = SourceProblem(f"source '{mapping.source}'", error.problem, error.cure)
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        failure = _explain_connect(error, engine.dialect.name, credentials, mapping)
    if failure is not None:
        if connection is not None:
            _drop(connection, None)
        raise failure
    driver_connection = connection.connection.driver_connection
    snapshot = Snapshot(connection, mapping)
    try:
        with closing(snapshot):
            yield snapshot
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
    words = ENGINES[backend]
    options: dict = {"poolclass": NullPool, "hide_parameters": True, **words.options}
    if backend == "sqlite":
        path = Path(url.database or "")
        if not path.is_file():
            raise SourceProblem(
                f"source '{mapping.source}'",
                f"connection '{mapping.connection}' names the SQLite file {path}, which does not exist",
                f"correct AIRFLOW_CONN_{mapping.connection.upper()} or create the file",
            )
        options["creator"] = lambda: _open_sqlite(path, mapping.statement_timeout_seconds)
    else:
        options["connect_args"] = words.arguments(mapping.statement_timeout_seconds)
    try:
        engine = sa.create_engine(url, **options)
    except ModuleNotFoundError as error:
        cure = f"pip install 'cobranca[{words.extra}]'" if words.extra else "install it"
        raise ConfigError(
            f"source '{mapping.source}': connection '{mapping.connection}' ({words.title}) needs the Python package "
            f"'{error.name}'; {cure}."
        ) from None
    if backend == "postgresql":
        sa.event.listen(engine, "connect", _dates_as_text)
    if backend == "mysql":
        patience = mapping.statement_timeout_seconds + dialects.SILENCE_SECONDS
        # pymysql has one limit for its server's greeting and for its rows; the greeting should not take so long.
        sa.event.listen(engine, "connect", lambda connection, _record: setattr(connection, "_read_timeout", patience))
    return engine


def _open_sqlite(path: Path, timeout_seconds: int) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=CONNECT_SECONDS, isolation_level=None)
    connection.execute("pragma query_only = on")
    # SQLite keeps whatever bytes it was given; one badly encoded name must not stop a whole table.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    if sqlite3.sqlite_version_info < (3, 44):  # later ones have it, as the other engines do
        connection.create_function("concat", -1, lambda *parts: "".join(str(part) for part in parts if part is not None))
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


def _explain_connect(error: BaseException, dialect: str, credentials: Connection, mapping: SourceMapping) -> SourceProblem:
    original = getattr(error, "orig", None) or error
    variable = f"AIRFLOW_CONN_{mapping.connection.upper()}"
    place = f"{credentials.host or 'localhost'}:{credentials.port}" if credentials.port else credentials.host or "localhost"
    if credentials.conn_type == "sqlite":
        problem = f"connection '{mapping.connection}' names a file that is no readable SQLite database"
        cure = f"correct {variable}"
    elif dialects.answered(dialect, original):
        problem = f"connection '{mapping.connection}': the database server at {place} refused the login or has no such database"
        cure = f"correct user, password and database name in {variable} (or in Airflow's connection '{mapping.connection}')"
    else:
        problem = f"connection '{mapping.connection}': no database answers at {place}"
        cure = f"start the database or correct host and port in {variable}, then run this step again"
    return SourceProblem(f"source '{mapping.source}'", problem, cure)


def _explain_query(error: BaseException, dialect: str, mapping: SourceMapping) -> tuple[str, str]:
    original = getattr(error, "orig", None) or error
    text = dialects.plain_text(dialect, original)
    if text is not None:
        problem = f"the database refuses the query ({text})"
        if dialects.is_forbidden(dialect, original):
            return problem, f"have the user of connection '{mapping.connection}' granted to read what the query names"
        cure = f"correct the query in the file of source '{mapping.source}'"
        if dialects.is_unknown_table(dialect, original):
            cure += "; a table of another schema is written with it (schema.table)"
        return problem, cure
    if dialects.is_timeout(dialect, original):
        return (
            f"a statement took longer than {mapping.statement_timeout_seconds} s",
            "make the query lighter or raise statement_timeout_seconds in the source's file",
        )
    code = dialects.code_of(original) or type(original).__name__
    number = dialects.number_of(original)
    if dialect == "mssql" and number == 3952:
        return dialects.SNAPSHOT_OFF
    if dialect == "oracle" and number == 1555:
        return "Oracle no longer has the rows as of the landing's first moment (ORA-01555)", (
            "have its administrator raise undo_retention, or land this source at a quieter hour"
        )
    if isinstance(error, DBAPIError) and not error.connection_invalidated and str(code)[:2] in ("22", "23"):
        return f"the database could not compute a row (code {code})", "correct the row there, or make the query tolerate it"
    return (
        f"the database failed while it was read (code {code})",
        "nothing of this source was landed; see the database's own log and run this step again",
    )
