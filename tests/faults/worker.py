"""One delivery in a process of its own, which can be told to die by SIGKILL at a named point.

A wish holds config, data, ledger, night, environment, log and result (files), and optionally ``die_at`` (a point) with
``die_on`` (which time it is reached, from 1), ``lease``, ``patience`` and ``timeout`` in seconds, ``claim_size`` and ``debug``.
"""

import json
import logging
import os
import signal
import sys
from datetime import date
from pathlib import Path

from cobranca.connections import get_connection
from cobranca.ledger.contacts import ContactLedger
from cobranca.reminders import deliver
from cobranca.reminders.channels.sendgrid_mail import SendGrid
from cobranca.settings import Settings
from reminders.plans import noon

POINTS = ("after the claim", "before sending is committed", "after sending is committed", "after the provider's answer")


def _die_at(point: str, on: int) -> None:
    """Kill this process the ``on``-th time that it comes to the point."""
    left = [on]

    def reached() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

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


def run(wish: dict) -> None:
    """The whole worker; meant to be the target of a new process."""
    # Also what the interpreter itself says at the end belongs into the log.
    os.dup2(os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os.environ.update(wish["environment"])
    if wish.get("debug"):
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    if wish.get("die_at"):
        _die_at(wish["die_at"], wish.get("die_on", 1))
    night = date.fromisoformat(wish["night"])
    settings = Settings(Path(wish["config"]), Path(wish["data"]), "", wish["ledger"], "sendgrid")
    channel = SendGrid(get_connection("sendgrid"), timeout_seconds=wish.get("timeout", 0.5), threads=4)
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
