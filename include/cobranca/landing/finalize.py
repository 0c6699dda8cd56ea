"""Finalize what was read of a source: one row for each key, no row without its parent, in order.

What the first pass wrote in order and without repetition is only looked at; everything else is
sorted by DuckDB, which spills to disk within a fixed share of memory (see docs/adr/0018).
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cobranca import schema
from cobranca.errors import SourceError
from cobranca.landing.parquet_file import ParquetFile, in_order
from cobranca.partitions import manifest
from cobranca.partitions.manifest import FileEntry, hard_link

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# Enough to sort fifteen million rows; the next ones for wide rows, and for joins of such tables
# where rows are repeated or lack their parents.
SORT_MEMORY = ("112MB", "400MB", "1500MB")
BATCH = 16_384


@dataclass(frozen=True)
class Parent:
    """What a row names must have landed: without it the row cannot be dunned nor allotted."""

    entity: str
    column: str
    """The one that names it."""
    reason: str
    of_rows: str = "true"
    """SQL of the rows that must have it."""


PARENTS: dict[str, tuple[Parent, ...]] = {
    "receivables": (Parent("customers", "customer_id", "unknown_customer"),),
    "payments": (
        Parent("receivables", "receivable_id", "unknown_receivable", "receivable_id is not null"),
        Parent("customers", "customer_id", "unknown_customer", "receivable_id is null"),
    ),
}
# Why a row that could be read is not landed all the same: a later copy of its key was.
REPEATED = "duplicate_key"

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extract:
    """One entity after the first pass.

    ``rows`` is a SQL table expression over the accepted rows, ``refused`` the file of quarantined
    ones, ``count`` how many rows the source has of both. ``ready`` is the one file that holds all
    of ``rows`` in order and each key once, where there is such a file. ``totals`` goes into the
    manifest entry as it is.
    """

    entity: str
    rows: str
    refused: Path
    count: int
    ready: Path | None = None
    totals: Mapping[str, str] = field(default_factory=dict)


def finalize_source(source: str, extracts: Mapping[str, Extract], folder: Path) -> list[FileEntry]:
    """Write ``<entity>.parquet`` and ``<entity>__quarantine.parquet`` of each entity, in order.

    Parents come before the rows that name them.

    Returns:
        The manifest entries, their names beginning with the source's.

    Raises:
        SourceError: a row was lost on the way.
    """
    with open_sorter(folder) as database:
        entries = []
        for extract in extracts.values():
            work = partial(_finalize_entity, database, source, extract, folder)
            entries += _within_memory(database, work)
    for path in [*folder.glob("*.read"), *folder.glob("*.bad")]:
        path.unlink()
    manifest.discard(folder / ".sort")
    return entries


def open_sorter(folder: Path) -> "duckdb.DuckDBPyConnection":
    """DuckDB in a fixed share of memory, with its overflow next to the files."""
    import duckdb

    database = duckdb.connect(
        config={
            "memory_limit": SORT_MEMORY[0],
            "threads": 1,  # each one more wants the same memory again
            "temp_directory": str(folder / ".sort"),
            "preserve_insertion_order": False,
        }
    )
    # A sort of some seconds would otherwise draw a bar into the night's log.
    database.execute("set enable_progress_bar = false")
    return database


def _within_memory(database: "duckdb.DuckDBPyConnection", work: Callable[[], T]) -> T:
    """Do some work in as little memory as suffices."""
    from duckdb import OutOfMemoryException

    for limit in SORT_MEMORY[:-1]:
        database.execute(f"set memory_limit = '{limit}'")
        try:
            return work()
        except OutOfMemoryException:
            log.info("%s of memory were not enough to finalize what was read", limit)
    database.execute(f"set memory_limit = '{SORT_MEMORY[-1]}'")
    return work()


def table_of(*paths: Path) -> str:
    """A SQL table expression over Parquet files."""
    quoted = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{quoted}])"


def _finalize_entity(
    database: "duckdb.DuckDBPyConnection", source: str, extract: Extract, folder: Path
) -> list[FileEntry]:
    landed, quarantine = (
        folder / f"{extract.entity}.parquet",
        folder / f"{extract.entity}__quarantine.parquet",
    )
    ready = extract.ready or _in_order(database, extract, folder)
    if ready is not None and not _orphans(database, extract, folder):
        landed.unlink(missing_ok=True)
        hard_link(ready, landed)
        good = database.execute(f"select count(*) from {table_of(landed)}").fetchall()[0][0]
        left_out = None
    else:
        good, left_out = _sort(database, extract, folder, landed)
    bad = _write_quarantine(database, extract, left_out, quarantine)
    if good + bad != extract.count:
        raise SourceError(
            f"source '{source}', {extract.entity}: of {extract.count} rows read, {good} landed "
            f"and {bad} went to quarantine, which is not the same; run this step again, and report "
            "it if it stays."
        )
    log.info(
        "%s %s: %d rows, %d landed, %d in quarantine",
        source,
        extract.entity,
        extract.count,
        good,
        bad,
    )
    return _entries(database, source, extract, folder, good, bad)


def _joined(rows: str, how: str, parent: Parent, folder: Path) -> str:
    """SQL of the rows that name such a parent, ``semi`` or ``anti`` joined to those that landed."""
    landed = table_of(folder / f"{parent.entity}.parquet")
    column = parent.column
    return (
        f"(select * from {rows} where {parent.of_rows}) "
        f"{how} join (select {column} from {landed}) using ({column})"
    )


def _in_order(database: "duckdb.DuckDBPyConnection", extract: Extract, folder: Path) -> Path | None:
    """The rows sorted; ``None`` where a key came twice."""
    key, columns = schema.KEYS[extract.entity], ", ".join(schema.ENTITIES[extract.entity].names)
    path = folder / f"{extract.entity}.sorted.read"
    with ParquetFile(path, schema.ENTITIES[extract.entity], key) as file:
        _copy(database, f"select {columns} from {extract.rows} order by {in_order(key)}", file)
    return path if file.ordered else None


def _orphans(database: "duckdb.DuckDBPyConnection", extract: Extract, folder: Path) -> bool:
    return any(
        database.execute(
            f"select exists (select 1 from {_joined(extract.rows, 'anti', parent, folder)})"
        ).fetchall()[0][0]
        for parent in PARENTS.get(extract.entity, ())
    )


def _sort(
    database: "duckdb.DuckDBPyConnection", extract: Extract, folder: Path, landed: Path
) -> tuple[int, str]:
    """Write the rows that stay.

    Returns:
        Their number, and the SQL of those left out, with ``column_name`` and ``reason``.
    """
    entity, rows = extract.entity, extract.rows
    key, names = schema.KEYS[entity], schema.ENTITIES[entity].names
    columns = ", ".join(names)
    # The latest copy of a key stays; where two are equally late, the order of all columns decides,
    # not chance.
    database.execute(f"""
        create or replace temp table repeated as
            select {key} from {rows} group by {key} having count(*) > 1
    """)
    others = ", ".join(name for name in names if name not in (key, "updated_at"))
    database.execute(f"""
        create or replace temp table copies as
            select
                *,
                row_number() over (
                    partition by {key} order by updated_at desc nulls last, {others}
                ) as copy
            from {rows} semi join repeated using ({key})
    """)
    single = f"""
        select {columns} from {rows} anti join repeated using ({key})
        union all
        select {columns} from copies where copy = 1
    """
    left_out = (
        f"select *, '{key}' as column_name, '{REPEATED}' as reason from copies where copy > 1"
    )
    kept = single
    if parents := PARENTS.get(entity):
        kept = " union all ".join(
            f"select {columns} from {_joined(f'({single})', 'semi', parent, folder)}"
            for parent in parents
        )
        for parent in parents:
            left_out += (
                f" union all by name select *, '{parent.column}' as column_name, "
                f"'{parent.reason}' as reason "
                f"from {_joined(f'({single})', 'anti', parent, folder)}"
            )
    with ParquetFile(landed, schema.ENTITIES[entity]) as good:
        _copy(database, f"select {columns} from ({kept}) order by {in_order(key)}", good)
    return good.rows, left_out


def _write_quarantine(
    database: "duckdb.DuckDBPyConnection", extract: Extract, left_out: str | None, path: Path
) -> int:
    entity, key = extract.entity, schema.KEYS[extract.entity]
    amount = "null" if entity == "customers" else "amount"
    currency = "currency" if entity == "receivables" else "null"
    also = ""
    if left_out is not None:
        also = f"""
            union all by name
            select source, '{entity}' as entity, {key} as record_key, column_name, reason,
                {amount} as amount, {currency} as currency
            from ({left_out})
        """
    with ParquetFile(path, schema.QUARANTINE) as quarantine:
        _copy(
            database,
            f"""
            select * from {table_of(extract.refused)} {also}
            order by
                record_key nulls first,
                column_name,
                reason,
                amount nulls first,
                currency nulls first
            """,
            quarantine,
        )
    return quarantine.rows


def _entries(
    database: "duckdb.DuckDBPyConnection",
    source: str,
    extract: Extract,
    folder: Path,
    good: int,
    bad: int,
) -> list[FileEntry]:
    """Manifest entries: exact sums per currency, counts, reasons and notes, as text.

    A payment has its receivable's currency, or its own where it has no receivable. Of the
    quarantine, rows repeated (an older copy of a key that landed) and refused ones are added apart:
    what the source holds is what landed plus what was refused plus what was repeated.
    """
    entity = extract.entity
    landed, refused = folder / f"{entity}.parquet", folder / f"{entity}__quarantine.parquet"
    totals = {"rows_read": str(extract.count), "rows_quarantined": str(bad)}
    if entity == "receivables":
        sums = f"select currency, sum(amount) from {table_of(landed)} group by 1 order by 1"
    else:
        sums = f"""
            select coalesce(r.currency, p.currency, '{schema.OWN_CURRENCY}'), sum(p.amount)
            from {table_of(landed)} p
            left join {table_of(folder / "receivables.parquet")} r using (receivable_id)
            group by 1 order by 1
        """
    if entity != "customers":
        totals |= {
            f"amount {currency}": str(total)
            for currency, total in database.execute(sums).fetchall()
        }
    totals |= extract.totals
    reasons = database.execute(
        f"select reason, count(*) from {table_of(refused)} group by 1 order by 1"
    ).fetchall()
    apart = f"""
        select
            if(reason = '{REPEATED}', 'repeated ', 'refused ') || coalesce(currency, ''),
            sum(amount)
        from {table_of(refused)} where amount is not null group by 1 order by 1
    """
    left_out = {f"reason {name}": str(count) for name, count in reasons}
    left_out |= {name.strip(): str(total) for name, total in database.execute(apart).fetchall()}
    entries = [
        FileEntry.of(folder, landed.name, good, totals),
        FileEntry.of(folder, refused.name, bad, left_out),
    ]
    return [replace(entry, name=f"{source}/{entry.name}") for entry in entries]


def _copy(database: "duckdb.DuckDBPyConnection", query: str, target: ParquetFile) -> None:
    for table in _tables(database, query, target.schema):
        target.write(table)


def _tables(
    database: "duckdb.DuckDBPyConnection", query: str, wanted: "pa.Schema"
) -> Iterator["pa.Table"]:
    import duckdb
    import pyarrow as pa

    try:
        for batch in database.sql(query).to_arrow_reader(BATCH):
            yield pa.Table.from_batches([batch]).cast(wanted)
    except OSError as error:  # Arrow's word for whatever DuckDB meets while it hands out rows
        if "Out of Memory" not in str(error):
            raise
        raise duckdb.OutOfMemoryException(str(error)) from None
