"""Schema drift: whether a source's queries still give the columns that they gave.

Each landing records the columns that every query gave, with a broad type, and a fingerprint of the
query. The next one is held against it before a single row is read:

- a column that is gone, or has become something else, stops the source, named;
- a new column that the contract knows is read, and one that it does not know is left out; both are
  noted;
- where the query itself was changed, the difference was meant, and is only noted.

Engines that do not tell types (SQLite, CSV files) are held to their names alone.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cobranca import schema
from cobranca.partitions.landing_totals import COLUMNS, GONE, LEFT_OUT, NEW, QUERY
from cobranca.partitions.manifest import FileEntry, Manifest
from cobranca.sources.mapping.model import ENTITY_NAMES, EntityMapping, SourceMapping
from cobranca.sources.source_problem import SourceProblem

if TYPE_CHECKING:
    from cobranca.sources.drivers.stream import SourceSnapshot


@dataclass(frozen=True)
class QuerySchema:
    """The columns that one entity's query gives, by name their broad types, and notes.

    A type is empty where the engine does not tell. ``query`` is the fingerprint of what was asked.
    ``new`` and ``gone`` differ from the landing before; ``left_out`` are new as well, and unknown
    to the contract.
    """

    columns: dict[str, str]
    query: str
    new: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def totals(self) -> dict[str, str]:
        """As a manifest entry keeps it."""
        totals = {
            COLUMNS: ", ".join(
                f"{name} {kind}".strip() for name, kind in sorted(self.columns.items())
            ),
            QUERY: self.query,
        }
        notes = {NEW: self.new, LEFT_OUT: self.left_out, GONE: self.gone}
        return totals | {name: ", ".join(columns) for name, columns in notes.items() if columns}


def check_drift(
    snapshot: "SourceSnapshot", mapping: SourceMapping, previous: Manifest | None
) -> tuple[SourceMapping, dict[str, QuerySchema]]:
    """The mapping to read with, and what each entity's query gives now.

    In the mapping that comes back, queries leave out new columns that the contract does not know.

    Raises:
        SourceProblem: a column was lost or changed its type since the landing before.
    """
    shapes, queries = {}, {}
    for entity in ENTITY_NAMES:
        queries[entity], shapes[entity] = check_entity_drift(
            snapshot, mapping, entity, shape_before(previous, mapping.source, entity)
        )
    entities = {
        entity: mapping.entity(entity).model_copy(update={"query": query})
        for entity, query in queries.items()
    }
    return mapping.model_copy(
        update={"entities": mapping.entities.model_copy(update=entities)}
    ), shapes


def check_entity_drift(
    snapshot: "SourceSnapshot", mapping: SourceMapping, entity: str, before: QuerySchema | None
) -> tuple[str, QuerySchema]:
    """The query to ask for one entity, and what it gives.

    Raises:
        SourceProblem: as for :func:`check_drift`.
    """
    wanted = mapping.entity(entity)
    found = snapshot.columns(entity, wanted.query)
    names = [name.lower() for name in found]
    now = QuerySchema({name.lower(): kind for name, kind in found.items()}, fingerprint(wanted))
    if before is None:
        return wanted.query, now
    gone = tuple(name for name in before.columns if name not in names)
    if before.query != now.query:
        return wanted.query, replace(now, new=_new(now, before), gone=gone)
    where = f"source '{mapping.source}', {entity}"
    cure = (
        "have the source give it again, or change the query in the source's file if that is meant"
    )
    if gone:
        raise SourceProblem(
            where,
            f"column{'s' if len(gone) > 1 else ''} {_named(gone)} came last time and is gone",
            cure,
        )
    for name, kind in now.columns.items():
        was = before.columns.get(name)
        if was and kind and was != kind:
            raise SourceProblem(
                where, f"column '{name}' was {was} last time and is {kind} now", cure
            )
    unknown = [
        name
        for name in names
        if name not in before.columns and name not in schema.ENTITIES[entity].names
    ]
    query = wanted.query
    if unknown:
        query = snapshot.only(query, [name for name in found if name.lower() not in unknown])
        now = replace(
            now, columns={name: kind for name, kind in now.columns.items() if name not in unknown}
        )
    return query, replace(now, new=_new(now, before), left_out=tuple(unknown))


def known_columns(snapshot: "SourceSnapshot", entity: str, query: str) -> str:
    """The query without columns that the contract does not know; landing refuses or notes those."""
    found = snapshot.columns(entity, query)
    known = [name for name in found if name.lower() in schema.ENTITIES[entity].names]
    return query if len(known) == len(found) else snapshot.only(query, known)


def shape_before(previous: Manifest | None, source: str, entity: str) -> QuerySchema | None:
    """What the landing before recorded of one entity; ``None`` where it recorded nothing."""
    name = f"{source}/{entity}.parquet"
    entries = previous.files if previous else ()
    totals: Mapping[str, str] = next((one.totals for one in entries if one.name == name), {})
    if COLUMNS not in totals:
        return None
    pairs = (item.partition(" ") for item in totals[COLUMNS].split(", "))
    return QuerySchema({column: kind for column, _, kind in pairs}, totals.get(QUERY, ""))


def annotate(entries: Iterable[FileEntry], shapes: dict[str, QuerySchema]) -> list[FileEntry]:
    """The manifest entries with what was found of each entity's columns."""
    return [
        replace(entry, totals=dict(entry.totals) | shapes[entity].totals())
        if (entity := entry.name.rpartition("/")[2].removesuffix(".parquet")) in shapes
        else entry
        for entry in entries
    ]


def fingerprint(wanted: EntityMapping) -> str:
    """A digest of everything that the source's file says about where the rows come from."""
    text = wanted.model_dump_json(exclude={"incremental"})
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _new(now: QuerySchema, before: QuerySchema) -> tuple[str, ...]:
    return tuple(name for name in now.columns if name not in before.columns)


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
