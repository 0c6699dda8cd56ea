"""Sender: what is committed, what an answer means, and when a check is too old to send."""

import time
from collections import Counter
from contextlib import nullcontext
from decimal import Decimal
from types import SimpleNamespace

import pytest

from cobranca.errors import DeliveryHalted
from cobranca.ledger.contact_worker import ContactWorker
from cobranca.reminders import deliver
from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery.sender import PAUSED, SENDING_PER_THREAD
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from reminders.contact_states import contact_states
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, message, noon, publish_plan

pytestmark = pytest.mark.usefixtures("source_changes")


def test_few_messages_are_committed_as_sending_at_a_time(settings, ledger):
    publish_plan(settings, [message(n) for n in range(30)])
    sending = []
    channel = AcceptingChannel(threads=3)

    def send(letter) -> Outcome:
        sending.append(ledger.lookups.count_by_state(TONIGHT).get("sending", 0))
        return Outcome("sent", provider_message_id="1")

    channel.send = send
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel).sent == 30
    assert max(sending) <= SENDING_PER_THREAD * channel.threads and min(sending) >= 1, (
        "sending is committed before any byte leaves"
    )


def test_a_full_disk_halts_the_delivery_and_nothing_is_lost(settings, ledger, monkeypatch):
    publish_plan(settings, [message(n) for n in range(5)])

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("cobranca.reminders.channels.outbox.Outbox.close", lambda self: None)
        broken.setattr("cobranca.reminders.channels.outbox.write_atomically", full)
        with pytest.raises(DeliveryHalted, match="No space left"):
            deliver(settings, TONIGHT)
    assert {state for state, _ in contact_states(ledger).values()} == {"planned"}
    assert deliver(settings, TONIGHT).sent == 5


@pytest.mark.parametrize(
    ("seconds", "state"), [(21.9, "sent"), (22, "sent"), (22.1, "cancelled_paid")]
)
def test_a_message_whose_check_expired_before_the_first_byte_is_checked_again(
    settings, ledger, source_changes, monkeypatch, seconds, state
):
    """The process stands still between the commit and the first byte, and payer 1 pays meanwhile.

    A check counts for 20 seconds, and 2 more for the commit.
    """
    publish_plan(settings, [message(1), message(2)])
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    for module in ("fresh_letters", "in_flight", "lease", "sender"):
        monkeypatch.setattr(f"cobranca.reminders.delivery.{module}.time", clock)
    advance = ContactWorker.advance

    def stand_still(worker, *args, **kwargs) -> list[str]:
        allowed = advance(worker, *args, **kwargs)
        if allowed and not now[0]:
            now[0] = seconds
            source_changes["R00001"] = {"paid": Decimal(1000)}
        return allowed

    monkeypatch.setattr(ContactWorker, "advance", stand_still)
    channel = AcceptingChannel(threads=2)
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert contact_states(ledger)[1, TONIGHT][0] == state
    assert contact_states(ledger)[2, TONIGHT][0] == "sent"
    assert len(channel.message_keys) == (2 if state == "sent" else 1)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("sent", "sent"),
        ("rejected", "rejected"),
        ("unknown", "unknown"),
        ("retry", "planned"),
        ("halt", "planned"),
    ],
)
def test_each_answer_of_a_channel_has_one_state(settings, ledger, answer, state):
    publish_plan(settings, [message(1)])
    channel = AcceptingChannel()
    channel.send = lambda letter: Outcome(answer, "motivo", wait_seconds=400)
    with pytest.raises(DeliveryHalted) if answer == "halt" else nullcontext():
        deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert contact_states(ledger)[1, TONIGHT] == (state, "motivo")


def test_after_a_refusal_no_message_that_was_committed_leaves(settings, ledger):
    publish_plan(settings, [message(n) for n in range(6)])
    channel, attempts = AcceptingChannel(), []
    until = time.monotonic() + 30

    def send(letter) -> Outcome:
        attempts.append(letter)
        # The next message is committed while this one is refused.
        while ledger.lookups.count_by_state(TONIGHT)["sending"] < 2 and time.monotonic() < until:
            time.sleep(0.01)
        return Outcome("halt", "credencial recusada")

    channel.send = send
    with pytest.raises(DeliveryHalted) as halted:
        deliver(
            settings,
            TONIGHT,
            clock=noon(TONIGHT),
            channel=channel,
            options=DeliveryOptions(max_wait_seconds=1),
        )
    assert str(halted.value) == (
        "real refuses messages of 2026-11-18: credencial recusada. All that had not left is "
        "planned again; correct the credentials or the channel and run the delivery again."
    )
    assert len(attempts) == 1
    assert {state for state, _ in contact_states(ledger).values()} == {"planned"}


def test_a_pause_within_a_claim_holds_the_rest_and_waits_for_nobody(settings, ledger):
    publish_plan(settings, [message(n) for n in range(30)])
    channel = AcceptingChannel(threads=2)
    accept = channel.send

    def send(letter) -> Outcome:
        if len(channel.message_keys) == 4:
            ledger.switches.pause("ana", "revisão")
        return accept(letter)

    channel.send = send
    began = time.monotonic()
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert time.monotonic() - began < 60
    states = Counter(contact_states(ledger).values())
    sent = states["sent", None]
    assert 5 <= sent <= 4 + 2 * SENDING_PER_THREAD * channel.threads
    assert states == {("sent", None): sent, ("planned", PAUSED): 30 - sent}
    ledger.switches.resume("ana", "visto")
    channel.send = accept
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel).sent == 30
    assert len(channel.message_keys) == len(set(channel.message_keys)) == 30


def test_messages_that_another_worker_took_over_hold_no_others(settings, ledger, monkeypatch):
    """Their commit is refused, which is no pause."""
    publish_plan(settings, [message(n) for n in range(12)])
    advance, refused = ContactWorker.advance, []

    def refuse_the_first(self, owner, *, ended, start, lease_seconds):
        if start and not refused:
            refused.extend(start)
            start = []
        return advance(self, owner, ended=ended, start=start, lease_seconds=lease_seconds)

    monkeypatch.setattr(ContactWorker, "advance", refuse_the_first)
    channel = AcceptingChannel()
    options = DeliveryOptions(lease_seconds=60, max_wait_seconds=0)
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel, options=options)
    assert refused and len(channel.message_keys) == 12 - len(refused)
    assert set(channel.message_keys).isdisjoint(refused)
