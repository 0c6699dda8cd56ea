"""Deliver a business date: claim each planned contact, check it, commit it, and send it."""

import logging
import uuid
from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

from cobranca.connections import get_connection
from cobranca.errors import PartitionError, VolumeUnusual
from cobranca.ledger import open_ledger
from cobranca.ledger.contact_lookups import ContactLookups
from cobranca.ledger.contact_worker import ContactWorker
from cobranca.ledger.lease_recovery import LeaseRecovery
from cobranca.ledger.provider_outcomes import ProviderOutcomes
from cobranca.ledger.run_log import RunLog
from cobranca.ledger.state_reasons import (
    CONTACT_HOURS_OVER,
    STALE_PAYMENTS,
    WAITS_FOR_CONTACT_HOURS,
)
from cobranca.ledger.states import REPORTED_STATES
from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.partitions.manifest import Manifest
from cobranca.policy import Policy, load_policy
from cobranca.reminders.channels import Channel
from cobranca.reminders.channels.router import ChannelRouter
from cobranca.reminders.delivery.ledger_guard import refuse_mixing
from cobranca.reminders.delivery.pre_send_check import PreSendCheck
from cobranca.reminders.delivery.scheduled_sends import BatchChannel, ScheduledBatches
from cobranca.reminders.delivery.sender import Sender
from cobranca.reminders.delivery.sender_context import (
    DeliveryOptions,
    PreSendChecker,
    Report,
    SenderContext,
    report_nothing,
)
from cobranca.reminders.delivery.worker_pool import (
    WorkerTask,
    connections_for,
    processes_for,
    send_in_processes,
)
from cobranca.reminders.plan.contact_hours import ContactHours, current_time, is_today
from cobranca.reminders.plan.counts import Counts, balance
from cobranca.reminders.plan.enter_plan import approved_batch, enter
from cobranca.reminders.plan.plan_file import FILE, Message, open_plan
from cobranca.reminders.plan.volume_guard import unusual_volume
from cobranca.reminders.render.renderer import MessageRenderer
from cobranca.settings import Settings
from cobranca.time_zone import TIME_ZONE

log = logging.getLogger(__name__)

PAST_DATE = "data de referência passada: só a caixa de saída recebe mensagens atrasadas"


@waits_for_erasures
def deliver(
    settings: Settings,
    business_date: date,
    *,
    clock: Callable[[], datetime] | None = None,
    channel: Channel | None = None,
    pre_send_check: PreSendChecker | None = None,
    options: DeliveryOptions | None = None,
) -> Counts:
    """Send the planned messages of ``business_date``, each at most once; returns the counts.

    The function is idempotent, and may run several times at once. With a real channel the ``clock``
    (aware; default: the machine's) decides: messages of a past date end as ``expired``, and a
    message outside the permitted hours of its payer is held.

    ``options.max_wait_seconds`` limits the total wait for a provider that limits the rate or
    refuses connections, and for the leases of other workers. Messages that are left then stay
    ``planned`` and count as held.

    Raises:
        PartitionError: no batch of that date was approved.
        DeliveryRefused: the channel is real and the date is in the future, or the ledger is of the
            other kind: see :func:`refuse_mixing`.
        VolumeUnusual: the channel is real and an unusual number of messages is not yet approved.
        DeliveryHalted: the provider refuses the credentials.
        Unbalanced: contacts were lost.
    """
    clock, uses_processes = clock or current_time, channel is None and pre_send_check is None
    channel = channel or open_channel(settings, business_date)
    options = replace(options or DeliveryOptions(), threads=channel.threads)
    try:
        # This comes before any planning: to plan a later date would expire messages that today
        # still has to send.
        is_past = channel.is_real and not is_today(business_date, clock)
        with _Delivery(settings, business_date, channel, clock) as delivery:
            refuse_mixing(delivery.engine, is_real=channel.is_real)
            delivery.prepare()
            already, sent = delivery.count_accepted(), 0
            if is_past:
                delivery.worker.set_all_planned(business_date, "expired", PAST_DATE)
            elif delivery.stale_creditors >= delivery.creditors:
                delivery.worker.set_all_planned(business_date, "planned", STALE_PAYMENTS)
            else:
                if channel.is_real:
                    _refuse_unusual(settings, business_date)
                # Other processes cannot use a channel or a check that the caller passed in.
                send = (
                    partial(delivery.send, options)
                    if uses_processes
                    else partial(delivery.send_in_process, options, pre_send_check)
                )
                sent = send()
                if delivery.has_released_contacts():
                    delivery.prepare()
                    sent += send()
            counts = delivery.count(already, sent)
    finally:
        channel.close()
    log.info("reminders of %s: %s", business_date, counts)
    return counts


@contextmanager
def open_sender(
    task: WorkerTask, *, clock: Callable[[], datetime], report: Report
) -> Iterator[Sender]:
    """Open the sender of a worker process.

    Raises:
        PartitionError: another batch was approved since the delivery began.
    """
    channel = open_channel(task.settings, task.business_date)
    with _Delivery(task.settings, task.business_date, channel, clock) as delivery:
        if delivery.batch.batch_id != task.batch_id:
            raise PartitionError(
                f"another plan of {task.business_date} was approved meanwhile; deliver that date "
                "again."
            )
        yield delivery.sender(task.options, report=report)


class _Delivery:
    """Delivery of one approved batch, with its open plan, ledger and policy."""

    def __init__(
        self,
        settings: Settings,
        business_date: date,
        channel: Channel,
        clock: Callable[[], datetime],
    ):
        self._settings, self._date, self._channel, self._clock = (
            settings,
            business_date,
            channel,
            clock,
        )
        self._policy = load_policy(settings.config, business_date)
        self.batch = approved_batch(settings, business_date)
        self.creditors = self._policy.creditors.keys()
        self.stale_creditors = _stale_creditors(settings, self.batch, self.creditors)
        with ExitStack() as opened:
            self.engine = open_ledger(settings.ledger)
            opened.callback(self.engine.dispose)
            self.worker, self._lookups = ContactWorker(self.engine), ContactLookups(self.engine)
            self._plan_file = opened.enter_context(open_plan(settings, self.batch))
            self._opened = opened.pop_all()

    def __enter__(self) -> "_Delivery":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def prepare(self) -> None:
        """Enter the plan if it is not in the ledger, and recover from earlier deliveries.

        Expired leases are released, abandoned batches cancelled, and unknown contacts confirmed.
        """
        LeaseRecovery(self.engine).recover()
        if (
            self._lookups.newest_plan(self._date) != self.batch.batch_id
            or self._has_planned_by_other_batch()
        ):
            enter(self.engine, self.batch, self._plan_file)
        if scheduled := self._scheduled():
            scheduled.cancel_abandoned(self._date)
        ProviderOutcomes(self.engine).confirm_unknown(self._date, self._channel.was_accepted)

    def count_accepted(self) -> int:
        """Count the messages of the date that the provider has accepted."""
        states = self._lookups.count_by_state(self._date)
        return sum(states.get(state, 0) for state in REPORTED_STATES)

    def has_released_contacts(self) -> bool:
        """Whether a worker released contacts of an earlier plan while this plan was sent.

        This plan then has messages that are not yet planned. It must still be the approved one.
        """
        return (
            self._has_planned_by_other_batch()
            and approved_batch(self._settings, self._date).batch_id == self.batch.batch_id
        )

    def _has_planned_by_other_batch(self) -> bool:
        return self._lookups.has_planned_by_other_batch(self._date, self.batch.batch_id)

    def send(self, options: DeliveryOptions) -> int:
        """Send in several processes if there are enough messages; returns how many were sent."""
        number = (
            processes_for(
                self._settings, self._lookups.count_by_state(self._date).get("planned", 0)
            )
            if self._channel.is_real
            else 1
        )
        if number == 1:
            return self.send_in_process(options)
        task = WorkerTask(
            settings=self._settings,
            business_date=self._date,
            batch_id=self.batch.batch_id,
            options=options,
            clock_offset_seconds=(self._clock() - datetime.now().astimezone()).total_seconds(),
            connections=connections_for(self._settings, self._policy),
            log_level=logging.getLogger().getEffectiveLevel(),
        )
        result = send_in_processes(task, number)
        # Messages that a lost process had claimed, unless another process has sent them.
        return result.sent + (self.send_in_process(options) if result.lost else 0)

    def send_in_process(
        self, options: DeliveryOptions, pre_send_check: PreSendChecker | None = None
    ) -> int:
        """Send in this process; returns how many were sent."""
        sender = self.sender(options, pre_send_check)
        sender.run()
        return sender.sent

    def sender(
        self,
        options: DeliveryOptions,
        pre_send_check: PreSendChecker | None = None,
        report: Report = report_nothing,
    ) -> Sender:
        """Make a sender of this process."""
        context = SenderContext(
            engine=self.engine,
            business_date=self._date,
            batch_id=self.batch.batch_id,
            plan_file=self._plan_file,
            channel=self._channel,
            pre_send_check=pre_send_check
            or self._opened.enter_context(PreSendCheck(self._settings, self._date, self._lookups)),
            renderer=MessageRenderer(self._policy, self._date),
            hold_reason=self._hold_reason(),
            scheduled=self._scheduled(),
            options=options,
            report=report,
        )
        return Sender(context)

    def count(self, already: int, sent: int) -> Counts:
        """Count the messages by state, check the balance, and log the run in the ledger.

        Raises:
            Unbalanced: contacts were lost.
        """
        lookups, batch_id = self._lookups, self.batch.batch_id
        missing = sum(len(lookups.missing_keys(keys)) for keys in self._plan_file.message_keys())
        counts = balance(
            self._date,
            batch_id,
            self._plan_file.count(),
            lookups.count_by_state(self._date),
            missing,
        )
        # The outbox needs no retry, unless sending was paused.
        is_retried = self._channel.is_real or lookups.is_paused()
        counts = replace(
            counts,
            new=sent,
            already=already,
            waits=lookups.count_sendable(self._date) if is_retried else 0,
        )
        run_id = uuid.uuid4().hex
        RunLog(self.engine).record_run(run_id, self._date, "deliver", batch_id, counts.as_dict())
        return counts

    def _hold_reason(self) -> Callable[[Message], str | None]:
        """Why a message is held now; the hours count where messages are really sent."""
        hours = (
            _hours(self._policy, self._date, self._clock)
            if self._channel.is_real
            else lambda message: None
        )

        def hold_reason(message: Message) -> str | None:
            if message.creditor in self.stale_creditors:
                return STALE_PAYMENTS
            return hours(message)

        return hold_reason

    def _scheduled(self) -> ScheduledBatches | None:
        """Scheduled batches, if the limits ask for them; only e-mail can be scheduled."""
        limits, channel = self._policy.limits, self._channel
        mail: object = channel.get("email") if isinstance(channel, ChannelRouter) else channel
        if limits.delivery_mode != "scheduled" or not isinstance(mail, BatchChannel):
            return None
        return ScheduledBatches(self.engine, mail, limits.scheduled_minutes * 60)


def open_channel(settings: Settings, business_date: date) -> Channel:
    """Open the channel that the settings name. The default is the outbox, which reaches no one."""
    if settings.delivery == "sendgrid":
        return _real_channels(load_policy(settings.config, business_date))
    from cobranca.reminders.channels.outbox import Outbox

    return Outbox(settings.folder("outbox", business_date), business_date)


def _real_channels(policy: Policy) -> Channel:
    from cobranca.reminders.channels.sendgrid import SendGrid

    accounts = {name: SendGrid(get_connection(name)) for name in policy.sendgrid_connections}
    mail: Channel
    if len(accounts) == 1:
        (mail,) = accounts.values()
    else:
        by_creditor: dict[str, Channel] = {
            creditor.id: accounts[creditor.sendgrid_connection]
            for creditor in policy.creditors.values()
        }
        mail = ChannelRouter(by_creditor, by="creditor")
    if policy.texts.connection is None:
        return ChannelRouter({"email": mail})
    from cobranca.reminders.channels.twilio import Twilio

    twilio = Twilio(get_connection(policy.texts.connection), policy.texts)
    return ChannelRouter({"email": mail, "whatsapp": twilio, "sms": twilio})


def _refuse_unusual(settings: Settings, business_date: date) -> None:
    """Refuse an unusual number of messages without an approval.

    The DAG asks for the approval too. It is checked again here, because the plan may have been
    replaced since, and because a delivery may run outside the DAG.
    """
    if question := unusual_volume(settings, business_date):
        raise VolumeUnusual(
            f"nothing of {business_date} was sent, because a person decides first: {question} To "
            f"send them: cobranca approve --volume --business-date {business_date} --by NAME, "
            "then deliver "
            "that date again."
        )


def _stale_creditors(settings: Settings, batch: Manifest, creditors: Set[str]) -> frozenset[str]:
    """The creditors of whose receivables the payments are too old to tell which are paid.

    The gate passes such a plan as degraded. Their reminders are held.
    """
    import duckdb

    from cobranca.partitions.verdict import read_verdict

    stale = read_verdict(settings, batch.business_date, "plan").stale_sources
    if not stale or len(creditors) == 1:
        return frozenset(creditors if stale else ())
    query = "select distinct creditor from read_parquet(?) where source in (select unnest(?))"
    with duckdb.connect(config={"threads": 1}) as connection:
        found = connection.execute(query, [str(batch.path(FILE)), sorted(stale)]).fetchall()
    return frozenset(creditor for (creditor,) in found)


def _hours(
    policy: Policy, business_date: date, clock: Callable[[], datetime]
) -> Callable[[Message], str | None]:
    hours = ContactHours(policy)
    delay = timedelta(
        minutes=policy.limits.scheduled_minutes if policy.limits.delivery_mode == "scheduled" else 0
    )

    def hold_reason(message: Message) -> str | None:
        now = clock() + delay
        # After midnight nothing more is sent: amounts and days past due in the messages would be
        # wrong.
        if now.astimezone(TIME_ZONE).date() != business_date:
            return CONTACT_HOURS_OVER
        if hours.allow(message.channel, message.state, now):
            return None
        return (
            WAITS_FOR_CONTACT_HOURS
            if hours.opens_later(message.channel, message.state, now)
            else CONTACT_HOURS_OVER
        )

    return hold_reason
