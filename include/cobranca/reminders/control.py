"""What a person decides about sending: approving steps that ask for it, stopping everything, going on."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from cobranca.errors import ConfigError
from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import ContactLedger
from cobranca.reminders.volume import APPROVED
from cobranca.settings import Settings


@dataclass(frozen=True)
class Question:
    """What a person is asked, in Portuguese, and the plan that it is about."""

    text: str
    batch_id: str


def steps_to_approve(settings: Settings, business_date: date) -> Question | None:
    """A question for the person who approves; ``None`` when no step waits for anybody."""
    with _ledger(settings) as ledger:
        batch_id, waiting = ledger.newest_plan(business_date), ledger.unapproved(business_date)
    if not waiting:
        return None
    steps = ", ".join(f"{step} ({number})" for step, number in waiting.items())
    text = f"Passos de {business_date:%d/%m/%Y} que só saem com aprovação (e quantas mensagens): {steps}. Enviar?"
    return Question(text, batch_id)


def approve(
    settings: Settings, business_date: date, by: str, steps: Sequence[str] | None = None, batch_id: str | None = None
) -> int:
    """Let the messages of these steps (default: every step) of one plan (default: the newest) that ask for approval be sent.

    Nothing is sent here: the next delivery of that date takes them. A later plan of the same date needs an answer of its own.

    Returns:
        How many.

    Raises:
        ConfigError: a step is named of which nothing waits.
    """
    with _ledger(settings) as ledger:
        waiting = ledger.unapproved(business_date)
        unknown = [step for step in steps or () if step not in waiting]
        if unknown:
            known = ", ".join(waiting) or "none"
            raise ConfigError(f"nothing of step {unknown[0]} waits for approval on {business_date}; steps that wait: {known}.")
        return ledger.approve(business_date, batch_id or ledger.newest_plan(business_date), _name(by), steps)


def approve_volume(settings: Settings, business_date: date, by: str, batch_id: str | None = None) -> str:
    """Let the messages of one plan (default: the newest of the date) be sent although their number is unusual.

    Returns the plan's batch id. A later plan of the same date needs an answer of its own.

    Raises:
        ConfigError: nothing was planned for that date.
    """
    with _ledger(settings) as ledger:
        batch_id = batch_id or ledger.newest_plan(business_date)
        if batch_id is None:
            raise ConfigError(f"nothing is planned for {business_date}; run its reminders first.")
        run_id = hashlib.sha256(f"{APPROVED}|{batch_id}".encode()).hexdigest()[:32]
        ledger.record_run(run_id, business_date, APPROVED, batch_id, {"by": _name(by)})
    return batch_id


def pause(settings: Settings, by: str, reason: str) -> None:
    """Stop all sending in every process; at most the messages that are on their way at this moment still leave."""
    if not reason.strip():
        raise ConfigError("say why sending is paused; whoever resumes it has to know.")
    with _ledger(settings) as ledger:
        ledger.pause(True, _name(by), reason.strip()[:200])


def resume(settings: Settings, by: str) -> None:
    """Allow sending again; the next delivery of each date takes what is still planned for it."""
    with _ledger(settings) as ledger:
        ledger.pause(False, _name(by), "retomado")


def _name(by: str) -> str:
    if not by.strip():
        raise ConfigError("say who decides: --by NAME.")
    return by.strip()[:100]


@contextmanager
def _ledger(settings: Settings) -> Iterator[ContactLedger]:
    engine = open_ledger(settings.ledger)
    try:
        yield ContactLedger(engine)
    finally:
        engine.dispose()
