"""Land the ledger as feedback: its events before a business date, as one more source."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cobranca.ledger.engine import open_ledger
from cobranca.ledger.payer_accounts import account_periods, with_limits
from cobranca.ledger.tables import (
    agreements,
    commitment_items,
    consents,
    contact_items,
    contacts,
    holdouts,
    metadata,
    outcomes,
    payer_accounts,
    promises,
    suppressions,
)
from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.partitions.manifest import FileEntry, Manifest, draft_folder, publish
from cobranca.schema import FEEDBACK
from cobranca.settings import Settings

CHUNK = 20_000
# The column with the day of each kind of event. A night reads only days before its business date.
EVENT_DATES = {
    "contacts": contacts.c.business_date,
    "contact_items": contacts.c.business_date,
    "outcomes": outcomes.c.contacted_on,
    "promises": promises.c.made_on,
    "agreements": agreements.c.agreed_on,
    "commitment_items": commitment_items.c.made_on,
    "consents": consents.c.given_on,
    "suppressions": suppressions.c.listed_on,
    "holdouts": holdouts.c.business_date,
}


@waits_for_erasures
def publish_feedback(settings: Settings, business_date: date) -> Manifest:
    """Publish ``landing/<D>/feedback`` with one Parquet file for each table of ``schema.FEEDBACK``.

    All tables are read in one transaction and hold only events dated before ``business_date``. A
    table without events is an empty file. The same content of the ledger gives the same batch id.

    Raises:
        LedgerError: the ledger cannot be opened.
    """
    root = settings.folder("landing", business_date, "feedback")
    draft = draft_folder(root, f"feedback {business_date}")
    engine = open_ledger(settings.ledger)
    try:
        with _snapshot(engine) as connection:
            files = [_write(connection, draft, name, business_date) for name in FEEDBACK]
    finally:
        engine.dispose()
    return publish(root, draft, kind="feedback", business_date=business_date, files=files)


def _snapshot(engine: sa.Engine) -> sa.Connection:
    """Open a connection that reads one snapshot; SQLite's transactions always do."""
    connection = engine.connect()
    if engine.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def _write(connection: sa.Connection, draft: Path, name: str, business_date: date) -> FileEntry:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, totals = 0, dict[str, Decimal]()
    with pq.ParquetWriter(draft / f"{name}.parquet", FEEDBACK[name], compression="zstd") as writer:
        for chunk in _rows(connection, name, business_date):
            writer.write_table(pa.Table.from_pylist(chunk, schema=FEEDBACK[name]))
            rows += len(chunk)
            for row in chunk:
                if "amount" in row:
                    key = f"amount {row['currency']}"
                    totals[key] = totals.get(key, Decimal(0)) + row["amount"]
    return FileEntry.of(
        draft, f"{name}.parquet", rows, {key: str(total) for key, total in sorted(totals.items())}
    )


def _rows(
    connection: sa.Connection, name: str, business_date: date
) -> Iterator[list[dict[str, Any]]]:
    table = metadata.tables[name]
    as_landed: Callable[[sa.RowMapping], dict[str, Any]] = dict
    if table is payer_accounts:
        query, as_landed = account_periods(business_date), with_limits
    else:
        query = sa.select(*(table.c[column] for column in FEEDBACK[name].names)).where(
            EVENT_DATES[name] < business_date
        )
    if table is contact_items:
        query = query.join(contacts, contacts.c.message_key == contact_items.c.message_key)
    query = query.order_by(*table.primary_key.columns)
    result = connection.execution_options(yield_per=CHUNK).execute(query)
    for chunk in result.mappings().partitions():
        yield [as_landed(row) for row in chunk]
