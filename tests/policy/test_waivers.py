"""Waivers: every wrong row is refused with its line."""

import pytest

from policy.config_edits import append, problems

MISTAKES = {
    "waiver without a reason": ("erp;1;fine;;;;maria;2026-11-01", "'reason' is empty"),
    "waiver of too much": (
        "erp;1;fine;;120 %;acordo;maria;2026-11-01",
        "share: 120 % is not between",
    ),
    "waiver of an amount and a share": (
        "erp;1;all;10,00;50 %;acordo;maria;2026-11-01",
        "a waiver has an amount and a share",
    ),
    "waiver of nothing": ("erp;1;all;0,00;;acordo;maria;2026-11-01", "the waiver waives nothing"),
}


@pytest.mark.parametrize(("row", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, row, message):
    line = append(settings, "waivers.csv", row)
    assert problems(settings)[0].startswith(f"waivers.csv:{line}: {message}")


def test_a_waiver_of_all_stands_alone(settings):
    for row in ("erp;1;all;;;acordo;maria;2026-11-01", "erp;1;fine;;;acordo;maria;2026-11-01"):
        line = append(settings, "waivers.csv", row)
    assert problems(settings)[0].startswith(
        f"waivers.csv:{line}: all charges of this receivable are waived on line {line - 1}"
    )
