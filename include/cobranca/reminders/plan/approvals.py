"""Approvals (human in the loop): approve steps or an unusual volume, pause and resume sending."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from cobranca.errors import ConfigError
from cobranca.ledger import open_ledger
from cobranca.ledger.contact_lookups import ContactLookups
from cobranca.ledger.contact_planning import ContactPlanner
from cobranca.ledger.run_log import RunLog
from cobranca.ledger.switches import Switches
from cobranca.reminders.plan.volume_guard import APPROVED
from cobranca.settings import Settings


@dataclass(frozen=True)
class Question:
    """Question for the approver, in Portuguese, and the batch id of its plan."""

    text: str
    batch_id: str


def steps_to_approve(settings: Settings, business_date: date) -> Question | None:
    """Return the question about steps that need approval; ``None`` if there are none."""
    with _ledger(settings) as engine:
        lookups = ContactLookups(engine)
        batch_id, waiting = (
            lookups.newest_plan(business_date),
            lookups.count_unapproved(business_date),
        )
    if not waiting or batch_id is None:
        return None
    steps = ", ".join(f"{step} ({number})" for step, number in waiting.items())
    text = (
        f"Passos de {business_date:%d/%m/%Y} que só saem com aprovação (e quantas mensagens): "
        f"{steps}. Enviar?"
    )
    return Question(text, batch_id)


def approve(
    settings: Settings,
    business_date: date,
    by: str,
    steps: Sequence[str] | None = None,
    batch_id: str | None = None,
) -> int:
    """Approve messages that need it; returns how many.

    They are those of ``steps`` (default: all) of one plan (default: the newest). The next delivery
    of the date sends them. A later plan of the same date needs its own approval.

    Raises:
        ConfigError: no message of one of the ``steps`` needs approval.
    """
    with _ledger(settings) as engine:
        lookups = ContactLookups(engine)
        waiting = lookups.count_unapproved(business_date)
        unknown = [step for step in steps or () if step not in waiting]
        if unknown:
            known = ", ".join(waiting) or "none"
            raise ConfigError(
                f"nothing of step {unknown[0]} waits for approval on {business_date}; steps that "
                f"wait: {known}."
            )
        author, batch_id = _name(by), batch_id or lookups.newest_plan(business_date)
        if batch_id is None:
            return 0
        return ContactPlanner(engine).approve(business_date, batch_id, author, steps)


def approve_volume(
    settings: Settings, business_date: date, by: str, batch_id: str | None = None
) -> str:
    """Approve the unusual volume of one plan (default: the newest of the date).

    Returns the batch id of the plan. A later plan of the same date needs its own approval.

    Raises:
        ConfigError: nothing was planned for that date.
    """
    with _ledger(settings) as engine:
        batch_id = batch_id or ContactLookups(engine).newest_plan(business_date)
        if batch_id is None:
            raise ConfigError(f"nothing is planned for {business_date}; run its reminders first.")
        run_id = hashlib.sha256(f"{APPROVED}|{batch_id}".encode()).hexdigest()[:32]
        RunLog(engine).record_run(run_id, business_date, APPROVED, batch_id, {"by": _name(by)})
    return batch_id


def pause(settings: Settings, by: str, reason: str) -> None:
    """Pause all sending in every process. Only messages already in flight are still sent.

    Raises:
        ConfigError: the name or the reason is empty.
    """
    if not reason.strip():
        raise ConfigError("say why sending is paused; the person who resumes it has to know.")
    with _ledger(settings) as engine:
        Switches(engine).pause(_name(by), reason.strip()[:200])


def resume(settings: Settings, by: str) -> None:
    """Resume sending. The next delivery of each date sends what is still planned."""
    with _ledger(settings) as engine:
        Switches(engine).resume(_name(by), "retomado")


def _name(by: str) -> str:
    if not by.strip():
        raise ConfigError("say who decides: --by NAME.")
    return by.strip()[:100]


@contextmanager
def _ledger(settings: Settings) -> Iterator[sa.Engine]:
    engine = open_ledger(settings.ledger)
    try:
        yield engine
    finally:
        engine.dispose()
