"""Returned files lose their rows about one payer and keep the others, in every format."""

import json
from datetime import date

import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from cobranca.privacy import returned_workbooks
from cobranca.privacy.payer_traces import Traces
from privacy.company import WRITTEN


@pytest.fixture
def traces() -> Traces:
    found = Traces(message_keys={"M0123456789abcdef"})
    found.add_customer(
        {
            "name": WRITTEN.name,
            "tax_id": WRITTEN.cpf,
            "email": WRITTEN.email,
            "phone": WRITTEN.phone,
        }
    )
    return found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("M0123456789abcdef", True),
        ("FILOMENA  canarinho", True),
        ("CPF 101.128.966-00", True),
        ("ligar (11) 97654-0123", True),
        ("Filo.Canarinho@Example.com", True),
        # another person's first name, and a number of no one
        ("Filomena Souza", False),
        ("R$ 1.234,56 em 18/11/2026", False),
        ("", False),
    ],
)
def test_a_payer_is_recognised_in_any_spelling(traces, text, names):
    assert traces.found_in(text) is names


def test_rows_of_a_list_go_with_all_their_lines(traces, tmp_path):
    path = tmp_path / "fila.csv"
    path.write_text(
        f'message_key;Cliente;Observação\r\nM0123456789abcdef;X;"duas\r\nlinhas"\r\nM2;Outro;"ok;\r\nsim"\r\nM3;{WRITTEN.name};\r\n',
        encoding="cp1252",
    )
    assert returned_workbooks.names_the_payer(path, traces)
    returned_workbooks.remove_payer(path, traces)
    assert path.read_text(encoding="utf-8-sig").split("\n", 1)[1] == 'M2;Outro;"ok;\nsim"\n'
    assert not returned_workbooks.names_the_payer(path, traces)


def test_rows_of_a_workbook_go_and_values_stay(traces, tmp_path):
    path = tmp_path / "fila.xlsx"
    with xlsxwriter.Workbook(path, {"default_date_format": "dd/mm/yyyy"}) as book:
        for name in ("Fila", "Outra"):
            sheet = book.add_worksheet(name)
            for number, row in enumerate(
                [
                    ["message_key", "Data"],
                    ["M0123456789abcdef", date(2026, 11, 18)],
                    ["M2", date(2026, 11, 19)],
                ]
            ):
                sheet.write_row(number, 0, row)
    returned_workbooks.remove_payer(path, traces)
    with CalamineWorkbook.from_path(path) as book:
        sheets = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
    assert sheets == [[["message_key", "Data"], ["M2", date(2026, 11, 19)]]] * 2


@pytest.mark.parametrize("form", ["list", "lines"])
def test_events_go_and_others_stay(traces, tmp_path, form):
    events = [
        {"email": WRITTEN.email, "event": "open"},
        {"email": "outra@example.com"},
        {"message_key": "M0123456789abcdef"},
    ]
    path = tmp_path / "events.jsonl"
    path.write_text(
        json.dumps(events)
        if form == "list"
        else "\n".join(json.dumps(event) for event in events) + "\n"
    )
    returned_workbooks.remove_payer(path, traces)
    left = path.read_text()
    assert (
        "outra@example.com" in left
        and WRITTEN.email not in left
        and "M0123456789abcdef" not in left
    )


def test_an_unreadable_file_is_left_to_a_person(traces, tmp_path):
    path = tmp_path / "locked.xlsx"
    path.write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(returned_workbooks.Unreadable):
        returned_workbooks.names_the_payer(path, traces)
    (tmp_path / "notes.log").write_text(f"linha\nvisto em {WRITTEN.cpf}\n")
    (tmp_path / "other.log").write_text("nada\n")
    assert returned_workbooks.text_files_naming(tmp_path, traces) == [tmp_path / "notes.log"]
