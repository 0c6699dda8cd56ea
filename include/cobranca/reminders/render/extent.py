"""The extent of a letter: how many of its receivables it shows, so that its HTML is never cut.

Mail programs cut a letter by its size (Gmail at 102 KB), wherever that is: a total, the way to pay
or the link to unsubscribe would be missing.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

# The largest HTML of a letter, in bytes of UTF-8. What providers add has room up to the cut.
MOST_BYTES = 90_000
# So many of the oldest receivables are shown in full before the table gets the room.
FEWEST_IN_FULL = 5
# More can never fit, so no more are tried: a receivable in full takes more than a thousand bytes, a
# row of the table more than sixty.
MOST_IN_FULL, MOST_IN_TABLE = MOST_BYTES // 1000, MOST_BYTES // 60


@dataclass(frozen=True)
class Extent:
    """The first receivables of a letter are shown in full, the next ones as rows of its table."""

    in_full: int
    in_table: int = 0

    @property
    def shown(self) -> int:
        return self.in_full + self.in_table


def largest_extent(number: int, fits: Callable[[Extent], bool]) -> Extent | None:
    """The most that a letter about ``number`` receivables shows; ``None`` if nothing fits.

    - All of them in full.
    - Else a row for each that is not shown in full, and as many as possible in full.
    - Else :data:`FEWEST_IN_FULL` in full, or as many as fit, and as many rows as fit.

    ``fits`` measures the rendered letter, so that the answer holds for names of any length.
    """
    if number <= MOST_IN_FULL and fits(Extent(number)):
        return Extent(number)
    if number - FEWEST_IN_FULL <= MOST_IN_TABLE:
        most = min(number - 1, MOST_IN_FULL)
        in_full = _largest(most, lambda tried: fits(Extent(tried, number - tried)))
        if in_full is not None and in_full >= min(most, FEWEST_IN_FULL):
            return Extent(in_full, number - in_full)
    in_full = _largest(min(number, FEWEST_IN_FULL), lambda tried: fits(Extent(tried)))
    if in_full is None:
        return None
    most = min(number - in_full, MOST_IN_TABLE)
    return Extent(in_full, _largest(most, lambda tried: fits(Extent(in_full, tried))) or 0)


def _largest(most: int, fits: Callable[[int], bool]) -> int | None:
    """The largest number from 0 to ``most`` that fits; what it returns was measured."""
    found = bisect_left(range(most + 1), True, key=lambda tried: not fits(tried)) - 1
    return None if found < 0 else found
