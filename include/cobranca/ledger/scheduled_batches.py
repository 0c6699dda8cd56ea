"""Contacts in scheduled batches, which the provider sends later and can still cancel."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from cobranca.ledger.column_types import utc_now
from cobranca.ledger.contact_conditions import LEASED_STATES, claimed_by
from cobranca.ledger.restart_retry import LedgerClient, retries_restart
from cobranca.ledger.states import CANCELLED_BATCH, REPORTED_STATES, states_before
from cobranca.ledger.tables import contacts


class ScheduledContacts(LedgerClient):
    """Records the batch of each contact, and plans the contacts of a cancelled batch again.

    The transitions are those of ``CANCELLED_BATCH``.
    """

    @retries_restart
    def schedule(self, owner: str, keys: Sequence[str], batch: str, seconds: float) -> None:
        """Record the provider's batch of claimed contacts, which leaves in ``seconds``.

        Called before the first byte leaves.
        """
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(claimed_by(owner, keys))
                .values(scheduled_batch=batch, scheduled_for=utc_now(seconds))
            )

    @retries_restart
    def batches_in_doubt(self, business_date: date, seconds: float) -> list[str]:
        """Fence and list the batches in doubt of a date that leave in ``seconds`` or later.

        A batch is in doubt if all its contacts that were handed over are ``unknown``. If some are
        sent, it must not be cancelled any more. If a worker still holds some, it must not be
        cancelled yet.

        The caller is going to cancel these batches. So their contacts lose their owner (fencing):
        an owner that is only slow must not record as sent what is being cancelled.
        """
        not_in_doubt = sa.select(contacts.c.scheduled_batch).where(
            contacts.c.business_date == business_date,
            contacts.c.scheduled_batch.is_not(None),
            contacts.c.state.in_((*LEASED_STATES, *REPORTED_STATES)),
        )
        in_doubt = (
            contacts.c.business_date == business_date,
            contacts.c.state == "unknown",
            contacts.c.scheduled_batch.is_not(None),
            contacts.c.scheduled_batch.not_in(not_in_doubt),
            contacts.c.scheduled_for > utc_now(seconds),
        )
        with self.engine.begin() as connection:
            fenced = (
                contacts.update()
                .where(*in_doubt)
                .values(owner=None)
                .returning(contacts.c.scheduled_batch)
            )
            return sorted(set(connection.scalars(fenced)))

    @retries_restart
    def replan_cancelled(self, business_date: date, batch: str, reason: str) -> int:
        """Plan the ``unknown`` contacts of a cancelled batch again; returns how many."""
        with self.engine.begin() as connection:
            return connection.execute(
                contacts.update()
                .where(
                    contacts.c.business_date == business_date,
                    contacts.c.scheduled_batch == batch,
                    contacts.c.state.in_(states_before("planned", CANCELLED_BATCH)),
                )
                .values(
                    state="planned",
                    state_reason=reason,
                    owner=None,
                    scheduled_batch=None,
                    scheduled_for=None,
                )
            ).rowcount
