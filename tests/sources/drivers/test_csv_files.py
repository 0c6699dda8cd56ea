"""Numbers of CSV files: read by the decimal sign that the source's file names, or not at all."""

from decimal import Decimal

import pytest

from cobranca.sources.cleaning.values import UnreadableValue, money_of
from cobranca.sources.drivers.csv_files import cell_readers
from cobranca.sources.mapping.model import Csv


@pytest.mark.parametrize(
    ("sign", "text", "number"),
    [
        (",", "1.234,56", Decimal("1234.56")),
        (",", "1.000", Decimal(1000)),
        (",", "1.234.567,8", Decimal("1234567.8")),
        (",", "R$ 10,00", Decimal(10)),
        (",", "-R$ 5,00", Decimal(-5)),
        (",", "R$ -5,00", Decimal(-5)),
        (",", "-R$ -5,00", None),
        (",", "10.50", None),
        (",", "1.23", None),
        (",", "1,234.56", None),
        (".", "1,234.56", Decimal("1234.56")),
        (".", "10.50", Decimal("10.5")),
        (".", "10,50", None),
    ],
)
def test_a_number_is_read_by_its_decimal_sign(sign, text, number):
    read = cell_readers("payments", ["amount"], Csv(decimal=sign))[0]
    if number is not None:
        assert read(text) == number
        return
    with pytest.raises(UnreadableValue):
        money_of(read(text), in_cents=False)
