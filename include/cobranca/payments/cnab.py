"""Read bank return files (CNAB 240 and 400): what a bank reports about boletos, line by line.

A file is believed whole or not at all: wrong length, numbering, count or total, a missing header or
trailer, half a pair of segments, a bad digit or date stop it with the line. Texts of errors name
lines and fields and never hold what stands there, which is about a person. The positions of each
layout are data, see :mod:`cobranca.payments.cnab_layout`.

Sources: FEBRABAN, "Layout Padrão Febraban 240 posições"; the manuals named in each layout.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache

from cobranca.payments.cnab_layout import CENTS, CODE, DATES, PLACE, TEXTS, Layout, TrailerTotal


class DamagedFile(Exception):
    """A return file that cannot be believed.

    ``line`` counts from 1 and is ``None`` where the whole file is meant.
    """

    def __init__(self, problem: str, line: int | None = None):
        super().__init__(problem if line is None else f"line {line}: {problem}")
        self.problem, self.line = problem, line


@dataclass(frozen=True)
class Occurrence:
    """One thing that a bank reports about one boleto. Amounts are whole cents; texts are trimmed.

    ``occurrence`` is the bank's code as it stands; ``same`` counts equal ones inside one file from
    1, so that a boleto paid twice on one day stays two payments while a file that was sent twice
    does not. ``account`` is the branch and account.
    """

    bank: str
    account: str
    code: str
    our_number: str
    document_number: str
    company_use: str
    occurred_on: date | None
    credited_on: date | None
    nominal: int
    interest: int
    discount: int
    rebate: int
    paid: int
    same: int
    line: int


def read_return_file(
    content: bytes, layout: Layout, bank: str, *, check_totals: bool = True
) -> list[Occurrence]:
    """Everything that a return file reports, in its order.

    Lines may end with CRLF or LF, and the file with the old end mark 0x1A. ``check_totals`` holds
    the trailers' counts and sums of boletos against the details wherever the bank filled them in;
    numbers of lines are always checked.

    Raises:
        DamagedFile: the file cannot be believed, with the line.
    """
    lines = _lines(content, layout)
    if layout.length == 240:
        found = list(_read_240(lines, layout, bank, check_totals))
    else:
        found = list(_read_400(lines, layout, bank, check_totals))
    return _numbered(found)


def _lines(content: bytes, layout: Layout) -> list[str]:
    # Latin-1 gives every byte one character, so that positions stay positions whatever a name
    # holds. Some gateways turn it into UTF-8 on the way; then it is the characters of that which
    # are as many as the layout asks for.
    lines = _split(content.decode("latin-1"))
    if any(len(line) != layout.length for line in lines):
        with suppress(UnicodeDecodeError):
            lines = _split(content.decode("utf-8-sig"))
    if not lines:
        raise DamagedFile("the file is empty")
    for number, line in enumerate(lines, start=1):
        if len(line) != layout.length:
            raise DamagedFile(f"it has {len(line)} characters instead of {layout.length}", number)
    return lines


def _split(text: str) -> list[str]:
    """The lines of a file without its old end mark."""
    text = text.rstrip("\x1a\r\n")
    return [line.removesuffix("\r") for line in text.split("\n")] if text else []


def _read_240(
    lines: Sequence[str], layout: Layout, bank: str, check_totals: bool
) -> Iterator[Occurrence]:
    _check_240_frame(lines)
    header, last = lines[0], len(lines)
    numbers: set[str] = set()
    cutter, batch = _Cutter(layout, bank), None
    for number, line in enumerate(lines, start=1):
        if line[:3] != bank:
            raise DamagedFile(f"it is not of bank {bank}", number)
        kind = line[7]
        if number in (1, last):
            continue
        if kind == "1" and batch is None:
            batch = _Batch(line)
            if batch.number in numbers:
                raise DamagedFile("a batch of this number was there before: it comes twice", number)
            numbers.add(batch.number)
        elif kind in "234" and batch is not None:
            yield from batch.detail(line, number, header, cutter)
        elif kind == "5" and batch is not None:
            batch.close(line, number, check_totals)
            batch = None
        else:
            raise DamagedFile(f"record {kind!r} has no place here", number)
    if batch is not None:
        raise DamagedFile("the last batch has no trailer (record 5)", last)
    _check_240_counts(lines[-1], last, len(numbers))


def _check_240_frame(lines: Sequence[str]) -> None:
    """The file begins with the header of a return file and ends with its trailer."""
    if lines[0][7] != "0":
        raise DamagedFile("the file does not begin with its header (record 0)", 1)
    if lines[0][142] != "2":
        raise DamagedFile(
            "the header does not say that this is a return file (position 143 is not 2)", 1
        )
    if len(lines) < 2 or lines[-1][7] != "9":
        raise DamagedFile(
            "the file does not end with its trailer (record 9): it is cut off", len(lines)
        )


def _check_240_counts(trailer: str, records: int, batches: int) -> None:
    counted = (
        _whole(trailer, (18, 23), records, "number of batches"),
        _whole(trailer, (24, 29), records, "number of records"),
    )
    if counted != (batches, records):
        raise DamagedFile(
            f"the trailer counts {counted[0]} batches and {counted[1]} records, the file has "
            f"{batches} and {records}",
            records,
        )


class _Batch:
    """One batch of CNAB 240 while it is read: numbering, pairs of segments, trailer's counts."""

    # Count and value of the four kinds of portfolio (notes C070 and C071).
    PORTFOLIOS = (
        ((24, 29), (30, 46)),
        ((47, 52), (53, 69)),
        ((70, 75), (76, 92)),
        ((93, 98), (99, 115)),
    )

    def __init__(self, header: str):
        self.number, self.records, self.details = header[3:7], 1, 0
        self.waiting: tuple[str, int] | None = None
        self.titles = self.nominal = 0

    def detail(
        self, line: str, number: int, header: str, cutter: "_Cutter"
    ) -> Iterator[Occurrence]:
        self.records += 1
        if line[3:7] != self.number:
            raise DamagedFile("it belongs to another batch", number)
        if line[7] != "3":
            return
        self.details += 1
        if _whole(line, (9, 13), number, "number in the batch") != self.details:
            raise DamagedFile(
                f"it should be record {self.details} of its batch: a line is missing or comes "
                "twice",
                number,
            )
        segment = line[13]
        if segment == "T":
            if self.waiting is not None:
                raise DamagedFile("segment T has no segment U", self.waiting[1])
            self.waiting = line, number
        elif segment == "U":
            if self.waiting is None:
                raise DamagedFile("segment U has no segment T before it", number)
            (first, at), self.waiting = self.waiting, None
            if first[15:17] != line[15:17]:
                raise DamagedFile("segments T and U tell of different occurrences", number)
            found = cutter.occurrence(
                {"H": header, "T": first, "U": line}, {"H": 1, "T": at, "U": number}
            )
            self.titles, self.nominal = self.titles + 1, self.nominal + found.nominal
            yield found

    def close(self, line: str, number: int, check_totals: bool) -> None:
        self.records += 1
        if self.waiting is not None:
            raise DamagedFile("segment T has no segment U", self.waiting[1])
        counted = _whole(line, (18, 23), number, "number of records")
        if counted != self.records:
            raise DamagedFile(
                f"the batch's trailer counts {counted} records, the batch has {self.records}",
                number,
            )
        if not check_totals:
            return
        titles = sum(
            _whole(line, count, number, "number of boletos") for count, _ in self.PORTFOLIOS
        )
        nominal = sum(
            _whole(line, amount, number, "sum of boletos") for _, amount in self.PORTFOLIOS
        )
        if titles and titles != self.titles:
            raise DamagedFile(
                f"the batch's trailer counts {titles} boletos, the batch has {self.titles}", number
            )
        if nominal and nominal != self.nominal:
            raise DamagedFile(
                f"the batch's trailer adds up to {_money(nominal)}, its boletos to "
                f"{_money(self.nominal)}",
                number,
            )


def _read_400(
    lines: Sequence[str], layout: Layout, bank: str, check_totals: bool
) -> Iterator[Occurrence]:
    header = lines[0]
    if header[0] != "0":
        raise DamagedFile("the file does not begin with its header (record 0)", 1)
    if header[1] != "2":
        raise DamagedFile(
            "the header does not say that this is a return file (position 2 is not 2)", 1
        )
    if header[76:79] != bank:
        raise DamagedFile(f"it is not of bank {bank}", 1)
    if len(lines) < 2 or lines[-1][0] != "9":
        raise DamagedFile(
            "the file does not end with its trailer (record 9): it is cut off", len(lines)
        )
    cutter = _Cutter(layout, bank)
    found: list[Occurrence] = []
    for number, line in enumerate(lines, start=1):
        if _whole(line, (395, 400), number, "number in the file") != number:
            raise DamagedFile(
                f"it should be record {number} of the file: a line is missing or comes twice",
                number,
            )
        if line[0] in layout.details:
            found.append(cutter.occurrence({"H": header, "D": line}, {"H": 1, "D": number}))
        elif line[0] in "09" and number not in (1, len(lines)):
            raise DamagedFile(f"record {line[0]!r} has no place here", number)
    if check_totals:
        for total in layout.totals:
            _check_total(total, lines[-1], len(lines), found)
    yield from found


def _check_total(
    total: TrailerTotal, trailer: str, number: int, found: Sequence[Occurrence]
) -> None:
    meant = [one for one in found if not total.codes or one.code in total.codes]
    what = f"boletos of occurrence {', '.join(total.codes)}" if total.codes else "boletos"
    if total.count is not None:
        stated = _whole(trailer, total.count, number, "number of boletos")
        if stated and stated != len(meant):
            raise DamagedFile(
                f"the trailer counts {stated} {what}, the file has {len(meant)}", number
            )
    if total.amount is not None:
        stated = _whole(trailer, total.amount, number, "sum of boletos")
        # Manuals do not say whether the sum is of what was due or of what was paid.
        sums = {sum(one.nominal for one in meant), sum(one.paid for one in meant)}
        if stated and stated not in sums:
            added = " or ".join(_money(value) for value in sorted(sums))
            raise DamagedFile(
                f"the trailer adds {what} up to {_money(stated)}, the file to {added}", number
            )


class _Cutter:
    """Cuts occurrences of one bank out of records, by the places of a layout."""

    def __init__(self, layout: Layout, bank: str):
        self._bank = bank
        self._texts, self._cents, self._dates = (
            [(name, *_position(layout.fields[name])) for name in names]
            for names in (TEXTS, CENTS, DATES)
        )
        self._account = [_position(place) for place in layout.account]
        self._code_in = _position(layout.fields["code"])[0]

    def occurrence(self, records: Mapping[str, str], numbers: Mapping[str, int]) -> Occurrence:
        texts = {name: records[record][place].strip() for name, record, place in self._texts}
        cents = {
            name: _digits(records[record][place], numbers[record], f"amount '{name}'")
            for name, record, place in self._cents
        }
        dates = {
            name: _date(records[record][place], numbers[record], f"date '{name}'")
            for name, record, place in self._dates
        }
        if not CODE.fullmatch(texts["code"]):
            raise DamagedFile("the occurrence code is not two digits", numbers[self._code_in])
        account = "".join(records[record][place].strip() for record, place in self._account)
        return Occurrence(
            bank=self._bank,
            account=account,
            same=1,
            line=max(numbers.values()),
            code=texts["code"],
            our_number=texts["our_number"],
            document_number=texts["document_number"],
            company_use=texts["company_use"],
            occurred_on=dates["occurred_on"],
            credited_on=dates["credited_on"],
            nominal=cents["nominal"],
            interest=cents["interest"],
            discount=cents["discount"],
            rebate=cents["rebate"],
            paid=cents["paid"],
        )


def _position(place: str) -> tuple[str, slice]:
    """The record of a place, and where the field stands in it."""
    ((record, first, last),) = PLACE.findall(place)
    return record, slice(int(first) - 1, int(last))


def _numbered(found: Sequence[Occurrence]) -> list[Occurrence]:
    """Number equal occurrences of one file."""
    seen: dict[str, int] = {}
    numbered = []
    for one in found:
        key = payment_key(one)
        seen[key] = seen.get(key, 0) + 1
        numbered.append(one if seen[key] == 1 else replace(one, same=seen[key]))
    return numbered


def payment_key(one: Occurrence) -> str:
    """The key of an occurrence, which is the same in every file that reports it.

    It is joined from bank, account, boleto, code, day and amount.
    """
    has_number = bool(one.our_number.strip("0 "))
    number = one.our_number if has_number else one.document_number or one.company_use
    day = one.occurred_on.isoformat().replace("-", "") if one.occurred_on else "0"
    key = "-".join((one.bank, one.account, number.replace(" ", ""), one.code, day, str(one.paid)))
    return key if one.same == 1 else f"{key}-{one.same}"


def _whole(line: str, place: tuple[int, int], number: int, what: str) -> int:
    return _digits(line[place[0] - 1 : place[1]], number, what)


def _digits(text: str, number: int, what: str) -> int:
    """Digits as a whole number; a field left blank is zero."""
    if not text.strip():
        return 0
    if not (text.isascii() and text.isdigit()):
        raise DamagedFile(f"the {what} holds something that is no digit", number)
    return int(text)


def _date(text: str, number: int, what: str) -> date | None:
    try:
        return _day(text)
    except ValueError:
        raise DamagedFile(f"the {what} is no date", number) from None


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    """The date of ``DDMMYY`` or ``DDMMYYYY``; zeros or blanks are none.

    Two-digit years are of this century.
    """
    if not text.strip(" 0"):
        return None
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return date(int(text[4:]) + (2000 if len(text) == 6 else 0), int(text[2:4]), int(text[:2]))


def _money(cents: int) -> str:
    return str(Decimal(cents) / 100)
