"""Negotiation: bands do not overlap, and their levels exist."""

import pytest

from policy.config_edits import append, problems

MISTAKES = {
    "overlapping bands": (
        "*;90;120;10 %;6",
        (
            "the band overlaps the one on line 6 for level '*'; let one end on the day before the "
            "other starts"
        ),
    ),
    "band backwards": ("senior;30;10;10 %;6", "the band ends before it starts"),
    "band beyond 100 %": ("senior;1;10;101 %;6", "max_discount_rate: 101 % is not between"),
    "band of an unknown level": (
        "mestre;1;10;10 %;6",
        "no agent has the level 'mestre'; use one of: *, junior, pleno, senior",
    ),
}


@pytest.mark.parametrize(("row", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, row, message):
    line = append(settings, "negotiation.csv", row)
    assert problems(settings)[0].startswith(f"negotiation.csv:{line}: {message}")
