"""A return file is believed whole or refused with its line; the same payment has the same name in
every file.
"""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.payments.cnab import DamagedFile, payment_key, read_return_file
from cobranca.payments.cnab_layout import TrailerTotal, read_layout
from return_files import BANKS, ReturnRecord, return_file

ONE = ReturnRecord(
    receivable="T-1", paid=101_33, nominal=100_00, interest=1_33, discount=5_00, rebate=2_50
)
TWO = ReturnRecord(
    receivable="T-2",
    code="02",
    paid=0,
    nominal=50_00,
    our_number="87654321",
    credited_on=None,
    document="NF-2",
)


def read(layout: str, content: bytes, **options):
    return read_return_file(content, read_layout(layout), BANKS[layout], **options)


@pytest.mark.parametrize("layout", BANKS)
@pytest.mark.parametrize(
    ("end", "mark"),
    [("\r\n", ""), ("\n", ""), ("\r\n", "\x1a"), ("\n", "\x1a\r\n"), ("\r\n", "\r\n\r\n")],
)
def test_a_whole_file_is_read_with_either_line_ending(layout: str, end: str, mark: str):
    one, two = read(layout, return_file(layout, BANKS[layout], ONE, TWO, end=end, mark=mark))
    assert (one.company_use, one.document_number, one.our_number, one.code) == (
        "T-1",
        "NF-1",
        "12345678",
        "06",
    )
    assert (one.paid, one.nominal, one.interest, one.discount, one.rebate) == (
        101_33,
        100_00,
        1_33,
        5_00,
        2_50,
    )
    assert (one.occurred_on, one.credited_on) == (date(2026, 11, 16), date(2026, 11, 17))
    assert (two.code, two.paid, two.credited_on) == ("02", 0, None)
    assert one.account and one.bank == BANKS[layout]


def test_the_last_line_may_be_unended():
    content = return_file("bradesco400", "237", ONE).rstrip(b"\r\n")
    assert len(read("bradesco400", content)) == 1


@pytest.mark.parametrize("layout", BANKS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_that_a_gateway_made_utf_8_is_read_all_the_same(layout: str, encoding: str):
    content = return_file(layout, BANKS[layout], ONE, TWO)
    assert read(layout, content.decode("latin-1").encode(encoding)) == read(layout, content)


@pytest.mark.parametrize("content", [b"", b"\r\n\n", b"\x1a", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_file_without_a_line_is_no_file(content: bytes):
    with pytest.raises(DamagedFile):
        read("bradesco400", content)


def two_batches(second: str = "0002", reported: str = "000002") -> bytes:
    """What two files of one batch each tell, in one file of two."""
    header, *first, end = F240.decode("latin-1").split("\r\n")[:-1]
    other = [
        line[:3] + second + line[7:] for line in OTHER240.decode("latin-1").split("\r\n")[1:-2]
    ]
    count = f"{2 + len(first) + len(other):06}"
    lines = [header, *first, *other, end[:17] + reported + count + end[29:]]
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")


def test_several_batches_are_read_each_by_its_own_trailer():
    assert [one.company_use for one in read("febraban240", two_batches())] == ["T-1", "T-2", "T-3"]
    for content, words in (
        (two_batches("0001"), "line 8: a batch of this number was there before"),
        (
            two_batches(reported="000001"),
            "line 12: the trailer counts 1 batches and 12 records, the file has 2 and 12",
        ),
        (
            put(two_batches(), 11, 18, "000005"),
            "line 11: the batch's trailer counts 5 records, the batch has 4",
        ),
        (put(two_batches(), 9, 4, "0001"), "line 9: it belongs to another batch"),
        (without(two_batches(), 7), "line 7: record '1' has no place here"),
    ):
        with pytest.raises(DamagedFile, match=words):
            read("febraban240", content)


def put(content: bytes, line: int, first: int, text: str) -> bytes:
    lines = content.decode("latin-1").split("\r\n")
    at = lines[line - 1]
    lines[line - 1] = at[: first - 1] + text + at[first - 1 + len(text) :]
    return "\r\n".join(lines).encode("latin-1")


def without(content: bytes, *numbers: int) -> bytes:
    lines = content.decode("latin-1").split("\r\n")
    return "\r\n".join(
        line for number, line in enumerate(lines, start=1) if number not in numbers
    ).encode("latin-1")


F240 = return_file(
    "febraban240", "001", ONE, TWO
)  # header, batch header, T U T U, batch trailer, trailer
OTHER240 = return_file("febraban240", "001", ReturnRecord(receivable="T-3", our_number="3"))
F400 = return_file("bradesco400", "237", ONE, TWO)  # header, two details, trailer


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\x1a\r\n", "the file is empty"),
        (F240[:-100], "line 8: it has 142 characters instead of 240"),
        (F240[: 242 * 4], "line 4: the file does not end with its trailer"),
        (without(F240, 8), "line 7: the file does not end with its trailer"),
        (without(F240, 1), "line 1: the file does not begin with its header"),
        (
            without(F240, 4),
            "line 4: it should be record 2 of its batch: a line is missing or comes twice",
        ),
        (without(F240, 5, 6), r"line 5: the batch's trailer counts 6 records, the batch has 4"),
        (put(without(F240, 6), 6, 18, "000005"), "line 5: segment T has no segment U"),
        (put(F240, 3, 14, "Y"), "line 4: segment U has no segment T"),
        (
            put(put(F240, 4, 14, "Y"), 5, 14, "U"),
            "line 5: segments T and U tell of different occurrences",
        ),
        (put(F240, 5, 14, "U"), "line 5: segment U has no segment T"),
        (put(F240, 4, 14, "T"), "line 3: segment T has no segment U"),
        (put(F240, 4, 16, "09"), "line 4: segments T and U tell of different occurrences"),
        (put(F240, 4, 4, "0002"), "line 4: it belongs to another batch"),
        (put(F240, 3, 1, "237"), "line 3: it is not of bank 001"),
        (put(F240, 1, 143, "1"), "line 1: the header does not say that this is a return file"),
        (
            put(F240, 7, 18, "000007"),
            "line 7: the batch's trailer counts 7 records, the batch has 6",
        ),
        (
            put(F240, 7, 24, "000003"),
            "line 7: the batch's trailer counts 3 boletos, the batch has 2",
        ),
        (
            put(F240, 7, 30, "00000000000014999"),
            "line 7: the batch's trailer adds up to 149.99, its boletos to 150",
        ),
        (
            put(F240, 8, 24, "000009"),
            "line 8: the trailer counts 1 batches and 9 records, the file has 1 and 8",
        ),
        (put(F240, 8, 18, "000002"), "line 8: the trailer counts 2 batches"),
        (
            put(F240, 4, 78, "0000000000101O3"),
            "line 4: the amount 'paid' holds something that is no digit",
        ),
        (put(F240, 4, 138, "31112026"), "line 4: the date 'occurred_on' is no date"),
        (put(F240, 4, 146, "1711202a"), "line 4: the date 'credited_on' is no date"),
        (put(F240, 7, 8, "3"), "line 7"),
        (put(F240, 2, 8, "3"), "line 2: record '3' has no place here"),
    ],
)
def test_a_damaged_240_is_refused_with_the_line(content: bytes, words: str):
    with pytest.raises(DamagedFile, match=words) as error:
        read("febraban240", content)
    assert "JOSÉ" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (F400[:-50], "line 4: it has 352 characters instead of 400"),
        (F400[: 402 * 2], "line 2: the file does not end with its trailer"),
        (without(F400, 1), "line 1: the file does not begin with its header"),
        (without(F400, 2), ("line 2: it should be record 2 of the file: a line is missing or comes "
            "twice")),
        (put(F400, 1, 2, "1"), "line 1: the header does not say that this is a return file"),
        (put(F400, 1, 77, "341"), "line 1: it is not of bank 237"),
        (put(F400, 4, 395, "000005"), "line 4: it should be record 4"),
        (put(F400, 4, 87, "00002"), ("line 4: the trailer counts 2 boletos of occurrence 06, the "
            "file has 1")),
        (put(F400, 4, 92, "000000010134"), ("line 4: the trailer adds boletos of occurrence 06 up "
            "to 101.34, the file to 100 or")),
        (put(F400, 2, 254, "00000001013,3"), ("line 2: the amount 'paid' holds something that is "
            "no digit")),
        (put(F400, 2, 111, "321126"), "line 2: the date 'occurred_on' is no date"),
        (put(F400, 2, 109, "  "), "line 2: the occurrence code is not two digits"),
        (put(F400, 3, 1, "9"), "line 3: record '9' has no place here"),
    ],
)  # fmt: skip
def test_a_damaged_400_is_refused_with_the_line(content: bytes, words: str):
    with pytest.raises(DamagedFile, match=words):
        read("bradesco400", content)


@pytest.mark.parametrize(
    ("layout", "line", "first", "last", "name"),
    [
        ("febraban240", 4, 9, 13, "number in the batch"),
        ("febraban240", 4, 78, 92, "amount 'paid'"),
        ("febraban240", 4, 138, 145, "date 'occurred_on'"),
        ("febraban240", 7, 18, 23, "number of records"),
        ("febraban240", 7, 24, 29, "number of boletos"),
        ("febraban240", 7, 30, 46, "sum of boletos"),
        ("febraban240", 7, 47, 52, "number of boletos"),
        ("febraban240", 7, 53, 69, "sum of boletos"),
        ("febraban240", 7, 70, 75, "number of boletos"),
        ("febraban240", 7, 76, 92, "sum of boletos"),
        ("febraban240", 7, 93, 98, "number of boletos"),
        ("febraban240", 7, 99, 115, "sum of boletos"),
        ("febraban240", 8, 18, 23, "number of batches"),
        ("febraban240", 8, 24, 29, "number of records"),
        ("bradesco400", 2, 111, 116, "date 'occurred_on'"),
        ("bradesco400", 2, 254, 266, "amount 'paid'"),
        ("bradesco400", 3, 395, 400, "number in the file"),
        ("bradesco400", 4, 87, 91, "number of boletos"),
        ("bradesco400", 4, 92, 103, "sum of boletos"),
    ],
)
def test_a_letter_in_a_number_is_refused_with_its_line_and_name(layout, line, first, last, name):
    content = {"febraban240": F240, "bradesco400": F400}[layout]
    for position in (first, last):
        with pytest.raises(DamagedFile) as error:
            read(layout, put(content, line, position, "O"))
        assert error.value.line == line
        assert error.value.problem.startswith(f"the {name} ")


@pytest.mark.parametrize(("layout", "line"), [("febraban240", 4), ("bradesco400", 2)])
def test_a_field_of_the_files_header_is_named_with_line_1(layout, line):
    content = {"febraban240": F240, "bradesco400": F400}[layout]
    of_header = read_layout(layout).fields | {"credited_on": "H 220-225"}
    changed = read_layout(layout).model_copy(update={"fields": of_header})
    dated = put(content, 1, 220, "171126")
    found = read_return_file(dated, changed, BANKS[layout])
    assert {one.credited_on for one in found} == {date(2026, 11, 17)}
    with pytest.raises(DamagedFile, match="^line 1: the date 'credited_on' is no date$"):
        read_return_file(put(content, 1, 220, "321126"), changed, BANKS[layout])


def test_the_boletos_of_all_four_portfolios_are_added_up():
    places = ((24, 30), (47, 53), (70, 76), (93, 99))
    for kept in places:
        content = F240
        for count, amount in places:
            here = (count, amount) == kept
            content = put(content, 7, count, f"{2 * here:06}")
            content = put(content, 7, amount, f"{150_00 * here:017}")
        assert len(read("febraban240", content)) == 2
        for wrong in (put(content, 7, kept[0], "000003"), put(content, 7, kept[1], f"{1:017}")):
            with pytest.raises(DamagedFile, match="line 7: the batch's trailer"):
                read("febraban240", wrong)


@pytest.mark.parametrize(
    ("total", "words"),
    [
        (
            TrailerTotal(codes=("06", "02"), count=(87, 91)),
            "line 4: the trailer counts 7 boletos of occurrence 06, 02, the file has 2",
        ),
        (TrailerTotal(count=(87, 91)), "line 4: the trailer counts 7 boletos, the file has 2"),
        (
            TrailerTotal(codes=("06", "02"), amount=(92, 103)),
            "line 4: the trailer adds boletos of occurrence 06, 02 up to 0.08, "
            "the file to 101.33 or 150",
        ),
        (
            TrailerTotal(amount=(92, 103)),
            "line 4: the trailer adds boletos up to 0.08, the file to 101.33 or 150",
        ),
    ],
)
def test_a_trailers_total_is_of_the_occurrences_that_the_layout_names(total, words):
    layout = read_layout("bradesco400").model_copy(update={"totals": (total,)})
    right = put(put(F400, 4, 87, "00002"), 4, 92, f"{150_00:012}")
    assert len(read_return_file(right, layout, "237")) == 2
    assert len(read_return_file(put(right, 4, 92, f"{101_33:012}"), layout, "237")) == 2
    empty = put(right, 4, 87, "0" * 17)
    assert len(read_return_file(empty, layout, "237")) == 2
    with pytest.raises(DamagedFile) as error:
        read_return_file(put(put(F400, 4, 87, "00007"), 4, 92, f"{8:012}"), layout, "237")
    assert str(error.value) == words


def test_a_file_of_the_right_length_is_latin_1_even_if_it_could_be_utf_8():
    content = put(F240.replace(b"JOS\xc9", b"JOSE"), 3, 106, "\u00c3\u00a9")
    content.decode("utf-8")
    assert read("febraban240", content)[0].company_use == "\u00c3\u00a91"


def test_no_character_of_a_line_is_taken_for_the_end_of_the_file():
    assert read("febraban240", put(F240, 8, 240, "X")) == read("febraban240", F240)


def test_an_unknown_record_is_refused_in_240_and_passed_over_in_400():
    with pytest.raises(DamagedFile, match="^line 3: record 'X' has no place here$"):
        read("febraban240", put(F240, 3, 8, "X"))
    assert read("bradesco400", put(F400, 3, 1, "X")) == read("bradesco400", F400)[:1]


def test_a_problem_of_the_whole_file_names_no_line():
    with pytest.raises(DamagedFile) as error:
        read("febraban240", b"")
    assert (str(error.value), error.value.line) == ("the file is empty", None)


def test_a_file_that_reports_nothing_is_whole():
    assert read("bradesco400", return_file("bradesco400", "237")) == []
    assert read("febraban240", return_file("febraban240", "001")) == []
    without_batches = put(put(without(F240, *range(2, 8)), 2, 18, "000000"), 2, 24, "000002")
    assert read("febraban240", without_batches) == []


def test_an_occurrence_names_the_line_where_it_ends():
    assert [one.line for one in read("febraban240", F240)] == [4, 6]
    assert [one.line for one in read("bradesco400", F400)] == [2, 3]


def test_totals_of_boletos_may_be_left_unchecked():
    content = put(F240, 7, 30, "00000000000014999")
    assert len(read("febraban240", content, check_totals=False)) == 2


@given(cut=st.integers(1, len(F240) - 3))
def test_no_beginning_of_a_file_is_believed(cut: int):
    with pytest.raises(DamagedFile):
        read("febraban240", F240[:cut])


@pytest.mark.parametrize(("layout", "content"), [("febraban240", F240), ("bradesco400", F400)])
def test_no_file_with_a_line_missing_twice_or_elsewhere_is_believed(layout: str, content: bytes):
    lines = content.decode("latin-1").removesuffix("\r\n").split("\r\n")
    changed = [lines[:at] + lines[at + 1 :] for at in range(len(lines))]
    changed += [lines[: at + 1] + lines[at:] for at in range(len(lines))]
    changed += [
        [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]] for at in range(len(lines) - 1)
    ]
    for one in changed:
        with pytest.raises(DamagedFile):
            read(layout, "\r\n".join(one).encode("latin-1"))


def test_a_payment_has_one_name_in_every_file():
    [first] = read("bradesco400", return_file("bradesco400", "237", ONE))
    _, again = read("bradesco400", return_file("bradesco400", "237", TWO, ONE, end="\n"))
    assert (
        payment_key(first) == payment_key(again) == "237-0123400567890-12345678-06-20261116-10133"
    )


def test_a_boleto_paid_twice_on_one_day_is_two_payments():
    both = read("bradesco400", return_file("bradesco400", "237", ONE, ONE))
    assert [payment_key(one)[-8:] for one in both] == ["16-10133", "-10133-2"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "237-0123400567890-12345678-06-20261116-10133"),
        ({"our_number": "1234 5678 "}, "237-0123400567890-12345678-06-20261116-10133"),
        ({"our_number": "0000000X"}, "237-0123400567890-0000000X-06-20261116-10133"),
        ({"our_number": "00000000"}, "237-0123400567890-NF-1-06-20261116-10133"),
        ({"our_number": "000 000"}, "237-0123400567890-NF-1-06-20261116-10133"),
        ({"our_number": ""}, "237-0123400567890-NF-1-06-20261116-10133"),
        (
            {"our_number": "0", "document_number": ""},
            "237-0123400567890-T-1-06-20261116-10133",
        ),
        ({"occurred_on": None}, "237-0123400567890-12345678-06-0-10133"),
        ({"same": 2}, "237-0123400567890-12345678-06-20261116-10133-2"),
    ],
)
def test_a_payments_name_takes_the_first_number_that_the_bank_gave(changes, name):
    one, _ = read("bradesco400", F400)
    assert payment_key(replace(one, **changes)) == name


def test_equal_payments_of_one_file_are_numbered_from_1():
    three = read("bradesco400", return_file("bradesco400", "237", ONE, ONE, TWO, ONE))
    assert [one.same for one in three] == [1, 2, 1, 3]
