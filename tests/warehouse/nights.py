"""Tiny nights for tests: rows as dictionaries become landed partitions.

Built tables come back as rows.
"""

import hashlib
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from cobranca.partitions.manifest import FileEntry, draft_folder, publish
from cobranca.policy import publish_policy
from cobranca.schema import ENTITIES, FEEDBACK, QUARANTINE
from cobranca.settings import Settings

DEFAULTS = {
    "customers": {
        "name": "Cliente",
        "contract_type": "consumer",
        "state": "SP",
        "email": "cliente@example.com",
        "phone": "+5511987654321",
    },
    "receivables": {"currency": "BRL", "status": "open"},
    "payments": {"kind": "payment"},
}


def customer(customer_id: str, **columns) -> dict:
    return {"customer_id": customer_id} | columns


def receivable(
    receivable_id: str, customer_id: str, due: str, amount: str = "100.00", **columns
) -> dict:
    due_date = date.fromisoformat(due)
    return {
        "receivable_id": receivable_id,
        "customer_id": customer_id,
        "due_date": due_date,
        "amount": Decimal(amount),
    } | columns


def payment(
    payment_id: str, receivable_id: str, paid_on: str, amount: str = "100.00", **columns
) -> dict:
    return {
        "payment_id": payment_id,
        "receivable_id": receivable_id,
        "paid_on": date.fromisoformat(paid_on),
        "amount": Decimal(amount),
    } | columns


def key_of(customer_id: str, tax_id: str | None = None, source: str = "erp") -> str:
    """The opaque key that the models give a payer.

    With another key no contact would find its payer.
    """
    known_by = f"tax:{tax_id}" if tax_id else f"own:{source}:{customer_id}"
    return "C" + hashlib.md5(known_by.encode()).hexdigest()[:20]


def land_night(
    settings: Settings,
    business_date: date,
    source: str = "erp",
    feedback: dict | None = None,
    **entities: list[dict],
) -> None:
    """Write all three parts of a landing; entities and feedback not named are empty.

    A row that names a source of its own lands there.
    """
    rows = {
        name: [{"source": source} | DEFAULTS[name] | row for row in entities.get(name, [])]
        for name in ENTITIES
    }
    files, schemas = {}, {}
    for place in {source} | {row["source"] for found in rows.values() for row in found}:
        for name, schema in ENTITIES.items():
            files[f"{place}/{name}"] = [row for row in rows[name] if row["source"] == place]
            schemas[f"{place}/{name}"] = schema
        files[f"{place}/receivables__quarantine"] = []
        schemas[f"{place}/receivables__quarantine"] = QUARANTINE
    _publish(settings, business_date, "sources", files, schemas)
    told = {name: (feedback or {}).get(name, []) for name in FEEDBACK}
    _publish(settings, business_date, "feedback", told, FEEDBACK)
    publish_policy(settings, business_date)


def contact(
    business_date: str, customer_key: str, episode_key: str, step: str, step_offset: int, **columns
) -> dict:
    return {
        "message_key": f"M-{customer_key}-{business_date}",
        "business_date": date.fromisoformat(business_date),
        "customer_key": customer_key,
        "episode_key": episode_key,
        "step": step,
        "step_offset": step_offset,
        "channel": "email",
        "template": "first_notice",
        "policy_version": "test",
        "state": "sent",
    } | columns


def _publish(
    settings: Settings, business_date: date, part: str, files: dict[str, list[dict]], schemas: dict
) -> None:
    root = settings.folder("landing", business_date, part)
    draft = draft_folder(root, "test")
    entries = []
    for name, rows in files.items():
        path = draft / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schemas[name]), path)
        entries.append(FileEntry.of(draft, f"{name}.parquet", len(rows)))
    publish(root, draft, kind=part, business_date=business_date, files=entries)
