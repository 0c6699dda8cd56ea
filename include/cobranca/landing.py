"""Landing: every entity of every source as Parquet for one business date, complete or not at all.

``land_source`` reads one source in one snapshot into a draft, ``accept`` has the drafts checked and publishes them
as the partition ``landing/<date>/sources``. Until the very end the previous landing of that date stays as it is.
Rows are sorted by their key, so that the same content always gives the same bytes, whatever order a database
returned it in.
"""

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca import manifest
from cobranca.errors import PartitionError, SourceError
from cobranca.manifest import FileEntry, Manifest
from cobranca.settings import Settings
from cobranca.sources.now import Standing, paid_now, standing_now

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from cobranca.sources.clean import Cleaner
    from cobranca.sources.engine import Snapshot
    from cobranca.sources.mapping import EntityMapping, SourceMapping

__all__ = [
    "LandingDraft", "Standing", "accept", "land_all", "land_source", "paid_now", "previous_landing", "read_landing", "sources",
    "standing_now",
]  # fmt: skip

KIND = "sources"
ROW_GROUP = 131_072
SORT_MEMORY = "256MB"
ABANDONED_SECONDS = 2 * 86_400
# A row whose parent is not there cannot be dunned nor allotted: entity → (parent, the column that names it, reason).
_PARENTS = {
    "receivables": ("customers", "customer_id", "unknown_customer"),
    "payments": ("receivables", "receivable_id", "unknown_receivable"),
}
_SUMMARY = "landed.json"
_ACCEPTED = "accepted.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LandingDraft:
    """What was read and is not yet published: the files, their control totals, and the landing before it.

    ``previous`` is the newest landing of an earlier business date, to notice an extract that came half empty.
    """

    business_date: date
    folder: Path
    entries: list[FileEntry]
    previous: Manifest | None


def sources(settings: Settings) -> list[str]:
    """Names of all configured sources.

    Raises:
        ConfigError: there is none, or one file is invalid.
    """
    from cobranca.sources.mapping import load_mappings

    return list(load_mappings(settings))


def land_source(settings: Settings, business_date: date, source: str, run_key: str) -> None:
    """Read all entities of one source, from one read-only snapshot, into this run's draft.

    A retry reads afresh and replaces what the first try left. Rows that cannot be read go to
    ``<source>/<entity>__quarantine.parquet``; everything else that is wrong stops here, with nothing landed.

    Raises:
        ConfigError: the source's file or connection is wrong.
        SourceError: the source cannot be reached or read completely, or its own totals differ from what came.
    """
    from cobranca.sources.engine import open_snapshot
    from cobranca.sources.mapping import ENTITY_NAMES, get_mapping

    mapping = get_mapping(settings, source)
    draft = manifest.draft_folder(_root(settings, business_date), run_key)
    partial, target = draft / f".reading-{source}", draft / source
    manifest.discard(partial)
    manifest.discard(target)
    partial.mkdir()
    try:
        cleaners = {}
        with open_snapshot(mapping) as snapshot:
            for entity in ENTITY_NAMES:
                cleaners[entity] = _read_entity(snapshot, mapping, entity, partial)
        entries = _settle(source, cleaners, partial)
        body = json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False)
        manifest.write_atomically(partial / _SUMMARY, body + "\n")
        os.replace(partial, target)
    except BaseException:
        manifest.discard(partial)
        raise


def accept(
    settings: Settings, business_date: date, run_key: str, check: Callable[[LandingDraft], object] = lambda draft: None
) -> Manifest:
    """Have this run's draft checked, then publish it as the date's landing.

    ``check`` receives the draft and raises to refuse it; then nothing is published and the earlier landing of that
    date stays. A retry after success returns what it published.

    Raises:
        SourceError: a configured source was not read in this run.
        CobrancaError: whatever ``check`` raises.
    """
    root = _root(settings, business_date)
    draft = manifest.draft_folder(root, run_key)
    already = _accepted(root, draft)
    if already is not None:
        return already
    entries: list[FileEntry] = []
    for source in sources(settings):
        summary = draft / source / _SUMMARY
        if not summary.exists():
            raise SourceError(
                f"source '{source}' was not read in this run for {business_date}; run its landing step first, then accept again."
            )
        entries += [FileEntry(**entry) for entry in json.loads(summary.read_text(encoding="utf-8"))]
    check(LandingDraft(business_date, draft, entries, previous_landing(settings, business_date)))
    # Written first: a crash right after the swap must not make the retry fail for want of a draft.
    marker = {"draft": draft.name, "batch_id": manifest.batch_id_of(entries)}
    manifest.write_atomically(root / _ACCEPTED, json.dumps(marker))
    published = manifest.publish(root, draft, kind=KIND, business_date=business_date, files=entries)
    _remove_abandoned(root)
    log.info("landing %s published as batch %s: %d files", business_date, published.batch_id, len(entries))
    return published


def land_all(
    settings: Settings, business_date: date, run_key: str, check: Callable[[LandingDraft], object] = lambda draft: None
) -> Manifest:
    """Land every source, one after the other, and publish: what the DAG does with one task per source."""
    for source in sources(settings):
        land_source(settings, business_date, source, run_key)
    return accept(settings, business_date, run_key, check)


def read_landing(settings: Settings, business_date: date, *, verify: bool = False) -> Manifest:
    """The published landing of one date.

    Raises:
        PartitionError: there is none, or (with ``verify``) a file was changed.
    """
    return manifest.read_manifest(_root(settings, business_date), verify=verify)


def previous_landing(settings: Settings, business_date: date) -> Manifest | None:
    """The newest landing of an earlier business date."""
    for folder in sorted((settings.data / "landing").glob("????-??-??"), reverse=True):
        if folder.name >= business_date.isoformat():
            continue
        try:
            return manifest.read_manifest(folder / KIND)
        except PartitionError:
            continue
    return None


def _root(settings: Settings, business_date: date) -> Path:
    return settings.folder("landing", business_date, KIND)


def _accepted(root: Path, draft: Path) -> Manifest | None:
    """What this very run published before, when its draft is gone and its batch is still the current one."""
    if any(draft.iterdir()) or not (root / _ACCEPTED).exists():
        return None
    marker = json.loads((root / _ACCEPTED).read_text(encoding="utf-8"))
    try:
        current = manifest.read_manifest(root)
    except PartitionError:
        return None
    if marker != {"draft": draft.name, "batch_id": current.batch_id}:
        return None
    draft.rmdir()
    return current


def _remove_abandoned(root: Path) -> None:
    """Drafts of runs that died hold people's data; after two days nobody will come back for them."""
    for draft in root.glob(".draft-*"):
        if time.time() - draft.stat().st_mtime > ABANDONED_SECONDS:
            manifest.discard(draft)


def _read_entity(snapshot: "Snapshot", mapping: "SourceMapping", entity: str, folder: Path) -> "Cleaner":
    """Stream one entity into ``<entity>.read`` and ``<entity>.bad`` and hold the source's own totals against it."""
    from cobranca import schema
    from cobranca.sources.clean import Cleaner, checked_columns

    wanted = mapping.entity(entity)
    stream = snapshot.stream(entity, wanted.query)
    cleaner = Cleaner(mapping.source, entity, checked_columns(mapping.source, entity, stream.columns), wanted.cents)
    good = _ParquetFile(folder / f"{entity}.read", schema.ENTITIES[entity])
    bad = _ParquetFile(folder / f"{entity}.bad", schema.QUARANTINE)
    with good, bad:
        for chunk in stream.chunks:
            cleaned = cleaner.clean(chunk)
            good.write(cleaned.rows)
            bad.write(cleaned.quarantine)
    _compare_with_source(snapshot, mapping, entity, wanted, cleaner)
    return cleaner


def _compare_with_source(
    snapshot: "Snapshot", mapping: "SourceMapping", entity: str, wanted: "EntityMapping", cleaner: "Cleaner"
) -> None:
    """The source counts and adds for itself, in the same snapshot; a difference means that rows were lost on the way.

    The sum is compared where the database adds exactly: not for floats, text, or a column that holds NaN.
    """
    from cobranca.sources.problem import SourceProblem

    rows, total = snapshot.control(entity, wanted.query)
    where = f"source '{mapping.source}', {entity}"
    cure = "run this step again; if it stays, the query gives another result each time and must be made stable"
    if rows != cleaner.rows_read:
        raise SourceProblem(where, f"the source counts {rows} rows, {cleaner.rows_read} were read", cure)
    if entity == "customers" or not cleaner.amount_exact or not cleaner.amount_finite:
        return
    expected = Decimal(total or 0)
    if "amount" in wanted.cents:
        expected /= 100
    if expected != cleaner.amount_read:
        raise SourceProblem(where, f"the source's amounts add up to {expected}, those read to {cleaner.amount_read}", cure)


class _ParquetFile:
    """Parquet with row groups of a fixed size, so that the bytes depend on the rows alone."""

    def __init__(self, path: Path, schema: "pa.Schema"):
        self.path, self.schema, self.rows = path, schema, 0
        self._waiting: list[pa.Table] = []

    def __enter__(self) -> "_ParquetFile":
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(self.path, self.schema, compression="zstd")
        return self

    def write(self, table: "pa.Table") -> None:
        if table.num_rows == 0:
            return
        self.rows += table.num_rows
        self._waiting.append(table)
        if sum(part.num_rows for part in self._waiting) >= ROW_GROUP:
            self._flush(last=False)

    def _flush(self, *, last: bool) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        start = 0
        while table.num_rows - start >= ROW_GROUP or (last and start < table.num_rows):
            self._writer.write_table(table.slice(start, ROW_GROUP).combine_chunks(), row_group_size=ROW_GROUP)
            start += ROW_GROUP
        rest = table.slice(min(start, table.num_rows))
        self._waiting = [rest] if rest.num_rows else []

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self._flush(last=True)
        self._writer.close()


def _settle(source: str, cleaners: dict[str, "Cleaner"], folder: Path) -> list[FileEntry]:
    """Second pass over the files: duplicate keys, orphans, order; returns the manifest entries of the source."""
    import duckdb

    database = duckdb.connect(
        config={
            "memory_limit": SORT_MEMORY,
            "threads": 2,
            "temp_directory": str(folder / ".sort"),
            "preserve_insertion_order": False,
        }
    )
    # A sort of some seconds would otherwise draw a bar into the night's log.
    database.execute("set enable_progress_bar = false")
    try:
        entries = []
        for entity, cleaner in cleaners.items():
            entries += _settle_entity(database, source, entity, cleaner, folder)
    finally:
        database.close()
    for path in [*folder.glob("*.read"), *folder.glob("*.bad")]:
        path.unlink()
    manifest.discard(folder / ".sort")
    return entries


def _settle_entity(
    database: "duckdb.DuckDBPyConnection", source: str, entity: str, cleaner: "Cleaner", folder: Path
) -> list[FileEntry]:
    from cobranca import schema

    key = schema.KEYS[entity]
    read, bad, landed = folder / f"{entity}.read", folder / f"{entity}.bad", folder / f"{entity}.parquet"
    columns = ", ".join(schema.ENTITIES[entity].names)
    # The latest copy of a key stays; where two are equally late, the order of all columns decides, not chance.
    database.execute(f"""
        create or replace temp table repeated as
            select {key} from {_file(read)} group by {key} having count(*) > 1
    """)
    others = ", ".join(name for name in schema.ENTITIES[entity].names if name not in (key, "updated_at"))
    database.execute(f"""
        create or replace temp table copies as
            select *, row_number() over (partition by {key} order by updated_at desc nulls last, {others}) as copy
            from {_file(read)} semi join repeated using ({key})
    """)
    single = f"""
        select {columns} from {_file(read)} anti join repeated using ({key})
        union all
        select {columns} from copies where copy = 1
    """
    left_out = f"select *, '{key}' as column_name, 'duplicate_key' as reason from copies where copy > 1"
    kept, orphans = f"({single})", ""
    if entity in _PARENTS:
        parent, column, reason = _PARENTS[entity]
        parents = f"(select {column} from {_file(folder / f'{parent}.parquet')})"
        kept = f"({single}) semi join {parents} using ({column})"
        orphans = (
            f"union all by name select *, '{column}' as column_name, '{reason}' as reason "
            f"from ({single}) anti join {parents} using ({column})"
        )
    amount = "null" if entity == "customers" else "amount"
    currency = "currency" if entity == "receivables" else "null"
    with _ParquetFile(landed, schema.ENTITIES[entity]) as good:
        _copy(database, f"select {columns} from {kept} order by {key}", good)
    with _ParquetFile(folder / f"{entity}__quarantine.parquet", schema.QUARANTINE) as quarantine:
        _copy(
            database,
            f"""
            select source, '{entity}' as entity, {key} as record_key, column_name, reason,
                {amount} as amount, {currency} as currency
            from ({left_out} {orphans})
            union all by name
            select * from {_file(bad)}
            order by record_key nulls first, column_name, reason, amount nulls first, currency nulls first
            """,
            quarantine,
        )
    if good.rows + quarantine.rows != cleaner.rows_read:
        raise SourceError(
            f"source '{source}', {entity}: of {cleaner.rows_read} rows read, {good.rows} landed and {quarantine.rows} went to "
            "quarantine, which is not the same; run this step again, and report it if it stays."
        )
    log.info("%s %s: %d rows read, %d landed, %d in quarantine", source, entity, cleaner.rows_read, good.rows, quarantine.rows)
    return _entries(database, source, entity, cleaner, folder, good.rows, quarantine.rows)


def _entries(
    database: "duckdb.DuckDBPyConnection", source: str, entity: str, cleaner: "Cleaner", folder: Path, good: int, bad: int
) -> list[FileEntry]:
    """Manifest entries: exact sums per currency (a payment has its receivable's), counts, reasons and notes, as text."""
    landed, refused = folder / f"{entity}.parquet", folder / f"{entity}__quarantine.parquet"
    totals = {"rows_read": str(cleaner.rows_read), "rows_quarantined": str(bad)}
    if entity == "receivables":
        sums = f"select currency, sum(amount) from {_file(landed)} group by 1 order by 1"
    else:
        sums = f"""
            select r.currency, sum(p.amount)
            from {_file(landed)} p join {_file(folder / "receivables.parquet")} r using (receivable_id)
            group by 1 order by 1
        """
    if entity != "customers":
        totals |= {f"amount {currency}": str(total) for currency, total in database.execute(sums).fetchall()}
        totals["source_control"] = "compared" if cleaner.amount_exact and cleaner.amount_finite else "rows only"
    totals |= {f"note {name}": str(count) for name, count in sorted(cleaner.notes.items())}
    reasons = database.execute(f"select reason, count(*) from {_file(refused)} group by 1 order by 1").fetchall()
    entries = [
        FileEntry.of(folder, landed.name, good, totals),
        FileEntry.of(folder, refused.name, bad, {f"reason {name}": str(count) for name, count in reasons}),
    ]
    return [replace(entry, name=f"{source}/{entry.name}") for entry in entries]


def _file(path: Path) -> str:
    quoted = str(path).replace("'", "''")
    return f"read_parquet('{quoted}')"


def _copy(database: "duckdb.DuckDBPyConnection", query: str, target: _ParquetFile) -> None:
    import pyarrow as pa

    for batch in database.sql(query).to_arrow_reader(ROW_GROUP):
        target.write(pa.Table.from_batches([batch]).cast(target.schema))
