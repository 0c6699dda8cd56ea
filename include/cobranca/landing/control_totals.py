"""Control totals: what a source counts and adds for itself, against what was read of it."""

from collections import defaultdict
from dataclasses import fields
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from cobranca.partitions.landing_totals import (
    AS_STORED,
    EMPTIED,
    REPAIRED,
    SOURCE_LOST,
    SOURCE_ROWS,
    SOURCE_SUM,
)
from cobranca.sources.cleaning.cleaner import Cleaner
from cobranca.sources.cleaning.control_groups import Group, Groups
from cobranca.sources.cleaning.values import CENT, DIGITS
from cobranca.sources.source_problem import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from cobranca.sources.drivers.stream import GroupTotals, SourceSnapshot
    from cobranca.sources.mapping.model import SourceMapping


def ask_totals(
    snapshot: "SourceSnapshot", query: str, cleaner: Cleaner, adds: bool
) -> "list[GroupTotals]":
    """Have the source count its rows by the cleaner's codes and, where it ``adds``, add them up."""
    by = tuple(name for name in cleaner.by if name in cleaner.columns)
    amounts = ("amount", "abs(amount)") if adds and cleaner.entity != "customers" else ()
    return snapshot.totals(cleaner.entity, query, by, amounts)


def read_control_totals(
    snapshot: "SourceSnapshot",
    mapping: "SourceMapping",
    entity: str,
    cleaner: Cleaner,
    answer: "Callable[[], list[GroupTotals]] | None" = None,
) -> Groups:
    """The control totals as the source itself counts and adds, by the cleaner's codes.

    ``answer`` gives them where they have been asked for already. The sum is asked for only where
    the source adds exactly: not for floats, text of a database, or a column that holds NaN.
    """
    wanted = mapping.entity(entity)
    by = [name for name in cleaner.by if name in cleaner.columns]
    ask = answer or (lambda: ask_totals(snapshot, wanted.query, cleaner, cleaner.adds_exactly))
    groups: Groups = {}
    for values, rows, sums in ask():
        totals = sums if cleaner.adds_exactly else ()
        raw = dict(zip(by, values, strict=True))
        group = groups.setdefault(
            tuple(cleaner.code(name, raw.get(name)) for name in cleaner.by), Group()
        )
        group.rows += rows
        with localcontext(prec=DIGITS):
            total, size = (
                Decimal(total or 0) / (100 if "amount" in wanted.cents else 1)
                for total in (*totals, 0, 0)[:2]
            )
            group.amount += total
            group.size += size
    return groups


def compare(source: str, entity: str, expected: Groups, cleaner: Cleaner) -> None:
    """Hold what the source counted and added against what was read, in total and in each currency.

    Raises:
        SourceProblem: they differ, so rows were lost on the way.
    """
    where = f"source '{source}', {entity}"
    cure = (
        "run this step again; if it stays, the query gives another result each time and must "
        "be made stable"
    )
    rows = sum(group.rows for group in expected.values())
    if rows != cleaner.rows_read:
        raise SourceProblem(
            where, f"the source counts {rows} rows, {cleaner.rows_read} were read", cure
        )
    there, here = by_currency(entity, expected), by_currency(entity, cleaner.groups)
    if any(there[currency].rows != here[currency].rows for currency in here | there):
        raise SourceProblem(
            where, f"the source counts {_counted(there)} rows, read were {_counted(here)}", cure
        )
    if not cleaner.adds_exactly or all(
        there[currency].amount == here[currency].amount for currency in here
    ):
        return
    raise SourceProblem(
        where, f"the source's amounts add up to {_added(there)}, those read to {_added(here)}", cure
    )


def by_currency(entity: str, groups: Groups) -> defaultdict[str, Group]:
    """Totals by currency, sorted.

    Those of customers and payments, whose queries name no currency, stand under an empty one.
    """
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
    return (
        ", ".join(
            f"{group.amount} {currency}".strip()
            for currency, group in groups.items()
            if group.amount
        )
        or "0"
    )


def as_totals(cleaner: Cleaner, there: Groups) -> dict[str, str]:
    """What the source itself counted and added, for the manifest entry.

    Of payments every amount counts as positive, as they land.
    """
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
    """An amount with two places, and with more only where they are needed.

    Every engine pads its sums in its own way.
    """
    with localcontext(prec=DIGITS):
        cents = amount.quantize(CENT)
        return str(cents) if cents == amount else f"{amount.normalize():f}"


def cleaning_notes(cleaner: Cleaner) -> dict[str, str]:
    """What cleaning has to say in the manifest entry."""
    notes = {}
    if cleaner.entity != "customers":
        notes["source_control"] = "compared" if cleaner.adds_exactly else "rows only"
    stored = [
        name
        for name in cleaner.columns
        if name.endswith("_id") and not cleaner.repairs[f"{name} trimmed"]
    ]
    notes[AS_STORED] = ", ".join(sorted(stored))
    notes |= {f"{EMPTIED}{name}": str(count) for name, count in sorted(cleaner.notes.items())}
    return notes | {
        f"{REPAIRED}{name}": str(count) for name, count in sorted(cleaner.repairs.items())
    }
