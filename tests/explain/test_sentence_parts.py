"""Parts of sentences about one payer: days, steps, amounts and shares."""

from decimal import Decimal

import pytest

from cobranca.explain.sentence_parts import age, counted, percent, step_name, totals


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (-2, "vence em 2 dias"),
        (-1, "vence em 1 dia"),
        (0, "vence hoje"),
        (1, "vencido há 1 dia"),
        (1234, "vencido há 1.234 dias"),
    ],
)
def test_the_age_of_a_debt(days, told):
    assert age(days) == told


@pytest.mark.parametrize(
    ("offset", "told"),
    [
        (-1, "d-1 (1 dia antes do vencimento)"),
        (0, "d0 (no vencimento)"),
        (10, "d+10 (10 dias depois do vencimento)"),
    ],
)
def test_the_name_of_a_step(offset, told):
    assert step_name(offset) == told


def test_currencies_are_told_apart():
    rows = [
        {"currency": currency, "open_amount": Decimal(owed), "amount_due": Decimal(due)}
        for currency, owed, due in (
            ("USD", "10.00", "10.00"),
            ("BRL", "100.00", "102.00"),
            ("USD", "5.00", "5.00"),
        )
    ]
    assert totals(rows) == "R$\u00a0100,00 (R$\u00a0102,00 com encargos) e US$\u00a015,00"


@pytest.mark.parametrize(
    ("share", "places", "told"),
    [("0.02", 0, "2"), ("0.0033", 2, "0,33"), ("0.02", 2, "2"), ("0.125", 1, "12,5")],
)
def test_a_share_in_per_cent(share, places, told):
    assert percent(Decimal(share), places) == f"{told}\u00a0%"


def test_a_number_with_its_noun():
    assert [counted(number, "noite", "noites") for number in (0, 1, 2)] == [
        "0 noites",
        "1 noite",
        "2 noites",
    ]
