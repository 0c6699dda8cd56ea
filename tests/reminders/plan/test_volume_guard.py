"""Volume guard: an unusual number of messages needs approval of its own plan."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
import yaml

from cobranca.errors import ConfigError, VolumeUnusual
from cobranca.ledger import open_ledger
from cobranca.ledger.states import CONTACT_STATES
from cobranca.ledger.tables import contacts
from cobranca.reminders import deliver
from cobranca.reminders.plan.approvals import approve_volume
from cobranca.reminders.plan.volume_guard import unusual_volume
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, message, noon, publish_plan

pytestmark = pytest.mark.usefixtures("source_changes")


def add_contacts(settings, business_date: date, number: int, state: str) -> None:
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


def set_limits(settings, **volume) -> None:
    path = settings.config / "limits.yml"
    limits = yaml.safe_load(path.read_text(encoding="utf-8"))
    limits["volume"] = volume
    path.write_text(yaml.safe_dump(limits, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize(
    ("earlier", "waiting", "sent", "question"),
    [
        ([], 0, 0, None),
        ([], 50, 0, None),  # the first night ever has no usual number
        ([], 100, 0, None),
        ([], 101, 0, "o máximo de uma noite é 100"),
        ([], 60, 41, "o máximo de uma noite é 100"),  # messages already sent count
        ([], 0, 101, None),  # nothing is left to send
        ([10, 10, 10], 30, 0, None),
        ([10, 10, 10], 31, 0, "mediana das últimas 3 noites com envio é 10"),
        ([2, 4], 9, 0, None),
        ([2, 3], 8, 0, "é 2,5, e o limite é 3 vezes"),
        ([50, 50, 1, 1, 1], 4, 0, "é 1,"),  # only the latest three count
        ([1, 100, 1], 4, 0, "é 1,"),  # one large night does not hide a small one
    ],
)
def test_an_unusual_number_of_messages_needs_approval(settings, earlier, waiting, sent, question):
    set_limits(settings, maximum_messages=100, times_median=3, nights=3)
    for days, number in enumerate(reversed(earlier), start=1):
        add_contacts(settings, TONIGHT - timedelta(days=days), number, "sent")
    add_contacts(settings, TONIGHT, waiting, "planned")
    add_contacts(settings, TONIGHT, sent, "sent")
    answer = unusual_volume(settings, TONIGHT)
    assert (answer is None) if question is None else (question in answer and "18/11/2026" in answer)


def test_nights_without_sent_messages_do_not_lower_the_median(settings):
    set_limits(settings, maximum_messages=100, times_median=3, nights=3)
    add_contacts(settings, TONIGHT - timedelta(days=3), 10, "delivered")
    add_contacts(settings, TONIGHT - timedelta(days=1), 5, "superseded")
    add_contacts(settings, TONIGHT, 30, "planned")
    assert unusual_volume(settings, TONIGHT) is None


def test_an_unusual_volume_is_sent_only_after_approval_of_the_same_plan(settings):
    limits = settings.config / "limits.yml"
    limits.write_text(
        limits.read_text(encoding="utf-8").replace("maximum_messages: 5000", "maximum_messages: 2"),
        encoding="utf-8",
    )

    def deliver_by_real_channel():
        return deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel())

    with pytest.raises(ConfigError, match="nothing is planned for 2026-11-18"):
        approve_volume(settings, TONIGHT, "Ana")
    publish_plan(settings, [message(n) for n in range(3)])
    for _ in range(2):
        with pytest.raises(
            VolumeUnusual,
            match="Há 3 mensagens.*cobranca approve --volume --business-date 2026-11-18",
        ):
            deliver_by_real_channel()
    assert deliver(settings, TONIGHT, channel=AcceptingChannel(is_real=False)).sent == 3, (
        "the outbox reaches no one"
    )

    publish_plan(settings, [message(n) for n in range(5)])
    with pytest.raises(VolumeUnusual, match="Há 5 mensagens"):
        deliver_by_real_channel()
    approve_volume(settings, TONIGHT, "Ana")
    approve_volume(settings, TONIGHT, "Ana")
    assert unusual_volume(settings, TONIGHT) is None
    assert deliver_by_real_channel().new == 2

    # The approval was for that plan. A larger plan that replaces it needs its own.
    publish_plan(settings, [message(n) for n in range(9)])
    with pytest.raises(VolumeUnusual, match="Há 9 mensagens"):
        deliver_by_real_channel()


LEFT_OR_MAY_HAVE = (
    "sending", "sent", "unknown", "delivered", "undelivered", "bounced", "rejected",
)  # fmt: skip


@pytest.mark.parametrize("state", CONTACT_STATES)
def test_messages_that_left_or_may_have_left_or_wait_count_tonight(settings, state):
    set_limits(settings, maximum_messages=3, times_median=3, nights=3)
    add_contacts(settings, TONIGHT, 2, "planned")
    add_contacts(settings, TONIGHT, 2, state) if state != "planned" else None
    counts = state in (*LEFT_OR_MAY_HAVE, "claimed")
    assert (unusual_volume(settings, TONIGHT) is not None) is counts


@pytest.mark.parametrize("state", ["planned", "claimed"])
def test_there_is_a_question_while_messages_wait(settings, state):
    set_limits(settings, maximum_messages=1, times_median=3, nights=3)
    add_contacts(settings, TONIGHT, 2, state)
    assert "máximo" in unusual_volume(settings, TONIGHT)


def test_only_earlier_nights_are_compared(settings):
    set_limits(settings, maximum_messages=100, times_median=3, nights=3)
    add_contacts(settings, TONIGHT + timedelta(days=1), 50, "sent")
    add_contacts(settings, TONIGHT - timedelta(days=1), 2, "sent")
    add_contacts(settings, TONIGHT, 7, "planned")
    assert "mediana das últimas 1 noites com envio é 2," in unusual_volume(settings, TONIGHT)
