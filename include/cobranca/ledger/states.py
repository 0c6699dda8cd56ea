"""State machine of a contact: its states and the allowed transitions, by caller.

Triggers of the database refuse any other transition, and a test compares them with this module. A
new transition is added here and in a migration.

- ``planned``: chosen by the approved plan; no worker has it (a reason says why it is held)
- ``claimed``: one worker holds it until its lease expires; nothing has left
- ``sending``: committed just before the first byte leaves
- ``sent``: the provider accepted the message
- ``rejected``: certainly not accepted, and a retry would not help
- ``unknown``: the message may or may not have been accepted; it is never sent again
- ``delivered``: the provider reported that the mailbox accepted the message
- ``undelivered``: the message did not arrive, but the address may be right; a retry follows on a
  later date
- ``bounced``: the address does not take messages
- ``complained``: the payer reported the delivered message as spam
- ``suppressed``: this step was already done for this dunning case
- ``cancelled_paid``: a payment came in after the plan was made
- ``cancelled``: the pre-send check found a reason not to write: a hold, a dispute, a receivable
  that is gone
- ``superseded``: a newer plan of the same date does not contain it
- ``expired``: a later date was planned before it was sent
"""

from collections.abc import Mapping

CONTACT_STATES = (
    "planned", "claimed", "sending", "sent", "rejected", "unknown", "delivered", "undelivered",
    "bounced", "complained", "suppressed", "cancelled_paid", "cancelled", "superseded", "expired",
)  # fmt: skip

# A contact in one of these states takes its step: a unique index refuses a second one for the same
# dunning case.
ENGAGED_STATES = ("claimed", "sending", "sent", "unknown", "delivered", "complained")

# States that the provider reports, in order. A report moves a contact forward only, so reports that
# come twice or out of order end in the same state.
REPORTED_STATES = ("sent", "delivered", "undelivered", "bounced", "complained")

# The transitions of each caller. Staying in a state (with another reason) is always allowed.
PLANNER = {"planned": ("superseded", "expired", "suppressed"), "superseded": ("planned",)}
WORKER = {
    "planned": ("claimed", "suppressed", "expired"),
    "claimed": ("planned", "sending", "suppressed", "cancelled_paid", "cancelled", "rejected"),
    # Back to planned only if the message certainly did not leave.
    "sending": ("planned", "sent", "rejected", "unknown"),
    # An owner whose lease ran out too early may still record the result.
    "unknown": ("sent", "rejected"),
}
RECOVERY = {"claimed": ("planned",), "sending": ("unknown",)}
# A report may come before the worker has recorded the provider's answer.
PROVIDER = {
    "sending": REPORTED_STATES,
    "unknown": REPORTED_STATES,
    **{state: REPORTED_STATES[rank + 1 :] for rank, state in enumerate(REPORTED_STATES[:-1])},
}
# The provider confirmed the cancellation of a whole scheduled batch, so nothing of it leaves. The
# database allows this transition only to contacts with a scheduled batch.
CANCELLED_BATCH = {"unknown": ("planned",)}

TRANSITIONS = frozenset(
    (before, after)
    for transitions in (PLANNER, WORKER, RECOVERY, PROVIDER, CANCELLED_BATCH)
    for before, states in transitions.items()
    for after in states
)


def states_before(state: str, transitions: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The states from which one of these ``transitions`` leads to ``state``."""
    return tuple(before for before, states in transitions.items() if state in states)
