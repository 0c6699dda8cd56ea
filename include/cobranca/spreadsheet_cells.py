"""Cells of CSV files for spreadsheet programs in Brazil, in which nothing runs as a formula."""

from datetime import date
from decimal import Decimal

from cobranca.money import format_number

# A spreadsheet program runs what begins like this.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> str:
    """A value as text: ``1.234,50``, ``18/11/2026``, or one line of neutral text."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format_number(value)
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    return neutral(" ".join(str(value).split()))


def neutral(text: str) -> str:
    """Text that a spreadsheet program would run gets an apostrophe before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text
