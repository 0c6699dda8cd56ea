"""Delivery: each planned contact is claimed, looked at for the last time, committed as ``sending``, and only then sent."""

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from functools import partial

from cobranca.connections import get_connection
from cobranca.errors import PartitionError, VolumeUnusual
from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import NO_HOUR_LEFT, STALE_PAYMENTS, WAITS_FOR_ITS_HOUR, ContactLedger
from cobranca.ledger.states import REPORTED_STATES
from cobranca.policy import Policy, load_policy
from cobranca.privacy.turns import waits_for_erasures
from cobranca.reminders.channels import Channel
from cobranca.reminders.channels.by_channel import ByChannel
from cobranca.reminders.counts import Counts, balance
from cobranca.reminders.last_look import LastLook, Seen
from cobranca.reminders.messages import Message, open_plan
from cobranca.reminders.mixing import refuse_mixing
from cobranca.reminders.planning import approved_batch, enter
from cobranca.reminders.scheduled import ScheduledBatches
from cobranca.reminders.sender import Sender, Terms
from cobranca.reminders.volume import unusual_volume
from cobranca.reminders.window import TIME_ZONE, ReachableHours, is_today, now_here
from cobranca.reminders.workers import Task, processes_for, send_in_processes
from cobranca.reminders.writing import MessageWriter
from cobranca.settings import Settings

log = logging.getLogger(__name__)

PAST_DATE = "data de referência passada: só a caixa de saída recebe mensagens atrasadas"


@waits_for_erasures
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
        DeliveryRefused: a real channel and a date in the future, or a ledger of the other kind: see :func:`refuse_mixing`.
        VolumeUnusual: a real channel and an unusual number of messages that nobody has approved.
        DeliveryHalted: the provider refuses the credentials.
        Unbalanced: contacts were lost.
    """
    clock, may_share = clock or now_here, channel is None and last_look is None
    channel = channel or open_channel(settings, business_date)
    terms = Terms(lease_seconds, patience_seconds, claim_size, channel.threads)
    try:
        # Before the ledger hears of the date: planning a later one would expire what today still has to send.
        is_past = channel.is_real and not is_today(business_date, clock)
        with _Delivery(settings, business_date, channel, clock) as delivery:
            ledger = delivery.ledger
            refuse_mixing(ledger.engine, is_real=channel.is_real)
            delivery.prepare()
            already, sent = _accepted(ledger.counts(business_date)), 0
            if is_past:
                ledger.hold_back(business_date, "expired", PAST_DATE)
            elif _payments_are_stale(settings, business_date):
                ledger.hold_back(business_date, "planned", STALE_PAYMENTS)
            else:
                if channel.is_real:
                    _refuse_unusual(settings, business_date)
                # What the caller made cannot be made anew in another process.
                send = partial(delivery.send, terms) if may_share else partial(delivery.send_here, terms, last_look)
                sent = send()
                if delivery.went_astray():
                    delivery.prepare()
                    sent += send()
            counts = delivery.conclude(already, sent)
    finally:
        channel.close()
    log.info("reminders of %s: %s", business_date, counts)
    return counts


@contextmanager
def open_sender(task: Task, *, clock: Callable[[], datetime], tell: Callable[[dict], None]) -> Iterator[Sender]:
    """What one of several processes does of a delivery.

    Raises:
        PartitionError: another batch was approved since the delivery began.
    """
    channel = open_channel(task.settings, task.business_date)
    with _Delivery(task.settings, task.business_date, channel, clock) as delivery:
        if delivery.batch.batch_id != task.batch_id:
            raise PartitionError(f"another plan of {task.business_date} was approved meanwhile; deliver that date again.")
        yield delivery.sender(task.terms, tell=tell)


class _Delivery:
    """The approved batch of a date, and all that its delivery needs, open."""

    def __init__(self, settings: Settings, business_date: date, channel: Channel, clock: Callable[[], datetime]):
        self._settings, self._date, self._channel, self._clock = settings, business_date, channel, clock
        self._policy = load_policy(settings.config, business_date)
        self.batch = approved_batch(settings, business_date)
        with ExitStack() as opened:
            self.ledger = ContactLedger(open_ledger(settings.ledger))
            opened.callback(self.ledger.engine.dispose)
            self._plan_file = opened.enter_context(open_plan(settings, self.batch))
            self._opened = opened.pop_all()

    def __enter__(self) -> "_Delivery":
        return self

    def __exit__(self, *_) -> None:
        self._opened.close()

    def prepare(self) -> None:
        """Enter the plan where that was not yet done, and settle what earlier deliveries left."""
        self.ledger.recover()
        if self.ledger.newest_plan(self._date) != self.batch.batch_id or self._has_strays():
            enter(self.ledger, self.batch, self._plan_file)
        if scheduled := self._scheduled():
            scheduled.take_back_lost(self._date)
        self.ledger.confirm_unknown(self._date, self._channel.was_accepted)

    def went_astray(self) -> bool:
        """Whether messages of an earlier plan came back from a worker, and this plan is still the approved one."""
        return self._has_strays() and approved_batch(self._settings, self._date).batch_id == self.batch.batch_id

    def _has_strays(self) -> bool:
        return self.ledger.has_strays(self._date, self.batch.batch_id)

    def send(self, terms: Terms) -> int:
        """Send in as many processes as the number of messages is worth; returns how many were sent."""
        number = processes_for(self._settings, self.ledger.counts(self._date).get("planned", 0)) if self._channel.is_real else 1
        if number == 1:
            return self.send_here(terms)
        told = send_in_processes(
            self._settings, self._policy, self._date, self.batch.batch_id, number=number, clock=self._clock, terms=terms
        )
        # What a process had in hand when it was lost, if no other has finished it.
        return told.sent + (self.send_here(terms) if told.lost else 0)

    def send_here(self, terms: Terms, last_look: Callable[[list[Message]], Seen] | None = None) -> int:
        """Send in this process; returns how many were sent."""
        sender = self.sender(terms, last_look)
        sender.run()
        return sender.sent

    def sender(
        self,
        terms: Terms,
        last_look: Callable[[list[Message]], Seen] | None = None,
        tell: Callable[[dict], None] = lambda told: None,
    ) -> Sender:
        real = self._channel.is_real
        return Sender(
            ledger=self.ledger,
            business_date=self._date,
            batch_id=self.batch.batch_id,
            plan_file=self._plan_file,
            channel=self._channel,
            last_look=last_look or self._opened.enter_context(LastLook(self._settings, self._date, self.ledger)),
            writer=MessageWriter(self._policy, self._date),
            why_not_now=_hours(self._policy, self._date, self._clock) if real else lambda message: None,
            scheduled=self._scheduled(),
            terms=terms,
            tell=tell,
        )

    def conclude(self, already: int, sent: int) -> Counts:
        """Count what became of every message, and keep that in the ledger.

        Raises:
            Unbalanced: contacts were lost.
        """
        ledger, states = self.ledger, self.ledger.counts(self._date)
        counts = balance(
            self._date,
            self.batch.batch_id,
            self._plan_file.count(),
            states,
            new=sent,
            already=already,
            missing=sum(len(ledger.missing(keys)) for keys in self._plan_file.message_keys()),
            # Nobody comes back for the outbox by itself, unless it was paused.
            waits=ledger.still_waiting(self._date) if self._channel.is_real or ledger.is_paused() else 0,
        )
        ledger.record_run(uuid.uuid4().hex, self._date, "deliver", self.batch.batch_id, counts.as_dict())
        return counts

    def _scheduled(self) -> ScheduledBatches | None:
        """Only e-mail is handed over beforehand, and only where the limits ask for it."""
        limits, channel = self._policy.limits, self._channel
        mail = channel.of("email") if isinstance(channel, ByChannel) else channel
        if limits.delivery_mode != "scheduled" or not hasattr(mail, "start_batch"):
            return None
        return ScheduledBatches(self.ledger, mail, limits.scheduled_minutes * 60)


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


def _refuse_unusual(settings: Settings, business_date: date) -> None:
    """Asked here too, because a plan may have been replaced since a person saw it, and not every delivery is a DAG's."""
    if question := unusual_volume(settings, business_date):
        raise VolumeUnusual(
            f"nothing of {business_date} was sent, because a person decides first: {question} To send them: "
            f"cobranca approve --volume --business-date {business_date} --by NAME, then deliver that date again."
        )


def _payments_are_stale(settings: Settings, business_date: date) -> bool:
    """The plan may pass while its payments are too old to know who has paid: then people are not written to."""
    from cobranca.quality import read_verdict

    return read_verdict(settings, business_date, "plan").degraded


def _accepted(states: dict[str, int]) -> int:
    return sum(states.get(state, 0) for state in REPORTED_STATES)


def _hours(policy: Policy, business_date: date, clock: Callable[[], datetime]) -> Callable[[Message], str | None]:
    hours = ReachableHours(policy)
    later = timedelta(minutes=policy.limits.scheduled_minutes if policy.limits.delivery_mode == "scheduled" else 0)

    def why_not_now(message: Message) -> str | None:
        now = clock() + later
        # A night that goes on past midnight does not go on the next morning: its messages are no longer true then.
        if now.astimezone(TIME_ZONE).date() != business_date:
            return NO_HOUR_LEFT
        if hours.allow(message.channel, message.state, now):
            return None
        return WAITS_FOR_ITS_HOUR if hours.opens_later(message.channel, message.state, now) else NO_HOUR_LEFT

    return why_not_now
