"""Whether a source still has the columns it had: what is lost or retyped stops the landing, what is new is noted.

Each landing records the columns that every query gave, with a broad type, and a fingerprint of the query. The next one is
held against it before a single row is read:

- a column that is gone, or has become something else, stops the source, named;
- a new column that the contract knows is read, and one that it does not know is left out; both are noted;
- where the query itself was changed, the difference was meant, and is only noted.

Engines that do not tell types (SQLite, CSV files) are held to their names alone.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cobranca import schema
from cobranca.manifest import FileEntry, Manifest
from cobranca.sources.mapping import ENTITY_NAMES, EntityMapping, SourceMapping
from cobranca.sources.problem import SourceProblem

if TYPE_CHECKING:
    from cobranca.sources.engine import Snapshot

# Names in a manifest entry's totals.
COLUMNS, QUERY, NEW, LEFT_OUT, GONE = "columns", "columns query", "columns new", "columns left out", "columns gone"


@dataclass(frozen=True)
class Shape:
    """The columns that one entity's query gives, name → broad type (empty where the engine does not tell), and notes.

    ``query`` is the fingerprint of what was asked. ``new`` and ``gone`` differ from the landing before; ``left_out`` are
    new as well, and unknown to the contract.
    """

    columns: dict[str, str]
    query: str
    new: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def totals(self) -> dict[str, str]:
        """As a manifest entry keeps it."""
        told = {COLUMNS: ", ".join(f"{name} {kind}".strip() for name, kind in sorted(self.columns.items())), QUERY: self.query}
        notes = {NEW: self.new, LEFT_OUT: self.left_out, GONE: self.gone}
        return told | {name: ", ".join(columns) for name, columns in notes.items() if columns}


def compared(snapshot: "Snapshot", mapping: SourceMapping, previous: Manifest | None) -> tuple[SourceMapping, dict[str, Shape]]:
    """The mapping to read with, and what each entity's query gives now.

    In the mapping that comes back, queries leave out new columns that the contract does not know.

    Raises:
        SourceProblem: a column was lost or changed its type since the landing before.
    """
    shapes, queries = {}, {}
    for entity in ENTITY_NAMES:
        queries[entity], shapes[entity] = compared_entity(
            snapshot, mapping, entity, shape_before(previous, mapping.source, entity)
        )
    entities = {entity: mapping.entity(entity).model_copy(update={"query": query}) for entity, query in queries.items()}
    return mapping.model_copy(update={"entities": mapping.entities.model_copy(update=entities)}), shapes


def compared_entity(snapshot: "Snapshot", mapping: SourceMapping, entity: str, before: Shape | None) -> tuple[str, Shape]:
    """The query to ask for one entity, and what it gives.

    Raises:
        SourceProblem: as for :func:`compared`.
    """
    wanted = mapping.entity(entity)
    found = snapshot.columns(entity, wanted.query)
    names = [name.lower() for name in found]
    now = Shape({name.lower(): kind for name, kind in found.items()}, fingerprint(wanted))
    if before is None:
        return wanted.query, now
    gone = tuple(name for name in before.columns if name not in names)
    if before.query != now.query:
        return wanted.query, replace(now, new=_new(now, before), gone=gone)
    where = f"source '{mapping.source}', {entity}"
    cure = "have the source give it again, or change the query in the source's file if that is meant"
    if gone:
        raise SourceProblem(where, f"column{'s' if len(gone) > 1 else ''} {_named(gone)} came last time and is gone", cure)
    for name, kind in now.columns.items():
        was = before.columns.get(name)
        if was and kind and was != kind:
            raise SourceProblem(where, f"column '{name}' was {was} last time and is {kind} now", cure)
    unknown = [name for name in names if name not in before.columns and name not in schema.ENTITIES[entity].names]
    query = wanted.query
    if unknown:
        query = snapshot.only(query, [name for name in found if name.lower() not in unknown])
        now = replace(now, columns={name: kind for name, kind in now.columns.items() if name not in unknown})
    return query, replace(now, new=_new(now, before), left_out=tuple(unknown))


def known_columns(snapshot: "Snapshot", entity: str, query: str) -> str:
    """The query without columns that the contract does not know: landing is where those are refused or noted."""
    found = snapshot.columns(entity, query)
    known = [name for name in found if name.lower() in schema.ENTITIES[entity].names]
    return query if len(known) == len(found) else snapshot.only(query, known)


def shape_before(previous: Manifest | None, source: str, entity: str) -> Shape | None:
    """What the landing before recorded of one entity; ``None`` where there is nothing to compare with."""
    name = f"{source}/{entity}.parquet"
    totals = next((entry.totals for entry in previous.files if entry.name == name), {}) if previous else {}
    if COLUMNS not in totals:
        return None
    pairs = (item.partition(" ") for item in totals[COLUMNS].split(", "))
    return Shape({column: kind for column, _, kind in pairs}, totals.get(QUERY, ""))


def noted(entries: Iterable[FileEntry], shapes: dict[str, Shape]) -> list[FileEntry]:
    """The manifest entries with what was found of each entity's columns."""
    return [
        replace(entry, totals=dict(entry.totals) | shapes[entity].totals())
        if (entity := entry.name.rpartition("/")[2].removesuffix(".parquet")) in shapes
        else entry
        for entry in entries
    ]


def fingerprint(wanted: EntityMapping) -> str:
    """Changes with whatever the author wrote about where the rows come from."""
    said = wanted.model_dump_json(exclude={"incremental"})
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _new(now: Shape, before: Shape) -> tuple[str, ...]:
    return tuple(name for name in now.columns if name not in before.columns)


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
