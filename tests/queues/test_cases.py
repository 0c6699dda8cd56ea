"""The list of cases: who acts on what, since when, in words and in the same order every night."""

import csv
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cobranca.labels import REASON_CATALOGUE, RESPONSIBLE
from cobranca.partitions.manifest import read_manifest
from cobranca.queues import write_queues
from cobranca.queues.cases import case_columns, case_totals, read_cases, total_text, what, who, why
from cobranca.redaction.parquet_redaction import ERASED_NAME
from cobranca.schema import PRINCIPAL
from queues.call_plan import CASE_SCHEMA, DAY, call, case, publish_plan

BROKE = {"responsible": "financeiro"}
ONE = {PRINCIPAL: "Ipê Amarelo"}


def cases_of(tmp_path: Path, *rows: dict, schema: pa.Schema = CASE_SCHEMA):
    path = tmp_path / "cases.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return read_cases(path, ONE)


def test_a_case_says_who_why_and_what_in_words(tmp_path):
    (found,) = cases_of(tmp_path, case(1, "hold_reversal", "end_of_regua", **BROKE))
    assert who(found) == "Financeiro"
    assert why(found) == [
        REASON_CATALOGUE[code].label for code in ("hold_reversal", "end_of_regua")
    ]
    assert what(found) == [
        REASON_CATALOGUE[code].may_do for code in ("hold_reversal", "end_of_regua")
    ]
    assert (found.since_on, found.receivables, found.days_past_due) == (date(2026, 11, 8), 2, 40)


def test_what_may_be_done_is_said_once(tmp_path):
    (found,) = cases_of(tmp_path, case(1, "opted_out", "hold_opt_out"))
    assert what(found) == [REASON_CATALOGUE["opted_out"].may_do]


def test_a_code_without_words_stays_readable(tmp_path):
    (found,) = cases_of(tmp_path, case(1, "brand_new", responsible="diretoria"))
    assert (who(found), why(found), what(found)) == (
        "diretoria",
        ["Brand new"],
        ["Conferir o caso e decidir"],
    )


def test_the_order_is_by_who_acts_then_by_reason_then_by_amount(tmp_path):
    found = cases_of(
        tmp_path,
        case(1, "brand_new", responsible="diretoria"),
        case(2, "no_email", responsible="cadastro"),
        case(3, "hold_deceased", responsible="juridico"),
        case(4, "within_tolerance", **BROKE),
        case(5, "hold_reversal", **BROKE),
        case(6, "hold_reversal", amount_due=Decimal("9000.00"), **BROKE),
        case(7, "hold_reversal", amount_due=Decimal("9000.00"), currency="USD", **BROKE),
        case(8, "end_of_regua"),
        case(9, "end_of_regua"),
        case(10, "no_step_left", responsible="agente"),
    )
    assert [int(item.customer_key[1:], 16) for item in found] == [10, 8, 9, 6, 5, 7, 4, 3, 2, 1]
    assert list(RESPONSIBLE) == ["agente", "supervisao", "financeiro", "juridico", "cadastro"]


def test_currencies_are_never_added(tmp_path):
    found = cases_of(
        tmp_path,
        case(1, "no_email"),
        case(2, "no_email"),
        case(3, "no_email", currency="USD", amount_due=Decimal("10.00")),
    )
    assert case_totals(found) == {
        "amount_due BRL": "1025.00",
        "amount_due USD": "10.00",
        "open_amount BRL": "1000.00",
        "open_amount USD": "500.00",
    }
    assert total_text(found) == "R$\u00a01.025,00 + US$\u00a010,00"
    assert (case_totals([]), total_text([])) == ({}, "R$\u00a00,00")


def test_an_erased_payer_is_not_listed(tmp_path):
    assert cases_of(tmp_path, case(1, "no_email", customer_name=ERASED_NAME)) == []


def test_a_batch_that_is_older_than_the_columns_is_listed_all_the_same(tmp_path):
    new = {"reasons", "since_on", "responsible"}
    schema = pa.schema([field for field in CASE_SCHEMA if field.name not in new])
    (found,) = cases_of(tmp_path, case(1, "end_of_regua"), schema=schema)
    assert (found.reasons, found.since_on, who(found)) == (("end_of_regua",), None, "Supervisão")


def test_both_files_of_the_list_hold_every_case(settings):
    rows = [
        case(1, "hold_reversal", "end_of_regua", **BROKE),
        case(2, "no_email", customer_name="=1+1", responsible="cadastro"),
    ]
    publish_plan(settings, [call(1)], cases=rows)
    result = write_queues(settings, DAY)
    published = read_manifest(settings.folder("queues", DAY), verify=True)
    for kind in ("csv", "xlsx"):
        entry = published.entry(f"casos_2026-11-18.{kind}")
        assert (entry.rows, entry.totals["amount_due BRL"]) == (2, "1025.00")
    assert (result["cases_listed"], result["cases"]) == (
        2,
        str(published.path("casos_2026-11-18.xlsx")),
    )
    with open(published.path("casos_2026-11-18.csv"), encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file, delimiter=";")
    assert list(first) == list(case_columns(ONE))
    assert first == {
        "customer_key": f"C{1:020x}",
        "Quem age": "Financeiro",
        "Cliente": "Maria da Penha 1",
        "Por quê": (
            "Estorno maior do que o pagamento conhecido: uma pessoa confere antes de qualquer "
            "contato; Fim da régua: uma pessoa decide"
        ),
        "O que fazer": (
            "Não cobrar. Conferir o estorno e corrigir o saldo na origem. "
            "Negociar, encaminhar ao jurídico ou baixar"
        ),
        "Desde": "08/11/2026",
        "Moeda": "BRL",
        "Títulos": "2",
        "Dias de atraso": "40",
        "Em aberto": "500,00",
        "Com encargos": "512,50",
    }
    assert second["Cliente"] == "'=1+1"


@pytest.mark.parametrize("rows", [[], [case(1, "no_email")]])
def test_a_night_without_cases_publishes_an_empty_list(settings, rows):
    publish_plan(settings, [], cases=rows)
    assert write_queues(settings, DAY)["cases_listed"] == len(rows)


def test_a_case_is_told_by_its_main_reason(tmp_path):
    (found,) = cases_of(tmp_path, case(1, "hold_reversal", "end_of_regua", **BROKE))
    assert found.main_reason == "hold_reversal"
    assert replace(found, reasons=("end_of_regua",)).main_reason == "end_of_regua"
