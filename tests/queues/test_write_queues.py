"""Workbooks: every payer in exactly one, readable, safe, and replaced as one set or not at all."""

import csv
import json
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from cobranca.errors import GateFailed, PartitionError
from cobranca.partitions.manifest import read_manifest
from cobranca.queues import write_queues
from cobranca.queues.queue_columns import ANSWERS, KEY, format_phone, masked
from cobranca.redaction.parquet_redaction import ERASED_NAME
from creditor_files import make_group
from queues.call_plan import DAY, approve, call, joined_call, publish_plan

ROWS = [call(1), call(2), call(3, "bruno"), call(4, "reserva")]


def sheet(path, name="Fila"):
    with CalamineWorkbook.from_path(path) as book:
        return book.get_sheet_by_name(name).to_python(skip_empty_area=False)


def table(path):
    rows = sheet(path)
    header = next(number for number, row in enumerate(rows) if KEY in row)
    return [dict(zip(rows[header], row, strict=True)) for row in rows[header + 1 :]]


def listed(result):
    with open(result["list"], encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_one_workbook_an_agent_and_one_list_of_all(settings):
    batch = publish_plan(settings, ROWS)
    result = write_queues(settings, DAY)
    assert json.loads(json.dumps(result)) == result
    assert {agent: book["payers"] for agent, book in result["workbooks"].items()} == {
        "ana": 2,
        "bruno": 1,
        "reserva": 1,
    }
    keys = [row[KEY] for book in result["workbooks"].values() for row in table(book["file"])]
    assert (
        sorted(keys)
        == sorted(row["message_key"] for row in ROWS)
        == sorted(row[KEY] for row in listed(result))
    )
    published = read_manifest(settings.folder("queues", DAY), verify=True)
    assert [entry.name for entry in published.files] == [
        "casos_2026-11-18.csv", "casos_2026-11-18.xlsx", "fila_2026-11-18.csv",
        "fila_ana_2026-11-18.xlsx", "fila_bruno_2026-11-18.xlsx", "fila_reserva_2026-11-18.xlsx",
    ]  # fmt: skip
    assert published.inputs["outbound"] == batch.batch_id
    assert published.entry("fila_2026-11-18.csv").totals == {
        "amount_due BRL": "4093.32",
        "open_amount BRL": "4000.00",
    }


def test_rows_are_in_the_order_of_the_calls(settings):
    publish_plan(
        settings, [call(1, queue_position=3), call(2, queue_position=1), call(3, queue_position=2)]
    )
    rows = table(write_queues(settings, DAY)["workbooks"]["ana"]["file"])
    assert [(row["Nº"], row[KEY][-1]) for row in rows] == [(1, "2"), (2, "3"), (3, "1")]


def test_what_an_agent_reads(settings):
    publish_plan(
        settings,
        [
            call(1, other_currencies="EUR 3.00; USD 1200.00"),
            call(2, last_contact_on=None, receivables=1, days_past_due=1),
        ],
    )
    path = write_queues(settings, DAY)["workbooks"]["ana"]["file"]
    first, second = table(path)
    assert first["Cliente"] == "João da Conceição 1\n***.456.789-** · São Paulo/SP"
    assert first["Telefone"] == "(11) 98765-4321\nentre 08:00 e 20:00"
    assert first["Roteiro"] == "Proposta\nD+10"
    assert first["Vencido desde"] == "08/11/2026\nhá 10 dias, 2 títulos"
    assert second["Vencido desde"].endswith("há 1 dia, 1 título")
    assert (first["Em aberto"], first["Com encargos"]) == (1000.0, 1023.33)
    assert first["Por que ligar"].startswith("Atraso de 10 dias") and first[
        "Por que ligar"
    ].endswith("também deve €\u00a03,00; US$\u00a01.200,00")
    assert (first["Último contato"], second["Último contato"]) == (
        "15/11/2026\ne-mail enviado",
        "nenhum",
    )
    heading = " ".join(str(value) for row in sheet(path)[:5] for value in row)
    assert "Ana Beatriz Moura" in heading and "quarta-feira, 18 de novembro de 2026" in heading
    assert "R$\u00a02.000,00" in heading and "0 de 2" in heading
    assert set(ANSWERS) <= set(first)


def test_the_last_contact_is_shown_as_a_call(settings):
    publish_plan(settings, [call(1, last_contact_channel="phone", last_contact_state="unanswered")])
    row = table(write_queues(settings, DAY)["workbooks"]["ana"]["file"])[0]
    assert row["Último contato"] == "15/11/2026\ntelefone sem resposta"


def test_scripts_follow_the_templates_and_the_limits(settings):
    publish_plan(
        settings,
        [call(1), call(2, "bruno", template="call"), call(3, "reserva", template="first_notice")],
    )
    books = write_queues(settings, DAY)["workbooks"]

    def words(agent):
        return " ".join(
            str(value) for row in sheet(books[agent]["file"], "Roteiros") for value in row
        )

    assert "Roteiro Proposta" in words("ana") and "até o valor de [Alçada]" in words("ana")
    assert "Roteiro Lembrete" in words("bruno") and "Roteiro Proposta" not in words("bruno")
    assert "meu nome é Bruno Carvalho Lima, falo em nome da Ipê Amarelo" in words("bruno")
    assert "Roteiro Contato" in words("reserva") and "meu nome é [seu nome]" in words("reserva")
    for agent in books:
        assert "Não mencione a dívida" in words(agent) and "não ameace" in words(agent)


def test_codes_are_on_their_own_sheet_and_in_the_drop_down(settings):
    publish_plan(settings, ROWS)
    path = write_queues(settings, DAY)["workbooks"]["ana"]["file"]
    codes = [row[0] for row in sheet(path, "Tabulação")]
    assert codes.index("PROMESSA") == 4 and codes.index("NAO_LIGAR") == 16
    assert codes.index("ESQUECEU") == 20 and codes.index("OUTRO") == 28
    xml = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
    assert "'Tabulação'!$A$5:$A$17" in xml and "'Tabulação'!$A$21:$A$29" in xml
    assert xml.count("<dataValidation ") == 6
    assert (
        "<sheetProtection" in xml
        and 'hidden="1"' in xml
        and 'fitToWidth="1"' not in xml.split("<pageSetup")[0]
    )
    assert 'orientation="landscape"' in xml and "<pane " in xml and "autoFilter" not in xml


HOSTILE = [
    '=HYPERLINK("http://x";"a")',
    "+5511",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "http://example.com",
    "0001234",
    "=cmd|' /C calc'!A0",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_text_from_sources_is_never_run(settings, name):
    publish_plan(
        settings,
        [call(1, customer_name=name, city=name, priority_reason=name, other_currencies=None)],
    )
    result = write_queues(settings, DAY)
    path = result["workbooks"]["ana"]["file"]
    book = zipfile.ZipFile(path)
    xml = book.read("xl/worksheets/sheet1.xml").decode()
    assert xml.count("<f>") == 1 and "COUNTA" in xml and "hyperlink" not in xml.lower()
    assert table(path)[0]["Cliente"].strip().startswith(name.strip())
    (row,) = listed(result)
    for column in ("Cliente", "Cidade", "Por que ligar"):
        assert not row[column].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_the_list_is_brazilian(settings):
    publish_plan(
        settings, [call(1, amount_due=Decimal("1234567.80"), max_discount_rate=Decimal("0.125"))]
    )
    result = write_queues(settings, DAY)
    raw = Path(result["list"]).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and b"\r\n" in raw
    (row,) = listed(result)
    assert (row["Com encargos"], row["Vencido desde"], row["Desconto máximo"]) == (
        "1.234.567,80",
        "08/11/2026",
        "12,5 %",
    )
    assert (row["Telefone"], row["Discagem"], row["Classe"]) == (
        "(11) 98765-4321",
        "5511987654321",
        "Atraso habitual",
    )


def test_no_tax_id_leaves_whole(settings):
    publish_plan(
        settings,
        [
            call(1, tax_id_masked="11144477735"),
            call(2, tax_id_masked="12.ABC.345/01DE-35"),
            call(3, tax_id_masked=None),
        ],
    )
    result = write_queues(settings, DAY)
    text = Path(result["list"]).read_text(encoding="utf-8-sig") + str(
        table(result["workbooks"]["ana"]["file"])
    )
    assert "11144477735" not in text and "ABC" not in text


def test_currencies_are_never_added(settings):
    publish_plan(settings, [call(1), call(2, currency="USD", open_amount=Decimal("10.00"))])
    result = write_queues(settings, DAY)
    assert (
        result["totals"]["open_amount BRL"] == "1000.00"
        and result["totals"]["open_amount USD"] == "10.00"
    )
    heading = str(sheet(result["workbooks"]["ana"]["file"])[3])
    assert "R$\\xa01.000,00 + US$\\xa010,00" in heading


def test_the_same_plan_gives_the_same_files(settings):
    publish_plan(settings, ROWS)
    assert write_queues(settings, DAY) == write_queues(settings, DAY)


def test_a_new_plan_replaces_the_whole_set(settings):
    publish_plan(settings, ROWS)
    old = write_queues(settings, DAY)
    publish_plan(settings, ROWS[:2])
    new = write_queues(settings, DAY)
    assert set(new["workbooks"]) == {"ana"} and old["folder"] != new["folder"]
    names = {path.name for path in settings.folder("queues", DAY).rglob("*") if path.is_file()}
    assert names == {
        "manifest.json",
        "casos_2026-11-18.csv",
        "casos_2026-11-18.xlsx",
        "fila_2026-11-18.csv",
        "fila_ana_2026-11-18.xlsx",
    }


def test_without_an_approved_plan_nothing_is_replaced(settings):
    with pytest.raises(PartitionError):
        write_queues(settings, DAY)
    assert not settings.folder("queues", DAY).exists()
    publish_plan(settings, ROWS)
    before = write_queues(settings, DAY)
    batch = publish_plan(settings, ROWS[:1], passed=False)
    with pytest.raises((PartitionError, GateFailed)):
        write_queues(settings, DAY)
    assert read_manifest(settings.folder("queues", DAY), verify=True).batch_id == before["batch_id"]
    approve(settings, batch)
    assert write_queues(settings, DAY)["payers"] == 1


def test_a_verdict_on_another_batch_does_not_count(settings):
    first = publish_plan(settings, ROWS)
    publish_plan(settings, ROWS[:1])
    approve(settings, first)
    with pytest.raises(PartitionError):
        write_queues(settings, DAY)


def test_a_night_without_calls_publishes_an_empty_list(settings):
    publish_plan(settings, [], date(2026, 11, 20))
    result = write_queues(settings, date(2026, 11, 20))
    assert (result["payers"], result["workbooks"], listed(result)) == (0, {}, [])


def test_a_payer_twice_is_refused(settings):
    publish_plan(settings, [call(1), call(1, "bruno")])
    with pytest.raises(
        PartitionError, match="1 different payers in its workbooks and 2 in the plan"
    ):
        write_queues(settings, DAY)
    assert not (settings.folder("queues", DAY) / "manifest.json").exists()


def test_a_row_without_an_agent_goes_to_the_reserve(settings):
    publish_plan(
        settings,
        [call(1, agent_id=None, agent_name=None, max_discount_rate=None, max_installments=None)],
    )
    result = write_queues(settings, DAY)
    assert list(result["workbooks"]) == ["reserva"]


def test_an_erased_payer_is_not_handed_out(settings):
    """An erasure amends the plan; queues may be written anew after it."""
    publish_plan(settings, [call(1), call(2, customer_name=ERASED_NAME)])
    result = write_queues(settings, DAY)
    assert result["payers"] == 1 and [row[KEY][-1] for row in listed(result)] == ["1"]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "à vista, R$\u00a0921,00\ndesconto de 10\u00a0%; até 6 parcelas"),
        (
            {"max_discount_rate": Decimal("0.125"), "max_installments": 1},
            "à vista, R$\u00a0895,41\ndesconto de 12,5\u00a0%; até 1 parcela",
        ),
        (
            {"max_discount_rate": Decimal(0), "max_installments": 3},
            "à vista, R$\u00a01.023,33\ndesconto de 0\u00a0%; até 3 parcelas",
        ),
        ({"max_discount_rate": None}, "combine com o supervisor"),
        ({"max_installments": None}, "combine com o supervisor"),
    ],
)
def test_each_row_shows_how_far_its_agent_may_go(settings, changes, shown):
    publish_plan(settings, [call(1, **changes), call(2, max_installments=9)])
    path = write_queues(settings, DAY)["workbooks"]["ana"]["file"]
    assert table(path)[0]["Alçada"] == shown
    words = " ".join(str(value) for row in sheet(path, "Roteiros") for value in row)
    assert "até o valor de [Alçada]" in words and "vezes" not in words


@pytest.fixture
def shared(settings) -> dict:
    """Ana calls the first payer for two creditors, and the second for one of them."""
    make_group(settings.config)
    rows = [call(n, creditor="varejo") for n in range(1, 3)]
    rows[0]["other_creditors"] = "atacado BRL 80.00"
    own = {
        "open_amount": Decimal("70.00"),
        "amount_due": Decimal("80.00"),
        "max_discount_rate": Decimal("0.02"),
        "max_installments": 2,
        "template": "call",
        "step": "d+20",
        "receivables": 1,
        "days_past_due": 20,
        "oldest_due_date": date(2026, 10, 29),
    }
    publish_plan(settings, rows, joined=[joined_call(rows[0], "atacado", **own)])
    return write_queues(settings, DAY)


def test_who_shares_a_call_has_a_line_below_it(shared):
    first, other, last = table(shared["workbooks"]["ana"]["file"])
    assert [row["Nº"] for row in (first, other, last)] == [1, 1, 2]
    assert other[KEY] == f"{first[KEY]}:atacado"
    assert "credor: Ipê Amarelo" in first["Cliente"] and "credor: Jacarandá" in other["Cliente"]
    assert "na mesma ligação, fale também de Jacarandá" in first["Por que ligar"]
    assert other["Telefone"] == "mesma ligação"
    assert other["Por que ligar"] == "Na mesma ligação do nº 1; responda também nesta linha"
    assert other["Roteiro"] == "Lembrete\nD+20"
    assert other["Vencido desde"] == "29/10/2026\nhá 20 dias, 1 título"
    assert (other["Em aberto"], other["Com encargos"]) == (70.0, 80.0)
    assert other["Alçada"] == "à vista, R$\u00a078,40\ndesconto de 2\u00a0%; até 2 parcelas"


def test_a_shared_call_is_one_call_and_all_its_money(shared):
    """Payers and dialler count the call; the heading counts lines to answer and what they ask."""
    assert shared["payers"] == shared["workbooks"]["ana"]["payers"] == 2
    (first, last) = listed(shared)
    assert (first["Credor"], first["Outros credores"]) == ("Ipê Amarelo", "Jacarandá R$ 80,00")
    assert (last["Credor"], last["Outros credores"]) == ("Ipê Amarelo", "")
    path = shared["workbooks"]["ana"]["file"]
    heading = " ".join(str(value) for row in sheet(path)[:5] for value in row)
    assert "0 de 3" in heading and "R$\u00a02.126,66" in heading
    words = " ".join(str(value) for row in sheet(path, "Roteiros") for value in row)
    assert "Roteiro Proposta" in words and "Roteiro Lembrete" in words


def test_rows_with_little_in_them_are_written(settings):
    empty = ["phone", "city", "state", "segment", "payer_class", "priority_reason",
        "calling_window", "last_contact_state",
             "last_contact_channel", "tax_id_masked", "template", "step"]  # fmt: skip
    publish_plan(settings, [call(1, **dict.fromkeys(empty))])
    assert (
        table(write_queues(settings, DAY)["workbooks"]["ana"]["file"])[0]["Com encargos"] == 1023.33
    )


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("+5511987654321", "(11) 98765-4321"),
        ("+551133334444", "(11) 3333-4444"),
        ("+14155550100", "+14155550100"),
        (None, ""),
    ],
)
def test_phones(phone, shown):
    assert format_phone(phone) == shown


@pytest.mark.parametrize(
    ("tax_id", "shown"),
    [
        ("***.456.789-**", "***.456.789-**"),
        ("**.345.678/0001-**", "**.345.678/0001-**"),
        ("111.444.777-35", "***"),
        (None, ""),
    ],
)
def test_masks(tax_id, shown):
    assert masked(tax_id) == shown
