"""Money is read and written exactly, and never guessed."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.money import format_money, format_number, format_rate, parse_money, to_cents

AMOUNTS = st.decimals(
    min_value=-(10**15), max_value=10**15, places=2, allow_nan=False, allow_infinity=False
)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1234,5", "1234.5"),
        ("R$ 1.234,56", "1234.56"),
        ("R$\u00a01.234,56", "1234.56"),
        ("r$50", "50"),
        ("US$ 10.00", "10.00"),
        ("€ 7,10", "7.10"),
        ("BRL 3,99", "3.99"),
        ("-5,00", "-5.00"),
        ("-R$ 5,00", "-5.00"),
        ("R$ -5,00", "-5.00"),
        ("+12", "12"),
        ("  0,01 ", "0.01"),
        ("1.234.567", "1234567"),
        ("1.234.567,89", "1234567.89"),
        ("1.234", "1.234"),
        (".5", "0.5"),
        ("12,", "12"),
        ("000123.40", "123.40"),
        (7, "7"),
        (Decimal("7.00"), "7.00"),
    ],
)
def test_reads_what_databases_and_people_write(text, amount):
    assert parse_money(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    ["", " ", "R$", "abc", "1,2,3", "12 34", "12abc", "abc12", "1e5", "1E5", "NaN", "Infinity",
     "(100,00)", "12-34", "--5",
     "-R$ -5", "1,234.56", "1.23.4", "1_000", "0x10", "١٢", "10%", ",", ".", "-", Decimal("NaN"),
     Decimal("Infinity")],
)  # fmt: skip
def test_refuses_what_is_no_amount(text):
    with pytest.raises(ValueError, match="amount"):
        parse_money(text)


@pytest.mark.parametrize("value", [1.5, float("nan"), True, False])
def test_refuses_floats_and_flags(value):
    with pytest.raises(ValueError, match="float"):
        parse_money(value)


def test_refuses_other_types():
    with pytest.raises(ValueError):
        parse_money(None)
    with pytest.raises(ValueError):
        parse_money(b"12")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234.5", "BRL", "R$\u00a01.234,50"),
        ("0", "BRL", "R$\u00a00,00"),
        ("-5", "BRL", "-R$\u00a05,00"),
        ("-0.004", "BRL", "R$\u00a00,00"),
        ("1234567.895", "USD", "US$\u00a01.234.567,90"),
        ("2", "EUR", "€\u00a02,00"),
        ("2", "CHF", "CHF\u00a02,00"),
    ],
)
def test_formats_for_people(amount, currency, text):
    assert format_money(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1234.5", "1.234,50"), ("-5", "-5,00"), ("-0.004", "0,00"), ("-0.005", "-0,01")],
)
def test_a_number_that_rounds_to_zero_has_no_sign(amount, text):
    assert format_number(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("0.005", "0.01"),
        ("0.015", "0.02"),
        ("0.025", "0.03"),
        ("-0.005", "-0.01"),
        ("2.675", "2.68"),
    ],
)
def test_rounds_half_up(amount, cents):
    assert to_cents(Decimal(amount)) == Decimal(cents)


@given(AMOUNTS)
def test_what_is_written_is_read_back(amount):
    assert parse_money(format_money(amount)) == amount
    assert parse_money(format_number(amount)) == amount
    assert parse_money(str(amount)) == amount


@given(st.text(max_size=12))
def test_never_crashes_on_text(text):
    with contextlib.suppress(ValueError):
        assert parse_money(text).is_finite()


def test_money_keeps_its_no_break_space():
    assert format_money(Decimal("1234.5")) == "R$\u00a01.234,50"


@pytest.mark.parametrize(
    ("rate", "told"),
    [("0.02", "2 %"), ("0.020000", "2 %"), ("0.0125", "1.25 %"), ("1", "100 %"), ("0", "0 %")],
)
def test_a_rate_in_per_cent(rate, told):
    assert format_rate(Decimal(rate)) == told
