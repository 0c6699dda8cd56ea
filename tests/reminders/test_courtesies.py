"""Thank-yous and surveys: off by default, one for each settled debt, and checked like reminders."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from cobranca.errors import SourceError
from cobranca.labels import REASONS, in_sentence
from cobranca.ledger import open_ledger
from cobranca.ledger.state_reasons import WAITS_FOR_CONTACT_HOURS
from cobranca.ledger.tables import contacts
from cobranca.reminders import deliver, plan
from cobranca.reminders.delivery.pre_send_check import (
    CLOSED,
    NOT_IN_SOURCE,
    REOPENED,
    SOURCE_UNAVAILABLE,
    UNREADABLE,
)
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from cobranca.time_zone import TIME_ZONE
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, as_planned, message, noon, publish_plan, settled_debt

NEXT = TONIGHT + timedelta(days=1)
NOON = noon(TONIGHT)


@pytest.fixture(autouse=True)
def now(monkeypatch) -> dict[str, dict]:
    """What the source says now of a receivable, where it differs from the plan."""
    now: dict[str, dict] = {}

    def current_state(settings, source, ids, kept, day):
        return {
            key: replace(found, **now.get(key, {}))
            for key, found in as_planned(settings, source, ids).items()
        }

    monkeypatch.setattr("cobranca.sources.current_state.read_current_state", current_state)
    return now


def turn_on(settings, after_payment: str, survey_url: str | None = None) -> None:
    path = settings.config / "creditor.yml"
    text = path.read_text(encoding="utf-8").replace(
        "after_payment: none", f"after_payment: {after_payment}"
    )
    path.write_text(
        text.replace("survey_url: null", f"survey_url: {survey_url or 'null'}"), encoding="utf-8"
    )


def in_ledger(settings) -> list[tuple]:
    engine = open_ledger(settings.ledger)
    with engine.connect() as connection:
        columns = (contacts.c.business_date, contacts.c.template, contacts.c.step, contacts.c.state)
        found = connection.execute(sa.select(*columns).order_by(*columns)).all()
    engine.dispose()
    return [tuple(row) for row in found]


def test_thank_yous_are_off_by_default(settings):
    publish_plan(settings, [message(1)], surveys=[settled_debt(2)])
    assert deliver(settings, TONIGHT).planned == 1
    assert {template for _, template, _, _ in in_ledger(settings)} == {"first_notice"}


def test_thank_yous_are_sent_and_counted_with_the_reminders(settings):
    turn_on(settings, "thank_you")
    publish_plan(settings, [message(1)], surveys=[settled_debt(2), settled_debt(3)])
    counts = plan(settings, TONIGHT)
    assert (counts.planned, counts.held) == (3, 3)
    counts = deliver(settings, TONIGHT)
    assert (counts.planned, counts.sent) == (3, 3)
    thanks = [
        path
        for path in settings.folder("outbox", TONIGHT).glob("*.eml")
        if "Rita" in path.read_text(encoding="utf-8")
    ]
    assert len(thanks) == 2


def test_a_settled_debt_gets_no_second_survey(settings):
    turn_on(settings, "survey", "https://www.example.com.br/pesquisa")
    publish_plan(settings, [message(1)], surveys=[settled_debt(2)])
    publish_plan(
        settings,
        [message(4, night=NEXT)],
        night=NEXT,
        surveys=[settled_debt(2, NEXT), settled_debt(3, NEXT)],
    )
    assert deliver(settings, TONIGHT).sent == 2
    assert deliver(settings, TONIGHT).new == 0
    counts = deliver(settings, NEXT)
    assert (counts.planned, counts.sent, counts.suppressed) == (3, 2, 1)
    asked = [row for row in in_ledger(settings) if row[1] == "survey"]
    assert asked == [
        (TONIGHT, "survey", "survey", "sent"),
        (NEXT, "survey", "survey", "sent"),
        (NEXT, "survey", "survey", "suppressed"),
    ]


def thank_you_states(
    settings, *surveys: dict, clock: Callable[[], datetime] = NOON
) -> list[tuple[str, str | None]]:
    """The state and the reason of each thank-you after a delivery."""
    turn_on(settings, "thank_you")
    publish_plan(settings, [message(99)], surveys=surveys)
    deliver(
        settings,
        TONIGHT,
        clock=clock,
        channel=AcceptingChannel(),
        options=DeliveryOptions(max_wait_seconds=1),
    )
    engine = open_ledger(settings.ledger)
    with engine.connect() as connection:
        query = sa.select(contacts.c.state, contacts.c.state_reason).where(
            contacts.c.template == "thank_you"
        )
        found = connection.execute(query.order_by(contacts.c.customer_key)).all()
    engine.dispose()
    return [tuple(row) for row in found]


def test_thank_yous_wait_for_contact_hours_in_the_state_of_the_payer(settings):
    # 6:05 in Rio Branco.
    early = datetime(2026, 11, 18, 8, 5, tzinfo=TIME_ZONE)
    states = thank_you_states(
        settings, settled_debt(1, state="SP"), settled_debt(2, state="AC"), clock=lambda: early
    )
    assert states == [("sent", None), ("planned", WAITS_FOR_CONTACT_HOURS)]


PAID = {"amount": Decimal("100.00"), "paid": Decimal("100.00")}
CHECKS = [
    (PAID, ("sent", None)),
    (PAID | {"paid": Decimal("103.00")}, ("sent", None)),
    # Settled by the balance that the source states.
    (PAID | {"paid": Decimal("90.00"), "open_amount": Decimal("0.00")}, ("sent", None)),
    (PAID | {"paid": Decimal("0.00")}, ("cancelled", REOPENED)),
    (PAID | {"paid": Decimal("99.99")}, ("cancelled", REOPENED)),
    (PAID | {"deceased": True}, ("cancelled", in_sentence(REASONS["hold_deceased"]))),
    (PAID | {"legal_hold": True}, ("cancelled", in_sentence(REASONS["hold_legal"]))),
    (PAID | {"opt_out_email": True}, ("cancelled", in_sentence(REASONS["opted_out"]))),
    (PAID | {"opt_out_phone": True}, ("sent", None)),
    (PAID | {"disputed": True}, ("cancelled", in_sentence(REASONS["hold_dispute"]))),
    (PAID | {"status": "cancelled"}, ("cancelled", CLOSED)),
    ({"gone": True, "status": None}, ("cancelled", NOT_IN_SOURCE)),
    ({"unreadable": True}, ("planned", UNREADABLE)),
]


def test_thank_yous_pass_the_pre_send_check(settings, now):
    now |= {f"P{number}": found for number, (found, _) in enumerate(CHECKS)}
    assert thank_you_states(settings, *(settled_debt(number) for number in range(len(CHECKS)))) == [
        fate for _, fate in CHECKS
    ]


def test_a_source_that_does_not_answer_holds_thank_yous(settings, monkeypatch):
    def silent(settings, source, ids, kept, day):
        if source == "billing":
            raise SourceError("billing does not answer")
        return as_planned(settings, source, ids)

    monkeypatch.setattr("cobranca.sources.current_state.read_current_state", silent)
    states = thank_you_states(settings, settled_debt(1), settled_debt(2, source="billing"))
    assert states == [("sent", None), ("planned", SOURCE_UNAVAILABLE.format(source="billing"))]


def test_a_hold_entered_today_cancels_thank_yous(settings):
    with (settings.config / "holds.csv").open("a", encoding="utf-8") as holds:
        holds.write("receivable;erp;P2;legal;gerente;2026-11-18;2026-12-31\n")
    assert thank_you_states(settings, settled_debt(1), settled_debt(2)) == [
        ("sent", None),
        ("cancelled", in_sentence(REASONS["hold_legal"])),
    ]
