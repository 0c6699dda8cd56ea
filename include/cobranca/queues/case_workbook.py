"""Write the workbook of the cases: the list, and how many there are of each reason.

Text from sources is written as text, so that nothing in it is ever run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

from cobranca.labels import RESPONSIBLE, may_do, reason
from cobranca.queues.cases import Case, total_text, what, who, why
from cobranca.queues.queue_columns import long_date
from cobranca.queues.workbook_formats import (
    GREEN,
    GREY,
    LIGHT_GREEN,
    Formats,
    Worksheet,
    XlsxFile,
)

SHEET, SUMMARY = "Casos", "Resumo"
TITLE = "Casos para decisão"
HEADER_ROW = 5
LINE_HEIGHT = 14


@dataclass(frozen=True)
class _Column:
    heading: str
    width: float
    kind: str
    value: Callable[[Case], str | Decimal]


def write_case_workbook(
    path: Path, cases: Sequence[Case], business_date: date, company: str
) -> None:
    """Write one XLSX. The same content gives the same bytes."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(path, options) as file:
        file.set_properties(
            {
                "title": TITLE,
                "company": company,
                # The day of the list, not of the writing, so that the same plan gives the same
                # file.
                "created": datetime.combine(business_date, time()),
            }
        )
        file.set_size(2400, 1400)
        formats = Formats(file)
        subtitle = f"{company} · {long_date(business_date)}"
        _write_cases(file, formats, cases, business_date, subtitle)
        _write_summary(file, formats, cases, subtitle)


def _columns(business_date: date) -> tuple[_Column, ...]:
    return (
        _Column("Quem age", 13, "centre", who),
        _Column("Cliente", 34, "wrap", _customer),
        _Column("Por quê", 42, "lines", lambda case: "\n".join(why(case))),
        _Column("O que fazer", 52, "wrap", lambda case: "\n".join(what(case))),
        _Column("Desde", 13, "lines", lambda case: _since(case, business_date)),
        _Column("Dívida", 17, "lines", _debt),
        _Column("Em aberto", 15, "money", lambda case: case.open_amount),
        _Column("Com encargos", 15, "money_bold", lambda case: case.amount_due),
    )


def _customer(case: Case) -> str:
    """The name, and on a line of its own the creditor, where there are several."""
    return f"{case.customer_name}\ncredor: {case.creditor}" if case.creditor else case.customer_name


def _since(case: Case, business_date: date) -> str:
    """``08/11/2026`` and, on a line of its own, how long ago that is."""
    if case.since_on is None:
        return ""
    days = (business_date - case.since_on).days
    ago = "hoje" if days == 0 else f"há {days} {'dia' if days == 1 else 'dias'}"
    return f"{case.since_on:%d/%m/%Y}\n{ago}"


def _debt(case: Case) -> str:
    """``2 títulos`` and, on a line of its own, how late the oldest is."""
    number = f"{case.receivables} {'título' if case.receivables == 1 else 'títulos'}"
    days = case.days_past_due
    return f"{number}\n{days} {'dia' if days == 1 else 'dias'} de atraso"


def _write_cases(
    file: XlsxFile,
    formats: Formats,
    cases: Sequence[Case],
    business_date: date,
    subtitle: str,
) -> None:
    sheet = file.add_worksheet(SHEET)
    columns = _columns(business_date)
    for index, column in enumerate(columns):
        sheet.set_column(index, index, column.width)
    _write_title(sheet, formats, subtitle)
    label = formats(font_size=9, font_color=GREY, bg_color=LIGHT_GREEN, valign="bottom", indent=1)
    value = formats(bold=True, font_size=13, bg_color=LIGHT_GREEN, valign="top", indent=1)
    sheet.set_row(2, 17, formats(bg_color=LIGHT_GREEN))
    sheet.set_row(3, 21, formats(bg_color=LIGHT_GREEN))
    sheet.set_row(4, 6)
    hint = formats(bg_color=LIGHT_GREEN, valign="top", indent=1)
    # The total may run on over the column to its right.
    for index, name, text, style in (
        (0, "Casos", str(len(cases)), value),
        (1, "Total com encargos hoje", total_text(cases), value),
        (3, "Só uma pessoa leva estes casos adiante", "Filtre por quem age", hint),
    ):
        sheet.write_string(2, index, name, label)
        sheet.write_string(3, index, text, style)
    _write_headings(sheet, formats, [column.heading for column in columns], HEADER_ROW)
    last_row = HEADER_ROW + len(cases)
    for number, case in enumerate(cases, 1):
        _write_case(sheet, formats, HEADER_ROW + number, case, columns)
    sheet.autofilter(HEADER_ROW, 0, max(last_row, HEADER_ROW), len(columns) - 1)
    sheet.freeze_panes(HEADER_ROW + 1, 2)
    sheet.set_zoom(90)
    _print_setup(sheet, last_row, len(columns) - 1)
    sheet.repeat_rows(HEADER_ROW)


def _write_case(
    sheet: Worksheet, formats: Formats, line: int, case: Case, columns: Sequence[_Column]
) -> None:
    values = [(column, column.value(case)) for column in columns]
    height = max(_lines(column, str(value)) for column, value in values)
    sheet.set_row(line, LINE_HEIGHT * max(2, height) + 6)
    for index, (column, value) in enumerate(values):
        style = formats.cell(column.kind, case.currency, line % 2 == 1)
        if isinstance(value, Decimal):
            sheet.write_number(line, index, value, style)
        elif column.kind == "lines" and "\n" in value:
            first, rest = value.split("\n", 1)
            sheet.write_rich_string(
                line, index, formats.first_line, first, formats.next_lines, f"\n{rest}", style
            )
        else:
            sheet.write_string(line, index, value, style)


def _lines(column: _Column, text: str) -> int:
    """How many lines a cell needs at its width."""
    return sum(1 + int(len(part) / (column.width * 1.1)) for part in text.split("\n"))


def _write_summary(file: XlsxFile, formats: Formats, cases: Sequence[Case], subtitle: str) -> None:
    """How many cases there are of each main reason, and what they owe, by who acts."""
    sheet = file.add_worksheet(SUMMARY)
    for index, width in enumerate((13, 60, 60, 10, 34)):
        sheet.set_column(index, index, width)
    _write_title(sheet, formats, subtitle)
    headings = ["Quem age", "Motivo principal", "O que fazer", "Casos", "Com encargos"]
    _write_headings(sheet, formats, headings, 3)
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.responsible, case.main_reason), []).append(case)
    for line, ((responsible, code), group) in enumerate(groups.items(), 4):
        striped = line % 2 == 1
        texts = (RESPONSIBLE.get(responsible, responsible), reason(code), may_do(code))
        sheet.set_row(line, LINE_HEIGHT * (1 + max(len(text) // 64 for text in texts[1:])) + 6)
        sheet.write_string(line, 0, texts[0], formats.cell("centre", striped=striped))
        sheet.write_string(line, 1, texts[1], formats.cell("wrap", striped=striped))
        sheet.write_string(line, 2, texts[2], formats.cell("wrap", striped=striped))
        sheet.write_number(line, 3, len(group), formats.cell("count", striped=striped))
        sheet.write_string(line, 4, total_text(group), formats.cell("wrap", striped=striped))
    _print_setup(sheet, 4 + len(groups), len(headings) - 1)


def _write_title(sheet: Worksheet, formats: Formats, subtitle: str) -> None:
    sheet.hide_gridlines(2)
    band = formats(bg_color=GREEN)
    for row, height in ((0, 28), (1, 18)):
        sheet.set_row(row, height, band)
    title = formats(bold=True, font_size=17, font_color="#FFFFFF", bg_color=GREEN, indent=1)
    sheet.write_string(0, 0, TITLE, title)
    small = formats(font_size=10.5, font_color="#DDEBE6", bg_color=GREEN, indent=1)
    sheet.write_string(1, 0, subtitle, small)


def _write_headings(sheet: Worksheet, formats: Formats, headings: Sequence[str], row: int) -> None:
    style = formats(bold=True, font_color="#FFFFFF", bg_color=GREEN, text_wrap=True, align="center")
    sheet.set_row(row, 24)
    for index, heading in enumerate(headings):
        sheet.write_string(row, index, heading, style)


def _print_setup(sheet: Worksheet, last_row: int, last_column: int) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.set_margins(left=0.3, right=0.3, top=0.4, bottom=0.5)
    sheet.fit_to_pages(1, 0)
    sheet.print_area(0, 0, max(last_row, HEADER_ROW), last_column)
    sheet.set_footer("&L&8Contém dados pessoais: uso interno, não reproduzir&R&8Página &P de &N")
