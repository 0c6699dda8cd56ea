"""Read only what changed since the landing before, and land the whole state all the same.

A source's ``incremental: {column: updated_at, lookback_days: 3}`` has this done for an entity:

1. rows changed since the previous landing's watermark less the look-back are read, rows without a
   date of change too, and every row that was in quarantine then;
2. rows that landed with such a date (or none) and did not come again have left the source, or
   their date of change went back (deleted and entered anew, restored from a backup): they are
   looked up by key;
3. all of these replace the rows of the same keys in the previous landing;
4. the source counts and adds for itself, in the same snapshot, by currency, status and due date
   (payments by kind and date). Where that differs, something left, came in or was moved unnoticed:
   all keys are read and compared, what is gone is dropped, what is unknown is read;
5. where it still differs, and every ``full_every_days`` business dates, everything is read, as on
   the first night.

So each landing is complete by itself and has the very bytes that a full read would have given. What
only a full read notices: a row whose date of change was before the look-back and still is, changed
in something else than what step 4 adds up by.
"""

import hashlib
import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca import schema
from cobranca.errors import PartitionError
from cobranca.landing.finalize import Extract, open_sorter
from cobranca.landing.full_read import read_whole
from cobranca.landing.landing_context import LandingContext
from cobranca.landing.merge_changes import ChangedEntity, FullReadNeeded, PreviousState
from cobranca.partitions.landing_totals import AS_STORED, READING, RULES, WATERMARK, WHOLE_ON
from cobranca.partitions.manifest import hard_link
from cobranca.sources.cleaning.version import CLEANING_RULES_VERSION

if TYPE_CHECKING:
    from cobranca.sources.drivers.stream import SourceSnapshot
    from cobranca.sources.mapping.model import Incremental


def read_entity(
    snapshot: "SourceSnapshot", context: LandingContext, entity: str, folder: Path
) -> Extract:
    """The complete present state of one entity, by reading as little of it as is safe.

    Raises:
        SourceProblem: it cannot be read completely, or the source's own totals differ even from a
            full read.
    """
    mapping, business_date = context.mapping, context.business_date
    wanted = mapping.entity(entity).incremental
    if wanted is None:
        return read_whole(snapshot, mapping, entity, folder, context.bounds)
    rules = _rules(context, entity, wanted)
    try:
        before = _before(context, entity, wanted, folder, rules)
        changed = ChangedEntity(mapping, entity, wanted, before, context.bounds)
        extract = changed.read(snapshot, folder)
        marks = {READING: "changes", WHOLE_ON: before.whole_on.isoformat()}
    except FullReadNeeded as reason:
        extract = read_whole(snapshot, mapping, entity, folder, context.bounds)
        marks = {READING: f"whole: {reason}", WHOLE_ON: business_date.isoformat()}
    watermark = _watermark(extract, wanted.column, business_date, folder)
    if watermark is not None:
        marks[WATERMARK] = watermark.isoformat()
    return replace(extract, totals={**extract.totals, **marks, RULES: rules})


def _rules(context: LandingContext, entity: str, incremental: "Incremental") -> str:
    """A fingerprint of everything that decides how a row of this entity lands.

    Another fingerprint makes rows of an earlier landing unusable.
    """
    wanted, bounds = context.mapping.entity(entity), context.bounds
    digest = hashlib.sha256()
    parts = [
        CLEANING_RULES_VERSION,
        wanted.query,
        list(context.mapping.hundredths(entity)),
        incremental.column,
        bounds.latest_due.year - context.business_date.year,
        str(bounds.largest_amount),
        [[name, str(rate)] for name, rate in bounds.highest_rates],
        schema.LONGEST_ID,
    ]
    digest.update(json.dumps(parts).encode())
    digest.update(str(schema.ENTITIES[entity]).encode())
    return digest.hexdigest()[:16]


def _before(
    context: LandingContext, entity: str, incremental: "Incremental", folder: Path, rules: str
) -> PreviousState:
    """The previous landing's files of one entity, linked so that they cannot vanish meanwhile.

    Raises:
        FullReadNeeded: they cannot serve.
    """
    if context.previous is None:
        raise FullReadNeeded("there is no landing before")
    source = context.mapping.source
    names = [f"{source}/{entity}.parquet", f"{source}/{entity}__quarantine.parquet"]
    try:
        entries = [context.previous.entry(name) for name in names]
    except PartitionError:
        raise FullReadNeeded("the landing before has none of it") from None
    totals = entries[0].totals
    if totals.get(RULES) != rules:
        raise FullReadNeeded("the landing before was read by other rules")
    if WATERMARK not in totals:
        raise FullReadNeeded("the landing before has no date of change")
    whole_on, every = date.fromisoformat(totals[WHOLE_ON]), incremental.full_every_days
    if (context.business_date - whole_on).days >= every:
        raise FullReadNeeded(f"every {every} days")
    landed, quarantine = folder / f"{entity}.before.read", folder / f"{entity}.before.bad"
    for entry, place in zip(entries, (landed, quarantine), strict=True):
        _hold(context.previous.folder / entry.name, place)
        if entry.sha256 != hashlib.sha256(place.read_bytes()).hexdigest():
            raise FullReadNeeded("the landing before was changed after it was written")
    return PreviousState(
        landed=landed,
        quarantine=quarantine,
        watermark=datetime.fromisoformat(totals[WATERMARK]),
        whole_on=whole_on,
        as_stored=frozenset(totals[AS_STORED].split(", ")),
    )


def _hold(path: Path, place: Path) -> None:
    try:
        hard_link(path, place)
    except FileNotFoundError:
        raise FullReadNeeded("the landing before is gone") from None


def _watermark(extract: Extract, column: str, business_date: date, folder: Path) -> datetime | None:
    """The latest change that landed.

    A date of change in the future is a typing error and says nothing about the others.
    """
    limit = business_date + timedelta(days=2)
    with open_sorter(folder) as database:
        query = f"select max({column})::timestamp from {extract.rows} where {column} < '{limit}'"
        latest: datetime | None = database.execute(query).fetchall()[0][0]
    return latest
