"""The states of a contact and every way between them: the one place where both are written down.

The ledger's own methods move contacts only along these ways, and so does everybody else: triggers of the database refuse
any other. A test holds the triggers equal to this module; who needs another way adds it here and in a migration.

- ``planned``: chosen by the approved plan, nobody works on it (a reason says why it is still held)
- ``claimed``: one worker holds it until its lease expires; nothing has left
- ``sending``: committed just before the first byte leaves
- ``sent``: the provider said that it accepted it
- ``rejected``: certainly not accepted, and trying again would not help
- ``unknown``: it may or may not have been accepted: never sent again
- ``delivered``: the provider reported the mailbox's acceptance
- ``undelivered``: it did not arrive, and the address is not known to be at fault: tried again on a later date
- ``bounced``: the address does not take messages
- ``complained``: the payer called it unwanted after it had arrived
- ``suppressed``: this step was already done for this debt
- ``cancelled_paid``: a payment came in after the plan was made
- ``cancelled``: since the plan was made it became wrong to write: a hold, a dispute, a receivable that is gone
- ``superseded``: a newer plan of the same date no longer holds it
- ``expired``: a later date was planned before it was sent
"""

CONTACT_STATES = (
    "planned", "claimed", "sending", "sent", "rejected", "unknown", "delivered", "undelivered", "bounced",
    "complained", "suppressed", "cancelled_paid", "cancelled", "superseded", "expired",
)  # fmt: skip

# A step counts as taken for a debt while a contact is in one of these: no second contact may enter them.
ENGAGED_STATES = ("claimed", "sending", "sent", "unknown", "delivered", "complained")

# What the provider tells afterwards, from least to most: a later report moves a contact forward only, so that reports
# which come twice or in another order end in the same state.
REPORTED_STATES = ("sent", "delivered", "undelivered", "bounced", "complained")

# Who may move a contact from where to where. Staying in a state (with another reason) is always allowed.
PLANNER = {"planned": ("superseded", "expired", "suppressed"), "superseded": ("planned",)}
WORKER = {
    "planned": ("claimed", "suppressed", "expired"),
    "claimed": ("planned", "sending", "suppressed", "cancelled_paid", "cancelled", "rejected"),
    # Back to planned only what certainly did not leave.
    "sending": ("planned", "sent", "rejected", "unknown"),
    # What happened to a message is also taken from an owner that was given up for dead too early.
    "unknown": ("sent", "rejected"),
}
RECOVERY = {"claimed": ("planned",), "sending": ("unknown",)}
# Reports may come before the worker has written down what it was answered.
PROVIDER = {
    "sending": REPORTED_STATES,
    "unknown": REPORTED_STATES,
    **{state: REPORTED_STATES[rank + 1 :] for rank, state in enumerate(REPORTED_STATES[:-1])},
}
# The provider confirmed that a scheduled batch was cancelled as a whole, so nothing of it ever leaves. The database
# allows this way only to contacts that name their scheduled batch.
CANCELLED_BATCH = {"unknown": ("planned",)}

WAYS = frozenset(
    (before, after)
    for ways in (PLANNER, WORKER, RECOVERY, PROVIDER, CANCELLED_BATCH)
    for before, states in ways.items()
    for after in states
)


def leading_to(state: str, ways: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The states from which these ``ways`` lead to ``state``."""
    return tuple(before for before, states in ways.items() if state in states)
