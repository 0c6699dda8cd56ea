"""Reminders: the approved plan's messages, entered once and delivered at most once."""

from cobranca.reminders.delivery.deliver import deliver
from cobranca.reminders.plan.counts import Counts
from cobranca.reminders.plan.enter_plan import plan

__all__ = ["Counts", "deliver", "plan"]
