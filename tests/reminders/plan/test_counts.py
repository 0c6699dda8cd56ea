"""Counts of a date: a message without a contact is an error."""

import pytest

from cobranca.ledger.contact_lookups import ContactLookups
from cobranca.partitions.outbound_partition import read_batch
from cobranca.reminders import deliver, plan
from cobranca.reminders.plan.counts import Unbalanced, balance
from reminders.plans import TONIGHT, message, publish_plan

pytestmark = pytest.mark.usefixtures("source_changes")


def test_missing_contacts_and_unknown_states_are_errors():
    with pytest.raises(Unbalanced, match="3 messages, the ledger 2"):
        balance(TONIGHT, "b", 3, {"sent": 2})
    with pytest.raises(Unbalanced, match="strange"):
        balance(TONIGHT, "b", 1, {"strange": 1})


def test_a_missing_contact_is_an_error_although_an_earlier_plan_has_more_contacts(
    settings, ledger, monkeypatch
):
    publish_plan(settings, [message(1), message(2)])
    plan(settings, TONIGHT)
    publish_plan(settings, [message(2), message(3)])
    monkeypatch.setattr(
        ContactLookups, "newest_plan", lambda self, day: read_batch(settings, day).batch_id
    )
    monkeypatch.setattr(
        ContactLookups, "has_planned_by_other_batch", lambda self, day, batch_id: False
    )
    with pytest.raises(Unbalanced, match="2 messages, the ledger 1 contacts"):
        deliver(settings, TONIGHT)


def test_the_states_of_the_ledger_are_the_counts_of_the_date():
    counts = balance(
        TONIGHT,
        "b",
        8,
        {"planned": 2, "claimed": 1, "sending": 3, "sent": 1, "unknown": 1, "superseded": 4},
    )
    assert (counts.held, counts.in_progress, counts.sent, counts.unknown) == (2, 4, 1, 1)
    assert (counts.planned, counts.superseded, counts.not_in_plan) == (8, 4, 4)
    assert str(counts) == "8 planned: 1 sent, 1 unknown, 4 superseded, 2 held, 4 in progress"


def test_a_plan_whose_messages_are_all_there_is_balanced():
    assert balance(TONIGHT, "b", 2, {"sent": 2}).not_in_plan == 0
    with pytest.raises(Unbalanced, match="3 messages, the ledger 2"):
        balance(TONIGHT, "b", 3, {"sent": 5}, missing=1)
