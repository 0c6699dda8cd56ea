"""Exact money: Decimal in, Decimal out, pt-BR text for people. A float never enters."""

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

CENT = Decimal("0.01")
SYMBOLS = {"BRL": "R$", "USD": "US$", "EUR": "€"}

_BRAZILIAN = re.compile(r"-?\d{1,3}(\.\d{3})*,\d+|-?\d+,\d+")


def to_cents(amount: Decimal) -> Decimal:
    """Round half up to two places."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def parse_money(text: str | int | Decimal) -> Decimal:
    """Read ``1234.56``, ``1.234,56`` or ``R$ 1.234,56`` exactly.

    Raises:
        ValueError: the value is no finite decimal number (floats are refused).
    """
    if isinstance(text, bool) or isinstance(text, float):
        raise ValueError("money must not be a float")
    if isinstance(text, (int, Decimal)):
        number = Decimal(text)
    else:
        cleaned = re.sub(r"[^\d,.\-+]", "", text.replace("\u00a0", " ").strip())
        if _BRAZILIAN.fullmatch(cleaned):
            cleaned = cleaned.replace(".", "").replace(",", ".")
        try:
            number = Decimal(cleaned)
        except InvalidOperation:
            raise ValueError("not an amount") from None
    if not number.is_finite():
        raise ValueError("not a finite amount")
    return number


def format_money(amount: Decimal, currency: str = "BRL") -> str:
    """``Decimal('1234.5')`` → ``R$ 1.234,50`` (with a no-break space, so that a line never splits it)."""
    return f"{SYMBOLS.get(currency, currency)}\u00a0{format_number(amount)}"


def format_number(amount: Decimal) -> str:
    """``Decimal('1234.5')`` → ``1.234,50``."""
    return f"{to_cents(amount):,.2f}".translate(str.maketrans(",.", ".,"))
