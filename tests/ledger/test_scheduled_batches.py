"""Contacts of a scheduled batch: fencing of late owners, and planning after a cancellation."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from cobranca.ledger.contact_worker import SendResult
from cobranca.ledger.tables import (
    contacts,
)
from ledger.clients import LedgerClients
from ledger.contact_rows import NIGHT, planned_contact


@pytest.fixture
def batch_of_two(engine):
    """The clients of a ledger in which a slow worker has claimed both contacts of a batch.

    The batch leaves in half an hour.
    """
    ledger = LedgerClients(engine, retry_seconds=0)
    ledger.planner.plan(NIGHT, "b1", [[(planned_contact(number), []) for number in (1, 2)]])
    keys = ledger.worker.claim(NIGHT, "b1", "slow", limit=9, after="", lease_seconds=60)
    ledger.scheduled.schedule("slow", keys, "scheduled", 1800)
    return ledger


def state_of(ledger: LedgerClients) -> dict[str, str]:
    with ledger.engine.connect() as connection:
        return dict(connection.execute(sa.select(contacts.c.message_key, contacts.c.state)).all())


def test_a_fenced_owner_cannot_record_a_cancelled_batch_as_sent(batch_of_two):
    ledger = batch_of_two
    ledger.worker.advance("slow", ended=[], start=["m1", "m2"], lease_seconds=-1)
    ledger.recovery.recover()
    assert ledger.scheduled.batches_in_doubt(NIGHT, 660) == ["scheduled"]
    # Meanwhile the provider is asked to cancel the batch.
    ledger.worker.advance(
        "slow",
        ended=[SendResult("m1", "sent"), SendResult("m2", "sent")],
        start=[],
        lease_seconds=60,
    )
    assert ledger.scheduled.replan_cancelled(NIGHT, "scheduled", "cancelado") == 2
    assert state_of(ledger) == {"m1": "planned", "m2": "planned"}


@pytest.mark.parametrize("other", ["sending", "sent"])
def test_a_batch_with_a_sending_or_sent_contact_is_not_in_doubt(batch_of_two, other):
    ledger = batch_of_two
    ledger.worker.advance("slow", ended=[], start=["m1"], lease_seconds=-1)
    ledger.recovery.recover()
    ledger.worker.advance("slow", ended=[], start=["m2"], lease_seconds=60)
    if other == "sent":
        ledger.worker.advance("slow", ended=[SendResult("m2", "sent")], start=[], lease_seconds=60)
    assert state_of(ledger) == {"m1": "unknown", "m2": other}
    assert ledger.scheduled.batches_in_doubt(NIGHT, 660) == []


@pytest.mark.parametrize(("seconds", "found"), [(1700, ["scheduled"]), (1900, [])])
def test_a_batch_that_leaves_within_the_margin_is_not_in_doubt(batch_of_two, seconds, found):
    """It leaves in 1800 seconds; nearer to that the provider cancels nothing."""
    ledger = batch_of_two
    ledger.worker.advance("slow", ended=[], start=["m1", "m2"], lease_seconds=-1)
    ledger.recovery.recover()
    assert ledger.scheduled.batches_in_doubt(NIGHT, seconds) == found
    assert ledger.scheduled.batches_in_doubt(NIGHT + timedelta(days=1), seconds) == []


def test_only_contacts_that_the_owner_has_claimed_enter_a_batch(batch_of_two):
    ledger = batch_of_two
    ledger.worker.advance("slow", ended=[], start=["m1"], lease_seconds=60)
    ledger.scheduled.schedule("slow", ["m1", "m2"], "later", 1800)
    ledger.scheduled.schedule("other", ["m1", "m2"], "foreign", 1800)
    query = sa.select(contacts.c.message_key, contacts.c.scheduled_batch)
    with ledger.engine.connect() as connection:
        assert dict(connection.execute(query).all()) == {"m1": "scheduled", "m2": "later"}


def test_only_unknown_contacts_of_the_cancelled_batch_are_planned_again(batch_of_two):
    ledger = batch_of_two
    ledger.worker.advance("slow", ended=[], start=["m1"], lease_seconds=60)
    ledger.worker.advance("slow", ended=[SendResult("m1", "unknown")], start=[], lease_seconds=60)
    assert ledger.scheduled.replan_cancelled(NIGHT, "another", "cancelado") == 0
    assert ledger.scheduled.replan_cancelled(NIGHT + timedelta(1), "scheduled", "cancelado") == 0
    assert ledger.scheduled.replan_cancelled(NIGHT, "scheduled", "cancelado") == 1
    assert state_of(ledger) == {"m1": "planned", "m2": "claimed"}


def test_a_new_claim_removes_the_contact_from_its_earlier_batch(batch_of_two):
    ledger = batch_of_two
    ledger.worker.release("slow", ["m1", "m2"])
    # The next delivery uses no batches.
    keys = ledger.worker.claim(NIGHT, "b1", "next", limit=9, after="", lease_seconds=60)
    ledger.worker.advance("next", ended=[], start=keys, lease_seconds=60)
    ledger.worker.advance(
        "next", ended=[SendResult(key, "unknown") for key in keys], start=[], lease_seconds=60
    )
    assert ledger.scheduled.batches_in_doubt(NIGHT, 660) == []
    assert ledger.scheduled.replan_cancelled(NIGHT, "scheduled", "cancelado") == 0
