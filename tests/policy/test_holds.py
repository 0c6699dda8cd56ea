"""Holds: their days, every wrong row refused with its line, and no customer in a message."""

from datetime import date

import pytest

from cobranca.policy import load_policy
from policy.config_edits import DAY, append, problems

MISTAKES = {
    "hold without reason": ("customer;erp;77;;maria;2026-11-01;", "'reason' is empty; fill it in"),
    "hold without author": (
        "customer;erp;77;dispute;;2026-11-01;",
        "'author' is empty; fill it in",
    ),
    "hold of unknown reason": (
        "customer;erp;77;because;maria;2026-11-01;",
        "reason: 'because' is unknown",
    ),
    "hold backwards": (
        "customer;erp;77;dispute;maria;2026-11-05;2026-11-01",
        "the hold expires before it starts",
    ),
    "hold of a planet": ("planet;erp;77;dispute;maria;2026-11-01;", "scope: 'planet' is unknown"),
    "hold on no day": ("customer;erp;77;dispute;maria;01/11/2026;", "starts_on: not a date"),
}


@pytest.mark.parametrize(("row", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, row, message):
    line = append(settings, "holds.csv", row)
    assert problems(settings)[0].startswith(f"holds.csv:{line}: {message}")


def test_a_hold_lasts_until_its_last_day(settings):
    append(settings, "holds.csv", "receivable;erp;9;dispute;maria;2026-11-10;2026-11-18")
    (hold,) = load_policy(settings.config, DAY).holds
    assert [hold.holds_on(date(2026, 11, day)) for day in (9, 10, 18, 19)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_hold_may_last_one_day(settings):
    append(settings, "holds.csv", "customer;erp;9;dispute;maria;2026-11-18;2026-11-18")
    (hold,) = load_policy(settings.config, DAY).holds
    assert [hold.holds_on(date(2026, 11, day)) for day in (17, 18, 19)] == [False, True, False]


def test_no_error_shows_a_customer(settings):
    append(
        settings,
        "holds.csv",
        "customer;erp;11144477735;;maria;2026-11-01;",
        *["customer;erp;11144477735;legal;m;2026-11-01;"] * 2,
    )
    assert "11144477735" not in str(problems(settings))
