"""The Brazilian bank calendar as a table: when a due date takes effect and when people may be contacted.

Bank days are Monday to Friday without national holidays, Carnival Monday and Tuesday, Good Friday and
Corpus Christi (Resolução CMN 4.880/2020). 24 and 31 December are bank days here.
"""

from datetime import date, timedelta
from functools import cache

import holidays

FIRST_YEAR, LAST_YEAR = 2000, 2078
# Optional in the law of public service, closed in the banks.
_BANK_ONLY = ("Carnaval", "Corpus Christi")


@cache
def bank_holidays(year: int) -> dict[date, str]:
    """Bank holidays of one year with their names in Portuguese."""
    public = holidays.country_holidays("BR", years=year, language="pt_BR")
    optional = holidays.country_holidays("BR", years=year, language="pt_BR", categories=("optional",))
    closed = {day: name for day, name in optional.items() if any(word in name for word in _BANK_ONLY)}
    return dict(sorted((closed | dict(public)).items()))


def is_bank_day(day: date) -> bool:
    return day.weekday() < 5 and day not in bank_holidays(day.year)


def effective_due_date(due: date) -> date:
    """The due date itself, or the next bank day (Lei 7.089/1983)."""
    while not is_bank_day(due):
        due += timedelta(days=1)
    return due


def previous_bank_day(day: date) -> date:
    """The last bank day strictly before ``day``."""
    day -= timedelta(days=1)
    while not is_bank_day(day):
        day -= timedelta(days=1)
    return day


def calendar_rows(first: date, last: date) -> list[dict]:
    """One row a day: ``day, is_bank_day, effective_date, previous_bank_day, holiday``.

    ``effective_date`` is the day on which something due on ``day`` takes effect.
    """
    rows, day = [], first
    while day <= last:
        rows.append(
            {
                "day": day,
                "is_bank_day": is_bank_day(day),
                "effective_date": effective_due_date(day),
                "previous_bank_day": previous_bank_day(day),
                "holiday": bank_holidays(day.year).get(day),
            }
        )
        day += timedelta(days=1)
    return rows
