"""Legal rates: every month once, in order, of a plausible height."""

import pytest

from policy.config_edits import append, problems

MISTAKES = {
    "rate in per cent": ("2026-01-01;0.6;s;2026-01-01", "60 % a month; check the decimal point"),
    "negative rate": ("2026-01-01;-0.001;s;2026-01-01", "monthly_rate: -0.1 % is not between"),
    "rate of a day": (
        "2026-01-15;0.006;s;2026-01-15",
        "month 2026-01-15 is not the first of a month",
    ),
    "month left out": (
        "2026-02-01;0.006;s;2026-01-01",
        "no rate between 2025-12 and 2026-02; add the months",
    ),
    "month before the law": (
        "2024-07-01;0.006;s;2026-01-01",
        "the taxa legal exists since August 2024",
    ),
    "month twice": ("2025-12-01;0.006;s;2026-01-01", "month '2025-12-01' is already on line"),
}


@pytest.mark.parametrize(("row", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, row, message):
    line = append(settings, "legal_rates.csv", row)
    assert problems(settings)[0].startswith(f"legal_rates.csv:{line}: {message}")
