"""Look up rows of a source by their keys, as landing spells those.

A database can only use an index for a key that is one of its own columns. Where a key is joined
from several, the source's file says from how many and by what sign
(``joined: {receivable_id: 1/2}``), and a comment in its query shows where a part of it may be
asked for::

    where i.docstatus = 1
        /* by receivable_id.1 and i.name in (?) */

A lookup puts the condition in place of the comment, with the parts of the keys as bound parameters:
text for ``(?)``, whole numbers for ``(#)``. Such a condition may let more rows pass than were asked
for, never fewer; the key itself is compared as well.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from cobranca import schema
from cobranca.partitions.landing_totals import AS_STORED
from cobranca.settings import Settings
from cobranca.sources.mapping.key_conditions import conditions

if TYPE_CHECKING:
    from cobranca.sources.drivers.stream import Key, Rows, SourceSnapshot, Stream
    from cobranca.sources.mapping.model import SourceMapping

KEYS_AT_ONCE = 1_000
# A key of parts is several parameters, and SQL Server takes 2,100 of them.
JOINED_AT_ONCE = 200


def rows_with(
    snapshot: "SourceSnapshot",
    entity: str,
    query: str,
    column: str,
    values: Sequence[str],
    *,
    as_stored: bool = False,
) -> "Stream[Rows]":
    """The query's rows whose ``column`` is one of ``values`` (canonical: trimmed text).

    ``as_stored`` says that the source keeps these keys as they land, so that they need not be
    trimmed there, which no index serves. A database may compare without regard to case or accents,
    so rows of neighbouring keys may be among them.
    """
    offered = list(conditions(query, column))
    like: object
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
    as_stored = as_stored and not bare
    at_once = JOINED_AT_ONCE if offered else KEYS_AT_ONCE
    parts = (wanted[start : start + at_once] for start in range(0, len(wanted), at_once))
    return replace(
        stream,
        chunks=(
            chunk
            for part in parts
            for chunk in snapshot.where_in(entity, query, column, part, as_stored=as_stored)
        ),
    )


def _typed(sample: object, values: Sequence[str]) -> "tuple[Sequence[Key], bool]":
    """The keys in the type in which the source keeps them, and whether that is not text."""
    if _is_whole(sample):
        return [int(text) for text in values if re.fullmatch(r"-?\d{1,18}", text)], True
    if isinstance(sample, UUID):
        return [
            UUID(text)
            for text in values
            if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)
        ], True
    return values, False


def keys_as_stored(settings: Settings, mapping: "SourceMapping") -> frozenset[tuple[str, str]]:
    """Entity and column of the keys that the source keeps without padding.

    They are those of the last landing that was read by the same query.
    """
    from cobranca.partitions.landing_partition import previous_landing
    from cobranca.partitions.landing_totals import QUERY
    from cobranca.sources.schema_drift import fingerprint

    landed = previous_landing(settings, date.max)
    entries = {} if landed is None else {entry.name: entry.totals for entry in landed.files}
    found = set()
    for entity in schema.ENTITIES:
        totals = entries.get(f"{mapping.source}/{entity}.parquet", {})
        if totals.get(QUERY) == fingerprint(mapping.entity(entity)):
            found |= {(entity, column) for column in totals.get(AS_STORED, "").split(", ")}
    return frozenset(found)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) or (
        isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value()
    )
