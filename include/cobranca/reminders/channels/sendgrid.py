"""Send e-mail through SendGrid's SDK: one request per message, and only 202 counts as accepted.

The provider has no idempotency key. A message may be retried only if the answer proves that it was
not accepted; every other answer makes its outcome unknown.
"""

import http.client
import json
import logging
import select
import socket
import ssl
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from email.message import Message
from typing import Any
from urllib.parse import unquote, urlsplit

import python_http_client
import python_http_client.client
from sendgrid import SendGridAPIClient

from cobranca.connections import Connection
from cobranca.errors import ConfigError
from cobranca.reminders.channels.protocol import Attachment, Letter, Outcome, Picture, Text

# The body of a request to the provider's API.
Body = dict[str, Any]

DEFAULT_HOST = "https://api.sendgrid.com"
TIMEOUT_SECONDS = 15.0
EMAIL_ONLY = "este canal só envia e-mails"
NO_BATCH = "o provedor não abriu um lote"

# At DEBUG this logger writes the API key and the whole message.
logging.getLogger("python_http_client").setLevel(logging.INFO)


class HttpStatusError(Exception):
    """The provider answered with a status other than 2xx.

    The body of the answer is dropped, because it may repeat the recipient's address.
    """

    def __init__(self, status: int, headers: Message):
        super().__init__(f"HTTP {status}")
        self.status, self.headers = status, headers


class NotConnected(OSError):
    """The connection could not be opened, so the provider received no byte of the message."""


class _Client(python_http_client.Client):  # type: ignore[misc]  # the SDK has no types
    """The SDK's HTTP client with one persistent connection for each thread.

    A new TLS connection for each message would cost more than the message. A connection that the
    provider closed while it was idle is replaced. One that breaks during a request makes the
    outcome of that message unknown. Redirects are not followed, because they would receive the key.
    """

    def __init__(self, *args: Any, connections: threading.local, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._connections = connections

    def _build_client(self, name: str | None = None) -> "_Client":
        return _Client(
            host=self.host,
            version=self._version,
            request_headers=dict(self.request_headers),
            url_path=[*self._url_path, name] if name else self._url_path,
            append_slash=self.append_slash,
            timeout=self.timeout,
            connections=self._connections,
        )

    def post(self, request_body: object = None, **_: object) -> Any:
        """Replace the SDK's method, whose overhead costs more than the request.

        The SDK builds a urllib opener that is not used here, and formats the whole body for a log
        that is turned off.
        """
        headers, body = self.request_headers, None
        if request_body is not None:
            headers, body = (
                {**headers, "Content-Type": "application/json"},
                json.dumps(request_body).encode(),
            )
        request = urllib.request.Request(self._build_url(None), body, headers, method="POST")
        return python_http_client.client.Response(self._make_request(None, request))

    def _make_request(
        self, opener: None, request: urllib.request.Request, timeout: float | None = None
    ) -> "_Answer":
        connection = self._connected(request, timeout or self.timeout)
        try:
            connection.request(
                request.get_method(), request.selector, request.data, dict(request.header_items())
            )
            response = connection.getresponse()
            answer = _Answer(response.status, response.headers, response.read())
            if response.will_close:
                connection.close()
        except BaseException:
            connection.close()
            raise
        if not 200 <= answer.status < 300:
            raise HttpStatusError(answer.status, answer.headers)
        return answer

    def _connected(
        self, request: urllib.request.Request, timeout: float
    ) -> http.client.HTTPConnection:
        """The thread's connection; a new one if there is none or the server closed it."""
        current: http.client.HTTPConnection | None = getattr(self._connections, "connection", None)
        if current is not None and current.sock is not None:
            if not _is_closed_by_server(current.sock):
                return current
            current.close()
        connection = self._connections.connection = _connection_for(request, timeout)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise NotConnected(error) from error
        return connection


class _Answer:
    """An HTTP response with the methods that the SDK calls."""

    def __init__(self, status: int, headers: Message, body: bytes):
        self.status, self.headers, self._body = status, headers, body

    def getcode(self) -> int:
        return self.status

    def read(self) -> bytes:
        return self._body

    def info(self) -> Message:
        return self.headers


def _is_closed_by_server(sock: socket.socket) -> bool:
    """Whether the server closed an idle connection.

    Between requests the server has nothing to send but the end of the connection, so a readable
    socket counts as closed.
    """
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _connection_for(request: urllib.request.Request, timeout: float) -> http.client.HTTPConnection:
    """A connection to the host, or through the proxy that the environment names for it."""
    parts = urlsplit(request.full_url)
    host = parts.hostname or ""
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or parts.scheme == "http" or urllib.request.proxy_bypass(host):
        return connect(host, parts.port, timeout=timeout)
    server = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    connection = connect(server.hostname or "", server.port or 3128, timeout=timeout)
    headers = {}
    if server.username:
        secret = f"{unquote(server.username)}:{unquote(server.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {b64encode(secret.encode()).decode()}"
    connection.set_tunnel(host, parts.port or 443, headers=headers)
    return connection


class SendGrid:
    """The e-mail channel of SendGrid.

    The password of ``connection`` is the API key, its host (optional) another base address, its
    extra ``timeout_seconds`` (optional) the time limit of an answer.

    Raises:
        ConfigError: the connection lacks the API key, or its host or time limit is wrong.
    """

    name = "sendgrid"
    is_real = True

    def __init__(
        self, connection: Connection, *, timeout_seconds: float | None = None, threads: int = 8
    ):
        if not connection.password:
            raise ConfigError(
                f"connection '{connection.conn_id}' has no password; put the SendGrid API key "
                f"there (AIRFLOW_CONN_{connection.conn_id.upper()}='http://:SG.…@')."
            )
        self.threads = threads
        if timeout_seconds is None:
            timeout_seconds = _time_limit(connection)
        api = SendGridAPIClient(api_key=connection.password, host=_base_address(connection))
        api.client = _Client(
            host=api.host,
            request_headers=api._default_headers,
            version=3,
            timeout=timeout_seconds,
            connections=threading.local(),
        )
        self._api = api
        self._batch: tuple[str, int] | None = None

    def send(self, message: Letter | Text) -> Outcome:
        """Send one e-mail; a text is rejected."""
        if isinstance(message, Text):
            return Outcome("rejected", EMAIL_ONLY)
        try:
            body = compose(message)
            if batch := self._batch:
                body["batch_id"], body["send_at"] = batch
        except (ValueError, TypeError):
            return Outcome("rejected", "endereço ou conteúdo inválido")
        outcome = self._post(body)
        return replace(outcome, scheduled=bool(batch) and outcome.result in ("sent", "unknown"))

    def _post(self, body: Body) -> Outcome:
        try:
            response = self._api.send(body)
            return _accepted(response.status_code, response.headers)
        except HttpStatusError as answer:
            return _refused(answer.status, answer.headers)
        except NotConnected as error:
            return _not_connected(error)
        except (OSError, http.client.HTTPException) as error:
            return Outcome("unknown", f"sem resposta do provedor ({type(error).__name__})")
        except Exception as error:  # never report that nothing was sent where it is not proven
            return Outcome("unknown", f"resposta ilegível do provedor ({type(error).__name__})")

    def start_batch(self, leaves_at: int) -> str | Outcome:
        """Open a batch, to which the next letters belong; the provider sends it at ``leaves_at``.

        ``leaves_at`` is in seconds since 1970, at most three days from now. Returns the batch's id,
        or the outcome of the failure. Nothing was sent in either case.
        """
        try:
            batch: str = json.loads(self._api.client.mail.batch.post().body)["batch_id"]
        except HttpStatusError as answer:
            refused = _refused(answer.status, answer.headers)
            return refused if refused.result in ("halt", "retry") else Outcome("retry", NO_BATCH)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return Outcome("retry", NO_BATCH)
        self._batch = batch, leaves_at
        return batch

    def end_batch(self) -> None:
        """End the batch: the next letters are sent at once."""
        self._batch = None

    def cancel(self, batch: str) -> bool | None:
        """Cancel a whole batch, and read back whether it is cancelled.

        Returns ``True`` if the provider confirms it, ``False`` if it refused and lists the batch as
        not cancelled, ``None`` if that is not known.
        """
        refused = False
        try:
            self._api.client.user.scheduled_sends.post(
                request_body={"batch_id": batch, "status": "cancel"}
            )
        except HttpStatusError as answer:
            refused = 400 <= answer.status < 500
        except (OSError, http.client.HTTPException):
            pass
        try:
            cancelled = self.get(f"user/scheduled_sends/{batch}", {})
        except (OSError, ValueError, HttpStatusError):
            return None
        if isinstance(cancelled, list) and {"batch_id": batch, "status": "cancel"} in cancelled:
            return True
        return False if refused else None

    def get(self, path: str, parameters: Mapping[str, object]) -> object:
        """Read a resource of the API, as JSON.

        Raises:
            HttpStatusError: the status is not 2xx.
            OSError: there is no answer, or it is broken.
            ValueError: the answer is not JSON.
        """
        try:
            return json.loads(self._api.client._(path).get(query_params=parameters).body)
        except http.client.HTTPException as error:
            raise OSError(f"the provider's answer is broken ({type(error).__name__})") from None

    def was_accepted(self, message_key: str) -> bool:
        return False

    def close(self) -> None:
        pass


def compose(letter: Letter) -> Body:
    """The body of ``POST /v3/mail/send`` for a letter.

    The only custom argument is the opaque message key, because the provider stores these arguments.

    Raises:
        ValueError: the letter has no address.
    """
    if not letter.to_address:
        raise ValueError("no address")
    body: Body = {
        "personalizations": [{"to": [_mailbox(letter.to_address, letter.to_name)]}],
        "from": _mailbox(letter.sender.address, letter.sender.name),
        "reply_to": {"email": letter.sender.reply_to},
        "subject": letter.subject,
        "content": [
            {"type": "text/plain", "value": letter.text},
            {"type": "text/html", "value": letter.html},
        ],
        "custom_args": {"message_key": letter.message_key},
        # Click tracking would hide the address of a payment link. Open tracking would monitor
        # people.
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
        },
    }
    if letter.headers:
        body["headers"] = dict(letter.headers)
    files = [_inline(picture) for picture in letter.pictures]
    if letter.attachment:
        files.append(_attached(letter.attachment))
    if files:
        body["attachments"] = files
    return body


def _mailbox(address: str, name: str) -> dict[str, str]:
    return {"email": address, "name": name} if name else {"email": address}


def _inline(picture: Picture) -> dict[str, str]:
    return {
        "content": b64encode(picture.content).decode(),
        "type": "image/png",
        "filename": picture.file_name,
        "disposition": "inline",
        "content_id": picture.content_id,
    }


def _attached(attachment: Attachment) -> dict[str, str]:
    return {
        "content": b64encode(attachment.content).decode(),
        "type": attachment.media_type,
        "filename": attachment.file_name,
        "disposition": "attachment",
    }


def _accepted(status: int, headers: Message) -> Outcome:
    message_id = headers.get("X-Message-Id")
    if status != 202 or not message_id:
        # An answer without an id was cut or is not the provider's, and could not be looked up.
        return Outcome("unknown", f"resposta {status} incompleta do provedor")
    return Outcome("sent", provider_message_id=message_id)


def _refused(status: int, headers: Message) -> Outcome:
    if status in (401, 403):
        return Outcome("halt", f"o provedor recusou a credencial (HTTP {status})")
    if status in (400, 413):
        return Outcome("rejected", f"recusada pelo provedor (HTTP {status})")
    if status == 429:
        return Outcome(
            "retry", "limite de envio do provedor", wait_seconds=_seconds_until_reset(headers)
        )
    return Outcome("unknown", f"resposta {status} do provedor")


def _not_connected(error: NotConnected) -> Outcome:
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return Outcome("halt", "o certificado do provedor não confere")
    return Outcome("retry", "o provedor não aceita conexões")


def _seconds_until_reset(headers: Message) -> float | None:
    try:
        return max(0.0, float(headers.get("X-RateLimit-Reset", "")) - time.time())
    except (TypeError, ValueError):
        return None


def _time_limit(connection: Connection) -> float:
    try:
        seconds = float(connection.extra.get("timeout_seconds", TIMEOUT_SECONDS))
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 120:
        raise ConfigError(
            f"connection '{connection.conn_id}' has an extra timeout_seconds that is not from 0 "
            "to 120 seconds."
        )
    return seconds


def _base_address(connection: Connection) -> str:
    """The base address of the API from the connection's ``host``, a URL or a name.

    A name gets https; on this machine plain HTTP if the connection is of type ``http``.

    Raises:
        ConfigError: the address is not https, and not HTTP on this machine.
    """
    host = connection.host or DEFAULT_HOST
    if "://" not in host:
        scheme = (
            "http"
            if connection.conn_type == "http" and host in ("127.0.0.1", "localhost", "::1")
            else "https"
        )
        host = f"{scheme}://{host}" + (f":{connection.port}" if connection.port else "")
    parts = urlsplit(host)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme not in ("http", "https") or (parts.scheme == "http" and not local):
        raise ConfigError(
            f"connection '{connection.conn_id}' has the host '{parts.hostname}' without https; "
            "write https://…."
        )
    return host.rstrip("/")
