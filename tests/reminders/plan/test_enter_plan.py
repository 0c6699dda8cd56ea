"""Enter a plan: idempotent, one message a payer and day, one step for each due date."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from cobranca.errors import DeliveryRefused, PartitionError
from cobranca.ledger.address_digest import address_mark, digest
from cobranca.ledger.contact_planning import PlanConflict
from cobranca.ledger.state_reasons import ALREADY_WRITTEN_TODAY, STEP_ALREADY_DONE
from cobranca.ledger.tables import EARLIEST_DATE, contact_items, contacts
from cobranca.reminders import deliver, plan
from reminders.contact_states import contact_states
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, item, judge, message, noon, publish_plan

pytestmark = pytest.mark.usefixtures("source_changes")


TOMORROW = TONIGHT + timedelta(days=1)
SUPPRESSED = ("suppressed", STEP_ALREADY_DONE)


def test_planning_and_delivering_again_change_nothing(settings, ledger):
    publish_plan(settings, [message(n) for n in range(5)])
    assert plan(settings, TONIGHT).new == 5
    assert plan(settings, TONIGHT).new == 0
    deliver(settings, TONIGHT)
    files = {
        path.name: path.stat().st_mtime_ns
        for path in settings.folder("outbox", TONIGHT).glob("*.eml")
    }
    for _ in range(2):
        assert plan(settings, TONIGHT).as_dict()["sent"] == 5
        counts = deliver(settings, TONIGHT)
        assert (counts.sent, counts.new, counts.already) == (5, 0, 5)
    assert files == {
        path.name: path.stat().st_mtime_ns
        for path in settings.folder("outbox", TONIGHT).glob("*.eml")
    }


def test_only_a_batch_whose_own_verdict_passed_is_planned(settings):
    with pytest.raises(PartitionError):
        plan(settings, TONIGHT)
    batch = publish_plan(settings, [message(1)])
    judge(settings, batch, batch_id="another")
    with pytest.raises(PartitionError):
        deliver(settings, TONIGHT)
    judge(settings, batch, failed="plan_total_matches")
    with pytest.raises(PartitionError):
        deliver(settings, TONIGHT)
    judge(settings, batch)
    assert deliver(settings, TONIGHT).sent == 1


def test_two_messages_for_one_customer_are_refused_and_nothing_is_planned(settings, ledger):
    publish_plan(settings, [message(1), message(2, customer_key=f"C{1:020x}", message_key="other")])
    with pytest.raises(PlanConflict):
        plan(settings, TONIGHT)
    assert contact_states(ledger) == {}


@pytest.mark.parametrize("carriers", [0, 2])
def test_a_message_without_exactly_one_carrying_receivable_is_refused(settings, carriers):
    rows = message(1, [item("R1"), item("R2")])
    for row in rows:
        row["is_carrier"] = carriers == 2
    publish_plan(settings, [rows])
    with pytest.raises(PartitionError, match="carrying"):
        plan(settings, TONIGHT)


def test_a_newer_plan_replaces_the_unsent_messages_of_the_date(settings, ledger):
    publish_plan(settings, [message(1), message(2), message(3)])
    plan(settings, TONIGHT)
    publish_plan(settings, [message(2, [item("R00002"), item("R9")], step="d+3"), message(4)])
    counts = plan(settings, TONIGHT)
    assert (counts.planned, counts.new, counts.superseded, counts.not_in_plan) == (2, 1, 2, 2)
    with ledger.engine.connect() as connection:
        query = (
            sa.select(contacts.c.step, sa.func.count())
            .join(contact_items)
            .group_by(contacts.c.step)
        )
        assert dict(connection.execute(query.where(contacts.c.state == "planned")).all()) == {
            "d+3": 2,
            "d+1": 1,
        }
    assert deliver(settings, TONIGHT).sent == 2
    publish_plan(settings, [message(1), message(4)])
    counts = deliver(settings, TONIGHT)
    assert (counts.sent, counts.new, counts.superseded) == (3, 1, 1), (
        "the message that is planned again is sent, and no other"
    )


def test_a_payer_with_a_new_key_gets_no_second_message_about_a_receivable_that_day(
    settings, ledger
):
    publish_plan(settings, [message(1, [item("A"), item("B")]), message(2)])
    assert deliver(settings, TONIGHT).sent == 2
    # The tax id was corrected and A was paid: the key, the carrier and the step differ, but the
    # payer is the same.
    publish_plan(settings, [message(3, [item("B")], step="d+3"), message(2), message(4)])
    counts = deliver(settings, TONIGHT)
    assert (counts.new, counts.suppressed, counts.held) == (1, 1, 0)
    assert contact_states(ledger)[3, TONIGHT] == ("suppressed", ALREADY_WRITTEN_TODAY)
    # The next night decides again.
    tomorrow = TONIGHT + timedelta(days=1)
    publish_plan(
        settings,
        [message(3, [item("B", night=tomorrow)], night=tomorrow, step="d+3")],
        night=tomorrow,
    )
    assert deliver(settings, tomorrow).sent == 1


def test_a_newer_plan_by_another_channel_gives_no_second_message_that_day(settings, ledger):
    publish_plan(settings, [message(1)])
    channel = AcceptingChannel(threads=3)
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    publish_plan(settings, [message(1, channel="sms"), message(2, channel="sms")])
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert len(channel.message_keys) == 2
    found = contact_states(ledger, channel="sms")
    assert found == {
        (1, TONIGHT): ("suppressed", ALREADY_WRITTEN_TODAY),
        (2, TONIGHT): ("sent", None),
    }


def test_a_step_already_done_is_suppressed_on_a_later_date(settings, ledger):
    publish_plan(settings, [message(1), message(2)])
    deliver(settings, TONIGHT)
    tomorrow = [
        message(1, [item("R00001")], night=TOMORROW),
        message(2, [item("R00002")], night=TOMORROW, step="d+3"),
    ]
    publish_plan(settings, tomorrow, night=TOMORROW)
    counts = deliver(settings, TOMORROW)
    assert (counts.suppressed, counts.sent) == (1, 1)
    assert contact_states(ledger)[1, TOMORROW] == (
        "suppressed",
        "etapa já realizada para esta dívida",
    )


def test_unsent_messages_of_an_earlier_date_expire(settings, ledger):
    publish_plan(settings, [message(1), message(2)])
    plan(settings, TONIGHT)
    publish_plan(settings, [message(1, night=TOMORROW)], night=TOMORROW)
    assert deliver(settings, TOMORROW).sent == 1
    assert contact_states(ledger)[2, TONIGHT][0] == "expired"
    counts = deliver(settings, TONIGHT)
    assert (counts.expired, counts.sent) == (2, 0)


def test_contacts_claimed_by_a_dead_worker_yesterday_suppress_nothing_today(settings, ledger):
    batch = publish_plan(settings, [message(1)])
    plan(settings, TONIGHT)
    assert ledger.worker.claim(
        TONIGHT, batch.batch_id, "dead", limit=9, after="", lease_seconds=0.05
    )
    time.sleep(0.1)
    publish_plan(
        settings,
        [message(1, [item("R00001", days=2, night=TOMORROW)], night=TOMORROW)],
        night=TOMORROW,
    )
    plan(settings, TOMORROW)
    assert contact_states(ledger)[1, TONIGHT][0] == "expired"
    assert (
        deliver(settings, TOMORROW, clock=noon(TOMORROW), channel=AcceptingChannel(threads=3)).sent
        == 1
    )


def state_after_delivery(
    settings,
    ledger,
    nights_later: int,
    days_past_due: int,
    **changes,
) -> tuple[str, str | None]:
    night = TONIGHT + timedelta(days=nights_later)
    publish_plan(
        settings,
        [message(1, [item("R", days=days_past_due, night=night)], night=night, **changes)],
        night=night,
    )
    deliver(settings, night)
    return contact_states(ledger)[1, night]


@pytest.mark.parametrize(
    "has_due_date",
    [
        pytest.param(True, id="stored"),
        pytest.param(False, id="written before due dates were stored"),
    ],
)
def test_an_overdue_step_is_done_once_for_each_due_date(settings, ledger, has_due_date):
    assert state_after_delivery(settings, ledger, 0, 1)[0] == "sent"
    if not has_due_date:
        with ledger.engine.begin() as connection:
            connection.execute(contacts.update().values(counts_from=EARLIEST_DATE))
    assert state_after_delivery(settings, ledger, 2, 3) == SUPPRESSED, "the same due date"
    assert state_after_delivery(settings, ledger, 4, 9) == SUPPRESSED, "an earlier one"
    assert state_after_delivery(settings, ledger, 12, 3)[0] == "sent", "a later one"
    assert state_after_delivery(settings, ledger, 14, 5) == SUPPRESSED, "the later one once, too"


def test_a_preventive_step_is_done_once_for_each_due_date(settings, ledger):
    step = {"step": "d-3", "step_offset": -3, "template": "preventive"}
    assert state_after_delivery(settings, ledger, 0, -3, **step)[0] == "sent"
    assert state_after_delivery(settings, ledger, 1, -2, **step) == SUPPRESSED
    assert state_after_delivery(settings, ledger, 2, -3, **step)[0] == "sent"


def test_only_a_truncated_digest_of_the_address_is_stored(settings, ledger):
    state_after_delivery(settings, ledger, 0, 1, email="Maria@Example.com")
    with ledger.engine.connect() as connection:
        mark = connection.scalar(sa.select(contacts.c.address_mark))
    assert mark == address_mark(" maria@example.com") == digest("maria@example.com")[:4]


@pytest.mark.parametrize(
    "changes", [{"business_date": TOMORROW}, {"episode_key": "erp:of another debt"}]
)
def test_a_message_of_another_date_or_debt_is_refused(settings, ledger, changes):
    rows = [row | changes for row in message(1)]
    publish_plan(settings, [rows])
    with pytest.raises(PartitionError, match="carrying"):
        plan(settings, TONIGHT)
    assert contact_states(ledger) == {}


def test_a_contact_is_entered_with_its_step_its_approval_and_its_first_day(settings, ledger):
    publish_plan(
        settings,
        [
            message(1, [item("R", days=4), item("S", days=9)], step="d+3", step_offset=3),
            message(2, [item("T", days=-3)], step="d-3", step_offset=-3, requires_approval=True),
        ],
    )
    batch = plan(settings, TONIGHT).batch_id
    with ledger.engine.connect() as connection:
        found = {row.step: row for row in connection.execute(sa.select(contacts))}
    assert {row.batch_id for row in found.values()} == {batch}
    assert found["d+3"].counts_from == TONIGHT - timedelta(days=3), "of the carrying receivable"
    assert found["d-3"].counts_from == TONIGHT
    assert [found[step].requires_approval for step in ("d+3", "d-3")] == [False, True]


def test_a_real_plan_is_entered_on_its_own_date_but_an_outbox_plan_on_any(settings):
    publish_plan(settings, [message(1)])
    yesterday = noon(TONIGHT - timedelta(days=1))
    with pytest.raises(DeliveryRefused, match="future"):
        plan(replace(settings, delivery="sendgrid"), TONIGHT, clock=yesterday)
    assert plan(settings, TONIGHT, clock=yesterday).new == 1
