"""Sender: what is committed, what an answer means, and when a check is too old to send."""

import threading
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from cobranca.errors import DeliveryHalted
from cobranca.ledger.contact_worker import ContactWorker
from cobranca.ledger.tables import contacts
from cobranca.reminders import deliver
from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery.fresh_letters import FreshLetters
from cobranca.reminders.delivery.sender import (
    GROUP_COMMIT_SECONDS,
    PAUSED,
    SENDING_PER_THREAD,
    Sender,
)
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from cobranca.reminders.plan.counts import Counts
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


def test_one_late_answer_after_the_other_commits_no_more_than_few(settings, ledger):
    """Results are recorded after a quarter of a second, and as many messages follow as ended."""
    publish_plan(settings, [message(n) for n in range(12)])
    channel, turn, sending = AcceptingChannel(threads=3), threading.Lock(), []

    def send(letter) -> Outcome:
        with turn:
            time.sleep(1.2 * GROUP_COMMIT_SECONDS)
            sending.append(ledger.lookups.count_by_state(TONIGHT)["sending"])
        return Outcome("sent", provider_message_id="1")

    channel.send = send
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel).sent == 12
    assert max(sending) == SENDING_PER_THREAD * channel.threads


def test_letters_are_written_for_one_group_ahead(settings, ledger, monkeypatch):
    """An earlier letter would wait until its check expires."""
    publish_plan(settings, [message(n) for n in range(12)])
    render, written = FreshLetters.render, []

    def keep(self, messages):
        for fresh in render(self, messages):
            written.append(fresh)
            yield fresh

    monkeypatch.setattr(FreshLetters, "render", keep)
    channel, ahead = AcceptingChannel(threads=2), []

    def send(letter) -> Outcome:
        time.sleep(0.2)
        ahead.append(len(written) - len(ahead))
        return Outcome("sent", provider_message_id="1")

    channel.send = send
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel).sent == 12
    most = SENDING_PER_THREAD * channel.threads
    assert most <= max(ahead) <= most + most // 2


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


@pytest.mark.parametrize("answer", ["halt", "retry"])
def test_after_a_refusal_no_message_that_was_committed_leaves(settings, ledger, answer):
    publish_plan(settings, [message(n) for n in range(6)])
    channel, attempts = AcceptingChannel(), []
    until = time.monotonic() + 30

    def send(letter) -> Outcome:
        attempts.append(letter)
        # The next message is committed while this one is refused.
        while ledger.lookups.count_by_state(TONIGHT)["sending"] < 2 and time.monotonic() < until:
            time.sleep(0.01)
        return Outcome(answer, "credencial recusada", wait_seconds=400)

    channel.send = send
    with pytest.raises(DeliveryHalted) if answer == "halt" else nullcontext() as halted:
        deliver(
            settings,
            TONIGHT,
            clock=noon(TONIGHT),
            channel=channel,
            options=DeliveryOptions(max_wait_seconds=1),
        )
    if halted:
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


def test_a_channel_is_given_no_more_messages_at_once_than_it_takes(settings, ledger):
    publish_plan(settings, [message(n) for n in range(20)])
    channel, lock = AcceptingChannel(threads=3), threading.Lock()
    accept, at_once = channel.send, []

    def send(letter) -> Outcome:
        with lock:
            at_once.append(at_once[-1] + 1 if at_once else 1)
        time.sleep(0.02)
        with lock:
            at_once.append(at_once[-1] - 1)
            return accept(letter)

    channel.send = send
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel).sent == 20
    assert max(at_once) <= 3


def test_claims_follow_each_other_through_the_plan(settings, ledger, monkeypatch):
    publish_plan(settings, [message(n) for n in range(12)])
    claim, claims = ContactWorker.claim, []

    def keep(*args, **kwargs) -> list[str]:
        claims.append((kwargs["after"], claim(*args, **kwargs)))
        return claims[-1][1]

    monkeypatch.setattr(ContactWorker, "claim", keep)
    options = DeliveryOptions(claim_size=5)
    channel = AcceptingChannel()
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel, options=options).sent
    assert [len(keys) for _, keys in claims] == [5, 5, 2, 0], "nothing is left, so none follows"
    assert [after for after, _ in claims] == ["", *(keys[-1] for _, keys in claims[:3])]
    assert channel.message_keys == sorted(channel.message_keys)


class SchedulingChannel(AcceptingChannel):
    """A channel whose letters leave in half an hour, and that cancels every batch it is asked to.

    ``answers`` are the first answers to messages by their number; they are accepted afterwards.
    """

    def __init__(self, answers: dict[int, Outcome] | None = None):
        super().__init__()
        self.answers, self.opened, self.cancelled = answers or {}, 0, []
        self.handed_over = Counter[int]()

    def start_batch(self, leaves_at: int) -> str | Outcome:
        self.opened += 1
        return f"batch {self.opened}"

    def end_batch(self) -> None:
        pass

    def cancel(self, batch: str) -> bool | None:
        self.cancelled.append(batch)
        return True

    def send(self, letter) -> Outcome:
        accepted = replace(super().send(letter), scheduled=True)
        number = int(letter.to_address[6:11])
        self.handed_over[number] += 1
        return self.answers.pop(number, accepted)


@pytest.fixture
def scheduled(settings) -> None:
    """Letters are handed over half an hour before they leave."""
    limits = settings.config / "limits.yml"
    text = limits.read_text(encoding="utf-8")
    limits.write_text(text.replace("mode: immediate", "mode: scheduled"), encoding="utf-8")


def send_scheduled(settings, channel: SchedulingChannel, claim_size: int = 3) -> Counts:
    publish_plan(settings, [message(n) for n in range(5)])
    options = DeliveryOptions(claim_size=claim_size)
    return deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel, options=options)


@pytest.mark.usefixtures("scheduled")
def test_the_letters_of_a_claim_are_recorded_when_their_batch_is_closed(settings, ledger):
    channel, while_open = SchedulingChannel(), []
    end_batch = channel.end_batch

    def end() -> None:
        while_open.append(ledger.lookups.count_by_state(TONIGHT))
        end_batch()

    channel.end_batch = end
    counts = send_scheduled(settings, channel)
    assert while_open == [{"sending": 3, "planned": 2}, {"sent": 3, "sending": 2}]
    assert (counts.new, counts.sent, channel.cancelled) == (5, 5, [])
    with ledger.engine.connect() as connection:
        ids = set(connection.scalars(sa.select(contacts.c.provider_message_id)))
    assert ids == {f"id-{key}" for key in channel.message_keys}


@pytest.mark.usefixtures("scheduled")
def test_the_letters_of_a_claim_are_of_their_batch_before_the_first_is_handed_over(
    settings, ledger
):
    """Were the process lost then, the batch would be asked about before anything is sent again."""
    channel, known = SchedulingChannel(), []
    send = channel.send

    def look(letter) -> Outcome:
        is_this = contacts.c.message_key == letter.message_key
        with ledger.engine.connect() as connection:
            known.append(connection.scalar(sa.select(contacts.c.scheduled_batch).where(is_this)))
        return send(letter)

    channel.send = look
    send_scheduled(settings, channel)
    assert known == ["batch 1"] * 3 + ["batch 2"] * 2


@pytest.mark.usefixtures("scheduled")
def test_a_cancelled_batch_is_sent_again_without_what_was_refused_for_good(settings, ledger):
    refused = Outcome("rejected", "e-mail inválido")
    in_doubt = Outcome("unknown", "resposta 500", scheduled=True)
    channel = SchedulingChannel({1: refused, 2: in_doubt})
    counts = send_scheduled(settings, channel, claim_size=5)
    assert (counts.new, counts.sent, counts.rejected) == (4, 4, 1)
    assert len(channel.cancelled) == 1
    assert contact_states(ledger)[1, TONIGHT] == ("rejected", "e-mail inválido")
    assert channel.handed_over == {1: 1} | dict.fromkeys((0, 2, 3, 4), 2)


@pytest.mark.usefixtures("scheduled")
def test_without_a_batch_nothing_is_handed_over(settings, ledger):
    channel = SchedulingChannel()
    channel.start_batch = lambda leaves_at: Outcome("halt", "credencial recusada")
    with pytest.raises(DeliveryHalted, match="credencial recusada"):
        send_scheduled(settings, channel)
    assert channel.message_keys == []
    assert {state for state, _ in contact_states(ledger).values()} == {"planned"}


@pytest.mark.parametrize(
    ("leased", "recovered", "waits", "is_another_pass"),
    [
        ([0], [0], 0, False),
        ([0], [2], 0, True),
        ([1, 0], [0, 0], 1, False),
        ([1, 1, 1], [0, 0, 2], 2, True),
        ([1] * 9, [0] * 9, 3, False),
    ],
)
def test_a_sender_waits_for_the_leases_of_others_as_long_as_it_may(
    leased, recovered, waits, is_another_pass
):
    """Three seconds here, in steps of one. Another pass is made for what a dead worker left."""
    sender, waited = waiting_sender(leased, recovered, DeliveryOptions(max_wait_seconds=3))
    assert sender._wait_for_leases() is is_another_pass
    assert waited == [1.0] * waits and sender.setbacks.seconds_left == 3 - waits


def test_a_short_lease_is_looked_at_four_times():
    options = DeliveryOptions(lease_seconds=2, max_wait_seconds=3)
    sender, waited = waiting_sender([1, 0], [0, 0], options)
    assert not sender._wait_for_leases() and waited == [0.5]


def test_a_sender_that_is_asked_to_end_waits_for_no_lease():
    sender, waited = waiting_sender([1] * 9, [0, 2], DeliveryOptions(), ends_at_wait=1)
    assert not sender._wait_for_leases() and len(waited) == 1


def waiting_sender(
    leased: list[int], recovered: list[int], options: DeliveryOptions, ends_at_wait: int = 99
) -> tuple[Sender, list[float]]:
    """A sender with what it finds at each look, and the seconds that it waits."""
    context = SimpleNamespace(
        engine=sa.create_engine("sqlite://"), options=options, report=None, business_date=TONIGHT
    )
    sender, waited = Sender(context), []
    at_each_look, after_each_wait = iter(leased), iter(recovered)

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return len(waited) >= ends_at_wait

    sender.setbacks._ending = SimpleNamespace(wait=wait)
    sender._lookups = SimpleNamespace(
        count_leased=lambda day: next(at_each_look) if day == TONIGHT else 0
    )
    sender._recovery = SimpleNamespace(recover=lambda: next(after_each_wait))
    return sender, waited
