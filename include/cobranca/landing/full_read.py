"""Read every row of one entity: the first pass of a landing.

Rows are cleaned and written as they come, and held against the source's own totals.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from cobranca import schema
from cobranca.landing.control_totals import (
    as_totals,
    ask_totals,
    cleaning_notes,
    compare,
    read_control_totals,
)
from cobranca.landing.finalize import Extract, table_of
from cobranca.landing.parquet_file import ParquetFile
from cobranca.sources.cleaning.bounds import ANY, Bounds
from cobranca.sources.cleaning.cleaner import Cleaner
from cobranca.sources.cleaning.columns import GROUPED
from cobranca.sources.cleaning.query_columns import checked_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from cobranca.sources.drivers.arrow_columns import BulkTable
    from cobranca.sources.drivers.stream import GroupTotals, Rows, SourceSnapshot, Stream
    from cobranca.sources.mapping.model import SourceMapping


def read_whole(
    snapshot: "SourceSnapshot",
    mapping: "SourceMapping",
    entity: str,
    folder: Path,
    bounds: Bounds = ANY,
) -> Extract:
    """Read every row of one entity into ``<entity>.read``, and refused rows into ``<entity>.bad``.

    Raises:
        SourceProblem: it cannot be read completely, or the source's own totals differ from what
            came.
    """
    wanted = mapping.entity(entity)
    stream = snapshot.bulk(entity, wanted.query)
    columns = checked_columns(mapping.source, entity, stream.columns)
    # Codes that only another night's rows could be held against need not be told apart here.
    cleaner = Cleaner.of(
        mapping,
        entity,
        columns,
        bounds,
        [by for by in GROUPED[entity] if by == "currency"],
    )
    answer = _ask_early(snapshot, wanted.query, stream, cleaner)
    good = ParquetFile(folder / f"{entity}.read", schema.ENTITIES[entity], schema.KEYS[entity])
    bad = ParquetFile(folder / f"{entity}.bad", schema.QUARANTINE)
    with good, bad:
        for chunk in stream.chunks:
            cleaned = cleaner.clean(chunk)
            good.write(cleaned.rows)
            bad.write(cleaned.quarantine)
    there = read_control_totals(snapshot, mapping, entity, cleaner, answer)
    compare(mapping.source, entity, there, cleaner)
    return Extract(
        entity=entity,
        rows=table_of(good.path),
        refused=bad.path,
        count=cleaner.rows_read,
        ready=good.path if good.ordered else None,
        totals=cleaning_notes(cleaner) | as_totals(cleaner, there),
    )


def _ask_early(
    snapshot: "SourceSnapshot", query: str, stream: "Stream[Rows | BulkTable]", cleaner: Cleaner
) -> "Callable[[], list[GroupTotals]] | None":
    """Have the control totals asked for while the last rows are still cleaned.

    Returns:
        What waits for them; ``None`` where rows do not come in bulk.
    """
    if stream.afterwards is None:
        return None
    adds = stream.kinds.get("amount") in ("whole", "decimal")
    return stream.afterwards(lambda: ask_totals(snapshot, query, cleaner, adds))
