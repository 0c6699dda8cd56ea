"""A quick look at every source without landing anything: can it be reached, and does each query fit?"""

from dataclasses import dataclass

from cobranca.errors import ConfigError
from cobranca.settings import Settings
from cobranca.sources.clean import Cleaner, checked_columns
from cobranca.sources.engine import Snapshot, open_snapshot
from cobranca.sources.mapping import ENTITY_NAMES, SourceMapping, load_mappings
from cobranca.sources.problem import SourceProblem

SAMPLE_ROWS = 50


@dataclass(frozen=True)
class CheckRow:
    """One line of the table that ``cobranca check`` prints; all well when ``problem`` is empty.

    ``entity`` is empty where the source as a whole has the problem. ``quarantined`` counts the sampled rows that
    landing would not accept as they are.
    """

    source: str
    entity: str
    columns: tuple[str, ...] = ()
    rows: int = 0
    quarantined: int = 0
    problem: str = ""
    cure: str = ""


def check(settings: Settings) -> list[CheckRow]:
    """Reach each source and read the first rows of each query.

    Every problem of a database is a row of the answer, so that one visit shows them all.

    Raises:
        ConfigError: a source's file is invalid.
    """
    rows: list[CheckRow] = []
    for mapping in load_mappings(settings).values():
        try:
            with open_snapshot(mapping) as snapshot:
                rows += [_check_entity(snapshot, mapping, entity) for entity in ENTITY_NAMES]
        except SourceProblem as error:
            rows.append(CheckRow(mapping.source, "", problem=error.problem, cure=error.cure))
        except ConfigError as error:
            problem, _, cure = str(error).rstrip(".").partition("; ")
            rows.append(CheckRow(mapping.source, "", problem=problem, cure=cure))
    return rows


def _check_entity(snapshot: Snapshot, mapping: SourceMapping, entity: str) -> CheckRow:
    wanted = mapping.entity(entity)
    columns: tuple[str, ...] = ()
    try:
        with snapshot.alone():
            stream = snapshot.stream(entity, snapshot.first_rows(wanted.query, SAMPLE_ROWS))
            columns = checked_columns(mapping.source, entity, stream.columns)
            cleaner = Cleaner(mapping.source, entity, columns, wanted.cents)
            quarantined = sum(cleaner.clean(chunk).quarantine.num_rows for chunk in stream.chunks)
    except SourceProblem as error:
        return CheckRow(mapping.source, entity, columns, problem=error.problem, cure=error.cure)
    return CheckRow(mapping.source, entity, columns, cleaner.rows_read, quarantined)
