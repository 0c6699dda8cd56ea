"""The first pass over one entity: read, cleaned, written as it comes, and held against the source's own totals."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca import schema
from cobranca.sources.clean import ANY, CENT, DIGITS, GROUPED, Bounds, Cleaner, Group, checked_columns
from cobranca.sources.keys import AS_STORED
from cobranca.sources.parquet import ParquetFile
from cobranca.sources.problem import SourceProblem
from cobranca.sources.settle import Extract, table_of

if TYPE_CHECKING:
    from cobranca.sources.engine import Snapshot, Stream
    from cobranca.sources.mapping import SourceMapping

Groups = dict[tuple[str, ...], Group]
Totals = list[tuple[tuple, int, list[Decimal | float | None]]]
# Names in a manifest entry's totals, each followed by the currency where the entity has one: what the source itself counted
# and added in the landing's own moment, and what of that no landed column can hold (finer than a cent, too large).
SOURCE_ROWS, SOURCE_SUM, SOURCE_LOST = "source rows", "source sum", "source sum not landable"


def read_whole(snapshot: "Snapshot", mapping: "SourceMapping", entity: str, folder: Path, bounds: Bounds = ANY) -> Extract:
    """Read every row of one entity into ``<entity>.read`` and ``<entity>.bad``; what is out of bounds goes to the latter.

    Raises:
        SourceProblem: it cannot be read completely, or the source's own totals differ from what came.
    """
    wanted = mapping.entity(entity)
    stream = (getattr(snapshot, "bulk", None) or snapshot.stream)(entity, wanted.query)
    columns = checked_columns(mapping.source, entity, stream.columns)
    # Codes that only another night's rows could be held against need not be told apart here.
    cleaner = Cleaner(mapping.source, entity, columns, wanted.cents, bounds, [by for by in GROUPED[entity] if by == "currency"])
    answer = _ask_early(snapshot, wanted.query, stream, cleaner)
    good = ParquetFile(folder / f"{entity}.read", schema.ENTITIES[entity], schema.KEYS[entity])
    bad = ParquetFile(folder / f"{entity}.bad", schema.QUARANTINE)
    with good, bad:
        for chunk in stream.chunks:
            cleaned = cleaner.clean(chunk)
            good.write(cleaned.rows)
            bad.write(cleaned.quarantine)
    there = asked(snapshot, mapping, entity, cleaner, answer)
    compare(mapping.source, entity, there, cleaner)
    return Extract(
        entity=entity,
        rows=table_of(good.path),
        refused=bad.path,
        count=cleaner.rows_read,
        ready=good.path if good.ordered else None,
        totals=noted(cleaner) | stated(cleaner, there),
    )


def _ask_early(snapshot: "Snapshot", query: str, stream: "Stream", cleaner: Cleaner) -> Callable[[], Totals] | None:
    """Have the control totals asked for while the last rows are still cleaned; ``None`` where rows do not come in bulk."""
    if stream.afterwards is None:
        return None
    adds = stream.kinds.get("amount") in ("whole", "decimal")
    return stream.afterwards(lambda: _totals(snapshot, query, cleaner, adds))


def _totals(snapshot: "Snapshot", query: str, cleaner: Cleaner, adds: bool) -> Totals:
    by = tuple(name for name in cleaner.by if name in cleaner.columns)
    amounts = ("amount", "abs(amount)") if adds and cleaner.entity != "customers" else ()
    return snapshot.totals(cleaner.entity, query, by, amounts)


def asked(
    snapshot: "Snapshot",
    mapping: "SourceMapping",
    entity: str,
    cleaner: Cleaner,
    answer: Callable[[], Totals] | None = None,
) -> Groups:
    """The control totals as the source itself counts and adds them, under the same codes as the cleaner's.

    ``answer`` gives them where they have been asked for already.
    The sum is asked for only where the source adds exactly: not for floats, text of a database, or a column that holds NaN.
    """
    wanted = mapping.entity(entity)
    by = [name for name in cleaner.by if name in cleaner.columns]
    found = answer() if answer else _totals(snapshot, wanted.query, cleaner, cleaner.adds_exactly)
    groups: Groups = {}
    for values, rows, totals in found:
        totals = totals if cleaner.adds_exactly else ()
        raw = dict(zip(by, values, strict=True))
        group = groups.setdefault(tuple(cleaner.code(name, raw.get(name)) for name in cleaner.by), Group())
        group.rows += rows
        with localcontext(prec=DIGITS):
            total, size = (Decimal(total or 0) / (100 if "amount" in wanted.cents else 1) for total in (*totals, 0, 0)[:2])
            group.amount += total
            group.size += size
    return groups


def compare(source: str, entity: str, expected: Groups, cleaner: Cleaner) -> None:
    """Hold what the source counted and added against what was read, in total and in each currency.

    Raises:
        SourceProblem: they differ, so rows were lost on the way.
    """
    where = f"source '{source}', {entity}"
    cure = "run this step again; if it stays, the query gives another result each time and must be made stable"
    rows = sum(group.rows for group in expected.values())
    if rows != cleaner.rows_read:
        raise SourceProblem(where, f"the source counts {rows} rows, {cleaner.rows_read} were read", cure)
    there, here = by_currency(entity, expected), by_currency(entity, cleaner.groups)
    if any(there[currency].rows != here[currency].rows for currency in here | there):
        raise SourceProblem(where, f"the source counts {_counted(there)} rows, read were {_counted(here)}", cure)
    if not cleaner.adds_exactly or all(there[currency].amount == here[currency].amount for currency in here):
        return
    raise SourceProblem(where, f"the source's amounts add up to {_added(there)}, those read to {_added(here)}", cure)


def by_currency(entity: str, groups: Groups) -> defaultdict[str, Group]:
    """Totals by currency, sorted; those of customers and payments, whose queries name no currency, under an empty one."""
    found: defaultdict[str, Group] = defaultdict(Group)
    for codes, group in sorted(groups.items()):
        one = found[codes[0] if entity == "receivables" else ""]
        with localcontext(prec=DIGITS):
            for field in fields(Group):
                setattr(one, field.name, getattr(one, field.name) + getattr(group, field.name))
    return found


def _counted(groups: dict[str, Group]) -> str:
    return ", ".join(f"{group.rows} {currency}".strip() for currency, group in groups.items())


def _added(groups: dict[str, Group]) -> str:
    return ", ".join(f"{group.amount} {currency}".strip() for currency, group in groups.items() if group.amount) or "0"


def stated(cleaner: Cleaner, there: Groups) -> dict[str, str]:
    """What the source itself counted and added, for the manifest entry; of payments every amount as positive, as they land."""
    found = {}
    read = by_currency(cleaner.entity, cleaner.groups)
    signed = cleaner.entity == "receivables"
    for currency, group in by_currency(cleaner.entity, there).items():
        found[f"{SOURCE_ROWS} {currency}".strip()] = str(group.rows)
        if cleaner.entity == "customers" or not cleaner.adds_exactly:
            continue
        found[f"{SOURCE_SUM} {currency}".strip()] = _written(group.amount if signed else group.size)
        lost = read[currency].lost if signed else read[currency].lost_size
        if lost:
            found[f"{SOURCE_LOST} {currency}".strip()] = _written(lost)
    return found


def _written(amount: Decimal) -> str:
    """With two places, and with more only where they are needed: every engine pads its sums in its own way."""
    with localcontext(prec=DIGITS):
        cents = amount.quantize(CENT)
        return str(cents) if cents == amount else f"{amount.normalize():f}"


def noted(cleaner: Cleaner) -> dict[str, str]:
    """What cleaning has to say in the manifest entry."""
    noted = {}
    if cleaner.entity != "customers":
        noted["source_control"] = "compared" if cleaner.adds_exactly else "rows only"
    stored = [name for name in cleaner.columns if name.endswith("_id") and not cleaner.repairs[f"{name} trimmed"]]
    noted[AS_STORED] = ", ".join(sorted(stored))
    noted |= {f"note {name}": str(count) for name, count in sorted(cleaner.notes.items())}
    return noted | {f"repaired {name}": str(count) for name, count in sorted(cleaner.repairs.items())}
