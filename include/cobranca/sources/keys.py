"""Rows of a source by their keys, as landing spells those.

A database can only use an index for a key that is one of its own columns. Where a key is joined from several, the source's
file says from how many and by what sign (``joined: {receivable_id: 1/2}``), and a comment in its query shows where a part
of it may be asked for::

    where i.docstatus = 1
        /* by receivable_id.1 and i.name in (?) */

Whoever asks for some keys puts the condition in place of the comment, with the parts of those keys as bound parameters:
text for ``(?)``, whole numbers for ``(#)``. Such a condition may let more rows pass than were asked for, never fewer; the
key itself is compared besides.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from cobranca import schema
from cobranca.settings import Settings

if TYPE_CHECKING:
    from cobranca.sources.engine import Snapshot, Stream
    from cobranca.sources.mapping import SourceMapping

KEYS_AT_ONCE = 1_000
# A key of parts is several parameters, and SQL Server takes 2,100 of them.
JOINED_AT_ONCE = 200
# Name in a manifest entry's totals: the columns of keys that came unpadded.
AS_STORED = "keys as stored"


def rows_with(
    snapshot: "Snapshot", entity: str, query: str, column: str, values: Sequence[str], *, as_stored: bool = False
) -> "Stream":
    """The query's rows whose ``column`` is one of ``values`` (canonical: trimmed text).

    ``as_stored`` says that the source keeps these keys as they land, so that they need not be trimmed there, which no index
    serves. A database may compare without regard to case or accents, so rows of neighbouring keys may be among them.
    """
    offered = list(conditions(query, column))
    if offered:
        # Even one row of such a query may cost the database all of them; its file says enough.
        stream = snapshot.stream(entity, snapshot.first_rows(query, 0))
        like = 0 if any(one.part == 0 and "(#)" in one.text for one in offered) else ""
    else:
        stream = snapshot.stream(entity, snapshot.first_rows(query, 1))
        sample = [row for chunk in stream.chunks for row in chunk]
        if not sample or column not in stream.columns:
            return replace(stream, chunks=iter(()))
        like = sample[0][stream.columns.index(column)]
    wanted, bare = _typed(like, values)
    how = {"as_stored": True} if as_stored and not bare else {}
    at_once = JOINED_AT_ONCE if offered else KEYS_AT_ONCE
    parts = (wanted[start : start + at_once] for start in range(0, len(wanted), at_once))
    return replace(stream, chunks=(chunk for part in parts for chunk in snapshot.where_in(entity, query, column, part, **how)))


def _typed(sample: object, values: Sequence[str]) -> tuple[Sequence[str | int | UUID], bool]:
    """The keys in the type that the source keeps them in, and whether that is another one than text."""
    if _is_whole(sample):
        return [int(text) for text in values if re.fullmatch(r"-?\d{1,18}", text)], True
    if isinstance(sample, UUID):
        return [UUID(text) for text in values if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)], True
    return values, False


def keys_as_stored(settings: Settings, mapping: "SourceMapping") -> frozenset[tuple[str, str]]:
    """Entity and column of the keys that the source kept without padding when it was last landed by the same query."""
    from cobranca.landing import previous_landing
    from cobranca.sources.drift import QUERY, fingerprint

    landed = previous_landing(settings, date.max)
    entries = {} if landed is None else {entry.name: entry.totals for entry in landed.files}
    found = set()
    for entity in schema.ENTITIES:
        totals = entries.get(f"{mapping.source}/{entity}.parquet", {})
        if totals.get(QUERY) == fingerprint(mapping.entity(entity)):
            found |= {(entity, column) for column in totals.get(AS_STORED, "").split(", ")}
    return frozenset(found)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value())


_CONDITION = re.compile(r"/\*\s*by (?P<column>\w+)(?:\.(?P<part>[1-9]))?\s+(?P<text>and\s.+?)\s*\*/", re.DOTALL)
_PLACE = re.compile(r"(?P<left>[\w.$\"`\[\]]+)\s+in\s+\((?P<kind>[?#])\)")
_JOINED = re.compile(r"1(?:(?P<sign>[^\w\s]+)2(?:(?P=sign)[3-9])*)?")


@dataclass(frozen=True)
class Condition:
    """One condition of a query, ready to be put in place: ``part`` of the key (from 1; 0 is the whole of it)."""

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
    if found is None or (sign := found["sign"] or "") and joined != sign.join(map(str, range(1, joined.count(sign) + 2))):
        raise ValueError("write the parts as numbers with the sign between them, for example 1/2")
    return (joined.count(sign) + 1 if sign else 1), sign


def narrowed(
    query: str, column: str, values: Sequence[str | int | UUID], joined: str | None, *, blanks_count: bool
) -> tuple[str, Mapping[str, list[str] | list[int]]]:
    """The query with its conditions for ``values`` in place, and the parameters that they need.

    ``blanks_count`` says that the database takes ``'a '`` and ``'a'`` for two texts; columns are then compared without
    blanks at their end, which costs the use of an index and never a row.
    """
    parameters: dict[str, list] = {}

    def put(found: re.Match) -> str:
        if found["column"] != column:
            return found.group()
        part = int(found["part"] or 0)
        wanted = [str(value) for value in values] if part == 0 else _parts(values, part, *parts_of(joined or "1"))
        place = _PLACE.search(found["text"])
        if place["kind"] == "#":
            wanted = [int(text) for text in wanted if re.fullmatch(r"-?\d{1,18}", text)]
        # Oracle takes an empty text for NULL, which equals nothing.
        elif "" in wanted:
            return ""
        if not wanted:
            return "and 1 = 0"
        name = f"{'whole' if place['kind'] == '#' else 'text'}_{part}"
        parameters[name] = list(dict.fromkeys(wanted))
        left = f"rtrim({place['left']})" if blanks_count and place["kind"] == "?" else place["left"]
        return found["text"].replace(place.group(), f"{left} in :{name}")

    return _CONDITION.sub(put, query), parameters


def _parts(values: Sequence[str | int | UUID], part: int, count: int, sign: str) -> list[str]:
    """One part of each key; where the sign stands inside a part too, all that it could be."""
    found = []
    for value in values:
        pieces = str(value).split(sign) if sign else [str(value)]
        spare = len(pieces) - count  # a key of fewer pieces is none of this source's
        found += [
            sign.join(pieces[start:end]) for start in range(part - 1, part + spare) for end in range(start + 1, part + spare + 1)
        ]
    return found
