"""Every code that SQL can write has words."""

import re
from typing import get_args

import pytest

from cobranca.labels import (
    REASON_CATALOGUE,
    REASONS,
    RESPONSIBLE,
    may_do,
    priority_sentence,
    read_codes,
    score_sentence,
)
from cobranca.policy.publish import reason_rows
from cobranca.policy.types import Effect, HoldReason, Template
from cobranca.settings import PROJECT_ROOT


def test_every_reason_that_a_model_writes_has_words():
    dbt = PROJECT_ROOT / "dbt"
    wanted = {
        "int_receivables__status_assigned",
        "int_customers__outcome_pauses",
        "int_customers__holds",
        "int_customers__channel_block_reasons",
        "int_steps__due",
        "int_customers__reason_considered",
        "int_customers__routed",
        "int_customers__decided",
        "int_receivables__decided",
        "int_receivables__escalated",
    }
    files = [
        path for path in (dbt / "models" / "intermediate").rglob("*.sql") if path.stem in wanted
    ]
    assert len(files) == len(wanted)
    sql = "\n".join(path.read_text() for path in (*files, dbt / "macros" / "limits.sql"))
    written = set(re.findall(r"(?:then|else) '([a-z_]+[a-z])'", sql))
    written -= {"remind", "call", "escalate", "none", "email", "phone", *get_args(Template)}
    # where a receivable stands before its payer is looked at
    written -= {"held", "upcoming", "overdue"}
    assert {
        "waiting_interval",
        "frequency_cap",
        "end_of_regua",
        "superseded",
        "escalated",
        "within_grace",
    } <= written
    assert written - set(REASONS) == set()


def test_every_hold_has_words():
    pauses = set(get_args(Effect)) - {"none", "wrong_number", "do_not_call"}
    assert {f"hold_{reason}" for reason in pauses | set(get_args(HoldReason))} - set(
        REASONS
    ) == set()


SHORT = "Histórico curto: pesa a média do segmento."


@pytest.mark.parametrize(
    ("codes", "sentence"),
    [
        ("observed:0", "Nenhum título pago ou vencido até agora. Nada a descontar."),
        ("observed:1; short_history", f"1 título observado, em dia. Nada a descontar. {SHORT}"),
        (
            "observed:1; late:1; most_days_late:1; late_points:3; short_history",
            (
                "1 título observado, com atraso; os pagos, no máximo 1 dia depois do vencimento."
                f" Pontos perdidos: 3 pelo risco de atraso. {SHORT}"
            ),
        ),
        ("observed:12", "12 títulos observados, todos em dia. Nada a descontar."),
        (
            "observed:12; late:12; most_days_late:9",
            (
                "12 títulos observados, todos com atraso; os pagos, no máximo 9 dias depois do "
                "vencimento. Nada a descontar."
            ),
        ),
        (
            (
                "observed:12; late:3; weighted_days_late:4.5; most_days_late:40; "
                "open_days_past_due:1;"
                " broken_promises:1; late_points:5; over_7_points:4; over_30_points:3; "
                "overdue_points:2;"
                " promise_points:1"
            ),
            (
                "12 títulos observados, 3 com atraso; os pagos, em média 4,5 dias depois do "
                "vencimento"
                " (ponderado pelo valor), no máximo 40; hoje há título vencido há 1 dia; 1 "
                "promessa não"
                " cumprida. Pontos perdidos: 5 pelo risco de atraso, 4 pelo de passar de uma "
                "semana,"
                " 3 pelo de passar de um mês, 2 pelo que está vencido, 1 por promessas não "
                "cumpridas."
            ),
        ),
        (
            "observed:5; open_days_past_due:8; broken_promises:2; promise_points:10",
            (
                "5 títulos observados, todos em dia; hoje há título vencido há 8 dias; 2 "
                "promessas não"
                " cumpridas. Pontos perdidos: 10 por promessas não cumpridas."
            ),
        ),
        ("5 títulos observados, todos em dia. Nada a descontar.",) * 2,
        (None, None),
    ],
)
def test_a_score_is_explained_in_a_sentence(codes, sentence):
    assert score_sentence(codes) == sentence


@pytest.mark.parametrize(
    ("codes", "sentence"),
    [
        (
            "days_past_due:12; recovery_percent:85; payer_class:novo",
            "atraso de 12 dias, recuperação esperada de 85%; cliente novo",
        ),
        (
            (
                "days_past_due:40; recovery_percent:45; payer_class:critico; refused_email; "
                "broken_promise; told:recusado: a; b:c"
            ),
            (
                "atraso de 40 dias, recuperação esperada de 45%; histórico crítico;"
                " último e-mail não pôde ser enviado: recusado: a; b:c; promessa não cumprida"
            ),
        ),
        (
            "days_past_due:9; recovery_percent:5; payer_class:pontual; no_email",
            "atraso de 9 dias, recuperação esperada de 5%; bom pagador; sem e-mail",
        ),
        (
            "days_past_due:9; recovery_percent:5; payer_class:pontual; credit:200.50",
            "atraso de 9 dias, recuperação esperada de 5%; bom pagador; crédito já abatido: 200,50",
        ),
        ("atraso de 12 dias, recuperação esperada de 85%; cliente novo",) * 2,
    ],
)
def test_a_place_in_the_queue_is_explained_in_a_sentence(codes, sentence):
    assert priority_sentence(codes) == sentence


def test_a_providers_text_is_never_taken_for_codes():
    assert read_codes("refused_email; told:late:3; told:x") == {
        "refused_email": "",
        "told": "late:3; told:x",
    }


def test_no_model_writes_a_sentence():
    """Accents, or words with a space between them, in a text literal of SQL; in a template a
    literal is SQL itself.
    """
    dbt, sentences = PROJECT_ROOT / "dbt", []
    for path in sorted([*(dbt / "models").rglob("*.sql"), *(dbt / "macros").rglob("*.sql")]):
        sql = re.sub(
            r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}|--[^\n]*", "", path.read_text(), flags=re.DOTALL
        )
        literals = [text for text in re.findall(r"'([^'\n]*)'", sql) if not text.startswith("áàâ")]
        sentences += [
            f"{path.name}: {text}"
            for text in literals
            if re.search(r"[à-ÿÀ-Ÿ]|[A-Za-z]{2} [a-z]{2}", text)
        ]
    assert sentences == []


def test_a_reason_that_ends_with_a_person_says_who_acts_and_what_they_may_do():
    """The list of cases is read by people: no line without a name and a sentence."""
    asked = {code for code, row in REASON_CATALOGUE.items() if row.responsible}
    assert {row.ends_with for row in REASON_CATALOGUE.values()} == {"person", "step", "itself"}
    assert {code for code, row in REASON_CATALOGUE.items() if row.ends_with == "person"} <= asked
    for code in asked:
        row = REASON_CATALOGUE[code]
        assert row.ends_with in ("person", "step") and row.responsible in RESPONSIBLE, code
        assert re.fullmatch(r"[A-ZÀ-Ý][^;]{10,110}[^.;]", row.may_do), code
    assert {code for code, row in REASON_CATALOGUE.items() if row.may_do} == asked
    # what is added while models learn to write it
    assert {"in_credit", "agreement_kept", "no_step_left"} <= asked


def test_each_reason_stands_once_and_the_table_has_their_order():
    rows = reason_rows()
    assert [row["reason"] for row in rows] == list(REASONS)
    assert [row["reason_order"] for row in rows] == list(range(1, len(REASONS) + 1))
    lines = (PROJECT_ROOT / "include" / "cobranca" / "reasons.csv").read_text(encoding="utf-8")
    codes = re.findall(r"^([a-z_]+);", lines, re.MULTILINE)
    assert codes[1:] == list(REASONS)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("end_of_regua", "Negociar, encaminhar ao jurídico ou baixar"),
        ("waiting_next_step", "Conferir o caso e decidir"),
        ("brand_new", "Conferir o caso e decidir"),
    ],
)
def test_what_may_be_done_is_a_sentence(code, sentence):
    assert may_do(code) == sentence
