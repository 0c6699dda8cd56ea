"""Links in messages: query parameters, and the check that a link is safe."""

import re
from urllib.parse import urlsplit

_SAFE = re.compile(r"(?i:https)://[A-Za-z0-9_.-]+(:[0-9]{1,5})?(/|\?|#|$)")


def add_parameter(url: str, name: str, value: str) -> str:
    """Add a query parameter; ``value`` may hold only letters, digits, ``-`` and ``_``."""
    return f"{url}{'&' if urlsplit(url).query else '?'}{name}={value}"


def is_safe(url: str) -> bool:
    """Whether a link is safe to show: the payer can see which host it opens.

    It needs https, an ASCII host and no user name in front of it. Letters of another alphabet that
    look like ASCII are accepted as punycode only. Invisible characters and those that change the
    direction of reading are refused.
    """
    return bool(_SAFE.match(url)) and url.isprintable() and not re.search(r"[ \\]", url)
