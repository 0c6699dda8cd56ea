"""Send WhatsApp and SMS through Twilio's SDK: one request per message.

Only 201 with an id counts as accepted. Twilio has no idempotency key for messages. A message may be
retried only if the answer proves that it was not accepted; every other answer makes its outcome
unknown.
"""

import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cobranca.connections import Connection
from cobranca.errors import ConfigError
from cobranca.policy.texts import Texts
from cobranca.reminders.channels.protocol import Letter, Outcome, Text

if TYPE_CHECKING:
    from twilio.http.http_client import TwilioHttpClient

TIMEOUT_SECONDS = 15.0
TEXT_ONLY = "este canal só envia textos"
API = "https://api.twilio.com"
# Refusals that are due to the number (Twilio, "Error and Warning Dictionary"). The texts are our
# own, because Twilio's repeat the number.
_REFUSALS: dict[int | None, str] = {
    21211: "número inválido",
    21408: "país do número não permitido",
    21610: "o cliente pediu para não receber mensagens",
    21614: "o número não recebe mensagens",
    63003: "o número não tem WhatsApp",
    63016: "o modelo do WhatsApp não está aprovado",
    63024: "o número não tem WhatsApp",
}

# At INFO this logger writes the number and the message.
logging.getLogger("twilio.http_client").setLevel(logging.WARNING)


class Twilio:
    """The WhatsApp and SMS channel of Twilio.

    The login of ``connection`` is the account's SID, its password the token, its host (optional)
    another address of the API.

    Raises:
        ConfigError: the SDK is not installed, or the connection lacks the SID or the token.
    """

    name = "twilio"
    is_real = True
    threads = 4

    def __init__(
        self, connection: Connection, texts: Texts, *, timeout_seconds: float = TIMEOUT_SECONDS
    ):
        if not connection.login or not connection.password:
            raise ConfigError(
                f"connection '{connection.conn_id}' needs the account's SID as login and its "
                f"token as password (AIRFLOW_CONN_{connection.conn_id.upper()}='twilio://AC…:token@')."
            )
        try:
            from twilio.rest import Client
        except ImportError:
            raise ConfigError(
                "the Twilio SDK is not installed; install the extra: pip install "
                "'cobranca[twilio]'."
            ) from None
        self._texts = texts
        self._client = Client(
            connection.login, connection.password, http_client=_http(connection, timeout_seconds)
        )

    def send(self, message: Letter | Text) -> Outcome:
        """Send one text; a letter is rejected."""
        if isinstance(message, Letter):
            return Outcome("rejected", TEXT_ONLY)
        from requests.exceptions import RequestException
        from twilio.base.exceptions import TwilioException, TwilioRestException

        try:
            accepted = self._client.messages.create(**self._parameters(message))
        except TwilioRestException as answer:
            return _refused(answer.status, answer.code)
        except RequestException as error:
            return _failed(error)
        except (TwilioException, ValueError, KeyError, TypeError, OSError) as error:
            return Outcome("unknown", f"resposta ilegível do provedor ({type(error).__name__})")
        if not accepted.sid:
            return Outcome("unknown", "resposta incompleta do provedor")
        return Outcome("sent", provider_message_id=accepted.sid)

    def _parameters(self, text: Text) -> dict[str, str]:
        prefix = "whatsapp:" if text.channel == "whatsapp" else ""
        sender = self._texts.whatsapp_from if prefix else self._texts.sms_from
        parameters = {"to": f"{prefix}{text.to_number}", "from_": f"{prefix}{sender}"}
        if text.content_sid:
            parameters |= {
                "content_sid": text.content_sid,
                "content_variables": json.dumps(dict(text.variables)),
            }
        else:
            parameters["body"] = text.body
        if self._texts.status_url:
            # The key reveals no person. The provider signs the address together with its report,
            # so the key cannot be forged.
            parameters["status_callback"] = (
                f"{self._texts.status_url}?message_key={text.message_key}"
            )
        return parameters

    def was_accepted(self, message_key: str) -> bool:
        return False

    def close(self) -> None:
        pass


def _refused(status: int, code: int | None) -> Outcome:
    if status in (401, 403):
        return Outcome("halt", f"o provedor recusou a credencial (HTTP {status})")
    if status == 429:
        return Outcome("retry", "limite de envio do provedor")
    if 400 <= status < 500:
        reason = f"recusada pelo provedor (código {code})" if code else None
        return Outcome("rejected", _REFUSALS.get(code, reason))
    return Outcome("unknown", f"resposta {status} do provedor")


def _failed(error: Exception) -> Outcome:
    from requests.exceptions import ConnectTimeout, SSLError
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(error, SSLError):
        return Outcome("halt", "o certificado do provedor não confere")
    if isinstance(error, ConnectTimeout) or isinstance(reason, NewConnectionError):
        return Outcome("retry", "o provedor não aceita conexões")
    return Outcome("unknown", f"sem resposta do provedor ({type(error).__name__})")


def _http(connection: Connection, timeout_seconds: float) -> "TwilioHttpClient":
    """The SDK's HTTP client with a time limit and without persistent connections.

    A persistent connection that breaks would make the outcome of a message unknown.
    """
    from twilio.http.http_client import TwilioHttpClient

    base = _base_address(connection)

    class Http(TwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> object:
            return super().request(method, url.replace(API, base, 1), *args, **kwargs)

    return Http(pool_connections=False, timeout=timeout_seconds)


def _base_address(connection: Connection) -> str:
    if not connection.host:
        return API
    local = connection.host in ("127.0.0.1", "localhost", "::1")
    address = f"{'http' if local else 'https'}://{connection.host}" + (
        f":{connection.port}" if connection.port else ""
    )
    if not urlsplit(address).hostname:
        raise ConfigError(
            f"connection '{connection.conn_id}' has a host that is not a name; leave it empty for "
            "Twilio itself."
        )
    return address
