"""Told versus done: compares the plan, the provider's own log, the payments and what the ledger says, and nothing else."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts

ACCEPTED = ("sent", "unknown", "delivered", "bounced", "complained")
FAULTS = ("twice", "sent_but_never_accepted", "accepted_but_not_told", "after_payment", "not_planned", "unbalanced")


@dataclass(frozen=True)
class Planned:
    """One message of a plan: what makes it one and the same contact, and what it is about."""

    message_key: str
    contact: tuple[str, str, str]
    receivables: tuple[str, ...]


@dataclass
class Report:
    """All lists hold message keys; a good night has only empty ones, whatever was injected."""

    states: Counter
    twice: list[str] = field(default_factory=list)
    sent_but_never_accepted: list[str] = field(default_factory=list)
    accepted_but_not_told: list[str] = field(default_factory=list)
    after_payment: list[str] = field(default_factory=list)
    not_planned: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in FAULTS}


def check(
    ledger_url: str,
    nights: Iterable[date],
    planned: Iterable[Planned],
    accepted: Iterable[tuple[str, float]],
    paid_at: dict[str, float] | None = None,
    staleness: float = 0.0,
) -> Report:
    """Compare.

    ``accepted`` is the provider's log: key and moment of each mail; ``paid_at`` the moment at which each payment was in the
    source. A mail may be at most ``staleness`` seconds younger than a payment of what it asks for.
    """
    engine = open_ledger(ledger_url)
    with engine.connect() as connection:
        query = sa.select(contacts.c.message_key, contacts.c.state).where(contacts.c.business_date.in_(list(nights)))
        state = dict(connection.execute(query).all())
    engine.dispose()
    plan, accepted = {message.message_key: message for message in planned}, list(accepted)
    contacts_of = Counter(plan[key].contact for key, _ in accepted if key in plan)
    mailed = {key for key, _ in accepted}
    return Report(
        states=Counter(state.values()),
        twice=[key for key, message in plan.items() if key in mailed and contacts_of[message.contact] > 1],
        sent_but_never_accepted=[key for key, told in state.items() if told == "sent" and key not in mailed],
        accepted_but_not_told=[key for key in mailed if state.get(key) not in ACCEPTED],
        after_payment=[key for key, moment in accepted if _paid_before(plan.get(key), moment - staleness, paid_at or {})],
        not_planned=[key for key in mailed if key not in plan],
        unbalanced=sorted(plan.keys() ^ state.keys()),
    )


def _paid_before(message: Planned | None, moment: float, paid_at: dict[str, float]) -> bool:
    return message is not None and any(paid_at.get(receivable, moment) < moment for receivable in message.receivables)
