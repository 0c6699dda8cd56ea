"""Planning: the approved plan's messages become contacts in the ledger, each exactly once."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

from cobranca.errors import PartitionError
from cobranca.ledger import open_ledger
from cobranca.ledger.accounts import record_accounts
from cobranca.ledger.addresses import address_mark
from cobranca.ledger.contacts import ContactLedger
from cobranca.ledger.holdouts import record_holdouts
from cobranca.ledger.tables import ALWAYS, counts_from
from cobranca.manifest import Manifest
from cobranca.privacy.turns import waits_for_erasures
from cobranca.reminders.counts import Counts, balance
from cobranca.reminders.messages import COURTESIES, FILE, Item, Message, PlanFile, open_plan
from cobranca.reminders.window import is_today, now_here
from cobranca.settings import Settings

DECISIONS = "fct_decisions.parquet"
# Contacts, each with its items.
Chunk = list[tuple[dict, list[dict]]]


@waits_for_erasures
def plan(settings: Settings, business_date: date, *, clock: Callable[[], datetime] = now_here) -> Counts:
    """Enter the messages and the hold-outs of the approved batch of ``business_date`` in the ledger.

    Inserts what is absent, so a rerun changes nothing; sends nothing. A later date ends what earlier ones have not sent,
    so where people are really written to no date is planned before it comes.

    Raises:
        DeliveryRefused: messages leave by a real channel, and the date is in the future.
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
            return enter(ContactLedger(engine), batch, plan_file)
    finally:
        engine.dispose()


def approved_batch(settings: Settings, business_date: date) -> Manifest:
    """The batch of that date that its own verdict let pass.

    Raises:
        PartitionError: there is none, or it is of another date.
    """
    from cobranca.outbound import read_batch

    batch = read_batch(settings, business_date)
    if batch.business_date != business_date:
        raise PartitionError(f"{batch.folder} is of {batch.business_date}, not of {business_date}; build that date again.")
    return batch


def enter(ledger: ContactLedger, batch: Manifest, plan_file: PlanFile) -> Counts:
    """Plan into an open ledger; see :func:`plan`."""
    # What a dead worker had claimed is not yet done, so it must not end what this plan wants to do.
    ledger.recover()
    before = sum(ledger.counts(batch.business_date).values())
    if any(entry.name == DECISIONS for entry in batch.files):
        record_holdouts(ledger.engine, batch)
    record_accounts(ledger.engine, batch)
    new = ledger.plan(batch.business_date, batch.batch_id, _ahead(_contacts(batch, plan_file)))
    counts = balance(
        batch.business_date,
        batch.batch_id,
        plan_file.count(),
        ledger.counts(batch.business_date),
        new=new,
        already=before,
    )
    ledger.record_run(uuid.uuid4().hex, batch.business_date, "plan", batch.batch_id, counts.as_dict())
    return counts


def _ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Read the next chunk while the ledger takes the last one."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-plan") as reader:
        coming = reader.submit(next, chunks, None)
        while chunk := coming.result():
            coming = reader.submit(next, chunks, None)
            yield chunk


def _contacts(batch: Manifest, plan_file: PlanFile) -> Iterator[Chunk]:
    for chunk in plan_file.messages():
        for message in chunk:
            _check(message, batch)
        yield [(_contact(message, batch), [_item(item) for item in message.items]) for message in chunk]


def _check(message: Message, batch: Manifest) -> None:
    carriers = [item.receivable_key for item in message.items if item.is_carrier]
    wanted = [] if message.template in COURTESIES else [message.episode_key]
    if message.business_date != batch.business_date or carriers != wanted:
        raise PartitionError(
            f"message {message.message_key} of {batch.folder.name}/{FILE} is of {message.business_date} with "
            f"{len(carriers)} carrying receivables; it must be of {batch.business_date} with the one of its episode, if any."
        )


def _item(item: Item) -> dict:
    return {
        "receivable_key": item.receivable_key,
        "currency": item.currency,
        "open_amount": item.open_amount,
        "amount_due": item.amount_due,
    }


def _contact(message: Message, batch: Manifest) -> dict:
    due_dates = (item.effective_due_date for item in message.items if item.is_carrier)
    return {
        "message_key": message.message_key,
        "business_date": message.business_date,
        "batch_id": batch.batch_id,
        "customer_key": message.customer_key,
        "episode_key": message.episode_key,
        "step": message.step,
        "step_offset": message.step_offset,
        "channel": message.channel,
        "template": message.template,
        "policy_version": message.policy_version,
        "requires_approval": bool(message.requires_approval),
        "counts_from": next((counts_from(due, message.step_offset) for due in due_dates), ALWAYS),
        "address_mark": address_mark(message.email),
    }
