"""Two nights of a small company whose payments are booked later, dated ahead, or seen only once."""

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from cobranca.explain.narrate import explain
from cobranca.labels import REASONS, in_sentence
from cobranca.ledger.tables import contacts
from cobranca.money import format_money
from nights.installation import FIRST, SECOND
from nights.situations import AHEAD, DUE, HABITS
from nights.small_company import SmallCompany

pytestmark = pytest.mark.timeout(900)

CONTACTS = sa.select(contacts.c.business_date, contacts.c.episode_key, contacts.c.state).where(
    contacts.c.episode_key.in_(
        [f"crm:{name}" for name in AHEAD]
        + [f"crm:{name}{number}" for name in HABITS for number in range(len(DUE))]
    )
)


def decided(company: SmallCompany, business_date: date) -> dict[str, tuple]:
    query = "select receivable_id, decision, reason, hold_until, open_amount from {}"
    return {key: tuple(row) for key, *row in company.rows(business_date, "fct_decisions", query)}


def test_what_is_booked_after_the_settlement_changes_no_rank(company):
    ranked = {
        name.removesuffix(" Prado"): tuple(rest)
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
    found = decided(company, FIRST)
    for name in ("nothing", "part", "mistyped", "seen_once"):
        assert (found[name][0], found[name][3]) == ("remind", 1000), name
    assert found["whole"][:2] == ("none", "payment_scheduled")
    # 5 January 2027 is a Tuesday, and a bank day passes until it has cleared
    assert found["whole"][2] == date(2027, 1, 6)
    sent = {(FIRST, f"crm:{name}", "sent") for name in ("nothing", "part", "mistyped")}
    assert set(company.recorded(CONTACTS)) == sent | {(FIRST, "crm:seen_once", "cancelled_paid")}
    text = explain(company.settings, "crm:whole", FIRST)
    assert in_sentence(REASONS["payment_scheduled"]) in text
    assert "Vale até 06/01/2027" in text
    assert f"Pagamento programado até 05/01/2027: {format_money(Decimal(1000), 'BRL')}," in text


def test_a_payment_that_only_the_last_check_saw_goes_to_a_person(company):
    found = decided(company, SECOND)
    assert found["seen_once"][:2] == ("escalate", "sources_disagree")
    names = ", ".join(f"'{name} Prado'" for name in (*AHEAD, *HABITS))
    query = (
        "select reason, open_amount from {} where reason <> 'within_tolerance' "
        f"and customer_name in ({names})"
    )
    assert company.rows(SECOND, "out_escalations", query) == [("sources_disagree", 1000)]
    for name in ("nothing", "part", "mistyped"):
        assert found[name][0] == "none" and found[name][1].startswith("waiting_"), name
    assert found["whole"][:2] == ("none", "payment_scheduled")
