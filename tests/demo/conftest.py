"""The history of the demo company and its rows of one night."""

import numpy as np
import pytest

from cobranca.demo import fill_sources
from cobranca.demo.company_history import History, make_history
from cobranca.demo.history_tables import day_number
from demo.books import NIGHT, rows_on


@pytest.fixture(scope="session")
def books() -> History:
    return make_history(fill_sources.SEED, fill_sources.PAYERS)


@pytest.fixture(scope="session")
def small() -> History:
    return make_history(fill_sources.SEED, 400)


@pytest.fixture(scope="session")
def tonight(books) -> dict[str, list[tuple]]:
    return rows_on(books, NIGHT)


@pytest.fixture(scope="session")
def open_cents(books) -> np.ndarray:
    """Open amount of every title on the night, zero where it is closed or unknown."""
    titles, day = books.titles, day_number(NIGHT)
    left = fill_sources._open_cents(books, day)
    gone = (
        (titles.cancelled_on <= day)
        | (titles.written_off_on <= day)
        | (titles.agreed_on <= day)
        | (titles.issued_on > day)
    )
    return np.where(gone, 0, left)
