"""The record of an erasure in the ledger."""

from datetime import UTC, date, datetime, time

from cobranca.privacy.erasure_step import ORIGIN
from cobranca.privacy.payer_traces import Payer
from cobranca.settings import Settings
from cobranca.time_zone import TIME_ZONE

CHANNELS = ("email", "whatsapp", "sms")


def record_erasure(
    settings: Settings,
    payer: Payer,
    emails: set[str],
    *,
    by: str,
    reason: str,
    business_date: date,
) -> None:
    """Write the erasure, the wish not to be contacted and the suppressed addresses.

    They are written in one transaction. ``emails`` are the payer's addresses; the ledger keeps
    only their digests.
    """
    from cobranca.ledger import open_ledger
    from cobranca.ledger.address_digest import digest
    from cobranca.ledger.column_types import insert_into
    from cobranca.ledger.provider_events import consent
    from cobranca.ledger.tables import consents, erasures, suppressions

    # At the end of that day, so that nothing said earlier counts for more.
    at = (
        datetime.combine(business_date, time(23, 59, 59), TIME_ZONE)
        .astimezone(UTC)
        .replace(tzinfo=None)
    )
    record = {"customer_key": payer.key, "erased_on": business_date, "author": by, "reason": reason}
    addresses = [
        {
            "provider": ORIGIN,
            "kind": "opted_out",
            "address_digest": digest(email),
            "listed_at": at,
            "listed_on": business_date,
        }
        for email in sorted(emails)
    ]
    rows = {
        erasures: [
            {**record, "source": source, "customer_id": customer_id}
            for source, customer_id in payer.accounts
        ],
        consents: [consent(payer.key, channel, False, ORIGIN, at) for channel in CHANNELS],
        suppressions: addresses,
    }
    engine = open_ledger(settings.ledger)
    try:
        with engine.begin() as connection:
            for table, new in rows.items():
                if new:
                    connection.execute(insert_into(connection, table).on_conflict_do_nothing(), new)
    finally:
        engine.dispose()
