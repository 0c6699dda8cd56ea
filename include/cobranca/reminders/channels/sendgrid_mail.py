"""E-mail through SendGrid's own SDK: one request per message, and only 202 counts as accepted.

The provider has no idempotency key, so each answer is read for one question: is it certain that nothing was accepted?
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
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import python_http_client
import python_http_client.client
from sendgrid import SendGridAPIClient

from cobranca.connections import Connection
from cobranca.errors import ConfigError
from cobranca.reminders.channels.protocol import Letter, Outcome, Picture

DEFAULT_HOST = "https://api.sendgrid.com"
TIMEOUT_SECONDS = 15.0
NO_BATCH = "o provedor não abriu um lote"

# At DEBUG this logger writes the API key and the whole message.
logging.getLogger("python_http_client").setLevel(logging.INFO)


class Answered(Exception):
    """The provider answered with something else than 2xx. Its body is dropped: it may repeat the recipient's address."""

    def __init__(self, status: int, headers):
        super().__init__(f"HTTP {status}")
        self.status, self.headers = status, headers


class NotConnected(OSError):
    """The connection itself failed, so not one byte of the message has left."""


class _Client(python_http_client.Client):
    """The SDK's HTTP client over connections that stay open, one for each thread; it follows no redirect.

    Opening (and, in earnest, encrypting) a connection for every message would cost more than the message. One that the
    provider closed while it was idle is not used again; one that breaks in the middle leaves the message in doubt.
    """

    def __init__(self, *args, kept: threading.local, **kwargs):
        super().__init__(*args, **kwargs)
        self._kept = kept

    def _build_client(self, name=None):
        return _Client(
            host=self.host,
            version=self._version,
            request_headers=dict(self.request_headers),
            url_path=self._url_path + [name] if name else self._url_path,
            append_slash=self.append_slash,
            timeout=self.timeout,
            kept=self._kept,
        )

    def post(self, request_body=None, **_):
        """As the SDK's own, but without what it does before every request for nothing: an opener of urllib, which is not
        used here, and the whole body written out for a log that stays off. Both cost more than the request itself.
        """
        headers, body = self.request_headers, None
        if request_body is not None:
            headers, body = {**headers, "Content-Type": "application/json"}, json.dumps(request_body).encode()
        request = urllib.request.Request(self._build_url(None), body, headers, method="POST")
        return python_http_client.client.Response(self._make_request(None, request))

    def _make_request(self, opener, request, timeout=None):
        connection = self._connected(request, timeout or self.timeout)
        try:
            connection.request(request.get_method(), request.selector, request.data, dict(request.header_items()))
            response = connection.getresponse()
            answer = _Answer(response.status, response.headers, response.read())
            if response.will_close:
                connection.close()
        except BaseException:
            connection.close()
            raise
        if not 200 <= answer.status < 300:
            raise Answered(answer.status, answer.headers)
        return answer

    def _connected(self, request, timeout: float) -> http.client.HTTPConnection:
        """The thread's connection, or a new one where there is none or the other side has hung up."""
        kept = getattr(self._kept, "connection", None)
        if kept is not None and kept.sock is not None:
            if not _has_news(kept.sock):
                return kept
            kept.close()
        connection = self._kept.connection = _connection_for(request, timeout)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise NotConnected(error) from error
        return connection


class _Answer:
    """What the SDK asks of a response."""

    def __init__(self, status: int, headers, body: bytes):
        self.status, self.headers, self._body = status, headers, body

    def getcode(self) -> int:
        return self.status

    def read(self) -> bytes:
        return self._body

    def info(self):
        return self.headers


def _has_news(sock: socket.socket) -> bool:
    """An idle connection on which something arrives was closed by the other side."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _connection_for(request, timeout: float) -> http.client.HTTPConnection:
    """Straight to the host, or through the proxy that the environment names for it."""
    parts = urlsplit(request.full_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or parts.scheme == "http" or urllib.request.proxy_bypass(parts.hostname):
        return kind(parts.hostname, parts.port, timeout=timeout)
    through = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    connection = kind(through.hostname, through.port or 3128, timeout=timeout)
    headers = {}
    if through.username:
        secret = f"{unquote(through.username)}:{unquote(through.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {b64encode(secret.encode()).decode()}"
    connection.set_tunnel(parts.hostname, parts.port or 443, headers=headers)
    return connection


class SendGrid:
    """Sends through ``connection``: its password is the API key, its host (optional) another base address, its extra
    ``timeout_seconds`` (optional) how long an answer is waited for."""

    name = "sendgrid"
    is_real = True

    def __init__(self, connection: Connection, *, timeout_seconds: float | None = None, threads: int = 8):
        if not connection.password:
            raise ConfigError(
                f"connection '{connection.conn_id}' has no password; put the SendGrid API key there "
                f"(AIRFLOW_CONN_{connection.conn_id.upper()}='http://:SG.…@')."
            )
        self.threads = threads
        if timeout_seconds is None:
            timeout_seconds = _seconds(connection)
        api = SendGridAPIClient(api_key=connection.password, host=_base_address(connection))
        api.client = _Client(
            host=api.host, request_headers=api._default_headers, version=3, timeout=timeout_seconds, kept=threading.local()
        )
        self._api = api
        self._batch: tuple[str, int] | None = None

    def send(self, letter: Letter) -> Outcome:
        try:
            body = compose(letter)
            if batch := self._batch:
                body["batch_id"], body["send_at"] = batch
        except (ValueError, TypeError):
            return Outcome("rejected", "endereço ou conteúdo inválido")
        outcome = self._post(body)
        return replace(outcome, scheduled=bool(batch) and outcome.result in ("sent", "unknown"))

    def _post(self, body: dict) -> Outcome:
        try:
            response = self._api.send(body)
            return _accepted(response.status_code, response.headers)
        except Answered as answer:
            return _refused(answer.status, answer.headers)
        except NotConnected as error:
            return _not_connected(error.__cause__)
        except (OSError, http.client.HTTPException) as error:
            return Outcome("unknown", f"sem resposta do provedor ({type(error).__name__})")
        except Exception as error:  # the caller must never believe that nothing was sent
            return Outcome("unknown", f"resposta ilegível do provedor ({type(error).__name__})")

    def start_batch(self, leaves_at: int) -> str | Outcome:
        """From now on letters go into a new batch that leaves at ``leaves_at`` (seconds since 1970, at most three days on).

        Returns its id, or what went wrong: certainly nothing was sent.
        """
        try:
            batch = json.loads(self._api.client.mail.batch.post().body)["batch_id"]
        except Answered as answer:
            refused = _refused(answer.status, answer.headers)
            return refused if refused.result in ("halt", "retry") else Outcome("retry", NO_BATCH)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return Outcome("retry", NO_BATCH)
        self._batch = batch, leaves_at
        return batch

    def end_batch(self) -> None:
        """Letters leave at once again."""
        self._batch = None

    def cancel(self, batch: str) -> bool | None:
        """Cancel a whole batch. ``True`` only when the provider, asked afterwards, says that it is cancelled; ``False`` when
        it refused and says that it is not; ``None`` when nobody can tell."""
        refused = False
        try:
            self._api.client.user.scheduled_sends.post(request_body={"batch_id": batch, "status": "cancel"})
        except Answered as answer:
            refused = 400 <= answer.status < 500
        except (OSError, http.client.HTTPException):
            pass
        try:
            told = self.get(f"user/scheduled_sends/{batch}", {})
        except (OSError, ValueError, Answered):
            return None
        if isinstance(told, list) and {"batch_id": batch, "status": "cancel"} in told:
            return True
        return False if refused else None

    def get(self, path: str, parameters: dict) -> object:
        """What the API answers when asked for something, read from JSON.

        Raises:
            Answered: the answer is none of 2xx.
            OSError: there is no answer, or a broken one.
            ValueError: the answer is no JSON.
        """
        try:
            return json.loads(self._api.client._(path).get(query_params=parameters).body)
        except http.client.HTTPException as error:
            raise OSError(f"the provider's answer is broken ({type(error).__name__})") from None

    def was_accepted(self, message_key: str) -> bool:
        return False

    def close(self) -> None:
        pass


def compose(letter: Letter) -> dict:
    """The body of ``POST /v3/mail/send``. The only custom argument is the opaque key: the provider keeps those for long.

    Raises:
        ValueError: the letter has no address.
    """
    if not letter.to_address:
        raise ValueError("no address")
    body = {
        "personalizations": [{"to": [_person(letter.to_address, letter.to_name)]}],
        "from": _person(letter.sender.address, letter.sender.name),
        "reply_to": {"email": letter.sender.reply_to},
        "subject": letter.subject,
        "content": [{"type": "text/plain", "value": letter.text}, {"type": "text/html", "value": letter.html}],
        "custom_args": {"message_key": letter.message_key},
        # Rewritten links would hide where a payment link leads, and a counting pixel watches people.
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
        },
    }
    if letter.headers:
        body["headers"] = dict(letter.headers)
    if letter.pictures:
        body["attachments"] = [_attachment(picture) for picture in letter.pictures]
    return body


def _person(address: str, name: str) -> dict:
    return {"email": address, "name": name} if name else {"email": address}


def _attachment(picture: Picture) -> dict:
    return {
        "content": b64encode(picture.content).decode(),
        "type": "image/png",
        "filename": picture.file_name,
        "disposition": "inline",
        "content_id": picture.content_id,
    }


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


def _not_connected(cause: BaseException) -> Outcome:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Outcome("halt", "o certificado do provedor não confere")
    return Outcome("retry", "o provedor não aceita conexões")


def _seconds_until_reset(headers) -> float | None:
    try:
        return max(0.0, float(headers.get("X-RateLimit-Reset")) - time.time())
    except (TypeError, ValueError):
        return None


def _seconds(connection: Connection) -> float:
    try:
        seconds = float(connection.extra.get("timeout_seconds", TIMEOUT_SECONDS))
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 120:
        raise ConfigError(f"connection '{connection.conn_id}' has an extra timeout_seconds that is not from 0 to 120 seconds.")
    return seconds


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
