"""The workbook of the cases: readable, safe, and the same for the same plan."""

import zipfile

import pytest
from python_calamine import CalamineWorkbook

from cobranca.queues import write_queues
from cobranca.queues.case_workbook import HEADER_ROW
from queues.call_plan import DAY, case, publish_plan

ROWS = [
    case(1, "hold_reversal", "within_tolerance", responsible="financeiro", receivables=1),
    case(2, "end_of_regua", since_on=DAY, days_past_due=1),
    case(3, "end_of_regua", currency="USD"),
]


def sheet(path, name):
    with CalamineWorkbook.from_path(path) as book:
        return book.get_sheet_by_name(name).to_python(skip_empty_area=False)


def table(path, name="Casos", header=HEADER_ROW):
    rows = sheet(path, name)
    return [dict(zip(rows[header], row, strict=True)) for row in rows[header + 1 :]]


@pytest.fixture
def path(settings):
    publish_plan(settings, [], cases=ROWS)
    return write_queues(settings, DAY)["cases"]


def test_what_the_person_reads(path):
    first, second, third = table(path)
    assert first["Quem age"] == second["Quem age"] == "Supervisão"
    assert first["Cliente"] == "Maria da Penha 2"
    assert (first["Desde"], third["Desde"]) == ("18/11/2026\nhoje", "08/11/2026\nhá 10 dias")
    assert (first["Dívida"], third["Dívida"]) == (
        "2 títulos\n1 dia de atraso",
        "1 título\n40 dias de atraso",
    )
    assert third["Por quê"].splitlines() == [
        "Estorno maior do que o pagamento conhecido: uma pessoa confere antes de qualquer contato",
        "Resto dentro da tolerância",
    ]
    assert third["O que fazer"].splitlines() == [
        "Não cobrar. Conferir o estorno e corrigir o saldo na origem",
        "Baixar o resto ou juntá-lo à próxima fatura",
    ]
    assert (third["Em aberto"], third["Com encargos"]) == (500.0, 512.5)
    heading = " ".join(str(value) for row in sheet(path, "Casos")[:5] for value in row)
    assert "quarta-feira, 18 de novembro de 2026" in heading and "Ipê Amarelo" in heading
    assert "R$\u00a01.025,00 + US$\u00a0512,50" in heading


def test_the_summary_counts_each_reason_once(path):
    found = table(path, "Resumo", header=3)
    assert [(row["Quem age"], row["Casos"], row["Com encargos"]) for row in found] == [
        ("Supervisão", 2, "R$\u00a0512,50 + US$\u00a0512,50"),
        ("Financeiro", 1, "R$\u00a0512,50"),
    ]
    assert found[0]["Motivo principal"] == "Fim da régua: uma pessoa decide"
    assert found[0]["O que fazer"] == "Negociar, encaminhar ao jurídico ou baixar"


@pytest.mark.parametrize("name", ["=1+1", "+55 11", "@SUM(A1)", "http://example.com", "=cmd|x"])
def test_text_from_sources_is_never_run(settings, name):
    publish_plan(settings, [], cases=[case(1, "no_email", customer_name=name)])
    path = write_queues(settings, DAY)["cases"]
    xml = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in xml and "hyperlink" not in xml.lower()
    assert table(path)[0]["Cliente"] == name


def test_the_same_plan_gives_the_same_file(settings):
    publish_plan(settings, [], cases=ROWS)
    assert write_queues(settings, DAY) == write_queues(settings, DAY)


def test_a_night_without_cases_has_an_empty_sheet(settings):
    publish_plan(settings, [])
    assert table(write_queues(settings, DAY)["cases"]) == []


def test_a_case_of_an_older_batch_has_no_day(settings):
    publish_plan(settings, [], cases=[case(1, "no_email", since_on=None)])
    assert table(write_queues(settings, DAY)["cases"])[0]["Desde"] == ""
