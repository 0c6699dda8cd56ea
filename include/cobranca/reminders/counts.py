"""What became of every message of a business date, and the check that none is lost."""

from dataclasses import asdict, dataclass
from datetime import date

from cobranca.errors import CobrancaError
from cobranca.ledger.states import CONTACT_STATES


class Unbalanced(CobrancaError):
    """The messages of a date do not add up: some were lost between the plan and the ledger."""


@dataclass(frozen=True)
class Counts:
    """One business date's messages by the state they are in; ``planned`` is their number in the approved plan.

    ``held`` still wait (their source was down, a person has to approve, sending is paused); ``in_progress`` are in the
    hands of another worker. ``waits`` of both may still leave on that date without anybody's decision, when they are tried
    again: at the hour of their state, when the source or the provider answers, when sending is resumed. ``new`` and
    ``already`` tell this run's own part: what it planned or sent, and what earlier runs had.
    """

    business_date: str
    batch_id: str
    planned: int = 0
    sent: int = 0
    delivered: int = 0
    undelivered: int = 0
    bounced: int = 0
    complained: int = 0
    rejected: int = 0
    unknown: int = 0
    suppressed: int = 0
    cancelled_paid: int = 0
    cancelled: int = 0
    superseded: int = 0
    expired: int = 0
    held: int = 0
    in_progress: int = 0
    not_in_plan: int = 0
    waits: int = 0
    new: int = 0
    already: int = 0

    def as_dict(self) -> dict:
        return asdict(self)

    def __str__(self) -> str:
        """``139 planned: 137 sent, 2 held`` – zeros are left out."""
        parts = [
            f"{getattr(self, name)} {name.replace('_', ' ')}" for name in (*ENDED, "held", "in_progress") if getattr(self, name)
        ]
        return f"{self.planned} planned: {', '.join(parts) or 'nothing to do'}"


ENDED = tuple(state for state in CONTACT_STATES if state not in ("planned", "claimed", "sending"))


def balance(
    business_date: date,
    batch_id: str,
    planned: int,
    by_state: dict[str, int],
    *,
    new: int,
    already: int,
    missing: int = 0,
    waits: int = 0,
) -> Counts:
    """Build the counts from the ledger's states.

    Contacts of an earlier plan of the same date stay in the ledger, so the ledger may hold more than the plan, never less;
    ``missing`` are messages of this very plan that it does not hold.

    Raises:
        Unbalanced: the ledger holds fewer contacts than the plan, or a state nobody knows.
    """
    strange = set(by_state) - set(CONTACT_STATES)
    total = sum(by_state.values())
    if strange or missing or total < planned:
        found = planned - missing if missing else total
        raise Unbalanced(
            f"reminders of {business_date}: the plan {batch_id} holds {planned} messages, the ledger {found} contacts"
            f"{' and the unknown states ' + ', '.join(sorted(strange)) if strange else ''}. "
            "Nothing more is sent; run the planning step of that date again and compare contacts with out_reminders."
        )
    return Counts(
        business_date=business_date.isoformat(),
        batch_id=batch_id,
        planned=planned,
        held=by_state.get("planned", 0),
        in_progress=by_state.get("claimed", 0) + by_state.get("sending", 0),
        not_in_plan=total - planned,
        waits=waits,
        new=new,
        already=already,
        **{state: by_state.get(state, 0) for state in ENDED},
    )
