"""Validate, decode and build bank boletos: the 44-digit barcode and the 47-digit line.

Nothing is registered with a bank. Layout of the barcode (FEBRABAN): bank 3, currency 1, check digit
1, due-date factor 4, amount in cents 10, free field 25. The factor counts days from 1997-10-07 up
to 9999 on 2025-02-21 and starts again at 1000 on 2025-02-22, so a factor means a date only near a
reference date.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from operator import mul

from cobranca.errors import CobrancaError

BASE = date(1997, 10, 7)
LAST_FACTOR, FIRST_FACTOR = 9999, 1000
DAYS_BACK, DAYS_AHEAD = 3000, 5500
REAL = "9"
# Twice a digit, its own digits added.
_DOUBLED = str.maketrans("0123456789", "0246813579")
# Weights of the barcode without its check digit.
_MOD11_WEIGHTS = (4, 3, 2, 9, *(9 - (i % 8) for i in range(1, 40)))
_MAX_CENTS = 10**10 - 1


class InvalidBoleto(CobrancaError, ValueError):
    """The text is no boleto of this layout, or a check digit is wrong.

    The text itself is not repeated.
    """


class UtilityBill(InvalidBoleto):
    """It is a bill of a public service or a tax (arrecadação), which has another layout."""


class Malformed(InvalidBoleto):
    """It is not 47 or 44 digits: it was cut, or there is something more."""


class UnknownDueDate(InvalidBoleto):
    """Its due-date factor means no date near the reference."""


@dataclass(frozen=True)
class Boleto:
    """What one boleto says.

    ``due_date`` and ``amount`` are ``None`` where the code leaves them open.
    """

    bank: str
    currency: str
    due_date: date | None
    amount: Decimal | None
    free_field: str
    barcode: str

    @property
    def line(self) -> str:
        """The 47 digits a person types (linha digitável)."""
        code = self.barcode
        first, second, third = code[:4] + code[19:24], code[24:34], code[34:44]
        fields = "".join(f"{field}{mod10(field)}" for field in (first, second, third))
        return f"{fields}{code[4]}{code[5:19]}"

    @property
    def formatted_line(self) -> str:
        """The line with the usual points and spaces.

        For example ``23793.38128 60007.827136 95000.063305 9 75520000370000``.
        """
        return format_line(self.line)


def format_line(line: str) -> str:
    """Set the points and spaces into 47 digits; anything else comes back trimmed and unchanged."""
    digits = _digits(line)
    if len(digits) != 47:
        return line.strip()
    return (
        f"{digits[:5]}.{digits[5:10]} {digits[10:15]}.{digits[15:21]} "
        f"{digits[21:26]}.{digits[26:32]} {digits[32]} {digits[33:]}"
    )


def build(
    bank: str, due_date: date | None, amount: Decimal | None, free_field: str, currency: str = REAL
) -> Boleto:
    """Compose a boleto from its parts; ``amount`` in the currency's unit with at most two places.

    Raises:
        InvalidBoleto: a part does not fit the layout.
    """
    if (
        not re.fullmatch(r"[0-9]{3}", bank)
        or not re.fullmatch(r"[0-9]", currency)
        or not re.fullmatch(r"[0-9]{25}", free_field)
    ):
        raise InvalidBoleto(
            "a boleto needs a bank of 3 digits, a currency of 1 digit and a free field of 25 "
            "digits."
        )
    cents = 0 if amount is None else amount * 100
    if cents != int(cents) or not 0 <= cents <= _MAX_CENTS:
        raise InvalidBoleto(
            "a boleto's amount has at most two places and lies between 0.00 and 99999999.99."
        )
    factor = 0 if due_date is None else due_date_factor(due_date)
    body = f"{bank}{currency}{factor:04d}{int(cents):010d}{free_field}"
    barcode = f"{body[:4]}{mod11(body)}{body[4:]}"
    return Boleto(
        bank,
        currency,
        due_date,
        None if cents == 0 else Decimal(int(cents)).scaleb(-2),
        free_field,
        barcode,
    )


def parse(text: str, reference: date) -> Boleto:
    """Read a line or a barcode, with or without points and spaces, and check every check digit.

    ``reference`` decides which cycle the due-date factor belongs to: a date from 3000 days before
    to 5500 days after it.

    Raises:
        InvalidBoleto: it is none, with the reason.
    """
    digits = _digits(text)
    if len(digits) == 47:
        barcode = _barcode_of(digits)
    elif len(digits) == 44:
        barcode = digits
    elif len(digits) == 48:
        raise UtilityBill("48 digits are a utility bill (arrecadação), which has another layout.")
    else:
        raise Malformed(f"a boleto has 47 digits (line) or 44 (barcode), not {len(digits)}.")
    if len(digits) == 44 and barcode[0] == "8":
        raise UtilityBill(
            "a barcode that starts with 8 is a utility bill (arrecadação), which has another "
            "layout."
        )
    if barcode[4] != mod11(barcode[:4] + barcode[5:]):
        raise InvalidBoleto("the boleto's general check digit is wrong.")
    cents = int(barcode[9:19])
    return Boleto(
        bank=barcode[:3],
        currency=barcode[3],
        due_date=date_of_factor(int(barcode[5:9]), reference),
        amount=Decimal(cents).scaleb(-2) if cents else None,
        free_field=barcode[19:],
        barcode=barcode,
    )


def is_valid(text: str | None, reference: date) -> bool:
    """Whether :func:`parse` would read it."""
    try:
        parse(text or "", reference)
    except InvalidBoleto:
        return False
    return True


def due_date_factor(due_date: date) -> int:
    """The four-digit factor of a due date.

    Raises:
        InvalidBoleto: the date lies before the count began.
    """
    days = (due_date - BASE).days
    if days < 1:
        raise InvalidBoleto(f"due-date factors count from {BASE}; {due_date} is before.")
    return (
        days
        if days <= LAST_FACTOR
        else FIRST_FACTOR + (days - LAST_FACTOR - 1) % (LAST_FACTOR - FIRST_FACTOR + 1)
    )


def date_of_factor(factor: int, reference: date) -> date | None:
    """The one date near ``reference`` that has this factor; ``None`` for factor 0, "no due date".

    Raises:
        UnknownDueDate: no such date lies in the window.
    """
    if factor == 0:
        return None
    cycle = LAST_FACTOR - FIRST_FACTOR + 1
    first, last = reference - timedelta(days=DAYS_BACK), reference + timedelta(days=DAYS_AHEAD)
    days = factor
    while BASE + timedelta(days=days) < first:
        if factor < FIRST_FACTOR:
            break  # only the first cycle had factors below 1000
        days += cycle
    found = BASE + timedelta(days=days)
    if not first <= found <= last:
        raise UnknownDueDate(f"due-date factor {factor:04d} means no date from {first} to {last}.")
    return found


def mod10(digits: str) -> str:
    """Check digit of a field of the line.

    Weights are 2, 1, 2 … from the right; the digits of each product are added (FEBRABAN).
    """
    doubled, single = digits[::-2].translate(_DOUBLED), digits[-2::-2]
    return str(-sum(map(int, doubled + single)) % 10)


def mod11(digits: str) -> str:
    """General check digit over the 43 other digits.

    Weights are 2 to 9 from the right; 10 and 11 (the 0 of some manuals) become 1 (FEBRABAN).
    """
    result = 11 - sum(map(mul, map(int, digits), _MOD11_WEIGHTS)) % 11
    return "1" if result > 9 else str(result)


def _barcode_of(line: str) -> str:
    fields = ((line[:9], line[9]), (line[10:20], line[20]), (line[21:31], line[31]))
    for number, (body, check) in enumerate(fields, start=1):
        if mod10(body) != check:
            raise InvalidBoleto(f"the check digit of the boleto line's field {number} is wrong.")
    return line[:4] + line[32] + line[33:] + line[4:9] + line[10:20] + line[21:31]


def _digits(text: str) -> str:
    cleaned = re.sub(r"[\s.\-]", "", text)
    if re.search(r"[^0-9]", cleaned):
        raise Malformed("a boleto has only digits, points and spaces.")
    return cleaned
