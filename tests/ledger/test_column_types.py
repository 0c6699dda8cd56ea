"""Column types and SQL functions that are alike on both databases: the clock, exact money."""

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from cobranca.ledger.column_types import utc_now
from cobranca.ledger.tables import (
    contact_items,
    contacts,
)
from ledger.contact_rows import contact


def test_utc_now_is_the_clock_of_the_database_plus_seconds(engine):
    with engine.connect() as connection:
        now, later = connection.execute(sa.select(utc_now(), utc_now(90))).one()
    assert timedelta(seconds=89) < later - now < timedelta(seconds=91)


def test_money_is_exact_and_a_float_is_refused(engine):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact())
        amounts = {"open_amount": Decimal("9999999999999999.99"), "amount_due": Decimal("0.10")}
        connection.execute(
            contact_items.insert(),
            {"message_key": "m1", "receivable_key": "r", "currency": "BRL", **amounts},
        )
        row = connection.execute(sa.select(contact_items)).one()
        assert (row.open_amount, row.amount_due) == (
            Decimal("9999999999999999.99"),
            Decimal("0.10"),
        )
    with pytest.raises(sa.exc.StatementError), engine.begin() as connection:
        connection.execute(contact_items.update().values(open_amount=0.1))
