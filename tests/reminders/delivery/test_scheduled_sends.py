"""Scheduled sends: an ambiguous batch is cancelled at the provider before it is sent again."""

import signal
import time

import pytest
import sqlalchemy as sa

from cobranca.ledger import open_ledger
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
