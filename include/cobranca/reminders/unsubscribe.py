"""Links by which a person stops our e-mails with one click (RFC 8058), without saying to a log or a proxy who that person is.

A link holds one token: the customer key, encrypted and authenticated with a secret of the installation (AES-SIV,
RFC 5297). Only that secret opens it; a changed or invented token is refused. The same customer has the same token for ever,
so that a link in an old message still works and a letter written twice is the same letter. The page behind the link
is served by the plugin of the event webhook; it stops the messages on ``POST`` only, because mail scanners open links.
"""

import base64
import binascii
import hashlib

from cobranca.connections import get_connection
from cobranca.errors import CobrancaError, ConfigError
from cobranca.reminders import links

CONNECTION = "unsubscribe"
PARAMETER = "t"
_PURPOSE = [b"cobranca unsubscribe 1"]
_SHORTEST_SECRET = 32


class InvalidToken(CobrancaError):
    """The token was not made with this installation's secret, or was cut or changed. The token itself is not repeated."""


class Tokens:
    """Makes and reads the tokens of one secret (any text of at least 32 characters)."""

    def __init__(self, secret: str):
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        if len(secret) < _SHORTEST_SECRET:
            raise ConfigError(
                f"the password of the connection '{CONNECTION}' has fewer than {_SHORTEST_SECRET} characters; "
                "make one with: openssl rand -hex 32"
            )
        self._cipher = AESSIV(hashlib.sha512(secret.encode()).digest())

    def token_for(self, customer_key: str) -> str:
        """The token of a customer: letters, digits, ``-`` and ``_``."""
        sealed = self._cipher.encrypt(customer_key.encode(), _PURPOSE)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def customer_of(self, token: str) -> str:
        """The customer key in a token.

        Raises:
            InvalidToken: it is none of ours.
        """
        from cryptography.exceptions import InvalidTag

        try:
            sealed = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
            return self._cipher.decrypt(sealed, _PURPOSE).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise InvalidToken("this unsubscribe token was not made here; use the link of a newer message.") from None


def open_tokens() -> Tokens:
    """With the secret of this installation, the password of the connection ``unsubscribe``.

    Raises:
        ConfigError: there is no such connection, or its password is missing or too short.
    """
    return Tokens(get_connection(CONNECTION).password or "")


def token_for(customer_key: str) -> str:
    """See :meth:`Tokens.token_for`, with the secret of this installation."""
    return open_tokens().token_for(customer_key)


def customer_of(token: str) -> str:
    """See :meth:`Tokens.customer_of`, with the secret of this installation."""
    return open_tokens().customer_of(token)


def link(url: str, token: str) -> str:
    """The address of the page, with the token as its one parameter more."""
    return links.with_parameter(url, PARAMETER, token)
