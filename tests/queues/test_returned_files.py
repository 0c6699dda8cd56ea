"""The rows that are found in a returned file, wherever its table stands and however it is spelt."""

import pytest
import xlsxwriter

from cobranca.queues.queue_columns import ANSWERS, KEY
from cobranca.queues.returned_files import UnreadableFile, read_answers

HEADER = [KEY, *ANSWERS]
BLANK = dict.fromkeys(ANSWERS)


@pytest.fixture
def csv_file(tmp_path):
    def write(text: str, encoding: str = "utf-8", name: str = "ana.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def workbook(tmp_path):
    def write(**sheets: list[list]):
        path = tmp_path / "ana.xlsx"
        with xlsxwriter.Workbook(path) as book:
            for name, rows in sheets.items():
                sheet = book.add_worksheet(name)
                for line, row in enumerate(rows):
                    sheet.write_row(line, 0, row)
        return path

    return write


def test_an_answer_knows_its_file_its_line_and_its_cells(csv_file):
    path = csv_file(f"Fila de 18/11\n;\nCliente;{KEY};Resultado\nZé; k1 ;RECADO\n")
    (answer,) = read_answers(path)
    assert (answer.file, answer.line, answer.message_key) == ("ana.csv", 4, "k1")
    assert answer.cells == {"Resultado": "RECADO"}


def test_the_line_is_the_one_that_a_program_shows(csv_file, workbook):
    rows = [HEADER, ["k1", "RECADO"], ["k2"], ["k3", "RECADO"]]
    assert [answer.line for answer in read_answers(workbook(Fila=rows))] == [2, 4]
    text = "\n".join(";".join(row) for row in rows)
    assert [answer.line for answer in read_answers(csv_file(text))] == [2, 4]


def test_a_row_that_ends_early_has_empty_cells(csv_file):
    (answer,) = read_answers(csv_file(";".join(HEADER) + "\nk1;RECADO\n"))
    assert answer.cells == BLANK | {"Resultado": "RECADO"}
    (answer,) = read_answers(csv_file("Resultado;message_key\nRECADO\n"))
    assert (answer.message_key, answer.cells) == ("", {"Resultado": "RECADO"})


def test_a_row_is_an_answer_if_any_answer_cell_is_filled(csv_file):
    rows = ["k1;;;;;;", "k2; ;-;;;;–", ";;;;;;só a nota", "k3;;;;;3;"]
    answers = read_answers(csv_file("\n".join([";".join(HEADER), *rows])))
    assert [(answer.line, answer.message_key) for answer in answers] == [(4, ""), (5, "k3")]


def test_of_two_columns_of_one_name_the_first_counts(csv_file):
    (answer,) = read_answers(csv_file(f"{KEY};Resultado;resultado\nk1;RECADO;ACORDO\n"))
    assert answer.cells == {"Resultado": "RECADO"}


@pytest.mark.parametrize(("above", "is_found"), [(0, True), (39, True), (40, False)])
def test_the_header_is_within_the_first_40_lines(csv_file, above, is_found):
    path = csv_file("título\n" * above + f"{KEY};Resultado\nk1;RECADO\n")
    if is_found:
        assert [answer.line for answer in read_answers(path)] == [above + 2]
    else:
        with pytest.raises(UnreadableFile, match="não tem as colunas message_key e Resultado"):
            read_answers(path)


@pytest.mark.parametrize("header", [f"{KEY};Nota", "Cliente;Resultado", "", "Parcelas;Observação"])
def test_a_table_has_the_key_and_the_result(csv_file, header):
    with pytest.raises(UnreadableFile, match="não tem as colunas message_key e Resultado"):
        read_answers(csv_file(f"{header}\nk1;RECADO\n"))


def test_the_sheet_of_the_queue_is_read_wherever_it_stands(workbook):
    queue, other = [HEADER, ["k1", "RECADO"]], [HEADER, ["k2", "ACORDO"]]
    assert [a.message_key for a in read_answers(workbook(Notas=other, Fila=queue))] == ["k1"]
    assert [a.message_key for a in read_answers(workbook(Notas=other, Mais=queue))] == ["k2"]


def test_empty_rows_and_columns_around_the_table_are_counted(workbook):
    rows = [[], [], ["", KEY, "Resultado"], ["", "k1", "RECADO"]]
    assert [answer.line for answer in read_answers(workbook(Fila=rows))] == [4]


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_the_delimiter_is_the_one_of_the_header(csv_file, delimiter):
    """Lines above it may hold more of another one."""
    header = delimiter.join(("Cliente", KEY, "Resultado"))
    row = delimiter.join(("Zé", "k1", "RECADO"))
    above = "a,b,c,d,e;f;g;h;i\tj\tk\tl\tm\n"
    (answer,) = read_answers(csv_file(f"{above}{header}\n{row}\n"))
    assert (answer.message_key, answer.cells) == ("k1", {"Resultado": "RECADO"})


def test_no_letter_is_a_delimiter(csv_file):
    (answer,) = read_answers(csv_file(f"{KEY};Resultado;XXX XXX\nk1;RECADO;1\n"))
    assert answer.cells == {"Resultado": "RECADO"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_machine(csv_file, end):
    text = end.join((f"{KEY};Resultado", "k1;RECADO", "k2;ACORDO", ""))
    assert [answer.message_key for answer in read_answers(csv_file(text))] == ["k1", "k2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_text_of_either_encoding_is_read(csv_file, encoding):
    text = f"{KEY};Resultado;Observação\nk1;RECADO;à tarde\n"
    (answer,) = read_answers(csv_file(text, encoding))
    assert answer.cells["Observação"] == "à tarde"


def test_a_byte_of_no_encoding_does_not_lose_the_file(tmp_path):
    path = tmp_path / "ana.CSV"
    path.write_bytes(f"{KEY};Resultado;Observação\nk1;RECADO;\x81 hoje\n".encode("latin-1"))
    (answer,) = read_answers(path)
    assert answer.cells["Observação"] == "\N{REPLACEMENT CHARACTER} hoje"


def test_a_cell_with_a_line_break_is_one_cell(csv_file):
    text = f'{KEY};Resultado;Observação\nk1;RECADO;"a\r\nb"\nk2;RECADO;c\n'
    first, second = read_answers(csv_file(text))
    assert (first.cells["Observação"], first.line) == ("a\r\nb", 3)
    assert (second.message_key, second.line) == ("k2", 4)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"\0\0", "não é um arquivo de texto CSV"),
        ("a.csv", b"message_key;Resultado\nk1;" + b"x" * 140_000, "está danificado a partir de"),
        ("a.xlsx", b"PK\x03\x04 half a file", "está danificado, protegido por senha"),
        ("a.xlsx", b"message_key;Resultado\n", "está danificado, protegido por senha"),
    ],
)
def test_a_file_that_is_none_says_why(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=f"^{words}"):
        read_answers(tmp_path / name)
