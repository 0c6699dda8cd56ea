"""``extra_holidays.csv``: days off beyond the national bank calendar."""

from calendar import isleap
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator

from cobranca.calendar import FIRST_YEAR, LAST_YEAR, place_of
from cobranca.policy.config_file import Line, Reading, csv_file
from cobranca.policy.types import Frozen, State, Text, parse_day_or_anniversary


class ExtraHoliday(Frozen):
    """A day off of one place beyond the national bank calendar; without a state, of every place.

    ``day`` is one date or, as ``MM-DD``, that day of every year. ``bank`` closes the banks there,
    so that due dates move; ``contact`` only keeps the company from contacting people there.
    """

    day: Annotated[str, AfterValidator(parse_day_or_anniversary)]
    """The day."""
    name: Text
    """Its name."""
    state: State | None = None
    """State; without it the day is off everywhere."""
    city: Text | None = None
    """City of that state."""
    kind: Literal["bank", "contact"] = "contact"
    """`bank` closes the banks of the place, so due dates move; `contact` only forbids contact."""
    legal_source: str | None = None
    """Law behind it."""
    reviewed_on: date | None = None
    """When a person last reviewed it."""

    @property
    def place(self) -> str:
        """``BR``, the state, or the state and the city; see :func:`cobranca.calendar.place_of`."""
        return place_of(self.state, self.city)

    @property
    def closes_banks(self) -> bool:
        """Whether due dates move."""
        return self.kind == "bank"

    def days(self, first_year: int, last_year: int) -> Iterator[date]:
        """The dates that the row means; a day of every year once a year that has it."""
        if len(self.day) == 10:
            yield date.fromisoformat(self.day)
            return
        month, day = (int(part) for part in self.day.split("-"))
        for year in range(first_year, last_year + 1):
            if (month, day) != (2, 29) or isleap(year):
                yield date(year, month, day)


def _check(holidays: list[Line[ExtraHoliday]], reading: Reading) -> None:
    for line, row in holidays:
        if row.city is not None and row.state is None:
            reading.refuse(
                line, "a city is given without its state", "fill in the UF in the column state"
            )
        if not all(FIRST_YEAR <= day.year <= LAST_YEAR for day in row.days(FIRST_YEAR, LAST_YEAR)):
            reading.refuse(
                line,
                f"day {row.day} is outside the calendar",
                f"use a year from {FIRST_YEAR} to {LAST_YEAR}",
            )


EXTRA_HOLIDAYS = csv_file(
    "extra_holidays.csv",
    ExtraHoliday,
    key_name="day",
    key=lambda row: (row.day, row.place),
    check=_check,
)
