"""Sheets of the agents' workbook that explain: the scripts and the result codes."""

from collections.abc import Sequence

from cobranca.policy.outcome_codes import OutcomeCode
from cobranca.queues.queue_columns import DELAY_REASONS
from cobranca.queues.scripts import Script
from cobranca.queues.workbook_formats import GREEN, LIGHT_GREEN, Formats, Worksheet, XlsxFile

CODES_SHEET = "Tabulação"
# The row of the first code; the rules of the answers point to it.
CODES_ROW = 4


def write_scripts(file: XlsxFile, formats: Formats, scripts: Sequence[Script]) -> None:
    """Write the sheet of the scripts."""
    sheet = file.add_worksheet("Roteiros")
    _sheet_title(
        sheet,
        formats,
        "Roteiros de conversa",
        "Frases de apoio: fale com as suas palavras e com respeito.",
    )
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 112)
    moment = formats(
        bold=True,
        text_wrap=True,
        valign="top",
        font_color=GREEN,
        indent=1,
        bottom=4,
        bottom_color="#C9D3CF",
    )
    words = formats(text_wrap=True, valign="top", font_size=11, bottom=4, bottom_color="#C9D3CF")
    line = 3
    for script in scripts:
        sheet.set_row(line, 24)
        sheet.merge_range(
            line,
            0,
            line,
            1,
            script.title,
            formats(bold=True, font_size=12.5, bg_color=LIGHT_GREEN, font_color=GREEN, indent=1),
        )
        for name, text in script.lines:
            line += 1
            sheet.set_row(line, 17 + 15 * (len(text) // 128))
            sheet.write_string(line, 0, name, moment)
            sheet.write_string(line, 1, text, words)
        line += 2
    _plain_page(sheet)


def write_codes(file: XlsxFile, formats: Formats, codes: Sequence[OutcomeCode]) -> None:
    """Write the sheet of the result codes and of the reasons of delay."""
    sheet = file.add_worksheet(CODES_SHEET)
    _sheet_title(
        sheet,
        formats,
        "Tabulação",
        "Um resultado por ligação. Escolha o que mais se aproxima do que aconteceu.",
    )
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 52)
    sheet.set_column(2, 3, 15)
    sheet.set_column(4, 4, 48)
    head = formats(bold=True, font_color="#FFFFFF", bg_color=GREEN, indent=1)
    code_style = formats(bold=True, indent=1, bottom=4, bottom_color="#C9D3CF")
    style = formats(bottom=4, bottom_color="#C9D3CF", indent=1)
    for column, text in enumerate(
        ("Código", "O que significa", "Houve conversa?", "Era o cliente?", "O que acontece depois")
    ):
        sheet.write_string(CODES_ROW - 1, column, text, head)
    for line, code in enumerate(codes, CODES_ROW):
        sheet.write_string(line, 0, code.code, code_style)
        sheet.write_string(line, 1, code.label, style)
        sheet.write_string(line, 2, "sim" if code.is_effective_contact else "não", style)
        sheet.write_string(line, 3, "sim" if code.is_right_party else "não", style)
        sheet.write_string(line, 4, _consequence(code), style)
    start = CODES_ROW + len(codes) + 2
    sheet.write_string(start, 0, "Motivo do atraso", head)
    sheet.write_string(start, 1, "O que significa", head)
    for line, (reason, label) in enumerate(DELAY_REASONS.items(), start + 1):
        sheet.write_string(line, 0, reason, code_style)
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
    "request": "A supervisão decide",
}


def _consequence(code: OutcomeCode) -> str:
    text = _AFTERWARDS[code.effect]
    shown = code.pause_days and code.effect in {
        "none",
        "paid_claim",
        "dispute",
        "refused",
        "request",
    }
    return (
        f"{text} ({code.pause_days} dia{'s' if code.pause_days > 1 else ''} sem contato)"
        if shown
        else text
    )


def _sheet_title(sheet: Worksheet, formats: Formats, title: str, subtitle: str) -> None:
    sheet.hide_gridlines(2)
    sheet.set_row(0, 28, formats(bg_color=GREEN))
    sheet.set_row(1, 18, formats(bg_color=GREEN))
    sheet.write_string(
        0,
        0,
        title,
        formats(bold=True, font_size=16, font_color="#FFFFFF", bg_color=GREEN, indent=1),
    )
    sheet.write_string(
        1, 0, subtitle, formats(font_size=10.5, font_color="#DDEBE6", bg_color=GREEN, indent=1)
    )


def _plain_page(sheet: Worksheet) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.5)
    sheet.protect("", {"format_columns": True, "format_rows": True})
