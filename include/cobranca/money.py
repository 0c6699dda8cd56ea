"""Exact money: Decimal in, Decimal out, pt-BR text for people. A float never enters."""

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

CENT = Decimal("0.01")
SYMBOLS = {"BRL": "R$", "USD": "US$", "EUR": "€"}

_SIGN_AND_SYMBOL = re.compile(
    r"^([-+]?)\s*(?:R\$|US\$|€|BRL|USD|EUR)?\s*([-+]?)\s*(?=[\d.,])", re.IGNORECASE
)
_BRAZILIAN = re.compile(r"(\d{1,3}(\.\d{3})+|\d+),\d*|\d{1,3}(\.\d{3}){2,}")
_PLAIN = re.compile(r"\d+(\.\d*)?|\.\d+")


def to_cents(amount: Decimal) -> Decimal:
    """Round half up to two places."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def parse_money(text: str | int | Decimal) -> Decimal:
    """Read ``1234.56``, ``1.234,56``, ``R$ 1.234,56`` or ``-R$ 5,00`` exactly.

    A dot alone is a decimal point (``1.234`` is one and a bit), as databases write it. Text with
    anything else in it (letters, exponents, parentheses, two signs) is refused, since guessing
    would change an amount.

    Raises:
        ValueError: the value is no finite decimal number (floats are refused).
    """
    if isinstance(text, (bool, float)):
        raise ValueError("money must not be a float")
    if isinstance(text, (int, Decimal)):
        number = Decimal(text)
        if not number.is_finite():
            raise ValueError("not a finite amount")
        return number
    if not isinstance(text, str) or not re.sub("[\u00a0€]", "", text).isascii():
        raise ValueError("not an amount")
    text = text.strip()
    prefix = _SIGN_AND_SYMBOL.match(text)
    if prefix is None or (prefix[1] and prefix[2]):
        raise ValueError("not an amount")
    digits = text[prefix.end() :]
    if _BRAZILIAN.fullmatch(digits):
        digits = digits.replace(".", "").replace(",", ".")
    elif not _PLAIN.fullmatch(digits):
        raise ValueError("not an amount")
    number = Decimal(digits)
    return -number if "-" in (prefix[1], prefix[2]) else number


@lru_cache(maxsize=4096)
def format_money(amount: Decimal, currency: str = "BRL") -> str:
    """``Decimal('1234.5')`` → ``R$ 1.234,50``, with a no-break space so that no line splits it."""
    amount = to_cents(amount)
    sign = "-" if amount < 0 else ""
    return f"{sign}{SYMBOLS.get(currency, currency)}\u00a0{format_number(abs(amount))}"


def format_rate(rate: Decimal) -> str:
    """A fraction in per cent with all its places, for messages in English: 0.0125 is 1.25 %."""
    return f"{(rate * 100).normalize():f} %"


def format_number(amount: Decimal) -> str:
    """``Decimal('1234.5')`` → ``1.234,50``; what rounds to zero has no sign."""
    amount = to_cents(amount)
    # Adding zero turns -0.00 into 0.00.
    return f"{amount + 0:,.2f}".translate(str.maketrans(",.", ".,"))
