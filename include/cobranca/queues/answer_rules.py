"""Rules of the cells that an agent fills in: what may be typed, and which cells light up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cobranca.policy.outcome_codes import OutcomeCode
from cobranca.queues.guide_sheets import CODES_ROW, CODES_SHEET
from cobranca.queues.queue_columns import (
    AMOUNT,
    ANSWER_COLUMNS,
    COLUMNS,
    DELAY_REASON,
    DELAY_REASONS,
    INSTALLMENTS,
    LONGEST_PROMISE_DAYS,
    NOTE,
    PROMISED_ON,
    RESULT,
)
from cobranca.queues.workbook_formats import RED, Formats, Worksheet

Rule = dict[str, object]
"""A data validation as xlsxwriter takes it."""


@dataclass(frozen=True)
class AnswerCells:
    """The answer cells of one sheet: its rows from ``first_row`` to ``last_row``, counted from 0.

    ``max_installments`` is the most that an agreement of this list may have.
    """

    business_date: date
    codes: Sequence[OutcomeCode]
    max_installments: int
    first_row: int
    last_row: int

    def column(self, heading: str) -> int:
        """The place of an answer column, counted from 0."""
        headings = [column.heading for column in ANSWER_COLUMNS]
        return 1 + len(COLUMNS) + headings.index(heading)

    def first_cell(self, heading: str) -> str:
        """The name of the first cell of a column, such as ``K7``."""
        return f"{column_letters(self.column(heading))}{self.first_row + 1}"


def write_answer_rules(sheet: Worksheet, formats: Formats, cells: AnswerCells) -> None:
    """Restrict what may be typed, and mark treated cases and what is still missing."""
    for heading, rule in _rules(cells).items():
        error = {
            "error_title": heading,
            "error_message": "Este valor não é aceito aqui. Veja a aba Tabulação.",
        }
        column = cells.column(heading)
        sheet.data_validation(cells.first_row, column, cells.last_row, column, {**error, **rule})
    _mark_answers(sheet, formats, cells)


def _rules(cells: AnswerCells) -> dict[str, Rule]:
    codes_end = CODES_ROW + len(cells.codes)
    reasons_start = codes_end + 4
    reasons_end = reasons_start + len(DELAY_REASONS) - 1
    return {
        RESULT: {
            "validate": "list",
            "source": f"='{CODES_SHEET}'!$A${CODES_ROW + 1}:$A${codes_end}",
            "input_title": "Resultado",
            "input_message": "Escolha na lista. O que cada código significa está na aba Tabulação.",
        },
        DELAY_REASON: {
            "validate": "list",
            "source": f"='{CODES_SHEET}'!$A${reasons_start}:$A${reasons_end}",
        },
        PROMISED_ON: {
            "validate": "date",
            "criteria": "between",
            "minimum": cells.business_date,
            "maximum": cells.business_date + timedelta(days=LONGEST_PROMISE_DAYS),
            "input_title": "Data",
            "input_message": "Da promessa, da primeira parcela do acordo ou do retorno combinado.",
        },
        AMOUNT: {
            "validate": "decimal",
            "criteria": ">",
            "value": 0,
            "input_title": "Valor",
            "input_message": (
                "Valor total prometido ou do acordo. Em branco numa promessa: o total com encargos."
            ),
        },
        INSTALLMENTS: {
            "validate": "integer",
            "criteria": "between",
            "minimum": 1,
            "maximum": cells.max_installments,
            "input_title": "Parcelas",
            "input_message": "Só para acordos. 1 é à vista.",
        },
        NOTE: {
            "validate": "length",
            "criteria": "<=",
            "value": 200,
            "input_title": "Observação",
            "input_message": "Até 200 letras. Não anote documentos, e-mails ou telefones.",
        },
    }


def _mark_answers(sheet: Worksheet, formats: Formats, cells: AnswerCells) -> None:
    """A treated case turns green; what its result still needs turns red while it is absent."""
    result = f"${cells.first_cell(RESULT)}"
    red, green = formats(bg_color=RED), formats(bg_color="#CFE8DC")
    for heading, effects in (
        (PROMISED_ON, {"promise", "agreement", "scheduled"}),
        (AMOUNT, {"agreement"}),
        (INSTALLMENTS, {"agreement"}),
    ):
        wanted = ",".join(
            f'{result}="{code.code}"' for code in cells.codes if code.effect in effects
        )
        if wanted:
            column = cells.column(heading)
            missing = {
                "type": "formula",
                "criteria": f"=AND(OR({wanted}),ISBLANK({cells.first_cell(heading)}))",
                "format": red,
            }
            sheet.conditional_format(cells.first_row, column, cells.last_row, column, missing)
    treated = {"type": "formula", "criteria": f"=NOT(ISBLANK({result}))", "format": green}
    sheet.conditional_format(cells.first_row, 1, cells.last_row, 2, treated)


def column_letters(index: int) -> str:
    """The letters of a column counted from 0: 10 is ``K``."""
    from xlsxwriter.utility import xl_col_to_name

    name: str = xl_col_to_name(index)
    return name
