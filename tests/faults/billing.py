"""Billing database in SQLite, as ``config/sources/billing.yml`` reads it."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from cobranca.settings import Settings

TABLES = (
    "create table if not exists account (id text primary key, legal_name text, document text, "
    "email text, phone text, city text, "
    "region text, plan text, kind text, updated_at text)",
    "create table if not exists invoice (id text primary key, account_id text, number text, "
    "sequence text, issued_on text, "
    "due_on text, total_cents integer, currency text, state text, in_dispute integer, "
    "barcode_line text, pix text, url text, "
    "updated_at text)",
    "create table if not exists invoice_payment (id text primary key, invoice_id text, "
    "received_on text, amount_cents integer, "
    "type text, method text, updated_at text)",
    "create index if not exists payments_of on invoice_payment (invoice_id)",
)
CHANGED = "2026-11-18 09:00:00"


def create_billing(billing: sqlite3.Connection, rows: Iterable[dict] = ()) -> None:
    """Create absent tables, and insert the payers and receivables of a plan's rows."""
    for statement in TABLES:
        billing.execute(statement)
    accounts, invoices = [], []
    for row in rows:
        accounts.append(
            (f"A{row['receivable_id']}", row["customer_name"], row["email"], row["state"], CHANGED)
        )
        cents = int(row["amount"] * 100)
        due = f"{row['due_date']:%Y%m%d}"
        invoices.append(
            (row["receivable_id"], f"A{row['receivable_id']}", due, cents, row["currency"], CHANGED)
        )
    billing.executemany(
        "insert into account (id, legal_name, email, region, kind, updated_at) values (?, ?, ?, "
        "?, 'person', ?)",
        accounts,
    )
    billing.executemany(
        "insert into invoice (id, account_id, due_on, total_cents, currency, state, in_dispute, "
        "updated_at) "
        "values (?, ?, ?, ?, ?, 'open', 0, ?)",
        invoices,
    )
    billing.commit()


def pay(billing: sqlite3.Connection, receivable_id: str, cents: int, payment_id: str) -> None:
    """Insert a payment."""
    billing.execute(
        "insert or ignore into invoice_payment values (?, ?, '20261118', ?, 'payment', 'pix', ?)",
        (payment_id, receivable_id, cents, CHANGED),
    )
    billing.commit()


def add_return_files(settings: Settings, folder: Path) -> None:
    """Read payments from the bank's return files in ``folder`` too, not only from the database."""
    path = settings.config / "sources" / "billing.yml"
    cnab = "    cnab: {files: '*.ret', layout: bradesco400, bank: '237'}\n"
    text = path.read_text(encoding="utf-8").replace("  payments:\n", f"  payments:\n{cnab}")
    path.write_text(f"folder: {folder}\n{text}", encoding="utf-8")
