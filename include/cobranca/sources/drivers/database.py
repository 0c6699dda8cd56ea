"""One read-only snapshot of a source database, streamed.

Everything of one source is read inside one transaction, so that its three entities belong together
even while the company keeps working. What each method owes its caller is said by
:class:`~cobranca.sources.drivers.stream.SourceSnapshot`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from cobranca import schema
from cobranca.sources.drivers import dialects
from cobranca.sources.drivers.arrow_columns import Bulk, BulkTable, Reader
from cobranca.sources.drivers.arrow_reader import open_reader
from cobranca.sources.drivers.connection_watchdog import ConnectionWatchdog
from cobranca.sources.drivers.dialects import ENGINES
from cobranca.sources.drivers.prefetch import (
    Prefetcher,
    closing_iterator,
    with_timeout,
)
from cobranca.sources.drivers.stream import (
    CHUNK_CHARACTERS,
    CHUNK_ROWS,
    FIRST_CHUNK_ROWS,
    LARGEST_VALUE,
    MOST_GROUPS,
    GroupTotals,
    Key,
    Row,
    Rows,
    Stream,
    TooManyGroups,
    group_totals,
)
from cobranca.sources.mapping.key_conditions import inject_conditions
from cobranca.sources.mapping.model import SourceMapping
from cobranca.sources.source_problem import SourceProblem

# Columns of codes that control totals are kept by.
_CODES = ("currency", "status", "kind")
# Keys of these types are compared as they are.
_BARE: dict[type, type[sa.types.TypeEngine[Any]]] = {int: sa.BigInteger, UUID: sa.Uuid}


class DatabaseSnapshot:
    """One open transaction on one source."""

    def __init__(self, connection: sa.Connection, mapping: SourceMapping):
        self._connection, self._mapping = connection, mapping
        self._dialect = connection.dialect.name
        self._watchdog = ConnectionWatchdog(connection, mapping)
        self._reader: Reader | None = None
        self._asked_for_reader = False
        self._ahead: Prefetcher[BulkTable] | None = None

    @property
    def engine(self) -> str:
        """The database engine's name, for people."""
        return ENGINES[self._dialect].title

    @property
    def moment(self) -> str:
        """In words, what makes everything read here one moment."""
        return ENGINES[self._dialect].snapshot

    def stream(self, entity: str, query: str) -> Stream[Rows]:
        """Run a query on a server-side cursor.

        Raises:
            SourceProblem: the database refuses the query, fails or falls silent while rows are
                read, or a single value is larger than any column of the contract can be.
        """
        result = self._watchdog.attempt(entity, lambda: self._run(query, stream_results=True))
        columns = tuple(map(str.lower, result.keys()))
        return Stream(columns, self._chunks(entity, result, columns))

    def bulk(self, entity: str, query: str) -> Stream[Rows | BulkTable]:
        """The rows of :meth:`stream` as whole columns where the engine has such a way.

        They are the same rows, several times as fast.

        Raises:
            SourceProblem: as for :meth:`stream`.
        """
        bulk = self._open_bulk(entity, query)
        if bulk is None:
            return self.stream(entity, query)
        # A second more, so that a driver that can tell what is wrong does so first.
        ahead = self._ahead = Prefetcher(
            self._tables(entity, bulk.tables), self._watchdog.patience + 1, bulk.stop
        )
        return Stream(tuple(bulk.kinds), self._taken(entity, ahead), bulk.kinds, ahead.afterwards)

    def close(self) -> None:
        """End what reads in bulk.

        Where that does not come to an end, it is left behind with its connection.
        """
        ended = self._ahead is None or self._ahead.close(
            0 if self._watchdog.is_silent else self._watchdog.patience
        )
        if self._reader is not None and ended:
            self._reader.close()

    def rows(self, entity: str, query: str) -> Sequence[Row]:
        """All rows of a small result."""
        return self._watchdog.attempt(entity, lambda: list(self._run(query).all()))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let a query fail without spoiling the transaction for the next one.

        PostgreSQL would refuse every further statement; a savepoint prevents that.
        """
        if not ENGINES[self._dialect].spoiled:
            yield
            return
        savepoint = self._watchdog.attempt("connection", self._connection.begin_nested)
        try:
            yield
        finally:
            with suppress(SQLAlchemyError):
                savepoint.rollback()

    def first_rows(self, query: str, limit: int) -> str:
        """The query cut to its first rows, in the words of this engine."""
        return dialects.first_rows(self._dialect, query, limit)

    def columns(self, entity: str, query: str) -> dict[str, str]:
        """The query's columns as the database names them, each with its broad type.

        Types are text, number, date, flag or bytes; empty where the engine does not tell. No row is
        read.

        Raises:
            SourceProblem: as for :meth:`stream`, or a column was named in quotes and can only be
                asked for in quotes.
        """
        result = self._watchdog.attempt(entity, lambda: self._run(self.first_rows(query, 0)))
        described = result.cursor.description if result.cursor is not None else ()
        result.close()
        for name in (item[0] for item in described):
            if name.lower() in schema.ENTITIES[entity].names and name != dialects.unquoted(
                self._dialect, name
            ):
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
    ) -> list[GroupTotals]:
        """What the database itself counts and adds, for each combination of the columns ``by``.

        ``amounts`` is the SQL of what is added up. Codes come as they are kept; of a time, its day.

        Raises:
            TooManyGroups: the columns hold so many values that nothing is gained by counting them
                apart.
            SourceProblem: the database refuses or fails.
        """
        dates = [name for name in by if name not in _CODES]
        kinds = self.columns(entity, query) if dates else {}
        kinds = {name.lower(): kind for name, kind in kinds.items()}
        text = dialects.grouped(self._dialect, query, by, kinds, amounts)
        rows: list[Row] = []
        # To its end, since a connection serves one result at a time.
        for chunk in self.stream(entity, text).chunks:
            rows += chunk if len(rows) <= MOST_GROUPS else ()
        if len(rows) > MOST_GROUPS:
            raise TooManyGroups(
                f"source '{self._mapping.source}', {entity}",
                f"{', '.join(by)} hold more than {MOST_GROUPS:,} different values, which are no "
                "codes",
                "have the query translate them to the contract's codes",
            )
        return [group_totals(row, len(by)) for row in rows]

    def part(self, query: str, columns: str, condition: str) -> str:
        """The query's rows where ``condition`` holds, some columns of them."""
        return dialects.around(self._dialect, query, f"select {columns}", condition)

    def day(self, day: date, sample: object) -> str:
        """A day as this engine compares it with a column that holds values like ``sample``."""
        return dialects.day(self._dialect, day, sample)

    def where_in(
        self,
        entity: str,
        query: str,
        column: str,
        values: Sequence[Key],
        *,
        as_stored: bool = False,
    ) -> Iterator[Rows]:
        """Chunks of the rows whose ``column`` is one of ``values``; text compares unpadded.

        Whole numbers, UUIDs and text that is known to be ``as_stored`` (unpadded) are compared with
        the bare column, so that an index of the table below can serve; for keys joined from parts
        see :mod:`cobranca.sources.point_lookup`.
        """
        kind = next((kind for one, kind in _BARE.items() if _are_all(one, values)), sa.String)
        is_bare = as_stored or kind is not sa.String
        left = column if is_bare else dialects.trimmed(self._dialect, column)
        text, parts = inject_conditions(
            dialects.around(self._dialect, query, "select *").replace(":", chr(92) + ":"),
            column,
            values,
            self._mapping.entity(entity).joined.get(column),
            blanks_count=dialects.blanks_count(self._connection.dialect),
        )
        wanted = sa.bindparam("wanted", list(values), type_=kind, expanding=True)
        others: list[sa.BindParameter[Any]] = [
            sa.bindparam(name, found, expanding=True) for name, found in parts.items()
        ]
        statement = sa.text(f"{text} where {left} in :wanted").bindparams(wanted, *others)
        options = {"stream_results": True}
        result = self._watchdog.attempt(
            entity, lambda: self._connection.execute(statement, execution_options=options)
        )
        return self._chunks(entity, result, tuple(result.keys()))

    def _run(self, query: str, *, stream_results: bool = False) -> sa.CursorResult[Any]:
        # Without parameters the driver takes the text as it is, so a query may hold % and : freely.
        options: dict[str, Any] = {"no_parameters": True}
        if stream_results:
            options["stream_results"] = True
        return self._connection.exec_driver_sql(query, execution_options=options)

    def _chunks(
        self, entity: str, result: sa.CursorResult[Any], columns: Sequence[str]
    ) -> Iterator[Rows]:
        rows = min(CHUNK_ROWS, FIRST_CHUNK_ROWS)
        while part := self._watchdog.attempt(entity, partial(result.fetchmany, rows)):
            longest = [_longest(values) for values in zip(*part, strict=True)]
            self._refuse_giants(entity, dict(zip(columns, longest, strict=True)))
            yield part
            rows = max(1, min(CHUNK_ROWS, CHUNK_CHARACTERS // max(1, sum(longest))))

    def _open_bulk(self, entity: str, query: str) -> Bulk | None:
        if not self._asked_for_reader:
            self._reader = self._watchdog.attempt(
                entity, lambda: with_timeout(self._watchdog.patience, self._open_reader)
            )
            self._asked_for_reader = True
        if self._reader is None:
            return None
        return self._watchdog.attempt(entity, partial(self._reader.read, query))

    def _open_reader(self) -> Reader | None:
        return open_reader(self._connection, self._mapping.statement_timeout_seconds)

    def _tables(self, entity: str, tables: Iterator[BulkTable]) -> Iterator[BulkTable]:
        with closing_iterator(tables):
            while (
                table := self._watchdog.attempt(entity, lambda: next(tables, None), watched=False)
            ) is not None:
                self._refuse_giants(entity, table.longest)
                yield table

    def _taken(self, entity: str, ahead: Prefetcher[BulkTable]) -> Iterator[BulkTable]:
        tables = iter(ahead)
        while (
            table := self._watchdog.attempt(entity, lambda: next(tables, None), watched=False)
        ) is not None:
            yield table

    def _refuse_giants(self, entity: str, longest: dict[str, int]) -> None:
        for column, length in longest.items():
            if length > LARGEST_VALUE:
                raise SourceProblem(
                    f"source '{self._mapping.source}', {entity}",
                    f"column '{column}' holds a value of {length:,} characters, more than "
                    f"{LARGEST_VALUE:,}",
                    (
                        "correct that row in the database, or have the query return another column "
                        "or its beginning only"
                    ),
                )


def _are_all(kind: type, values: Sequence[Key]) -> bool:
    return all(isinstance(value, kind) for value in values)


def _longest(values: Sequence[Any]) -> int:
    try:
        return max(map(len, values), default=0)
    except TypeError:  # numbers, dates, NULL
        return max((len(value) for value in values if isinstance(value, (str, bytes))), default=0)
