"""Reminders: the approved plan's messages, entered in the ledger once and delivered at most once."""

from cobranca.reminders.counts import Counts
from cobranca.reminders.delivery import deliver
from cobranca.reminders.planning import plan

__all__ = ["Counts", "deliver", "plan"]
