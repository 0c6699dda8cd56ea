"""Labels and numbers as people read them, and names without what must not be told."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca import labels
from cobranca.money import parse_money
from cobranca.reports import wording


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Maria Silva", "Maria Silva"),
        ("MARIA SILVA 52998224725", "MARIA SILVA"),
        ("52.998.224 MARIA SILVA", "52.998.224 MARIA SILVA"),
        ("João - 529.982.247-25", "João"),
        ("Loja 11.222.333/0001-81 Ltda", "Loja Ltda"),
        ("Loja 12ABC34501DE35", "Loja"),
        ("Ana ana@example.com", "Ana"),
        ("Papelaria 2000 S.A.", "Papelaria 2000 S.A."),
        ("52998224725", "(sem nome)"),
        ("", "(sem nome)"),
        (None, "(sem nome)"),
    ],
)
def test_a_name_is_shown_without_tax_id_and_address(name, shown):
    assert wording.person(name) == shown


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        ("73.71", 1, "73,7"),
        ("0.05", 1, "0,1"),
        ("-0.05", 1, "-0,1"),
        ("1234567.5", 0, "1.234.568"),
        ("2.345", 2, "2,35"),
    ],
)
def test_numbers_round_half_away_from_zero(value, places, shown):
    assert wording.number(Decimal(value), places) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("999.49", "R$\u00a0999"), ("1000", "R$\u00a01,0\u00a0mil"),
        ("340250", "R$\u00a0340\u00a0mil"),
        ("1250000", "R$\u00a01,3\u00a0mi"), ("0", "R$\u00a00"),
    ],
)  # fmt: skip
def test_amounts_in_plots_are_short(value, shown):
    assert wording.short_money(Decimal(value), "BRL") == shown


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_an_amount_can_be_read_back(value):
    assert parse_money(wording.amount(value)) == value


def test_months_and_shares():
    assert wording.month(date(2026, 2, 1)) == "fev/2026"
    assert wording.percent(Decimal("0.087")) == "8,7\u00a0%"
    assert wording.percent(None) == "–"


def test_an_unknown_reason_is_still_readable():
    assert labels.reason("hold_some_new_thing") == "Some new thing"
