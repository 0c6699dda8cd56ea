"""The Brazilian bank calendar as a table.

It says when a due date takes effect and when people may be contacted. Bank days are Monday to
Friday without national holidays, Carnival Monday and Tuesday, Good Friday and Corpus Christi
(Resolução CMN 4.880/2020). 24 and 31 December are bank days here. Holidays of a state or a city
come as data and hold for the payers who live there.
"""

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Protocol, TypedDict

import holidays

FIRST_YEAR, LAST_YEAR = 2000, 2078
FIRST_DAY, LAST_DAY = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
NATIONAL = "BR"
# Optional in the law of public service, closed in the banks.
_BANK_ONLY = ("Carnaval", "Corpus Christi")
# No run of closed days is longer: a weekend, Carnival and a local holiday on each side.
_REACH = timedelta(days=12)


class DayOff(Protocol):
    """A day on which one place rests beyond the national calendar."""

    @property
    def name(self) -> str:
        """What the day is called."""

    @property
    def place(self) -> str:
        """``BR``, a state such as ``SP``, or a city such as ``SP/SAO PAULO``.

        See :func:`place_of`.
        """

    @property
    def closes_banks(self) -> bool:
        """Whether a due date moves there; otherwise the company only contacts no one."""

    def days(self, first_year: int, last_year: int) -> Iterable[date]:
        """The dates on which it falls."""


class CalendarDay(TypedDict):
    """One day in one place, as the warehouse's table ``policy_calendar`` holds it."""

    place: str
    day: date
    is_bank_day: bool
    is_contact_day: bool
    effective_date: date
    previous_bank_day: date
    holiday: str | None


@cache
def bank_holidays(year: int) -> dict[date, str]:
    """National bank holidays of one year with their names in Portuguese."""
    public = holidays.country_holidays("BR", years=year, language="pt_BR")
    optional = holidays.country_holidays(
        "BR", years=year, language="pt_BR", categories=("optional",)
    )
    closed = {
        day: name for day, name in optional.items() if any(word in name for word in _BANK_ONLY)
    }
    return dict(sorted((closed | dict(public)).items()))


def is_bank_day(day: date, closed: Collection[date] = ()) -> bool:
    """Whether banks are open, on ``closed`` days apart from the national calendar's."""
    return day.weekday() < 5 and day not in closed and day not in bank_holidays(day.year)


def effective_due_date(due: date, closed: Collection[date] = ()) -> date:
    """The due date itself, or the next bank day (Lei 7.089/1983)."""
    while not is_bank_day(due, closed):
        due += timedelta(days=1)
    return due


def previous_bank_day(day: date, closed: Collection[date] = ()) -> date:
    """The last bank day strictly before ``day``."""
    day -= timedelta(days=1)
    while not is_bank_day(day, closed):
        day -= timedelta(days=1)
    return day


def place_of(state: str | None, city: str | None) -> str:
    """The calendar's name of a place: ``BR``, ``SP``, ``SP/SAO PAULO``.

    Case and accents of a city do not matter.
    """
    if not state:
        return NATIONAL
    if not city or not city.strip():
        return state
    plain = unicodedata.normalize("NFKD", city.strip()).encode("ascii", "ignore").decode()
    return f"{state}/{plain.upper()}"


def calendar_table(
    days_off: Iterable[DayOff], first: date = FIRST_DAY, last: date = LAST_DAY
) -> list[CalendarDay]:
    """The calendar of every place.

    ``BR`` has every day; a state or city only those days that differ there, so that a country of
    places stays a small table. A city keeps its state's days off and the national ones.
    ``effective_date`` is the day on which something due on ``day`` takes effect; people are
    contacted on bank days on which no one rests.
    """
    named: dict[str, dict[date, str]] = {NATIONAL: {}}
    closing: dict[str, set[date]] = {NATIONAL: set()}
    for off in days_off:
        dates = list(off.days(first.year, last.year))
        named.setdefault(off.place, {}).update(dict.fromkeys(dates, off.name))
        closing.setdefault(off.place, set()).update(dates if off.closes_banks else ())
    rows: list[CalendarDay] = []
    day = first
    national: dict[date, CalendarDay] = {}
    while day <= last:
        national[day] = _row(NATIONAL, day, closing[NATIONAL], named[NATIONAL])
        rows.append(national[day])
        day += timedelta(days=1)
    for place in sorted(named.keys() - {NATIONAL}):
        above = {NATIONAL, place.split("/")[0]} & named.keys()
        names = {
            day: name for other in (*sorted(above), place) for day, name in named[other].items()
        }
        closed = set().union(*(closing[other] for other in (*above, place)))
        for day in sorted(_near(names.keys() - named[NATIONAL].keys(), first, last)):
            row = _row(place, day, closed, names)
            if _rules_of(row) != _rules_of(national[day]):
                rows.append(row)
    return rows


def _near(days: Iterable[date], first: date, last: date) -> set[date]:
    """Every day whose effective date or previous bank day one of these can change."""
    near: set[date] = set()
    for day in days:
        near.update(day + timedelta(days=n) for n in range(-_REACH.days, _REACH.days + 1))
    return {day for day in near if first <= day <= last}


def _rules_of(row: CalendarDay) -> dict[str, object]:
    """What holds on a day, wherever that is and whatever its name."""
    return {name: value for name, value in row.items() if name not in ("place", "holiday")}


def _row(place: str, day: date, closed: Collection[date], names: Mapping[date, str]) -> CalendarDay:
    open_ = is_bank_day(day, closed)
    return {
        "place": place,
        "day": day,
        "is_bank_day": open_,
        "is_contact_day": open_ and day not in names,
        "effective_date": effective_due_date(day, closed),
        "previous_bank_day": previous_bank_day(day, closed),
        "holiday": bank_holidays(day.year).get(day) or names.get(day),
    }
