"""Rows of a source by their keys, as landing spells those."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cobranca.sources.engine import Snapshot, Stream

KEYS_AT_ONCE = 1_000


def rows_with(snapshot: "Snapshot", entity: str, query: str, column: str, values: Sequence[str]) -> "Stream":
    """The query's rows whose ``column`` is one of ``values`` (canonical: trimmed text).

    A database may compare without regard to case or accents, so rows of neighbouring keys may be among them.
    """
    sample = snapshot.stream(entity, snapshot.first_rows(query, 1))
    rows = [row for chunk in sample.chunks for row in chunk]
    return replace(sample, chunks=_chunks(snapshot, entity, query, column, values, rows[0] if rows else None, sample.columns))


def _chunks(
    snapshot: "Snapshot",
    entity: str,
    query: str,
    column: str,
    values: Sequence[str],
    sample: Sequence | None,
    columns: Sequence[str],
) -> Iterator[Sequence[Sequence]]:
    if sample is None or column not in columns:
        return
    wanted: Sequence[str | int] = values
    if _is_whole(sample[columns.index(column)]):
        wanted = [int(text) for text in values if re.fullmatch(r"-?\d{1,18}", text)]
    for start in range(0, len(wanted), KEYS_AT_ONCE):
        yield from snapshot.where_in(entity, query, column, wanted[start : start + KEYS_AT_ONCE])


def _is_whole(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value())
