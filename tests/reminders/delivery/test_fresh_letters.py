"""Fresh letters: checked shortly before sending, and released when they must not be sent."""

import re
import time
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from cobranca.errors import DeliveryHalted
from cobranca.reminders import deliver
from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery.fresh_letters import FreshLetters
from cobranca.reminders.delivery.pre_send_check import CHECK_TOO_SLOW, CheckResult
from cobranca.reminders.delivery.sender import SENDING_PER_THREAD
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from reminders.contact_states import contact_states
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, as_planned, clock_at, item, message, noon, publish_plan
from reminders.rendering import many

pytestmark = pytest.mark.usefixtures("source_changes")


def test_a_message_that_waited_too_long_is_checked_again(settings, ledger, monkeypatch):
    """The provider is slow: the claim takes longer than a check stays valid.

    Time passes only with each answer.
    """
    monkeypatch.setattr("cobranca.reminders.delivery.sender_context.FRESH_SECONDS", 0.2)
    answered = []
    clock = SimpleNamespace(monotonic=lambda: 0.15 * len(answered))
    for module in ("fresh_letters", "in_flight", "lease", "sender"):
        monkeypatch.setattr(f"cobranca.reminders.delivery.{module}.time", clock)
    publish_plan(settings, [message(n) for n in range(12)])
    sizes, channel = [], AcceptingChannel(threads=3)

    def check(messages) -> CheckResult:
        sizes.append(len(messages))
        return CheckResult(ready=list(messages))

    def slow(letter) -> Outcome:
        answered.append(letter)
        return Outcome("sent", provider_message_id="1")

    channel.send = slow
    assert (
        deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel, pre_send_check=check).sent
        == 12
    )
    assert sizes[0] == 12 and len(sizes) > 1 and sorted(sizes, reverse=True) == sizes


def test_a_check_that_takes_too_long_holds_the_messages(settings, ledger, monkeypatch):
    monkeypatch.setattr("cobranca.reminders.delivery.sender_context.FRESH_SECONDS", 0.01)
    publish_plan(settings, [message(1)])

    def check(messages) -> CheckResult:
        time.sleep(0.05)
        return CheckResult(ready=list(messages))

    assert deliver(settings, TONIGHT, pre_send_check=check).held == 1
    assert contact_states(ledger)[1, TONIGHT] == ("planned", CHECK_TOO_SLOW)


def test_contact_hours_that_end_within_a_claim_stop_it(settings, ledger):
    publish_plan(settings, [message(n) for n in range(60)])
    channel, now, late = AcceptingChannel(), [clock_at(19, 59)()], []

    def send(letter):
        late.append(now[0].hour >= 20)
        now[0] += timedelta(seconds=14)
        return Outcome("sent", provider_message_id="1")

    channel.send = send
    counts = deliver(settings, TONIGHT, clock=lambda: now[0], channel=channel)
    assert sum(late) <= SENDING_PER_THREAD
    assert counts.sent == len(late) < 10 and counts.waits == 0


def test_a_message_that_cannot_be_rendered_is_rejected_with_its_reason(settings, ledger):
    invalid = item("R2", boleto_line="23793381286000782713695000063305975520000370001")
    publish_plan(settings, [message(1, email="sem e-mail"), message(2, [invalid]), message(3)])
    counts = deliver(settings, TONIGHT)
    assert (counts.rejected, counts.sent) == (2, 1)
    assert contact_states(ledger)[1, TONIGHT] == ("rejected", "e-mail inválido")
    state, reason = contact_states(ledger)[2, TONIGHT]
    assert state == "rejected" and reason.startswith("boleto com dígito verificador inválido")


def fail_at_call(number: int):
    calls = iter(range(1, 1000))
    return lambda found: "Ana" if next(calls) < number else 1 / 0


def test_an_error_while_rendering_leaves_nothing_unknown(settings, ledger, monkeypatch):
    publish_plan(settings, [message(n) for n in range(9)])
    monkeypatch.setattr("cobranca.reminders.render.phrases.greeting", fail_at_call(5))
    with pytest.raises(ZeroDivisionError):
        deliver(settings, TONIGHT)
    assert (
        sorted(state for state, _ in contact_states(ledger).values())
        == ["planned"] * 5 + ["sent"] * 4
    )
    monkeypatch.undo()
    monkeypatch.setattr("cobranca.sources.current_state.read_current_state", as_planned)
    assert deliver(settings, TONIGHT).sent == 9


def test_a_payment_after_the_plan_leaves_no_statement_that_lists_what_is_paid(
    settings, ledger, source_changes
):
    """Any payment stops the whole letter: the next night writes one about what is open then."""
    own = [item(f"B{n:05d}", days=n) for n in range(1, 61)]
    publish_plan(settings, [message(1, many(60)), message(2, own)])
    source_changes["A00060"] = {"paid": Decimal("0.01")}
    counts = deliver(settings, TONIGHT)
    assert (counts.cancelled_paid, counts.sent) == (1, 1)
    [attached] = settings.folder("outbox", TONIGHT).glob("*.csv")
    text = attached.read_text(encoding="utf-8-sig")
    # The rows of the plan were the newest first; the statement begins with the oldest.
    assert re.findall(r"Documento NF-(\w+)", text) == [f"B{n:05d}" for n in range(60, 0, -1)]
    assert attached.stem == message(2)[0]["message_key"]


def test_a_long_letter_that_is_tried_again_is_the_same(settings, ledger):
    publish_plan(settings, [message(1, many(60))])
    channel, tried = AcceptingChannel(), []

    def send(letter) -> Outcome:
        tried.append(letter)
        return Outcome("halt", "HTTP 401") if len(tried) == 1 else accept(letter)

    accept, channel.send = channel.send, send
    with pytest.raises(DeliveryHalted):
        deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel)
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel).sent == 1
    assert len(tried) == 2 and tried[0] == tried[1] and tried[0].attachment
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=channel).sent == 1
    assert len(tried) == 2


class Claim:
    """The lease and the context of letters whose check takes ``seconds`` each time."""

    def __init__(self, monkeypatch, seconds: float = 0, reasons: dict[str, str] | None = None):
        self.now, self.checks, self.releases, self.renewals = 100.0, [], [], 0
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr("cobranca.reminders.delivery.fresh_letters.time", clock)

        def check(messages) -> CheckResult:
            self.checks.append([message.message_key for message in messages])
            self.now += seconds
            return CheckResult(ready=list(messages))

        context = SimpleNamespace(
            options=DeliveryOptions(),
            pre_send_check=check,
            renderer=SimpleNamespace(render=lambda message: message),
            hold_reason=lambda message: (reasons or {}).get(message.message_key),
        )
        self.letters = FreshLetters(context, self)

    def release(self, keys, state: str = "planned", reason: str | None = None) -> None:
        self.releases.append((list(keys), state, reason))

    def renew(self) -> None:
        self.renewals += 1


def some(*keys: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(message_key=key) for key in keys]


@pytest.mark.parametrize(("seconds", "rendered"), [(20, ["a", "b"]), (20.1, [])])
def test_a_check_counts_for_twenty_seconds_from_its_beginning(monkeypatch, seconds, rendered):
    """The lease is renewed after each, for a check may take long."""
    claim = Claim(monkeypatch, seconds)
    letters = list(claim.letters.render(some("a", "b")))
    assert [letter.letter.message_key for letter in letters] == rendered
    assert {letter.fresh_until for letter in letters} <= {100.0 + 20}
    assert claim.releases == ([] if rendered else [(["a", "b"], "planned", CHECK_TOO_SLOW)])
    assert (claim.checks, claim.renewals) == ([["a", "b"]], 1)


@pytest.mark.parametrize(("seconds", "checks"), [(20, 1), (20.1, 2)])
def test_what_waits_longer_than_a_check_counts_is_checked_again(monkeypatch, seconds, checks):
    claim = Claim(monkeypatch)
    letters = claim.letters.render(some("a", "b"))
    next(letters)
    claim.now += seconds
    assert next(letters).fresh_until == (120.0 if checks == 1 else claim.now + 20)
    assert claim.checks == [["a", "b"], ["b"]][:checks] and claim.renewals == checks
    assert list(letters) == []


def test_a_message_that_the_check_stops_is_released_with_its_state_and_reason(monkeypatch):
    claim = Claim(monkeypatch)
    paid, later = ("cancelled_paid", "pago na fonte"), ("planned", "fonte fora do ar")
    messages = some(*"abcd")
    stopped = {"a": paid, "b": later, "d": paid}
    found = CheckResult(ready=messages[2:3], stopped=stopped)
    claim.letters._context.pre_send_check = lambda messages: found
    letters = list(claim.letters.render(messages))
    assert [letter.letter.message_key for letter in letters] == ["c"]
    assert claim.releases == [(["a", "d"], *paid), (["b"], *later)]


def test_a_message_that_waits_for_its_hours_is_released_with_its_reason(monkeypatch):
    """The hours of the last one end while the first is sent."""
    reasons = {"b": "cedo", "c": "tarde", "d": "cedo"}
    claim = Claim(monkeypatch, reasons=reasons)
    letters = claim.letters.render(some(*"abcde"))
    assert next(letters).letter.message_key == "a"
    assert claim.checks == [["a", "e"]]
    reasons["e"] = "tarde"
    assert list(letters) == []
    assert claim.releases == [
        (["b", "d"], "planned", "cedo"),
        (["c"], "planned", "tarde"),
        (["e"], "planned", "tarde"),
    ]
    assert claim.letters.error is None
