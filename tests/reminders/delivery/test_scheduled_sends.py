"""Scheduled sends: an ambiguous batch is cancelled at the provider before it is sent again."""

import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.contact_worker import SendResult
from cobranca.ledger.tables import contacts
from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery import scheduled_sends
from cobranca.reminders.delivery.scheduled_sends import (
    BATCH_CANCELLED,
    CANCEL_UNCONFIRMED,
    MARGIN_SECONDS,
    MAX_CANCELLATIONS,
    ScheduledBatches,
)
from faults.nights import Night
from faults.provider import StandInProvider
from ledger.contact_rows import NIGHT, planned_contact, state_reasons

SENT = Outcome("sent", provider_message_id="id", scheduled=True)
IN_DOUBT = Outcome("unknown", "resposta 500 do provedor", scheduled=True)
HALF_AN_HOUR = 1800


@pytest.fixture
def night(settings, tmp_path) -> Night:
    """E-mails are scheduled half an hour ahead."""
    limits = settings.config / "limits.yml"
    limits.write_text(
        limits.read_text(encoding="utf-8").replace(
            "delivery_mode: immediate", "delivery_mode: scheduled"
        )
    )
    return Night(settings, settings.ledger, tmp_path)


def reasons_of_unknown(night: Night) -> set[str]:
    engine = open_ledger(night.settings.ledger)
    query = sa.select(contacts.c.state_reason).where(contacts.c.state == "unknown")
    with engine.connect() as connection:
        reasons = set(connection.scalars(query))
    engine.dispose()
    return reasons


def test_an_ambiguous_batch_is_cancelled_and_sent_again(night, tmp_path):
    faults = {3: "accept_then_drop", 7: "500", 9: "400"}
    with StandInProvider(
        tmp_path / "mails.jsonl", lambda number, key: faults.get(number, "ok")
    ) as provider:
        code, counts = night.run(provider.url, lease=30)
        assert code == 0, night.log.read_text()
        assert night.check(provider).states == {"sent": len(night.keys) - 1, "rejected": 1}
        assert counts["new"] == len(night.keys) - 1
        assert "cancel" in provider.batches.values() and "open" in provider.batches.values()
        leave = {mail["send_at"] - mail["accepted_at"] for mail in provider.accepted()}
        assert all(29 * 60 < seconds <= 30 * 60 for seconds in leave)


def test_a_batch_that_the_provider_does_not_cancel_is_not_sent_again(night, tmp_path):
    faults = {3: "accept_then_drop", 7: "500"}
    with StandInProvider(
        tmp_path / "mails.jsonl", lambda number, key: faults.get(number, "ok")
    ) as provider:
        provider.cancels = False
        for _ in range(2):
            assert night.run(provider.url, lease=30)[0] == 0
        assert night.check(provider).states == {"sent": len(night.keys) - 2, "unknown": 2}
        provider.cancels = True
        # The batch must not be cancelled now: its other messages count as sent.
        assert night.run(provider.url, lease=30)[0] == 0
        assert night.check(provider).states == {"sent": len(night.keys) - 2, "unknown": 2}


def test_an_unconfirmed_cancellation_leaves_the_batch_unknown_until_it_is_confirmed(
    night, tmp_path
):
    with StandInProvider(
        tmp_path / "mails.jsonl", lambda number, key: "drop" if number == 3 else "ok"
    ) as provider:
        provider.cancels = "silently"
        assert night.run(provider.url, lease=30, claim_size=12)[0] == 0
        states = night.report(provider).states
        assert states == {"sent": len(night.keys) - 12, "unknown": 12}
        assert reasons_of_unknown(night) == {CANCEL_UNCONFIRMED}
        provider.cancels = True
        for _ in range(2):
            assert night.run(provider.url, lease=30)[0] == 0
        assert night.check(provider).states == {"sent": len(night.keys)}


@pytest.mark.parametrize("point", ["after sending is committed", "after the pre-send check"])
def test_the_batch_of_a_dead_worker_is_cancelled_and_sent_again(night, tmp_path, point):
    with StandInProvider(tmp_path / "mails.jsonl") as provider:
        code, _ = night.run(provider.url, die_at=point)
        assert code == -signal.SIGKILL
        time.sleep(1.6)
        for _ in range(2):
            assert night.run(provider.url)[0] == 0
        assert night.check(provider).states == {"sent": len(night.keys)}


class BatchingChannel:
    """A channel that opens batches and answers each cancellation with ``confirms``."""

    def __init__(self, confirms: bool | None = True):
        self.confirms, self.cancelled, self.is_open = confirms, [], False

    def start_batch(self, leaves_at: int) -> str | Outcome:
        self.is_open, self.leaves_at = True, leaves_at
        return "batch"

    def end_batch(self) -> None:
        self.is_open = False

    def cancel(self, batch: str) -> bool | None:
        self.cancelled.append(batch)
        return self.confirms


def close(batches: ScheduledBatches, *answers: Outcome) -> tuple[list[tuple], bool]:
    """Open a batch, take the answers, close it; the states with their reasons."""
    assert batches.open("w1", []) is None
    for number, answer in enumerate(answers):
        batches.add_answer(f"m{number}", answer)
    results, is_cancelled = batches.close()
    return [(result.state, result.reason) for result in results], is_cancelled


@pytest.mark.parametrize(
    ("confirms", "states", "is_cancelled"),
    [
        (True, [("planned", BATCH_CANCELLED)] * 2, True),
        (False, [("sent", None), ("unknown", "resposta 500 do provedor")], False),
        (None, [("unknown", CANCEL_UNCONFIRMED)] * 2, False),
    ],
)
def test_a_batch_in_doubt_ends_as_the_provider_answers_its_cancellation(
    ledger, confirms, states, is_cancelled
):
    channel = BatchingChannel(confirms)
    batches = ScheduledBatches(ledger.engine, channel, HALF_AN_HOUR)
    assert close(batches, SENT, IN_DOUBT) == (states, is_cancelled)
    assert channel.cancelled == ["batch"] and not channel.is_open


def test_a_batch_without_doubt_is_not_cancelled(ledger):
    channel = BatchingChannel()
    batches = ScheduledBatches(ledger.engine, channel, HALF_AN_HOUR)
    rejected = Outcome("rejected", "recusada", scheduled=True)
    assert close(batches, SENT, rejected) == ([("sent", None), ("rejected", "recusada")], False)
    assert channel.cancelled == []


@pytest.mark.parametrize(
    ("seconds", "is_cancelled"), [(MARGIN_SECONDS + 5, True), (MARGIN_SECONDS - 5, False)]
)
def test_a_batch_that_leaves_within_the_margin_is_not_cancelled(ledger, seconds, is_cancelled):
    channel = BatchingChannel()
    _, was_cancelled = close(ScheduledBatches(ledger.engine, channel, seconds), IN_DOUBT)
    assert was_cancelled is is_cancelled and bool(channel.cancelled) is is_cancelled


def test_a_provider_that_is_always_in_doubt_is_not_asked_without_end(ledger):
    channel = BatchingChannel()
    batches = ScheduledBatches(ledger.engine, channel, HALF_AN_HOUR)
    found = [close(batches, IN_DOUBT)[1] for _ in range(MAX_CANCELLATIONS + 1)]
    assert found == [True] * MAX_CANCELLATIONS + [False]


def test_the_answers_of_a_batch_are_not_those_of_the_next(ledger):
    batches = ScheduledBatches(ledger.engine, BatchingChannel(), HALF_AN_HOUR)
    close(batches, IN_DOUBT)
    assert close(batches, SENT) == ([("sent", None)], False)


def test_a_batch_that_the_provider_does_not_open_is_an_answer(ledger):
    channel, limit = BatchingChannel(), Outcome("retry", "limite")
    channel.start_batch = lambda leaves_at: limit
    assert ScheduledBatches(ledger.engine, channel, HALF_AN_HOUR).open("w1", []) is limit


def test_a_batch_leaves_the_scheduled_time_after_its_claim(ledger, monkeypatch):
    monkeypatch.setattr(scheduled_sends.time, "time", lambda: 1_000_000.9)
    channel = BatchingChannel()
    ScheduledBatches(ledger.engine, channel, HALF_AN_HOUR).open("w1", [])
    assert channel.leaves_at == 1_001_800


@pytest.fixture
def claimed(ledger) -> list[str]:
    """Two contacts of the night, claimed by the worker ``w1``."""
    ledger.planner.plan(NIGHT, "b1", [[(planned_contact(number), []) for number in (1, 2)]])
    return ledger.worker.claim(NIGHT, "b1", "w1", limit=9, after="", lease_seconds=60)


def test_the_batch_of_a_claim_is_in_the_ledger_before_a_letter_is_handed_over(ledger, claimed):
    ScheduledBatches(ledger.engine, BatchingChannel(), HALF_AN_HOUR).open("w1", claimed)
    query = sa.select(contacts.c.scheduled_batch, contacts.c.scheduled_for)
    with ledger.engine.connect() as connection:
        rows = connection.execute(query).all()
    assert [row.scheduled_batch for row in rows] == ["batch"] * 2
    leaves_at = datetime.now(UTC) + timedelta(seconds=HALF_AN_HOUR)
    for row in rows:
        scheduled_for = row.scheduled_for.replace(tzinfo=UTC)
        assert abs(scheduled_for - leaves_at) < timedelta(seconds=20)


def test_each_result_of_a_batch_has_its_message_and_the_providers_id(ledger, claimed):
    batches = ScheduledBatches(ledger.engine, BatchingChannel(), HALF_AN_HOUR)
    batches.open("w1", claimed)
    batches.add_answer("m1", SENT)
    batches.add_answer("m2", Outcome("rejected", "recusada", scheduled=True))
    assert batches.close() == (
        [SendResult("m1", "sent", None, "id"), SendResult("m2", "rejected", "recusada")],
        False,
    )


@pytest.mark.parametrize("confirms", [True, None])
def test_the_results_of_a_batch_in_doubt_name_their_messages(ledger, claimed, confirms):
    batches = ScheduledBatches(ledger.engine, BatchingChannel(confirms), HALF_AN_HOUR)
    batches.open("w1", claimed)
    for key, answer in zip(claimed, (SENT, IN_DOUBT), strict=True):
        batches.add_answer(key, answer)
    assert [result.message_key for result in batches.close()[0]] == claimed


def die_in_doubt(ledger, claimed: list[str], seconds: float) -> None:
    """Hand over a batch that leaves in ``seconds``, and end the lease before any answer."""
    ScheduledBatches(ledger.engine, BatchingChannel(), seconds).open("w1", claimed)
    ledger.worker.advance("w1", ended=[], start=claimed, lease_seconds=-1)
    ledger.recovery.recover()


def test_the_contacts_of_an_abandoned_batch_are_planned_again(ledger, claimed):
    die_in_doubt(ledger, claimed, HALF_AN_HOUR)
    channel = BatchingChannel()
    batches = ScheduledBatches(ledger.engine, channel, HALF_AN_HOUR)
    assert batches.cancel_abandoned(NIGHT + timedelta(days=1)) == 0
    assert batches.cancel_abandoned(NIGHT) == 2
    assert channel.cancelled == ["batch"]
    assert state_reasons(ledger) == dict.fromkeys(claimed, ("planned", BATCH_CANCELLED))


@pytest.mark.parametrize("confirms", [False, None])
def test_an_abandoned_batch_that_is_not_cancelled_stays_unknown(ledger, claimed, confirms):
    die_in_doubt(ledger, claimed, HALF_AN_HOUR)
    channel = BatchingChannel(confirms)
    assert ScheduledBatches(ledger.engine, channel, HALF_AN_HOUR).cancel_abandoned(NIGHT) == 0
    assert channel.cancelled == ["batch"]
    assert {state for state, _ in state_reasons(ledger).values()} == {"unknown"}


@pytest.mark.parametrize(
    ("seconds", "planned_again"), [(MARGIN_SECONDS + 20, 2), (MARGIN_SECONDS - 20, 0)]
)
def test_an_abandoned_batch_that_leaves_within_the_margin_stays_unknown(
    ledger, claimed, seconds, planned_again
):
    die_in_doubt(ledger, claimed, seconds)
    batches = ScheduledBatches(ledger.engine, BatchingChannel(), HALF_AN_HOUR)
    assert batches.cancel_abandoned(NIGHT) == planned_again


def test_all_abandoned_batches_of_a_night_are_cancelled(ledger):
    rows = [[(planned_contact(number), []) for number in (1, 2, 3)]]
    ledger.planner.plan(NIGHT, "b1", rows)
    for number in (1, 2, 3):
        owner, channel = f"w{number}", BatchingChannel()
        channel.start_batch = lambda leaves_at, number=number: f"batch {number}"
        keys = ledger.worker.claim(NIGHT, "b1", owner, limit=1, after="", lease_seconds=60)
        ScheduledBatches(ledger.engine, channel, HALF_AN_HOUR).open(owner, keys)
        ledger.worker.advance(owner, ended=[], start=keys, lease_seconds=-1)
    ledger.recovery.recover()
    channel = BatchingChannel()
    assert ScheduledBatches(ledger.engine, channel, HALF_AN_HOUR).cancel_abandoned(NIGHT) == 3
    assert channel.cancelled == ["batch 1", "batch 2", "batch 3"]
