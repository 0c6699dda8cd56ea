"""The first pass over one entity: read, cleaned, written as it comes, and held against the source's own totals."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca import schema
from cobranca.sources.clean import ANY, GROUPED, Bounds, Cleaner, Group, checked_columns
from cobranca.sources.keys import AS_STORED
from cobranca.sources.parquet import ParquetFile
from cobranca.sources.problem import SourceProblem
from cobranca.sources.settle import Extract, table_of

if TYPE_CHECKING:
    from cobranca.sources.engine import Snapshot
    from cobranca.sources.mapping import SourceMapping

Groups = dict[tuple[str, ...], Group]
WHOLE = ("",)


def read_whole(snapshot: "Snapshot", mapping: "SourceMapping", entity: str, folder: Path, bounds: Bounds = ANY) -> Extract:
    """Read every row of one entity into ``<entity>.read`` and ``<entity>.bad``; what is out of bounds goes to the latter.

    Raises:
        SourceProblem: it cannot be read completely, or the source's own totals differ from what came.
    """
    wanted = mapping.entity(entity)
    stream = (getattr(snapshot, "bulk", None) or snapshot.stream)(entity, wanted.query)
    columns = checked_columns(mapping.source, entity, stream.columns)
    cleaner = Cleaner(mapping.source, entity, columns, wanted.cents, bounds)
    good = ParquetFile(folder / f"{entity}.read", schema.ENTITIES[entity], schema.KEYS[entity])
    bad = ParquetFile(folder / f"{entity}.bad", schema.QUARANTINE)
    with good, bad:
        for chunk in stream.chunks:
            cleaned = cleaner.clean(chunk)
            good.write(cleaned.rows)
            bad.write(cleaned.quarantine)
    compare(mapping.source, entity, asked(snapshot, mapping, entity, cleaner), cleaner)
    return Extract(
        entity=entity,
        rows=table_of(good.path),
        refused=bad.path,
        count=cleaner.rows_read,
        ready=good.path if good.ordered else None,
        totals=noted(cleaner),
    )


def asked(snapshot: "Snapshot", mapping: "SourceMapping", entity: str, cleaner: Cleaner) -> Groups:
    """The control totals as the source itself counts and adds them, under the same codes as the cleaner's.

    The sum is asked for only where the database adds exactly: not for floats, text, or a column that holds NaN.
    """
    wanted = mapping.entity(entity)
    by = tuple(name for name in GROUPED[entity] if name in cleaner.columns)
    amount = ("amount", "abs(amount)") if entity != "customers" and cleaner.adds_exactly else ()
    groups: Groups = {}
    if not hasattr(snapshot, "totals"):  # files and what is beside a database count as a whole
        rows, total = snapshot.control(entity, wanted.query)
        total = Decimal(total or 0) if amount else Decimal(0)
        return {WHOLE: Group(rows, total / 100 if "amount" in wanted.cents else total)}
    for values, rows, totals in snapshot.totals(entity, wanted.query, by, amount):
        raw = dict(zip(by, values, strict=True))
        group = groups.setdefault(tuple(cleaner.code(name, raw.get(name)) for name in GROUPED[entity]), Group())
        group.rows += rows
        total, size = (Decimal(total or 0) / (100 if "amount" in wanted.cents else 1) for total in (*totals, 0, 0)[:2])
        group.amount += total
        group.size += size
    return groups


def compare(source: str, entity: str, expected: Groups, cleaner: Cleaner) -> None:
    """Hold what the source counted against what was read, in total and in each currency.

    Raises:
        SourceProblem: they differ, so rows were lost on the way.
    """
    where = f"source '{source}', {entity}"
    cure = "run this step again; if it stays, the query gives another result each time and must be made stable"
    rows = sum(group.rows for group in expected.values())
    if rows != cleaner.rows_read:
        raise SourceProblem(where, f"the source counts {rows} rows, {cleaner.rows_read} were read", cure)
    if entity == "customers" or not cleaner.adds_exactly:
        return
    there, here = sums(entity, expected), sums("" if WHOLE in expected else entity, cleaner.groups)
    if there != here:
        raise SourceProblem(where, f"the source's amounts add up to {_told(there)}, those read to {_told(here)}", cure)


def sums(entity: str, groups: Groups) -> dict[str, Decimal]:
    """Amounts by currency, sorted; those of payments, whose queries name no currency, under an empty one."""
    found: dict[str, Decimal] = {}
    for codes, group in sorted(groups.items()):
        currency = codes[0] if entity == "receivables" else ""
        found[currency] = found.get(currency, Decimal(0)) + group.amount
    return {currency: amount for currency, amount in found.items() if amount}


def _told(amounts: dict[str, Decimal]) -> str:
    return ", ".join(f"{amount} {currency}".strip() for currency, amount in amounts.items()) or "0"


def noted(cleaner: Cleaner) -> dict[str, str]:
    """What cleaning has to say in the manifest entry."""
    noted = {}
    if cleaner.entity != "customers":
        noted["source_control"] = "compared" if cleaner.adds_exactly else "rows only"
    stored = [name for name in cleaner.columns if name.endswith("_id") and not cleaner.repairs[f"{name} trimmed"]]
    noted[AS_STORED] = ", ".join(sorted(stored))
    noted |= {f"note {name}": str(count) for name, count in sorted(cleaner.notes.items())}
    return noted | {f"repaired {name}": str(count) for name, count in sorted(cleaner.repairs.items())}
