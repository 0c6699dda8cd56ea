"""Switches that act at once in every process, without a deployment."""

from cobranca.ledger.column_types import insert_into, utc_now
from cobranca.ledger.restart_retry import LedgerClient
from cobranca.ledger.tables import switches


class Switches(LedgerClient):
    """Sets the switch ``paused``, which stops all sending.

    :meth:`ContactLookups.is_paused <cobranca.ledger.contact_lookups.ContactLookups.is_paused>`
    reads it, and so does every statement that claims or starts a contact.
    """

    def pause(self, author: str, reason: str) -> None:
        """Stop all sending in every process; messages in flight end normally."""
        self._set("paused", True, author, reason)

    def resume(self, author: str, reason: str) -> None:
        """Allow sending again."""
        self._set("paused", False, author, reason)

    def _set(self, name: str, is_on: bool, author: str, reason: str) -> None:
        values = {"is_on": is_on, "author": author, "reason": reason}
        with self.engine.begin() as connection:
            connection.execute(
                insert_into(connection, switches)
                .values(name=name, **values)
                .on_conflict_do_update(
                    index_elements=[switches.c.name], set_={**values, "updated_at": utc_now()}
                )
            )
