"""Two nights of a small company: what a letter named was said, to the payer who got it.

On the 9th the letters leave. On the 10th the oldest debts are paid, a source corrects whose an
invoice is, and learns a tax id. On the 11th everyone goes on from the debt's own place.
"""

from datetime import date

import pytest
import sqlalchemy as sa

from cobranca.ledger.tables import contact_items, contacts
from nights.small_company import SmallCompany

pytestmark = pytest.mark.timeout(900)

MONDAY, WEDNESDAY = date(2026, 11, 9), date(2026, 11, 11)
# Of each payer the open debts and their due dates. On Monday what fell due on Friday the 6th is in
# its clearing days, so that no letter lists it.
DUE = {
    "not_named": {"NX": "2026-10-20", "NY": "2026-11-06"},
    "named": {"BX": "2026-10-20", "BY": "2026-11-04"},
    "alone": {"CY": "2026-11-06"},
    "wrong": {"WX": "2026-11-04"},
    "right": {},
    "renamed": {"KX": "2026-11-04"},
}
# The source learns that of the last one between the nights.
TAX_IDS = ("11122230109", "22233340248", "33344450387", "44455560426", "55566670565", None)
LEARNED = "52998224725"


def said(company: SmallCompany, night: date) -> dict[str, tuple[str, str, str]]:
    """By the debt that a message lists: the debt that it is about, step and state."""
    query = sa.select(
        contact_items.c.receivable_key,
        contacts.c.episode_key,
        contacts.c.step,
        contacts.c.state,
    ).join(contacts, contacts.c.message_key == contact_items.c.message_key)
    rows = company.recorded(query.where(contacts.c.business_date == night))
    assert len({key for key, *_ in rows}) == len(rows), "no debt in two messages of a night"
    return {
        key.removeprefix("crm:"): (episode.removeprefix("crm:"), step, state)
        for key, episode, step, state in rows
    }


@pytest.fixture(scope="module")
def company(tmp_path_factory) -> SmallCompany:
    """Six payers, who have an e-mail address and no telephone."""
    place = SmallCompany(tmp_path_factory.mktemp("named"), WEDNESDAY)
    for (name, debts), tax_id in zip(DUE.items(), TAX_IDS, strict=True):
        place.payers(name, phone=None, tax_id=tax_id)
        for key, due in debts.items():
            place.owes(name, key, due, "100.00", issue_date="2026-09-01")
    done = place.night_here(MONDAY, "--until", "reminders")
    assert done.returncode == 0, done.stdout + done.stderr
    assert said(place, MONDAY) == {
        "NX": ("NX", "d+10", "sent"),
        "BX": ("BX", "d+10", "sent"),
        "BY": ("BX", "d+10", "sent"),
        "WX": ("WX", "d+1", "sent"),
        "KX": ("KX", "d+1", "sent"),
    }
    for key in ("NX", "BX"):
        place.pays(key, "2026-11-10", "100.00")
    place.change(
        "update receivables set customer_id = 'right' where receivable_id = 'WX';"
        f"update customers set tax_id = '{LEARNED}' where customer_id = 'renamed'"
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
        pytest.param("KX", "d+3", id="a payer whose tax id was learned is the same"),
    ],
)
def test_a_debt_goes_on_from_its_own_place(company, debt, step):
    """Each message left: the ledger refuses none of what the plan decided."""
    assert said(company, WEDNESDAY)[debt] == (debt, step, "sent")


def test_nobody_else_is_written_to(company):
    assert said(company, WEDNESDAY).keys() == {"NY", "CY", "BY", "WX", "KX"}
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
    assert "outro cliente" not in text
    text = company.here("why", "--customer", "crm:right", *day).stdout
    assert "Era de outro cliente, contatado em 09/11/2026; o que se disse a ele não conta." in text
    assert "Contatos até a véspera: nenhum" in text
