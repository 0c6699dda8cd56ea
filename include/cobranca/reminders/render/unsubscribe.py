"""One-click unsubscribe links (RFC 8058) with encrypted tokens.

A link holds one token: the customer key and the letter's creditor, encrypted and authenticated with
a secret of the installation (AES-SIV, RFC 5297). Logs and proxies cannot read them, and a changed
or invented token is refused. The encryption is deterministic: a link in an old message still works,
and rendering a letter twice gives the same bytes. The page of the link is served by the plugin of
the provider's webhook. It unsubscribes on ``POST`` only, because mail scanners open links.
"""

import base64
import binascii
import hashlib

from cobranca.connections import get_connection
from cobranca.errors import CobrancaError, ConfigError
from cobranca.reminders.render import links
from cobranca.schema import PRINCIPAL

CONNECTION = "unsubscribe"
PARAMETER = "t"
_ASSOCIATED_DATA = [b"cobranca unsubscribe 1"]
_SHORTEST_SECRET = 32


class InvalidToken(CobrancaError):
    """A token was not made with this installation's secret, or was cut or changed.

    The text does not repeat the token.
    """


class Tokens:
    """Encrypts and decrypts tokens with one secret, a text of at least 32 characters."""

    def __init__(self, secret: str):
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        if len(secret) < _SHORTEST_SECRET:
            raise ConfigError(
                f"the password of the connection '{CONNECTION}' has fewer than {_SHORTEST_SECRET} "
                "characters; make one with: openssl rand -hex 32"
            )
        self._cipher = AESSIV(hashlib.sha512(secret.encode()).digest())

    def token_for(self, customer_key: str, creditor: str = PRINCIPAL) -> str:
        """Encrypt a customer key and a creditor to a token of letters, digits, ``-`` and ``_``."""
        # Links that were written before there were several creditors name none.
        named = customer_key if creditor == PRINCIPAL else f"{customer_key} {creditor}"
        sealed = self._cipher.encrypt(named.encode(), _ASSOCIATED_DATA)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def named_by(self, token: str) -> tuple[str, str]:
        """Decrypt a token to its customer key and creditor.

        Raises:
            InvalidToken: the token is not one of this installation.
        """
        from cryptography.exceptions import InvalidTag

        try:
            sealed = base64.b64decode(
                token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True
            )
            named = self._cipher.decrypt(sealed, _ASSOCIATED_DATA).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise InvalidToken(
                "this unsubscribe token was not made here; use the link of a newer message."
            ) from None
        customer_key, _, creditor = named.partition(" ")
        return customer_key, creditor or PRINCIPAL


def installation_tokens() -> Tokens:
    """Open the tokens of this installation: the secret is the password of ``unsubscribe``.

    Raises:
        ConfigError: there is no such connection, or its password is missing or too short.
    """
    return Tokens(get_connection(CONNECTION).password or "")


def token_for(customer_key: str, creditor: str = PRINCIPAL) -> str:
    """:meth:`Tokens.token_for` with the secret of this installation."""
    return installation_tokens().token_for(customer_key, creditor)


def named_by(token: str) -> tuple[str, str]:
    """:meth:`Tokens.named_by` with the secret of this installation."""
    return installation_tokens().named_by(token)


def link(url: str, token: str) -> str:
    """Add a token to the address of the unsubscribe page."""
    return links.add_parameter(url, PARAMETER, token)
