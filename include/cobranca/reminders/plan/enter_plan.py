"""Idempotent planning: enter each message of the approved plan in the ledger, exactly once."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime

import sqlalchemy as sa

from cobranca.errors import PartitionError
from cobranca.ledger import open_ledger
from cobranca.ledger.address_digest import address_mark
from cobranca.ledger.contact_lookups import ContactLookups
from cobranca.ledger.contact_planning import (
    ContactPlanner,
    PlannedContact,
    PlannedItem,
    PlannedMessage,
)
from cobranca.ledger.holdouts import record_holdouts
from cobranca.ledger.lease_recovery import LeaseRecovery
from cobranca.ledger.payer_accounts import record_accounts
from cobranca.ledger.run_log import RunLog
from cobranca.ledger.tables import EARLIEST_DATE, counts_from
from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.partitions.manifest import Manifest
from cobranca.reminders.plan.contact_hours import current_time, is_today
from cobranca.reminders.plan.counts import Counts, balance
from cobranca.reminders.plan.plan_file import COURTESIES, FILE, Item, Message, PlanFile, open_plan
from cobranca.settings import Settings

DECISIONS = "fct_decisions.parquet"
Chunk = list[PlannedMessage]


@waits_for_erasures
def plan(
    settings: Settings, business_date: date, *, clock: Callable[[], datetime] = current_time
) -> Counts:
    """Enter messages and hold-outs of the approved batch of ``business_date`` in the ledger.

    Only what is absent is inserted, so a rerun changes nothing. Nothing is sent. Unsent messages of
    earlier dates expire; for that reason a real channel does not allow a date in the future.

    Raises:
        DeliveryRefused: the channel is real and the date is in the future.
        PartitionError: there is no batch whose own verdict passed.
        PlanConflict: two messages for one customer and channel.
        Unbalanced: the ledger holds fewer contacts than the plan.
    """
    if settings.delivery != "outbox":
        is_today(business_date, clock)
    engine = open_ledger(settings.ledger)
    try:
        batch = approved_batch(settings, business_date)
        with open_plan(settings, batch) as plan_file:
            return enter(engine, batch, plan_file)
    finally:
        engine.dispose()


def approved_batch(settings: Settings, business_date: date) -> Manifest:
    """Return the batch of a date that passed its own verdict.

    Raises:
        PartitionError: there is no such batch, or it is of another date.
    """
    from cobranca.partitions.outbound_partition import read_batch

    batch = read_batch(settings, business_date)
    if batch.business_date != business_date:
        raise PartitionError(
            f"{batch.folder} is of {batch.business_date}, not of {business_date}; build that date "
            "again."
        )
    return batch


def enter(engine: sa.Engine, batch: Manifest, plan_file: PlanFile) -> Counts:
    """Enter a plan in an open ledger; see :func:`plan`."""
    business_date, batch_id, lookups = batch.business_date, batch.batch_id, ContactLookups(engine)
    # Contacts claimed by a dead worker were not sent. Released first, they do not suppress the same
    # step in this plan.
    LeaseRecovery(engine).recover()
    before = sum(lookups.count_by_state(business_date).values())
    # The accounts tell whether an earlier contact under another key was with the same payer.
    record_accounts(engine, batch)
    if any(entry.name == DECISIONS for entry in batch.files):
        record_holdouts(engine, batch)
    new = ContactPlanner(engine).plan(
        business_date, batch_id, _prefetch(_contacts(batch, plan_file))
    )
    counts = balance(
        business_date, batch_id, plan_file.count(), lookups.count_by_state(business_date)
    )
    counts = replace(counts, new=new, already=before)
    run_id = uuid.uuid4().hex
    RunLog(engine).record_run(run_id, business_date, "plan", batch_id, counts.as_dict())
    return counts


def _prefetch(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Prefetch the next chunk in a thread while the ledger inserts the last one."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-plan") as reader:
        coming = reader.submit(next, chunks, None)
        while chunk := coming.result():
            coming = reader.submit(next, chunks, None)
            yield chunk


def _contacts(batch: Manifest, plan_file: PlanFile) -> Iterator[Chunk]:
    for chunk in plan_file.messages():
        for message in chunk:
            _check(message, batch)
        yield [
            (_contact(message, batch), [_item(item) for item in message.items]) for message in chunk
        ]


def _check(message: Message, batch: Manifest) -> None:
    carriers = [item.receivable_key for item in message.items if item.is_carrier]
    wanted = [] if message.template in COURTESIES else [message.episode_key]
    if message.business_date != batch.business_date or carriers != wanted:
        raise PartitionError(
            f"message {message.message_key} of {batch.folder.name}/{FILE} is of "
            f"{message.business_date} with {len(carriers)} carrying receivables; it must be of "
            f"{batch.business_date} with the one of its episode, if any."
        )


def _item(item: Item) -> PlannedItem:
    return {
        "receivable_key": item.receivable_key,
        "currency": item.currency,
        "open_amount": item.open_amount,
        "amount_due": item.amount_due,
    }


def _contact(message: Message, batch: Manifest) -> PlannedContact:
    due_dates = (item.effective_due_date for item in message.items if item.is_carrier)
    return {
        "message_key": message.message_key,
        "business_date": message.business_date,
        "batch_id": batch.batch_id,
        "customer_key": message.customer_key,
        "creditor": message.creditor,
        "episode_key": message.episode_key,
        "step": message.step,
        "step_offset": message.step_offset,
        "channel": message.channel,
        "template": message.template,
        "policy_version": message.policy_version,
        "requires_approval": bool(message.requires_approval),
        "counts_from": next(
            (counts_from(due, message.step_offset) for due in due_dates), EARLIEST_DATE
        ),
        "address_mark": address_mark(message.email),
    }
