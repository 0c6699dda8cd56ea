"""Approved batches for the reports' tests: one real night, and copies of it in which chosen tables
are changed.
"""

import random
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

from cobranca import warehouse
from cobranca.partitions import outbound_partition
from cobranca.partitions.manifest import FileEntry, Manifest, draft_folder, publish
from cobranca.partitions.verdict import Check, Verdict, read_verdict, write_verdict
from cobranca.settings import PROJECT_ROOT, Settings
from warehouse.nights import contact, customer, key_of, land_night, payment, receivable

NIGHT = date(2026, 11, 18)
# Things that may stand in a register and must not stand in a report.
TAX_IDS = ("52998224725", "529.982.247-25", "11222333000181")
MAILBOX = "maria.silva@example.com"
NAMES = (
    "Maria Silva 52998224725",
    "João 529.982.247-25",
    "=HYPERLINK(0)",
    "Padaria <b>Ipê</b> & Filhos",
    f"Ana {MAILBOX}",
)


def settings_in(folder: Path) -> Settings:
    return Settings(
        config=PROJECT_ROOT / "include" / "config",
        data=folder,
        warehouse=f"duckdb:///{folder / 'warehouse.duckdb'}",
        ledger=f"sqlite:///{folder / 'ledger.db'}",
        delivery="outbox",
    )


def company(seed: int = 3, payers: int = 30) -> dict[str, list[dict]]:
    """Two years of monthly receivables in two currencies, some late, some never paid, some written
    off.
    """
    chance = random.Random(seed)
    customers, receivables, payments = [], [], []
    for number in range(payers):
        name = NAMES[number] if number < len(NAMES) else f"Cliente {number}"
        customers.append(
            customer(
                str(number), name=name, email=MAILBOX, tax_id=TAX_IDS[0] if number == 0 else None
            )
        )
        currency = "USD" if number % 6 == 5 else "BRL"
        for months in range(24):
            due = NIGHT - timedelta(days=30 * months - 20 + number % 9)
            key, amount = f"{number}-{months}", Decimal(chance.randrange(1_000, 900_000)) / 100
            receivables.append(
                receivable(
                    key,
                    str(number),
                    due.isoformat(),
                    str(amount),
                    issue_date=due - timedelta(days=30),
                    currency=currency,
                )
            )
            delay = chance.choice([-5, 0, 0, 1, 2, 8, 20, 45, 100, None])
            if number < len(NAMES):
                delay = None if months < 8 else 0  # the odd names are the large debtors
            if delay is not None and due + timedelta(days=delay) <= NIGHT:
                kind = "write_off" if delay == 100 else "payment"
                payments.append(
                    payment(
                        key, key, (due + timedelta(days=delay)).isoformat(), str(amount), kind=kind
                    )
                )
    return {"customers": customers, "receivables": receivables, "payments": payments}


def feedback() -> dict[str, list[dict]]:
    """Contacts, promises and an agreement with the large debtors, old enough to be measured."""
    payers = [key_of(str(number)) for number in range(1, 5)]
    day = NIGHT - timedelta(days=20)
    state = {0: "rejected"}
    contacts = [
        contact(day.isoformat(), payer, f"erp:{n}-0", "d+1", 1, state=state.get(n, "sent")) for n,
        payer in enumerate(payers)
    ]  # fmt: skip
    promise = {
        "made_on": day,
        "promised_on": day + timedelta(days=6),
        "currency": "BRL",
        "amount": Decimal("150.00"),
    }
    agreement = {
        "agreed_on": NIGHT - timedelta(days=25),
        "currency": "BRL",
        "amount": Decimal("99.90"),
        "installments": 3,
    }
    return {
        "contacts": contacts,
        "promises": [
            {"promise_id": f"P{n}", "customer_key": payer, "agent_id": "ana"} | promise
            for n, payer in enumerate(payers)
        ],
        "agreements": [
            {"agreement_id": "A1", "customer_key": payers[0], "agent_id": "ana"} | agreement
        ],
    }


def build_night(
    folder: Path, business_date: date = NIGHT, feedback=None, **entities: list[dict]
) -> tuple[Settings, Manifest]:
    """Land, build and freeze a real candidate."""
    settings = settings_in(folder)
    land_night(settings, business_date, feedback=feedback, **entities)
    return settings, warehouse.build(settings, business_date)


def approve(settings: Settings, batch: Manifest) -> None:
    """Publish a candidate with a passed verdict on that very batch."""
    check = Check("test", "plan", "critical", True, "0", "0")
    write_verdict(settings, Verdict.of(batch.business_date, batch.batch_id, "plan", [check], {}))
    outbound_partition.approve(settings, batch.business_date, batch)
    assert read_verdict(settings, batch.business_date, "plan").passed


def changed(folder: Path, batch: Manifest, **queries: str) -> Settings:
    """An installation whose approved batch is a copy in which ``table="select ... from {table}"``
    replaced these tables.
    """
    settings = settings_in(folder)
    root = outbound_partition.candidate_root(settings, batch.business_date)
    draft = draft_folder(root, "changed")
    files = []
    for entry in batch.files:
        table = entry.name.removesuffix(".parquet")
        query = queries.get(table, f"select * from {{{table}}}").format(
            **{table: f"read_parquet('{batch.path(entry.name)}')"}
        )
        rows = duckdb.execute(
            f"copy ({query}) to '{draft / entry.name}' (format parquet)"
        ).fetchone()[0]
        files.append(FileEntry.of(draft, entry.name, rows))
    candidate = publish(
        root,
        draft,
        kind="candidate",
        business_date=batch.business_date,
        files=files,
        inputs=batch.inputs,
    )
    approve(settings, candidate)
    return settings
