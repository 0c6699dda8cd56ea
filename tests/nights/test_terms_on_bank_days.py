"""The first night after Carnival: a promised day or an instalment on which no bank is open is that
of the next bank day.
"""

from datetime import date
from decimal import Decimal

import pytest

from nights.small_company import SmallCompany

pytestmark = pytest.mark.timeout(900)

# Banks are closed on 8 and 9 February 2027; this day is the first that takes money.
AFTER_CARNIVAL = date(2027, 2, 10)
SATURDAY = date(2027, 2, 6)


@pytest.fixture(scope="module")
def states(tmp_path_factory) -> dict[str, tuple]:
    """By promise or agreement: its state and what was paid on it."""
    company = SmallCompany(tmp_path_factory.mktemp("bank_days"), AFTER_CARNIVAL)
    company.payers("Ada", "Bia", "Caio", "Davi", "Eva", "Fred")
    for name in ("Ada", "Bia", "Davi", "Eva", "Fred"):
        company.owes(name, 1, "2027-01-04", "300.00", issue_date="2026-12-01")
    company.owes("Caio", 1, "2026-12-07", "300.00", issue_date="2026-11-01")
    for name in ("Ada", "Eva"):
        company.promised(name, date(2027, 2, 3), SATURDAY, "300.00")
    for name in ("Bia", "Fred"):
        company.agreed(name, date(2027, 1, 20), SATURDAY, "300.00", 3)
    company.pays("Ada1", "2027-02-10", "300.00")
    company.pays("Bia1", "2027-02-10", "100.00")
    # Christmas was a Friday
    company.promised("Caio", date(2026, 12, 21), date(2026, 12, 25), "300.00")
    company.pays("Caio1", "2026-12-28", "300.00")
    # a Monday, and two days of grace, before Carnival
    company.promised("Davi", date(2027, 1, 25), date(2027, 2, 1), "300.00")
    done = company.night_here(AFTER_CARNIVAL, "--until", "gate")
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        key: rest
        for table in ("promise", "agreement")
        for key, *rest in company.rows(
            AFTER_CARNIVAL, f"fct_{table}s", f"select {table}_id, state, paid_amount from {{}}"
        )
    }


@pytest.mark.parametrize(
    ("commitment", "state", "paid"),
    [
        pytest.param("pAda", "kept", "300", id="a promise paid on the first bank day"),
        pytest.param("pEva", "open", "0", id="a promise on the first bank day"),
        pytest.param("aBia", "open", "100", id="an instalment paid on the first bank day"),
        pytest.param("aFred", "open", "0", id="an instalment on the first bank day"),
        pytest.param("pCaio", "kept", "300", id="a promise for Christmas paid on Monday"),
        pytest.param("pDavi", "broken", "0", id="a promise whose days all were bank days"),
    ],
)
def test_a_term_ends_on_the_next_bank_day(states, commitment, state, paid):
    assert states[commitment] == [state, Decimal(paid)]
