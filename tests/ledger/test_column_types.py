"""Column types and SQL functions that are alike on both databases: the clock, exact money."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from cobranca.ledger.column_types import (
    Exact,
    Keys,
    insert_into,
    one_of,
    rows_from_json,
    rows_to_json,
    utc_now,
)
from cobranca.ledger.tables import (
    contact_items,
    contacts,
)
from ledger.contact_rows import contact

LARGEST = Decimal("9999999999999999.99")


def test_utc_now_is_the_clock_of_the_database_plus_seconds(engine):
    with engine.connect() as connection:
        now, later = connection.execute(sa.select(utc_now(), utc_now(90))).one()
    assert timedelta(seconds=89) < later - now < timedelta(seconds=91)
    assert abs(datetime.now(UTC).replace(tzinfo=None) - now) < timedelta(minutes=1)


def test_money_is_exact_and_a_float_is_refused(engine):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact())
        amounts = {"open_amount": LARGEST, "amount_due": Decimal("0.10")}
        connection.execute(
            contact_items.insert(),
            {"message_key": "m1", "receivable_key": "r", "currency": "BRL", **amounts},
        )
        row = connection.execute(sa.select(contact_items)).one()
        assert (row.open_amount, row.amount_due) == (
            LARGEST,
            Decimal("0.10"),
        )
    with pytest.raises(sa.exc.StatementError), engine.begin() as connection:
        connection.execute(contact_items.update().values(open_amount=0.1))


@pytest.fixture
def prices(engine) -> sa.Table:
    """A table with amounts of two digits after the comma, which may be missing."""
    prices = sa.Table(
        "prices",
        sa.MetaData(),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("amount", Exact(18, 2)),
        sa.Column("day", sa.Date),
    )
    prices.create(engine)
    return prices


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (Decimal("0.10"), "0.10"),
        (7, "7.00"),
        ("12.5", "12.50"),
        (LARGEST, "9999999999999999.99"),
        (-LARGEST, "-9999999999999999.99"),
        (None, None),
    ],
)
def test_an_amount_is_kept_with_two_digits_however_it_is_given(engine, prices, given, kept):
    with engine.begin() as connection:
        connection.execute(prices.insert(), {"name": "a", "amount": given})
        found = connection.scalar(sa.select(prices.c.amount))
        compared = prices.c.amount == (None if kept is None else Decimal(kept))
        assert connection.scalar(sa.select(prices.c.name).where(compared)) == "a"
    assert (None if found is None else str(found)) == kept


def test_a_table_of_money_has_exact_columns_on_a_server_and_text_in_a_file(engine, prices):
    """Text in a file, because SQLite would keep an amount as a float."""
    (column,) = (one for one in sa.inspect(engine).get_columns("prices") if one["name"] == "amount")
    if engine.dialect.name == "sqlite":
        assert isinstance(column["type"], sa.String)
    else:
        assert isinstance(column["type"], sa.Numeric)
        assert (column["type"].precision, column["type"].scale) == (18, 2)


@pytest.mark.parametrize("amount", [0.1, 1.0, b"1"])
def test_what_is_no_exact_number_is_no_amount(engine, amount):
    with pytest.raises(ValueError, match="money must not be a float"):
        Exact(18, 2).process_bind_param(amount, engine.dialect)


@pytest.mark.parametrize("keys", [[], ["m1"], ("m1", "m3", "m1"), {"m2", "no such key"}])
def test_a_condition_names_any_number_of_keys_as_one_parameter(engine, keys):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), [contact(number) for number in (1, 2, 3)])
        query = sa.select(contacts.c.message_key).where(one_of(contacts.c.message_key, keys))
        assert set(connection.scalars(query)) == set(keys) & {"m1", "m2", "m3"}
        others = sa.select(contacts.c.message_key).where(~one_of(contacts.c.message_key, keys))
        assert set(connection.scalars(others)) == {"m1", "m2", "m3"} - set(keys)
        two = sa.and_(query.whereclause, one_of(contacts.c.customer_key, ["C1", "C2"]))
        found = connection.scalars(sa.select(contacts.c.message_key).where(two))
        assert set(found) == set(keys) & {"m1", "m2"}


def test_no_keys_at_all_are_null(engine):
    assert Keys().process_bind_param(None, engine.dialect) is None


def test_a_statement_with_keys_is_compiled_once_for_any_number_of_them(engine):
    """The condition stays as it is, without a comparison that would hide the index."""
    texts = {
        str(
            sa.select(contacts.c.message_key)
            .where(one_of(contacts.c.message_key, keys))
            .compile(engine)
        )
        for keys in ([], ["m1"], ["m1", "m2"])
    }
    assert len(texts) == 1 and not texts.pop().rstrip().endswith("1")


def test_rows_travel_as_one_parameter_with_their_types(engine, prices):
    rows = [
        ("a 'quoted' name", Decimal("0.10"), date(2026, 11, 18)),
        ("with ü and €", LARGEST, None),
        ("without", None, date(1900, 1, 1)),
    ]
    columns = tuple(prices.columns)
    with engine.begin() as connection:
        given = rows_from_json(connection.dialect.name, "rows", columns)
        assert given.name == "rows" and given.columns.keys() == ["name", "amount", "day"]
        insert = prices.insert().from_select(given.columns.keys(), sa.select(given))
        connection.execute(insert, {"rows": rows_to_json(connection.dialect, columns, rows)})
        connection.execute(insert, {"rows": rows_to_json(connection.dialect, columns, [])})
        found = connection.execute(sa.select(prices).order_by(prices.c.name)).all()
        total = connection.scalar(
            sa.select(sa.func.count()).where(prices.c.amount == Decimal("0.10"))
        )
    assert [tuple(row) for row in found] == sorted(rows) and total == 1


def test_no_float_travels_as_money(engine, prices):
    columns = (prices.c.amount,)
    assert rows_to_json(engine.dialect, columns, [[7], [None]]) == '[["7.00"], [null]]'
    with pytest.raises(ValueError, match="money must not be a float"):
        rows_to_json(engine.dialect, columns, [[0.1]])


def test_a_text_travels_uncut_whatever_the_length_of_its_column(engine):
    """A text that is too long is then an error where it is inserted."""
    short = (sa.Column("name", sa.String(3)),)
    with engine.connect() as connection:
        given = rows_from_json(connection.dialect.name, "rows", short)
        rows = rows_to_json(connection.dialect, short, [["four"]])
        assert connection.scalar(sa.select(given.c.name), {"rows": rows}) == "four"


def test_an_insert_skips_or_replaces_what_is_there_already(engine, prices):
    key, found = [prices.c.name], []
    with engine.begin() as connection:
        for amount in (Decimal("1.00"), Decimal("2.00")):
            insert = insert_into(connection, prices).values(name="a", amount=amount)
            once = insert.on_conflict_do_nothing(index_elements=key).returning(*key)
            found.append(connection.scalars(once).all())
        assert found == [["a"], []]
        replacing = insert.on_conflict_do_update(index_elements=key, set_={"amount": 3})
        connection.execute(replacing)
        assert connection.scalar(sa.select(prices.c.amount)) == 3
