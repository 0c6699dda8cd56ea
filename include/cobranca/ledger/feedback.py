"""What the ledger knew before a business date, handed to the night as one more source."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from cobranca.ledger.accounts import account_periods, limited
from cobranca.ledger.engine import open_ledger
from cobranca.ledger.tables import (
    agreements,
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
from cobranca.manifest import FileEntry, Manifest, draft_folder, publish
from cobranca.privacy.turns import waits_for_erasures
from cobranca.schema import FEEDBACK
from cobranca.settings import Settings

CHUNK = 20_000
# The day on which each kind of event happened; only days before the business date are shown to its night.
HAPPENED_ON = {
    "contacts": contacts.c.business_date,
    "contact_items": contacts.c.business_date,
    "outcomes": outcomes.c.contacted_on,
    "promises": promises.c.made_on,
    "agreements": agreements.c.agreed_on,
    "consents": consents.c.given_on,
    "suppressions": suppressions.c.listed_on,
    "holdouts": holdouts.c.business_date,
}


@waits_for_erasures
def publish_feedback(settings: Settings, business_date: date) -> Manifest:
    """Write ``landing/<D>/feedback`` with one Parquet file per table of ``schema.FEEDBACK``.

    All tables come from one transaction, hold only events dated before ``business_date`` and are empty, not absent,
    where nothing happened. The same ledger content gives the same batch.

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
    """All tables as of one moment; SQLite's transactions are always that."""
    connection = engine.connect()
    if engine.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def _write(connection: sa.Connection, draft, name: str, business_date: date) -> FileEntry:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, totals = 0, {}
    with pq.ParquetWriter(draft / f"{name}.parquet", FEEDBACK[name], compression="zstd") as writer:
        for chunk in _rows(connection, name, business_date):
            writer.write_table(pa.Table.from_pylist(chunk, schema=FEEDBACK[name]))
            rows += len(chunk)
            for row in chunk:
                if "amount" in row:
                    key = f"amount {row['currency']}"
                    totals[key] = totals.get(key, Decimal(0)) + row["amount"]
    return FileEntry.of(draft, f"{name}.parquet", rows, {key: str(total) for key, total in sorted(totals.items())})


def _rows(connection: sa.Connection, name: str, business_date: date) -> Iterator[list[dict]]:
    table = metadata.tables[name]
    if table is payer_accounts:
        query, as_landed = account_periods(business_date), limited
    else:
        query = sa.select(*(table.c[column] for column in FEEDBACK[name].names)).where(HAPPENED_ON[name] < business_date)
        as_landed = dict
    if table is contact_items:
        query = query.join(contacts, contacts.c.message_key == contact_items.c.message_key)
    query = query.order_by(*table.primary_key.columns)
    result = connection.execution_options(yield_per=CHUNK).execute(query)
    for chunk in result.mappings().partitions():
        yield [as_landed(row) for row in chunk]
