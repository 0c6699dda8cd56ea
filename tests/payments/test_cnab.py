"""A return file is believed whole or refused with its line; the same payment has the same name in every file."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.errors import ConfigError
from cobranca.payments.cnab import (
    DamagedFile,
    layout_names,
    payment_key,
    read_codes,
    read_layout,
    read_return_file,
)
from cobranca.settings import PROJECT_ROOT
from return_files import Told, return_file

BANKS = {
    "febraban240": "001", "santander240": "033", "bradesco400": "237", "itau400": "341", "bb400": "001", "santander400": "033",
}  # fmt: skip
ONE = Told(receivable="T-1", paid=101_33, nominal=100_00, interest=1_33, discount=5_00, rebate=2_50)
TWO = Told(receivable="T-2", code="02", paid=0, nominal=50_00, our_number="87654321", credited_on=None, document="NF-2")


def read(layout: str, content: bytes, **options):
    return read_return_file(content, read_layout(layout), BANKS[layout], **options)


def test_every_layout_is_tried():
    assert sorted(BANKS) == layout_names()


@pytest.mark.parametrize("layout", BANKS)
@pytest.mark.parametrize(("end", "mark"), [("\r\n", ""), ("\n", ""), ("\r\n", "\x1a"), ("\n", "\x1a\r\n"), ("\r\n", "\r\n\r\n")])
def test_a_whole_file_is_read_with_either_line_ending(layout: str, end: str, mark: str):
    one, two = read(layout, return_file(layout, BANKS[layout], ONE, TWO, end=end, mark=mark))
    assert (one.company_use, one.document_number, one.our_number, one.code) == ("T-1", "NF-1", "12345678", "06")
    assert (one.paid, one.nominal, one.interest, one.discount, one.rebate) == (101_33, 100_00, 1_33, 5_00, 2_50)
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


def two_batches(second: str = "0002", told: str = "000002") -> bytes:
    """What two files of one batch each tell, in one file of two."""
    header, *first, end = F240.decode("latin-1").split("\r\n")[:-1]
    other = [line[:3] + second + line[7:] for line in OTHER240.decode("latin-1").split("\r\n")[1:-2]]
    count = f"{2 + len(first) + len(other):06}"
    lines = [header, *first, *other, end[:17] + told + count + end[29:]]
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")


def test_several_batches_are_read_each_by_its_own_trailer():
    assert [one.company_use for one in read("febraban240", two_batches())] == ["T-1", "T-2", "T-3"]
    for content, words in (
        (two_batches("0001"), "line 8: a batch of this number was there before"),
        (two_batches(told="000001"), "line 12: the trailer counts 1 batches and 12 records, the file has 2 and 12"),
        (put(two_batches(), 11, 18, "000005"), "line 11: the batch's trailer counts 5 records, the batch has 4"),
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
    return "\r\n".join(line for number, line in enumerate(lines, start=1) if number not in numbers).encode("latin-1")


F240 = return_file("febraban240", "001", ONE, TWO)  # header, batch header, T U T U, batch trailer, trailer
OTHER240 = return_file("febraban240", "001", Told(receivable="T-3", our_number="3"))
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
        (without(F240, 4), "line 4: it should be record 2 of its batch: a line is missing or comes twice"),
        (without(F240, 5, 6), r"line 5: the batch's trailer counts 6 records, the batch has 4"),
        (put(without(F240, 6), 6, 18, "000005"), "line 5: segment T has no segment U"),
        (put(F240, 3, 14, "Y"), "line 4: segment U has no segment T"),
        (put(put(F240, 4, 14, "Y"), 5, 14, "U"), "line 5: segments T and U tell of different occurrences"),
        (put(F240, 5, 14, "U"), "line 5: segment U has no segment T"),
        (put(F240, 4, 14, "T"), "line 3: segment T has no segment U"),
        (put(F240, 4, 16, "09"), "line 4: segments T and U tell of different occurrences"),
        (put(F240, 4, 4, "0002"), "line 4: it belongs to another batch"),
        (put(F240, 3, 1, "237"), "line 3: it is not of bank 001"),
        (put(F240, 1, 143, "1"), "line 1: the header does not say that this is a return file"),
        (put(F240, 7, 18, "000007"), "line 7: the batch's trailer counts 7 records, the batch has 6"),
        (put(F240, 7, 24, "000003"), "line 7: the batch's trailer counts 3 boletos, the batch has 2"),
        (put(F240, 7, 30, "00000000000014999"), "line 7: the batch's trailer adds up to 149.99, its boletos to 150"),
        (put(F240, 8, 24, "000009"), "line 8: the trailer counts 1 batches and 9 records, the file has 1 and 8"),
        (put(F240, 8, 18, "000002"), "line 8: the trailer counts 2 batches"),
        (put(F240, 4, 78, "0000000000101O3"), "line 4: the amount 'paid' holds something that is no digit"),
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
        (without(F400, 2), "line 2: it should be record 2 of the file: a line is missing or comes twice"),
        (put(F400, 1, 2, "1"), "line 1: the header does not say that this is a return file"),
        (put(F400, 1, 77, "341"), "line 1: it is not of bank 237"),
        (put(F400, 4, 395, "000005"), "line 4: it should be record 4"),
        (put(F400, 4, 87, "00002"), "line 4: the trailer counts 2 boletos of occurrence 06, the file has 1"),
        (put(F400, 4, 92, "000000010134"), "line 4: the trailer adds boletos of occurrence 06 up to 101.34, the file to 100 or"),
        (put(F400, 2, 254, "00000001013,3"), "line 2: the amount 'paid' holds something that is no digit"),
        (put(F400, 2, 111, "321126"), "line 2: the date 'occurred_on' is no date"),
        (put(F400, 2, 109, "  "), "line 2: the occurrence code is not two digits"),
        (put(F400, 3, 1, "9"), "line 3: record '9' has no place here"),
    ],
)  # fmt: skip
def test_a_damaged_400_is_refused_with_the_line(content: bytes, words: str):
    with pytest.raises(DamagedFile, match=words):
        read("bradesco400", content)


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
    changed += [[*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]] for at in range(len(lines) - 1)]
    for one in changed:
        with pytest.raises(DamagedFile):
            read(layout, "\r\n".join(one).encode("latin-1"))


def test_a_payment_has_one_name_in_every_file():
    [first] = read("bradesco400", return_file("bradesco400", "237", ONE))
    _, again = read("bradesco400", return_file("bradesco400", "237", TWO, ONE, end="\n"))
    assert payment_key(first) == payment_key(again) == "237-0123400567890-12345678-06-20261116-10133"


def test_a_boleto_paid_twice_on_one_day_is_two_payments():
    both = read("bradesco400", return_file("bradesco400", "237", ONE, ONE))
    assert [payment_key(one)[-8:] for one in both] == ["16-10133", "-10133-2"]


@pytest.mark.parametrize("bank", ["001", "033", "237", "341", "febraban"])
@pytest.mark.parametrize("length", [240, 400])
def test_shipped_codes_say_what_a_liquidation_is(bank: str, length: int):
    codes = read_codes(PROJECT_ROOT / "include" / "config" / "cnab" / f"{bank}.csv", length)
    if bank == "febraban" and length == 400:
        assert codes == {}
    else:
        assert codes["06"] == "payment" and codes["02"] == "ignored" and codes["09"] == "ignored"


HEAD = "format,code,meaning,kind,source,reviewed_on\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "does not exist: nothing says what that bank's occurrence codes mean; write it with the columns format,code"),
        ("format,code\n240,06\n", r"9.csv:2: the columns must be format,code,meaning"),
        (HEAD + "240,6,Liquidação,payment,manual,2026-11-21\n", ":2: format must be 240 or 400 and code two digits"),
        (HEAD + "240,06,Liquidação,paid,manual,2026-11-21\n", ":2: kind 'paid' is unknown; use one of: payment"),
        (HEAD + "240,06,Liquidação,payment,,2026-11-21\n", ":2: give the source of the meaning"),
        (HEAD + "240,06,Liquidação,payment,manual,ontem\n", ":2: give the source of the meaning, and reviewed_on"),
        (HEAD + "240,06,A,payment,m,2026-11-21\n240,06,B,ignored,m,2026-11-21\n", ":3: code 06 stands there twice"),
    ],
)
def test_a_wrong_file_of_codes_names_the_line(tmp_path: Path, text: str | None, words: str):
    path = tmp_path / "999.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_codes(path, 240)
