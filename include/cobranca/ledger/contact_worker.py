"""Claim contacts by lease, commit ``sending`` before each message, and record its result.

``planned → claimed → sending → sent | rejected | unknown``, then the states that the provider
reports. ``states.py`` holds every transition. A claim is a lease of one owner, measured by the
database's clock. ``sending`` is committed before the first byte leaves (a write-ahead commit). When
the lease of a dead owner runs out (``lease_recovery.py``), its claimed contacts return to
``planned``, and those being sent become ``unknown`` and are never sent again. Triggers of the
database refuse any other transition and append every change to ``contact_history``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import sqlalchemy as sa

from cobranca.ledger.column_types import one_of, rows_from_json, rows_to_json, utc_now
from cobranca.ledger.contact_conditions import (
    IS_PAUSED,
    LEASED_STATES,
    NEEDS_NO_APPROVAL,
    claimed_by,
    step_is_done,
)
from cobranca.ledger.restart_retry import LedgerClient, retries_restart
from cobranca.ledger.state_reasons import STEP_ALREADY_DONE
from cobranca.ledger.states import WORKER, states_before
from cobranca.ledger.tables import contacts

_CHANGED = (
    contacts.c.message_key,
    contacts.c.state,
    contacts.c.state_reason,
    contacts.c.provider_message_id,
)


@dataclass(frozen=True)
class SendResult:
    """Result of sending one message; ``state`` is the contact's next state."""

    message_key: str
    state: str
    reason: str | None = None
    provider_message_id: str | None = None


class ContactWorker(LedgerClient):
    """Claims contacts and records their sending, by the transitions of ``WORKER``."""

    @cached_property
    def _advance(self) -> sa.Update:
        return _advance(self.engine.dialect.name)

    @retries_restart
    def claim(
        self,
        business_date: date,
        batch_id: str,
        owner: str,
        *,
        limit: int,
        after: str,
        lease_seconds: float,
    ) -> list[str]:
        """Claim up to ``limit`` planned contacts with keys after ``after``; returns keys in order.

        A contact whose step was meanwhile done for the same dunning case and payer becomes
        ``suppressed`` instead. While sending is paused, nothing is claimed.
        """
        with self.engine.begin() as connection:
            if connection.scalar(sa.select(IS_PAUSED)):
                return []
            keys: list[str] = list(
                connection.scalars(
                    sa.select(contacts.c.message_key)
                    .where(
                        contacts.c.business_date == business_date,
                        contacts.c.state == "planned",
                        contacts.c.batch_id == batch_id,
                        contacts.c.message_key > after,
                        NEEDS_NO_APPROVAL,
                    )
                    .order_by(contacts.c.message_key)
                    .limit(limit)
                    .with_for_update(skip_locked=True)
                )
            )
            if not keys:
                return []
            done = set(
                connection.scalars(
                    contacts.update()
                    .where(one_of(contacts.c.message_key, keys), step_is_done())
                    .values(state="suppressed", state_reason=STEP_ALREADY_DONE)
                    .returning(contacts.c.message_key)
                )
            )
            return self._claim_keys(
                connection, [key for key in keys if key not in done], owner, lease_seconds
            )

    def _claim_keys(
        self, connection: sa.Connection, keys: list[str], owner: str, lease_seconds: float
    ) -> list[str]:
        if not keys:
            return []
        claim = contacts.update().values(
            state="claimed",
            state_reason=None,
            owner=owner,
            lease_expires_at=utc_now(lease_seconds),
            # The contact leaves the scheduled batch of an earlier owner.
            scheduled_batch=None,
            scheduled_for=None,
        )
        try:
            with connection.begin_nested():
                connection.execute(claim.where(one_of(contacts.c.message_key, keys)))
            return keys
        except sa.exc.IntegrityError:
            return [key for key in keys if self._claim_one(connection, claim, key)]

    def _claim_one(self, connection: sa.Connection, claim: sa.Update, key: str) -> bool:
        """Claim one contact, or suppress it if another contact already holds the same step.

        The unique index on (dunning case, step, channel, ``counts_from``, payer) decides.
        """
        try:
            with connection.begin_nested():
                connection.execute(claim.where(contacts.c.message_key == key))
            return True
        except sa.exc.IntegrityError:
            connection.execute(
                contacts.update()
                .where(contacts.c.message_key == key)
                .values(state="suppressed", state_reason=STEP_ALREADY_DONE)
            )
            return False

    @retries_restart
    def advance(
        self, owner: str, *, ended: Sequence[SendResult], start: Sequence[str], lease_seconds: float
    ) -> list[str]:
        """Record the results in ``ended`` and commit ``sending`` for the keys in ``start``.

        Returns the keys of ``start`` that may be sent: not those whose lease ran out, and none
        while sending is paused. No byte of the messages in ``start`` may have left yet, so the call
        is idempotent.
        """
        changes = [
            [end.message_key, end.state, end.reason, end.provider_message_id] for end in ended
        ]
        changes += [[key, "sending", None, None] for key in start]
        if not changes:
            return []
        with self.engine.begin() as connection:
            rows = rows_to_json(connection.dialect, _CHANGED, changes)
            values = {"changes": rows, "owner": owner, "lease_seconds": float(lease_seconds)}
            moved = connection.execute(self._advance, values)
            sending = {key for key, state in moved if state == "sending"}
        return [key for key in start if key in sending]

    @retries_restart
    def renew(self, owner: str, lease_seconds: float) -> None:
        """Renew every lease that this owner still holds."""
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(
                    contacts.c.owner == owner,
                    contacts.c.state.in_(LEASED_STATES),
                    contacts.c.lease_expires_at > utc_now(),
                )
                .values(lease_expires_at=utc_now(lease_seconds))
            )

    @retries_restart
    def release(
        self, owner: str, keys: Sequence[str], state: str = "planned", reason: str | None = None
    ) -> None:
        """Release claimed contacts of which no byte has left.

        They return to ``planned``, or move to an end state, with the reason.
        """
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(claimed_by(owner, keys))
                .values(
                    state=state,
                    state_reason=reason,
                    lease_expires_at=None,
                    owner=None if state == "planned" else owner,
                )
            )

    @retries_restart
    def set_all_planned(self, business_date: date, state: str, reason: str) -> int:
        """Move every planned contact of a date to ``state``, with its reason; returns how many."""
        with self.engine.begin() as connection:
            return connection.execute(
                contacts.update()
                .where(contacts.c.business_date == business_date, contacts.c.state == "planned")
                .values(state=state, state_reason=reason)
            ).rowcount

    @retries_restart
    def set_hold_reason(self, business_date: date, batch_id: str, reason: str | None) -> None:
        """Record why planned contacts of a batch are held, unless they have a reason already."""
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(
                    contacts.c.business_date == business_date,
                    contacts.c.batch_id == batch_id,
                    contacts.c.state == "planned",
                    contacts.c.state_reason.is_(None),
                )
                .values(state_reason=reason)
            )


def _advance(dialect: str) -> sa.Update:
    """Build the statement of :meth:`ContactWorker.advance`.

    One statement records results and commits ``sending``, unless sending is paused or the lease ran
    out.
    """
    changes = rows_from_json(dialect, "changes", _CHANGED)
    owner = sa.bindparam("owner", type_=sa.String)
    starts = sa.and_(
        changes.c.state == "sending",
        contacts.c.state.in_(("claimed", "sending")),
        contacts.c.lease_expires_at > utc_now(),
        ~IS_PAUSED,
    )
    ends = [
        # Only contacts that were being sent end here; claimed ones are released.
        sa.and_(
            changes.c.state == state,
            contacts.c.state.in_(
                [name for name in states_before(state, WORKER) if name != "claimed"]
            ),
        )
        for state in ("planned", "sent", "rejected", "unknown")
    ]
    return (
        contacts.update()
        .where(
            contacts.c.message_key == changes.c.message_key,
            contacts.c.owner == owner,
            sa.or_(starts, *ends),
        )
        .values(
            state=changes.c.state,
            state_reason=changes.c.state_reason,
            provider_message_id=changes.c.provider_message_id,
            owner=sa.case((changes.c.state != "planned", owner)),
            lease_expires_at=sa.case(
                (changes.c.state == "sending", utc_now(sa.bindparam("lease_seconds")))
            ),
        )
        .returning(contacts.c.message_key, contacts.c.state)
    )
