"""A provider's report: its time and its deduplication key."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cobranca.ledger.provider_event import Event, parse_timestamp

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
EVENT = Event("sendgrid", "M1", "delivered", NOON)


@pytest.mark.parametrize("seconds", [1795003200, "1795003200"])
def test_a_time_is_seconds_since_1970(seconds):
    assert parse_timestamp(seconds) == NOON


@pytest.mark.parametrize("seconds", ["noon", None, 10**20, 0, 4102444800, -1])
def test_a_time_that_is_none_or_of_an_impossible_year_is_refused(seconds):
    with pytest.raises(ValueError, match=r"no time|impossible time|invalid literal"):
        parse_timestamp(seconds)


def test_the_time_of_an_event_needs_a_zone():
    with pytest.raises(ValueError, match="needs a zone"):
        replace(EVENT, occurred_at=NOON.replace(tzinfo=None))


def test_the_key_is_the_same_for_the_same_report():
    brasilia = NOON.astimezone(timezone(timedelta(hours=-3)))
    assert replace(EVENT, detail="caixa cheia", occurred_at=brasilia).key == EVENT.key


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "twilio"},
        {"message_key": "M2"},
        {"kind": "bounced"},
        {"occurred_at": NOON + timedelta(seconds=1)},
        {"is_dated": False},
    ],
)
def test_the_key_differs_for_another_report(change):
    assert replace(EVENT, **change).key != EVENT.key


def test_the_key_of_a_report_without_a_time_does_not_depend_on_its_receipt():
    undated = replace(EVENT, is_dated=False)
    assert replace(undated, occurred_at=NOON + timedelta(days=9)).key == undated.key
