"""A small company as files: a landing and the plan that follows from it, right in everything until
a test spoils one thing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cobranca.partitions import manifest
from cobranca.partitions.manifest import FileEntry, Manifest
from cobranca.policy import publish_policy
from cobranca.schema import DATE, ENTITIES, FEEDBACK, FLAG, MONEY, PRINCIPAL, QUARANTINE, TEXT
from cobranca.settings import Settings

D = date(2026, 11, 18)
YESTERDAY = date(2026, 11, 17)

Tables = dict[str, list[dict]]

KINDS = {
    "amount": MONEY, "open_amount": MONEY, "fine": MONEY, "interest": MONEY, "amount_due": MONEY,
    "priority": MONEY, "credit_applied": MONEY,
    "open_overdue_amount": MONEY, "score": MONEY, "business_date": DATE, "due_date": DATE,
    "is_disputed": FLAG,
    "receivables": pa.int32(), "queue_position": pa.int32(), "step_offset": pa.int32(),
    "days_past_due": pa.int32(), "hold_until": DATE, "since_on": DATE, "step_on": DATE,
}  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """What the gate is given before a landing is published."""

    folder: Path
    entries: list[FileEntry]
    previous: Manifest | None
    business_date: date


def landing_tables() -> Tables:
    """Six customers with one receivable each; C5 disputes, C6 has paid."""
    customers = [
        {"customer_id": f"{n}", "name": f"Cliente {n}", "email": f"c{n}@example.com",
            "contract_type": "consumer",
         "opt_out_email": False, "opt_out_phone": False, "legal_hold": False, "deceased": False}
        for n in range(1, 7)
    ]  # fmt: skip
    receivables = [
        {"receivable_id": f"R{n}", "customer_id": f"{n}", "due_date": date(2026, 11, 3),
            "issue_date": date(2026, 10, 1),
         "amount": Decimal("1000.00"), "currency": "USD" if n == 4 else "BRL", "status": "open",
         "disputed": n == 5, "creditor": PRINCIPAL}
        for n in range(1, 7)
    ]  # fmt: skip
    payments = [
        {"payment_id": "P1", "receivable_id": "R6", "paid_on": YESTERDAY,
            "amount": Decimal("1000.00"), "kind": "payment",
         "credited_on": YESTERDAY},
        {"payment_id": "P2", "receivable_id": "R1", "paid_on": YESTERDAY,
            "amount": Decimal("100.00"), "kind": "payment",
         "credited_on": YESTERDAY},
    ]  # fmt: skip
    return {
        "erp/customers": customers,
        "erp/receivables": receivables,
        "erp/payments": payments,
        "erp/receivables__quarantine": [],
    }


def plan_tables() -> Tables:
    """C1 gets a message, C2 a call; C3 waits, C4 (in dollars) waits, C5 disputes and is a case for
    a person; C6, who has paid, is thanked.
    """
    decided = {1: "remind", 2: "call", 3: "none", 4: "none", 5: "none"}
    reasons = {
        1: "step_due",
        2: "step_due",
        3: "waiting_interval",
        4: "waiting_next_step",
        5: "hold_dispute",
    }
    money = {
        "open_amount": Decimal("1000.00"),
        "fine": Decimal("20.00"),
        "interest": Decimal("4.67"),
        "amount_due": Decimal("1024.67"),
    }
    facts = [
        {"business_date": D, "source": "erp", "receivable_id": f"R{n}",
            "receivable_key": f"erp:R{n}", "customer_key": f"C{n}", "creditor": PRINCIPAL,
         "due_date": date(2026, 11, 3), "days_past_due": 15, "aging_band": "1-30",
         "currency": "USD" if n == 4 else "BRL",
         "amount": Decimal("1000.00"), "is_disputed": n == 5, **money}
        for n in decided
    ]  # fmt: skip
    decisions = [
        {"business_date": D, "source": "erp", "receivable_id": row["receivable_id"],
            "receivable_key": row["receivable_key"],
         "customer_key": row["customer_key"], "creditor": PRINCIPAL, "currency": row["currency"],
         "open_amount": row["open_amount"],
         "amount_due": row["amount_due"], "credit_applied": Decimal("0.00"),
         "days_past_due": 15, "decision": decided[n],
         "reason": reasons[n], "step": "d10",
         "step_offset": 10, "policy_version": "2026-01", "payer_class": "novo",
         "channel": {"remind": "email", "call": "phone"}.get(decided[n]),
         "message_key": f"M{n}" if decided[n] != "none" else None, "hold_until": None}
        for n, row in zip(decided, facts, strict=True)
    ]  # fmt: skip
    return {
        "fct_receivables": facts,
        "fct_aging": [
            {"business_date": D, "customer_key": row["customer_key"], "creditor": PRINCIPAL,
                "currency": row["currency"],
                "aging_band": "1-30",
             "receivables": 1, "open_amount": row["open_amount"], "amount_due": row["amount_due"]}
            for row in facts
        ],
        "fct_decisions": decisions,
        "dim_payer_ranking": [
            {"business_date": D, "customer_key": f"C{n}", "payer_class": "novo",
                "score": Decimal("50.00"),
             "open_overdue_amount": Decimal("1000.00")}
            for n in decided
        ],
        "out_reminders": [
            {"business_date": D, "message_key": "M1", "customer_key": "C1", "creditor": PRINCIPAL,
                "customer_name": "Cliente 1",
             "email": "c1@example.com", "phone": "+5511987654321", "channel": "email",
             "template": "second_notice",
             "step": "d10", "step_offset": 10, "receivable_key": "erp:R1", "currency": "BRL",
             "due_date": date(2026, 11, 3), "amount": Decimal("1000.00"),
             "contract_type": "consumer", "payer_class": "novo",
             "reason": "step_due", "credit_applied": Decimal("0.00"), **money}
        ],
        "fct_agreements": [
            {"business_date": D, "agreement_id": "A1", "customer_key": "C3", "state": "open",
             "receivables": 1}
        ],
        "dim_payer_aliases": [
            {"business_date": D, "source": "erp", "customer_id": f"{n}", "customer_key": f"C{n}"}
            for n in range(1, 7)
        ],
        "out_call_queue": [
            {"business_date": D, "message_key": "M2", "customer_key": "C2", "creditor": PRINCIPAL,
                "customer_name": "Cliente 2", "agent_id": "ana",
             "queue_position": 1, "priority": Decimal("870.00"),
             "priority_reason": "atraso de 15 dias",
             "phone": "+5511987654321", "reason": "step_due",
             "currency": "BRL", "open_amount": Decimal("1000.00"), "amount_due": Decimal("1024.67")}
        ],
        "out_joined_calls": [],
        "out_escalations": [
            {"business_date": D, "customer_key": "C5", "creditor": PRINCIPAL,
             "customer_name": "Cliente 5",
             "reason": "hold_dispute", "currency": "BRL", "receivables": 1,
             "open_amount": Decimal("1000.00"), "amount_due": Decimal("1024.67"),
             "days_past_due": 15, "policy_version": "2026-01", "reasons": "hold_dispute",
             "since_on": date(2026, 11, 4), "responsible": "supervisao"}
        ],
        "fct_next_steps": [
            {"business_date": D, "customer_key": f"C{n}", "creditor": PRINCIPAL, "step": "d20",
             "step_on": date(2026, 11, 23)}
            for n in (3, 4)
        ],
        "out_surveys": [
            {"business_date": D, "customer_key": "C6", "creditor": PRINCIPAL,
                "email": "c6@example.com",
                "source": "erp",
                "receivable_id": "R6",
             "receivable_key": "erp:R6"}
        ],
    }  # fmt: skip


def joined_call(**values) -> dict:
    """A creditor who shares the call to C2, who owes it R2."""
    return {
        "business_date": D,
        "message_key": "M2",
        "customer_key": "C2",
        "creditor": "atacado",
        "agent_id": "ana",
        "currency": "BRL",
        "open_amount": Decimal("1000.00"),
        "amount_due": Decimal("1024.67"),
    } | values


FIRST = {
    name: dict.fromkeys(rows[0] if rows else joined_call()) for name, rows in plan_tables().items()
}


def draft(
    settings: Settings,
    tables: Tables,
    previous: Manifest | None = None,
    business_date: date = D,
    **overrides,
) -> Draft:
    """Write a draft of the landing; ``overrides`` replace a file's declared figures by table
    (``rows`` or ``totals``).
    """
    folder = manifest.draft_folder(settings.folder("landing", business_date, "sources"), "test")
    entries = []
    for name, rows in tables.items():
        source, _, entity = name.partition("/")
        is_quarantine = entity.endswith("__quarantine")
        schema = QUARANTINE if is_quarantine else ENTITIES[entity]
        table = pa.Table.from_pylist([{"source": source, **row} for row in rows], schema=schema)
        totals = {}
        if entity == "receivables":
            for row in rows:
                total = f"amount {row['currency']}"
                totals[total] = str(Decimal(totals.get(total, 0)) + (row["amount"] or 0))
        if entity == "payments":
            totals = {"amount BRL": str(sum((row["amount"] for row in rows), Decimal("0.00")))}
        entries.append(_write(folder, f"{name}.parquet", table, overrides.get(name, totals)))
    return Draft(folder, entries, previous, business_date)


def land(settings: Settings, tables: Tables, business_date: date = D) -> Manifest:
    """Publish a landing without any check, together with the policy."""
    made = draft(settings, tables, business_date=business_date)
    publish_policy(settings, business_date)
    land_feedback(settings, business_date=business_date)
    root = settings.folder("landing", business_date, "sources")
    return manifest.publish(
        root, made.folder, kind="sources", business_date=business_date, files=made.entries
    )


def land_feedback(settings: Settings, business_date: date = D, **tables: list[dict]) -> Manifest:
    """Publish what the ledger knew: nothing, but for the given tables."""
    root = settings.folder("landing", business_date, "feedback")
    folder = manifest.draft_folder(root, "test")
    entries = [
        _write(folder, f"{name}.parquet", pa.Table.from_pylist(tables.get(name, []), schema=schema))
        for name, schema in FEEDBACK.items()
    ]
    return manifest.publish(
        root, folder, kind="feedback", business_date=business_date, files=entries
    )


def candidate(
    settings: Settings, tables: Tables, spoil: Callable[[str, pa.Table], pa.Table] | None = None
) -> Manifest:
    """Write a candidate plan; ``spoil`` may change a table's types."""
    root = settings.folder("outbound", D) / ".candidate"
    folder = manifest.draft_folder(root, "test")
    entries = []
    for name, rows in tables.items():
        schema = pa.schema([(column, KINDS.get(column, TEXT)) for column in FIRST[name]])
        table = pa.Table.from_pylist(rows, schema=schema)
        entries.append(_write(folder, f"{name}.parquet", spoil(name, table) if spoil else table))
    inputs = {
        part: manifest.read_manifest(settings.folder("landing", D, part)).batch_id
        for part in ("sources", "policy")
        if settings.folder("landing", D, part).exists()
    }
    return manifest.publish(
        root, folder, kind="candidate", business_date=D, files=entries, inputs=inputs
    )


def _write(folder: Path, name: str, table: pa.Table, totals: dict | None = None) -> FileEntry:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return FileEntry.of(folder, name, table.num_rows, totals)
