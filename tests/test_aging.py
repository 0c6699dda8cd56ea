"""Bands by days past due: their names, their order and their labels."""

import pytest

from cobranca.aging import band_names, days_of, in_order
from cobranca.reports.wording import band, band_heading, short_band


def test_names_follow_from_the_last_days():
    assert band_names((30, 60, 90, 180)) == ("not_due", "1-30", "31-60", "61-90", "91-180", "181+")
    assert band_names((7,)) == ("not_due", "1-7", "8+")


def test_bands_are_ordered_by_age_and_what_is_settled_comes_last():
    mixed = ["settled", "181+", "31-60", "not_due", "91-180", "31-60", "1-30"]
    assert in_order(mixed) == ["not_due", "1-30", "31-60", "91-180", "181+", "settled"]


def test_days_of_a_band():
    assert [days_of(name) for name in ("31-60", "181+", "not_due")] == [(31, 60), (181, None), None]


@pytest.mark.parametrize(
    ("code", "labels"),
    [
        ("not_due", ("A vencer", "a vencer", "A vencer")),
        ("31-60", ("31 a 60 dias", "31–60", "31–60")),
        ("181+", ("Mais de 180 dias", "181 ou mais", "181+")),
        ("settled", ("Baixado", "baixado", "Baixado")),
    ],
)
def test_labels(code, labels):
    assert (band(code), short_band(code), band_heading(code)) == labels
