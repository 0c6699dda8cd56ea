"""Verify and parse requests of SendGrid's event webhook.

Signatures: ECDSA over the timestamp header followed by the raw body (Twilio SendGrid, "Event
Webhook Security Features").
"""

import binascii
import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cobranca.errors import CobrancaError, ConfigError
from cobranca.ledger.provider_event import Event, Kind, parse_timestamp

if TYPE_CHECKING:
    from sendgrid.helpers.eventwebhook import EventWebhook

PROVIDER = "sendgrid"
CONNECTION = "sendgrid_events"
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
# A request that is sent again is signed again; an older one is a copy that someone kept.
FRESH_SECONDS = 600

# What these make of a message depends on whether its address is at fault, see
# :func:`_is_address_at_fault`.
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
# Any other reason for which the provider drops a message lies with the sender, or is an opt-out
# that its lists hold (Twilio SendGrid, "Drops"). Of what a mailbox sends back, blocks and these
# classes say nothing against the address (Twilio SendGrid, "Bounce and Block Classifications").
_DROPPED_FOR_ITS_ADDRESS = {"bounced address", "invalid"}
_NOT_THE_ADDRESS = {"technical failure", "content", "reputation", "frequency/volume"}
Report = dict[str, Any]  # one event as SendGrid writes it
MESSAGE_KEY = re.compile(r"[0-9A-Za-z_-]{16,64}")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class InvalidSignature(CobrancaError):
    """The request was not signed by the provider, or too long ago."""


class UnreadableReport(CobrancaError):
    """The body is no list of events."""


class SignatureVerifier:
    """Verifies signatures with the provider's public keys: one, or two during a key rotation."""

    def __init__(self, public_keys: Iterable[str]) -> None:
        from sendgrid.helpers.eventwebhook import EventWebhook

        try:
            self._keys = [EventWebhook(key) for key in public_keys if key]
        except (ValueError, TypeError, binascii.Error):
            self._keys = []
        if not self._keys:
            raise ConfigError(
                f"the password of the connection '{CONNECTION}' holds no readable public key; "
                "copy the verification key "
                "from SendGrid's Mail Settings, Event Webhook, Signature Verification."
            )

    def verify(
        self, body: bytes, signature: str | None, timestamp: str | None, now: datetime
    ) -> None:
        """Check the signature of one request.

        Raises:
            InvalidSignature: no signature, a wrong one, or one made too long ago.
        """
        if (
            not signature
            or not timestamp
            or not timestamp.isascii()
            or not timestamp.isdigit()
            or len(timestamp) > 12
        ):
            raise InvalidSignature("the request has no signature")
        if abs(now.timestamp() - int(timestamp)) > FRESH_SECONDS:
            raise InvalidSignature("the request was signed too long ago")
        if not any(self._is_signed_by(key, body, signature, timestamp) for key in self._keys):
            raise InvalidSignature("the signature does not match")

    @staticmethod
    def _is_signed_by(key: "EventWebhook", body: bytes, signature: str, timestamp: str) -> bool:
        try:
            return bool(key.verify_signature(body.decode(), signature, timestamp))
        except (ValueError, TypeError):  # bad base64, bad UTF-8
            return False


def read_events(body: bytes) -> tuple[list[Event], int]:
    """The events of one request that are about our messages, and how many others there were.

    Others: messages that another system sends over the same account, kinds that change nothing here
    (opened, clicked), and events that have no time or an impossible one.

    Raises:
        UnreadableReport: the body is no JSON list of objects.
    """
    try:
        reports = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadableReport("the body is no JSON") from None
    if isinstance(reports, dict):
        reports = [reports]
    if not isinstance(reports, list) or not all(isinstance(one, dict) for one in reports):
        raise UnreadableReport("the body is no list of events")
    events = [event for one in reports if (event := _event(one)) is not None]
    return events, len(reports) - len(events)


def _event(report: Report) -> Event | None:
    name = str(report.get("event"))
    kind = KINDS.get(name)
    if name in _FAILURES:
        kind = "bounced" if _is_address_at_fault(report) else "undelivered"
    message_key = report.get("message_key")
    if kind is None or not isinstance(message_key, str) or not MESSAGE_KEY.fullmatch(message_key):
        return None
    try:
        occurred_at = parse_timestamp(report["timestamp"])
    except (KeyError, ValueError):
        return None
    return Event(PROVIDER, message_key, kind, occurred_at, _detail(kind, report))


def _is_address_at_fault(report: Report) -> bool:
    if report.get("event") == "dropped":
        return _class_of(report) in _DROPPED_FOR_ITS_ADDRESS
    return report.get("type") != "blocked" and _class_of(report) not in _NOT_THE_ADDRESS


def _class_of(report: Report) -> str:
    """The provider's own word for the reason, without what it adds in brackets."""
    return (
        str(report.get("bounce_classification") or report.get("reason") or "")
        .partition(" (")[0]
        .strip()
        .lower()
    )


def _detail(kind: Kind, report: Report) -> str | None:
    before = (
        "adiado pelo destino" if kind == "deferred" else _FAILURES.get(str(report.get("event")))
    )
    if before is None:
        return None
    words = _CLASSES.get(_class_of(report))
    if words is None:
        words = "bloqueado pelo destino" if report.get("type") == "blocked" else None
    status = str(report.get("status") or "")
    code = f"código {status}" if _STATUS.fullmatch(status) else None
    return ": ".join([before, ", ".join(part for part in (words, code) if part)]).removesuffix(": ")
