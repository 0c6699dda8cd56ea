"""Delivery: each planned contact is claimed, looked at for the last time, committed as ``sending``, and only then sent."""

import logging
import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import date, datetime, timedelta

from cobranca.connections import get_connection
from cobranca.errors import CobrancaError, DeliveryHalted
from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import WAITS_FOR_ITS_HOUR, ContactLedger, Ended
from cobranca.ledger.states import REPORTED_STATES
from cobranca.policy import Policy, load_policy
from cobranca.reminders.channels import Channel, Letter, Outcome, Text
from cobranca.reminders.channels.by_channel import ByChannel
from cobranca.reminders.counts import Counts, balance
from cobranca.reminders.last_look import FRESH_SECONDS, TOO_SLOW, LastLook, Seen
from cobranca.reminders.letters import Unsendable
from cobranca.reminders.messages import Message, PlanFile, open_plan
from cobranca.reminders.planning import approved_batch, enter
from cobranca.reminders.scheduled import ScheduledBatches
from cobranca.reminders.window import TIME_ZONE, ReachableHours
from cobranca.reminders.writing import MessageWriter
from cobranca.settings import Settings

log = logging.getLogger(__name__)

PAST_DATE = "data de referência passada: só a caixa de saída recebe mensagens atrasadas"
STALE_PAYMENTS = "pagamentos desatualizados: não se sabe quem já pagou"


# So many answers in a row that leave it open whether the message was accepted: better to wait than to doubt everybody.
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


class DeliveryRefused(CobrancaError):
    """The business date may not be sent through a real channel yet."""


def deliver(
    settings: Settings,
    business_date: date,
    *,
    clock: Callable[[], datetime] | None = None,
    channel: Channel | None = None,
    last_look: Callable[[list[Message]], Seen] | None = None,
    lease_seconds: float = 60,
    patience_seconds: float = 300,
    claim_size: int = 500,
) -> Counts:
    """Send what is planned for ``business_date``, each message at most once, and return the balanced counts.

    Safe to repeat and to run twice at a time. Real channels alone ask the ``clock`` (aware; default: the machine's): a
    past date is not sent but recorded as ``expired``, and whom a message must not reach at this hour waits.
    ``patience_seconds`` bounds all waiting for a provider that limits or refuses connections, and for another worker's
    messages; what is left then stays ``planned`` and counts as held.

    Raises:
        PartitionError: no batch of that date was approved.
        DeliveryRefused: a real channel and a date in the future.
        DeliveryHalted: the provider refuses the credentials.
        Unbalanced: contacts were lost.
    """
    clock = clock or (lambda: datetime.now(TIME_ZONE))
    engine = open_ledger(settings.ledger, pool_pre_ping=True)
    channel = channel or open_channel(settings, business_date)
    try:
        batch = approved_batch(settings, business_date)
        policy = load_policy(settings.config, business_date)
        with open_plan(settings, batch) as plan_file:
            ledger = ContactLedger(engine)
            if ledger.newest_plan(business_date) != batch.batch_id:
                enter(ledger, batch, plan_file)
            ledger.recover()
            if scheduled := _scheduled(policy, ledger, channel):
                scheduled.take_back_lost(business_date)
            ledger.confirm_unknown(business_date, channel.was_accepted)
            delivery = _Delivery(
                ledger=ledger,
                business_date=business_date,
                batch_id=batch.batch_id,
                plan_file=plan_file,
                channel=channel,
                last_look=last_look or LastLook(settings, business_date, ledger),
                writer=MessageWriter(policy, business_date),
                may_leave=_hours(policy, business_date, clock) if channel.is_real else lambda message: True,
                scheduled=scheduled,
                lease_seconds=lease_seconds,
                patience_seconds=patience_seconds,
                claim_size=claim_size,
            )
            already = _accepted(ledger.counts(business_date))
            if channel.is_real and not _is_today(business_date, clock):
                ledger.hold_back(business_date, "expired", PAST_DATE)
            elif _payments_are_stale(settings, business_date):
                ledger.hold_back(business_date, "planned", STALE_PAYMENTS)
            else:
                delivery.run()
            states = ledger.counts(business_date)
            counts = balance(
                business_date,
                batch.batch_id,
                plan_file.count(),
                states,
                new=delivery.sent,
                already=already,
                missing=sum(len(ledger.missing(keys)) for keys in plan_file.message_keys()),
                waits=states.get("planned", 0) if ledger.is_paused() else ledger.waiting_for_their_hour(business_date),
            )
            ledger.record_run(uuid.uuid4().hex, business_date, "deliver", batch.batch_id, counts.as_dict())
    finally:
        channel.close()
        engine.dispose()
    log.info("reminders of %s: %s", business_date, counts)
    return counts


def open_channel(settings: Settings, business_date: date) -> Channel:
    """The channel that the settings name; the outbox unless production was asked for."""
    if settings.delivery == "sendgrid":
        return _real_channels(load_policy(settings.config, business_date))
    from cobranca.reminders.channels.outbox import Outbox

    return Outbox(settings.folder("outbox", business_date), business_date)


def _real_channels(policy: Policy) -> Channel:
    from cobranca.reminders.channels.by_channel import ByChannel
    from cobranca.reminders.channels.sendgrid_mail import SendGrid

    mail = SendGrid(get_connection(policy.creditor.sendgrid_connection))
    if policy.texts.connection is None:
        return ByChannel({"email": mail})
    from cobranca.reminders.channels.twilio_text import Twilio

    twilio = Twilio(get_connection(policy.texts.connection), policy.texts)
    return ByChannel({"email": mail, "whatsapp": twilio, "sms": twilio})


def _payments_are_stale(settings: Settings, business_date: date) -> bool:
    """The plan may pass while its payments are too old to know who has paid: then people are not written to."""
    from cobranca.quality import read_verdict

    return read_verdict(settings, business_date, "plan").degraded


def _scheduled(policy: Policy, ledger: ContactLedger, channel: Channel) -> ScheduledBatches | None:
    """Only e-mail is handed over beforehand, and only where the limits ask for it."""
    mail = channel.of("email") if isinstance(channel, ByChannel) else channel
    if policy.limits.delivery_mode != "scheduled" or not hasattr(mail, "start_batch"):
        return None
    return ScheduledBatches(ledger, mail, policy.limits.scheduled_minutes * 60)


def _accepted(states: dict[str, int]) -> int:
    return sum(states.get(state, 0) for state in REPORTED_STATES)


def _hours(policy: Policy, business_date: date, clock: Callable[[], datetime]) -> Callable[[Message], bool]:
    hours = ReachableHours(policy)
    later = timedelta(minutes=policy.limits.scheduled_minutes if policy.limits.delivery_mode == "scheduled" else 0)

    def may_leave(message: Message) -> bool:
        now = clock() + later
        # A night that goes on past midnight does not go on the next morning: its messages are no longer true then.
        return now.astimezone(TIME_ZONE).date() == business_date and hours.allow(message.channel, message.state, now)

    return may_leave


def _is_today(business_date: date, clock: Callable[[], datetime]) -> bool:
    today = clock().astimezone(TIME_ZONE).date()
    if business_date > today:
        raise DeliveryRefused(
            f"{business_date} is in the future (today is {today} in São Paulo): nothing was sent. "
            "Run that date when it comes, or use COBRANCA_DELIVERY=outbox to look at the messages."
        )
    return business_date == today


class _Delivery:
    """One worker's run over one business date."""

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
        may_leave: Callable[[Message], bool],
        scheduled: ScheduledBatches | None,
        lease_seconds: float,
        patience_seconds: float,
        claim_size: int,
    ):
        self.ledger, self.plan_file, self.channel, self.last_look, self.writer = ledger, plan_file, channel, last_look, writer
        self.may_leave, self.scheduled = may_leave, scheduled
        self.business_date, self.batch_id = business_date, batch_id
        self.lease_seconds, self.patience_seconds, self.claim_size = lease_seconds, patience_seconds, claim_size
        self.owner = uuid.uuid4().hex
        self.sent = 0
        self._cursor = ""
        self._renewed = 0.0
        self._refusals = 0
        self._doubts = 0
        self._broken: Exception | None = None
        self._stop = threading.Event()
        self._came_back = False

    def run(self) -> None:
        with ThreadPoolExecutor(self.channel.threads, thread_name_prefix="send") as pool:
            while True:
                self._came_back = False
                self._send_all(pool)
                if not (self._came_back and self._is_patient()) and not self._take_over():
                    return

    def _is_patient(self) -> bool:
        """Every further pass costs some patience, so that no machine is too slow to come to an end."""
        self.patience_seconds -= 1
        return self.patience_seconds > 0

    def _send_all(self, pool: ThreadPoolExecutor) -> None:
        self._cursor = ""
        while keys := self.ledger.claim(
            self.business_date,
            self.batch_id,
            self.owner,
            limit=self.claim_size,
            after=self._cursor,
            lease_seconds=self.lease_seconds,
        ):
            self._renewed = time.monotonic()
            setback = self._work(pool, keys)
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
                return

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
            self.ledger.release(self.owner, keys)
        if self._broken:
            raise self._broken
        return setback

    def _settle_batch(self) -> None:
        ended, taken_back = self.scheduled.settle()
        self.ledger.advance(self.owner, ended=ended, start=[], lease_seconds=self.lease_seconds)
        self._came_back = self._came_back or taken_back
        self.sent += sum(result.state == "sent" for result in ended)

    def _looked_at(self, messages: list[Message]) -> Iterator[tuple[Message, float]]:
        """Messages that may leave, each with the moment until which its last look is fresh."""
        too_early = [message.message_key for message in messages if not self.may_leave(message)]
        self.ledger.release(self.owner, too_early, reason=WAITS_FOR_ITS_HOUR)
        waiting = deque(message for message in messages if message.message_key not in set(too_early))
        while waiting:
            looked_at = time.monotonic()
            seen = self.last_look(waiting)
            for (state, reason), keys in seen.by_fate().items():
                self.ledger.release(self.owner, keys, state, reason)
            waiting = deque(seen.ready)
            if time.monotonic() - looked_at > FRESH_SECONDS:
                self.ledger.release(self.owner, [message.message_key for message in waiting], reason=TOO_SLOW)
                return
            while waiting and time.monotonic() - looked_at <= FRESH_SECONDS:
                yield waiting.popleft(), looked_at + FRESH_SECONDS

    def _letters(self, messages: list[Message]) -> Iterator[tuple[Letter | Text, float]]:
        try:
            for message, fresh_until in self._looked_at(messages):
                try:
                    yield self.writer.write(message), fresh_until
                except Unsendable as why:
                    self.ledger.release(self.owner, [message.message_key], "rejected", str(why))
        except Exception as error:
            # Raised only after what is in flight has been recorded: else that would end as unknown.
            self._broken = error

    def _pump(self, pool: ThreadPoolExecutor, letters: Iterator[tuple[Letter | Text, float]]) -> Outcome | None:
        """Keep the threads busy. One transaction records what ended and commits what starts, a group at a time, so that
        never more than ``AHEAD`` messages a thread are ``sending``."""
        most, ended, setback = AHEAD * self.channel.threads, [], None
        flying: dict[Future, str] = {}
        waiting: deque[tuple[Letter | Text, float]] = deque()
        self._stop.clear()
        while True:
            while setback is None and len(waiting) < most - len(flying) and (letter := next(letters, None)):
                waiting.append(letter)
            start = list(waiting) if setback is None else []
            waiting.clear()
            if not (flying or ended or start):
                return setback
            keys = [letter.message_key for letter, _ in start]
            allowed = set(self.ledger.advance(self.owner, ended=ended, start=keys, lease_seconds=self.lease_seconds))
            for letter, fresh_until in start:
                if letter.message_key in allowed:
                    flying[pool.submit(self._send, letter, fresh_until)] = letter.message_key
            if start and not allowed and self.ledger.is_paused():
                setback = Outcome("retry", PAUSED, wait_seconds=math.inf)
                self._stop.set()
            ended = []
            for key, outcome in self._gather(flying, most // 2):
                result = self._ended(key, outcome)
                if outcome.scheduled:
                    self.scheduled.keep(key, outcome)
                else:
                    ended.append(result)
                is_setback = outcome.result in ("retry", "halt") and outcome not in (NOT_BEGUN, TOO_OLD)
                self._came_back = self._came_back or outcome is TOO_OLD
                if is_setback and (setback is None or setback.result == "retry"):
                    setback = outcome
            if setback is None and self._doubts >= DOUBTS_IN_A_ROW:
                setback = Outcome("retry", "o provedor não confirma o que recebe", wait_seconds=math.inf)
                self._stop.set()

    def _gather(self, flying: dict[Future, str], enough: int) -> list[tuple[str, Outcome]]:
        """What ended, once no more than ``enough`` are on their way, or a moment after the first."""
        gathered, first = [], math.inf
        while flying and (not gathered or (len(flying) > enough and time.monotonic() - first < GATHER_SECONDS)):
            done, _ = wait(flying, GATHER_SECONDS if gathered else self.lease_seconds / 3, return_when=FIRST_COMPLETED)
            gathered += [(flying.pop(future), future.result()) for future in done]
            first = min(first, time.monotonic()) if gathered else first
            self._renew()
        return gathered

    def _send(self, letter: Letter | Text, fresh_until: float) -> Outcome:
        """In one of the threads. After the first setback nothing else begins, nor after a standstill of this process or of
        the ledger during which anybody may have paid."""
        if self._stop.is_set():
            return NOT_BEGUN
        if time.monotonic() > fresh_until + GRACE_SECONDS:
            return TOO_OLD
        outcome = self.channel.send(letter)
        if outcome.result in ("retry", "halt"):
            self._stop.set()
        return outcome

    def _ended(self, key: str, outcome: Outcome) -> Ended:
        if outcome not in (NOT_BEGUN, TOO_OLD):
            self._doubts = self._doubts + 1 if outcome.result == "unknown" else 0
        if outcome.result == "sent":
            self.sent += not outcome.scheduled
            self._refusals = 0
        # A retry or a halt is certain not to have been accepted, so the contact may be planned again.
        state = "planned" if outcome.result in ("retry", "halt") else outcome.result
        return Ended(key, state, outcome.reason, outcome.provider_message_id)

    def _renew(self) -> None:
        if time.monotonic() - self._renewed > self.lease_seconds / 3:
            self.ledger.renew(self.owner, self.lease_seconds)
            self._renewed = time.monotonic()

    def _pause(self, setback: Outcome) -> bool:
        """Wait as the provider asks, or ever longer; ``False`` when patience would run out."""
        self._refusals += 1
        seconds = setback.wait_seconds if setback.wait_seconds is not None else min(30.0, 0.25 * 2**self._refusals)
        seconds = max(seconds, 0.05)
        if seconds > self.patience_seconds:
            return False
        self.patience_seconds -= seconds
        log.warning("%s: %s; waiting %.1f s", self.channel.name, setback.reason, seconds)
        time.sleep(seconds)
        return True

    def _take_over(self) -> bool:
        """Wait for what workers hold: they finish it, or their lease runs out and it is taken over. What this worker itself
        claimed in a commit whose answer was lost is among it."""
        while self.ledger.in_hands(self.business_date) and self.patience_seconds > 0:
            if self.ledger.recover():
                return True
            pause = min(1.0, self.lease_seconds / 4)
            self.patience_seconds -= pause
            time.sleep(pause)
        return bool(self.ledger.recover())
