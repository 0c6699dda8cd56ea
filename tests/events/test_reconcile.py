"""Messages in doubt, settled by the provider's log of messages."""

import json
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from cobranca.events.reconcile import reconcile
from cobranca.ledger import open_ledger
from events.reports import contact, put, states
from ledger.clients import LedgerClients

D = date(2026, 11, 18)


def test_the_log_settles_what_it_knows_and_the_rest_stays_unknown(provider, real):
    engine = open_ledger(real.ledger)
    ledger = LedgerClients(engine)
    old = {**contact(9, "unknown"), "business_date": D - timedelta(days=40)}
    put(ledger, *(contact(number, "unknown") for number in (1, 2, 3, 4)), contact(5, "sent"), old)
    provider.log = {
        f"M{1:024x}": "delivered",
        f"M{2:024x}": "processing",
        f"M{3:024x}": "not_delivered",
    }
    assert reconcile(real, D) == {"settled": 0, "found": 3, "unknown": 1}
    assert list(states(ledger).values()) == [
        "delivered",
        "sent",
        "undelivered",
        "unknown",
        "sent",
        "unknown",
    ]
    with engine.connect() as connection:
        assert connection.scalar(
            sa.text(f"select provider_message_id from contacts where message_key = 'M{1:024x}'")
        )
    # Nothing is ever planned again because the log does not know it.
    assert reconcile(real, D) == {"settled": 0, "found": 0, "unknown": 1}
    engine.dispose()


@pytest.mark.parametrize("status", [403, 429, 500, 200])
def test_a_log_that_gives_no_answer_leaves_everything_as_it_is(provider, real, status):
    engine = open_ledger(real.ledger)
    put(LedgerClients(engine), contact(1, "unknown"), contact(2, "unknown"))
    provider.status["messages"] = status
    assert reconcile(real, D) == {"settled": 0, "found": 0, "unknown": 2}
    assert len(provider.asked) == 1
    engine.dispose()


def test_messages_of_the_last_thirty_days_are_asked_about(provider, real):
    """The log holds e-mails, and forgets them after thirty days."""
    engine = open_ledger(real.ledger)
    ledger = LedgerClients(engine)
    asked, forgotten, text = (contact(number, "unknown") for number in (1, 2, 3))
    asked["business_date"] = D - timedelta(days=30)
    forgotten["business_date"] = D - timedelta(days=31)
    put(ledger, asked, forgotten, text | {"channel": "sms"})
    provider.log = {row["message_key"]: "delivered" for row in (asked, forgotten, text)}
    assert reconcile(real, D)["found"] == 1
    assert list(states(ledger).values()) == ["delivered", "unknown", "unknown"]
    engine.dispose()


def test_of_several_lines_the_farthest_counts(provider, real):
    engine = open_ledger(real.ledger)
    ledger = LedgerClients(engine)
    put(ledger, contact(1, "unknown"))
    lines = [{"msg_id": "a", "status": status} for status in ("delivered", "processing")]
    provider.answer = lambda path, query: (200, json.dumps({"messages": lines}).encode())
    assert reconcile(real, D)["found"] == 1
    assert list(states(ledger).values()) == ["delivered"]
    engine.dispose()
