"""Aging bands: the names and the order of the groups by days past due.

The limits are policy (``bands.yml``); SQL names the bands in ``dbt/macros/bands.sql``, and a test
holds both equal.
"""

import re
from collections.abc import Iterable, Sequence

NOT_DUE = "not_due"
# Where a balance goes that is no longer owed; no band, but it stands after the last one.
SETTLED = "settled"


def band_names(last_days: Sequence[int]) -> tuple[str, ...]:
    """The bands that end on these days past due: (7, 15) gives not_due, 1-7, 8-15, 16+."""
    firsts = (1, *(day + 1 for day in last_days))
    closed = (f"{first}-{last}" for first, last in zip(firsts, last_days, strict=False))
    return (NOT_DUE, *closed, f"{firsts[-1]}+")


def in_order(bands: Iterable[str]) -> list[str]:
    """Each band once, from what is not due to the oldest, then what is settled."""
    return sorted(set(bands), key=_first_day)


def days_of(band: str) -> tuple[int, int | None] | None:
    """First and last day past due of a band.

    The last one is None where the band has no end; the whole is None for ``not_due`` and
    ``settled``.
    """
    found = re.fullmatch(r"(\d+)(?:-(\d+)|\+)", band)
    return (int(found[1]), int(found[2]) if found[2] else None) if found else None


def _first_day(band: str) -> tuple[bool, int]:
    days = days_of(band)
    return band == SETTLED, days[0] if days else 0
