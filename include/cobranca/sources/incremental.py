"""Reading only what changed since the landing before, and landing the whole state all the same.

A source's ``incremental: {column: updated_at, lookback_days: 3}`` has this done for an entity:

1. rows changed since the previous landing's watermark less the look-back are read, rows without a date of change too, and
   every row that was in quarantine then;
2. they replace the rows of the same keys in the previous landing;
3. the source counts and adds for itself, in the same snapshot, by currency, status and due date (payments by kind and
   date). Where that differs, something left, came in or was moved unnoticed: all keys are read and compared, what is gone
   is dropped, what is unknown is read;
4. where it still differs, and every ``full_every_days`` business dates, everything is read, as on the first night.

So each landing is complete by itself and has the very bytes that a full read would have given. What only a full read
notices: a row that was changed without touching the column, in something else than what step 3 adds up by.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from cobranca import schema
from cobranca.errors import PartitionError
from cobranca.manifest import Manifest, second_name
from cobranca.sources import clean, people, quick
from cobranca.sources.bulk import BulkTable
from cobranca.sources.clean import ANY, DATED, Bounds, Cleaner, Group, checked_columns
from cobranca.sources.extract import Groups, asked, noted, read_whole, stated
from cobranca.sources.keys import AS_STORED, rows_with
from cobranca.sources.parquet import ParquetFile
from cobranca.sources.settle import Extract, open_sorter, table_of

if TYPE_CHECKING:
    import duckdb

    from cobranca.sources.engine import Snapshot
    from cobranca.sources.mapping import SourceMapping

# More rows than this are not asked for one by one.
MOST_KEYS = 5_000
# Names in a manifest entry's totals.
READING, WATERMARK, WHOLE_ON, RULES = "reading", "watermark", "read whole on", "reading rules"
CHANGED, LEFT, SWEPT = "rows changed", "rows left", "keys compared"
_DAY_TEXT = re.compile(r"\d{4}(-?)\d{2}-?\d{2}")


class Unproven(Exception):
    """The merged state cannot be shown to be the source's; its text says why everything is read instead."""


@dataclass(frozen=True)
class Before:
    """What the previous landing holds of one entity."""

    landed: Path
    quarantine: Path
    watermark: datetime
    whole_on: date
    as_stored: frozenset[str]


def read(
    snapshot: "Snapshot",
    mapping: "SourceMapping",
    entity: str,
    folder: Path,
    business_date: date,
    previous: Manifest | None,
    bounds: Bounds = ANY,
) -> Extract:
    """The complete present state of one entity, by reading as little of it as is safe.

    Raises:
        SourceProblem: it cannot be read completely, or the source's own totals differ even from a full read.
    """
    wanted = mapping.entity(entity).incremental
    if wanted is None:
        return read_whole(snapshot, mapping, entity, folder, bounds)
    rules = _rules(mapping, entity, business_date, bounds)
    try:
        before = _before(mapping, entity, folder, business_date, previous, rules)
        extract = _Changes(snapshot, mapping, entity, folder, before, bounds).read()
        marks = {READING: "changes", WHOLE_ON: before.whole_on.isoformat()}
    except Unproven as reason:
        extract = read_whole(snapshot, mapping, entity, folder, bounds)
        marks = {READING: f"whole: {reason}", WHOLE_ON: business_date.isoformat()}
    watermark = _watermark(extract, wanted.column, business_date, folder)
    if watermark is not None:
        marks[WATERMARK] = watermark.isoformat()
    return replace(extract, totals={**extract.totals, **marks, RULES: rules})


def _rules(mapping: "SourceMapping", entity: str, business_date: date, bounds: Bounds) -> str:
    """A fingerprint of everything that decides how a row of this entity lands; another one makes old rows unusable."""
    wanted = mapping.entity(entity)
    digest = hashlib.sha256()
    years = bounds.latest_due.year - business_date.year
    told = [wanted.query, list(wanted.cents), wanted.incremental.column, years, str(bounds.largest_amount), schema.LONGEST_ID]
    digest.update(json.dumps(told).encode())
    digest.update(str(schema.ENTITIES[entity]).encode())
    for module in (clean, people, quick):
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()[:16]


def _before(
    mapping: "SourceMapping", entity: str, folder: Path, business_date: date, previous: Manifest | None, rules: str
) -> Before:
    """The previous landing's files of one entity, held so that nobody can take them away meanwhile."""
    if previous is None:
        raise Unproven("there is no landing before")
    names = [f"{mapping.source}/{entity}.parquet", f"{mapping.source}/{entity}__quarantine.parquet"]
    try:
        entries = [previous.entry(name) for name in names]
    except PartitionError:
        raise Unproven("the landing before has none of it") from None
    told = entries[0].totals
    if told.get(RULES) != rules:
        raise Unproven("the landing before was read by other rules")
    if WATERMARK not in told:
        raise Unproven("the landing before has no date of change")
    whole_on = date.fromisoformat(told[WHOLE_ON])
    every = mapping.entity(entity).incremental.full_every_days
    if (business_date - whole_on).days >= every:
        raise Unproven(f"every {every} days")
    held = [folder / f"{entity}.before.read", folder / f"{entity}.before.bad"]
    for entry, place in zip(entries, held, strict=True):
        _hold(previous.folder / entry.name, place)
        if entry.sha256 != hashlib.sha256(place.read_bytes()).hexdigest():
            raise Unproven("the landing before was changed after it was written")
    return Before(*held, datetime.fromisoformat(told[WATERMARK]), whole_on, frozenset(told[AS_STORED].split(", ")))


def _hold(path: Path, place: Path) -> None:
    try:
        second_name(path, place)
    except FileNotFoundError:
        raise Unproven("the landing before is gone") from None


def _watermark(extract: Extract, column: str, business_date: date, folder: Path) -> datetime | None:
    """The latest change landed; a date of change in the future is a typing error and says nothing about the others."""
    limit = business_date + timedelta(days=2)
    with open_sorter(folder) as database:
        query = f"select max({column})::timestamp from {extract.rows} where {column} < '{limit}'"
        return database.execute(query).fetchall()[0][0]


class _Changes:
    """One entity read by its changes and merged with what was there before."""

    def __init__(self, snapshot: "Snapshot", mapping: "SourceMapping", entity: str, folder: Path, before: Before, bounds: Bounds):
        self._snapshot, self._mapping, self._entity = snapshot, mapping, entity
        self._folder, self._before, self._bounds = folder, before, bounds
        self._wanted, self._key = mapping.entity(entity), schema.KEYS[entity]
        self._cleaner: Cleaner | None = None
        self._seen: list[pa.Array] = []
        self._written = 0

    def read(self) -> Extract:
        """Merge, and prove the result by the source's own totals.

        Raises:
            Unproven: they cannot be made equal this way.
        """
        good = ParquetFile(self._folder / f"{self._entity}.changed.read", schema.ENTITIES[self._entity])
        bad = ParquetFile(self._folder / f"{self._entity}.changed.bad", schema.QUARANTINE)
        left = swept = 0
        with open_sorter(self._folder) as database:
            with good, bad:
                self._read_changes(good, bad)
                kept = self._kept()
                expected = self._asked()
                # Customers have no amounts: one who left and one who came unnoticed would leave their count as it was.
                if self._entity == "customers" or _plain(self._merged(database, kept)) != _plain(expected):
                    swept = 1
                    left = self._compare_keys(database, good, bad)
                    kept = self._kept()
                    if _plain(self._merged(database, kept)) != _plain(expected):
                        raise Unproven("the source's totals differ from the merged rows")
            count = database.execute(f"select count(*) from {kept}").fetchall()[0][0] + self._cleaner.rows_read
        totals = {CHANGED: str(self._cleaner.rows_read), LEFT: str(left), **noted(self._cleaner)}
        totals |= stated(self._cleaner, expected)
        totals[AS_STORED] = ", ".join(sorted(self._before.as_stored & set(totals[AS_STORED].split(", "))))
        if swept:
            totals[SWEPT] = "yes"
        rows = f"(select * from {kept} union all select * from {table_of(good.path)})"
        return Extract(entity=self._entity, rows=rows, refused=bad.path, count=count, totals=totals)

    def _asked(self) -> Groups:
        from cobranca.sources.engine import TooManyGroups

        try:
            return asked(self._snapshot, self._mapping, self._entity, self._cleaner)
        except TooManyGroups:
            raise Unproven("its dates are too many to be told apart") from None

    def _read_changes(self, good: ParquetFile, bad: ParquetFile) -> None:
        """Rows that were refused before, then changed ones; each row of the source at most once."""
        again = self._refused_before()
        changed = self._snapshot.bulk(self._entity, self._since())
        columns = checked_columns(self._mapping.source, self._entity, changed.columns)
        by = DATED[self._entity]
        self._cleaner = Cleaner(self._mapping.source, self._entity, columns, self._wanted.cents, self._bounds, by)
        for chunk in changed.chunks:
            self._take(_only(self._cleaner, chunk, again, inside=False), good, bad)
        self._ask(again, good, bad)

    def _ask(self, keys: pa.Array, good: ParquetFile, bad: ParquetFile) -> None:
        """Read every row that has one of these keys."""
        self._seen.append(keys)
        if len(keys) == 0:
            return
        for chunk in rows_with(self._snapshot, self._entity, self._wanted.query, self._key, keys.to_pylist()).chunks:
            self._take(_only(self._cleaner, chunk, keys, inside=True), good, bad)

    def _take(self, chunk: Sequence[Sequence] | BulkTable, good: ParquetFile, bad: ParquetFile) -> None:
        cleaned = self._cleaner.clean(chunk)
        good.write(cleaned.rows)
        bad.write(cleaned.quarantine)
        self._seen += [cleaned.rows[self._key].combine_chunks(), cleaned.quarantine["record_key"].combine_chunks()]

    def _refused_before(self) -> pa.Array:
        import pyarrow.parquet as pq

        keys = pq.read_table(self._before.quarantine, columns=["record_key"])["record_key"].combine_chunks()
        if keys.null_count:
            raise Unproven("a row without a key was in quarantine")
        keys = keys.unique()
        if len(keys) > MOST_KEYS:
            raise Unproven(f"more than {MOST_KEYS} rows were in quarantine")
        return keys

    def _since(self) -> str:
        """The query, cut to rows changed since; one day more than asked, since the source may live in another time zone."""
        column, wanted = self._wanted.incremental.column, self._wanted.query
        day = (self._before.watermark - timedelta(days=self._wanted.incremental.lookback_days + 1)).date()
        sample = self._snapshot.rows(
            self._entity, self._snapshot.first_rows(self._snapshot.part(wanted, column, f"{column} is not null"), 1)
        )
        literal = self._snapshot.day(day, sample[0][0]) if sample else None
        since = f"{column} >= {literal} or " if literal else ""
        return self._snapshot.part(wanted, "*", f"{since}{column} is null")

    def _kept(self) -> str:
        """SQL of the rows of the landing before that are still as they were."""
        before, replaced = table_of(self._before.landed), self._write_keys("replaced", self._seen)
        return f"(select kept.* from {before} as kept anti join {replaced} as replaced using ({self._key}))"

    def _write_keys(self, what: str, keys: Iterable[pa.Array]) -> str:
        """Write keys beside the rows; returns their table in SQL."""
        self._written += 1
        path = self._folder / f"{self._entity}.{what}.{self._written}.read"
        with ParquetFile(path, pa.schema([pa.field(self._key, schema.TEXT)])) as file:
            for some in keys:
                file.write(pa.table({self._key: pc.drop_null(some)}))
        return table_of(path)

    def _merged(self, database: "duckdb.DuckDBPyConnection", kept: str) -> Groups:
        """Control totals of the merged rows; amounts of payments without their sign, which landing took away."""
        by = [f"{name}::varchar" for name in DATED[self._entity]]
        amount = "0" if self._entity == "customers" else "sum(amount)"
        columns = ", ".join([*by, "count(*)", amount])
        groups: Groups = {}
        for row in database.execute(f"select {columns} from {kept} group by {', '.join(by) or '()'}").fetchall():
            group = groups.setdefault(tuple(row[: len(by)]), Group())
            group.rows, group.amount, group.size = row[len(by)], Decimal(row[-1] or 0), Decimal(row[-1] or 0)
        for codes, read in self._cleaner.groups.items():
            group = groups.setdefault(codes, Group())
            group.rows, group.amount, group.size = group.rows + read.rows, group.amount + read.amount, group.size + read.size
        if not self._cleaner.adds_exactly:
            raise Unproven("the source cannot add its amounts exactly")
        return groups

    def _compare_keys(self, database: "duckdb.DuckDBPyConnection", good: ParquetFile, bad: ParquetFile) -> int:
        """Drop what is gone at the source and read what is unknown here; returns how many rows are gone."""
        keys = self._snapshot.bulk(self._entity, self._snapshot.part(self._wanted.query, self._key, "1 = 1"))
        reader = Cleaner(self._mapping.source, self._entity, keys.columns)
        there = self._write_keys("there", (reader.keys(chunk) for chunk in keys.chunks))
        before, key = table_of(self._before.landed), self._key
        gone = database.execute(f"select {key} from {self._kept()} as kept anti join {there} as there using ({key})")
        gone = pa.array([row[0] for row in gone.fetchall()], schema.TEXT)
        seen = self._write_keys("seen", self._seen)
        unknown = database.execute(f"""
            select distinct {key} from {there} as there
            anti join {before} as before using ({key})
            anti join {seen} as seen using ({key})
            limit {MOST_KEYS + 1}
        """)
        unknown = pa.array([row[0] for row in unknown.fetchall()], schema.TEXT)
        if len(unknown) > MOST_KEYS:
            raise Unproven(f"more than {MOST_KEYS} rows came in with an old date of change")
        self._seen.append(gone)
        self._ask(unknown, good, bad)
        return len(gone)


def _plain(groups: Groups) -> dict[tuple, tuple]:
    return {codes: (group.rows, group.size) for codes, group in groups.items() if group.rows}


def _only(
    cleaner: Cleaner, chunk: Sequence[Sequence] | BulkTable, keys: pa.Array, *, inside: bool
) -> Sequence[Sequence] | BulkTable:
    """The rows of a chunk whose key is (or is not) among ``keys``."""
    if len(chunk) == 0 or (not inside and len(keys) == 0):
        return chunk
    wanted = pc.is_in(cleaner.keys(chunk), keys)
    wanted = wanted if inside else pc.invert(wanted)
    if isinstance(chunk, BulkTable):
        return BulkTable(chunk.kinds, chunk.table.filter(wanted))
    return [row for row, keep in zip(chunk, wanted.to_pylist(), strict=True) if keep]
