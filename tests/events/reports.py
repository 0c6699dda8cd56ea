"""What SendGrid would report, signed as it signs, and contacts for it to report about."""

from base64 import b64encode
from datetime import UTC, datetime

import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cobranca.ledger.tables import contacts
from ledger.clients import LedgerClients
from ledger.contact_rows import contact as contact_row

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
KEY = "M" + "0" * 23 + "1"
ADDRESS = "maria.das.dores@example.com"


def contact(number: int, state: str = "sent") -> dict:
    """A contact with keys of the lengths that plans give."""
    return contact_row(
        number,
        message_key=f"M{number:024x}",
        business_date=NOW.date(),
        customer_key=f"C{number:020x}",
        state=state,
    )


def put(ledger: LedgerClients, *rows: dict) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(contacts.insert(), list(rows))


def states(ledger: LedgerClients) -> dict[str, str]:
    with ledger.engine.connect() as connection:
        return dict(connection.execute(sa.select(contacts.c.message_key, contacts.c.state)).all())


def sg_event(event: str, *, at: datetime = NOW, key: str = KEY, **more: object) -> dict:
    """One event as SendGrid reports it."""
    return {
        "email": ADDRESS,
        "timestamp": int(at.timestamp()),
        "event": event,
        "message_key": key,
        "sg_event_id": "e",
        "sg_message_id": "14c5d75ce93.dfd.64b469",
        **more,
    }


class Provider:
    """Signs as SendGrid does."""

    def __init__(self):
        self._private = ec.generate_private_key(ec.SECP256R1())
        spki = self._private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public = b64encode(spki).decode()

    def sign(self, body: bytes, at: datetime = NOW) -> tuple[str, str]:
        timestamp = str(int(at.timestamp()))
        return b64encode(
            self._private.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        ).decode(), timestamp
