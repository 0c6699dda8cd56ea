"""Cells as people type them: one meaning, or a sentence that says what is wrong."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from cobranca.money import format_money, format_number
from cobranca.queues.cell_parsing import read_amount, read_choice, read_count, read_date
from cobranca.queues.queue_columns import DELAY_REASONS
from queues.call_plan import DAY
from seeds import few_or_many


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("25/11/2026", "2026-11-25"),
        (" 25/11/26 ", "2026-11-25"),
        ("25/11", "2026-11-25"),
        ("2/1", "2027-01-02"),
        ("18/11", "2026-11-18"),
        ("25.11.2026", "2026-11-25"),
        ("25-11-2026", "2026-11-25"),
        ("2026-11-25", "2026-11-25"),
        ("2026-11-25 00:00:00", "2026-11-25"),
        (datetime(2026, 11, 25, 10, 30), "2026-11-25"),
        (date(2026, 11, 25), "2026-11-25"),
        (46351.0, "2026-11-25"),
        ("1/3", "2027-03-01"),
        ("25/11\u00a0/ 2026", "2026-11-25"),
        ("\u00a025/11/2026\u00a0", "2026-11-25"),
    ],
)
def test_dates(typed, day):
    assert read_date(typed, DAY) == date.fromisoformat(day)


@pytest.mark.parametrize(
    "typed",
    [
        "amanhã",
        "31/02/2026",
        "29/02",
        "25",
        25.0,
        1e9,
        float("nan"),
        True,
        "11/25/2026",
        "25/11/202",
    ],
)
def test_what_is_no_date(typed):
    with pytest.raises(ValueError, match="não é uma data|não existe"):
        read_date(typed, DAY)


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("1.234,56", "1234.56"),
        ("R$ 1.234,56", "1234.56"),
        ("1234,5", "1234.50"),
        ("1.234", "1234.00"),
        ("1.234.567", "1234567.00"),
        ("R$1.234", "1234.00"),
        ("1234.56", "1234.56"),
        ("50 reais", "50.00"),
        ("50 REAIS", "50.00"),
        ("1.234\u00a0reais", "1234.00"),
        ("r$ 1.234", "1234.00"),
        (10**15 - 1, "999999999999999.00"),
        (1234.56, "1234.56"),
        (0.1 + 0.2, "0.30"),
        (1000, "1000.00"),
    ],
)
def test_amounts(typed, amount):
    assert read_amount(typed) == Decimal(amount)


@pytest.mark.parametrize(
    "typed",
    [
        "tudo",
        "1,234.56",
        "10%",
        "0",
        "-5",
        0.0,
        -1.0,
        float("nan"),
        float("inf"),
        True,
        "1,234",
        12.345,
        "1.23.4",
        10**15,
        "10,0000001",
        Decimal("10.0000001"),
    ],
)
def test_what_is_no_amount(typed):
    with pytest.raises(ValueError, match="valor|grande demais|casas|zero"):
        read_amount(typed)


@given(st.decimals(min_value="0.01", max_value="99999999.99", places=2))
@effort(max_examples=few_or_many(200, 5000))
def test_every_amount_that_we_write_is_read_back(amount):
    assert read_amount(format_number(amount)) == read_amount(format_money(amount)) == amount
    assert read_amount(float(amount)) == amount


@given(st.dates(DAY, DAY + timedelta(days=364)))
def test_a_date_without_a_year_is_the_next_one(day):
    assert read_date(f"{day.day}/{day.month}", DAY) == day


@pytest.mark.parametrize(
    "typed",
    [
        "NAO_RECEBEU",
        "não recebeu",
        " Nao-Recebeu ",
        "Não recebeu o boleto ou a cobrança",
        "NAO_RECEBEU Não recebeu o boleto ou a cobrança",
    ],
)
def test_choices(typed):
    assert read_choice(typed, DELAY_REASONS) == "NAO_RECEBEU"


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        (3, 3),
        (3.0, 3),
        ("3", 3),
        ("3x", 3),
        ("3 X", 3),
        ("3 parcelas", 3),
        ("1 parcela", 1),
        (999, 999),
        ("999x", 999),
    ],
)
def test_counts(typed, count):
    assert read_count(typed) == count


@pytest.mark.parametrize(
    "typed", [0, -1, 2.5, "0", "x", "três", True, float("nan"), 1000, "1000", 10**9]
)
def test_what_is_no_count(typed):
    with pytest.raises(ValueError, match="não é um número de parcelas"):
        read_count(typed)


@pytest.mark.parametrize("blank", [None, "", "  ", "-", "\u00a0"])
def test_blanks(blank):
    assert (
        read_date(blank, DAY)
        is read_amount(blank)
        is read_count(blank)
        is read_choice(blank, {})
        is None
    )


@given(st.one_of(st.text(max_size=20), st.floats(), st.integers(), st.booleans()))
@effort(max_examples=few_or_many(300, 5000))
def test_no_cell_crashes_the_night(value):
    for read in (
        lambda v: read_date(v, DAY),
        read_amount,
        read_count,
        lambda v: read_choice(v, DELAY_REASONS),
    ):
        try:
            read(value)
        except ValueError as error:
            assert str(error)
