"""``legal_rates.csv``: the legal interest rate by month."""

from datetime import date, timedelta
from decimal import Decimal

from cobranca.money import format_rate
from cobranca.policy.config_file import Line, Reading, csv_file
from cobranca.policy.types import Frozen, Rate, Text

HIGHEST_LEGAL_RATE = Decimal("0.05")
"""Monthly rates above it are a slip of the decimal point: the Selic was last near it in 1999."""

TAXA_LEGAL_SINCE = date(2024, 8, 1)
"""The first month of the taxa legal (Lei 14.905/2024)."""


class LegalRate(Frozen):
    """Taxa legal of one month (Código Civil, art. 406): simple, per month."""

    month: date
    """First day of the month."""
    monthly_rate: Rate
    """Rate of that month."""
    legal_source: Text
    """Publication of the rate."""
    reviewed_on: date
    """When a person last reviewed it."""


def _check(rates: list[Line[LegalRate]], reading: Reading) -> None:
    previous: date | None = None
    for line, row in rates:
        _check_month(line, row.month, previous, reading)
        if row.monthly_rate > HIGHEST_LEGAL_RATE:
            reading.refuse(
                line,
                f"{format_rate(row.monthly_rate)} a month",
                "check the decimal point: 0.006 is 0.6 %",
            )
        previous = row.month


def _check_month(line: int, month: date, previous: date | None, reading: Reading) -> None:
    """Each row is the month that follows the one before."""
    if month.day != 1:
        reading.refuse(
            line,
            f"month {month.isoformat()} is not the first of a month",
            "write it as YYYY-MM-01",
        )
    elif month < TAXA_LEGAL_SINCE:
        reading.refuse(line, "the taxa legal exists since August 2024", "remove this row")
    elif previous is not None and month > _next_month(previous):
        reading.refuse(
            line,
            f"no rate between {previous:%Y-%m} and {month:%Y-%m}",
            "add the months between them",
        )
    elif previous is not None and month < previous:
        reading.refuse(
            line, f"month {month:%Y-%m} comes after {previous:%Y-%m}", "put the months in order"
        )


def _next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


LEGAL_RATES = csv_file(
    "legal_rates.csv", LegalRate, key_name="month", key=lambda row: (row.month,), check=_check
)
