"""Two nights of a small company whose payments are booked later, dated ahead, or seen only once."""

import contextlib
import shutil
import sqlite3
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from cobranca import night
from cobranca.explain.narrate import explain
from cobranca.labels import REASONS, in_sentence
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts
from cobranca.money import format_money
from cobranca.partitions.manifest import read_manifest
from cobranca.settings import PROJECT_ROOT, Settings

pytestmark = pytest.mark.timeout(900)

FIRST, NEXT = date(2026, 11, 18), date(2026, 11, 19)
SOURCE = """\
source: crm
connection: crm
entities:
  customers:
    query: select id as customer_id, name, email, state, 'consumer' as contract_type from customers
  receivables:
    query: select id as receivable_id, customer as customer_id, issued as issue_date,
      due as due_date, amount from receivables
  payments:
    query: select id as payment_id, receivable as receivable_id, day as paid_on, amount, kind
      from payments
"""
TABLES = """
create table customers (id text, name text, email text, state text);
create table receivables (id text, customer text, issued text, due text, amount text);
create table payments (id text, receivable text, day text, amount text, kind text);
"""
# How each pays six receivables of 100.00: days after the due date, amount and kind.
HABITS = {
    "bonus": [(0, "100.00", "payment"), (45, "5.00", "credit_note")],
    "twice": [(0, "100.00", "payment"), (45, "100.00", "payment")],
    "given_back": [
        (0, "100.00", "payment"),
        (45, "100.00", "payment"),
        (50, "100.00", "reversal"),
    ],
    "lost_cents": [(0, "99.00", "payment"), (45, "1.00", "write_off")],
    "left_cents": [(0, "99.00", "payment")],
    "on_time": [(0, "100.00", "payment")],
    "late": [(1, "100.00", "payment")],
    "bounced": [(0, "100.00", "payment"), (3, "100.00", "reversal"), (40, "100.00", "payment")],
}
DUE = [date(2026, month, 10) for month in (3, 4, 6, 7, 8, 9)]
# What the source has of each payer's one overdue receivable of 1 000.00: day and amount.
AHEAD = {
    "nothing": [],
    "part": [("2026-12-05", "100.00")],
    "whole": [("2026-12-05", "600.00"), ("2027-01-05", "400.00")],
    "mistyped": [("2062-12-05", "1000.00")],
    # a payment that is there when the message would leave, and gone before the next night
    "seen_once": [],
}


class Company:
    """A company on one SQLite database, its settings, and the stages of its nights."""

    def __init__(self, folder: Path):
        shutil.copytree(PROJECT_ROOT / "include" / "config", folder / "config")
        for source in (folder / "config" / "sources").glob("*.yml"):
            source.unlink()
        (folder / "config" / "sources" / "crm.yml").write_text(SOURCE, encoding="utf-8")
        self.database = folder / "crm.db"
        self.environment = {
            "COBRANCA_CONFIG": str(folder / "config"),
            "COBRANCA_DATA": str(folder / "data"),
            "AIRFLOW_CONN_CRM": f"sqlite:///{self.database}",
        }
        self.settings = Settings.from_environment(self.environment)

    def write(self, *statements: tuple[str, list[tuple]]) -> None:
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            for statement, rows in statements:
                connection.executemany(statement, rows)
            connection.commit()

    def fill(self) -> None:
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            connection.executescript(TABLES)
        receivables = [
            (f"{name}-{due.month}", name, "2026-03-01", due.isoformat(), "100.00")
            for name in HABITS
            for due in DUE
        ]
        receivables += [(name, name, "2026-10-01", "2026-11-03", "1000.00") for name in AHEAD]
        payments = [
            (f"{name}-{due.month}-{days}-{kind}", f"{name}-{due.month}", due + timedelta(days=days),
             amount, kind)
            for name, habit in HABITS.items()
            for due in DUE
            for days, amount, kind in habit
        ]  # fmt: skip
        payments += [
            (f"{name}-{day}", name, day, amount, "payment")
            for name, ahead in AHEAD.items()
            for day, amount in ahead
        ]
        # one who pays a cent every day, so that the payments are never too old
        receivables.append(("daily", "daily", "2026-03-01", "2030-01-02", "100.00"))
        payments += [
            (f"daily-{days}", "daily", NEXT - timedelta(days=days), "0.01", "payment")
            for days in range(30)
        ]
        self.write(
            (
                "insert into customers values (?, ?, ?, 'SP')",
                [
                    (name, f"Pessoa {name}", f"{name}@example.com")
                    for name in [*HABITS, *AHEAD, "daily"]
                ],
            ),
            ("insert into receivables values (?, ?, ?, ?, ?)", receivables),
            (
                "insert into payments values (?, ?, ?, ?, ?)",
                [(*row[:2], str(row[2]), *row[3:]) for row in payments],
            ),
        )

    def plan(self, business_date: date) -> None:
        for stage in ("feedback", "land", "build", "gate"):
            night.STAGES[stage](self.settings, business_date)

    def rows(self, business_date: date, table: str, query: str) -> list[tuple]:
        batch = read_manifest(self.settings.folder("outbound", business_date))
        return duckdb.sql(
            query.format(f"read_parquet('{batch.path(table + '.parquet')}')")
        ).fetchall()

    def decided(self, business_date: date) -> dict[str, tuple]:
        return {
            name: tuple(rest)
            for name, *rest in self.rows(
                business_date,
                "fct_decisions",
                "select receivable_id, decision, reason, hold_until, open_amount from {}",
            )
        }

    def contacts(self) -> set[tuple]:
        engine = open_ledger(self.settings.ledger)
        try:
            with engine.connect() as connection:
                query = sa.select(
                    contacts.c.business_date, contacts.c.episode_key, contacts.c.state
                )
                return {tuple(row) for row in connection.execute(query)}
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    place = Company(tmp_path_factory.mktemp("payments"))
    place.fill()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.environment.items():
            patch.setenv(name, value)
        place.plan(FIRST)
        place.write(
            (
                "insert into payments values (?, ?, ?, ?, ?)",
                [("seen", "seen_once", FIRST.isoformat(), "1000.00", "payment")],
            )
        )
        night.STAGES["reminders"](place.settings, FIRST)
        place.write(("delete from payments where id = ?", [("seen",)]))
        place.plan(NEXT)
        night.STAGES["reminders"](place.settings, NEXT)
        yield place


def test_what_is_booked_after_the_settlement_changes_no_rank(company):
    ranked = {
        name.removeprefix("Pessoa "): tuple(rest)
        for name, *rest in company.rows(
            FIRST,
            "dim_payer_ranking",
            "select customer_name, payer_class, score, settled_receivables, max_days_late, "
            "open_overdue_amount from {}",
        )
    }
    punctual = ranked["on_time"]
    assert punctual[0] == "pontual" and punctual[2:4] == (6, 0)
    alike = ("bonus", "twice", "given_back", "lost_cents", "left_cents")
    assert {name: ranked[name] for name in alike} == dict.fromkeys(alike, punctual)
    assert ranked["late"][0] == "viciado" and ranked["late"][2:4] == (6, 1)
    assert ranked["bounced"][2:4] == (6, 40)


def test_a_payment_of_a_later_date_is_neither_taken_for_paid_nor_asked_for_again(company):
    decided = company.decided(FIRST)
    for name in ("nothing", "part", "mistyped", "seen_once"):
        assert (decided[name][0], decided[name][3]) == ("remind", 1000), name
    assert decided["whole"][:2] == ("none", "payment_scheduled")
    # 5 January 2027 is a Tuesday, and a bank day passes until it has cleared
    assert decided["whole"][2] == date(2027, 1, 6)
    sent = {(FIRST, f"crm:{name}", "sent") for name in ("nothing", "part", "mistyped")}
    assert company.contacts() == sent | {(FIRST, "crm:seen_once", "cancelled_paid")}
    text = explain(company.settings, "crm:whole", FIRST)
    assert in_sentence(REASONS["payment_scheduled"]) in text
    assert "Vale até 06/01/2027" in text
    assert f"Pagamento programado até 05/01/2027: {format_money(Decimal(1000), 'BRL')}," in text


def test_a_payment_that_only_the_last_check_saw_goes_to_a_person(company):
    decided = company.decided(NEXT)
    assert decided["seen_once"][:2] == ("escalate", "sources_disagree")
    query = "select reason, open_amount from {} where reason <> 'within_tolerance'"
    assert company.rows(NEXT, "out_escalations", query) == [("sources_disagree", 1000)]
    for name in ("nothing", "part", "mistyped"):
        assert decided[name][0] == "none" and decided[name][1].startswith("waiting_"), name
    assert decided["whole"][:2] == ("none", "payment_scheduled")
