"""The few figures that a finance director reads first, each with its value a month earlier."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from cobranca.reports.figures import ZERO, Pack, effective_aging, of_currency, sum_amounts
from cobranca.reports.report_rows import AllowanceRow, PositionRow
from cobranca.reports.table_rows import Position, is_whole_month, newest, positions, share

if TYPE_CHECKING:
    from datetime import date

Dated = TypeVar("Dated", bound=PositionRow)


@dataclass(frozen=True)
class Indicator:
    """One figure; what cannot be known yet is ``None``.

    ``kind`` is as in a table's column. ``before`` is the value at the end of the month before.
    ``better`` says which way is good: "up", "down" or none.
    """

    name: str
    label: str
    kind: str
    value: Decimal | None
    before: Decimal | None
    better: str = ""
    hint: str = ""


def indicators(pack: Pack, currency: str) -> list[Indicator]:
    """The indicators of one currency."""
    now, before = _position_and_before(positions(pack, currency))
    dso, dso_before = _row_and_before(of_currency(pack.tables["dso"], currency))
    months = [
        row["cei"] for row in of_currency(pack.tables["cei"], currency) if is_whole_month(row)
    ]
    cei_before, cei = [None, None, *months][-2:]
    allowance, allowance_before = allowances(pack, currency)
    due = sum_amounts(row["amount_due"] for row in effective_aging(pack, currency))
    return [
        Indicator(
            "open",
            "A receber (saldo)",
            "money",
            now.open_amount if now else ZERO,
            before.open_amount if before else None,
        ),
        Indicator("due", "Devido com multa e juros", "money", due, None),
        Indicator(
            "overdue",
            "Vencido",
            "money",
            now.overdue_amount if now else ZERO,
            before.overdue_amount if before else None,
            "down",
        ),
        Indicator(
            "overdue_share",
            "% vencido",
            "share",
            now.overdue_share if now else None,
            before.overdue_share if before else None,
            "down",
        ),
        Indicator(
            "dso",
            "DSO",
            "days",
            dso["dso_countback"] if dso else None,
            dso_before["dso_countback"] if dso_before else None,
            "down",
            "contagem regressiva, dias",
        ),
        Indicator(
            "cei", "CEI", "percent", cei, cei_before, "up", "último mês completo, máximo 100"
        ),
        Indicator(
            "allowance", "PDD", "money", allowance, allowance_before, "down", "matriz de provisão"
        ),
        Indicator(
            "coverage",
            "PDD sobre o saldo",
            "share",
            _coverage(allowance, now),
            _coverage(allowance_before, before),
            "down",
        ),
    ]


def allowances(pack: Pack, currency: str) -> tuple[Decimal | None, Decimal | None]:
    """The allowance on the business date and at the end of the month before.

    It is ``None`` without enough history.
    """
    dates: dict[date, list[AllowanceRow]] = {}
    for row in of_currency(pack.tables["allowance"], currency):
        dates.setdefault(row["as_of_date"], []).append(row)
    values = [
        None
        if any(row["allowance"] is None for row in dates[as_of])
        else sum_amounts(row["allowance"] for row in dates[as_of])
        for as_of in sorted(dates)[-2:]
    ]
    return (values[-1] if values else None, values[-2] if len(values) > 1 else None)


def _coverage(allowance: Decimal | None, position: Position | None) -> Decimal | None:
    if allowance is None or position is None:
        return None
    return share(allowance, position.open_amount)


def _position_and_before(found: Sequence[Position]) -> tuple[Position | None, Position | None]:
    """The position on the business date and at the newest month end before it."""
    now = next((one for one in found if one.is_business_date), None)
    earlier = [one for one in found if not one.is_business_date]
    return now, max(earlier, key=lambda one: one.as_of_date, default=None)


def _row_and_before(rows: Iterable[Dated]) -> tuple[Dated | None, Dated | None]:
    """The row of the business date and that of the newest month end before it."""
    found = list(rows)
    now = next((row for row in found if row["is_business_date"]), None)
    earlier = newest(row for row in found if not row["is_business_date"])
    return now, (earlier[0] if earlier else None)
