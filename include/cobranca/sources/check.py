"""Check every source without landing anything.

Can it be reached, and does each query fit? That is the command ``cobranca check``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from cobranca import schema
from cobranca.errors import ConfigError
from cobranca.partitions.manifest import Manifest
from cobranca.settings import Settings
from cobranca.sources import schema_drift
from cobranca.sources.cleaning.bounds import ANY, Bounds
from cobranca.sources.cleaning.cleaner import Cleaner
from cobranca.sources.cleaning.query_columns import checked_columns
from cobranca.sources.drivers.stream import SourceSnapshot
from cobranca.sources.mapping.load import load_mappings
from cobranca.sources.mapping.model import ENTITY_NAMES, SourceMapping
from cobranca.sources.open_snapshot import open_snapshot
from cobranca.sources.rate_check import describe_rates
from cobranca.sources.source_problem import SourceProblem
from cobranca.text_table import ruled_table

SAMPLE_ROWS = 50
HEADER = ("source", "entity", "engine", "columns", "rows tried", "quarantine", "state")
MET_HEADER = ("source", "entity", "column", "rule", "met in the rows tried", "count")


@dataclass(frozen=True)
class CheckRow:
    """One line of the table that ``cobranca check`` prints; all well when ``problem`` is empty.

    ``entity`` is empty where the source as a whole has the problem. ``missing`` are optional
    columns that the query does not return. ``quarantined`` counts the sampled rows that landing
    would not accept as they are, by ``reasons`` (column and reason); ``repairs`` (column and rule)
    the values that it writes differently, ``emptied`` (column and reason) the optional ones that it
    leaves empty. ``rates`` says in words what the rates of fine and interest come to, ``creditors``
    to whom the sampled receivables are owed, as far as the source says so itself. ``moment``
    says in words what a landing is read from, ``notes`` what is new since the last landing.
    """

    source: str
    entity: str
    engine: str = ""
    moment: str = ""
    columns: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    rows: int = 0
    quarantined: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    emptied: Counter[str] = field(default_factory=Counter)
    creditors: Counter[str] = field(default_factory=Counter)
    rates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    cure: str = ""


def check(settings: Settings, business_date: date | None = None) -> list[CheckRow]:
    """Reach each source and read the first rows of each query.

    The rows are held against the limits of the policy of ``business_date``; without a date, only
    against what no policy allows. Every problem of a source is a row of the answer, so that one
    call shows them all.

    Raises:
        ConfigError: a source's file is invalid.
    """
    from cobranca.partitions.landing_partition import previous_landing
    from cobranca.sources.cleaning.bounds import arrival_bounds

    rows: list[CheckRow] = []
    newest = previous_landing(settings, date.max)
    bounds = ANY if business_date is None else arrival_bounds(settings, business_date)
    for mapping in load_mappings(settings).values():
        try:
            with open_snapshot(mapping) as snapshot:
                rows += [
                    _check_entity(snapshot, mapping, entity, newest, bounds)
                    for entity in ENTITY_NAMES
                ]
        except SourceProblem as error:
            rows.append(CheckRow(mapping.source, "", problem=error.problem, cure=error.cure))
        except ConfigError as error:
            problem, _, cure = str(error).rstrip(".").partition("; ")
            rows.append(CheckRow(mapping.source, "", problem=problem, cure=cure))
    return rows


def report(rows: Sequence[CheckRow]) -> str:
    """The rows as a table, what was met in them as a second one, and below what fits in neither."""
    lines = [ruled_table(HEADER, [_line(row) for row in rows])]
    met = [found for row in rows for found in _met(row)]
    if met:
        lines += ["", ruled_table(MET_HEADER, met)]
    details = [detail for row in rows for detail in _details(row)]
    moments = dict.fromkeys(
        f"{row.source}: one moment by {row.moment}" for row in rows if row.moment
    )
    return "\n".join([*lines, "", *details, *moments]).rstrip()


def _met(row: CheckRow) -> list[tuple[object, ...]]:
    """What landing would put aside, leave empty and rewrite of the sampled rows."""
    kinds = {
        "row to quarantine": row.reasons,
        "value left empty": row.emptied,
        "value rewritten": row.repairs,
    }
    return [
        (row.source, row.entity, *name.split(" ", 1), what, count)
        for what, counts in kinds.items()
        for name, count in counts.most_common()
    ]


def _line(row: CheckRow) -> tuple[object, ...]:
    if row.problem and not row.columns:
        return row.source, row.entity, row.engine, "", None, None, "PROBLEM, see below"
    known = sum(name not in schema.OURS for name in schema.ENTITIES[row.entity].names)
    state = (
        "PROBLEM, see below" if row.problem else "rows for quarantine" if row.quarantined else "ok"
    )
    return (
        row.source,
        row.entity,
        row.engine,
        f"{len(row.columns)} of {known}",
        row.rows,
        row.quarantined,
        state,
    )


def _details(row: CheckRow) -> list[str]:
    where = f"{row.source} {row.entity}".strip()
    found = []
    if row.problem:
        found.append(f"PROBLEM {where}: {row.problem}; {row.cure}".removesuffix("; "))
    if row.columns and not row.problem:
        found.append(
            f"columns {where}: {', '.join(row.columns)}"
            + (f"; without {', '.join(row.missing)}" if row.missing else "")
        )
    return (
        found
        + [
            f"creditor {where}: {creditor} ({count} of the rows tried)"
            for creditor, count in row.creditors.most_common()
        ]
        + [f"rates {where}: {rate}" for rate in row.rates]
        + [f"note {where}: {note}" for note in row.notes]
    )


def _check_entity(
    snapshot: SourceSnapshot,
    mapping: SourceMapping,
    entity: str,
    newest: Manifest | None,
    bounds: Bounds,
) -> CheckRow:
    columns: tuple[str, ...] = ()
    reasons: Counter[str] = Counter()
    creditors: Counter[str] = Counter()
    rates: tuple[str, ...] = ()
    try:
        with snapshot.alone():
            before = schema_drift.shape_before(newest, mapping.source, entity)
            query, shape = schema_drift.check_entity_drift(snapshot, mapping, entity, before)
            stream = snapshot.stream(entity, snapshot.first_rows(query, SAMPLE_ROWS))
            columns = checked_columns(mapping.source, entity, stream.columns)
            cleaner = Cleaner.of(mapping, entity, columns, bounds)
            for chunk in stream.chunks:
                cleaned = cleaner.clean(chunk)
                if entity == "receivables":
                    creditors.update(cleaned.rows["creditor"].to_pylist())
                reasons.update(
                    f"{row['column_name']} {row['reason']}"
                    for row in cleaned.quarantine.select(["column_name", "reason"]).to_pylist()
                )
            if entity == "receivables":
                rates = describe_rates(snapshot, mapping, query, columns, bounds)
    except SourceProblem as error:
        return CheckRow(
            mapping.source,
            entity,
            engine=snapshot.engine,
            moment=snapshot.moment,
            columns=columns,
            problem=error.problem,
            cure=error.cure,
        )
    return CheckRow(
        mapping.source,
        entity,
        engine=snapshot.engine,
        moment=snapshot.moment,
        columns=columns,
        missing=tuple(
            name
            for name in schema.ENTITIES[entity].names
            if name not in schema.OURS and name not in columns
        ),
        rows=cleaner.rows_read,
        quarantined=sum(reasons.values()),
        reasons=reasons,
        repairs=cleaner.repairs,
        emptied=cleaner.notes,
        creditors=creditors if len(mapping.creditors) > 1 else Counter(),
        rates=rates,
        notes=tuple(_changes(shape)),
    )


def _changes(shape: schema_drift.QuerySchema) -> list[str]:
    changes = {
        "new since the last landing": shape.new,
        "new since the last landing and left out, since the contract does not know it": (
            shape.left_out
        ),
        "no longer read since the last landing": shape.gone,
    }
    return [f"{what}: {', '.join(names)}" for what, names in changes.items() if names]
