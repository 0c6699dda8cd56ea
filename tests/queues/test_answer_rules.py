"""What an agent may type into each answer cell, and which cells turn red or green."""

from datetime import date

import pytest

from cobranca.policy.outcome_codes import OutcomeCode
from cobranca.queues.answer_rules import AnswerCells, column_letters, write_answer_rules
from cobranca.queues.queue_columns import (
    AMOUNT,
    ANSWER_COLUMNS,
    COLUMNS,
    DELAY_REASON,
    INSTALLMENTS,
    NOTE,
    PROMISED_ON,
    RESULT,
    normalised,
)
from queues.call_plan import DAY


def codes(**effects: str) -> list[OutcomeCode]:
    return [
        OutcomeCode(
            code=code,
            label=code,
            is_effective_contact=True,
            is_right_party=True,
            effect=effect,
            pause_days=0,
        )
        for code, effect in effects.items()
    ]


ALL = codes(PROMESSA="promise", ACORDO="agreement", AGENDADO="scheduled", RECADO="none")


class Sheet:
    """Keeps what is written to a sheet, by the area of its cells."""

    def __init__(self):
        self.validations, self.formats = {}, []

    def data_validation(self, *area_and_rule):
        *area, rule = area_and_rule
        self.validations[tuple(area)] = rule

    def conditional_format(self, *area_and_rule):
        *area, rule = area_and_rule
        self.formats.append((tuple(area), rule))


def rules(of_codes=ALL) -> tuple[dict[str, dict], list]:
    """The validations by heading, for cells of rows 6 to 20, and the conditional formats."""
    sheet = Sheet()
    cells = AnswerCells(DAY, of_codes, max_installments=6, first_row=6, last_row=20)
    write_answer_rules(sheet, lambda **properties: properties, cells)
    first = 1 + len(COLUMNS)
    by_heading = {
        column.heading: sheet.validations[6, first + at, 20, first + at]
        for at, column in enumerate(ANSWER_COLUMNS)
    }
    assert len(by_heading) == len(sheet.validations)
    return by_heading, sheet.formats


VALIDATIONS = {
    RESULT: {
        "validate": "list",
        "source": "='Tabulação'!$A$5:$A$8",
        "input_title": "Resultado",
        "input_message": "Escolha na lista. O que cada código significa está na aba Tabulação.",
    },
    DELAY_REASON: {"validate": "list", "source": "='Tabulação'!$A$12:$A$20"},
    PROMISED_ON: {
        "validate": "date",
        "criteria": "between",
        "minimum": DAY,
        "maximum": date(2027, 2, 16),
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
        "maximum": 6,
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


@pytest.mark.parametrize(("heading", "rule"), VALIDATIONS.items(), ids=map(normalised, VALIDATIONS))
def test_a_cell_takes_what_can_be_understood(heading, rule):
    assert rules()[0][heading] == rule | {
        "error_title": heading,
        "error_message": "Este valor não é aceito aqui. Veja a aba Tabulação.",
    }


def test_the_lists_are_as_long_as_the_codes():
    few = rules(codes(PROMESSA="promise"))[0]
    assert few[RESULT]["source"] == "='Tabulação'!$A$5:$A$5"
    assert few[DELAY_REASON]["source"] == "='Tabulação'!$A$9:$A$17"


def test_what_a_result_still_needs_is_red_while_it_is_absent():
    red = {"bg_color": "#F8D0C8"}
    wants_day = 'OR($L7="PROMESSA",$L7="ACORDO",$L7="AGENDADO")'
    wants_terms = 'OR($L7="ACORDO")'
    expected = [
        (13, f"=AND({wants_day},ISBLANK(N7))"),
        (14, f"=AND({wants_terms},ISBLANK(O7))"),
        (15, f"=AND({wants_terms},ISBLANK(P7))"),
    ]
    assert rules()[1][:-1] == [
        ((6, column, 20, column), {"type": "formula", "criteria": criteria, "format": red})
        for column, criteria in expected
    ]


def test_a_need_that_no_code_has_marks_nothing():
    assert [area for area, _ in rules(codes(RECADO="none"))[1]] == [(6, 1, 20, 2)]
    marked = [area for area, _ in rules(codes(AGENDADO="scheduled"))[1]]
    assert marked == [(6, 13, 20, 13), (6, 1, 20, 2)]


def test_a_treated_case_is_green():
    *_, treated = rules()[1]
    assert treated == (
        (6, 1, 20, 2),
        {
            "type": "formula",
            "criteria": "=NOT(ISBLANK($L7))",
            "format": {"bg_color": "#CFE8DC"},
        },
    )


@pytest.mark.parametrize(
    ("index", "letters"), [(0, "A"), (10, "K"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")]
)
def test_a_column_has_the_letters_of_a_spreadsheet(index, letters):
    assert column_letters(index) == letters
