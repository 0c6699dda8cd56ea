"""The bank calendar against the rules it stands for.

The list next to this file was written out by hand from the rules: Lei 662/1949, Lei 6.802/1980, Lei
9.093/1995, Lei 14.759/2023 (20 November from 2024) and Resolução CMN 4.880/2020 (Carnival Monday
and Tuesday, Good Friday, Corpus Christi), which are also the rules of the list of bank holidays
that ANBIMA publishes. Carnival is 48 and 47 days before Easter, Good Friday 2 before, Corpus
Christi 60 after.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobranca import calendar
from seeds import few_or_many

FIXED = ["01-01", "04-21", "05-01", "09-07", "10-12", "11-02", "11-15", "11-20", "12-25"]
ANBIMA = Path(__file__).with_name("anbima_2024_2030.csv")
WEEKDAYS = (
    "segunda-feira",
    "terça-feira",
    "quarta-feira",
    "quinta-feira",
    "sexta-feira",
    "sábado",
    "domingo",
)
DAYS = st.dates(date(calendar.FIRST_YEAR, 1, 8), date(calendar.LAST_YEAR, 12, 20))


def anbima() -> dict[date, str]:
    lines = [
        line for line in ANBIMA.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    return {
        date.fromisoformat(day): weekday
        for day, weekday, _ in (line.split(";") for line in lines[1:])
    }


@pytest.mark.parametrize("year", range(2024, 2031))
def test_holidays_equal_the_published_list(year):
    listed = {day: weekday for day, weekday in anbima().items() if day.year == year}
    assert len(listed) == 13
    assert set(calendar.bank_holidays(year)) == set(listed)
    # a slip of the pen in the list would show in its weekday
    assert {day: WEEKDAYS[day.weekday()] for day in listed} == listed


@pytest.mark.parametrize("year", range(calendar.FIRST_YEAR, calendar.LAST_YEAR + 1))
def test_holidays_follow_easter_in_every_year(year):
    easter = _easter(year)
    fixed = FIXED if year >= 2024 else [day for day in FIXED if day != "11-20"]
    expected = {date.fromisoformat(f"{year}-{day}") for day in fixed}
    expected |= {easter + timedelta(days=days) for days in (-48, -47, -2, 60)}
    assert set(calendar.bank_holidays(year)) == expected


def _easter(year: int) -> date:
    """The anonymous Gregorian algorithm, so that the library is not checked against itself."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 19 * weekday) // 433
    month = (h + weekday - 7 * m + 90) // 25
    return date(year, month, (h + weekday - 7 * m + 33 * month + 19) % 32)


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        ("2026-12-24", True),  # banks open for payments
        ("2026-12-31", True),
        ("2026-02-18", True),  # Ash Wednesday, from noon
        ("2023-11-20", True),  # a national holiday only from 2024
        ("2024-11-20", False),
        ("2026-11-20", False),
        ("2026-11-21", False),  # Saturday
        ("2026-11-22", False),
        ("2026-11-23", True),
        ("2026-07-09", True),  # a holiday of São Paulo alone
    ],
)
def test_bank_days(day, open_):
    assert calendar.is_bank_day(date.fromisoformat(day)) is open_


@pytest.mark.parametrize(
    ("due", "effective"),
    [
        ("2026-09-05", "2026-09-08"),  # Saturday before a Monday holiday
        ("2026-09-08", "2026-09-08"),
        ("2026-11-20", "2026-11-23"),
        ("2026-11-18", "2026-11-18"),
        ("2026-02-14", "2026-02-18"),  # the whole of Carnival
        ("2026-04-03", "2026-04-06"),
        ("2027-12-31", "2027-12-31"),
        ("2028-01-01", "2028-01-03"),  # over the end of a year
    ],
)
def test_effective_due_date(due, effective):
    assert calendar.effective_due_date(date.fromisoformat(due)) == date.fromisoformat(effective)


@pytest.mark.parametrize(
    ("day", "previous"),
    [("2026-11-23", "2026-11-19"), ("2026-01-02", "2025-12-31"), ("2026-11-19", "2026-11-18")],
)
def test_previous_bank_day(day, previous):
    assert calendar.previous_bank_day(date.fromisoformat(day)) == date.fromisoformat(previous)


@given(DAYS)
def test_effective_date_is_the_first_bank_day_from_the_due_date_on(day):
    effective = calendar.effective_due_date(day)
    assert effective >= day and calendar.is_bank_day(effective) and (effective - day).days <= 5
    between = [day + timedelta(days=n) for n in range((effective - day).days)]
    assert not any(calendar.is_bank_day(other) for other in between)


@given(DAYS)
def test_previous_bank_day_is_strictly_before(day):
    previous = calendar.previous_bank_day(day)
    assert previous < day and calendar.is_bank_day(previous)
    assert (
        calendar.effective_due_date(previous + timedelta(days=1)) >= day
        or previous + timedelta(days=1) == day
    )


@dataclass(frozen=True)
class Off:
    """A day off as policy files give it."""

    day: str
    state: str | None = None
    city: str | None = None
    closes_banks: bool = True
    name: str = "Feriado do lugar"

    @property
    def place(self) -> str:
        return calendar.place_of(self.state, self.city)

    def days(self, first_year, last_year):
        return [date.fromisoformat(self.day)]


def table(
    *days_off: Off, first: date = date(2026, 1, 1), last: date = date(2026, 12, 31)
) -> dict[tuple[str, date], dict]:
    rows = calendar.calendar_table(days_off, first, last)
    by_key = {(row["place"], row["day"]): row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


def test_the_country_has_every_day_once():
    rows = list(table(first=date(2026, 11, 18), last=date(2026, 11, 23)).values())
    assert [row["day"].day for row in rows] == [18, 19, 20, 21, 22, 23]
    assert [row["is_bank_day"] for row in rows] == [True, True, False, False, False, True]
    assert [row["is_contact_day"] for row in rows] == [True, True, False, False, False, True]
    assert {row["effective_date"] for row in rows[2:]} == {date(2026, 11, 23)}
    assert "Consciência Negra" in rows[2]["holiday"] and rows[0]["holiday"] is None


def test_the_whole_calendar_fits_one_table():
    rows = calendar.calendar_table([])
    assert (rows[0]["day"], rows[-1]["day"]) == (date(2000, 1, 1), date(2078, 12, 31))
    assert len(rows) == (date(2079, 1, 1) - date(2000, 1, 1)).days


def test_a_local_holiday_moves_due_dates_there_alone():
    # Thursday 9 July, and the Friday after it off in one city
    rows = table(Off("2026-07-09", "SP"), Off("2026-07-10", "SP", "São Paulo"))
    assert rows["BR", date(2026, 7, 9)]["effective_date"] == date(2026, 7, 9)
    assert rows["SP", date(2026, 7, 9)]["effective_date"] == date(2026, 7, 10)
    assert rows["SP/SAO PAULO", date(2026, 7, 9)]["effective_date"] == date(2026, 7, 13)
    assert rows["SP/SAO PAULO", date(2026, 7, 10)]["holiday"] == "Feriado do lugar"
    assert not rows["SP", date(2026, 7, 9)]["is_contact_day"]
    assert ("SP", date(2026, 7, 8)) not in rows
    assert ("RJ", date(2026, 7, 9)) not in rows


def test_the_weekend_before_a_local_holiday_moves_with_it():
    rows = table(Off("2026-07-06", "AC"))  # a Monday
    assert {rows["AC", date(2026, 7, day)]["effective_date"] for day in (4, 5, 6)} == {
        date(2026, 7, 7)
    }
    assert rows["AC", date(2026, 7, 7)]["previous_bank_day"] == date(2026, 7, 3)


def test_resting_moves_no_due_date():
    rows = table(Off("2026-12-24", closes_banks=False), Off("2026-07-09", "SP", closes_banks=False))
    eve = rows["BR", date(2026, 12, 24)]
    assert (eve["is_bank_day"], eve["is_contact_day"], eve["effective_date"]) == (
        True,
        False,
        date(2026, 12, 24),
    )
    local = rows["SP", date(2026, 7, 9)]
    assert (local["is_bank_day"], local["is_contact_day"], local["effective_date"]) == (
        True,
        False,
        date(2026, 7, 9),
    )


def test_a_day_that_changes_nothing_adds_no_row():
    rows = table(
        Off("2026-07-05", "SP"), Off("2026-09-07", "RJ"), Off("2026-12-24", closes_banks=False)
    )  # Sunday, national
    assert {place for place, _ in rows} == {"BR"}


@settings(max_examples=few_or_many(25, 300))
@given(st.lists(st.dates(date(2026, 1, 15), date(2026, 12, 10)), max_size=12), st.booleans())
def test_a_place_follows_the_plain_definition_on_every_day(days, in_city):
    city = "Santos" if in_city else None
    rows = table(
        Off("2026-12-24", closes_banks=False),
        *(Off(day.isoformat(), "SP", city) for day in set(days)),
    )
    place = calendar.place_of("SP", city)
    closed = {day.isoformat() for day in days} | {
        day.isoformat() for day in calendar.bank_holidays(2026)
    }

    def is_open(day: date) -> bool:
        return day.weekday() < 5 and day.isoformat() not in closed

    for number in range(330):
        day = date(2026, 1, 10) + timedelta(days=number)
        effective = next(d for d in (day + timedelta(days=n) for n in range(40)) if is_open(d))
        row = rows.get((place, day), rows["BR", day])
        assert (row["is_bank_day"], row["effective_date"]) == (is_open(day), effective)


@pytest.mark.parametrize(
    ("state", "city", "place"),
    [
        (None, None, "BR"),
        (None, "Santos", "BR"),
        ("SP", None, "SP"),
        ("SP", "  ", "SP"),
        ("SP", " São Paulo ", "SP/SAO PAULO"),
        ("RS", "SANT'ANA DO LIVRAMENTO", "RS/SANT'ANA DO LIVRAMENTO"),
    ],
)
def test_places_are_spelt_one_way(state, city, place):
    assert calendar.place_of(state, city) == place


def test_names_are_portuguese():
    assert "Sexta-feira Santa" in calendar.bank_holidays(2026).values()
    assert "Corpus Christi" in calendar.bank_holidays(2026).values()
