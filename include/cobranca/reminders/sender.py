"""One process's part of a delivery: claim messages, look at them for the last time, write them, commit them, send them."""

import contextlib
import logging
import math
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from queue import Empty, SimpleQueue

from cobranca.errors import DeliveryHalted
from cobranca.ledger.contacts import ContactLedger, Ended
from cobranca.reminders.channels import Channel, Letter, Outcome, Text
from cobranca.reminders.last_look import FRESH_SECONDS, TOO_SLOW, Seen
from cobranca.reminders.letters import Unsendable
from cobranca.reminders.messages import Message, PlanFile
from cobranca.reminders.scheduled import ScheduledBatches
from cobranca.reminders.writing import MessageWriter

log = logging.getLogger(__name__)

# So many answers in a row that leave it open whether the message was accepted: better to wait than to doubt everybody. As
# many refusals in a row are not about the messages, and each would take its payer off the channel.
DOUBTS_IN_A_ROW = 20
# Messages a thread that are committed as sending at a time: one on its way and one that follows it at once.
AHEAD = 2
# How long an answer may wait for others before they are written into the ledger together.
GATHER_SECONDS = 0.25
PAUSED = "o envio foi pausado por uma pessoa"
# A letter that a thread did not begin because another had met a setback: certainly not sent.
NOT_BEGUN = Outcome("retry", "não chegou a ser enviada", wait_seconds=0)
# One whose last look grew old between the commit and the first byte, by more than ``GRACE_SECONDS``: looked at again.
TOO_OLD = Outcome("retry", "a última consulta envelheceu antes do envio", wait_seconds=0)
GRACE_SECONDS = 2.0
# Whoever started this process wants it to end, or is dead.
TO_END = Outcome("retry", "o envio foi interrompido", wait_seconds=math.inf)

# Letters, each with the moment until which its last look is fresh.
Letters = Iterator[tuple[Letter | Text, float]]


@dataclass(frozen=True)
class Terms:
    """How a date is delivered; ``threads`` and ``doubts`` (or refusals, in a row) are those of one process."""

    lease_seconds: float = 60
    patience_seconds: float = 300
    claim_size: int = 500
    threads: int = 8
    doubts: int = DOUBTS_IN_A_ROW
    fresh_seconds: float = field(default_factory=lambda: FRESH_SECONDS)
    grace_seconds: float = field(default_factory=lambda: GRACE_SECONDS)


class Sender:
    """Sends what is planned of one business date; several may work on it at a time, in one process or in many.

    ``why_not_now`` gives the reason for which a message must not leave at this moment. ``tell`` hears of what the sender met
    and how far it is: ``{"setback": Outcome}`` and ``{"sent": number}``.
    """

    def __init__(
        self,
        *,
        ledger: ContactLedger,
        business_date: date,
        batch_id: str,
        plan_file: PlanFile,
        channel: Channel,
        last_look: Callable[[list[Message]], Seen],
        writer: MessageWriter,
        why_not_now: Callable[[Message], str | None],
        scheduled: ScheduledBatches | None,
        terms: Terms,
        tell: Callable[[dict], None] = lambda told: None,
    ):
        self.ledger, self.plan_file, self.channel, self.last_look, self.writer = ledger, plan_file, channel, last_look, writer
        self.why_not_now, self.scheduled, self.terms, self.tell = why_not_now, scheduled, terms, tell
        self.business_date, self.batch_id = business_date, batch_id
        self.owner = uuid.uuid4().hex
        self.sent = 0
        self._patience = terms.patience_seconds
        self._cursor = ""
        self._renewed = 0.0
        self._setbacks = 0
        self._doubts = 0
        self._refusals = 0
        self._broken: Exception | None = None
        self._stop = threading.Event()
        self._ending = threading.Event()
        self._heard: SimpleQueue[Outcome] = SimpleQueue()
        self._came_back = False

    def run(self) -> None:
        """Go on until nothing is left that may be sent now.

        Raises:
            DeliveryHalted: the provider refuses the credentials.
        """
        with ThreadPoolExecutor(self.terms.threads, thread_name_prefix="send") as pool:
            while True:
                self._came_back = False
                self._send_all(pool)
                if self._ending.is_set() or (not (self._came_back and self._is_patient()) and not self._take_over()):
                    return

    def hear(self, setback: Outcome) -> None:
        """What another process met stops this one as well. May be called from any thread."""
        self._heard.put(setback)
        self._stop.set()

    def end(self) -> None:
        """Begin nothing more; what is on its way is recorded. May be called from any thread."""
        self._ending.set()
        self.hear(TO_END)

    def is_ending(self, seconds: float) -> bool:
        """Wait so long for the wish to end; whether there was one."""
        return self._ending.wait(seconds)

    def _is_patient(self) -> bool:
        """Every further pass costs some patience, so that no machine is too slow to come to an end."""
        self._patience -= 1
        return self._patience > 0

    def _send_all(self, pool: ThreadPoolExecutor) -> None:
        self._cursor = ""
        while not self._ending.is_set() and (keys := self._claim()):
            self._renewed = time.monotonic()
            setback = self._work(pool, keys)
            self.tell({"sent": self.sent})
            if setback is None:
                self._cursor = keys[-1]
                continue
            if setback.result == "halt":
                raise DeliveryHalted(
                    f"{self.channel.name} refuses messages of {self.business_date}: {setback.reason}. All that had not left is "
                    "planned again; correct the credentials or the channel and run the delivery again."
                )
            if not self._pause(setback):
                log.error("%s: %s; the rest of %s is held", self.channel.name, setback.reason, self.business_date)
                self.ledger.explain(self.business_date, self.batch_id, setback.reason)
                return

    def _claim(self) -> list[str]:
        limit, seconds = self.terms.claim_size, self.terms.lease_seconds
        return self.ledger.claim(
            self.business_date, self.batch_id, self.owner, limit=limit, after=self._cursor, lease_seconds=seconds
        )

    def _work(self, pool: ThreadPoolExecutor, keys: list[str]) -> Outcome | None:
        """Send one claim; the first setback stops it, and what had not left is planned again."""
        if self.scheduled and (setback := self.scheduled.open(self.owner, keys)):
            self.ledger.release(self.owner, keys)
            return setback
        messages = [message for chunk in self.plan_file.messages(keys) for message in chunk]
        setback = self._pump(pool, self._letters(messages))
        if self.scheduled:
            self._settle_batch()
        if setback or self._broken or self.ledger.is_paused():
            self.ledger.release(self.owner, keys, reason=setback.reason if setback else None)
        if self._broken:
            raise self._broken
        return setback

    def _settle_batch(self) -> None:
        ended, taken_back = self.scheduled.settle()
        self.ledger.advance(self.owner, ended=ended, start=[], lease_seconds=self.terms.lease_seconds)
        self._came_back = self._came_back or taken_back
        self.sent += sum(result.state == "sent" for result in ended)

    def _looked_at(self, messages: list[Message]) -> Iterator[tuple[Message, float]]:
        """Messages that may leave, each with the moment until which its last look is fresh."""
        fresh = self.terms.fresh_seconds
        waiting = deque(self._in_their_hour(messages))
        while waiting:
            looked_at = time.monotonic()
            seen = self.last_look(waiting)
            self._renew()
            for (state, reason), keys in seen.by_fate().items():
                self.ledger.release(self.owner, keys, state, reason)
            waiting = deque(seen.ready)
            if time.monotonic() - looked_at > fresh:
                self.ledger.release(self.owner, [message.message_key for message in waiting], reason=TOO_SLOW)
                return
            while waiting and time.monotonic() - looked_at <= fresh:
                # Asked again, because the hour may end before a claim does.
                for message in self._in_their_hour([waiting.popleft()]):
                    yield message, looked_at + fresh

    def _in_their_hour(self, messages: Sequence[Message]) -> list[Message]:
        """Those that may leave at this moment; the others are released, each with its reason."""
        held = defaultdict(list)
        for message in messages:
            held[self.why_not_now(message)].append(message)
        leaving = held.pop(None, [])
        for reason, waiting in held.items():
            self.ledger.release(self.owner, [message.message_key for message in waiting], reason=reason)
        return leaving

    def _letters(self, messages: list[Message]) -> Letters:
        try:
            for message, fresh_until in self._looked_at(messages):
                try:
                    yield self.writer.write(message), fresh_until
                except Unsendable as why:
                    self.ledger.release(self.owner, [message.message_key], "rejected", str(why))
        except Exception as error:
            # Raised only after what is in flight has been recorded: else that would end as unknown.
            self._broken = error

    def _pump(self, pool: ThreadPoolExecutor, letters: Letters) -> Outcome | None:
        """Keep the threads busy. One transaction records what ended and commits what starts, a group at a time, so that
        never more than ``AHEAD`` messages a thread are ``sending``; meanwhile the next letters are written."""
        most, group, setback, is_over = AHEAD * self.terms.threads, max(1, AHEAD * self.terms.threads // 2), None, False
        flight = _Flight(pool, self._send)
        written: deque[tuple[Letter | Text, float]] = deque()
        ended: list[Ended] = []
        self._stop.clear()
        while True:
            setback = self._worse(setback, self._take_heard())
            if setback:
                is_over = True
                written.clear()
            if is_over and not (len(flight) or ended or written):
                return setback
            fills_a_group = len(flight) <= most - group and (is_over or len(written) >= group)
            if (fills_a_group and (ended or written)) or flight.first_waited(GATHER_SECONDS):
                start = [written.popleft() for _ in range(min(len(written), most - len(flight)))]
                setback = self._worse(setback, self._advance(flight, ended, start))
                ended = []
            elif not is_over and len(written) < group:
                letter = next(letters, None)
                is_over = letter is None
                written += [letter] if letter else []
            else:
                flight.wait(GATHER_SECONDS if ended else self.terms.lease_seconds / 3)
            for key, outcome in flight.landed():
                setback = self._worse(setback, self._met(key, outcome, ended))
            self._renew()

    def _advance(self, flight: "_Flight", ended: list[Ended], start: list[tuple[Letter | Text, float]]) -> Outcome | None:
        """Record what ended, commit what starts, and hand that to the threads."""
        keys = [letter.message_key for letter, _ in start]
        allowed = set(self.ledger.advance(self.owner, ended=ended, start=keys, lease_seconds=self.terms.lease_seconds))
        flight.recorded()
        for letter, fresh_until in start:
            if letter.message_key in allowed:
                flight.start(letter, fresh_until)
        if start and not allowed and self.ledger.is_paused():
            return self._setback(Outcome("retry", PAUSED, wait_seconds=math.inf))
        return None

    def _met(self, key: str, outcome: Outcome, ended: list[Ended]) -> Outcome | None:
        """Add to ``ended`` what became of one message; returns the setback that it means for all others."""
        result = self._ended(key, outcome)
        if outcome.scheduled:
            self.scheduled.keep(key, outcome)
        else:
            ended.append(result)
        self._came_back = self._came_back or outcome is TOO_OLD
        if outcome.result in ("retry", "halt") and outcome not in (NOT_BEGUN, TOO_OLD):
            return self._setback(outcome)
        if self._doubts >= self.terms.doubts:
            return self._setback(Outcome("retry", "o provedor não confirma o que recebe", wait_seconds=math.inf))
        if self._refusals >= self.terms.doubts:
            return self._setback(Outcome("halt", "o provedor recusa uma mensagem após a outra"))
        return None

    def _setback(self, outcome: Outcome) -> Outcome:
        self._stop.set()
        self.tell({"setback": outcome})
        return outcome

    def _take_heard(self) -> Outcome | None:
        heard = None
        with contextlib.suppress(Empty):
            while True:
                heard = self._worse(heard, self._heard.get_nowait())
        return heard

    @staticmethod
    def _worse(setback: Outcome | None, another: Outcome | None) -> Outcome | None:
        """A halt counts more than anything; of the others the latest."""
        if another is None or (setback is not None and setback.result == "halt"):
            return setback
        return another

    def _send(self, letter: Letter | Text, fresh_until: float) -> Outcome:
        """In one of the threads. After the first setback nothing else begins, nor after a standstill of this process or of
        the ledger during which anybody may have paid."""
        if self._stop.is_set():
            return NOT_BEGUN
        if time.monotonic() > fresh_until + self.terms.grace_seconds:
            return TOO_OLD
        outcome = self.channel.send(letter)
        if outcome.result in ("retry", "halt"):
            self._stop.set()
        return outcome

    def _ended(self, key: str, outcome: Outcome) -> Ended:
        if outcome not in (NOT_BEGUN, TOO_OLD):
            self._doubts = self._doubts + 1 if outcome.result == "unknown" else 0
            self._refusals = self._refusals + 1 if outcome.result == "rejected" else 0
        if outcome.result == "sent":
            self.sent += not outcome.scheduled
            self._setbacks = 0
        # A retry or a halt is certain not to have been accepted, so the contact may be planned again.
        state = "planned" if outcome.result in ("retry", "halt") else outcome.result
        return Ended(key, state, outcome.reason, outcome.provider_message_id)

    def _renew(self) -> None:
        if time.monotonic() - self._renewed > self.terms.lease_seconds / 3:
            self.ledger.renew(self.owner, self.terms.lease_seconds)
            self._renewed = time.monotonic()

    def _pause(self, setback: Outcome) -> bool:
        """Wait as the provider asks, but ever longer if that does not help; ``False`` when patience would run out."""
        self._setbacks += 1
        asked, at_least = (0.25, 0.25) if setback.wait_seconds is None else (setback.wait_seconds, 0.025)
        seconds = max(asked, min(30.0, at_least * 2**self._setbacks))
        if seconds > self._patience:
            return False
        self._patience -= seconds
        log.warning("%s: %s; waiting %.1f s", self.channel.name, setback.reason, seconds)
        self._ending.wait(seconds)
        # Others met the same meanwhile; that was waited for too.
        if (heard := self._take_heard()) and heard.result == "halt":
            self._heard.put(heard)
        return True

    def _take_over(self) -> bool:
        """Wait for what workers hold: they finish it, or their lease runs out and it is taken over. What this worker itself
        claimed in a commit whose answer was lost is among it."""
        while self.ledger.in_hands(self.business_date) and self._patience > 0:
            if self.ledger.recover():
                return True
            pause = min(1.0, self.terms.lease_seconds / 4)
            self._patience -= pause
            if self._ending.wait(pause):
                return False
        return bool(self.ledger.recover())


class _Flight:
    """The letters that the threads have in hand, and the answers that are not yet recorded."""

    def __init__(self, pool: ThreadPoolExecutor, send: Callable[[Letter | Text, float], Outcome]):
        self._pool, self._send = pool, send
        self._answers: SimpleQueue[tuple[str, Future]] = SimpleQueue()
        self._taken: list[tuple[str, Future]] = []
        self._number = 0
        self._first = math.inf

    def __len__(self) -> int:
        return self._number

    def start(self, letter: Letter | Text, fresh_until: float) -> None:
        self._number += 1
        future = self._pool.submit(self._send, letter, fresh_until)
        future.add_done_callback(lambda future: self._answers.put((letter.message_key, future)))

    def wait(self, seconds: float) -> None:
        """Until the next answer, or as long as that."""
        with contextlib.suppress(Empty):
            self._taken.append(self._answers.get(timeout=seconds))

    def landed(self) -> list[tuple[str, Outcome]]:
        """The answers that came since the last call."""
        with contextlib.suppress(Empty):
            while True:
                self._taken.append(self._answers.get_nowait())
        taken, self._taken = self._taken, []
        if taken:
            self._first = min(self._first, time.monotonic())
        self._number -= len(taken)
        return [(key, future.result()) for key, future in taken]

    def recorded(self) -> None:
        """All answers so far are in the ledger."""
        self._first = math.inf

    def first_waited(self, seconds: float) -> bool:
        """Whether the first answer that is not yet recorded has waited that long."""
        return time.monotonic() - self._first > seconds
