"""A promised day or an instalment on which no bank is open is that of the next bank day."""

from decimal import Decimal

import pytest

from nights.installation import FIRST

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(
    ("commitment", "state", "paid"),
    [
        pytest.param("pRosa", "kept", 300, id="a promise paid on its last day"),
        pytest.param("pSara", "open", 0, id="a promise on its last day"),
        pytest.param("pTito", "kept", 300, id="a promise for a holiday paid on its last day"),
        pytest.param("pUgo", "broken", 0, id="a promise whose days all were bank days"),
        pytest.param("aVera", "open", 100, id="an instalment paid on its last day"),
        pytest.param("aWanda", "open", 0, id="an instalment on its last day"),
    ],
)
def test_a_term_ends_on_the_next_bank_day(company, commitment, state, paid):
    table = {"p": "promise", "a": "agreement"}[commitment[0]]
    query = f"select state, paid_amount from {{}} where {table}_id = '{commitment}'"
    assert company.rows(FIRST, f"fct_{table}s", query) == [(state, Decimal(paid))]
