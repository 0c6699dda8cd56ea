"""SQL conditions on contacts, shared by the planner, the worker and the lookups."""

from collections.abc import Iterable

import sqlalchemy as sa

from cobranca.ledger.column_types import one_of
from cobranca.ledger.states import ENGAGED_STATES
from cobranca.ledger.tables import contacts, switches

# A worker holds contacts of these states by its lease.
LEASED_STATES = ("claimed", "sending")
# The step needs no approval, or a person has approved it.
NEEDS_NO_APPROVAL = sa.or_(~contacts.c.requires_approval, contacts.c.approved_by.is_not(None))
IS_PAUSED = sa.exists().where(switches.c.name == "paused", switches.c.is_on)


def claimed_by(owner: str, keys: Iterable[str]) -> sa.ColumnElement[bool]:
    """Whether a contact is one of ``keys`` and claimed by this owner; no byte of it has left."""
    return sa.and_(
        one_of(contacts.c.message_key, keys),
        contacts.c.owner == owner,
        contacts.c.state == "claimed",
    )


def takes_same_step(other: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether ``other``, an alias of contacts, took the same step of the same dunning case.

    It may have been another payer's: a debt moves when a source corrects its customer.
    """
    return sa.and_(
        other.c.episode_key == contacts.c.episode_key,
        other.c.step == contacts.c.step,
        other.c.channel == contacts.c.channel,
        # Earlier contacts were about an earlier due date.
        other.c.business_date >= contacts.c.counts_from,
        other.c.state.in_(ENGAGED_STATES),
        other.c.message_key != contacts.c.message_key,
    )


def step_is_done() -> sa.ColumnElement[bool]:
    """Whether another contact with the same payer has already taken the same step."""
    other = contacts.alias("other")
    same_payer = other.c.payer_key == contacts.c.payer_key
    return sa.select(1).where(takes_same_step(other), same_payer).exists()
