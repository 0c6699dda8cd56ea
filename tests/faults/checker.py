"""Told versus done: compares the plan, the provider's own log and the ledger, and nothing else."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts


@dataclass
class Report:
    """All lists hold message keys; a good night has only empty ones, whatever was injected."""

    states: Counter
    twice: list[str] = field(default_factory=list)
    sent_but_never_accepted: list[str] = field(default_factory=list)
    accepted_but_not_told: list[str] = field(default_factory=list)
    not_planned: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, int]:
        lists = ("twice", "sent_but_never_accepted", "accepted_but_not_told", "not_planned", "lost")
        return {name: len(getattr(self, name)) for name in lists}


def check(ledger_url: str, night: date, planned: list[str], accepted: list[str]) -> Report:
    """``accepted`` are the keys of the provider's log, one for each mail; ``planned`` those of the plan."""
    engine = open_ledger(ledger_url)
    with engine.connect() as connection:
        query = sa.select(contacts.c.message_key, contacts.c.state).where(contacts.c.business_date == night)
        state = dict(connection.execute(query).all())
    engine.dispose()
    mails = Counter(accepted)
    return Report(
        states=Counter(state.values()),
        twice=[key for key, number in mails.items() if number > 1],
        sent_but_never_accepted=[key for key, told in state.items() if told == "sent" and key not in mails],
        accepted_but_not_told=[key for key in mails if state.get(key) not in ("sent", "unknown", "delivered", "bounced")],
        not_planned=[key for key in mails if key not in set(planned)],
        lost=[key for key in planned if key not in state],
    )
