"""What each driver gives its caller: a snapshot of one source, and streams of its rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar
from uuid import UUID

from cobranca.sources.drivers.arrow_columns import BulkTable
from cobranca.sources.source_problem import SourceProblem

CHUNK_ROWS = 25_000

# A chunk of wide rows is shorter, so that it stays in memory: at most about this many characters.
CHUNK_CHARACTERS = 32_000_000

FIRST_CHUNK_ROWS = 500

# No column of the contract needs more; a larger value is a document or a mistake, and would fill
# the memory.
LARGEST_VALUE = 1_000_000

# More combinations of codes and days than this are none; a company has some thousands.
MOST_GROUPS = 50_000

T = TypeVar("T")
Chunk_co = TypeVar("Chunk_co", covariant=True)

# A row as its driver gives it: what the values are is for cleaning to find out.
Row: TypeAlias = Sequence[object]
Rows: TypeAlias = Sequence[Row]
# A key in the type in which its source keeps it.
Key: TypeAlias = str | int | UUID


class TooManyGroups(SourceProblem):
    """Columns that should hold codes or days hold something else in nearly every row."""


class NoNumber(str):
    """Text in a money column that its reader has found to be no number.

    It is part of no sum, neither at the source nor here.
    """


class GroupTotals(NamedTuple):
    """What a source counts and adds for one combination of codes.

    ``values`` are the codes as the source keeps them, ``sums`` one sum for each expression asked
    for (``None`` where there was nothing to add).
    """

    values: tuple[object, ...]
    rows: int
    sums: Sequence[Decimal | float | None]


def group_totals(row: Row, codes: int) -> GroupTotals:
    """A row of codes, a count and sums; whole sums become exact decimals."""
    counted: Any = row[codes]
    sums: Sequence[Any] = row[codes + 1 :]
    exact = [Decimal(total) if isinstance(total, int) else total for total in sums]
    return GroupTotals(tuple(row[:codes]), int(counted), exact)


@dataclass(frozen=True)
class Stream(Generic[Chunk_co]):
    """A query's rows on their way: lower-case column names, and chunks of rows or of whole columns.

    Of what comes in bulk, ``kinds`` are those of its columns (see
    :class:`~cobranca.sources.drivers.arrow_columns.BulkColumn`), and ``afterwards`` has something
    asked of the source as soon as the last row has been read, while the caller still works.
    """

    columns: tuple[str, ...]
    chunks: Iterator[Chunk_co]
    kinds: Mapping[str, str] = field(default_factory=dict)
    afterwards: Callable[[Callable[[], T]], Callable[[], T]] | None = None


class SourceSnapshot(Protocol):
    """One moment of one source, read only: what a database, files, or both together offer.

    ``entity`` names what is read, for errors. Every method that reads raises SourceProblem where
    the source refuses, fails or falls silent; no error shows a password, a URL or a value of a row.
    """

    @property
    def engine(self) -> str:
        """The engine's name, for people."""

    @property
    def moment(self) -> str:
        """In words, what makes everything read here one moment."""

    def stream(self, entity: str, query: str) -> Stream[Rows]:
        """A query's rows, chunk by chunk."""

    def bulk(self, entity: str, query: str) -> Stream[Rows | BulkTable]:
        """The same rows in whole columns where the engine can do so: several times as fast."""

    def rows(self, entity: str, query: str) -> Sequence[Row]:
        """All rows of a small result."""

    def alone(self) -> AbstractContextManager[None]:
        """Let a query fail without spoiling the snapshot for the next one."""

    def first_rows(self, query: str, limit: int) -> str:
        """The query cut to its first rows."""

    def columns(self, entity: str, query: str) -> dict[str, str]:
        """The query's columns and their broad types (text, number, date, flag, bytes, empty)."""

    def only(self, query: str, columns: Sequence[str]) -> str:
        """The query with some of its columns."""

    def part(self, query: str, columns: str, condition: str) -> str:
        """The query's rows where ``condition`` holds, some columns of them."""

    def day(self, day: date, sample: object) -> str:
        """A day as SQL, to be compared with a column that holds values like ``sample``."""

    def totals(
        self, entity: str, query: str, by: Sequence[str] = (), amounts: Sequence[str] = ()
    ) -> list[GroupTotals]:
        """What the source itself counts and adds, for each combination of the columns ``by``."""

    def where_in(
        self,
        entity: str,
        query: str,
        column: str,
        values: Sequence[Key],
        *,
        as_stored: bool = False,
    ) -> Iterator[Rows]:
        """Chunks of the rows whose ``column`` is one of ``values``; text compares unpadded."""
