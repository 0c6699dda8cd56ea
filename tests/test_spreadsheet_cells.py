"""Cells of CSV files: Brazilian numbers and days, and no formula."""

from datetime import date
from decimal import Decimal

import pytest

from cobranca.spreadsheet_cells import cell


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (Decimal("1234567.5"), "1.234.567,50"),
        (Decimal("-0.01"), "-0,01"),
        (date(2026, 2, 1), "01/02/2026"),
        (3, "3"),
        ("  NF-1\n de\tJoão ", "NF-1 de João"),
        ("=1+1", "'=1+1"),
        ("+55", "'+55"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("'=1", "'=1"),
    ],
)
def test_a_cell_is_read_as_it_is_written(value, text):
    assert cell(value) == text
