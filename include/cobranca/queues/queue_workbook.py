"""Write one agent's workbook: the queue, the scripts and the result codes.

It is made for the screen and for paper. Every cell for an answer is unlocked and in one colour;
everything else is protected against slips (there is no password). Text from sources is written as
text, so that nothing in it is ever run as a formula or followed as a link.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path

from cobranca.policy.agents import RESERVE
from cobranca.policy.outcome_codes import OutcomeCode
from cobranca.queues.answer_rules import AnswerCells, column_letters, write_answer_rules
from cobranca.queues.guide_sheets import write_codes, write_scripts
from cobranca.queues.queue_columns import (
    ANSWER_COLUMNS,
    COLUMNS,
    KEY,
    SHEET,
    QueueColumn,
    long_date,
    totals_text,
)
from cobranca.queues.queue_row import QueueRow
from cobranca.queues.scripts import scripts_for
from cobranca.queues.workbook_formats import (
    GREEN,
    GREY,
    INK,
    LIGHT_GREEN,
    Formats,
    Worksheet,
    XlsxFile,
)

HEADER_ROW = 5
# Headings of the columns that stay in sight while scrolling to the right.
FROZEN_COLUMNS = 3
# In scripts, where each row names its own creditor.
CREDITOR_OF_ROW = "[credor, mostrado abaixo do nome do cliente]"
LINE_HEIGHT = 14


@dataclass(frozen=True)
class Workbook:
    """What one workbook is made from; ``rows`` stand in the order of the calls."""

    agent_id: str
    agent_name: str
    business_date: date
    company: str
    rows: list[QueueRow]
    codes: tuple[OutcomeCode, ...]
    joined: Mapping[str, list[QueueRow]] = field(default_factory=dict)
    """The lines of other creditors on a call, by the call's key."""

    @property
    def lines(self) -> list[QueueRow]:
        """Every line to answer: each call, and below it those who share it."""
        return [
            line for row in self.rows for line in (row, *self.joined.get(row["message_key"], ()))
        ]

    @property
    def is_of_one_creditor(self) -> bool:
        """Whether all calls are for the company that the heading names."""
        return not any("creditor_name" in row for row in self.rows)

    @property
    def is_reserve(self) -> bool:
        """Whether it is the list of the cases that no agent has room for."""
        return self.agent_id == RESERVE


def write_workbook(path: Path, book: Workbook) -> None:
    """Write one XLSX. The same content gives the same bytes."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(path, options) as file:
        file.set_properties(
            {
                "title": f"Fila de ligações de {book.agent_name}",
                "company": book.company,
                # The day of the queue, not of the writing, so that the same plan gives the same
                # file.
                "created": datetime.combine(book.business_date, time()),
            }
        )
        file.set_size(2400, 1400)
        formats = Formats(file)
        _write_queue(file, formats, book)
        company = book.company if book.is_of_one_creditor else CREDITOR_OF_ROW
        scripts = scripts_for(book.lines, None if book.is_reserve else book.agent_name, company)
        write_scripts(file, formats, scripts)
        write_codes(file, formats, book.codes)


def _write_queue(file: XlsxFile, formats: Formats, book: Workbook) -> None:
    sheet = file.add_worksheet(SHEET)
    columns = COLUMNS + ANSWER_COLUMNS
    last_column = len(columns)
    first_row, last_row = HEADER_ROW + 1, HEADER_ROW + len(book.lines)
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 4, None, {"hidden": True})
    for index, column in enumerate(columns, 1):
        sheet.set_column(index, index, column.width)
    _write_heading(sheet, formats, book, first_row, last_row)
    heading = formats(
        bold=True, font_color="#FFFFFF", bg_color=GREEN, text_wrap=True, align="center"
    )
    answer_heading = formats(
        bold=True, font_color=INK, bg_color="#F0DE8C", text_wrap=True, align="center"
    )
    sheet.set_row(HEADER_ROW, 32)
    sheet.write_string(HEADER_ROW, 0, KEY, heading)
    for index, column in enumerate(columns, 1):
        sheet.write_string(
            HEADER_ROW,
            index,
            column.heading,
            answer_heading if column in ANSWER_COLUMNS else heading,
        )
    for number, row in enumerate(book.lines):
        _write_row(sheet, formats, first_row + number, row, striped=number % 2 == 1)
    if book.rows:
        most = max(row["max_installments"] or 1 for row in book.lines)
        cells = AnswerCells(book.business_date, book.codes, most, first_row, last_row)
        write_answer_rules(sheet, formats, cells)
    _print_setup(sheet, last_row, last_column)
    sheet.freeze_panes(HEADER_ROW + 1, FROZEN_COLUMNS)
    sheet.set_selection(first_row, 1 + len(COLUMNS), first_row, 1 + len(COLUMNS))
    sheet.set_zoom(90)
    sheet.protect("", {"format_columns": True, "format_rows": True, "select_locked_cells": True})


def _write_heading(
    sheet: Worksheet, formats: Formats, book: Workbook, first_row: int, last_row: int
) -> None:
    band = formats(bg_color=GREEN)
    for row, height in ((0, 28), (1, 18)):
        sheet.set_row(row, height, band)
    title = "Fila de reserva" if book.is_reserve else f"Fila de ligações – {book.agent_name}"
    sheet.write_string(
        0,
        1,
        title,
        formats(bold=True, font_size=17, font_color="#FFFFFF", bg_color=GREEN, indent=1),
    )
    day = long_date(book.business_date)
    sheet.write_string(
        1,
        1,
        f"{book.company} · {day}",
        formats(font_size=10.5, font_color="#DDEBE6", bg_color=GREEN, indent=1),
    )
    label = formats(font_size=9, font_color=GREY, bg_color=LIGHT_GREEN, valign="bottom", indent=1)
    value = formats(bold=True, font_size=13, bg_color=LIGHT_GREEN, valign="top", indent=1)
    sheet.set_row(2, 17, formats(bg_color=LIGHT_GREEN))
    sheet.set_row(3, 21, formats(bg_color=LIGHT_GREEN))
    sheet.set_row(4, 6)
    answered = 1 + len(COLUMNS)
    facts = (
        (1, "Casos", str(len(book.lines))),
        (2, "Total em aberto", totals_text(book.lines, "open_amount")),
        (3, "Total com encargos hoje", totals_text(book.lines, "amount_due")),
    )
    for column, name, text in facts:
        sheet.write_string(2, column, name, label)
        sheet.write_string(3, column, text, value)
    sheet.write_string(2, answered, "Casos tratados", label)
    if book.rows:
        cells = (
            f"{column_letters(answered)}{first_row + 1}:{column_letters(answered)}{last_row + 1}"
        )
        of_all = f" de {len(book.lines)}"
        sheet.write_formula(3, answered, f'=COUNTA({cells})&"{of_all}"', value, f"0{of_all}")
    sheet.write_string(2, answered + 2, "Como responder", label)
    sheet.write_string(
        3,
        answered + 2,
        "Preencha as colunas amarelas, salve e devolva o arquivo.",
        formats(font_size=10, bg_color=LIGHT_GREEN, valign="top", indent=1),
    )


def _write_row(
    sheet: Worksheet, formats: Formats, line: int, row: QueueRow, *, striped: bool
) -> None:
    values = [(column, column.value(row)) for column in COLUMNS]
    sheet.set_row(
        line, LINE_HEIGHT * max(2, *(_lines(column, value) for column, value in values)) + 6
    )
    sheet.write_string(line, 0, row["message_key"], formats.key)
    for index, (column, value) in enumerate(values, 1):
        style = formats.cell(column.kind, row["currency"], striped)
        if value is None or value == "":
            sheet.write_blank(line, index, None, style)
        elif isinstance(value, str) and column.kind == "lines" and "\n" in value:
            first, rest = value.split("\n", 1)
            sheet.write_rich_string(
                line, index, formats.first_line, first, formats.next_lines, f"\n{rest}", style
            )
        elif isinstance(value, str):
            sheet.write_string(line, index, value, style)
        else:
            sheet.write_number(line, index, value, style)
    for index, column in enumerate(ANSWER_COLUMNS, 1 + len(COLUMNS)):
        sheet.write_blank(line, index, None, formats.cell(column.kind, row["currency"]))


def _lines(column: QueueColumn, value: object) -> int:
    """How many lines a cell needs at its width."""
    if column.kind not in {"wrap", "lines"}:
        return 1
    letters = column.width * (1.25 if column.kind == "lines" else 1.1)
    return sum(1 + int(len(part) / letters) for part in str(value).split("\n"))


def _print_setup(sheet: Worksheet, last_row: int, last_column: int) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.set_margins(left=0.3, right=0.3, top=0.4, bottom=0.5)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(HEADER_ROW)
    sheet.print_area(0, 0, max(last_row, HEADER_ROW), last_column)
    sheet.set_footer("&L&8Contém dados pessoais: uso interno, não reproduzir&R&8Página &P de &N")
