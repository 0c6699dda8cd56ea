"""What agents give back: recorded once, by key, or refused with a reason; never dropped."""

import csv
import re
import shutil
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
import xlsxwriter
from python_calamine import CalamineWorkbook

from cobranca.demo.agent_answers import return_workbooks
from cobranca.errors import ConfigError
from cobranca.ledger import open_ledger
from cobranca.ledger.feedback import publish_feedback
from cobranca.queues import read_outcomes, write_queues
from cobranca.queues.parse_outcomes import OLDEST_QUEUE_DAYS
from cobranca.queues.queue_columns import ANSWERS, KEY
from creditor_files import make_group
from queues.call_plan import DAY, call, joined_call, publish_plan

NEXT = DAY + timedelta(days=1)
ROWS = [call(n) for n in range(1, 7)] + [call(7, "bruno"), call(8, "reserva")]
HEADER = [KEY, *ANSWERS]


def key(number: int) -> str:
    return f"{number:032x}"


def returned(settings, *rows, name="ana.xlsx", header=HEADER, above=0):
    """A workbook as it comes back: some rows of text above, then the header and the answers."""
    inbox = settings.data / "inbox"
    inbox.mkdir(exist_ok=True)
    with xlsxwriter.Workbook(inbox / name, {"default_date_format": "dd/mm/yyyy"}) as book:
        page = book.add_worksheet("Fila")
        for line, row in enumerate([*[["título"]] * above, header, *rows]):
            for column, value in enumerate(row):
                if value is not None:
                    page.write(line, column, value)
    return inbox / name


def ledger(settings, table):
    engine = open_ledger(settings.ledger)
    with engine.begin() as connection:
        rows = connection.execute(sa.text(f"select * from {table} order by 1")).mappings().all()
    engine.dispose()
    return [dict(row) for row in rows]


def rejected(settings, day=NEXT):
    path = settings.folder("inbox", day, "rejected.csv")
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


@pytest.fixture
def plan(settings):
    publish_plan(settings, ROWS)
    return settings


def test_an_answer_becomes_an_outcome_and_a_promise(plan):
    returned(plan, [key(1), "PROMESSA", "ESQUECEU", date(2026, 11, 25), 500.25, None, "ok"])
    counts = read_outcomes(plan, NEXT)
    assert {name: number for name, number in counts.items() if number} == {
        "files": 1,
        "answers": 1,
        "recorded": 1,
        "promises": 1,
    }
    (outcome,) = ledger(plan, "outcomes")
    expected = {
        "contacted_on": "2026-11-18",
        "customer_key": call(1)["customer_key"],
        "episode_key": "erp:1",
        "step": "d+10",
        "agent_id": "ana",
        "code": "PROMESSA",
        "delay_reason": "ESQUECEU",
    }
    assert {name: outcome[name] for name in expected} == expected
    (promise,) = ledger(plan, "promises")
    assert (promise["promised_on"], promise["amount"], promise["currency"]) == (
        "2026-11-25",
        "500.25",
        "BRL",
    )


@pytest.mark.parametrize(
    ("answer", "table", "key_column"),
    [
        (["PROMESSA", None, date(2026, 11, 25), 500.25], "promises", "promise_id"),
        (["ACORDO", None, date(2026, 11, 25), 950, 3], "agreements", "agreement_id"),
    ],
)
def test_what_was_promised_names_the_receivables_of_its_row(plan, answer, table, key_column):
    """Those in the row's currency, once, however often the file comes back."""
    for name in ("ana.xlsx", "again.xlsx"):
        returned(plan, [key(1), *answer], name=name)
        read_outcomes(plan, NEXT)
    (made,) = ledger(plan, table)
    assert ledger(plan, "commitment_items") == [
        {
            "commitment_id": made[key_column],
            "receivable_key": receivable,
            "made_on": "2026-11-18",
        }
        for receivable in ("erp:1", "erp:1-2")
    ]


@pytest.fixture
def shared(settings):
    """The call to the first payer is shared by another creditor."""
    make_group(settings.config)
    rows = [call(n, creditor="varejo") for n in range(1, 3)]
    own = {"amount_due": Decimal("80.00"), "max_discount_rate": Decimal("0.02"), "step": "d+20"}
    publish_plan(settings, rows, joined=[joined_call(rows[0], "atacado", **own)])
    return settings


def test_each_creditor_on_a_call_has_its_own_answer(shared):
    """By its own line: promise, amounts, step and receivables are its own."""
    lines = ([key(1), "PROMESSA", None, date(2026, 11, 25)],
             [f"{key(1)}:atacado", "PROMESSA", None, date(2026, 11, 26)])  # fmt: skip
    for name in ("ana.xlsx", "again.xlsx"):
        returned(shared, *lines, name=name)
        counts = read_outcomes(shared, NEXT)
    assert (counts["recorded"], counts["already_recorded"]) == (0, 2)
    told = {row["creditor"]: row for row in ledger(shared, "outcomes")}
    assert {creditor: row["message_key"] for creditor, row in told.items()} == {
        "varejo": key(1),
        "atacado": key(1),
    }
    assert (told["varejo"]["step"], told["atacado"]["step"]) == ("d+10", "d+20")
    assert (told["varejo"]["episode_key"], told["atacado"]["episode_key"]) == ("erp:1", "crm:1")
    promised = {row["creditor"]: row for row in ledger(shared, "promises")}
    assert {creditor: row["amount"] for creditor, row in promised.items()} == {
        "varejo": "1023.33",
        "atacado": "80.00",
    }
    about = {
        (row["commitment_id"], row["receivable_key"]) for row in ledger(shared, "commitment_items")
    }
    assert about == {
        (promised[creditor]["promise_id"], f"{source}:1{rest}")
        for creditor, source in (("varejo", "erp"), ("atacado", "crm"))
        for rest in ("", "-2")
    }


@pytest.mark.parametrize(("amount", "is_within"), [(78.40, True), (78.30, False)])
def test_an_agreement_keeps_to_the_limits_of_its_creditor(shared, amount, is_within):
    returned(shared, [f"{key(1)}:atacado", "ACORDO", None, date(2026, 11, 25), amount, 2])
    counts = read_outcomes(shared, NEXT)
    assert (counts["agreements"], counts["requests"]) == ((1, 0) if is_within else (0, 1))
    assert {row["creditor"] for row in ledger(shared, "outcomes")} == {"atacado"}


@pytest.mark.parametrize("creditor", ["varejo", "other", ""])
def test_a_creditor_who_does_not_share_the_call_has_no_answer(shared, creditor):
    returned(shared, [f"{key(1)}:{creditor}", "RECADO"], [f"{key(2)}:atacado", "RECADO"])
    assert read_outcomes(shared, NEXT)["recorded"] == 0
    assert len(rejected(shared)) == 2


def test_an_answer_that_promises_nothing_names_no_receivables(plan):
    returned(plan, [key(1), "RECADO"])
    read_outcomes(plan, NEXT)
    assert not ledger(plan, "commitment_items")


def test_a_promise_without_an_amount_is_for_all_that_is_due(plan):
    returned(plan, [key(1), "promessa", None, "25/11/2026"])
    read_outcomes(plan, NEXT)
    assert ledger(plan, "promises")[0]["amount"] == "1023.33"


def test_an_agreement_within_the_limits(plan):
    returned(plan, [key(1), "acordo ", None, "25/11/26", "R$ 921,00", "6x"])
    assert read_outcomes(plan, NEXT)["agreements"] == 1
    (agreement,) = ledger(plan, "agreements")
    assert (agreement["amount"], agreement["installments"], agreement["discount_rate"]) == (
        "921.00",
        6,
        "0.099997",
    )


def test_a_call_back_keeps_its_day(plan):
    returned(plan, [key(1), "agendado", None, "20/11"])
    read_outcomes(plan, NEXT)
    assert ledger(plan, "outcomes")[0]["follow_up_on"] == "2026-11-20"


REFUSALS = {
    "unknown code": ([key(1), "talvez"], "Resultado: não está na lista"),
    "no code": ([key(1), None, "ESQUECEU"], "Resultado: falta preencher"),
    "only a note": (
        [key(1), None, None, None, None, None, "ligar depois"],
        "Resultado: falta preencher",
    ),
    "unknown reason": ([key(1), "RECADO", "chuva"], "Motivo do atraso: não está na lista"),
    "unknown key": (["f" * 32, "RECADO"], "message_key não é de nenhuma fila"),
    "no key": ([None, "RECADO"], "a linha perdeu a coluna oculta message_key"),
    "promise without a day": ([key(1), "PROMESSA"], "Data prometida: falta a data"),
    "promise in the past": (
        [key(1), "PROMESSA", None, "17/11/2026"],
        "Data prometida: é anterior à ligação",
    ),
    "promise next year": (
        [key(1), "PROMESSA", None, "25/11/2027"],
        "Data prometida: passa de 90 dias",
    ),
    "day that does not exist": (
        [key(1), "PROMESSA", None, "31/11/2026"],
        "Data prometida: esta data não existe",
    ),
    "day in words": (
        [key(1), "PROMESSA", None, "semana que vem"],
        "Data prometida: não é uma data",
    ),
    "amount in words": (
        [key(1), "PROMESSA", None, "25/11", "tudo"],
        "Valor prometido: não é um valor",
    ),
    "amount of nothing": (
        [key(1), "PROMESSA", None, "25/11", 0],
        "Valor prometido: precisa ser maior que zero",
    ),
    "amount below nothing": (
        [key(1), "PROMESSA", None, "25/11", -10],
        "Valor prometido: precisa ser maior que zero",
    ),
    "amount without its comma": (
        [key(1), "PROMESSA", None, "25/11", 102333],
        "Valor prometido: é maior que a dívida",
    ),
    "agreement without amount": (
        [key(1), "ACORDO", None, "25/11", None, 2],
        "Valor prometido: falta o valor total",
    ),
    "agreement without instalments": (
        [key(1), "ACORDO", None, "25/11", 1000],
        "Parcelas: falta o número",
    ),
    "half an instalment": (
        [key(1), "ACORDO", None, "25/11", 1000, 2.5],
        "Parcelas: não é um número",
    ),
}


REQUESTS = {
    "discount beyond the limit": (
        [key(1), "ACORDO", None, "25/11", 920.0, 1],
        "Valor prometido: o desconto passa da alçada",
    ),
    "instalments beyond the limit": (
        [key(1), "ACORDO", None, "25/11", 1000, 7],
        "Parcelas: passa da alçada",
    ),
    "agreement from the reserve": (
        [key(8), "ACORDO", None, "25/11", 1000, 2],
        "acordos desta lista precisam de um agente",
    ),
}


@pytest.mark.parametrize(("row", "reason"), REQUESTS.values(), ids=REQUESTS)
def test_an_agreement_beyond_the_limits_is_refused_and_becomes_a_request(plan, row, reason):
    for new in (1, 0):
        returned(plan, row, [key(2), "NAO_ATENDE"])
        counts = read_outcomes(plan, NEXT)
        assert (counts["answers"], counts["rejected"], counts["requests"]) == (2, 1, new)
        assert counts["recorded"] == new
        assert {
            (outcome["message_key"], outcome["code"], outcome["follow_up_on"])
            for outcome in ledger(plan, "outcomes")
        } == {(key(2), "NAO_ATENDE", None), (row[0], "PEDIDO", None)}
        assert ledger(plan, "agreements") == []
        (refused,) = rejected(plan)
        assert refused["Motivo da recusa"].startswith(reason)
        assert refused["Motivo da recusa"].endswith("; o pedido foi para a supervisão")


@pytest.mark.parametrize(("row", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_be_understood_is_refused_and_the_rest_is_kept(plan, row, reason):
    returned(plan, row, [key(2), "NAO_ATENDE"])
    counts = read_outcomes(plan, NEXT)
    assert (counts["answers"], counts["recorded"], counts["rejected"]) == (2, 1, 1)
    assert [outcome["code"] for outcome in ledger(plan, "outcomes")] == ["NAO_ATENDE"]
    (refused,) = rejected(plan)
    assert refused["Motivo da recusa"].startswith(reason)
    assert (refused["Arquivo"], refused["Linha"], refused[KEY]) == ("ana.xlsx", "2", row[0] or "")
    assert "Observação" not in refused and "ligar depois" not in str(refused)


def test_the_list_of_refused_answers_shows_what_was_written(plan):
    """For a spreadsheet of Brazil, and as it stands there already when it grows."""
    long = "talvez " * 40
    returned(plan, [key(1), long, None, date(2026, 11, 25), 100.5], [key(2), '@soma "a"'])
    read_outcomes(plan, NEXT)
    path = plan.folder("inbox", NEXT, "rejected.csv")
    before = path.read_bytes()
    assert before.startswith(b"\xef\xbb\xbfArquivo;Linha;Motivo da recusa;")
    first, second = rejected(plan)
    assert first["Resultado"] == long[:200]
    assert (first["Data prometida"], first["Valor prometido"]) == ("25/11/2026", "100,5")
    assert second["Resultado"] == '\'@soma "a"'
    returned(plan, [key(3), "dois\nmotivos"], name="b.xlsx")
    read_outcomes(plan, NEXT)
    assert path.read_bytes().startswith(before)
    returned(plan, [key(4), "outro"], name="c.xlsx")
    read_outcomes(plan, NEXT)
    assert [row["Resultado"] for row in rejected(plan)[2:]] == ["dois\nmotivos", "outro"]


def test_untouched_rows_are_no_answers(plan):
    returned(plan, [key(1)], [key(2), " ", None, "-"], [key(3), "recado"])
    assert read_outcomes(plan, NEXT)["answers"] == 1


def test_rows_are_found_by_key_not_by_position(plan):
    """Sorted, with columns moved and a column of one's own between them."""
    header = ["Minhas notas", "resultado", "DATA PROMETIDA", KEY, "Parcelas"]
    returned(
        plan,
        ["x", "promessa", "25/11", key(5)],
        ["y", "recado", None, key(2)],
        header=header,
        above=7,
    )
    assert read_outcomes(plan, NEXT)["recorded"] == 2
    assert {row["customer_key"]: row["code"] for row in ledger(plan, "outcomes")} == {
        call(5)["customer_key"]: "PROMESSA",
        call(2)["customer_key"]: "RECADO",
    }


def test_the_same_file_again_changes_nothing(plan):
    rows = [
        [key(1), "PROMESSA", None, "25/11"],
        [key(2), "ACORDO", None, "25/11", 1000, 2],
        [key(3), "talvez"],
    ]
    returned(plan, *rows)
    read_outcomes(plan, NEXT)
    before = {table: ledger(plan, table) for table in ("outcomes", "promises", "agreements")}
    returned(plan, *rows)
    counts = read_outcomes(plan, NEXT)
    assert (
        counts["recorded"],
        counts["already_recorded"],
        counts["promises"],
        counts["agreements"],
    ) == (0, 2, 0, 0)
    assert {table: ledger(plan, table) for table in before} == before
    assert len(rejected(plan)) == 1


def test_a_crash_before_the_file_is_moved_changes_nothing(plan, monkeypatch):
    returned(plan, [key(1), "PROMESSA", None, "25/11"])
    monkeypatch.setattr(
        "cobranca.queues.import_outcomes._file_away",
        lambda path, folder: (_ for _ in ()).throw(KeyboardInterrupt),
    )
    with pytest.raises(KeyboardInterrupt):
        read_outcomes(plan, NEXT)
    monkeypatch.undo()
    counts = read_outcomes(plan, NEXT)
    assert (counts["recorded"], counts["already_recorded"]) == (0, 1)
    assert len(ledger(plan, "outcomes")) == len(ledger(plan, "promises")) == 1


@pytest.mark.parametrize(
    ("first", "second", "table"),
    [
        (["PROMESSA", None, "25/11"], ["PROMESSA", None, "26/11"], "promises"),
        (
            ["ACORDO", None, "25/11", 1000, 2],
            ["ACORDO", None, "25/11", 1000, 3],
            "agreements",
        ),
    ],
)
def test_a_second_promise_of_other_terms_is_refused_and_the_rest_is_kept(
    plan, first, second, table
):
    returned(plan, [key(1), *first])
    read_outcomes(plan, NEXT)
    before = ledger(plan, table)
    returned(plan, [key(1), *second], [key(2), "RECADO"], name="again.xlsx")
    counts = read_outcomes(plan, NEXT)
    assert (counts["recorded"], counts["already_recorded"], counts["rejected"]) == (1, 0, 1)
    assert ledger(plan, table) == before
    assert rejected(plan)[0]["Motivo da recusa"] == (
        "este caso já tem uma promessa ou um acordo registrado com outra data ou valor; passe ao "
        "supervisor"
    )


def test_a_later_result_of_the_same_day_is_added(plan):
    returned(plan, [key(1), "NAO_ATENDE"])
    read_outcomes(plan, NEXT)
    returned(plan, [key(1), "RECADO"])
    read_outcomes(plan, NEXT)
    assert sorted(row["code"] for row in ledger(plan, "outcomes")) == ["NAO_ATENDE", "RECADO"]


def test_one_case_with_two_answers_in_a_file_is_refused(plan):
    returned(plan, [key(1), "RECADO"], [key(1), "RECADO"], [key(1), "RECUSA"])
    counts = read_outcomes(plan, NEXT)
    assert (counts["recorded"], counts["already_recorded"], counts["rejected"]) == (1, 1, 1)
    assert "duas vezes" in rejected(plan)[0]["Motivo da recusa"]


def test_files_are_put_away_and_none_is_lost(plan):
    returned(plan, [key(1), "RECADO"])
    read_outcomes(plan, NEXT)
    returned(plan, [key(2), "RECADO"])
    read_outcomes(plan, NEXT)
    returned(plan, [key(3), "RECADO"])
    read_outcomes(plan, NEXT)
    first, second, third = sorted(
        path.name for path in plan.folder("inbox", NEXT, "processed").iterdir()
    )
    assert re.fullmatch(r"ana-[0-9a-f]{8}\.xlsx", first) and first != second
    assert re.fullmatch(r"ana-[0-9a-f]{8}\.xlsx", second) and third == "ana.xlsx"
    assert [path for path in (plan.data / "inbox").iterdir() if path.is_file()] == []


def test_a_damaged_file_does_not_stop_the_others(plan):
    returned(plan, [key(1), "RECADO"], name="b.xlsx")
    inbox = plan.data / "inbox"
    (inbox / "a.xlsx").write_bytes(b"PK\x03\x04 half a file")
    (inbox / "c.csv").write_bytes(b"\0\0\0\0")
    (inbox / "d.csv").write_text("nome;valor\nx;1\n")
    (inbox / "e.csv").write_text("")
    (inbox / "~$b.xlsx").write_bytes(b"lock")
    (inbox / ".c.csv.swp.csv").write_bytes(b"half written")
    (inbox / "holiday.pdf").write_bytes(b"%PDF")
    counts = read_outcomes(plan, NEXT)
    assert (counts["files"], counts["unreadable_files"], counts["recorded"]) == (5, 4, 1)
    assert sorted(path.name for path in plan.folder("inbox", NEXT, "unreadable").iterdir()) == [
        "a.xlsx",
        "c.csv",
        "d.csv",
        "e.csv",
    ]
    assert sorted(path.name for path in inbox.iterdir() if path.is_file()) == [
        ".c.csv.swp.csv",
        "holiday.pdf",
        "~$b.xlsx",
    ]
    assert [row["Arquivo"] for row in rejected(plan)] == ["a.xlsx", "c.csv", "d.csv", "e.csv"]


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8-sig", ";"), ("cp1252", ";"), ("utf-8", ","), ("utf-8", "\t")],
)
def test_lists_of_any_spelling_are_read(plan, encoding, delimiter):
    lines = [
        [KEY, "Cliente", *ANSWERS],
        [key(1), "João", "não atende", "", "", "", "", "à tarde"],
        [key(2), "Zé", "RECADO", *[""] * 5],
    ]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    (plan.data / "inbox").mkdir()
    (plan.data / "inbox" / "discador.csv").write_bytes(text.encode(encoding))
    assert read_outcomes(plan, NEXT)["recorded"] == 2


def test_refused_answers_can_be_corrected_and_returned(plan):
    returned(plan, [key(1), "PROMESSA", "ESQUECEU", "31/11/2026", 100.5])
    read_outcomes(plan, NEXT)
    text = plan.folder("inbox", NEXT, "rejected.csv").read_text(encoding="utf-8-sig")
    (plan.data / "inbox" / "corrigido.csv").write_text(
        text.replace("31/11/2026", "30/11/2026"), encoding="utf-8-sig"
    )
    assert read_outcomes(plan, NEXT)["promises"] == 1
    assert (ledger(plan, "promises")[0]["promised_on"], ledger(plan, "promises")[0]["amount"]) == (
        "2026-11-30",
        "100.50",
    )


@pytest.mark.parametrize(
    ("days", "recorded"),
    [(OLDEST_QUEUE_DAYS - 1, 1), (OLDEST_QUEUE_DAYS, 1), (OLDEST_QUEUE_DAYS + 1, 0)],
)
def test_an_answer_to_an_older_or_replaced_queue_counts(plan, days, recorded):
    publish_plan(plan, ROWS[:1])
    returned(plan, [key(2), "RECADO"])
    counts = read_outcomes(plan, DAY + timedelta(days=days))
    assert (counts["recorded"], counts["rejected"]) == (recorded, 1 - recorded)


def test_the_day_of_the_call_may_be_given(plan):
    header = [*HEADER, "Data da ligação"]
    returned(
        plan,
        [key(1), "RECADO", *[None] * 5, "19/11/2026"],
        [key(2), "RECADO", *[None] * 5, "17/11/2026"],
        header=header,
    )
    read_outcomes(plan, DAY + timedelta(days=3))
    assert [row["contacted_on"] for row in ledger(plan, "outcomes")] == ["2026-11-19"]


def test_an_empty_inbox_needs_nothing(settings):
    assert set(read_outcomes(settings, NEXT).values()) == {0}
    assert not (settings.data / "ledger.db").exists()


def test_a_wrong_policy_leaves_every_file_where_it_is(plan):
    path = returned(plan, [key(1), "RECADO"])
    (plan.config / "outcome_codes.csv").write_text("nonsense\n")
    with pytest.raises(ConfigError):
        read_outcomes(plan, NEXT)
    assert path.exists()


def test_outcomes_reach_the_next_night_only(plan):
    import pyarrow.parquet as pq

    returned(plan, [key(1), "PROMESSA", None, "25/11"])
    read_outcomes(plan, NEXT)
    same, following = publish_feedback(plan, DAY), publish_feedback(plan, NEXT)
    assert pq.read_metadata(same.path("outcomes.parquet")).num_rows == 0
    assert pq.read_table(following.path("promises.parquet")).to_pylist()[0]["amount"] == Decimal(
        "1023.33"
    )


def test_on_a_postgresql_ledger(plan, postgres_server):
    from dataclasses import replace

    settings = replace(plan, ledger=postgres_server.create_database("queues_outcomes"))
    rows = [
        [key(1), "PROMESSA", None, "25/11"],
        [key(2), "ACORDO", None, "25/11", 1000, 2],
        [key(3), "talvez"],
    ]
    for recorded in (2, 0):
        returned(settings, *rows)
        assert read_outcomes(settings, NEXT)["recorded"] == recorded
    assert ledger(settings, "promises")[0]["amount"] == Decimal("1023.33")


def test_the_demo_agents_close_the_loop(settings):
    publish_plan(
        settings,
        [call(n) for n in range(1, 41)]
        + [call(n, "bruno") for n in range(41, 61)]
        + [call(61, "reserva")],
    )
    write_queues(settings, DAY)
    files = return_workbooks(settings, NEXT, seed=7)
    assert [path.name for path in files] == [
        "fila_ana_2026-11-18_respondida.xlsx",
        "fila_bruno_2026-11-18_respondida.xlsx",
    ]
    kept = [shutil.copy(path, settings.data / path.name) for path in files]
    counts = read_outcomes(settings, NEXT)
    assert counts["recorded"] > 25 and counts["rejected"] == 2 and counts["promises"] > 3
    assert counts["answers"] == counts["recorded"] + counts["already_recorded"] + counts["rejected"]
    again = return_workbooks(settings, NEXT, seed=7)
    assert [path.read_bytes() for path in again] == [open(path, "rb").read() for path in kept]  # noqa: SIM115
    assert read_outcomes(settings, NEXT)["recorded"] == 0


def test_the_demo_agents_have_nothing_to_do_on_the_first_night(settings):
    assert return_workbooks(settings, DAY) == []
    publish_plan(settings, ROWS)
    write_queues(settings, DAY)
    assert return_workbooks(settings, DAY) == []


def test_a_workbook_filled_by_a_spreadsheet_program_is_read(plan):
    """The very file that went out, with one cell changed as a program that keeps everything else
    would.
    """
    import zipfile

    source = write_queues(plan, DAY)["workbooks"]["ana"]["file"]
    with CalamineWorkbook.from_path(source) as book:
        rows = book.get_sheet_by_name("Fila").to_python(skip_empty_area=False)
    line, column = next(
        (number, row.index("Resultado")) for number, row in enumerate(rows) if KEY in row
    )
    cell = f"{chr(ord('A') + column)}{line + 2}"
    (plan.data / "inbox").mkdir()
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(plan.data / "inbox" / "ana.xlsx", "w") as new,
    ):
        for item in old.infolist():
            content = old.read(item)
            if item.filename == "xl/worksheets/sheet1.xml":
                text = content.decode()
                start = text.index(f'<c r="{cell}"')
                end = text.index("/>", start) + 2
                answer = text[start:end].replace("/>", ' t="inlineStr"><is><t>recado </t></is></c>')
                content = (text[:start] + answer + text[end:]).encode()
            new.writestr(item, content)
    assert read_outcomes(plan, NEXT)["recorded"] == 1
    assert ledger(plan, "outcomes")[0]["message_key"] == key(1)
