"""Passes of a sender over a ledger in memory: what is claimed, committed, recorded, released, held.

The ledger of these tests knows no SQL, so that each order of events can be tried quickly.
"""

import itertools
import math
import time
from types import SimpleNamespace

import pytest

from cobranca.errors import DeliveryHalted
from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery import sender as sender_module
from cobranca.reminders.delivery.pre_send_check import CheckResult
from cobranca.reminders.delivery.sender import PAUSED, SENDING_PER_THREAD, Sender
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from cobranca.reminders.delivery.setbacks import CHECK_EXPIRED, NOT_STARTED
from cobranca.retry import wait_until
from reminders.plans import TONIGHT

# A sender that waits for nothing must not hold up the other tests.
pytestmark = pytest.mark.timeout(30)
BATCH = "b1"
LIMIT = Outcome("retry", "limite do provedor", wait_seconds=400)


class MemoryLedger:
    """State and reason of each contact; stands for the worker, the lookups and the recovery."""

    def __init__(self, number: int):
        keys = [f"m{one:02d}" for one in range(number)]
        self.states: dict[str, tuple[str, str | None]] = dict.fromkeys(keys, ("planned", None))
        self.ids: dict[str, str | None] = {}
        self.claims: list[list[str]] = []
        self.most_sending, self.renewals, self.paused = 0, 0, False
        self.never_allowed: set[str] = set()
        self.commits: list[tuple[int, int]] = []

    def claim(self, day, batch, owner, *, limit, after, lease_seconds) -> list[str]:
        assert (day, batch, bool(owner)) == (TONIGHT, BATCH, True)
        planned = [key for key in self.states if self._is(key, "planned") and key > after]
        self.claims.append([] if self.paused else planned[:limit])
        for key in self.claims[-1]:
            self.states[key] = "claimed", None
        return self.claims[-1]

    def _is(self, key: str, *states: str) -> bool:
        return self.states[key][0] in states

    def advance(self, owner, *, ended, start, lease_seconds) -> list[str]:
        self.commits.append((len(ended), len(start)))
        for result in ended:
            assert self._is(result.message_key, "sending")
            self.states[result.message_key] = result.state, result.reason
            self.ids[result.message_key] = result.provider_message_id
        allowed = [] if self.paused else [key for key in start if key not in self.never_allowed]
        for key in allowed:
            assert self._is(key, "claimed")
            self.states[key] = "sending", None
        sending = sum(self._is(key, "sending") for key in self.states)
        self.most_sending = max(self.most_sending, sending)
        return allowed

    def release(self, owner, keys, state="planned", reason=None) -> None:
        for key in keys:
            if self._is(key, "claimed"):
                self.states[key] = state, reason

    def renew(self, owner, seconds) -> None:
        self.renewals += 1

    def set_hold_reason(self, day, batch, reason) -> None:
        assert (day, batch) == (TONIGHT, BATCH)
        for key, (state, known) in self.states.items():
            if state == "planned" and known is None:
                self.states[key] = state, reason

    def is_paused(self) -> bool:
        return self.paused

    def count_leased(self, day) -> int:
        return 0

    def recover(self) -> int:
        return 0

    def messages(self, keys):
        """The plan's messages, in chunks."""
        for start in range(0, len(keys), 2):
            yield [SimpleNamespace(message_key=key) for key in keys[start : start + 2]]

    def in_state(self, state: str, reason: str | None = None) -> list[str]:
        return [key for key, found in self.states.items() if found == (state, reason)]


class Passes:
    """A sender over a ledger in memory, with what it reported."""

    def __init__(self, monkeypatch, number: int, send, **options):
        self.ledger, self.reports, self.attempts = MemoryLedger(number), [], []
        for name in ("ContactWorker", "ContactLookups", "LeaseRecovery"):
            monkeypatch.setattr(sender_module, name, lambda engine: self.ledger)

        def attempt(letter) -> Outcome:
            self.attempts.append(letter.message_key)
            return send(letter.message_key)

        self.context = SimpleNamespace(
            engine=None,
            business_date=TONIGHT,
            batch_id=BATCH,
            plan_file=self.ledger,
            channel=SimpleNamespace(name="canal", send=attempt),
            pre_send_check=lambda messages: CheckResult(ready=list(messages)),
            renderer=SimpleNamespace(render=lambda message: message),
            hold_reason=lambda message: None,
            scheduled=None,
            options=DeliveryOptions(**{"threads": 1, "max_wait_seconds": 1, **options}),
            report=self.reports.append,
        )
        self.sender = Sender(self.context)

    def run(self) -> MemoryLedger:
        self.sender.run()
        return self.ledger


def accept(key: str) -> Outcome:
    return Outcome("sent", provider_message_id=f"id-{key}")


def answering(key: str, *answers: Outcome):
    """A provider that gives these answers for one message, and accepts afterwards."""
    left = list(answers)
    return lambda one: left.pop(0) if one == key and left else accept(one)


def test_every_message_is_sent_once_and_recorded_with_its_id(monkeypatch):
    passes = Passes(monkeypatch, 7, accept, claim_size=3)
    ledger = passes.run()
    assert passes.attempts == ledger.in_state("sent") == list(ledger.states)
    assert ledger.ids == {key: f"id-{key}" for key in ledger.states}
    assert [len(keys) for keys in ledger.claims] == [3, 3, 1, 0], "one pass is enough"
    assert passes.reports == [{"sent": 3}, {"sent": 6}, {"sent": 7}] and passes.sender.sent == 7


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_few_messages_are_committed_at_once_and_their_answers_together(monkeypatch, threads):
    """A commit of several answers and starts spares the ledger."""
    passes = Passes(monkeypatch, 40, accept, threads=threads)
    ledger = passes.run()
    most = SENDING_PER_THREAD * threads
    assert ledger.most_sending == most
    assert ledger.commits[0] == (0, threads), "the first group fills half of what is allowed"
    assert len(ledger.commits) <= 40 / max(1, threads / 2) + 2
    assert sum(ended for ended, _ in ledger.commits) == 40 == sum(s for _, s in ledger.commits)
    assert (0, 0) not in ledger.commits, "a commit has something to record or to start"


def test_an_answer_waits_a_moment_only_until_it_is_recorded(monkeypatch):
    """The second message takes long; the first is recorded meanwhile, and leases are renewed."""
    seen = []

    def send(key: str) -> Outcome:
        if key == "m01":
            wait_until(lambda: passes.ledger.in_state("sent"), seconds=5, pause=0.01)
            time.sleep(0.3)
            seen.append((passes.ledger.in_state("sent"), passes.ledger.renewals > 0))
        return accept(key)

    passes = Passes(monkeypatch, 2, send, threads=2, lease_seconds=0.3)
    passes.run()
    assert seen == [(["m00"], True)]


def test_an_answer_that_fills_no_group_is_recorded_after_a_moment(monkeypatch):
    """More than half of what is allowed is in flight when it comes, and all others take long."""
    seen = []

    def send(key: str) -> Outcome:
        ledger = passes.ledger
        if key == "m00":
            wait_until(lambda: len(ledger.in_state("sending")) == 6, seconds=5, pause=0.01)
        else:
            wait_until(lambda: ledger.in_state("sent"), seconds=5, pause=0.01)
            seen.append(ledger.in_state("sent")[:1])
        return accept(key)

    passes = Passes(monkeypatch, 6, send, threads=4, lease_seconds=60)
    passes.run()
    assert seen == [["m00"]] * 5


@pytest.mark.parametrize(
    ("answer", "state"),
    [("rejected", "rejected"), ("unknown", "unknown")],
)
def test_an_answer_about_one_message_stops_no_other(monkeypatch, answer, state):
    passes = Passes(monkeypatch, 5, answering("m01", Outcome(answer, "motivo")))
    ledger = passes.run()
    assert ledger.states["m01"] == (state, "motivo") and len(ledger.in_state("sent")) == 4
    assert passes.sender.sent == 4 and len(passes.attempts) == 5


def test_a_limit_that_cannot_be_waited_for_holds_the_rest_with_its_reason(monkeypatch):
    passes = Passes(monkeypatch, 9, answering("m02", LIMIT), claim_size=6)
    ledger = passes.run()
    assert ledger.in_state("sent") == ["m00", "m01"] == passes.attempts[:-1]
    held = ledger.in_state("planned", LIMIT.reason) + ledger.in_state("planned", NOT_STARTED.reason)
    assert len(held) == 7 and len(ledger.claims) == 1
    assert {"setback": LIMIT} in passes.reports and passes.reports[-1] == {"sent": 2}


def test_after_a_short_wait_the_same_claim_is_tried_again(monkeypatch):
    short = Outcome("retry", "limite do provedor", wait_seconds=0)
    passes = Passes(monkeypatch, 6, answering("m02", short), claim_size=4)
    ledger = passes.run()
    assert len(ledger.in_state("sent")) == 6 == passes.sender.sent
    assert ledger.claims[1][0] == "m02" and passes.attempts.count("m02") == 2


def test_a_refusal_halts_and_all_that_had_not_left_is_planned_again(monkeypatch):
    passes = Passes(monkeypatch, 6, answering("m02", Outcome("halt", "recusada")), threads=2)
    with pytest.raises(DeliveryHalted, match=r"canal refuses messages of 2026-11-18: recusada\."):
        passes.run()
    states = {state for state, _ in passes.ledger.states.values()}
    assert states == {"sent", "planned"} and "m02" not in passes.ledger.in_state("sent")
    assert "m05" in passes.ledger.in_state("planned", "recusada"), "who looks reads why it waits"


def test_an_error_of_a_letter_is_raised_after_all_in_flight_is_recorded(monkeypatch):
    passes = Passes(monkeypatch, 5, accept)
    renders = iter(range(5))
    passes.context.renderer.render = lambda message: message if next(renders) < 3 else 1 / 0
    with pytest.raises(ZeroDivisionError):
        passes.run()
    assert passes.ledger.in_state("sent") == ["m00", "m01", "m02"]
    assert passes.ledger.in_state("planned") == ["m03", "m04"]


def test_a_pause_releases_the_rest_of_a_claim_and_waits_for_nobody(monkeypatch):
    def send(key: str) -> Outcome:
        passes.ledger.paused = passes.ledger.paused or key == "m01"
        return accept(key)

    passes = Passes(monkeypatch, 8, send, max_wait_seconds=3600)
    ledger = passes.run()
    sent = len(ledger.in_state("sent"))
    assert 2 <= sent <= 1 + SENDING_PER_THREAD
    assert len(ledger.in_state("planned", PAUSED)) == 8 - sent
    assert {"setback": Outcome("retry", PAUSED, wait_seconds=math.inf)} in passes.reports


def test_a_pause_when_the_last_message_has_left_holds_nothing(monkeypatch):
    passes = Passes(monkeypatch, 1, accept)
    passes.ledger.never_allowed.add("m00")
    ledger = passes.run()
    assert passes.attempts == [] and ledger.states["m00"][0] == "claimed"
    assert not any("setback" in report for report in passes.reports), "taken over, not paused"


def stand_still_before(monkeypatch, *numbers: int) -> None:
    """Let the process stand still before it starts the messages of these numbers, from 1."""
    count = itertools.count(1)
    late = SimpleNamespace(
        monotonic=lambda: time.monotonic() + (100 if next(count) in numbers else 0)
    )
    monkeypatch.setattr(sender_module, "time", late)


def test_a_message_whose_check_expired_is_tried_in_another_pass(monkeypatch):
    stand_still_before(monkeypatch, 2)
    passes = Passes(monkeypatch, 4, accept, max_wait_seconds=3)
    ledger = passes.run()
    assert len(ledger.in_state("sent")) == 4 and passes.attempts == ["m00", "m02", "m03", "m01"]
    assert ledger.claims[-2:] == [["m01"], []], "the second pass begins with the first key"
    assert passes.sender.setbacks.seconds_left == 2, "each further pass costs a second"


def test_a_check_that_always_expires_ends_with_the_time_to_wait(monkeypatch):
    stand_still_before(monkeypatch, *range(1, 100))
    passes = Passes(monkeypatch, 1, accept, max_wait_seconds=3)
    ledger = passes.run()
    assert passes.attempts == [] and ledger.claims == [["m00"], []] * 3
    assert ledger.states["m00"] == ("planned", CHECK_EXPIRED.reason)


def test_a_sender_that_is_asked_to_end_starts_no_more(monkeypatch):
    def send(key: str) -> Outcome:
        if key == "m01":
            passes.sender.setbacks.end()
        return accept(key)

    passes = Passes(monkeypatch, 9, send, claim_size=4)
    ledger = passes.run()
    sent = ledger.in_state("sent")
    assert sent == passes.attempts and 2 <= len(sent) <= 1 + SENDING_PER_THREAD
    assert len(ledger.claims) == 1
    assert {state for state, _ in ledger.states.values()} == {"sent", "planned"}
