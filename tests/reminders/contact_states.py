"""States of the contacts in a ledger, by customer and date."""

from datetime import date

import sqlalchemy as sa

from cobranca.ledger.tables import contacts
from ledger.clients import LedgerClients


def contact_states(
    ledger: LedgerClients, channel: str | None = None
) -> dict[tuple[int, date], tuple[str, str | None]]:
    """State and reason by customer number and date, of one channel or all."""
    query = sa.select(contacts)
    if channel is not None:
        query = query.where(contacts.c.channel == channel)
    with ledger.engine.connect() as connection:
        rows = connection.execute(query).all()
    return {
        (int(row.customer_key[1:], 16), row.business_date): (row.state, row.state_reason)
        for row in rows
    }
