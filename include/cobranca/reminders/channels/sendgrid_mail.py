"""E-mail through SendGrid's own SDK: one request per message, and only 202 counts as accepted.

The provider has no idempotency key, so each answer is read for one question: is it certain that nothing was accepted?
"""

import errno
import http.client
import logging
import socket
import ssl
import time
import urllib.error
import urllib.request
from base64 import b64encode
from urllib.parse import urlsplit

import python_http_client
import python_http_client.client
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    Attachment,
    ClickTracking,
    Content,
    CustomArg,
    From,
    Header,
    Mail,
    OpenTracking,
    ReplyTo,
    To,
    TrackingSettings,
)

from cobranca.connections import Connection
from cobranca.errors import ConfigError
from cobranca.reminders.channels.protocol import Letter, Outcome

DEFAULT_HOST = "https://api.sendgrid.com"
TIMEOUT_SECONDS = 15.0
# Errors of the connection attempt itself: not one byte of the message has left.
_NOT_CONNECTED = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL)

# At DEBUG this logger writes the API key and the whole message.
logging.getLogger("python_http_client").setLevel(logging.INFO)


class Answered(Exception):
    """The provider answered with something else than 2xx. Its body is dropped: it may repeat the recipient's address."""

    def __init__(self, status: int, headers):
        super().__init__(f"HTTP {status}")
        self.status, self.headers = status, headers


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the API key and the message to another place."""

    def redirect_request(self, *args, **kwargs):
        return None


class _Client(python_http_client.Client):
    """The SDK's HTTP client that follows no redirect and never repeats a provider's answer."""

    def _build_client(self, name=None):
        return _Client(
            host=self.host,
            version=self._version,
            request_headers=dict(self.request_headers),
            url_path=self._url_path + [name] if name else self._url_path,
            append_slash=self.append_slash,
            timeout=self.timeout,
        )

    def _make_request(self, opener, request, timeout=None):
        try:
            return urllib.request.build_opener(_StayHere).open(request, timeout=timeout or self.timeout)
        except urllib.error.HTTPError as error:
            error.close()
            raise Answered(error.code, error.headers) from None


class SendGrid:
    """Sends through ``connection``: its password is the API key, its host (optional) another base address."""

    name = "sendgrid"
    is_real = True

    def __init__(self, connection: Connection, *, timeout_seconds: float = TIMEOUT_SECONDS, threads: int = 8):
        if not connection.password:
            raise ConfigError(
                f"connection '{connection.conn_id}' has no password; put the SendGrid API key there "
                f"(AIRFLOW_CONN_{connection.conn_id.upper()}='http://:SG.…@')."
            )
        self.threads = threads
        api = SendGridAPIClient(api_key=connection.password, host=_base_address(connection))
        api.client = _Client(host=api.host, request_headers=api._default_headers, version=3, timeout=timeout_seconds)
        self._api = api

    def send(self, letter: Letter) -> Outcome:
        try:
            body = compose(letter).get()
        except (ValueError, TypeError):
            return Outcome("rejected", "endereço ou conteúdo inválido")
        try:
            response = self._api.send(body)
            return _accepted(response.status_code, response.headers)
        except Answered as answer:
            return _refused(answer.status, answer.headers)
        except urllib.error.URLError as error:
            return _failed(error.reason)
        except (OSError, http.client.HTTPException) as error:
            return Outcome("unknown", f"sem resposta do provedor ({type(error).__name__})")
        except Exception as error:  # the caller must never believe that nothing was sent
            return Outcome("unknown", f"resposta ilegível do provedor ({type(error).__name__})")

    def was_accepted(self, message_key: str) -> bool:
        return False

    def close(self) -> None:
        pass


def compose(letter: Letter) -> Mail:
    """The SDK's mail. The only custom argument is the opaque key: the provider keeps those for long."""
    mail = Mail(
        from_email=From(letter.sender.address, letter.sender.name),
        to_emails=To(letter.to_address, letter.to_name),
        subject=letter.subject,
    )
    mail.reply_to = ReplyTo(letter.sender.reply_to)
    mail.add_content(Content("text/plain", letter.text))
    mail.add_content(Content("text/html", letter.html))
    for name, value in letter.headers:
        mail.add_header(Header(name, value))
    for picture in letter.pictures:
        content = b64encode(picture.content).decode()
        mail.add_attachment(Attachment(content, picture.file_name, "image/png", "inline", picture.content_id))
    mail.add_custom_arg(CustomArg("message_key", letter.message_key))
    # Rewritten links would hide where a payment link leads, and a counting pixel watches people.
    tracking = TrackingSettings()
    tracking.click_tracking = ClickTracking(enable=False, enable_text=False)
    tracking.open_tracking = OpenTracking(enable=False)
    mail.tracking_settings = tracking
    return mail


def _accepted(status: int, headers) -> Outcome:
    message_id = headers.get("X-Message-Id")
    if status != 202 or not message_id:
        # Without its id an acceptance cannot be looked up later: the answer was cut, or is not the provider's.
        return Outcome("unknown", f"resposta {status} incompleta do provedor")
    return Outcome("sent", provider_message_id=message_id)


def _refused(status: int, headers) -> Outcome:
    if status in (401, 403):
        return Outcome("halt", f"o provedor recusou a credencial (HTTP {status})")
    if status in (400, 413):
        return Outcome("rejected", f"recusada pelo provedor (HTTP {status})")
    if status == 429:
        return Outcome("retry", "limite de envio do provedor", wait_seconds=_seconds_until_reset(headers))
    return Outcome("unknown", f"resposta {status} do provedor")


def _failed(cause) -> Outcome:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Outcome("halt", "o certificado do provedor não confere")
    if isinstance(cause, socket.gaierror) or getattr(cause, "errno", None) in _NOT_CONNECTED:
        return Outcome("retry", "o provedor não aceita conexões")
    return Outcome("unknown", f"sem resposta do provedor ({type(cause).__name__})")


def _seconds_until_reset(headers) -> float | None:
    try:
        return max(0.0, float(headers.get("X-RateLimit-Reset")) - time.time())
    except (TypeError, ValueError):
        return None


def _base_address(connection: Connection) -> str:
    """``host`` may be a whole address or a name; with a port but no scheme it is plain HTTP on this machine only."""
    host = connection.host or DEFAULT_HOST
    if "://" not in host:
        scheme = "http" if connection.conn_type == "http" and host in ("127.0.0.1", "localhost", "::1") else "https"
        host = f"{scheme}://{host}" + (f":{connection.port}" if connection.port else "")
    parts = urlsplit(host)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme not in ("http", "https") or (parts.scheme == "http" and not local):
        raise ConfigError(f"connection '{connection.conn_id}' has the host '{parts.hostname}' without https; write https://….")
    return host.rstrip("/")
