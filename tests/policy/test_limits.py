"""Limits: exact numbers, and every mistake refused with its line."""

from decimal import Decimal

import pytest

from cobranca.policy import load_policy
from cobranca.policy.limits import Limits
from policy.config_edits import DAY, change, problems


def test_no_float_comes_out_of_the_files(settings):
    change(settings, "limits.yml", 'default_fine_rate: "2 %"', "default_fine_rate: 0.015")
    limits = load_policy(settings.config, DAY).limits
    assert limits.default_fine_rate == Decimal("0.015") and isinstance(
        limits.minimum_amount, Decimal
    )


LIMIT_MISTAKES = {
    "over 100 %": (
        'promise_kept_share: "95 %"',
        'promise_kept_share: "195 %"',
        "promise_kept_share: 195 % is not between 0 % and 100 %",
    ),
    "fraction over 1": (
        'holdout_share: "0 %"',
        "holdout_share: 1.5",
        "holdout_share: 150 % is not between 0 % and 100 %",
    ),
    "nested": (
        'maximum_quarantine_share: "5 %"',
        "maximum_quarantine_share: 5",
        "arrivals.maximum_quarantine_share: 500 % is not between",
    ),
    "negative interval": (
        "minimum_interval_days: 2",
        "minimum_interval_days: -2",
        "minimum_interval_days: -2 is out of range; it must be at least 0",
    ),
    "half a day": (
        "minimum_interval_days: 2",
        "minimum_interval_days: 2.5",
        "minimum_interval_days: '2.5' is not a number of the right kind",
    ),
    "month below week": (
        "maximum_per_30_days: 8",
        "maximum_per_30_days: 2",
        "maximum_per_30_days is below maximum_per_7_days; use at least 3",
    ),
    "illegal fine": (
        'consumer_fine_cap: "2 %"',
        'consumer_fine_cap: "10 %"',
        "the fine of consumers is above the legal 2 %",
    ),
    "unknown": (
        "minimum_amount: 5.00",
        "minimum_ammount: 5.00",
        "'minimum_ammount' is not a known setting",
    ),
    "start of interest": (
        "interest_start_consumer: effective_due",
        "interest_start_consumer: someday",
        "interest_start_consumer: 'someday' is unknown",
    ),
    "a default fine that is not believed": (
        'default_fine_rate: "2 %"',
        'default_fine_rate: "20.1 %"',
        "default_fine_rate is above largest_fine_rate; use at most 20 %",
    ),
    "a default interest that is not believed": (
        'default_monthly_interest_rate: "1 %"',
        'default_monthly_interest_rate: "10.1 %"',
        "default_monthly_interest_rate is above largest_monthly_interest_rate; use at most 10 %",
    ),
    "waiting for a payment of next year": (
        "scheduled_payment_days: 90",
        "scheduled_payment_days: 181",
        "scheduled_payment_days: ",
    ),
    "no time": ('starts: "08:00"', 'starts: "8h"', "email_window.starts: not a time of day"),
    "window upside down": (
        'starts: "08:00"',
        'starts: "21:00"',
        "email_window ends before it starts",
    ),
    "window of no hour": (
        'ends: "20:00"',
        'ends: "08:00"',
        "email_window ends before it starts",
    ),
    "not a rate": ('holdout_share: "0 %"', "holdout_share: few", "holdout_share: not a rate"),
    "endless": ('holdout_share: "0 %"', "holdout_share: .inf", "holdout_share: "),
}


@pytest.mark.parametrize(("old", "new", "message"), LIMIT_MISTAKES.values(), ids=LIMIT_MISTAKES)
def test_a_wrong_limit_is_refused_with_its_line(settings, old, new, message):
    lines = (settings.config / "limits.yml").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if old in text)
    change(settings, "limits.yml", old, new)
    assert problems(settings)[0].startswith(f"limits.yml:{line}: {message}")


def test_the_largest_rates_may_themselves_be_the_defaults(settings):
    change(settings, "limits.yml", 'default_fine_rate: "2 %"', 'default_fine_rate: "20 %"')
    rate = "default_monthly_interest_rate"
    change(settings, "limits.yml", f'{rate}: "1 %"', f'{rate}: "10 %"')
    limits = load_policy(settings.config, DAY).limits
    assert (limits.default_fine_rate, limits.default_monthly_interest_rate) == (
        limits.largest_fine_rate,
        limits.largest_monthly_interest_rate,
    )


TOLERANCE, SHARE, MINIMUM = (
    {"tolerance_amount": Decimal("1.00"), "minimum_amount": Decimal(0)},
    {"tolerance_share": Decimal("0.03"), "minimum_amount": Decimal(0)},
    {"minimum_amount": Decimal("5.00")},
)


@pytest.mark.parametrize(
    ("left", "amount", "limits", "is_rest"),
    [
        ("-1.00", "100.00", TOLERANCE, True),
        ("1.00", "100.00", TOLERANCE, True),
        ("1.01", "100.00", TOLERANCE, False),
        # nothing was paid of it
        ("1.00", "1.00", TOLERANCE, False),
        ("30.00", "1000.00", SHARE, True),
        ("30.01", "1000.00", SHARE, False),
        ("4.99", "9.98", MINIMUM, True),
        ("5.00", "100.00", MINIMUM, False),
        # more than half of it
        ("4.99", "9.97", MINIMUM, False),
    ],
)
def test_a_rest_is_what_no_one_is_asked_for(left, amount, limits, is_rest):
    assert Limits(**limits).is_rest(Decimal(left), Decimal(amount)) is is_rest


def test_the_shipped_limits_protect_payers(settings):
    """A boleto paid on the due date clears on the next bank day, and a promise has its days."""
    limits = load_policy(settings.config, DAY).limits
    assert (limits.clearing_bank_days, limits.promise_grace_days) == (1, 2)
    assert (limits.consumer_fine_cap, limits.promise_kept_share) == (
        Decimal("0.02"),
        Decimal("0.95"),
    )
