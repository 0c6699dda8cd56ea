"""One agent's workbook: the queue, the scripts and the result codes, ready for the screen and for paper.

Everything an agent answers is unlocked and in one colour; everything else is protected against slips (there is no
password). Text from sources is written as text, so that nothing in it is ever run as a formula or followed as a link.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from cobranca.money import SYMBOLS
from cobranca.policy.model import OutcomeCode
from cobranca.queues.columns import (
    AMOUNT,
    ANSWER_COLUMNS,
    COLUMNS,
    DELAY_REASONS,
    INSTALLMENTS,
    KEY,
    PROMISED_ON,
    RESULT,
    SHEET,
    Column,
    format_rate,
    long_date,
    totals_text,
)
from cobranca.queues.scripts import Script, scripts_for

# Promises further away than this are agreements.
LONGEST_PROMISE_DAYS = 90
GREEN, LIGHT_GREEN, GREY, PAPER, YELLOW, RED, INK = (
    "#1F5C4A",
    "#E6F1ED",
    "#6B7672",
    "#F7F9F8",
    "#FFF8DC",
    "#F8D0C8",
    "#22302B",
)
FONT = "Calibri"
HEADER_ROW = 5
# Headings of the columns that stay in sight while scrolling to the right.
FROZEN_COLUMNS = 3
LINE_HEIGHT = 14


@dataclass(frozen=True)
class Workbook:
    """What one workbook is made from. ``rows`` are rows of ``out_call_queue`` in the order of the calls."""

    agent_id: str
    agent_name: str
    business_date: date
    company: str
    rows: list[dict]
    codes: tuple[OutcomeCode, ...]

    @property
    def is_reserve(self) -> bool:
        return self.agent_id == "reserva"


def write_workbook(path: Path, book: Workbook) -> None:
    """Write one XLSX. The same content gives the same bytes."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(path, options) as file:
        file.set_properties(
            {
                "title": f"Fila de ligações de {book.agent_name}",
                "company": book.company,
                # The day of the queue, not of the writing, so that the same plan gives the same file.
                "created": datetime.combine(book.business_date, time()),
            }
        )
        file.set_size(2400, 1400)
        formats = _Formats(file)
        _write_queue(file, formats, book)
        scripts = scripts_for(book.rows, None if book.is_reserve else book.agent_name, book.company)
        _write_scripts(file, formats, scripts)
        _write_codes(file, formats, book)


class _Formats:
    """Formats by name, made once a file."""

    def __init__(self, file) -> None:
        self._file = file
        self._made: dict[tuple, object] = {}
        self._cells: dict[tuple, object] = {}
        self.key = self()
        self.first_line = self(bold=True)
        self.next_lines = self(font_size=9, font_color=GREY)

    def __call__(self, **properties) -> object:
        properties = {"font_name": FONT, "font_size": 10, "font_color": INK, "valign": "vcenter", **properties}
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._file.add_format(properties)
        return self._made[key]

    def cell(self, kind: str, currency: str = "BRL", striped: bool = False) -> object:
        """The format of a cell by the kind of its column."""
        key = (kind, currency, striped)
        if key not in self._cells:
            self._cells[key] = self._cell(kind, currency, striped)
        return self._cells[key]

    def _cell(self, kind: str, currency: str, striped: bool) -> object:
        symbol = SYMBOLS.get(currency, currency)
        base = {"bottom": 4, "bottom_color": "#C9D3CF"}
        if kind.startswith("answer"):
            base |= {"bg_color": YELLOW, "locked": False, "border": 1, "border_color": "#E3D9A8"}
        elif striped:
            base |= {"bg_color": PAPER}
        kind = kind.removeprefix("answer_")
        if kind in {"wrap", "lines"}:
            base |= {"text_wrap": True, "indent": 1, "quote_prefix": True}
        if kind in {"centre", "count", "date"}:
            base |= {"align": "center"}
        if kind == "date":
            base |= {"num_format": "dd/mm/yyyy"}
        if kind.startswith("money"):
            # Locale 416 is Brazilian Portuguese.
            base |= {"num_format": f"[${symbol}-416] #,##0.00", "align": "right", "bold": kind == "money_bold"}
        if kind == "count":
            base |= {"num_format": "0"}
        return self(**base)


def _write_queue(file, formats: _Formats, book: Workbook) -> None:
    sheet = file.add_worksheet(SHEET)
    columns = COLUMNS + ANSWER_COLUMNS
    last_column = len(columns)
    first_row, last_row = HEADER_ROW + 1, HEADER_ROW + len(book.rows)
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 4, None, {"hidden": True})
    for index, column in enumerate(columns, 1):
        sheet.set_column(index, index, column.width)
    _write_heading(sheet, formats, book, last_column, first_row, last_row)
    heading = formats(bold=True, font_color="#FFFFFF", bg_color=GREEN, text_wrap=True, align="center")
    answer_heading = formats(bold=True, font_color=INK, bg_color="#F0DE8C", text_wrap=True, align="center")
    sheet.set_row(HEADER_ROW, 32)
    sheet.write_string(HEADER_ROW, 0, KEY, heading)
    for index, column in enumerate(columns, 1):
        sheet.write_string(HEADER_ROW, index, column.heading, answer_heading if column in ANSWER_COLUMNS else heading)
    for number, row in enumerate(book.rows):
        _write_row(sheet, formats, first_row + number, row, striped=number % 2 == 1)
    _validate_answers(sheet, formats, book, first_row, last_row)
    _print_setup(sheet, last_row, last_column)
    sheet.freeze_panes(HEADER_ROW + 1, FROZEN_COLUMNS)
    sheet.set_selection(first_row, 1 + len(COLUMNS), first_row, 1 + len(COLUMNS))
    sheet.set_zoom(90)
    sheet.protect("", {"format_columns": True, "format_rows": True, "select_locked_cells": True})


def _write_heading(sheet, formats: _Formats, book: Workbook, last_column: int, first_row: int, last_row: int) -> None:
    band = formats(bg_color=GREEN)
    for row, height in ((0, 28), (1, 18)):
        sheet.set_row(row, height, band)
    title = "Fila de reserva" if book.is_reserve else f"Fila de ligações – {book.agent_name}"
    sheet.write_string(0, 1, title, formats(bold=True, font_size=17, font_color="#FFFFFF", bg_color=GREEN, indent=1))
    day = long_date(book.business_date)
    sheet.write_string(1, 1, f"{book.company} · {day}", formats(font_size=10.5, font_color="#DDEBE6", bg_color=GREEN, indent=1))
    label = formats(font_size=9, font_color=GREY, bg_color=LIGHT_GREEN, valign="bottom", indent=1)
    value = formats(bold=True, font_size=13, bg_color=LIGHT_GREEN, valign="top", indent=1)
    sheet.set_row(2, 17, formats(bg_color=LIGHT_GREEN))
    sheet.set_row(3, 21, formats(bg_color=LIGHT_GREEN))
    sheet.set_row(4, 6)
    answered = 1 + len(COLUMNS)
    facts = (
        (1, "Casos", str(len(book.rows))),
        (2, "Total em aberto", totals_text(book.rows, "open_amount")),
        (3, "Total com encargos hoje", totals_text(book.rows, "amount_due")),
        (6, "Alçada", _limits(book)),
    )
    for column, name, text in facts:
        sheet.write_string(2, column, name, label)
        sheet.write_string(3, column, text, value)
    sheet.write_string(2, answered, "Casos tratados", label)
    if book.rows:
        cells = f"{_column(answered)}{first_row + 1}:{_column(answered)}{last_row + 1}"
        sheet.write_formula(3, answered, f'=COUNTA({cells})&" de {len(book.rows)}"', value, f"0 de {len(book.rows)}")
    sheet.write_string(2, answered + 2, "Como responder", label)
    sheet.write_string(
        3,
        answered + 2,
        "Preencha as colunas amarelas, salve e devolva o arquivo.",
        formats(font_size=10, bg_color=LIGHT_GREEN, valign="top", indent=1),
    )


def _limits(book: Workbook) -> str:
    row = book.rows[0] if book.rows else None
    if book.is_reserve or row is None or row["max_discount_rate"] is None or row["max_installments"] is None:
        return "combine com o supervisor"
    return f"desconto de até {format_rate(row['max_discount_rate'])} à vista · até {row['max_installments']} parcelas"


def _write_row(sheet, formats: _Formats, line: int, row: dict, *, striped: bool) -> None:
    values = [(column, column.value(row)) for column in COLUMNS]
    sheet.set_row(line, LINE_HEIGHT * max(2, *(_lines(column, value) for column, value in values)) + 6)
    sheet.write_string(line, 0, row[KEY], formats.key)
    for index, (column, value) in enumerate(values, 1):
        style = formats.cell(column.kind, row["currency"], striped)
        if value is None or value == "":
            sheet.write_blank(line, index, None, style)
        elif column.kind == "lines" and "\n" in value:
            first, rest = value.split("\n", 1)
            sheet.write_rich_string(line, index, formats.first_line, first, formats.next_lines, f"\n{rest}", style)
        elif isinstance(value, str):
            sheet.write_string(line, index, value, style)
        else:
            sheet.write_number(line, index, value, style)
    for index, column in enumerate(ANSWER_COLUMNS, 1 + len(COLUMNS)):
        sheet.write_blank(line, index, None, formats.cell(column.kind, row["currency"]))


def _lines(column: Column, value: object) -> int:
    """How many lines a cell needs at its width."""
    if column.kind not in {"wrap", "lines"}:
        return 1
    letters = column.width * (1.25 if column.kind == "lines" else 1.1)
    return sum(1 + int(len(part) / letters) for part in str(value).split("\n"))


def _validate_answers(sheet, formats: _Formats, book: Workbook, first_row: int, last_row: int) -> None:
    if not book.rows:
        return
    column = {item.heading: index for index, item in enumerate(ANSWER_COLUMNS, 1 + len(COLUMNS))}
    codes_end = _CODES_ROW + len(book.codes)
    reasons_start = codes_end + 4
    installments = max((row["max_installments"] or 1 for row in book.rows), default=1)
    rules = {
        RESULT: {
            "validate": "list",
            "source": f"='{_CODES}'!$A${_CODES_ROW + 1}:$A${codes_end}",
            "input_title": "Resultado",
            "input_message": "Escolha na lista. O que cada código significa está na aba Tabulação.",
        },
        ANSWER_COLUMNS[1].heading: {
            "validate": "list",
            "source": f"='{_CODES}'!$A${reasons_start}:$A${reasons_start + len(DELAY_REASONS) - 1}",
        },
        PROMISED_ON: {
            "validate": "date",
            "criteria": "between",
            "minimum": book.business_date,
            "maximum": book.business_date + timedelta(days=LONGEST_PROMISE_DAYS),
            "input_title": "Data",
            "input_message": "Da promessa, da primeira parcela do acordo ou do retorno combinado.",
        },
        ANSWER_COLUMNS[3].heading: {
            "validate": "decimal",
            "criteria": ">",
            "value": 0,
            "input_title": "Valor",
            "input_message": "Valor total prometido ou do acordo. Em branco numa promessa: o total com encargos.",
        },
        INSTALLMENTS: {
            "validate": "integer",
            "criteria": "between",
            "minimum": 1,
            "maximum": installments,
            "input_title": "Parcelas",
            "input_message": "Só para acordos. 1 é à vista.",
        },
        ANSWER_COLUMNS[5].heading: {
            "validate": "length",
            "criteria": "<=",
            "value": 200,
            "input_title": "Observação",
            "input_message": "Até 200 letras. Não anote documentos, e-mails ou telefones.",
        },
    }
    for heading, rule in rules.items():
        error = {"error_title": heading, "error_message": "Este valor não é aceito aqui. Veja a aba Tabulação."}
        sheet.data_validation(first_row, column[heading], last_row, column[heading], {**error, **rule})
    _mark_answers(sheet, formats, book, column, first_row, last_row)


def _mark_answers(sheet, formats: _Formats, book: Workbook, column: dict[str, int], first_row: int, last_row: int) -> None:
    """A treated case turns green; what its result still needs (date, amount, instalments) turns red while absent."""
    red, green = formats(bg_color=RED), formats(bg_color="#CFE8DC")
    result = f"${_column(column[RESULT])}{first_row + 1}"

    def missing(heading: str, effects: set[str]) -> None:
        wanted = ",".join(f'{result}="{code.code}"' for code in book.codes if code.effect in effects)
        cell = f"{_column(column[heading])}{first_row + 1}"
        if wanted:
            sheet.conditional_format(
                first_row,
                column[heading],
                last_row,
                column[heading],
                {"type": "formula", "criteria": f"=AND(OR({wanted}),ISBLANK({cell}))", "format": red},
            )

    missing(PROMISED_ON, {"promise", "agreement", "scheduled"})
    missing(AMOUNT, {"agreement"})
    missing(INSTALLMENTS, {"agreement"})
    treated = {"type": "formula", "criteria": f"=NOT(ISBLANK({result}))", "format": green}
    sheet.conditional_format(first_row, 1, last_row, 2, treated)


def _print_setup(sheet, last_row: int, last_column: int) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.set_margins(left=0.3, right=0.3, top=0.4, bottom=0.5)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(HEADER_ROW)
    sheet.print_area(0, 0, max(last_row, HEADER_ROW), last_column)
    sheet.set_footer("&L&8Contém dados pessoais: uso interno, não reproduzir&R&8Página &P de &N")


_CODES = "Tabulação"
_CODES_ROW = 4


def _write_scripts(file, formats: _Formats, scripts: list[Script]) -> None:
    sheet = file.add_worksheet("Roteiros")
    _sheet_title(sheet, formats, "Roteiros de conversa", "Frases de apoio: fale com as suas palavras e com respeito.", 1)
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 112)
    moment = formats(bold=True, text_wrap=True, valign="top", font_color=GREEN, indent=1, bottom=4, bottom_color="#C9D3CF")
    words = formats(text_wrap=True, valign="top", font_size=11, bottom=4, bottom_color="#C9D3CF")
    line = 3
    for script in scripts:
        sheet.set_row(line, 24)
        sheet.merge_range(
            line, 0, line, 1, script.title, formats(bold=True, font_size=12.5, bg_color=LIGHT_GREEN, font_color=GREEN, indent=1)
        )
        for name, text in script.lines:
            line += 1
            sheet.set_row(line, 17 + 15 * (len(text) // 128))
            sheet.write_string(line, 0, name, moment)
            sheet.write_string(line, 1, text, words)
        line += 2
    _plain_page(sheet)


def _write_codes(file, formats: _Formats, book: Workbook) -> None:
    sheet = file.add_worksheet(_CODES)
    _sheet_title(sheet, formats, "Tabulação", "Um resultado por ligação. Escolha o que mais se aproxima do que aconteceu.", 4)
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 52)
    sheet.set_column(2, 3, 15)
    sheet.set_column(4, 4, 48)
    head = formats(bold=True, font_color="#FFFFFF", bg_color=GREEN, indent=1)
    code_style = formats(bold=True, indent=1, bottom=4, bottom_color="#C9D3CF")
    style = formats(bottom=4, bottom_color="#C9D3CF", indent=1)
    for column, text in enumerate(("Código", "O que significa", "Houve conversa?", "Era o cliente?", "O que acontece depois")):
        sheet.write_string(_CODES_ROW - 1, column, text, head)
    for line, code in enumerate(book.codes, _CODES_ROW):
        sheet.write_string(line, 0, code.code, code_style)
        sheet.write_string(line, 1, code.label, style)
        sheet.write_string(line, 2, "sim" if code.is_effective_contact else "não", style)
        sheet.write_string(line, 3, "sim" if code.is_right_party else "não", style)
        sheet.write_string(line, 4, _consequence(code), style)
    start = _CODES_ROW + len(book.codes) + 2
    sheet.write_string(start, 0, "Motivo do atraso", head)
    sheet.write_string(start, 1, "O que significa", head)
    for line, (code, label) in enumerate(DELAY_REASONS.items(), start + 1):
        sheet.write_string(line, 0, code, code_style)
        sheet.write_string(line, 1, label, style)
    _plain_page(sheet)


_AFTERWARDS = {
    "none": "A régua segue",
    "promise": "Ninguém contata até a data prometida",
    "agreement": "Segue o acordo até a primeira parcela",
    "paid_claim": "Aguarda a confirmação do banco",
    "dispute": "Contatos suspensos durante a análise",
    "wrong_number": "Sem ligações até corrigir o cadastro",
    "deceased": "Contatos suspensos, uma pessoa decide",
    "refused": "Pausa antes do próximo passo",
    "do_not_call": "Sem ligações, só contato por escrito",
    "scheduled": "Volta à fila na data combinada",
}


def _consequence(code: OutcomeCode) -> str:
    text = _AFTERWARDS[code.effect]
    shown = code.pause_days and code.effect in {"none", "paid_claim", "dispute", "refused"}
    return f"{text} ({code.pause_days} dia{'s' if code.pause_days > 1 else ''} sem contato)" if shown else text


def _sheet_title(sheet, formats: _Formats, title: str, subtitle: str, last_column: int) -> None:
    sheet.hide_gridlines(2)
    sheet.set_row(0, 28, formats(bg_color=GREEN))
    sheet.set_row(1, 18, formats(bg_color=GREEN))
    sheet.write_string(0, 0, title, formats(bold=True, font_size=16, font_color="#FFFFFF", bg_color=GREEN, indent=1))
    sheet.write_string(1, 0, subtitle, formats(font_size=10.5, font_color="#DDEBE6", bg_color=GREEN, indent=1))


def _plain_page(sheet) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.5)
    sheet.protect("", {"format_columns": True, "format_rows": True})


def _column(index: int) -> str:
    from xlsxwriter.utility import xl_col_to_name

    return xl_col_to_name(index)
