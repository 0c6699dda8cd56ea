"""Rows of contacts for tests of the ledger."""

from datetime import date

import sqlalchemy as sa

from cobranca.ledger.tables import contacts
from ledger.clients import LedgerClients

NIGHT = date(2026, 11, 18)


def contact(number: int = 1, **changes) -> dict:
    """A row of the table ``contacts``."""
    return {
        "message_key": f"m{number}",
        "business_date": NIGHT,
        "batch_id": "b1",
        "customer_key": f"C{number}",
        "episode_key": f"erp:{number}",
        "step": "d+1",
        "step_offset": 1,
        "channel": "email",
        "template": "first_notice",
        "policy_version": "2026-01",
        "state": "planned",
        **changes,
    }


def planned_contact(number: int = 1, **changes) -> dict:
    """A contact as the planner takes it, without a state."""
    row = contact(number, **{"requires_approval": False, **changes})
    return {name: value for name, value in row.items() if name != "state"}


def insert_contacts(ledger: LedgerClients, *rows: dict) -> None:
    with ledger.engine.begin() as connection:
        for row in rows:
            connection.execute(contacts.insert(), row)


def state_reasons(ledger: LedgerClients) -> dict[str, tuple[str, str | None]]:
    """State and reason of every contact, by message key."""
    query = sa.select(contacts.c.message_key, contacts.c.state, contacts.c.state_reason)
    with ledger.engine.connect() as connection:
        return {row.message_key: (row.state, row.state_reason) for row in connection.execute(query)}
