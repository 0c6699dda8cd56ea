"""A whole result as Arrow columns, at a speed that rows of Python objects never reach.

PostgreSQL's rows come through ADBC (:mod:`cobranca.sources.drivers.arrow_postgresql`), MariaDB's
and MySQL's are taken out of the client protocol's own packets
(:mod:`cobranca.sources.drivers.arrow_mysql`). Both read from the snapshot's own moment, and no
number is rounded on the way: what has no exact type in Arrow travels as the database prints it.

Column types that neither covers (binary, JSON, arrays) are left to SQLAlchemy, row by row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from cobranca.sources.drivers.prefetch import closing_iterator

if TYPE_CHECKING:
    import pyarrow as pa

# How a column's text becomes the value that its driver would have given on the general path.
_VALUES: dict[str, Callable[[str], object]] = {
    "text": str,
    "whole": int,
    "decimal": Decimal,
    "float": float,
    "flag": lambda text: text == "t",
}


class ProtocolError(OSError):
    """What came over the connection is no result of this query. Its text holds nothing of a row."""


@dataclass(frozen=True)
class BulkColumn:
    """One column as it came: as text, or in Arrow's own type where that is exact.

    ``kind`` (text, whole, decimal, float, flag) is the kind of value that the general path reads
    from it; dates and times are text there.
    """

    kind: str
    array: "pa.Array"

    @property
    def is_text(self) -> bool:
        import pyarrow as pa

        return bool(self.array.type == pa.string())

    def values(self) -> list[object]:
        """The values as the general path gives them."""
        import pyarrow as pa

        if not self.is_text and self.kind != "text":
            return list(self.array.to_pylist())
        read = _VALUES[self.kind]
        return [
            None if text is None else read(text)
            for text in self.array.cast(pa.string()).to_pylist()
        ]


@dataclass(frozen=True)
class BulkTable:
    """Some rows of a result, column by column."""

    kinds: dict[str, str]
    table: "pa.Table"

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def longest(self) -> dict[str, int]:
        """Bytes of the longest value of each column of text."""
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = [name for name in self.kinds if self.table.schema.field(name).type == pa.string()]
        return {name: pc.max(pc.binary_length(self.table[name])).as_py() or 0 for name in texts}

    def columns(self) -> dict[str, BulkColumn]:
        return {
            name: BulkColumn(kind, self.table[name].combine_chunks())
            for name, kind in self.kinds.items()
        }


@dataclass
class Bulk:
    """Lower-case column names with the kind of each, and the rows on their way.

    ``stop`` may be called by another thread while it waits for the next table, which then fails.
    """

    kinds: dict[str, str]
    tables: Iterator[BulkTable]
    stop: Callable[[], None] = lambda: None


class Reader(Protocol):
    """What reads results in bulk from one snapshot."""

    def read(self, query: str) -> Bulk | None:
        """Start reading; ``None`` where a column's type has no such way.

        Raises:
            SQLAlchemyError: the database refuses the query. While rows are read also
                :class:`ProtocolError`.
        """

    def close(self) -> None: ...


def describe_query(connection: sa.Connection, query: str) -> sa.CursorResult[Any]:
    """The query's columns, by reading none of its rows."""
    text = f"select * from (\n{query}\n) q limit 0"
    return connection.exec_driver_sql(text, execution_options={"no_parameters": True})


def as_driver_errors(
    connection: sa.Connection,
    tables: Iterator[BulkTable],
    kind: type[Exception],
    lost: Callable[[Exception], bool],
) -> Iterator[BulkTable]:
    """Raise a driver's own errors as SQLAlchemy wraps them.

    So they are explained like those of the general path.
    """
    try:
        with closing_iterator(tables):
            yield from tables
    except kind as error:
        raise sa.exc.DBAPIError.instance(
            None,
            None,
            error,
            kind,
            hide_parameters=True,
            connection_invalidated=lost(error),
            dialect=connection.dialect,
        ) from None
