"""One delivery in a process of its own, which can be told to die by SIGKILL at a named point.

A wish holds config, data, ledger, night, environment, log and result (files), and optionally ``die_at`` or ``stop_at`` (a
point) with ``die_on`` (which time it is reached, from 1), ``lease``, ``patience``, ``timeout`` and ``fresh`` in seconds,
``claim_size``, ``debug``, ``processes`` (more than one only on PostgreSQL), and a ``mutation``: one of the guards taken out, to
see that the checker notices.
"""

import json
import logging
import os
import signal
import sys
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from cobranca.connections import get_connection
from cobranca.ledger import contacts as contacts_module
from cobranca.ledger.contacts import ContactLedger
from cobranca.reminders import deliver, sender, workers
from cobranca.reminders.channels.sendgrid_mail import SendGrid
from cobranca.reminders.last_look import LastLook, Seen
from cobranca.settings import Settings
from reminders.plans import noon

POINTS = (
    "after the claim",
    "after the last look",
    "before sending is committed",
    "after sending is committed",
    "after the provider's answer",
)


def _fall_at(point: str, on: int, how: int) -> None:
    """Kill (or stop) this process the ``on``-th time that it comes to the point."""
    left = [on]

    def reached() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), how)

    claim, advance = ContactLedger.claim, ContactLedger.advance

    def claim_then_die(*args, **kwargs):
        keys = claim(*args, **kwargs)
        if point == "after the claim" and keys:
            reached()
        return keys

    def advance_and_die(self, owner, *, ended, start, lease_seconds):
        if (point == "before sending is committed" and start) or (point == "after the provider's answer" and ended):
            reached()
        keys = advance(self, owner, ended=ended, start=start, lease_seconds=lease_seconds)
        if point == "after sending is committed" and keys:
            reached()
        return keys

    ContactLedger.claim, ContactLedger.advance = claim_then_die, advance_and_die
    if point == "after the last look":
        look = LastLook.__call__

        def look_then_die(self, messages):
            seen = look(self, messages)
            reached()
            return seen

        LastLook.__call__ = look_then_die


def _mutate(mutation: str) -> None:
    """Take one guard out."""
    if mutation == "no last look":
        LastLook.__call__ = lambda self, messages: Seen(ready=list(messages))
    elif mutation == "no commit before sending":
        advance = ContactLedger.advance

        def advance_without_commit(self, owner, *, ended, start, lease_seconds):
            # Written down only once the provider has answered.
            late = [result.message_key for result in ended]
            advance(self, owner, ended=[], start=late, lease_seconds=lease_seconds)
            advance(self, owner, ended=ended, start=[], lease_seconds=lease_seconds)
            return list(start)

        ContactLedger.advance = advance_without_commit
    elif mutation == "no unique key":
        # The index itself is dropped by the test.
        contacts_module._step_is_done = sa.false
    else:
        raise ValueError(mutation)


def run(wish: dict) -> None:
    """The whole worker; meant to be the target of a new process."""
    # Also what the interpreter itself says at the end belongs into the log.
    os.dup2(os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os.environ.update(wish["environment"])
    if wish.get("debug"):
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    for fall, how in (("die_at", signal.SIGKILL), ("stop_at", signal.SIGSTOP)):
        if wish.get(fall):
            _fall_at(wish[fall], wish.get("die_on", 1), how)
    if wish.get("mutation"):
        _mutate(wish["mutation"])
    sender.FRESH_SECONDS = wish.get("fresh", sender.FRESH_SECONDS)
    sender.GRACE_SECONDS = min(sender.FRESH_SECONDS, sender.GRACE_SECONDS)
    night = date.fromisoformat(wish["night"])
    number = wish.get("processes", 1)
    settings = Settings(Path(wish["config"]), Path(wish["data"]), "", wish["ledger"], "sendgrid", delivery_processes=number)
    channel = None
    if number == 1:
        channel = SendGrid(get_connection("sendgrid"), timeout_seconds=wish.get("timeout", 0.5), threads=4)
    else:
        # They open their own channels, and share its eight threads.
        connection = json.loads(os.environ["AIRFLOW_CONN_SENDGRID"]) | {"extra": {"timeout_seconds": wish.get("timeout", 0.5)}}
        os.environ["AIRFLOW_CONN_SENDGRID"] = json.dumps(connection)
        workers.MESSAGES_A_PROCESS = 1
    counts = deliver(
        settings,
        night,
        clock=noon(night),
        channel=channel,
        lease_seconds=wish.get("lease", 1),
        patience_seconds=wish.get("patience", 30),
        claim_size=wish.get("claim_size", 10),
    )
    Path(wish["result"]).write_text(json.dumps(counts.as_dict()))
