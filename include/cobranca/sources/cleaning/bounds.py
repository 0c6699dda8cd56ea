"""Bounds beyond which a date, an amount or a rate is a mistake of the source."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cobranca.calendar import FIRST_YEAR, LAST_YEAR
from cobranca.settings import Settings

FIRST_DAY, LAST_DAY = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)


@dataclass(frozen=True)
class Bounds:
    """The latest due date, the largest amount (in currency units) and the highest rates.

    ``highest_rates`` are fractions by column of the receivables.
    """

    latest_due: date = LAST_DAY
    largest_amount: Decimal | None = None
    highest_rates: tuple[tuple[str, Decimal], ...] = ()


ANY = Bounds()


def arrival_bounds(settings: Settings, business_date: date) -> Bounds:
    """The bounds of the policy in force on a date.

    Raises:
        ConfigError: the policy is invalid.
    """
    from cobranca.policy import load_policy

    limits = load_policy(settings.config, business_date).limits
    return Bounds(
        limits.arrivals.latest_due(business_date),
        limits.arrivals.largest_amount,
        (
            ("fine_rate", limits.largest_fine_rate),
            ("monthly_interest_rate", limits.largest_monthly_interest_rate),
        ),
    )
