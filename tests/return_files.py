"""Bank return files as banks write them, made from a few facts; tests damage them."""

from dataclasses import dataclass
from datetime import date

from cobranca.payments.cnab_layout import Layout, read_layout

# Each layout and a bank that uses it.
BANKS = {
    "febraban240": "001", "santander240": "033", "bradesco400": "237", "itau400": "341",
    "bb400": "001", "santander400": "033",
}  # fmt: skip


@dataclass(frozen=True)
class ReturnRecord:
    """What the bank reports of one boleto. Amounts in cents."""

    receivable: str = "1"
    code: str = "06"
    paid: int = 100_00
    nominal: int = 100_00
    our_number: str = "12345678"
    document: str = "NF-1"
    occurred_on: date | None = date(2026, 11, 16)
    credited_on: date | None = date(2026, 11, 17)
    interest: int = 0
    discount: int = 0
    rebate: int = 0


def return_file(
    layout_name: str, bank: str, *records: ReturnRecord, end: str = "\r\n", mark: str = ""
) -> bytes:
    """A whole file; ``end`` ends each line, ``mark`` the file."""
    layout = read_layout(layout_name)
    lines = (
        _lines_240(layout, bank, records)
        if layout.length == 240
        else _lines_400(layout, bank, records)
    )
    return (end.join(lines) + end + mark).encode("latin-1")


def _lines_240(layout: Layout, bank: str, records: tuple[ReturnRecord, ...]) -> list[str]:
    def record(kind: str, batch: str = "0001") -> list[str]:
        return list(f"{bank}{batch}{kind}".ljust(240))

    header = record("0", "0000")
    _put(header, (143, 143), "2")
    _put(header, (33, 70), "01234".ljust(20) + "01234 000000567890")
    lines = [header, record("1")]
    number = 0
    for one in records:
        for segment in "TU":
            number += 1
            line = record("3")
            _put(line, (9, 13), f"{number:05}")
            _put(line, (14, 14), segment)
            _put(line, (16, 17), one.code)
            _fill(layout, line, segment, one)
            if segment == "T":
                _put(line, (149, 188), "JOSÉ DA SILVA")
            lines.append(line)
    trailer = record("5")
    _put(trailer, (18, 23), f"{len(lines):06}")
    _put(trailer, (24, 29), f"{len(records):06}")
    _put(trailer, (30, 46), f"{sum(one.nominal for one in records):017}")
    lines.append(trailer)
    end = record("9", "9999")
    _put(end, (18, 23), "000001")
    _put(end, (24, 29), f"{len(lines) + 1:06}")
    return ["".join(line) for line in [*lines, end]]


def _lines_400(layout: Layout, bank: str, records: tuple[ReturnRecord, ...]) -> list[str]:
    header = list("02RETORNO01COBRANCA".ljust(400))
    _put(header, (27, 46), "01234567890123456789")
    _put(header, (77, 79), bank)
    lines = [header]
    for one in records:
        line = list(layout.details[0].ljust(400))
        _put(line, (21, 37), "00090123400567890")
        _fill(layout, line, "D", one)
        _put(line, (325, 354), "JOSÉ DA SILVA")
        lines.append(line)
    trailer = list("9201".ljust(400))
    for total in layout.totals:
        meant = [one for one in records if not total.codes or one.code in total.codes]
        if total.count:
            _put(trailer, total.count, str(len(meant)).zfill(total.count[1] - total.count[0] + 1))
        if total.amount:
            _put(
                trailer,
                total.amount,
                str(sum(one.paid for one in meant)).zfill(total.amount[1] - total.amount[0] + 1),
            )
    lines.append(trailer)
    for number, line in enumerate(lines, start=1):
        _put(line, (395, 400), f"{number:06}")
    return ["".join(line) for line in lines]


def _fill(layout: Layout, line: list[str], record: str, one: ReturnRecord) -> None:
    values = {
        "code": one.code,
        "our_number": one.our_number,
        "document_number": one.document,
        "company_use": one.receivable,
        "nominal": one.nominal,
        "interest": one.interest,
        "discount": one.discount,
        "rebate": one.rebate,
        "paid": one.paid,
        "occurred_on": one.occurred_on,
        "credited_on": one.credited_on,
    }
    for name, place in layout.fields.items():
        kind, _, positions = place.partition(" ")
        if kind != record:
            continue
        first, last = map(int, positions.split("-"))
        width, value = last - first + 1, values[name]
        if name in ("occurred_on", "credited_on"):
            text = value.strftime("%d%m%Y" if width == 8 else "%d%m%y") if value else "0" * width
        else:
            text = str(value).zfill(width) if isinstance(value, int) else value.ljust(width)
        _put(line, (first, last), text)


def _put(line: list[str], place: tuple[int, int], text: str) -> None:
    line[place[0] - 1 : place[0] - 1 + len(text)] = text
    assert len(line) in (240, 400)
