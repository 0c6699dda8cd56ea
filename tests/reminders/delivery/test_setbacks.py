"""Setbacks: back-off at a rate limit, and the circuit breaker after failures in a row."""

from collections import Counter
from itertools import pairwise

import pytest

from cobranca.errors import DeliveryHalted
from cobranca.reminders import deliver
from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery.sender import SENDING_PER_THREAD
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from cobranca.reminders.delivery.setbacks import (
    AMBIGUOUS_STREAK,
    CHECK_EXPIRED,
    ENDING,
    NOT_STARTED,
    REJECTION_STREAK,
    Setbacks,
)
from reminders.contact_states import contact_states
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, message, noon, publish_plan

pytestmark = pytest.mark.usefixtures("source_changes")
SENT, UNKNOWN = Outcome("sent"), Outcome("unknown")
HALT = Outcome("halt", "credencial recusada")
RATE_LIMIT = Outcome("retry", "limite de envio do provedor", wait_seconds=0)


def test_messages_held_by_a_rate_limit_name_it_and_are_retried_the_same_day(settings, ledger):
    publish_plan(settings, [message(n) for n in range(60)])
    channel = AcceptingChannel(threads=3)
    channel.send = lambda letter: Outcome("retry", "limite de envio do provedor", wait_seconds=400)
    counts = deliver(
        settings,
        TONIGHT,
        clock=noon(TONIGHT),
        channel=channel,
        options=DeliveryOptions(claim_size=20),
    )
    assert (counts.held, counts.waits) == (60, 60)
    assert set(contact_states(ledger).values()) <= {
        ("planned", reason) for reason in ("limite de envio do provedor", NOT_STARTED.reason)
    }
    counts = deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel(threads=3))
    assert (counts.sent, counts.waits) == (60, 0)
    assert set(contact_states(ledger).values()) == {("sent", None)}


def test_a_rate_limit_with_a_wait_of_zero_is_retried_with_growing_pauses(settings, ledger):
    publish_plan(settings, [message(1)])
    channel, attempts = AcceptingChannel(), []

    def send(letter):
        attempts.append(letter)
        return Outcome("retry", "limite de envio do provedor", wait_seconds=0)

    channel.send = send
    deliver(
        settings,
        TONIGHT,
        clock=noon(TONIGHT),
        channel=channel,
        options=DeliveryOptions(max_wait_seconds=1),
    )
    assert 2 <= len(attempts) <= 6


def test_many_rejections_in_a_row_halt_the_delivery(settings, ledger):
    publish_plan(settings, [message(n) for n in range(100)])
    channel = AcceptingChannel(threads=3)
    channel.send = lambda letter: Outcome("rejected", "recusada pelo provedor (HTTP 400)")
    with pytest.raises(DeliveryHalted, match="uma mensagem após a outra"):
        deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    found = Counter(state for state, _ in contact_states(ledger).values())
    assert found["planned"] >= 50 and found["rejected"] + found["planned"] == 100


def test_many_ambiguous_answers_in_a_row_hold_the_rest(settings):
    publish_plan(settings, [message(n) for n in range(60)])
    channel = AcceptingChannel(threads=3)
    channel.send = lambda letter: Outcome("unknown", "resposta 500 do provedor")
    counts = deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert (
        counts.unknown <= 20 + SENDING_PER_THREAD * channel.threads
        and counts.held == 60 - counts.unknown
    )


@pytest.fixture
def reports() -> list[dict]:
    return []


@pytest.fixture
def setbacks(reports) -> Setbacks:
    options = DeliveryOptions(max_wait_seconds=1, max_failures_in_a_row=3)
    return Setbacks(options, reports.append)


def test_a_sent_message_ends_the_failures_in_a_row(setbacks, reports):
    answers = (UNKNOWN, UNKNOWN, SENT, UNKNOWN, UNKNOWN)
    assert [setbacks.assess(answer) for answer in answers] == [None] * 5
    assert setbacks.assess(UNKNOWN) is AMBIGUOUS_STREAK
    assert setbacks.stopped.is_set() and reports == [{"setback": AMBIGUOUS_STREAK}]


def test_the_worst_setback_of_other_processes_stops_the_sender(setbacks, reports):
    for setback in (RATE_LIMIT, HALT, RATE_LIMIT):
        setbacks.receive(setback)
    assert setbacks.stopped.is_set() and reports == []
    assert (setbacks.take_received(), setbacks.take_received()) == (HALT, None)


def test_a_halt_that_arrives_before_or_during_a_back_off_is_kept(setbacks):
    setbacks.receive(RATE_LIMIT)
    setbacks.receive(HALT)
    assert setbacks.pause(RATE_LIMIT, "sendgrid")
    assert (setbacks.take_received(), setbacks.take_received()) == (HALT, None)


def test_a_back_off_longer_than_the_time_left_does_not_wait(setbacks):
    assert not setbacks.pause(Outcome("retry", "limite", wait_seconds=2), "sendgrid")
    assert setbacks.seconds_left == 1


def test_rejections_in_a_row_halt_and_a_sent_message_ends_them(setbacks):
    rejected = Outcome("rejected", "recusada")
    answers = (rejected, rejected, SENT, rejected, UNKNOWN, rejected, rejected)
    assert [setbacks.assess(answer) for answer in answers] == [None] * 7
    assert setbacks.assess(rejected) is REJECTION_STREAK


@pytest.mark.parametrize("answer", [NOT_STARTED, CHECK_EXPIRED])
def test_a_message_that_was_not_started_says_nothing_of_the_provider(setbacks, answer):
    assert [setbacks.assess(found) for found in (UNKNOWN, UNKNOWN, answer)] == [None] * 3
    assert not setbacks.stopped.is_set()
    assert setbacks.assess(UNKNOWN) is AMBIGUOUS_STREAK, "the failures in a row go on"


def test_a_back_off_of_all_the_time_left_is_waited(setbacks):
    assert setbacks.pause(Outcome("retry", "limite", wait_seconds=1), "sendgrid")
    assert setbacks.seconds_left == 0


def test_a_back_off_grows_until_a_message_is_sent():
    setbacks = Setbacks(DeliveryOptions(max_wait_seconds=100), lambda progress: None)
    setbacks.end()  # no pause is slept through
    left = [setbacks.seconds_left]
    for answer in (None, None, SENT, None):
        if answer:
            setbacks.assess(answer)
        else:
            setbacks.pause(Outcome("retry", "limite"), "sendgrid")
            left.append(setbacks.seconds_left)
    assert [before - after for before, after in pairwise(left)] == [0.5, 1, 0.5]


def test_a_sender_that_was_asked_to_end_starts_no_more_and_names_the_reason(setbacks):
    assert not setbacks.is_ending and not setbacks.wait_for_end(0)
    setbacks.end()
    assert setbacks.is_ending and setbacks.stopped.is_set() and setbacks.wait_for_end(60)
    assert setbacks.take_received() is ENDING
    assert not setbacks.pause(ENDING, "sendgrid"), "the end is not waited for"


def test_each_further_pass_costs_a_second_until_none_is_left():
    setbacks = Setbacks(DeliveryOptions(max_wait_seconds=3), lambda progress: None)
    assert [setbacks.take_retry() for _ in range(3)] == [True, True, False]
    assert setbacks.seconds_left == 0


def test_a_wait_for_a_lease_counts_and_ends_when_the_sender_is_asked_to_end(setbacks):
    assert not setbacks.wait_for_lease(0.01)
    assert setbacks.seconds_left == pytest.approx(0.99)
    setbacks.end()
    assert setbacks.wait_for_lease(0.5)
    assert setbacks.seconds_left == pytest.approx(0.49)


def test_a_provider_that_names_a_wait_is_asked_no_earlier_and_ever_later():
    """0.25 s doubles where no wait is named; a named one is kept, and doubles from 0.025 s."""
    setbacks = Setbacks(DeliveryOptions(max_wait_seconds=1000), lambda progress: None)
    setbacks.end()  # no pause is slept through
    left = [setbacks.seconds_left]
    for asked in (0, 0.2, 0, *[None] * 6):
        assert setbacks.pause(Outcome("retry", "limite", wait_seconds=asked), "sendgrid")
        left.append(setbacks.seconds_left)
    waits = [before - after for before, after in pairwise(left)]
    assert waits == pytest.approx([0.05, 0.2, 0.2, 4, 8, 16, 30, 30, 30])
