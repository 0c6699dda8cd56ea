"""Planning contacts: idempotent plans, what a newer plan replaces, and approval."""

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from cobranca.ledger.contact_planning import PlanConflict
from cobranca.ledger.state_reasons import (
    ALREADY_WRITTEN_TODAY,
    LATER_DATE_PLANNED,
    NOT_IN_NEWEST_PLAN,
    STEP_ALREADY_DONE,
    WAITS_FOR_APPROVAL,
)
from cobranca.ledger.states import CONTACT_STATES
from cobranca.ledger.tables import ENTERED, contact_items, contacts, runs
from ledger.clients import LedgerClients
from ledger.contact_rows import NIGHT, contact, insert_contacts, planned_contact, state_reasons

TOMORROW = NIGHT + timedelta(days=1)


def item(receivable_key: str, amount: str = "10.00") -> dict:
    return {
        "receivable_key": receivable_key,
        "currency": "BRL",
        "open_amount": Decimal(amount),
        "amount_due": Decimal(amount),
    }


def plan(ledger: LedgerClients, batch: str, *rows: dict, night=NIGHT, items=()) -> int:
    messages = [(row | {"batch_id": batch, "business_date": night}, items) for row in rows]
    return ledger.planner.plan(night, batch, [messages])


def test_the_same_batch_twice_changes_nothing(ledger):
    assert plan(ledger, "b1", planned_contact(1), planned_contact(2)) == 2
    before = state_reasons(ledger)
    assert plan(ledger, "b1", planned_contact(1), planned_contact(2)) == 0
    assert state_reasons(ledger) == before == {"m1": ("planned", None), "m2": ("planned", None)}


def test_the_same_batch_again_keeps_an_approval(ledger):
    for _ in range(2):
        plan(ledger, "b1", planned_contact(1, requires_approval=True))
        ledger.planner.approve(NIGHT, "b1", "ana")
    plan(ledger, "b1", planned_contact(1, requires_approval=True))
    assert ledger.lookups.count_unapproved(NIGHT) == {}


def test_each_plan_is_a_run_with_the_number_of_its_new_contacts(ledger):
    for _ in range(2):
        plan(ledger, "b1", planned_contact(1), planned_contact(2))
    query = sa.select(runs.c.business_date, runs.c.stage, runs.c.batch_id, runs.c.counts)
    with ledger.engine.connect() as connection:
        found = connection.execute(query.order_by(runs.c.finished_at)).all()
    assert [tuple(row) for row in found] == [
        (NIGHT, ENTERED, "b1", {"new": number}) for number in (2, 0)
    ]


def test_a_newer_batch_supersedes_contacts_that_it_does_not_hold(ledger):
    plan(ledger, "b1", planned_contact(1), planned_contact(2))
    assert plan(ledger, "b2", planned_contact(2), planned_contact(3)) == 1
    assert state_reasons(ledger) == {
        "m1": ("superseded", NOT_IN_NEWEST_PLAN),
        "m2": ("planned", None),
        "m3": ("planned", None),
    }
    plan(ledger, "b3", planned_contact(1))
    assert state_reasons(ledger)["m1"] == ("planned", None)


def test_a_newer_batch_replaces_the_items_of_a_planned_contact_only(ledger):
    plan(ledger, "b1", planned_contact(1), planned_contact(2), items=[item("erp:1")])
    ledger.worker.claim(NIGHT, "b1", "w1", limit=1, after="", lease_seconds=60)
    newer = [item("erp:1", "7.00"), item("erp:9")]
    plan(ledger, "b2", planned_contact(1), planned_contact(2), items=newer)
    query = sa.select(contact_items.c.message_key, contact_items.c.amount_due)
    with ledger.engine.connect() as connection:
        found = sorted(tuple(row) for row in connection.execute(query))
    assert found == [("m1", Decimal(10)), ("m2", Decimal(7)), ("m2", Decimal(10))]


def test_a_plan_of_a_later_date_expires_planned_contacts_of_earlier_dates(ledger):
    plan(ledger, "b1", planned_contact(1))
    plan(ledger, "b2", planned_contact(2), night=TOMORROW)
    assert state_reasons(ledger) == {
        "m1": ("expired", LATER_DATE_PLANNED),
        "m2": ("planned", None),
    }


def test_a_step_that_was_done_is_suppressed(ledger):
    insert_contacts(ledger, contact(1, state="sent"))
    plan(ledger, "b2", planned_contact(2, episode_key="erp:1"), night=TOMORROW)
    assert state_reasons(ledger)["m2"] == ("suppressed", STEP_ALREADY_DONE)


@pytest.mark.parametrize("state", [state for state in CONTACT_STATES if state != "planned"])
def test_a_step_is_done_by_a_message_that_arrived_may_have_arrived_or_is_leaving(ledger, state):
    """One that bounced, was refused or never left may be tried again."""
    insert_contacts(ledger, contact(1, state=state))
    plan(ledger, "b2", planned_contact(2, episode_key="erp:1"), night=TOMORROW)
    done = state in ("claimed", "sending", "sent", "unknown", "delivered", "complained")
    assert state_reasons(ledger)["m2"][0] == ("suppressed" if done else "planned")


@pytest.mark.parametrize(("days", "is_done"), [(-1, False), (0, True), (1, True)])
def test_a_step_taken_on_the_first_day_that_counts_is_done(ledger, days, is_done):
    night = NIGHT + timedelta(days=9)
    sent_on = NIGHT + timedelta(days=days)
    insert_contacts(
        ledger, contact(1, business_date=sent_on, counts_from=sent_on, state="delivered")
    )
    row = planned_contact(2, episode_key="erp:1", counts_from=NIGHT)
    plan(ledger, "b2", row, night=night)
    assert (state_reasons(ledger)["m2"][0] == "suppressed") is is_done


@pytest.mark.parametrize(
    "other", [{"channel": "sms"}, {"step": "d+9"}, {"episode_key": "erp:other"}]
)
def test_only_the_same_step_of_the_same_debt_by_the_same_channel_is_done(ledger, other):
    insert_contacts(ledger, contact(1, state="sent"))
    row = planned_contact(2, **{"episode_key": "erp:1", **other})
    plan(ledger, "b2", row, night=TOMORROW)
    assert state_reasons(ledger)["m2"] == ("planned", None)


def test_two_channels_of_one_plan_may_ask_for_one_debt_on_a_day(ledger):
    twins = [
        planned_contact(1, step="letter"),
        planned_contact(2, customer_key="C1", channel="sms", step="text"),
    ]
    for _ in range(2):
        plan(ledger, "b1", *twins, items=[item("erp:7")])
        ledger.worker.claim(NIGHT, "b1", "w1", limit=1, after="", lease_seconds=60)
    assert state_reasons(ledger) == {"m1": ("claimed", None), "m2": ("claimed", None)}


def test_a_receivable_asked_for_today_is_suppressed_in_a_newer_plan(ledger):
    """The payer's key changed between two plans of a date."""
    plan(ledger, "b1", planned_contact(1), items=[item("erp:7")])
    ledger.worker.claim(NIGHT, "b1", "w1", limit=1, after="", lease_seconds=60)
    plan(ledger, "b2", planned_contact(2), items=[item("erp:7")])
    assert state_reasons(ledger)["m2"] == ("suppressed", ALREADY_WRITTEN_TODAY)


@pytest.mark.parametrize(
    ("earlier", "asked_for", "is_suppressed"),
    [
        ({}, "erp:7", True),
        ({"state": "claimed"}, "erp:7", True),
        ({"channel": "sms"}, "erp:7", True),
        ({"state": "cancelled"}, "erp:7", False),
        ({"business_date": NIGHT - timedelta(days=1)}, "erp:7", False),
        ({}, "erp:8", False),
        ({"batch_id": "b2"}, "erp:7", True),
        ({"batch_id": "b2", "channel": "sms"}, "erp:7", False),
    ],
)
def test_who_asked_for_a_receivable_today_decides_whether_a_plan_may(
    ledger, earlier, asked_for, is_suppressed
):
    """By any channel of another plan, or by this channel of the same plan."""
    insert_contacts(ledger, contact(1, **{"state": "sent", **earlier}), contact(9, state="sent"))
    with ledger.engine.begin() as connection:
        for key, receivable in (("m1", "erp:7"), ("m9", "erp:9")):
            connection.execute(contact_items.insert(), {"message_key": key, **item(receivable)})
    plan(ledger, "b2", planned_contact(2), items=[item("erp:2"), item(asked_for)])
    found = state_reasons(ledger)
    assert found["m2"] == (
        ("suppressed", ALREADY_WRITTEN_TODAY) if is_suppressed else ("planned", None)
    )
    assert found["m9"] == ("sent", None)


def test_a_receivable_asked_for_yesterday_may_be_asked_for_today(ledger):
    plan(ledger, "b1", planned_contact(1), items=[item("erp:7")])
    ledger.worker.claim(NIGHT, "b1", "w1", limit=1, after="", lease_seconds=60)
    insert_contacts(ledger, contact(8, business_date=TOMORROW, state="sent"))
    plan(ledger, "b2", planned_contact(2, step="d+3"), night=TOMORROW, items=[item("erp:7")])
    assert state_reasons(ledger)["m2"] == ("planned", None)


def test_two_messages_for_one_customer_channel_and_day_are_refused_as_a_whole(ledger):
    with pytest.raises(PlanConflict, match="doubled customer_key"):
        plan(ledger, "b1", planned_contact(1), planned_contact(2, customer_key="C1"))
    assert state_reasons(ledger) == {}
    with ledger.engine.connect() as connection:
        assert connection.execute(sa.select(runs)).all() == []


def test_approval_lets_the_contacts_of_a_step_be_claimed(ledger):
    waiting = [
        planned_contact(1, requires_approval=True),
        planned_contact(2, requires_approval=True, step="d+9", step_offset=9),
    ]
    plan(ledger, "b1", *waiting)
    assert state_reasons(ledger)["m1"] == ("planned", WAITS_FOR_APPROVAL)
    assert ledger.lookups.count_unapproved(NIGHT) == {"d+1": 1, "d+9": 1}
    assert ledger.planner.approve(NIGHT, "another", "ana") == 0
    assert ledger.planner.approve(NIGHT, "b1", "ana", ["d+1"]) == 1
    assert ledger.lookups.count_unapproved(NIGHT) == {"d+9": 1}
    assert ledger.worker.claim(NIGHT, "b1", "w1", limit=9, after="", lease_seconds=60) == ["m1"]


def test_a_plan_ends_no_contact_of_a_later_date(ledger):
    plan(ledger, "b1", planned_contact(1), night=TOMORROW)
    plan(ledger, "b2", planned_contact(2))
    assert state_reasons(ledger) == {"m1": ("planned", None), "m2": ("planned", None)}


def test_an_approval_counts_for_its_date_only(ledger):
    for number, night in ((1, NIGHT), (2, TOMORROW)):
        insert_contacts(ledger, contact(number, business_date=night, requires_approval=True))
    assert ledger.lookups.count_unapproved(NIGHT) == {"d+1": 1}
    assert ledger.planner.approve(NIGHT, "b1", "ana") == 1
    assert ledger.lookups.count_unapproved(TOMORROW) == {"d+1": 1}


def test_a_newer_batch_needs_a_new_approval(ledger):
    plan(ledger, "b1", planned_contact(1, requires_approval=True))
    ledger.planner.approve(NIGHT, "b1", "ana")
    plan(ledger, "b2", planned_contact(1, requires_approval=True))
    assert ledger.lookups.count_unapproved(NIGHT) == {"d+1": 1}
    with ledger.engine.connect() as connection:
        assert connection.scalar(sa.select(contacts.c.approved_by)) is None


def test_an_approval_counts_the_planned_contacts_that_wait_for_it(ledger):
    insert_contacts(
        ledger,
        contact(1, requires_approval=True, state_reason="aguarda aprovação"),
        contact(2, requires_approval=True, state="cancelled", state_reason="pago"),
        contact(3, state_reason="fora do horário"),
    )
    assert ledger.planner.approve(NIGHT, "b1", "ana") == 1
    assert state_reasons(ledger) == {
        "m1": ("planned", None),
        "m2": ("cancelled", "pago"),
        "m3": ("planned", "fora do horário"),
    }
    with ledger.engine.connect() as connection:
        query = sa.select(contacts.c.message_key).where(contacts.c.approved_by == "ana")
        assert connection.scalars(query).all() == ["m1"]
