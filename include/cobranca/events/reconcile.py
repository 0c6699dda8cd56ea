"""Reconcile messages in doubt: by the reports that came, then by the provider's log of messages.

Nothing here sends. That the provider does not know a message proves nothing (its log lags and
forgets), so such a message stays unknown. After three days its payer is a row of the call queue,
where a person asks.
"""

import logging
import urllib.error
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from cobranca.connections import get_connection
from cobranca.ledger import open_ledger
from cobranca.ledger.provider_events import apply_stored_events
from cobranca.ledger.provider_outcomes import ProviderOutcomes
from cobranca.ledger.states import REPORTED_STATES
from cobranca.ledger.tables import contacts
from cobranca.policy import load_policy
from cobranca.reminders.channels.sendgrid import HttpStatusError, SendGrid
from cobranca.settings import Settings

log = logging.getLogger(__name__)

# The log keeps messages for at most thirty days (SendGrid, "Email Activity Feed").
LOOKS_BACK_DAYS = 30
# It does not say why a message was not delivered; that an address is dead, the lists of
# suppressions do.
_STATES = {
    "delivered": "delivered",
    "processing": "sent",
    "processed": "sent",
    "not_delivered": "undelivered",
}


def reconcile(settings: Settings, business_date: date) -> dict[str, int]:
    """Settle unknown messages of the last 30 days.

    The log is asked only where messages are really sent. That feature is an extra of the provider,
    so a refusal is logged and nothing more.

    Returns:
        Counts: ``settled`` by reports, ``found`` in the log, still ``unknown``.

    Raises:
        LedgerError: the ledger cannot be reached.
    """
    engine = open_ledger(settings.ledger)
    try:
        settled = apply_stored_events(engine)
        unknown = _unknown(engine, business_date)
        found = 0
        if unknown and settings.delivery == "sendgrid":
            for name in load_policy(settings.config, business_date).sendgrid_connections:
                provider = SendGrid(get_connection(name))
                found += _ask(ProviderOutcomes(engine), provider, unknown)
        return {"settled": settled, "found": found, "unknown": len(_unknown(engine, business_date))}
    finally:
        engine.dispose()


def _unknown(engine: sa.Engine, business_date: date) -> list[str]:
    query = sa.select(contacts.c.message_key).where(
        contacts.c.state == "unknown",
        contacts.c.channel == "email",
        contacts.c.business_date.between(
            business_date - timedelta(days=LOOKS_BACK_DAYS), business_date
        ),
    )
    with engine.connect() as connection:
        return list(connection.scalars(query.order_by(contacts.c.message_key)))


def _ask(outcomes: ProviderOutcomes, provider: SendGrid, message_keys: list[str]) -> int:
    found = 0
    for key in message_keys:
        try:
            messages = _messages_in_log(provider, key)
            states = [_STATES[one["status"]] for one in messages if one.get("status") in _STATES]
            ids = [one.get("msg_id") for one in messages]
        except HttpStatusError as refused:
            # Limited, or not part of the contract: the rest waits for the next night.
            log.warning(
                "SendGrid's log of messages answered %d; %d messages stay unknown",
                refused.status,
                len(message_keys) - found,
            )
            return found
        except (
            urllib.error.URLError,
            OSError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
        ) as error:
            log.warning(
                "SendGrid's log of messages gave no readable answer (%s)", type(error).__name__
            )
            return found
        if states:
            # One message may show several recipients' lines; ours has one, and the farthest counts.
            state = max(states, key=REPORTED_STATES.index)
            found += outcomes.record_event(key, state, None, ids[0] if len(ids) == 1 else None)
    return found


def _messages_in_log(provider: SendGrid, message_key: str) -> list[dict[str, Any]]:
    """What the provider's log holds of one message.

    Raises:
        KeyError, TypeError: the answer has another form than the one documented.
    """
    query = f"(unique_args['message_key']=\"{message_key}\")"
    answer: Any = provider.get("messages", {"query": query, "limit": 10})
    messages: list[dict[str, Any]] = answer["messages"]
    return messages
