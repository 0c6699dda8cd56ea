"""Recover contacts whose lease ran out because their worker died."""

from cobranca.ledger.column_types import utc_now
from cobranca.ledger.restart_retry import LedgerClient, retries_restart
from cobranca.ledger.state_reasons import WORKER_LOST
from cobranca.ledger.states import RECOVERY, states_before
from cobranca.ledger.tables import contacts


class LeaseRecovery(LedgerClient):
    """Ends leases that ran out, by the transitions of ``RECOVERY``."""

    @retries_restart
    def recover(self) -> int:
        """End the leases that ran out: ``claimed`` → ``planned``, ``sending`` → ``unknown``.

        Returns how many returned to ``planned``.
        """
        ran_out = contacts.c.lease_expires_at < utc_now()
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(contacts.c.state.in_(states_before("unknown", RECOVERY)), ran_out)
                # The owner stays, so that a worker that was only slow can still record the result.
                .values(state="unknown", state_reason=WORKER_LOST, lease_expires_at=None)
            )
            returned = connection.execute(
                contacts.update()
                .where(contacts.c.state.in_(states_before("planned", RECOVERY)), ran_out)
                .values(state="planned", owner=None, lease_expires_at=None)
            )
            return returned.rowcount
