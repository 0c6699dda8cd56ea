"""A small approved plan, written as the build and the gate leave it."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from cobranca.partitions import manifest
from cobranca.partitions.verdict import Check, Verdict, write_verdict
from cobranca.schema import PRINCIPAL

SCHEMA = pa.schema(
    [
        ("business_date", pa.date32()), ("message_key", pa.string()), ("customer_key", pa.string()),
        ("creditor", pa.string()), ("other_creditors", pa.string()),
        ("agent_id", pa.string()), ("agent_name", pa.string()), ("queue_position", pa.int32()),
        ("priority", pa.decimal128(18, 2)), ("priority_reason", pa.string()),
        ("customer_name", pa.string()),
        ("tax_id_masked", pa.string()), ("phone", pa.string()), ("city", pa.string()),
        ("state", pa.string()),
        ("segment", pa.string()), ("payer_class", pa.string()), ("score", pa.int32()),
        ("currency", pa.string()),
        ("receivables", pa.int32()), ("open_amount", pa.decimal128(18, 2)),
        ("amount_due", pa.decimal128(18, 2)),
        ("other_currencies", pa.string()), ("oldest_due_date", pa.date32()),
        ("days_past_due", pa.int32()),
        ("aging_band", pa.string()), ("step", pa.string()), ("step_offset", pa.int32()),
        ("template", pa.string()),
        ("episode_key", pa.string()), ("last_contact_on", pa.date32()),
        ("last_contact_channel", pa.string()),
        ("last_contact_state", pa.string()), ("max_discount_rate", pa.decimal128(9, 6)),
        ("max_installments", pa.int32()),
        ("calling_window", pa.string()), ("policy_version", pa.string()), ("reason", pa.string()),
    ]
)  # fmt: skip

DECIDED = pa.schema(
    [("message_key", pa.string()), ("currency", pa.string()), ("receivable_key", pa.string())]
)
JOINED_COLUMNS = (
    "business_date", "message_key", "customer_key", "creditor", "agent_id", "currency",
    "receivables", "open_amount", "amount_due", "oldest_due_date", "days_past_due", "aging_band",
    "episode_key", "step", "step_offset", "template", "policy_version", "max_discount_rate",
    "max_installments",
)  # fmt: skip
CASE_SCHEMA = pa.schema(
    [
        ("business_date", pa.date32()), ("customer_key", pa.string()), ("creditor", pa.string()),
        ("customer_name", pa.string()), ("reason", pa.string()), ("currency", pa.string()),
        ("receivables", pa.int32()), ("open_amount", pa.decimal128(18, 2)),
        ("amount_due", pa.decimal128(18, 2)), ("days_past_due", pa.int32()),
        ("policy_version", pa.string()), ("reasons", pa.string()), ("since_on", pa.date32()),
        ("responsible", pa.string()),
    ]
)  # fmt: skip

DAY = date(2026, 11, 18)


def case(number: int, *reasons: str, **changes) -> dict:
    """One row of the list of cases with plausible values."""
    return {
        "business_date": DAY,
        "customer_key": f"C{number:020x}",
        "creditor": PRINCIPAL,
        "customer_name": f"Maria da Penha {number}",
        "reason": reasons[0],
        "currency": "BRL",
        "receivables": 2,
        "open_amount": Decimal("500.00"),
        "amount_due": Decimal("512.50"),
        "days_past_due": 40,
        "policy_version": "2026-01",
        "reasons": ",".join(reasons),
        "since_on": date(2026, 11, 8),
        "responsible": "supervisao",
    } | changes


def call(number: int, agent: str = "ana", **changes) -> dict:
    """One row of the call queue with plausible values."""
    row = {
        "business_date": DAY,
        "message_key": f"{number:032x}",
        "customer_key": f"C{number:020x}",
        "creditor": PRINCIPAL,
        "agent_id": agent,
        "agent_name": {
            "ana": "Ana Beatriz Moura",
            "bruno": "Bruno Carvalho Lima",
            "reserva": "Reserva",
        }.get(agent, agent),
        "queue_position": number,
        "priority": Decimal("850.00") - number,
        "priority_reason": "days_past_due:10; recovery_percent:85; payer_class:viciado",
        "customer_name": f"João da Conceição {number}",
        "tax_id_masked": "***.456.789-**",
        "phone": "+5511987654321",
        "city": "São Paulo",
        "state": "SP",
        "segment": "varejo",
        "payer_class": "viciado",
        "score": 70,
        "currency": "BRL",
        "receivables": 2,
        "open_amount": Decimal("1000.00"),
        "amount_due": Decimal("1023.33"),
        "other_currencies": None,
        "other_creditors": None,
        "oldest_due_date": date(2026, 11, 8),
        "days_past_due": 10,
        "aging_band": "1-30",
        "step": "d+10",
        "step_offset": 10,
        "template": "call_offer",
        "episode_key": f"erp:{number}",
        "last_contact_on": date(2026, 11, 15),
        "last_contact_channel": "email",
        "last_contact_state": "sent",
        "max_discount_rate": Decimal("0.10"),
        "max_installments": 6,
        "calling_window": "08:00–20:00",
        "policy_version": "2026-01",
        "reason": "due",
    }
    if agent == "reserva":
        row |= {"max_discount_rate": None, "max_installments": None}
    return row | changes


def joined_call(row: dict, creditor: str, **changes) -> dict:
    """What another creditor asks on the call of a row."""
    own = {"creditor": creditor, "episode_key": f"crm:{row['queue_position']}"}
    return {name: (row | own | changes)[name] for name in JOINED_COLUMNS}


def publish_plan(
    settings,
    rows: list[dict],
    business_date: date = DAY,
    passed: bool = True,
    cases: list[dict] | tuple = (),
    joined: list[dict] | tuple = (),
) -> manifest.Manifest:
    """An outbound batch with its verdict.

    Without ``joined`` it is one of before several creditors shared a call.
    """
    root = settings.folder("outbound", business_date)
    draft = manifest.draft_folder(root, "plan")
    # Each row is about its episode and one more receivable, and about one in another currency.
    decided = [
        {
            "message_key": row["message_key"],
            "creditor": row["creditor"],
            "currency": currency,
            "receivable_key": key,
        }
        for row in (*rows, *joined)
        for key, currency in (
            (row["episode_key"], row["currency"]),
            (f"{row['episode_key']}-2", row["currency"]),
            (f"{row['episode_key']}-usd", "USD"),
        )
    ]
    files = []
    tables = [
        ("out_call_queue.parquet", SCHEMA, rows),
        ("out_escalations.parquet", CASE_SCHEMA, cases),
        ("fct_decisions.parquet", DECIDED, decided),
    ]
    if joined:
        shared = pa.schema([SCHEMA.field(name) for name in JOINED_COLUMNS])
        tables[-1:] = [
            ("fct_decisions.parquet", DECIDED.append(pa.field("creditor", pa.string())), decided),
            ("out_joined_calls.parquet", shared, joined),
        ]
    for name, schema, found in tables:
        dated = [{**row, "business_date": business_date} for row in found]
        pq.write_table(pa.Table.from_pylist(dated, schema=schema), draft / name)
        files.append(manifest.FileEntry.of(draft, name, len(dated)))
    batch = manifest.publish(
        root,
        draft,
        kind="outbound",
        business_date=business_date,
        files=files,
    )
    approve(settings, batch, passed)
    return batch


def approve(settings, batch: manifest.Manifest, passed: bool = True) -> None:
    check = Check("plan_is_small", "out_call_queue", "critical", passed, observed="1", expected="1")
    write_verdict(settings, Verdict.of(batch.business_date, batch.batch_id, "plan", [check], {}))
