"""Checker of invariants: compares the plan, the provider's log, the payments and the ledger."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts

ACCEPTED = ("sent", "unknown", "delivered", "bounced", "complained")
FAULTS = (
    "twice",
    "sent_but_never_accepted",
    "accepted_but_not_recorded",
    "after_payment",
    "after_opt_out",
    "not_planned",
    "unbalanced",
)


@dataclass(frozen=True)
class Planned:
    """One message of a plan; ``contact`` is the key that must be mailed once."""

    message_key: str
    customer_key: str
    contact: tuple[str, str, str]
    receivables: tuple[str, ...]


@dataclass
class StopTimes:
    """When something happened after which a message must not be sent.

    ``paid_at`` is the time of each payment in the source, by receivable; ``opted_out_at`` that of
    each opt-out in the ledger, by payer.
    """

    paid_at: dict[str, float] = field(default_factory=dict)
    opted_out_at: dict[str, float] = field(default_factory=dict)


@dataclass
class Report:
    """Faults found, as lists of message keys; after a good night all of them are empty."""

    states: Counter
    twice: list[str] = field(default_factory=list)
    sent_but_never_accepted: list[str] = field(default_factory=list)
    accepted_but_not_recorded: list[str] = field(default_factory=list)
    after_payment: list[str] = field(default_factory=list)
    after_opt_out: list[str] = field(default_factory=list)
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
    stops: StopTimes,
    staleness: float = 0.0,
) -> Report:
    """Compare the plan with the provider's log, the payments, the opt-outs and the ledger.

    ``accepted`` is the provider's log: key and time of each mail. A mail may follow a payment of
    its receivable or the opt-out of its payer by at most ``staleness`` seconds.
    """
    engine = open_ledger(ledger_url)
    with engine.connect() as connection:
        query = sa.select(contacts.c.message_key, contacts.c.state).where(
            contacts.c.business_date.in_(list(nights))
        )
        states = dict(connection.execute(query).all())
    engine.dispose()
    plan, accepted = {message.message_key: message for message in planned}, list(accepted)
    contacts_of = Counter(plan[key].contact for key, _ in accepted if key in plan)
    mailed = {key for key, _ in accepted}
    return Report(
        states=Counter(states.values()),
        twice=[
            key
            for key, message in plan.items()
            if key in mailed and contacts_of[message.contact] > 1
        ],
        sent_but_never_accepted=[
            key for key, name in states.items() if name == "sent" and key not in mailed
        ],
        accepted_but_not_recorded=[key for key in mailed if states.get(key) not in ACCEPTED],
        after_payment=[
            key
            for key, moment in accepted
            if key in plan and _before(moment - staleness, stops.paid_at, plan[key].receivables)
        ],
        after_opt_out=[
            key
            for key, moment in accepted
            if key in plan
            and _before(moment - staleness, stops.opted_out_at, [plan[key].customer_key])
        ],
        not_planned=[key for key in mailed if key not in plan],
        unbalanced=sorted(plan.keys() ^ states.keys()),
    )


def _before(moment: float, times: dict[str, float], of: Iterable[str]) -> bool:
    return any(times.get(one, moment) < moment for one in of)
