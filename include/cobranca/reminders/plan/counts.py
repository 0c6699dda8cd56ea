"""Counts of the messages of a business date by state, and the check that none is lost."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

from cobranca.errors import CobrancaError
from cobranca.ledger.states import CONTACT_STATES


class Unbalanced(CobrancaError):
    """The messages of a date do not add up: some were lost between the plan and the ledger."""


@dataclass(frozen=True)
class Counts:
    """Counts of the messages of one business date by state.

    ``planned`` is the number in the approved plan. ``held`` messages still wait: their source did
    not answer, an approval is missing, or sending is paused. ``in_progress`` ones are claimed by
    another worker. ``waits`` is how many of both a retry on the same date may still send without a
    decision of a person: in their contact hours, when the source or the provider answers, or when
    sending is resumed.

    ``new`` is what this run planned or sent, and ``already`` what earlier runs did.
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

    def as_dict(self) -> dict[str, str | int]:
        """All counts by name, as the ledger's run log stores them."""
        return asdict(self)

    def __str__(self) -> str:
        """Format as ``139 planned: 137 sent, 2 held``, without zeros."""
        parts = [
            f"{getattr(self, name)} {name.replace('_', ' ')}"
            for name in (*ENDED, "held", "in_progress")
            if getattr(self, name)
        ]
        return f"{self.planned} planned: {', '.join(parts) or 'nothing to do'}"


ENDED = tuple(state for state in CONTACT_STATES if state not in ("planned", "claimed", "sending"))


def balance(
    business_date: date,
    batch_id: str,
    planned: int,
    by_state: Mapping[str, int],
    missing: int = 0,
) -> Counts:
    """Build the counts from the ledger's states; ``new``, ``already`` and ``waits`` stay zero.

    The ledger also holds contacts of earlier plans of the date, so it may hold more than the plan,
    but never less. ``missing`` is how many messages of this plan are not in the ledger.

    Raises:
        Unbalanced: the ledger holds fewer contacts than the plan, or an unknown state.
    """
    unknown_states = set(by_state) - set(CONTACT_STATES)
    total = sum(by_state.values())
    if unknown_states or missing or total < planned:
        found = planned - missing if missing else total
        unknown = f" and the unknown states {', '.join(sorted(unknown_states))}"
        raise Unbalanced(
            f"reminders of {business_date}: the plan {batch_id} holds {planned} messages, the "
            f"ledger {found} contacts"
            f"{unknown if unknown_states else ''}. "
            "Nothing more is sent; run the planning step of that date again and compare contacts "
            "with out_reminders."
        )
    return Counts(
        business_date=business_date.isoformat(),
        batch_id=batch_id,
        planned=planned,
        held=by_state.get("planned", 0),
        in_progress=by_state.get("claimed", 0) + by_state.get("sending", 0),
        not_in_plan=total - planned,
        **{state: by_state.get(state, 0) for state in ENDED},
    )
