"""Contact hours: by channel, by local time of the state, and not on holidays."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from cobranca.errors import DeliveryRefused
from cobranca.policy import load_policy
from cobranca.reminders.plan.contact_hours import ContactHours, is_open, is_today, opens_at

NIGHT = date(2026, 11, 18)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def with_real_channel(settings):
    from dataclasses import replace

    return replace(settings, delivery="sendgrid")


def test_the_window_opens_on_the_morning_of_the_date(settings):
    assert opens_at(settings, NIGHT) == datetime(2026, 11, 18, 8, 0, tzinfo=SAO_PAULO)


@pytest.mark.parametrize(
    ("now", "open_"),
    [("2026-11-17T12:00", False), ("2026-11-18T07:59", False), ("2026-11-18T08:00", True)],
)
def test_sending_is_not_open_before_the_window(settings, now, open_):
    moment = datetime.fromisoformat(now).replace(tzinfo=SAO_PAULO)
    assert is_open(with_real_channel(settings), NIGHT, moment) is open_
    assert is_open(with_real_channel(settings), NIGHT, moment.astimezone(ZoneInfo("UTC"))) is open_


def test_the_outbox_is_always_open(settings):
    assert is_open(settings, NIGHT, datetime(2026, 11, 18, 3, 0, tzinfo=SAO_PAULO))


@pytest.mark.parametrize(
    ("channel", "state", "now", "allowed"),
    [
        # E-mail: the working day of limits.yml, by the clock of the payer's state.
        ("email", "SP", "2026-11-18T07:59", False),
        ("email", "SP", "2026-11-18T08:00", True),
        ("email", None, "2026-11-18T19:59", True),
        ("email", "SP", "2026-11-18T20:00", False),
        ("email", "AM", "2026-11-18T08:30", False),
        ("email", "AM", "2026-11-18T09:00", True),
        ("email", "AM", "2026-11-18T20:30", True),
        ("email", "AC", "2026-11-18T09:59", False),
        ("email", "AC", "2026-11-18T10:00", True),
        ("email", "SP", "2026-11-20T12:00", False),  # Consciência Negra
        ("email", "SP", "2026-11-21T12:00", False),  # a Saturday
        ("email", "SP", "2026-07-09T12:00", False),  # a holiday of that state alone
        ("email", "RJ", "2026-07-09T12:00", True),
        # Other channels have hours of their own.
        ("sms", "SP", "2026-11-18T08:30", False),
        ("sms", "SP", "2026-11-18T17:59", True),
        ("sms", "SP", "2026-11-18T18:00", False),
        ("sms", "AL", "2026-11-18T19:30", True),
        ("sms", "AL", "2026-11-21T13:59", True),
        ("sms", "AL", "2026-11-22T12:00", False),
        ("sms", "SP", "2026-11-21T12:00", False),
        ("whatsapp", "CE", "2026-11-18T08:00", True),
        ("whatsapp", "AL", "2026-11-18T08:00", False),
        ("telegram", "SP", "2026-11-18T12:00", False),
    ],
)
def test_messages_are_allowed_only_in_the_contact_hours_of_the_payers_state(
    settings, channel, state, now, allowed
):
    hours = ContactHours(load_policy(settings.config, NIGHT))
    moment = datetime.fromisoformat(now).replace(tzinfo=SAO_PAULO)
    assert hours.allow(channel, state, moment) is allowed
    assert hours.allow(channel, state, moment.astimezone(ZoneInfo("UTC"))) is allowed


@pytest.mark.parametrize(
    ("state", "now", "later"),
    [
        ("SP", "2026-11-18T00:00", True),
        ("SP", "2026-11-18T07:59", True),
        ("SP", "2026-11-18T08:00", False),
        ("SP", "2026-11-18T20:00", False),
        ("AC", "2026-11-18T09:59", True),
        ("AC", "2026-11-18T10:00", False),
        ("SP", "2026-11-20T07:00", False),  # Consciência Negra
        ("SP", "2026-11-22T07:00", False),  # a Sunday
    ],
)
def test_the_contact_hours_of_a_day_are_still_to_come_until_they_begin(settings, state, now, later):
    hours = ContactHours(load_policy(settings.config, NIGHT))
    moment = datetime.fromisoformat(now).replace(tzinfo=SAO_PAULO)
    assert hours.opens_later("email", state, moment) is later


@pytest.mark.parametrize(
    ("now", "date_is"),
    [
        ("2026-11-17T23:59", "future"),
        ("2026-11-18T00:00", "today"),
        ("2026-11-18T23:59", "today"),
        ("2026-11-19T00:00", "past"),
    ],
)
def test_a_date_is_today_from_midnight_to_midnight_in_sao_paulo(now, date_is):
    moment = datetime.fromisoformat(now).replace(tzinfo=SAO_PAULO).astimezone(ZoneInfo("UTC"))
    if date_is == "future":
        with pytest.raises(DeliveryRefused, match="2026-11-18 is in the future"):
            is_today(NIGHT, lambda: moment)
    else:
        assert is_today(NIGHT, lambda: moment) is (date_is == "today")
