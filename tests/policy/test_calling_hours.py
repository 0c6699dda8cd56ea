"""Calling hours: every wrong row is refused with its line."""

import pytest

from policy.config_edits import append, change, problems

MISTAKES = {
    "hours of unknown UF": ("ZZ;weekday;09:00;18:00;law;2026-01-01", "state: unknown UF 'ZZ'"),
    "hours twice": (
        "SP;weekday;09:00;18:00;law;2026-01-01",
        "state and kind of day 'SP weekday' is already",
    ),
    "hours backwards": (
        "BA;weekday;19:00;18:00;law;2026-01-01",
        "the window ends before it starts",
    ),
    "hours of no hour": (
        "BA;weekday;09:00;09:00;law;2026-01-01",
        "the window ends before it starts",
    ),
    "hours at 25": ("BA;weekday;09:00;25:00;law;2026-01-01", "ends_at: not a time of day"),
    "hours without a law": ("BA;weekday;09:00;18:00;;2026-01-01", "'legal_source' is empty"),
}


@pytest.mark.parametrize(("row", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, row, message):
    line = append(settings, "calling_hours.csv", row)
    assert problems(settings)[0].startswith(f"calling_hours.csv:{line}: {message}")


def test_every_other_state_has_a_window(settings):
    change(settings, "calling_hours.csv", "\nBR;weekday;", "\nBA;weekday;")
    assert "no row for BR on weekdays" in problems(settings)[0]
