"""Rows of the finance tables, with the columns that only a reader needs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from cobranca.aging import NOT_DUE, SETTLED
from cobranca.reports import wording
from cobranca.reports.figures import ZERO, Pack, of_currency, sum_amounts
from cobranca.reports.report_rows import DatedRow, DebtorRow, DecisionRow, RollRateRow, Row
from cobranca.reports.report_tables import EVOLUTION, Column, Table

Dated = TypeVar("Dated", bound=DatedRow)


def rows_of(pack: Pack, table: Table, currency: str) -> Sequence[Row]:
    """The rows of one table in one currency, with the columns that only a reader needs."""
    return _ROWS[table.key](pack, currency)


def shown(table: Table, pack: Pack) -> Table:
    """The table with the columns that the night's aging bands give it."""
    if table is not EVOLUTION:
        return table
    bands = [Column(band, wording.band_heading(band), "money") for band in pack.bands]
    return replace(table, columns=(table.columns[0], *bands, *table.columns[1:]))


@dataclass(frozen=True)
class Position:
    """The portfolio of one currency at one date, by aging band."""

    currency: str
    as_of_date: date
    is_business_date: bool
    bands: dict[str, Decimal]

    @property
    def open_amount(self) -> Decimal:
        """All that is open."""
        return sum(self.bands.values(), ZERO)

    @property
    def overdue_amount(self) -> Decimal:
        """What is past due."""
        return self.open_amount - self.bands[NOT_DUE]

    @property
    def overdue_share(self) -> Decimal | None:
        """The fraction that is past due."""
        return share(self.overdue_amount, self.open_amount)

    def as_row(self) -> Row:
        """The position as a row of the table of the evolution, one column a band."""
        return {
            "currency": self.currency,
            "as_of_date": self.as_of_date,
            **self.bands,
            "open_amount": self.open_amount,
            "overdue_amount": self.overdue_amount,
            "overdue_share": self.overdue_share,
        }


def positions(pack: Pack, currency: str) -> list[Position]:
    """The portfolio at each month end and at the business date, the oldest first."""
    found: dict[date, Position] = {}
    for row in of_currency(pack.tables["trend"], currency):
        position = found.setdefault(
            row["as_of_date"],
            Position(currency, row["as_of_date"], row["is_business_date"], {}),
        )
        position.bands[row["aging_band"]] = row["open_amount"]
    return list(found.values())


class ShownDebtor(DebtorRow):
    """A debtor with its share of all that is overdue."""

    overdue_share: Decimal | None


class ShownDecision(DecisionRow):
    """A decision with its share of all that is open."""

    open_share: Decimal | None


def debtors(pack: Pack, currency: str) -> list[ShownDebtor]:
    """The largest debtors of one currency."""
    return [
        ShownDebtor(**row, overdue_share=share(row["open_amount"], row["overdue_total"]))
        for row in of_currency(pack.tables["debtors"], currency)
    ]


def decisions(pack: Pack, currency: str) -> list[ShownDecision]:
    """The decisions of the night in one currency."""
    rows = of_currency(pack.tables["decisions"], currency)
    total = sum_amounts(row["open_amount"] for row in rows)
    return [ShownDecision(**row, open_share=share(row["open_amount"], total)) for row in rows]


def _reconciliation(pack: Pack, currency: str) -> list[Row]:
    rows = of_currency(pack.tables["reconciliation"], currency)
    truth = next((row["open_amount"] for row in rows if row["place"] == "Títulos em aberto"), ZERO)
    return [{**row, "difference": row["open_amount"] - truth} for row in rows]


def share(part: Decimal, total: Decimal) -> Decimal | None:
    """A fraction with four places, or nothing of nothing."""
    return (part / total).quantize(Decimal("0.0001")) if total else None


def is_whole_month(row: DatedRow) -> bool:
    """Whether the row's date ends its month, as the business date itself may."""
    return (row["as_of_date"] + timedelta(days=1)).day == 1


def newest(rows: Iterable[Dated], full_month: bool = False) -> list[Dated]:
    """The rows of the newest date, or of the newest whole month."""
    candidates = [row for row in rows if not full_month or is_whole_month(row)]
    last = max((row["as_of_date"] for row in candidates), default=None)
    return [row for row in candidates if row["as_of_date"] == last]


def rolled(band: str, rows: Sequence[RollRateRow]) -> Row:
    """What came of the opening balance of one band."""
    opening = rows[0]["opening_amount"]
    settled = sum_amounts(row["rolled_amount"] for row in rows if row["to_band"] == SETTLED)
    worse = sum_amounts(
        row["rolled_amount"]
        for row in rows
        if row["to_band"] != SETTLED and row["to_order"] > row["from_order"]
    )
    return {
        "aging_band": band,
        "opening_amount": opening,
        "settled_share": share(settled, opening),
        "worse_share": share(worse, opening),
        "same_share": share(opening - settled - worse, opening),
    }


_ROWS: dict[str, Callable[[Pack, str], Sequence[Row]]] = {
    "aging": lambda pack, currency: of_currency(pack.tables["aging"], currency),
    "dso": lambda pack, currency: of_currency(pack.tables["dso"], currency),
    "cei": lambda pack, currency: of_currency(pack.tables["cei"], currency),
    "roll_rates": lambda pack, currency: of_currency(pack.tables["roll_rates"], currency),
    "liquidity": lambda pack, currency: of_currency(pack.tables["liquidity"], currency),
    "allowance": lambda pack, currency: of_currency(pack.tables["allowance"], currency),
    "allowance_movement": lambda pack, currency: of_currency(
        pack.tables["allowance_movement"], currency
    ),
    "recovery": lambda pack, currency: of_currency(pack.tables["recovery"], currency),
    "contacts": lambda pack, currency: of_currency(pack.tables["contacts"], currency),
    "promises": lambda pack, currency: of_currency(pack.tables["promises"], currency),
    "ranking": lambda pack, currency: of_currency(pack.tables["ranking"], currency),
    "evolution": lambda pack, currency: [one.as_row() for one in positions(pack, currency)],
    "debtors": debtors,
    "decisions": decisions,
    "reconciliation": _reconciliation,
}
