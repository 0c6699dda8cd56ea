"""Render the finance workbook: one sheet for each report.

It holds real numbers and real dates. Totals are formulas that already hold their value.
"""

import io
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from cobranca.reports import wording
from cobranca.reports.figures import Pack
from cobranca.reports.report_rows import Row
from cobranca.reports.report_tables import (
    NUMBERS,
    TABLES,
    Column,
    Table,
    as_label,
    as_number,
)
from cobranca.reports.table_rows import rows_of, shown

# xlsxwriter has no types; these names say what a parameter is.
XlsxFile = Any
Worksheet = Any
Format = Any

_FORMATS = {
    "count": "#,##0",
    "share": "0.0%",
    "days": "#,##0.0",
    "percent": "#,##0.0",
    "date": "dd/mm/yyyy",
    "month": "mm/yyyy",
}
_WIDTHS = {
    "money": 19,
    "count": 12,
    "share": 13,
    "days": 14,
    "percent": 11,
    "date": 13,
    "month": 12,
    "reason": 46,
    "person": 40,
}
FIRST_ROW = 4  # the table's header; above it stand the title, the date and a note


def render_workbook(pack: Pack) -> bytes:
    """The workbook's bytes; the same pack always gives the same."""
    import xlsxwriter

    target = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(target, options) as book:
        book.set_properties(
            {
                "title": f"{_title(pack)} {wording.day(pack.business_date)}",
                "comments": f"Lote {pack.batch_id}",
                "created": datetime.combine(pack.business_date, time()),
            }
        )
        formats = _Formats(book)
        _summary(book, formats, pack)
        for table in (shown(table, pack) for table in TABLES):
            _sheet(book, formats, pack, table)
        _definitions(book, formats)
    return target.getvalue()


def _title(pack: Pack) -> str:
    whose = f" · {pack.creditor_name}" if pack.creditor_name else ""
    return f"Relatório financeiro de cobrança{whose}"


class _Formats:
    """Cell formats by kind, currency and place, made once each."""

    def __init__(self, book: XlsxFile) -> None:
        self._book = book
        self._made: dict[tuple[str, str, bool], Format] = {}

    def get(self, kind: str, currency: str = "", total: bool = False) -> Format:
        """The format of a cell; ``total`` for the last lines of a sheet."""
        key = (kind, currency if kind == "money" else "", total)
        if key not in self._made:
            options: dict[str, object] = {
                "font_name": "Calibri",
                "font_size": 10,
                "valign": "vcenter",
            }
            if kind == "money":
                sign = f'"{wording.symbol(currency)} "' if currency else ""
                options["num_format"] = f"{sign}#,##0.00;[Red]-{sign}#,##0.00"
            elif kind in _FORMATS:
                options["num_format"] = _FORMATS[kind]
            if kind in ("date", "month"):
                options["align"] = "left"
            if total:
                options |= {"bold": True, "top": 1, "bg_color": "#EEF2F6"}
            options |= _SPECIAL.get(kind, {})
            self._made[key] = self._book.add_format(options)
        return self._made[key]


_HEADER: dict[str, object] = {
    "bold": True,
    "font_color": "#FFFFFF",
    "bg_color": "#2F6690",
    "text_wrap": True,
    "border": 1,
    "border_color": "white",
}
_SPECIAL: dict[str, dict[str, object]] = {
    "title": {"bold": True, "font_size": 15, "font_color": "#1F2A37"},
    "note": {"font_color": "#5B6775", "italic": True},
    "header": _HEADER,
    "number header": _HEADER | {"align": "right"},
    "wrapped": {"text_wrap": True, "valign": "top"},
    "term": {"bold": True, "text_wrap": True, "valign": "top"},
}


def _summary(book: XlsxFile, formats: _Formats, pack: Pack) -> None:
    from cobranca.reports.indicators import indicators

    sheet = book.add_worksheet("Resumo")
    _heading(
        sheet,
        formats,
        _title(pack),
        pack,
        "Um bloco por moeda; moedas não são somadas.",
    )
    sheet.set_column(0, 0, 10)
    sheet.set_column(1, 1, 40)
    sheet.set_column(2, 3, 22)
    line = FIRST_ROW
    for column, label in enumerate(("Moeda", "Indicador", "Valor", "Fim do mês anterior")):
        sheet.write_string(line, column, label, formats.get("header"))
    for currency in pack.currencies:
        for indicator in indicators(pack, currency):
            line += 1
            sheet.write_string(line, 0, currency, formats.get("text"))
            sheet.write_string(line, 1, indicator.label, formats.get("text"))
            chosen = formats.get(indicator.kind, currency)
            _write(sheet, (line, 2), indicator.value, indicator.kind, chosen)
            _write(sheet, (line, 3), indicator.before, indicator.kind, chosen)
    _page_setup(sheet, line, 3)


def _sheet(book: XlsxFile, formats: _Formats, pack: Pack, table: Table) -> None:
    sheet = book.add_worksheet(table.sheet)
    _heading(sheet, formats, table.title, pack, table.note)
    columns = (Column("currency", "Moeda"), *table.columns)
    for number, column in enumerate(columns):
        sheet.write_string(
            FIRST_ROW,
            number,
            column.label,
            formats.get("number header" if column.kind in NUMBERS else "header"),
        )
        sheet.set_column(
            number, number, _WIDTHS.get(column.kind, 24 if column.kind != "text" or number else 10)
        )
    line = FIRST_ROW
    for currency in pack.currencies:
        for row in rows_of(pack, table, currency):
            line += 1
            for number, column in enumerate(columns):
                chosen = formats.get(column.kind, currency)
                _write(sheet, (line, number), row[column.name], column.kind, chosen)
    last = line
    if any(column.total for column in columns):
        line = _totals(sheet, formats, pack, table, columns, last)
    sheet.autofilter(FIRST_ROW, 0, max(last, FIRST_ROW + 1), len(columns) - 1)
    sheet.set_row(FIRST_ROW, 32)
    _page_setup(sheet, line, len(columns) - 1)


def _totals(
    sheet: Worksheet,
    formats: _Formats,
    pack: Pack,
    table: Table,
    columns: tuple[Column, ...],
    last: int,
) -> int:
    """One total for each currency (and group) below the table, as SUMIFS over it."""
    from xlsxwriter.utility import xl_rowcol_to_cell

    names = [column.name for column in columns]
    line = last + 1
    for currency in pack.currencies:
        for group, rows in _groups(table, rows_of(pack, table, currency)):
            line += 1
            chosen: dict[str, object] = {
                "currency": currency,
                **dict(zip(table.total_by, group, strict=True)),
            }
            sums = table.total(rows)
            criteria = "".join(
                f",{_range(names.index(name), last)},{xl_rowcol_to_cell(line, names.index(name))}"
                for name in chosen
            )
            for number, column in enumerate(columns):
                style = formats.get(column.kind, currency, True)
                if column.name in sums:
                    formula = f"=SUMIFS({_range(number, last)}{criteria})"
                    sheet.write_formula(line, number, formula, style, float(sums[column.name]))
                elif column.name in chosen:
                    _write(sheet, (line, number), chosen[column.name], column.kind, style)
                elif number == len(chosen):
                    sheet.write_string(line, number, "Total", formats.get("text", total=True))
                else:
                    sheet.write_blank(line, number, None, formats.get("text", total=True))
    return line


def _groups(table: Table, rows: Sequence[Row]) -> list[tuple[tuple[object, ...], list[Row]]]:
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in table.total_by), []).append(row)
    return list(groups.items())


def _range(column: int, last: int) -> str:
    from xlsxwriter.utility import xl_range_abs

    cells: str = xl_range_abs(FIRST_ROW + 1, column, last, column)
    return cells


def _write(
    sheet: Worksheet, place: tuple[int, int], value: object, kind: str, style: Format
) -> None:
    """Write one cell; ``place`` is its line and column.

    A cell's number is the nearest double; up to 15 digits it shows the exact cents.
    """
    if value is None:
        sheet.write_blank(*place, None, style)
    elif kind in NUMBERS:
        sheet.write_number(*place, float(as_number(value)), style)
    elif isinstance(value, date):
        sheet.write_datetime(*place, datetime.combine(value, time()), style)
    else:
        sheet.write_string(*place, as_label(value, kind), style)


def _heading(sheet: Worksheet, formats: _Formats, title: str, pack: Pack, note: str) -> None:
    sheet.write_string(0, 0, title, formats.get("title"))
    sheet.write_string(
        1,
        0,
        f"Data de referência: {wording.day(pack.business_date)} · lote {pack.batch_id}",
        formats.get("note"),
    )
    if note:
        sheet.write_string(2, 0, note, formats.get("note"))
    sheet.set_row(0, 24)
    sheet.freeze_panes(FIRST_ROW + 1, 0)
    sheet.hide_gridlines(2)


def _definitions(book: XlsxFile, formats: _Formats) -> None:
    sheet = book.add_worksheet("Definições")
    sheet.write_string(0, 0, "Definições e fontes", formats.get("title"))
    sheet.set_row(0, 24)
    for column, (label, width) in enumerate(
        (("Termo", 32), ("O que significa aqui", 92), ("Fonte", 42))
    ):
        sheet.write_string(2, column, label, formats.get("header"))
        sheet.set_column(column, column, width)
    for line, (term, meaning, source) in enumerate(wording.DEFINITIONS, start=3):
        sheet.write_string(line, 0, term, formats.get("term"))
        sheet.write_string(line, 1, meaning, formats.get("wrapped"))
        sheet.write_string(line, 2, source, formats.get("wrapped"))
        sheet.set_row(line, 15 * (1 + len(meaning) // 95))
    sheet.hide_gridlines(2)
    _page_setup(sheet, 3 + len(wording.DEFINITIONS), 2, header=2)


def _page_setup(
    sheet: Worksheet, last_line: int, last_column: int, header: int = FIRST_ROW
) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(header)
    sheet.print_area(0, 0, last_line, last_column)
    sheet.set_footer("&L&A&RPágina &P de &N")
