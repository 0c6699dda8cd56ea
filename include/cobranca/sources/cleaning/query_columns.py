"""Check the columns that a source's query returns against the contract."""

from collections.abc import Sequence

from cobranca import schema
from cobranca.sources.source_problem import SourceProblem


def checked_columns(source: str, entity: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The query's columns: each is known, none comes twice, and none that is required is missing.

    Raises:
        SourceProblem: otherwise, naming source, entity, column and cure.
    """
    where = f"source '{source}', {entity}"
    known = [name for name in schema.ENTITIES[entity].names if name not in schema.OURS]
    for name in columns:
        if name not in known:
            cure = f"rename it in the query or leave it out (known: {', '.join(known)})"
            raise SourceProblem(where, f"unknown column '{name}'", cure)
        if list(columns).count(name) > 1:
            raise SourceProblem(
                where, f"column '{name}' comes twice", "keep one of them in the query"
            )
    for name in schema.REQUIRED[entity]:
        if name not in columns:
            raise SourceProblem(
                where,
                f"required column '{name}' is missing",
                f"have the query return it (... as {name})",
            )
    return tuple(columns)
