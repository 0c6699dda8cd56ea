"""A company of one source that a test writes row by row: what payers owe, paid and promised."""

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.tables import agreements, commitment_items, outcomes, promises
from creditor_files import copy_config
from nights.installation import Installation
from warehouse.nights import key_of

CUSTOMERS = ("customer_id", "name", "tax_id", "email", "phone", "state", "contract_type")
RECEIVABLES = (
    "receivable_id", "customer_id", "issue_date", "due_date", "amount", "currency", "status",
    "fine_rate", "monthly_interest_rate",
)  # fmt: skip
PAYMENTS = ("payment_id", "receivable_id", "customer_id", "paid_on", "amount", "kind", "currency")
TABLES = {"customers": CUSTOMERS, "receivables": RECEIVABLES, "payments": PAYMENTS}


class SmallCompany(Installation):
    """Its source is ``crm``; a payment of every day keeps its payments fresh."""

    def __init__(self, folder: Path, business_date: date) -> None:
        super().__init__(folder)
        self.crm = folder / "crm.db"
        self.environment["AIRFLOW_CONN_CRM"] = f"sqlite:///{self.crm}"
        copy_config(self.config)
        for path in (self.config / "sources").glob("*.yml"):
            path.unlink()
        (self.config / "sources" / "crm.yml").write_text(
            "source: crm\nconnection: crm\nentities:\n"
            + "".join(f"  {name}: {{query: select * from {name}}}\n" for name in TABLES),
            encoding="utf-8",
        )
        with sqlite3.connect(self.crm) as database:
            for name, columns in TABLES.items():
                database.execute(f"create table {name} ({', '.join(columns)})")
        self.add("customers", [{"customer_id": "fresh", "name": "Pagadora Diária", "state": "SP"}])
        self.add(
            "receivables",
            [{"receivable_id": "fresh", "customer_id": "fresh", "issue_date": "2024-01-02",
              "due_date": "2040-01-02", "amount": "100.00"}],
        )  # fmt: skip
        days = (business_date - timedelta(days=number) for number in range(-5, 30))
        self.add(
            "payments",
            [{"payment_id": f"fresh {day}", "receivable_id": "fresh", "paid_on": day.isoformat(),
              "amount": "0.01"} for day in days],
        )  # fmt: skip

    def add(self, table: str, rows: Iterable[Mapping[str, str | None]]) -> None:
        columns = TABLES[table]
        marks = ", ".join("?" * len(columns))
        with sqlite3.connect(self.crm) as database:
            database.executemany(
                f"insert into {table} values ({marks})",
                [tuple(row.get(name) for name in columns) for row in rows],
            )

    def change(self, statements: str) -> None:
        """Statements that a person of the company ran on the source."""
        with contextlib.closing(sqlite3.connect(self.crm)) as database:
            database.executescript(statements)

    def payers(self, *names: str, **columns: str | None) -> None:
        """Consumers of São Paulo who can be written to and called, one a name."""
        self.add(
            "customers",
            [{"customer_id": name, "name": f"{name} Prado", "state": "SP", "phone": "11987654321",
              "email": f"{name.lower()}@example.com", "contract_type": "consumer"} | columns
             for name in names],
        )  # fmt: skip

    def owes(self, customer: str, key: int | str, due: str, amount: str, **columns: str) -> None:
        """A receivable; one that has a number is called by its payer too."""
        self.add(
            "receivables",
            [{"receivable_id": key if isinstance(key, str) else f"{customer}{key}",
              "customer_id": customer, "due_date": due,
              "issue_date": "2026-05-01", "amount": amount} | columns],
        )  # fmt: skip

    def pays(self, receivable: str | None, paid_on: str, amount: str, **columns: str) -> None:
        with sqlite3.connect(self.crm) as database:
            ((count,),) = database.execute("select count(*) from payments").fetchall()
        self.add(
            "payments",
            [{"payment_id": f"p{count}", "receivable_id": receivable, "paid_on": paid_on,
              "amount": amount} | columns],
        )  # fmt: skip

    def decisions(self, business_date: date) -> dict[str, tuple]:
        """Decision, reason and what is asked, by receivable without its source."""
        query = "select receivable_id, decision, reason, asked_amount from {}"
        return {row[0]: row[1:] for row in self.rows(business_date, "fct_decisions", query)}

    def promised(
        self, customer: str, made_on: date, promised_on: date, amount: str, about: str | None = None
    ) -> None:
        """An agent recorded a promise, where ``about`` is given of that receivable."""
        promise = sa.insert(promises).values(
            promise_id=f"p{customer}",
            customer_key=key_of(customer, source="crm"),
            made_on=made_on,
            promised_on=promised_on,
            currency="BRL",
            amount=Decimal(amount),
            agent_id="ana",
        )
        named = sa.insert(commitment_items).values(
            commitment_id=f"p{customer}", receivable_key=f"crm:{about}", made_on=made_on
        )
        self._record(promise, *([named] if about else []))

    def agreed(
        self, customer: str, agreed_on: date, first_due_on: date, amount: str, installments: int
    ) -> None:
        """An agent recorded an agreement about the first receivable of a payer."""
        payer = {"customer_key": key_of(customer, source="crm"), "agent_id": "ana"}
        agreement = sa.insert(agreements).values(
            agreement_id=f"a{customer}",
            agreed_on=agreed_on,
            currency="BRL",
            amount=Decimal(amount),
            installments=installments,
            discount_rate=Decimal("0.05"),
            **payer,
        )
        outcome = sa.insert(outcomes).values(
            outcome_id=f"o{customer}",
            contacted_on=agreed_on,
            episode_key=f"crm:{customer}1",
            step="d+20",
            step_offset=20,
            code="ACORDO",
            follow_up_on=first_due_on,
            policy_version="1",
            **payer,
        )
        self._record(agreement, outcome)

    def _record(self, *statements: sa.Insert) -> None:
        self.data.mkdir(exist_ok=True)
        engine = open_ledger(self.settings.ledger)
        try:
            with engine.begin() as connection:
                for statement in statements:
                    connection.execute(statement)
        finally:
            engine.dispose()
