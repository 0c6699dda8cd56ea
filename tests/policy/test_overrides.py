"""Overrides: their régua and steps exist, and two are never in force on one day."""

from datetime import date

import pytest

from cobranca.policy import load_policy
from policy.config_edits import DAY, append, problems

MISTAKES = {
    "override without reason": (
        "customer;erp;77;*;;;;maria;2026-11-01;",
        "'reason' is empty; fill it in",
    ),
    "override without author": (
        "customer;erp;77;*;;;combinado;;2026-11-01;",
        "'author' is empty; fill it in",
    ),
    "override to an unknown régua": (
        "customer;erp;77;vip;;;combinado;maria;2026-11-01;",
        "no version in force has a régua 'vip'; use one of: *, none",
    ),
    "override to an unknown step": (
        "customer;erp;77;*;d+11;;combinado;maria;2026-11-01;",
        "last_step: the régua '*' has no step d+11; use one of: d-3, d0, d+1",
    ),
    "override to something that is no step": (
        "customer;erp;77;*;eleven;;combinado;maria;2026-11-01;",
        "last_step: not the name of a step; write it as d-3, d0 or d+10",
    ),
    "override to none with a step": (
        "customer;erp;77;none;;d+5;combinado;maria;2026-11-01;",
        (
            "goes_on_after is given, but the régua is 'none'; leave goes_on_after empty or name a "
            "régua"
        ),
    ),
    "override backwards": (
        "customer;erp;77;*;;;combinado;maria;2026-11-05;2026-11-01",
        "the override expires before it starts",
    ),
}


@pytest.mark.parametrize(("row", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, row, message):
    line = append(settings, "overrides.csv", row)
    assert problems(settings)[0].startswith(f"overrides.csv:{line}: {message}")


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (("2026-11-01", ""), ("2026-11-10", ""), True),
        (("2026-11-01", "2026-11-10"), ("2026-11-10", ""), True),
        (("2026-11-10", ""), ("2026-11-01", "2026-11-09"), False),
        (("2026-11-10", ""), ("2026-11-01", "2026-11-10"), True),
        (("2026-11-01", "2026-11-09"), ("2026-11-10", "2026-11-12"), False),
    ],
)
def test_two_overrides_are_never_in_force_on_one_day(settings, first, second, overlap):
    rows = [
        f"receivable;erp;11144477735;*;;;combinado;maria;{starts};{ends}"
        for starts, ends in (first, second)
    ]
    line = (
        append(
            settings,
            "overrides.csv",
            *rows,
            "receivable;billing;11144477735;none;;;outra origem;maria;2026-11-01;",
        )
        - 1
    )
    if overlap:
        (told,) = problems(settings)
        assert told.startswith(
            f"overrides.csv:{line}: the override is in force at the same time as the one on line "
            f"{line - 1};"
        )
        assert "11144477735" not in told
    else:
        assert len(load_policy(settings.config, DAY).overrides) == 3


@pytest.mark.parametrize(
    ("starts", "ends", "days"),
    [
        ("2026-11-10", "2026-11-18", [False, True, True, False]),
        ("2026-11-18", "2026-11-18", [False, False, True, False]),
        ("2026-11-10", "", [False, True, True, True]),
    ],
)
def test_an_override_holds_from_its_first_to_its_last_day(settings, starts, ends, days):
    append(settings, "overrides.csv", f"customer;erp;9;none;;;combinado;maria;{starts};{ends}")
    (override,) = load_policy(settings.config, DAY).overrides
    assert [override.applies_on(date(2026, 11, day)) for day in (9, 10, 18, 19)] == days


def test_an_override_of_the_past_may_name_a_regua_that_is_gone(settings):
    append(settings, "overrides.csv", "customer;erp;9;gone;;;combinado;maria;2026-10-01;2026-10-31")
    policy = load_policy(settings.config, DAY)
    assert not policy.overrides[0].applies_on(DAY)
    assert policy.warnings[0].startswith("overrides.csv: 1 override(s) have expired")
