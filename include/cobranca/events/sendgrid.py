"""SendGrid's event webhook: is a request really from SendGrid, and what does it say?

Signatures: ECDSA over the timestamp header followed by the raw body (Twilio SendGrid, "Event Webhook Security Features").
"""

import binascii
import json
import re
from collections.abc import Iterable
from datetime import datetime

from cobranca.errors import CobrancaError, ConfigError
from cobranca.events.event import Event, Kind, moment

PROVIDER = "sendgrid"
CONNECTION = "sendgrid_events"
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
# A request that is sent again is signed again; an older one is a copy that somebody kept.
FRESH_SECONDS = 600

# What these make of a message depends on whether its address is at fault, see :func:`_is_address_at_fault`.
_FAILURES = {"bounce": "devolvido", "dropped": "não enviado pelo provedor"}
KINDS: dict[str, Kind] = {
    "processed": "accepted",
    "deferred": "deferred",
    "delivered": "delivered",
    "spamreport": "complained",
    "unsubscribe": "opted_out",
    "group_unsubscribe": "opted_out",
}
# The provider's own words, of which the free text around them (it repeats addresses) is left out.
_CLASSES = {
    "invalid address": "endereço inexistente",
    "mailbox unavailable": "caixa de correio indisponível",
    "technical failure": "falha técnica no destino",
    "content": "recusado pelo conteúdo",
    "reputation": "recusado pela reputação do remetente",
    "frequency/volume": "recusado pelo volume",
    "bounced address": "endereço que já devolveu mensagens",
    "unsubscribed address": "o cliente pediu para não receber e-mails",
    "spam reporting address": "o cliente marcou mensagens como indesejadas",
    "invalid": "endereço inválido",
    "spam content": "conteúdo recusado pelo provedor",
    "recipient list over package quota": "cota do provedor esgotada",
}
# Any other reason for which the provider sends nothing lies with the sender, or is a wish that its lists tell (Twilio SendGrid,
# "Drops"); of what a mailbox sends back, blocks and these classes do (Twilio SendGrid, "Bounce and Block Classifications").
_DROPPED_FOR_ITS_ADDRESS = {"bounced address", "invalid"}
_NOT_THE_ADDRESS = {"technical failure", "content", "reputation", "frequency/volume"}
MESSAGE_KEY = re.compile(r"[0-9A-Za-z_-]{16,64}")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class Forged(CobrancaError):
    """The request was not signed by the provider, or too long ago."""


class Unreadable(CobrancaError):
    """The body is no list of events."""


class Verifier:
    """Knows the provider's public keys: one, or two while they are being exchanged."""

    def __init__(self, public_keys: Iterable[str]):
        from sendgrid.helpers.eventwebhook import EventWebhook

        try:
            self._keys = [EventWebhook(key) for key in public_keys if key]
        except (ValueError, TypeError, binascii.Error):
            self._keys = []
        if not self._keys:
            raise ConfigError(
                f"the password of the connection '{CONNECTION}' holds no readable public key; copy the verification key "
                "from SendGrid's Mail Settings, Event Webhook, Signature Verification."
            )

    def verify(self, body: bytes, signature: str | None, timestamp: str | None, now: datetime) -> None:
        """Raises:
        Forged: no signature, a wrong one, or one of another hour.
        """
        if not signature or not timestamp or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
            raise Forged("the request has no signature")
        if abs(now.timestamp() - int(timestamp)) > FRESH_SECONDS:
            raise Forged("the request was signed too long ago")
        if not any(self._is_signed_by(key, body, signature, timestamp) for key in self._keys):
            raise Forged("the signature does not match")

    @staticmethod
    def _is_signed_by(key, body: bytes, signature: str, timestamp: str) -> bool:
        try:
            return key.verify_signature(body.decode(), signature, timestamp)
        except (ValueError, TypeError):  # bad base64, bad UTF-8
            return False


def read_events(body: bytes) -> tuple[list[Event], int]:
    """The events of one request that are about our messages, and how many others there were.

    Others: messages that somebody else sends over the same account, kinds that change nothing here (opened, clicked), and
    what has no time or an impossible one.

    Raises:
        Unreadable: the body is no JSON list of objects.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("the body is no JSON") from None
    if isinstance(told, dict):
        told = [told]
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise Unreadable("the body is no list of events")
    events = [event for one in told if (event := _event(one)) is not None]
    return events, len(told) - len(events)


def _event(told: dict) -> Event | None:
    name = str(told.get("event"))
    kind = KINDS.get(name)
    if name in _FAILURES:
        kind = "bounced" if _is_address_at_fault(told) else "undelivered"
    message_key = told.get("message_key")
    if kind is None or not isinstance(message_key, str) or not MESSAGE_KEY.fullmatch(message_key):
        return None
    try:
        occurred_at = moment(told["timestamp"])
    except (KeyError, ValueError):
        return None
    return Event(PROVIDER, message_key, kind, occurred_at, _detail(kind, told))


def _is_address_at_fault(told: dict) -> bool:
    if told.get("event") == "dropped":
        return _class_of(told) in _DROPPED_FOR_ITS_ADDRESS
    return told.get("type") != "blocked" and _class_of(told) not in _NOT_THE_ADDRESS


def _class_of(told: dict) -> str:
    """The provider's own word for the reason, without what it adds in brackets."""
    return str(told.get("bounce_classification") or told.get("reason") or "").partition(" (")[0].strip().lower()


def _detail(kind: Kind, told: dict) -> str | None:
    before = "adiado pelo destino" if kind == "deferred" else _FAILURES.get(str(told.get("event")))
    if before is None:
        return None
    words = _CLASSES.get(_class_of(told))
    if words is None:
        words = "bloqueado pelo destino" if told.get("type") == "blocked" else None
    status = str(told.get("status") or "")
    code = f"código {status}" if _STATUS.fullmatch(status) else None
    return ": ".join([before, ", ".join(part for part in (words, code) if part)]).removesuffix(": ")
