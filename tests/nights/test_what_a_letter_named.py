"""Two nights of a small company: what a letter named was said, to the payer who got it.

On the 9th the letters leave. On the 10th the oldest debts are paid, a source corrects whose an
invoice is, and a tax id. On the 11th everyone goes on from the debt's own place.
"""

import contextlib
import shutil
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cobranca.ledger.tables import contact_items, contacts
from cobranca.settings import PROJECT_ROOT
from nights.installation import Installation

pytestmark = pytest.mark.timeout(900)

MONDAY, WEDNESDAY = date(2026, 11, 9), date(2026, 11, 11)
SOURCE = """\
source: crm
connection: crm
entities:
  customers: {query: select * from customers}
  receivables: {query: select * from receivables}
  payments: {query: select * from payments}
"""
TABLES = """
    create table customers (customer_id, name, tax_id, email, state, contract_type);
    create table receivables (receivable_id, customer_id, issue_date, due_date, amount);
    create table payments (payment_id, receivable_id, paid_on, amount);
"""
# Of each payer the open debts and their due dates. On Monday what fell due on Friday the 6th is in
# its clearing days, so that no letter lists it.
DUE = {
    "not_named": {"NX": "2026-10-20", "NY": "2026-11-06"},
    "named": {"BX": "2026-10-20", "BY": "2026-11-04"},
    "alone": {"CY": "2026-11-06"},
    "wrong": {"WX": "2026-11-04"},
    "right": {},
    "renamed": {"KX": "2026-11-04"},
    # whoever pays something every day keeps the payments fresh
    "daily": {"D": "2040-01-02"},
}
TAX_IDS = ("11122230109", "22233340248", "33344450387", "44455560426", "55566670565")
CORRECTED = "52998224725"


class Company(Installation):
    """One source with seven payers, who have an e-mail address and no telephone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.crm = folder / "crm.db"
        self.environment["AIRFLOW_CONN_CRM"] = f"sqlite:///{self.crm}"
        shutil.copytree(PROJECT_ROOT / "include" / "config", self.config)
        for path in (self.config / "sources").glob("*.yml"):
            path.unlink()
        (self.config / "sources" / "crm.yml").write_text(SOURCE, encoding="utf-8")
        self.write(TABLES)
        tax_ids = dict(zip((name for name in DUE if name != "daily"), TAX_IDS, strict=False))
        for name, debts in DUE.items():
            tax_id = f"'{tax_ids[name]}'" if name in tax_ids else "null"
            self.write(
                f"insert into customers values ('{name}', 'Ana Prado', {tax_id}, "
                f"'{name}@example.com', 'SP', 'consumer')"
            )
            for key, due in debts.items():
                self.write(
                    f"insert into receivables values ('{key}', '{name}', '2026-09-01', '{due}', "
                    "'100.00')"
                )
        for days in range(60):
            self.pay("D", WEDNESDAY - timedelta(days=days), "0.01")

    def write(self, statements: str) -> None:
        with contextlib.closing(sqlite3.connect(self.crm)) as source:
            source.executescript(statements)

    def pay(self, key: str, on: date, amount: str = "100.00") -> None:
        self.write(f"insert into payments values ('{key}-{on}', '{key}', '{on}', '{amount}')")

    def told(self, night: date) -> dict[str, tuple[str, str, str]]:
        """By the debt that a message lists: the debt that it is about, step and state."""
        query = sa.select(
            contact_items.c.receivable_key,
            contacts.c.episode_key,
            contacts.c.step,
            contacts.c.state,
        ).join(contacts, contacts.c.message_key == contact_items.c.message_key)
        rows = self._ledger(query.where(contacts.c.business_date == night))
        assert len({key for key, *_ in rows}) == len(rows), "no debt in two messages of a night"
        return {
            key.removeprefix("crm:"): (episode.removeprefix("crm:"), step, state)
            for key, episode, step, state in rows
        }


@pytest.fixture(scope="module")
def company(tmp_path_factory) -> Company:
    place = Company(tmp_path_factory.mktemp("named"))
    done = place.night_here(MONDAY, "--until", "reminders")
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.told(MONDAY) == {
        "NX": ("NX", "d+10", "sent"),
        "BX": ("BX", "d+10", "sent"),
        "BY": ("BX", "d+10", "sent"),
        "WX": ("WX", "d+1", "sent"),
        "KX": ("KX", "d+1", "sent"),
    }
    for key in ("NX", "BX"):
        place.pay(key, date(2026, 11, 10))
    place.write(
        "update receivables set customer_id = 'right' where receivable_id = 'WX';"
        f"update customers set tax_id = '{CORRECTED}' where customer_id = 'renamed'"
    )
    done = place.night_here(WEDNESDAY, "--until", "reminders")
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.mark.parametrize(
    ("debt", "step"),
    [
        pytest.param("NY", "d+1", id="a debt that no letter listed begins anew"),
        pytest.param("CY", "d+1", id="as one that stood alone"),
        pytest.param("BY", "d+7", id="one listed on its fifth day goes on from there"),
        pytest.param("WX", "d+1", id="one that moved begins with its true payer"),
        pytest.param("KX", "d+3", id="a payer under a corrected tax id is the same"),
    ],
)
def test_a_debt_goes_on_from_its_own_place(company, debt, step):
    """Each message left: the ledger refuses none of what the plan decided."""
    assert company.told(WEDNESDAY)[debt] == (debt, step, "sent")


def test_nobody_else_is_written_to(company):
    assert company.told(WEDNESDAY).keys() == {"NY", "CY", "BY", "WX", "KX"}
    letters = sorted(
        path.read_text(encoding="utf-8").split("\nTo: ")[1].split("@")[0].split("<")[-1]
        for path in company.settings.folder("outbox", WEDNESDAY).glob("*.eml")
    )
    assert letters == ["alone", "named", "not_named", "renamed", "right"]


def test_it_is_explained_by_which_letter_a_debt_was_named(company):
    day = ("--business-date", WEDNESDAY.isoformat())
    text = company.here("why", "--customer", "crm:named", *day).stdout
    assert "Último passo dado: d+5" in text
    assert "em 09/11/2026, citado no contato sobre outro título (d+10)." in text
    text = company.here("why", "--customer", "crm:renamed", *day).stdout
    assert "Último passo dado: d+1" in text and "citado" not in text
