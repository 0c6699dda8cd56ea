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
    OTHER_CREDITOR_TODAY,
    STEP_ALREADY_DONE,
    WAITS_FOR_APPROVAL,
)
from cobranca.ledger.states import CONTACT_STATES
from cobranca.ledger.tables import ENTERED, contact_items, contacts, payer_accounts, runs
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


def record_accounts(ledger: LedgerClients, known: dict[str, str], since=NIGHT) -> None:
    """``{"C1": "erp:1 erp:2"}``: the accounts behind each key."""
    rows = [
        dict(zip(("source", "customer_id"), account.split(":"), strict=True))
        | {"customer_key": key, "known_since": since}
        for key, accounts in known.items()
        for account in accounts.split()
    ]
    with ledger.engine.begin() as connection:
        connection.execute(payer_accounts.insert(), rows)


@pytest.mark.parametrize(
    ("known", "is_done"),
    [
        pytest.param({"C1": "erp:1", "C2": "erp:2"}, False, id="the debt moved to its true payer"),
        pytest.param({"C1": "erp:1", "C2": "erp:1"}, True, id="a tax id was corrected"),
        pytest.param({"C1": "erp:1", "C2": "erp:1 erp:2"}, True, id="branches are grouped"),
        pytest.param({"C1": "erp:1 erp:2", "C2": "erp:2"}, True, id="branches are apart again"),
        pytest.param({"C1": "erp:1", "C2": "crm:1"}, False, id="the same id in another source"),
        pytest.param({"C1": "erp:1"}, True, id="nothing is known of the payer"),
        pytest.param({"C2": "erp:2"}, True, id="nothing is known of the earlier payer"),
    ],
)
def test_a_step_is_done_once_for_each_payer_under_whatever_key(ledger, known, is_done):
    insert_contacts(ledger, contact(1, payer_key="C1", state="sent"))
    record_accounts(ledger, known)
    plan(ledger, "b2", planned_contact(2, episode_key="erp:1"), night=TOMORROW)
    assert (state_reasons(ledger)["m2"] == ("suppressed", STEP_ALREADY_DONE)) is is_done
    assert bool(ledger.worker.claim(TOMORROW, "b2", "w", limit=9, after="", lease_seconds=9)) is (
        not is_done
    )


@pytest.mark.parametrize(("days", "is_done"), [(-1, False), (0, True), (1, True)])
def test_a_step_was_done_for_the_accounts_that_its_key_had_on_its_day(ledger, days, is_done):
    """The key got the payer's account later than the contact, or before it."""
    sent_on = NIGHT + timedelta(days=days)
    insert_contacts(ledger, contact(1, business_date=sent_on, payer_key="C1", state="sent"))
    record_accounts(ledger, {"C1": "erp:1"}, since=NIGHT - timedelta(days=9))
    record_accounts(ledger, {"C1": "erp:1 erp:2"})
    record_accounts(ledger, {"C2": "erp:2"}, since=TOMORROW)
    later = NIGHT + timedelta(days=5)
    plan(ledger, "b2", planned_contact(2, episode_key="erp:1"), night=later)
    assert (state_reasons(ledger)["m2"][0] == "suppressed") is is_done


def test_a_step_stays_done_for_both_payers_of_a_debt_that_moved(ledger):
    """Also when the key of the second one changes, and when the debt moves back."""
    record_accounts(ledger, {"C1": "erp:1", "C2": "erp:2", "C3": "erp:2", "C4": "erp:1 erp:9"})
    found = {}
    for number in (1, 2, 2, 3, 1, 4):
        night = NIGHT + timedelta(days=len(found))
        key = f"m{len(found)}"
        row = planned_contact(number, message_key=key, episode_key="erp:debt")
        plan(ledger, f"b{key}", row, night=night)
        claimed = ledger.worker.claim(night, f"b{key}", "w", limit=9, after="", lease_seconds=60)
        ledger.worker.advance("w", ended=[], start=claimed, lease_seconds=60)
        found[key] = (f"C{number}", bool(claimed))
    assert list(found.values()) == [
        ("C1", True),
        ("C2", True),
        ("C2", False),
        ("C3", False),
        ("C1", False),
        ("C4", False),
    ]


def test_a_step_of_an_earlier_release_is_done_for_every_payer_that_may_be_its_own(ledger):
    """Its contacts name no payer of the step."""
    insert_contacts(ledger, contact(1, state="sent"), contact(5, state="sent"))
    record_accounts(ledger, {"C1": "erp:1", "C5": "erp:5", "C2": "erp:1", "C6": "erp:6"})
    rows = [planned_contact(2, episode_key="erp:1"), planned_contact(6, episode_key="erp:5")]
    plan(ledger, "b2", *rows, night=TOMORROW)
    found = state_reasons(ledger)
    assert (found["m2"], found["m6"]) == (("suppressed", STEP_ALREADY_DONE), ("planned", None))
    assert ledger.worker.claim(TOMORROW, "b2", "w", limit=9, after="", lease_seconds=9) == ["m6"]


def test_a_newer_plan_of_the_date_names_the_payer_anew(ledger):
    """The key changes between two plans, and the message of the first is replaced."""
    insert_contacts(
        ledger,
        contact(1, business_date=NIGHT - timedelta(days=1), payer_key="C1", state="sent"),
    )
    record_accounts(ledger, {"C1": "erp:1", "C2": "erp:2"}, since=NIGHT - timedelta(days=1))
    plan(ledger, "b1", planned_contact(2, episode_key="erp:1"))
    assert state_reasons(ledger)["m2"] == ("planned", None)
    record_accounts(ledger, {"C2": "erp:1 erp:2"})
    plan(ledger, "b2", planned_contact(2, episode_key="erp:1"))
    assert state_reasons(ledger)["m2"] == ("suppressed", STEP_ALREADY_DONE)


def test_a_plan_names_and_ends_its_own_planned_contacts_only(ledger):
    """The step was taken; of a contact of another date or another end nothing changes."""
    rows = [
        contact(1, business_date=NIGHT - timedelta(days=1), payer_key="C1", state="sent"),
        contact(3, business_date=TOMORROW, payer_key="C1"),
        contact(4, business_date=TOMORROW, payer_key="C4"),
        contact(5, payer_key="C1", state="cancelled"),
        contact(6, payer_key="C6", state="cancelled"),
    ]
    insert_contacts(ledger, *(row | {"episode_key": "erp:1"} for row in rows))
    plan(ledger, "b2", planned_contact(2, episode_key="erp:1"))
    query = sa.select(contacts.c.message_key, contacts.c.state, contacts.c.payer_key)
    with ledger.engine.connect() as connection:
        found = {key: tuple(rest) for key, *rest in connection.execute(query)}
    assert found == {
        "m2": ("suppressed", "C1"),
        **{row["message_key"]: (row["state"], row["payer_key"]) for row in rows},
    }


@pytest.mark.parametrize("days", [(1, 2, 3), (3, 1, 2)])
def test_of_several_earlier_contacts_the_newest_names_the_payer(ledger, days):
    for number, back in zip((1, 3, 4), days, strict=True):
        night = NIGHT - timedelta(days=back)
        row = contact(number, business_date=night, payer_key=f"C{number}", state="sent")
        insert_contacts(ledger, row | {"episode_key": "erp:1"})
    plan(ledger, "b2", planned_contact(2, episode_key="erp:1"))
    query = sa.select(contacts.c.payer_key).where(contacts.c.message_key == "m2")
    with ledger.engine.connect() as connection:
        assert connection.scalar(query) == f"C{(1, 3, 4)[days.index(1)]}"


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


def test_a_payer_who_heard_of_one_creditor_today_hears_of_no_other(ledger):
    """A second plan of the date puts another creditor first."""
    one = {"customer_key": "C1", "creditor": "varejo"}
    other = {"customer_key": "C1", "creditor": "atacado"}
    plan(ledger, "b1", planned_contact(1, **one), planned_contact(3))
    assert ledger.worker.claim(NIGHT, "b1", "w1", limit=1, after="", lease_seconds=60)
    plan(ledger, "b2", planned_contact(2, **other), planned_contact(3))
    assert state_reasons(ledger) == {
        "m1": ("claimed", None),
        "m2": ("suppressed", OTHER_CREDITOR_TODAY),
        "m3": ("planned", None),
    }


def test_another_creditor_may_come_first_while_nothing_was_sent(ledger):
    plan(ledger, "b1", planned_contact(1, customer_key="C1", creditor="varejo"))
    plan(ledger, "b2", planned_contact(2, customer_key="C1", creditor="atacado"))
    assert state_reasons(ledger) == {
        "m1": ("superseded", NOT_IN_NEWEST_PLAN),
        "m2": ("planned", None),
    }


def test_a_contact_is_of_its_creditor_and_of_the_principal_where_none_is_named(ledger):
    plan(ledger, "b1", planned_contact(1, creditor="varejo"), planned_contact(2))
    query = sa.select(contacts.c.message_key, contacts.c.creditor)
    with ledger.engine.connect() as connection:
        found = dict(connection.execute(query).all())
    assert found == {"m1": "varejo", "m2": "principal"}
