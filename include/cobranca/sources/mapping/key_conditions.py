"""Narrow a query to given keys by conditions at the place that the source's file names."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")

_CONDITION = re.compile(
    r"/\*\s*by (?P<column>\w+)(?:\.(?P<part>[1-9]))?\s+(?P<text>and\s.+?)\s*\*/", re.DOTALL
)

_PLACE = re.compile(r"(?P<left>[\w.$\"`\[\]]+)\s+in\s+\((?P<kind>[?#])\)")

_JOINED = re.compile(r"1(?:(?P<sign>[^\w\s]+)2(?:(?P=sign)[3-9])*)?")


@dataclass(frozen=True)
class Condition:
    """One condition of a query, ready to be put in place.

    ``part`` is the part of the key that it compares, from 1; 0 is the whole key.
    """

    column: str
    part: int
    text: str

    @property
    def is_plain(self) -> bool:
        """Whether it has exactly one place for values."""
        return len(_PLACE.findall(self.text)) == 1


def conditions(query: str, column: str | None = None) -> Iterator[Condition]:
    """The conditions that the query's comments offer, for one column or for all."""
    for found in _CONDITION.finditer(query):
        if column in (None, found["column"]):
            yield Condition(found["column"], int(found["part"] or 0), found["text"])


def parts_of(joined: str) -> tuple[int, str]:
    """How many parts a key has, and the sign between them: ``1/2/3`` → 3 and ``/``.

    Raises:
        ValueError: it is written in another way.
    """
    found = _JOINED.fullmatch(joined)
    sign = (found["sign"] or "") if found is not None else ""
    count = joined.count(sign) + 1 if sign else 1
    if found is None or joined != sign.join(map(str, range(1, count + 1))):
        raise ValueError("write the parts as numbers with the sign between them, for example 1/2")
    return count, sign


def inject_conditions(
    query: str,
    column: str,
    values: Sequence[str | int | UUID],
    joined: str | None,
    *,
    blanks_count: bool,
) -> tuple[str, Mapping[str, list[str] | list[int]]]:
    """The query with its conditions for ``values`` in place, and the parameters that they need.

    ``blanks_count`` says that the database takes ``'a '`` and ``'a'`` for two texts; columns are
    then compared without blanks at their end, which costs the use of an index and never a row.
    """
    parameters: dict[str, list[str] | list[int]] = {}

    def put(found: re.Match[str]) -> str:
        part, text = int(found["part"] or 0), str(found["text"])
        place = _PLACE.search(text)
        # A comment without a place for values is refused when the source's file is loaded.
        if found["column"] != column or place is None:
            return found.group()
        parts = (
            [str(value) for value in values]
            if part == 0
            else _parts(values, part, *parts_of(joined or "1"))
        )
        is_whole = place["kind"] == "#"
        # Oracle takes an empty text for NULL, which equals nothing.
        if not is_whole and "" in parts:
            return ""
        wanted: list[str] | list[int] = _distinct(parts)
        if is_whole:
            wanted = _distinct([int(one) for one in parts if re.fullmatch(r"-?\d{1,18}", one)])
        if not wanted:
            return "and 1 = 0"
        name = f"{'whole' if is_whole else 'text'}_{part}"
        parameters[name] = wanted
        left = place["left"] if is_whole or not blanks_count else f"rtrim({place['left']})"
        return text.replace(place.group(), f"{left} in :{name}")

    return _CONDITION.sub(put, query), parameters


def _distinct(values: list[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _parts(values: Sequence[str | int | UUID], part: int, count: int, sign: str) -> list[str]:
    """One part of each key; where the sign stands inside a part too, all that it could be."""
    found = []
    for value in values:
        pieces = str(value).split(sign) if sign else [str(value)]
        spare = len(pieces) - count  # a key of fewer pieces is none of this source's
        found += [
            sign.join(pieces[start:end])
            for start in range(part - 1, part + spare)
            for end in range(start + 1, part + spare + 1)
        ]
    return found
