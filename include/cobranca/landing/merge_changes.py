"""Merge what changed at a source with the landing before, and prove the result by totals."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cobranca import schema
from cobranca.landing.control_totals import as_totals, cleaning_notes, read_control_totals
from cobranca.landing.finalize import Extract, open_sorter, table_of
from cobranca.landing.parquet_file import ParquetFile
from cobranca.partitions.landing_totals import AS_STORED, CHANGED, LEFT, SWEPT
from cobranca.sources.cleaning.bounds import Bounds
from cobranca.sources.cleaning.cleaner import Cleaner
from cobranca.sources.cleaning.columns import DATED
from cobranca.sources.cleaning.control_groups import Group, Groups
from cobranca.sources.cleaning.query_columns import checked_columns
from cobranca.sources.drivers.arrow_columns import BulkTable
from cobranca.sources.drivers.stream import TooManyGroups
from cobranca.sources.point_lookup import rows_with

if TYPE_CHECKING:
    import duckdb

    from cobranca.sources.drivers.stream import Rows, SourceSnapshot, Stream
    from cobranca.sources.mapping.model import Incremental, SourceMapping

# More rows than this are not asked for one by one.
MOST_KEYS = 5_000


class FullReadNeeded(Exception):
    """The merged state cannot be shown to be the source's.

    Its text says why everything is read instead.
    """


@dataclass(frozen=True)
class PreviousState:
    """What the previous landing holds of one entity."""

    landed: Path
    quarantine: Path
    watermark: datetime
    whole_on: date
    as_stored: frozenset[str]


@dataclass(frozen=True)
class ChangedEntity:
    """One entity that is read by its changes, and what the landing before holds of it."""

    mapping: "SourceMapping"
    entity: str
    incremental: "Incremental"
    before: PreviousState
    bounds: Bounds

    @property
    def key(self) -> str:
        return schema.KEYS[self.entity]

    @property
    def query(self) -> str:
        return self.mapping.entity(self.entity).query

    @property
    def first_moment(self) -> datetime:
        """The watermark less the look-back: rows that changed since must be read again."""
        return self.before.watermark - timedelta(days=self.incremental.lookback_days)

    def read(self, snapshot: "SourceSnapshot", folder: Path) -> Extract:
        """Merge, and prove the result by the source's own totals.

        Raises:
            FullReadNeeded: they cannot be made equal this way.
            SourceProblem: the source cannot be read completely.
        """
        again = self._refused_before()
        changed = snapshot.bulk(self.entity, self._since(snapshot))
        columns = checked_columns(self.mapping.source, self.entity, changed.columns)
        cleaner = Cleaner.of(self.mapping, self.entity, columns, self.bounds, DATED[self.entity])
        with open_sorter(folder) as database:
            return _Merge(self, snapshot, cleaner, database, folder).extract(changed, again)

    def _refused_before(self) -> pa.Array:
        """The keys that were in quarantine, which are read again each night."""
        table = pq.read_table(self.before.quarantine, columns=["record_key"])
        keys = table["record_key"].combine_chunks()
        if keys.null_count:
            raise FullReadNeeded("a row without a key was in quarantine")
        keys = keys.unique()
        if len(keys) > MOST_KEYS:
            raise FullReadNeeded(f"more than {MOST_KEYS} rows were in quarantine")
        return keys

    def _since(self, snapshot: "SourceSnapshot") -> str:
        """The query, cut to rows changed since, and those without a date of change.

        One day more is asked for, since the source may live in another time zone.
        """
        column = self.incremental.column
        dated = snapshot.part(self.query, column, f"{column} is not null")
        sample = snapshot.rows(self.entity, snapshot.first_rows(dated, 1))
        since = ""
        if sample:
            day = (self.first_moment - timedelta(days=1)).date()
            since = f"{column} >= {snapshot.day(day, sample[0][0])} or "
        return snapshot.part(self.query, "*", f"{since}{column} is null")


class _Merge:
    """The merge of one entity under way: what was read, written and seen so far."""

    def __init__(
        self,
        changed: ChangedEntity,
        snapshot: "SourceSnapshot",
        cleaner: Cleaner,
        database: "duckdb.DuckDBPyConnection",
        folder: Path,
    ):
        self._snapshot, self._cleaner = snapshot, cleaner
        self._database, self._folder = database, folder
        self._mapping, self._before = changed.mapping, changed.before
        self._entity, self._key, self._query = changed.entity, changed.key, changed.query
        self._column, self._first_moment = changed.incremental.column, changed.first_moment
        self._good = ParquetFile(
            folder / f"{self._entity}.changed.read", schema.ENTITIES[self._entity]
        )
        self._bad = ParquetFile(folder / f"{self._entity}.changed.bad", schema.QUARANTINE)
        self._seen: list[pa.Array] = []
        self._written = 0

    def extract(self, changed: "Stream[Rows | BulkTable]", again: pa.Array) -> Extract:
        """Rows that were refused before, then changed ones; each row of the source at most once."""
        with self._good, self._bad:
            for chunk in changed.chunks:
                self._take(_only(self._cleaner, chunk, again, inside=False))
            self._look_up(again)
            left = self._look_up_missing()
            kept, expected = self._kept(), self._expected()
            # Customers have no amounts: one who left and one who came unnoticed would leave their
            # count as it was.
            swept = self._entity == "customers" or not self._agrees(kept, expected)
            if swept:
                left += self._compare_keys()
                kept = self._kept()
                if not self._agrees(kept, expected):
                    raise FullReadNeeded("the source's totals differ from the merged rows")
        return Extract(
            entity=self._entity,
            rows=f"(select * from {kept} union all select * from {table_of(self._good.path)})",
            refused=self._bad.path,
            count=self._count(kept) + self._cleaner.rows_read,
            totals=self._totals(expected, left=left, swept=swept),
        )

    def _totals(self, expected: Groups, *, left: int, swept: bool) -> dict[str, str]:
        totals = {
            CHANGED: str(self._cleaner.rows_read),
            LEFT: str(left),
            **cleaning_notes(self._cleaner),
        }
        totals |= as_totals(self._cleaner, expected)
        stored = self._before.as_stored & set(totals[AS_STORED].split(", "))
        totals[AS_STORED] = ", ".join(sorted(stored))
        if swept:
            totals[SWEPT] = "yes"
        return totals

    def _expected(self) -> Groups:
        try:
            return read_control_totals(self._snapshot, self._mapping, self._entity, self._cleaner)
        except TooManyGroups:
            raise FullReadNeeded("its dates are too many to be told apart") from None

    def _look_up(self, keys: pa.Array) -> None:
        """Read every row that has one of these keys."""
        self._seen.append(keys)
        if len(keys) == 0:
            return
        for chunk in rows_with(
            self._snapshot, self._entity, self._query, self._key, keys.to_pylist()
        ).chunks:
            self._take(_only(self._cleaner, chunk, keys, inside=True))

    def _look_up_missing(self) -> int:
        """Look up rows that landed with a date within the look-back, or none, and did not come.

        Returns:
            How many of them are gone; the others have an earlier date of change now.
        """
        known = self._write_keys("came", self._seen)
        # A day later than what was asked for, so that another time zone raises no suspicion.
        missing = self._database.execute(
            f"""
            select {self._key} from {table_of(self._before.landed)} as landed
            anti join {known} as came using ({self._key})
            where {self._column} is null or {self._column} >= $first limit {MOST_KEYS + 1}
            """,
            {"first": self._first_moment},
        )
        keys = pa.array([row[0] for row in missing.fetchall()], schema.TEXT)
        if len(keys) > MOST_KEYS:
            raise FullReadNeeded(f"more than {MOST_KEYS} rows with a late date of change are gone")
        came = len(self._seen)
        self._look_up(keys)
        found = pa.chunked_array(self._seen[came + 1 :], schema.TEXT)
        return len(keys) - int(pc.sum(pc.is_in(keys, found), min_count=0).as_py())

    def _take(self, chunk: "Rows | BulkTable") -> None:
        cleaned = self._cleaner.clean(chunk)
        self._good.write(cleaned.rows)
        self._bad.write(cleaned.quarantine)
        self._seen += [
            cleaned.rows[self._key].combine_chunks(),
            cleaned.quarantine["record_key"].combine_chunks(),
        ]

    def _kept(self) -> str:
        """SQL of the rows of the landing before that are still as they were."""
        before, replaced = table_of(self._before.landed), self._write_keys("replaced", self._seen)
        return (
            f"(select kept.* from {before} as kept anti join {replaced} as replaced using "
            f"({self._key}))"
        )

    def _count(self, rows: str) -> int:
        return int(self._database.execute(f"select count(*) from {rows}").fetchall()[0][0])

    def _write_keys(self, what: str, keys: Iterable[pa.Array]) -> str:
        """Write keys next to the rows; returns their table in SQL."""
        self._written += 1
        path = self._folder / f"{self._entity}.{what}.{self._written}.read"
        with ParquetFile(path, pa.schema([pa.field(self._key, schema.TEXT)])) as file:
            for some in keys:
                file.write(pa.table({self._key: pc.drop_null(some)}))
        return table_of(path)

    def _agrees(self, kept: str, expected: Groups) -> bool:
        return _comparable(self._merged(kept)) == _comparable(expected)

    def _merged(self, kept: str) -> Groups:
        """Control totals of the merged rows.

        Amounts of payments count without their sign, which landing took away.
        """
        by = [f"{name}::varchar" for name in DATED[self._entity]]
        amount = "0" if self._entity == "customers" else "sum(amount)"
        columns = ", ".join([*by, "count(*)", amount])
        rows = self._database.execute(
            f"select {columns} from {kept} group by {', '.join(by) or '()'}"
        )
        groups: Groups = {}
        for row in rows.fetchall():
            size = Decimal(row[-1] or 0)
            groups[tuple(row[: len(by)])] = Group(rows=row[len(by)], amount=size, size=size)
        for codes, read in self._cleaner.groups.items():
            group = groups.setdefault(codes, Group())
            group.rows += read.rows
            group.amount += read.amount
            group.size += read.size
        if not self._cleaner.adds_exactly:
            raise FullReadNeeded("the source cannot add its amounts exactly")
        return groups

    def _compare_keys(self) -> int:
        """Drop what is gone at the source and read what is unknown here.

        Returns:
            How many rows are gone.
        """
        keys = self._snapshot.bulk(
            self._entity, self._snapshot.part(self._query, self._key, "1 = 1")
        )
        reader = Cleaner(self._mapping.source, self._entity, keys.columns)
        there = self._write_keys("there", (reader.keys(chunk) for chunk in keys.chunks))
        before, key = table_of(self._before.landed), self._key
        gone = self._keys_of(
            f"select {key} from {self._kept()} as kept anti join {there} as there using ({key})"
        )
        seen = self._write_keys("seen", self._seen)
        unknown = self._keys_of(f"""
            select distinct {key} from {there} as there
            anti join {before} as before using ({key})
            anti join {seen} as seen using ({key})
            limit {MOST_KEYS + 1}
        """)
        if len(unknown) > MOST_KEYS:
            raise FullReadNeeded(f"more than {MOST_KEYS} rows came in with an old date of change")
        self._seen.append(gone)
        self._look_up(unknown)
        return len(gone)

    def _keys_of(self, query: str) -> pa.Array:
        return pa.array([row[0] for row in self._database.execute(query).fetchall()], schema.TEXT)


def _comparable(groups: Groups) -> dict[tuple[str, ...], tuple[int, Decimal]]:
    return {codes: (group.rows, group.size) for codes, group in groups.items() if group.rows}


def _only(
    cleaner: Cleaner, chunk: "Rows | BulkTable", keys: pa.Array, *, inside: bool
) -> "Rows | BulkTable":
    """The rows of a chunk whose key is (or is not) among ``keys``."""
    if len(chunk) == 0 or (not inside and len(keys) == 0):
        return chunk
    wanted = pc.is_in(cleaner.keys(chunk), keys)
    wanted = wanted if inside else pc.invert(wanted)
    if isinstance(chunk, BulkTable):
        return BulkTable(chunk.kinds, chunk.table.filter(wanted))
    return [row for row, keep in zip(chunk, wanted.to_pylist(), strict=True) if keep]
