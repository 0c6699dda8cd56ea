"""The addresses that letters lead to."""

import re
from urllib.parse import urlsplit

_SAFE = re.compile(r"(?i:https)://[A-Za-z0-9_.-]+(:[0-9]{1,5})?(/|\?|#|$)")


def with_parameter(url: str, name: str, value: str) -> str:
    """The address with one parameter more; ``value`` holds letters, digits, ``-`` and ``_`` only."""
    return f"{url}{'&' if urlsplit(url).query else '?'}{name}={value}"


def is_safe(url: str) -> bool:
    """Whether a payer sees where the link leads: https, a host in plain letters (another alphabet's look-alikes are plain only
    as punycode), nobody's name before it, and no character that cannot be seen or that turns the direction of reading.
    """
    return bool(_SAFE.match(url)) and url.isprintable() and not re.search(r"[ \\]", url)
