"""Parts of the finance page: cells, tables, blocks and sections."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cobranca.reports import wording
from cobranca.reports.report_rows import Row
from cobranca.reports.report_tables import Table, as_text

# Kinds whose cells stand to the right.
_RIGHT = ("money", "count", "share", "days", "percent", "auc")


@dataclass(frozen=True)
class Cell:
    """One cell as text."""

    text: str
    right: bool = False
    heading: bool = False


@dataclass(frozen=True)
class ShownTable:
    """A table as the page shows it."""

    caption: str
    head: list[Cell]
    body: list[list[Cell]]
    foot: list[list[Cell]] = field(default_factory=list)
    note: str = ""
    empty: str = ""


@dataclass(frozen=True)
class Block:
    """A plot with its table below it, or either alone."""

    table: ShownTable | None = None
    plot: str = ""
    caption: str = ""


@dataclass(frozen=True)
class PageSection:
    """One section of the page, with its tables and plots."""

    name: str
    title: str
    lead: str
    blocks: list[Block]


def plot_title(what: str, currency: str) -> str:
    """The title of a plot for screen readers."""
    return f"{what}, em {currency}; os valores estão na tabela."


def shown_table(
    table: Table, rows: Sequence[Row], currency: str, *, empty: str = "", note: str = ""
) -> ShownTable:
    """A table as text; its first column heads the row, and what can be added up is."""
    head = [Cell(column.label, column.kind in _RIGHT) for column in table.columns]
    body = [
        [
            Cell(as_text(row[column.name], column.kind), column.kind in _RIGHT, number == 0)
            for number, column in enumerate(table.columns)
        ]
        for row in rows
    ]
    sums = table.total(rows)
    foot = []
    if sums and rows:
        foot.append(
            [
                Cell(as_text(sums[column.name], column.kind), True)
                if column.name in sums
                else Cell("Total" if number == 0 else "", heading=number == 0)
                for number, column in enumerate(table.columns)
            ]
        )
    has_money = body and any(column.kind == "money" for column in table.columns)
    caption = f"{table.title} (valores em {wording.symbol(currency)})" if has_money else table.title
    return ShownTable(
        caption, head, body, foot, (note or table.note) if body else "", empty or "Sem dados."
    )
