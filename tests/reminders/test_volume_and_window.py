"""When a person is asked before a night's messages leave, and at which hours they may leave."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
import yaml

from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts
from cobranca.policy import load_policy
from cobranca.reminders.volume import unusual_volume
from cobranca.reminders.window import ReachableHours, is_open, opens_at

NIGHT = date(2026, 11, 18)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def _contacts(settings, business_date: date, number: int, state: str) -> None:
    engine = open_ledger(settings.ledger)
    rows = [
        {
            "message_key": f"M-{business_date}-{state}-{n}",
            "business_date": business_date,
            "batch_id": "b1",
            "customer_key": f"C-{state}-{n}",
            "episode_key": f"erp:{business_date}-{state}-{n}",
            "step": "d5",
            "step_offset": 5,
            "channel": "email",
            "template": "lembrete",
            "policy_version": "v1",
            "state": state,
        }
        for n in range(number)
    ]
    with engine.begin() as ledger:
        if rows:
            ledger.execute(sa.insert(contacts), rows)
    engine.dispose()


def _limit(settings, **volume) -> None:
    path = settings.config / "limits.yml"
    limits = yaml.safe_load(path.read_text(encoding="utf-8"))
    limits["volume"] = volume
    path.write_text(yaml.safe_dump(limits, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize(
    ("earlier", "waiting", "left", "asked"),
    [
        ([], 0, 0, None),
        ([], 50, 0, None),  # the first night ever has no usual number
        ([], 101, 0, "o máximo de uma noite é 100"),
        ([], 60, 41, "o máximo de uma noite é 100"),  # what already left counts
        ([], 0, 101, None),  # nothing is left to send
        ([10, 10, 10], 30, 0, None),
        ([10, 10, 10], 31, 0, "mediana das últimas 3 noites com envio é 10"),
        ([2, 4], 9, 0, None),
        ([2, 3], 8, 0, "é 2,5, e o limite é 3 vezes"),
        ([50, 1, 1, 1], 4, 0, "é 1,"),  # only the latest three count
    ],
)
def test_a_person_is_asked_when_the_number_is_unusual(settings, earlier, waiting, left, asked):
    _limit(settings, maximum_messages=100, times_median=3, nights=3)
    for days, number in enumerate(reversed(earlier), start=1):
        _contacts(settings, NIGHT - timedelta(days=days), number, "sent")
    _contacts(settings, NIGHT, waiting, "planned")
    _contacts(settings, NIGHT, left, "sent")
    answer = unusual_volume(settings, NIGHT)
    assert (answer is None) if asked is None else (asked in answer and "18/11/2026" in answer)


def test_nights_without_contact_do_not_lower_what_is_usual(settings):
    _limit(settings, maximum_messages=100, times_median=3, nights=3)
    _contacts(settings, NIGHT - timedelta(days=3), 10, "delivered")
    _contacts(settings, NIGHT - timedelta(days=1), 5, "superseded")
    _contacts(settings, NIGHT, 30, "planned")
    assert unusual_volume(settings, NIGHT) is None


def _sending(settings):
    from dataclasses import replace

    return replace(settings, delivery="sendgrid")


def test_the_window_opens_on_the_morning_of_the_date(settings):
    assert opens_at(settings, NIGHT) == datetime(2026, 11, 18, 8, 0, tzinfo=SAO_PAULO)


@pytest.mark.parametrize(("now", "open_"), [("2026-11-17T12:00", False), ("2026-11-18T07:59", False), ("2026-11-18T08:00", True)])
def test_nothing_is_tried_before_the_first_hour(settings, now, open_):
    moment = datetime.fromisoformat(now).replace(tzinfo=SAO_PAULO)
    assert is_open(_sending(settings), NIGHT, moment) is open_
    assert is_open(_sending(settings), NIGHT, moment.astimezone(ZoneInfo("UTC"))) is open_


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
def test_messages_reach_people_only_at_decent_hours_where_they_live(settings, channel, state, now, allowed):
    hours = ReachableHours(load_policy(settings.config, NIGHT))
    moment = datetime.fromisoformat(now).replace(tzinfo=SAO_PAULO)
    assert hours.allow(channel, state, moment) is allowed
    assert hours.allow(channel, state, moment.astimezone(ZoneInfo("UTC"))) is allowed


def test_the_outbox_is_always_open(settings):
    assert is_open(settings, NIGHT, datetime(2026, 11, 18, 3, 0, tzinfo=SAO_PAULO))
