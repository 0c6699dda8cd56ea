"""Verify and parse Twilio's status callbacks.

Signatures: HMAC-SHA1 over the public address and the sorted form fields (Twilio, "Webhooks
Security"). They hold no time. A copy that is sent again says only what is known already.
"""

from datetime import datetime
from urllib.parse import parse_qs, parse_qsl

from cobranca.errors import ConfigError
from cobranca.events.sendgrid_events import MESSAGE_KEY, InvalidSignature, UnreadableReport
from cobranca.ledger.provider_event import Event, Kind

PROVIDER = "twilio"
SIGNATURE = "X-Twilio-Signature"
KINDS: dict[str, Kind] = {
    "queued": "accepted",
    "accepted": "accepted",
    "sending": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "bounced",
    "failed": "bounced",
}
# The payer answered with one of the provider's words for "stop".
OPTED_OUT = "21610"


def verify(public_url: str, query: str, body: bytes, signature: str | None, token: str) -> None:
    """Check the signature of one callback.

    Raises:
        InvalidSignature: no signature, or a wrong one.
        ConfigError: the SDK is not installed, or there is no token.
    """
    try:
        from twilio.request_validator import RequestValidator
    except ImportError:
        raise ConfigError(
            "the Twilio SDK is not installed; install the extra: pip install 'cobranca[twilio]'."
        ) from None
    if not token:
        raise ConfigError(
            "the connection of texts.yml has no password; it is the token that proves Twilio's "
            "reports."
        )
    if not signature or not RequestValidator(token).validate(
        f"{public_url}?{query}", _fields(body), signature
    ):
        raise InvalidSignature("the signature does not match")


def read_events(query: str, body: bytes, received_at: datetime) -> list[Event]:
    """The events of one callback about one message.

    A callback holds no time, so the moment at which it first came is used.

    Raises:
        Unreadable: it is about no message of ours, or of no known status.
    """
    message_key = "".join(parse_qs(query).get("message_key", []))
    fields = _fields(body)
    kind = KINDS.get(fields.get("MessageStatus", ""))
    if kind is None or not MESSAGE_KEY.fullmatch(message_key):
        raise UnreadableReport("the callback names no message, or an unknown status")
    code = fields.get("ErrorCode", "")
    detail = None
    if kind == "bounced":
        detail = (
            f"não entregue: código {code}"
            if code.isascii() and code.isdigit() and len(code) < 8
            else "não entregue"
        )
    events = [Event(PROVIDER, message_key, kind, received_at, detail, is_dated=False)]
    if code == OPTED_OUT:
        events.append(Event(PROVIDER, message_key, "opted_out", received_at, is_dated=False))
    return events


def _fields(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200))
    except ValueError:
        raise UnreadableReport("the body is no form") from None
