"""Read the aging and payers of every approved night as one history; keep months' summaries.

A night's own batch is ``outbound/<date>``. Where retention has aged it out, the last night of each
month is left as a summary in ``history/<date>``: aging per payer, the payers' state without names,
and the finance reports.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from cobranca.errors import ConfigError, PartitionError
from cobranca.partitions.manifest import FileEntry, Manifest, draft_folder, publish, read_manifest
from cobranca.settings import Settings, parse_business_date

KIND = "history"
AGING, PAYERS, REPORTS = "fct_aging", "dim_payer_ranking", "rpt_"
# A payer's state without name and place: enough to follow a class over the years.
PAYER_COLUMNS = (
    "business_date",
    "customer_key",
    "score",
    "rank",
    "payer_class",
    "settled_receivables",
    "open_overdue_amount",
)
_PERSONAL = {
    "customer_key",
    "customer_name",
    "receivable_key",
    "receivable_id",
    "tax_id",
    "email",
    "phone",
}


@dataclass(frozen=True)
class AgedBand:
    """What stood in one band on one night, in one currency."""

    business_date: date
    currency: str
    aging_band: str
    receivables: int
    open_amount: Decimal
    amount_due: Decimal


def nights(settings: Settings) -> dict[date, Path]:
    """Every night with a history, and the folder of its files.

    That is the approved batch, else the kept summary.
    """
    found = {}
    for kind in (KIND, "outbound"):
        for root in sorted((settings.data / kind).glob("????-??-??")):
            try:
                found[parse_business_date(root.name)] = read_manifest(root).folder
            except (ConfigError, PartitionError):
                # A candidate that was never approved is no history.
                continue
    return dict(sorted(found.items()))


def files_of(settings: Settings, table: str, first: date, last: date) -> list[Path]:
    """The Parquet files of one table for the nights from ``first`` to ``last``, oldest first.

    Every row carries its ``business_date``, so DuckDB reads them as one table:
    ``read_parquet([...], union_by_name = true)``.
    """
    paths = (
        folder / f"{table}.parquet"
        for night, folder in nights(settings).items()
        if first <= night <= last
    )
    return [path for path in paths if path.exists()]


def aging(
    settings: Settings, first: date, last: date, customer_key: str | None = None
) -> list[AgedBand]:
    """The aging of every night in the range, by currency and band.

    Of one payer where a key is given.

    Raises:
        PartitionError: no night of the range was ever approved, or its item-level detail and
            summary are gone.
    """
    import duckdb

    files = files_of(settings, AGING, first, last)
    if not files:
        raise PartitionError(
            f"no approved night from {first} to {last} has an aging; run those nights first."
        )
    rows = duckdb.execute(
        """
        select
            business_date, currency, aging_band, cast(sum(receivables) as bigint),
            cast(sum(open_amount) as decimal(18, 2)), cast(sum(amount_due) as decimal(18, 2)),
        from read_parquet($files, union_by_name = true)
        where $customer_key is null or customer_key = $customer_key
        group by business_date, currency, aging_band
        order by
            business_date,
            currency,
            try_cast(regexp_extract(aging_band, '^[0-9]+') as integer) nulls first
        """,
        {"files": [str(file) for file in files], "customer_key": customer_key},
    ).fetchall()
    return [AgedBand(*row) for row in rows]


def keep_month_end(settings: Settings, night: date) -> Manifest:
    """Write the summary of an approved night to ``history/<night>``.

    The same batch gives the same bytes.

    Raises:
        PartitionError: the night has no approved batch, or a file of it was changed.
    """
    import duckdb
    import pyarrow.parquet as pq

    batch = read_manifest(settings.folder("outbound", night), verify=True)
    root = settings.folder(KIND, night)
    draft = draft_folder(root, batch.batch_id)
    entries = []
    for entry in batch.files:
        table = entry.name.removesuffix(".parquet")
        source = f"read_parquet('{batch.path(entry.name)}')"
        columns = pq.read_schema(batch.path(entry.name)).names
        if table == PAYERS:
            columns = [name for name in PAYER_COLUMNS if name in columns]
        elif table != AGING and (not table.startswith(REPORTS) or _PERSONAL & set(columns)):
            continue
        order = (
            ", ".join(
                name
                for name in ("customer_key", "creditor", "currency", "aging_band")
                if name in columns
            )
            or "all"
        )
        duckdb.sql(
            f"copy (select {', '.join(columns)} from {source} order by {order}) to "
            f"'{draft / entry.name}' (compression zstd)"
        )
        entries.append(FileEntry.of(draft, entry.name, entry.rows))
    return publish(
        root,
        draft,
        kind=KIND,
        business_date=night,
        files=entries,
        inputs={"outbound": batch.batch_id},
    )
