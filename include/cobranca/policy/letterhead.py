"""Logo and colour of the creditor's letters."""

import re
from dataclasses import dataclass, field
from pathlib import Path

_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
# In bytes: each letter carries it.
LARGEST_LOGO = 30_000
# The pixels within which letters show it.
LOGO_HEIGHT, LOGO_WIDTH = 40, 280
# Of white text on a colour (WCAG 2.2, 1.4.3).
LEAST_CONTRAST = 4.5


@dataclass(frozen=True)
class Logo:
    """A PNG with the size in pixels at which letters show it."""

    content: bytes = field(repr=False)
    width: int
    height: int


def read_logo(path: Path) -> Logo:
    """Read a logo, to be shown ``LOGO_HEIGHT`` high or ``LOGO_WIDTH`` wide.

    Raises:
        ValueError: there is no such file, or it is no PNG, empty, or too large.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    if not content.startswith(_PNG) or len(content) < 33:
        raise ValueError("is no PNG picture")
    if len(content) > LARGEST_LOGO:
        raise ValueError(f"has {len(content)} bytes, and each letter carries it")
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    if not (width and height):
        raise ValueError("is an empty picture")
    scale = min(LOGO_HEIGHT / height, LOGO_WIDTH / width)
    return Logo(content, max(round(width * scale), 1), max(round(height * scale), 1))


def parse_color(value: str) -> str:
    """A colour ``#rrggbb`` on which white text can be read; links have it on white, too."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError('not a colour; write it as "#0b5f58", in quotes')
    contrast = _contrast_with_white(value)
    if contrast < LEAST_CONTRAST:
        raise ValueError(
            f"white text on it has a contrast of {contrast:.2f}, and {LEAST_CONTRAST} is needed "
            "to be read (WCAG 2.2, 1.4.3); take a darker colour"
        )
    return value.lower()


def _contrast_with_white(color: str) -> float:
    """Contrast ratio by WCAG 2.2: (1 + 0.05) / (relative luminance + 0.05)."""
    channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
