"""Outcome codes: every wrong row is refused with its line."""

import pytest

from policy.config_edits import append, problems

MISTAKES = {
    "code of unknown effect": ("X;x;sim;sim;magic;0", "effect: 'magic' is unknown"),
    "code twice": ("RECADO;x;sim;sim;none;0", "code 'RECADO' is already on line"),
    "code neither yes nor no": (
        "X;x;talvez;sim;none;0",
        "is_effective_contact: neither yes nor no",
    ),
    "code without contact": ("X;x;não;sim;none;0", "X reached the customer but no one answered"),
}


@pytest.mark.parametrize(("row", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, row, message):
    line = append(settings, "outcome_codes.csv", row)
    assert problems(settings)[0].startswith(f"outcome_codes.csv:{line}: {message}")
