"""Rows of a source by their keys, as landing spells those."""

import re
from collections.abc import Sequence
from dataclasses import replace
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
# Name in a manifest entry's totals: the columns of keys that came unpadded.
AS_STORED = "keys as stored"


def rows_with(
    snapshot: "Snapshot", entity: str, query: str, column: str, values: Sequence[str], *, as_stored: bool = False
) -> "Stream":
    """The query's rows whose ``column`` is one of ``values`` (canonical: trimmed text).

    ``as_stored`` says that the source keeps these keys as they land, so that they need not be trimmed there, which no index
    serves. A database may compare without regard to case or accents, so rows of neighbouring keys may be among them.
    """
    stream = snapshot.stream(entity, snapshot.first_rows(query, 1))
    sample = [row for chunk in stream.chunks for row in chunk]
    if not sample or column not in stream.columns:
        return replace(stream, chunks=iter(()))
    wanted, bare = _typed(sample[0][stream.columns.index(column)], values)
    how = {"as_stored": True} if as_stored and not bare else {}
    parts = (wanted[start : start + KEYS_AT_ONCE] for start in range(0, len(wanted), KEYS_AT_ONCE))
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
