"""Two nights of a small company whose payments are booked later, dated ahead, or seen only once."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from cobranca.explain.narrate import explain
from cobranca.labels import REASONS, in_sentence
from cobranca.ledger.tables import contacts
from cobranca.money import format_money
from cobranca.night import STAGES
from nights.small_company import SmallCompany

pytestmark = pytest.mark.timeout(900)

FIRST, NEXT = date(2026, 11, 18), date(2026, 11, 19)
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
CONTACTS = sa.select(contacts.c.business_date, contacts.c.episode_key, contacts.c.state)
PLAN = ("feedback", "land", "build", "gate")


def run(company: SmallCompany, business_date: date, *stages: str) -> None:
    for stage in stages:
        STAGES[stage](company.settings, business_date)


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    place = SmallCompany(tmp_path_factory.mktemp("payments"), NEXT)
    place.payers(*HABITS, *AHEAD, phone=None)
    for name, habit in HABITS.items():
        for number, due in enumerate(DUE):
            place.owes(name, number, due.isoformat(), "100.00", issue_date="2026-03-01")
            for days, amount, kind in habit:
                paid_on = (due + timedelta(days=days)).isoformat()
                place.pays(f"{name}{number}", paid_on, amount, kind=kind)
    for name, ahead in AHEAD.items():
        place.owes(name, name, "2026-11-03", "1000.00", issue_date="2026-10-01")
        for day, amount in ahead:
            place.pays(name, day, amount)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.environment.items():
            patch.setenv(name, value)
        run(place, FIRST, *PLAN)
        place.pays("seen_once", FIRST.isoformat(), "1000.00")
        run(place, FIRST, "reminders")
        place.change("delete from payments where receivable_id = 'seen_once'")
        run(place, NEXT, *PLAN, "reminders")
        yield place


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
    found = decided(company, NEXT)
    assert found["seen_once"][:2] == ("escalate", "sources_disagree")
    query = "select reason, open_amount from {} where reason <> 'within_tolerance'"
    assert company.rows(NEXT, "out_escalations", query) == [("sources_disagree", 1000)]
    for name in ("nothing", "part", "mistyped"):
        assert found[name][0] == "none" and found[name][1].startswith("waiting_"), name
    assert found["whole"][:2] == ("none", "payment_scheduled")
