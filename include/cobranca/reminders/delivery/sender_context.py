"""Context of a sender: the options of a delivery, and the objects that it uses."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from typing import TypedDict

import sqlalchemy as sa

from cobranca.reminders.channels import Channel, Outcome
from cobranca.reminders.delivery.pre_send_check import CheckResult
from cobranca.reminders.delivery.scheduled_sends import ScheduledBatches
from cobranca.reminders.plan.plan_file import Message, PlanFile
from cobranca.reminders.render.renderer import MessageRenderer

# How long a pre-send check stays valid. A message that waited longer is checked again.
FRESH_SECONDS = 20.0
# How much older the check may be when the first byte is sent, after the commit.
GRACE_SECONDS = 2.0
# After so many ambiguous answers in a row the sender waits, so that not every message ends as
# unknown. After as many rejections in a row it halts: the cause is not in the messages, and each
# rejection would take a payer off the channel.
FAILURES_IN_A_ROW = 20


@dataclass(frozen=True)
class DeliveryOptions:
    """Options of a delivery: lease, waiting time, claim size, threads and freshness of checks.

    ``threads`` and ``max_failures_in_a_row`` (ambiguous answers, or rejections) are those of one
    process. ``max_wait_seconds`` limits the total time spent waiting.
    """

    lease_seconds: float = 60
    max_wait_seconds: float = 300
    claim_size: int = 500
    threads: int = 8
    max_failures_in_a_row: int = FAILURES_IN_A_ROW
    fresh_seconds: float = field(default_factory=lambda: FRESH_SECONDS)
    grace_seconds: float = field(default_factory=lambda: GRACE_SECONDS)


class Progress(TypedDict, total=False):
    """Progress report of a sender: the setback that it met, or the number sent so far."""

    setback: Outcome
    sent: int


PreSendChecker = Callable[[Collection[Message]], CheckResult]
Report = Callable[[Progress], None]


def report_nothing(progress: Progress) -> None:
    """Drop the report, where no other process reads it."""


@dataclass(frozen=True)
class SenderContext:
    """All objects that one sender uses.

    ``hold_reason`` returns why a message must not be sent at this moment, or ``None``.
    ``scheduled`` is ``None`` where messages are sent at once. ``report`` receives setbacks and
    progress.
    """

    engine: sa.Engine
    business_date: date
    batch_id: str
    plan_file: PlanFile
    channel: Channel
    pre_send_check: PreSendChecker
    renderer: MessageRenderer
    hold_reason: Callable[[Message], str | None]
    scheduled: ScheduledBatches | None
    options: DeliveryOptions
    report: Report = report_nothing
