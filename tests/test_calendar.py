"""The bank calendar against the rules it stands for.

The dates below were written out by hand from the rules: Lei 662/1949, Lei 6.802/1980, Lei 9.093/1995, Lei 14.759/2023
(20 November from 2024) and Resolução CMN 4.880/2020 (Carnival Monday and Tuesday, Good Friday, Corpus Christi), which
are also the rules of the list of bank holidays that ANBIMA publishes. Carnival is 48 and 47 days before Easter, Good
Friday 2 before, Corpus Christi 60 after.
"""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca import calendar

FIXED = ["01-01", "04-21", "05-01", "09-07", "10-12", "11-02", "11-15", "11-20", "12-25"]
MOVEABLE = {
    2024: ["2024-02-12", "2024-02-13", "2024-03-29", "2024-05-30"],
    2025: ["2025-03-03", "2025-03-04", "2025-04-18", "2025-06-19"],
    2026: ["2026-02-16", "2026-02-17", "2026-04-03", "2026-06-04"],
    2027: ["2027-02-08", "2027-02-09", "2027-03-26", "2027-05-27"],
    2028: ["2028-02-28", "2028-02-29", "2028-04-14", "2028-06-15"],
    2029: ["2029-02-12", "2029-02-13", "2029-03-30", "2029-05-31"],
    2030: ["2030-03-04", "2030-03-05", "2030-04-19", "2030-06-20"],
}
DAYS = st.dates(date(calendar.FIRST_YEAR, 1, 8), date(calendar.LAST_YEAR, 12, 20))


@pytest.mark.parametrize("year", MOVEABLE)
def test_holidays_of_a_year(year):
    expected = {date.fromisoformat(f"{year}-{day}") for day in FIXED} | {date.fromisoformat(day) for day in MOVEABLE[year]}
    assert set(calendar.bank_holidays(year)) == expected


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
    ("day", "previous"), [("2026-11-23", "2026-11-19"), ("2026-01-02", "2025-12-31"), ("2026-11-19", "2026-11-18")]
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
    assert calendar.effective_due_date(previous + timedelta(days=1)) >= day or previous + timedelta(days=1) == day


def test_rows_have_every_day_once():
    rows = calendar.calendar_rows(date(2026, 11, 18), date(2026, 11, 23))
    assert [row["day"].day for row in rows] == [18, 19, 20, 21, 22, 23]
    assert [row["is_bank_day"] for row in rows] == [True, True, False, False, False, True]
    assert {row["effective_date"] for row in rows[2:]} == {date(2026, 11, 23)}
    assert "Consciência Negra" in rows[2]["holiday"] and rows[0]["holiday"] is None


def test_names_are_portuguese():
    assert "Sexta-feira Santa" in calendar.bank_holidays(2026).values()
    assert "Corpus Christi" in calendar.bank_holidays(2026).values()
