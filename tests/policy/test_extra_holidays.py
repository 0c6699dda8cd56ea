"""Extra holidays: every wrong row is refused with its line, and old lists are read."""

from datetime import date

import pytest

from cobranca.policy import load_policy
from policy.config_edits import DAY, append, problems

MISTAKES = {
    "holiday twice": ("12-24;Véspera;;;bank;;", "day '12-24' is already on line"),
    "holiday without name": ("2026-12-23;;;;contact;;", "'name' is empty"),
    "impossible holiday": ("02-30;Feriado;;;bank;;", "day: not a day"),
    "holiday beyond the calendar": (
        "2079-01-02;Feriado;;;bank;;",
        "day 2079-01-02 is outside the calendar",
    ),
    "city without state": ("08-15;Padroeira;;Santos;bank;;", "a city is given without its state"),
    "unknown state of a holiday": ("08-15;Padroeira;XX;;bank;;", "state: unknown UF 'XX'"),
    "unknown kind of holiday": ("08-15;Padroeira;SP;;closed;;", "kind: 'closed' is unknown"),
}


@pytest.mark.parametrize(("row", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, row, message):
    line = append(settings, "extra_holidays.csv", row)
    assert problems(settings)[0].startswith(f"extra_holidays.csv:{line}: {message}")


def test_an_old_list_of_holidays_is_still_read(settings):
    path = settings.config / "extra_holidays.csv"
    path.write_text("day;name\n2026-12-24;Véspera de Natal\n")
    (holiday,) = load_policy(settings.config, DAY).extra_holidays
    assert (holiday.place, holiday.closes_banks, list(holiday.days(2000, 2078))) == (
        "BR",
        False,
        [date(2026, 12, 24)],
    )


def test_29_february_is_off_in_leap_years_alone(settings):
    append(settings, "extra_holidays.csv", "02-29;Aniversário;SP;;contact;;")
    holiday = load_policy(settings.config, DAY).extra_holidays[-1]
    assert list(holiday.days(2026, 2032)) == [date(2028, 2, 29), date(2032, 2, 29)]
