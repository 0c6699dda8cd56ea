"""Worker process for fault injection: one delivery that can be killed at a named point.

The options are config, data, ledger, night, environment, log and result (files), and optionally:

- ``die_at`` or ``stop_at``: a point, with ``die_on``: how many times it is reached, from 1;
- ``lease``, ``patience``, ``timeout``, ``fresh`` and ``start``, in seconds;
- ``claim_size``, ``debug``, and ``processes`` (more than one only on PostgreSQL);
- ``mutation``: a guard to remove, to see that the checker finds the fault.
"""

import json
import logging
import math
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from cobranca.connections import get_connection
from cobranca.ledger import contact_planning, contact_worker
from cobranca.ledger.contact_lookups import ContactLookups
from cobranca.ledger.contact_worker import ContactWorker
from cobranca.reminders import deliver
from cobranca.reminders.channels.sendgrid import SendGrid
from cobranca.reminders.delivery import sender_context, worker_pool
from cobranca.reminders.delivery.fresh_letters import FreshLetters
from cobranca.reminders.delivery.pre_send_check import CheckResult, PreSendCheck
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from cobranca.reminders.plan.plan_file import Message
from cobranca.settings import Settings
from reminders.plans import noon

POINTS = (
    "after the claim",
    "after the pre-send check",
    "before sending is committed",
    "after sending is committed",
    "after the provider's answer",
)


def _stop_at_point(point: str, on: int, how: int) -> None:
    """Send the signal ``how`` to this process when it reaches the point for the ``on``-th time."""
    left = [on]

    def reached() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), how)

    claim, advance = ContactWorker.claim, ContactWorker.advance

    def claim_then_die(*args, **kwargs):
        keys = claim(*args, **kwargs)
        if point == "after the claim" and keys:
            reached()
        return keys

    def advance_and_die(self, owner, *, ended, start, lease_seconds):
        if (point == "before sending is committed" and start) or (
            point == "after the provider's answer" and ended
        ):
            reached()
        keys = advance(self, owner, ended=ended, start=start, lease_seconds=lease_seconds)
        if point == "after sending is committed" and keys:
            reached()
        return keys

    ContactWorker.claim, ContactWorker.advance = claim_then_die, advance_and_die
    if point == "after the pre-send check":
        check = PreSendCheck.__call__

        def check_then_die(self, messages):
            result = check(self, messages)
            reached()
            return result

        PreSendCheck.__call__ = check_then_die


def check_once(self: FreshLetters, messages: list[Message]) -> Iterator[tuple[Message, float]]:
    """The pre-send check of a claim, trusted however long its last letter waits."""
    found = self._context.pre_send_check(messages)
    for (state, reason), keys in found.by_transition().items():
        self._lease.release(keys, state, reason)
    for message in found.ready:
        yield message, math.inf


def _mutate(mutation: str) -> None:
    """Remove one guard."""
    if mutation == "no pre-send check":
        PreSendCheck.__call__ = lambda self, messages: CheckResult(ready=list(messages))
    elif mutation == "no opt-out check":
        payer_flags = ContactLookups.payer_flags

        def flags_without_opt_outs(self, customer_keys):
            return replace(payer_flags(self, customer_keys), opted_out=set())

        ContactLookups.payer_flags = flags_without_opt_outs
    elif mutation == "no freshness":
        FreshLetters._checked = check_once
    elif mutation == "no commit before sending":
        advance = ContactWorker.advance

        def advance_without_commit(self, owner, *, ended, start, lease_seconds):
            # Recorded only after the provider has answered.
            late = [result.message_key for result in ended]
            advance(self, owner, ended=[], start=late, lease_seconds=lease_seconds)
            advance(self, owner, ended=ended, start=[], lease_seconds=lease_seconds)
            return list(start)

        ContactWorker.advance = advance_without_commit
    elif mutation == "no unique key":
        # The index itself is dropped by the test.
        contact_planning.step_is_done = contact_worker.step_is_done = sa.false
    else:
        raise ValueError(mutation)


def run(options: dict) -> None:
    """Deliver with these options; the target of a new process."""
    # The log also receives what the interpreter itself prints at the end.
    os.dup2(os.open(options["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os.environ.update(options["environment"])
    if options.get("debug"):
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    if options.get("mutation"):
        _mutate(options["mutation"])
    # After the mutation, so that a worker without a guard dies before it records anything.
    for point, how in (("die_at", signal.SIGKILL), ("stop_at", signal.SIGSTOP)):
        if options.get(point):
            _stop_at_point(options[point], options.get("die_on", 1), how)
    fresh = options.get("fresh", sender_context.FRESH_SECONDS)
    sender_context.FRESH_SECONDS = fresh
    sender_context.GRACE_SECONDS = min(fresh, sender_context.GRACE_SECONDS)
    worker_pool.START_SECONDS = options.get("start", worker_pool.START_SECONDS)
    night = date.fromisoformat(options["night"])
    number = options.get("processes", 1)
    settings = Settings(
        Path(options["config"]),
        Path(options["data"]),
        "",
        options["ledger"],
        "sendgrid",
        delivery_processes=number,
    )
    channel = None
    if number == 1:
        channel = SendGrid(
            get_connection("sendgrid"), timeout_seconds=options.get("timeout", 0.5), threads=4
        )
    else:
        # The processes open their own channels and share its eight threads.
        connection = json.loads(os.environ["AIRFLOW_CONN_SENDGRID"]) | {
            "extra": {"timeout_seconds": options.get("timeout", 0.5)}
        }
        os.environ["AIRFLOW_CONN_SENDGRID"] = json.dumps(connection)
        worker_pool.MESSAGES_A_PROCESS = 1
    counts = deliver(
        settings,
        night,
        clock=noon(night),
        channel=channel,
        options=DeliveryOptions(
            lease_seconds=options.get("lease", 1),
            max_wait_seconds=options.get("patience", 30),
            claim_size=options.get("claim_size", 10),
        ),
    )
    Path(options["result"]).write_text(json.dumps(counts.as_dict()))
