"""Move contacts to the states that their provider reports or confirms."""

from collections.abc import Callable
from datetime import date

import sqlalchemy as sa

from cobranca.ledger.column_types import one_of
from cobranca.ledger.restart_retry import LedgerClient, retries_restart
from cobranca.ledger.states import PROVIDER, REPORTED_STATES, states_before
from cobranca.ledger.tables import contacts


class ProviderOutcomes(LedgerClient):
    """Moves contacts to reported states, by the transitions of ``PROVIDER``.

    ``provider_events.py`` records the reports themselves.
    """

    @retries_restart
    def confirm_unknown(self, business_date: date, was_accepted: Callable[[str], bool]) -> int:
        """Reconcile ``unknown`` contacts: ``sent`` if the channel accepted the message.

        Returns how many became ``sent``.
        """
        with self.engine.connect() as connection:
            keys: list[str] = list(
                connection.scalars(
                    sa.select(contacts.c.message_key).where(
                        contacts.c.business_date == business_date, contacts.c.state == "unknown"
                    )
                )
            )
        accepted = [key for key in keys if was_accepted(key)]
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(one_of(contacts.c.message_key, accepted), contacts.c.state == "unknown")
                .values(state="sent", state_reason=None)
            )
        return len(accepted)

    @retries_restart
    def record_event(
        self,
        message_key: str,
        state: str,
        reason: str | None = None,
        provider_message_id: str | None = None,
    ) -> bool:
        """Move one contact forward to a reported ``state``; returns whether it moved.

        ``state`` is one of ``REPORTED_STATES``. Reports that come twice, late or out of order end
        in the same state. A report about an unknown message, or about a contact that was never
        being sent, changes nothing. A report may come before the worker has recorded the provider's
        answer. A report also resolves ``unknown``.

        Raises:
            ValueError: the provider cannot report such a state.
        """
        if state not in REPORTED_STATES:
            raise ValueError(
                f"'{state}' is no state that a provider reports; use one of: "
                f"{', '.join(REPORTED_STATES)}"
            )
        values: dict[str, str | None] = {
            "state": state,
            "state_reason": reason,
            "lease_expires_at": None,
        }
        if provider_message_id:
            values["provider_message_id"] = provider_message_id
        forward = contacts.update().where(
            contacts.c.message_key == message_key,
            contacts.c.state.in_(states_before(state, PROVIDER)),
        )
        try:
            with self.engine.begin() as connection:
                return bool(connection.execute(forward.values(**values)).rowcount)
        except sa.exc.IntegrityError:
            # This contact had bounced, and a later contact took the same step. The later one stays.
            return False
