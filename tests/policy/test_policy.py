"""The whole policy: the default files are good, and all problems are listed at once."""

from datetime import date
from decimal import Decimal

import pytest

from cobranca.policy import load_policy
from cobranca.schema import PRINCIPAL
from policy.config_edits import DAY, append, change, problems, write


def test_the_default_files_are_in_force(settings):
    policy = load_policy(settings.config, DAY)
    steps = policy.regua.steps_of("anything")
    assert [step.name for step in steps][:7] == ["d-3", "d0", "d+1", "d+3", "d+5", "d+7", "d+10"]
    assert all(
        step.only_classes == ("viciado", "irregular", "novo")
        and step.minimum_late_probability > Decimal("0.5")
        for step in steps
        if step.offset <= 0
    )
    assert [step.channel for step in steps if step.offset in (1, 3, 5, 7, 10)] == [
        "email",
        "email",
        "email",
        "phone",
        "phone",
    ]
    assert {step.name for step in steps if step.entry} >= {"d+1", "d+10", "d+95"}
    assert steps[-1].offset == 180
    assert (
        policy.limits.minimum_interval_days,
        policy.limits.maximum_per_7_days,
        policy.limits.maximum_per_30_days,
    ) == (2, 3, 8)
    assert policy.limits.minimum_amount == Decimal("5.00")
    assert (policy.limits.default_fine_rate, policy.limits.default_monthly_interest_rate) == (
        Decimal("0.02"),
        Decimal("0.01"),
    )
    assert policy.limits.arrivals.maximum_quarantine_share == Decimal("0.05")
    assert (policy.limits.volume.maximum_messages, policy.limits.email_window.ends.hour) == (
        5000,
        20,
    )
    assert len(policy.agents) == 5 and len(policy.outcome_codes) == 13
    assert any(hours.state == "BR" for hours in policy.calling_hours)
    assert "example.com.br" in policy.creditors[PRINCIPAL].sender_email
    assert policy.creditors[PRINCIPAL].full_address.endswith("São Paulo/SP – CEP 01000-000")
    assert set(policy.fingerprints) == {
        path.name for path in settings.config.iterdir() if path.is_file()
    }


def test_all_problems_of_all_files_are_listed_at_once(settings):
    change(settings, "limits.yml", "minimum_interval_days: 2", "minimum_interval_days: -2")
    change(settings, "limits.yml", "maximum_per_7_days: 3", "maximum_per_7_days: 30")
    first = (
        append(
            settings,
            "holds.csv",
            "customer;erp;1;;maria;2026-11-01;",
            "customer;erp;2;dispute;;2026-11-01;",
        )
        - 1
    )
    (settings.config / "agents.csv").unlink()
    write(settings, "creditor.yml", "")
    found = [line.split(": ")[0] for line in problems(settings)]
    assert found == [
        "agents.csv:1",
        "creditor.yml:1",
        f"holds.csv:{first}",
        f"holds.csv:{first + 1}",
        "limits.yml:5",
        "limits.yml:6",
    ]


def test_a_date_that_the_calendar_does_not_reach_is_refused(settings):
    assert "does not reach beyond 2079-01-05" in problems(settings, date(2079, 1, 5))[0]


def test_expired_holds_and_missing_rates_are_warnings(settings):
    append(settings, "holds.csv", "customer;erp;9;dispute;maria;2026-11-01;2026-11-10")
    warnings = load_policy(settings.config, DAY).warnings
    assert warnings[0].startswith("holds.csv: 1 hold(s) have expired") and warnings[1].startswith(
        "legal_rates.csv ends at 2025-12"
    )


@pytest.mark.parametrize(("day", "expired"), [(17, False), (18, False), (19, True)])
def test_a_hold_has_expired_on_the_day_after_its_last(settings, day, expired):
    append(settings, "holds.csv", "customer;erp;9;dispute;maria;2026-11-01;2026-11-18")
    warnings = load_policy(settings.config, date(2026, 11, day)).warnings
    assert any(text.startswith("holds.csv: 1 hold(s) have expired") for text in warnings) is expired


@pytest.mark.parametrize(
    ("day", "missing"),
    [("2025-11-30", False), ("2025-12-31", False), ("2026-01-01", True)],
)
def test_rates_are_missing_from_the_month_after_the_last(settings, day, missing):
    warnings = load_policy(settings.config, date.fromisoformat(day)).warnings
    assert any(text.startswith("legal_rates.csv ends at 2025-12") for text in warnings) is missing
