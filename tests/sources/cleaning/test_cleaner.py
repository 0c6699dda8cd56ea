"""Values of every shape become the canonical columns exactly, or are refused with a reason."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca import schema
from cobranca.errors import SourceError
from cobranca.ledger.tables import metadata
from cobranca.sources.cleaning.cleaner import Cleaner
from cobranca.sources.cleaning.columns import dates
from cobranca.sources.cleaning.query_columns import checked_columns
from cobranca.sources.drivers.arrow_columns import BulkTable
from sources.cleaning.drawn_rows import COLUMNS, DrawnRow, drawn_rows

RECEIVABLE = {
    "receivable_id": "1",
    "customer_id": "C1",
    "due_date": date(2026, 11, 3),
    "amount": Decimal("10.00"),
}
PAYMENT = {
    "payment_id": "1",
    "receivable_id": "1",
    "paid_on": date(2026, 11, 3),
    "amount": Decimal("10.00"),
}
CUSTOMER = {"customer_id": "C1", "name": "Ana"}
BASE = {"customers": CUSTOMER, "receivables": RECEIVABLE, "payments": PAYMENT}


def clean(entity: str, *changes: dict, cents: tuple = ()):
    names = list(BASE[entity]) + [name for name in changes[0] if name not in BASE[entity]]
    cleaner = Cleaner("erp", entity, names, cents)
    cleaned = cleaner.clean(
        [[(BASE[entity] | change).get(name) for name in names] for change in changes]
    )
    return cleaner, cleaned.rows.to_pylist(), cleaned.quarantine.to_pylist()


def one(entity: str, column: str, value, cents: tuple = ()):
    """The canonical value, or the reason why the row was refused."""
    _, rows, refused = clean(entity, {column: value}, cents=cents)
    assert len(rows) + len(refused) == 1
    return rows[0][column] if rows else refused[0]["reason"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1234.56"), Decimal("1234.56")),
        (Decimal("10.5000"), Decimal("10.50")),
        (Decimal("9999999999999999.99"), Decimal("9999999999999999.99")),
        (Decimal("10000000000000000.00"), "too_large"),
        (Decimal("1E+400"), "too_large"),
        (Decimal("10.005"), "too_many_decimals"),
        (Decimal("NaN"), "not_finite"),
        (Decimal("-Infinity"), "not_finite"),
        (Decimal(0), "not_positive"),
        (Decimal("-5.00"), "not_positive"),
        (7, Decimal("7.00")),
        (0.1, Decimal("0.10")),
        (1234.56, Decimal("1234.56")),
        (0.1 + 0.2, "too_many_decimals"),
        (math.nan, "not_finite"),
        (math.inf, "not_finite"),
        ("1234.56", Decimal("1234.56")),
        ("1.234,56", Decimal("1234.56")),
        ("9.999.999.999.999.999,99", Decimal("9999999999999999.99")),
        ("10.000.000.000.000.000,00", "too_large"),
        (" R$ 1.234,56 ", Decimal("1234.56")),
        ("12a34", "unreadable"),
        ("1e5", "unreadable"),
        ("1,234.56", "unreadable"),
        ("NaN", "not_finite"),
        ("", "missing"),
        (None, "missing"),
        (True, "unreadable"),
    ],
)
def test_money(value, expected):
    assert one("receivables", "amount", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12345, Decimal("123.45")),
        (999_999_999_999_999_999, Decimal("9999999999999999.99")),
        (10**18, "too_large"),
        (10**30, "too_large"),
        (Decimal(12345), Decimal("123.45")),
        (Decimal("12345.5"), "not_whole_cents"),
        ("12345", Decimal("123.45")),
        (None, "missing"),
        (0, "not_positive"),
    ],
)
def test_whole_cents(value, expected):
    assert one("receivables", "amount", value, cents=("amount",)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2026, 11, 3), date(2026, 11, 3)),
        (datetime(2026, 11, 3, 23, 59), date(2026, 11, 3)),
        ("2026-11-03", date(2026, 11, 3)),
        ("2026-11-03 00:00:00", date(2026, 11, 3)),
        ("2026-11-03T10:00:00-03:00", date(2026, 11, 3)),
        ("20261103", date(2026, 11, 3)),
        (" 20261103 ", date(2026, 11, 3)),
        (20261103, date(2026, 11, 3)),
        ("20261345", "unreadable"),
        ("2026-02-30", "unreadable"),
        ("31/02/2026", "unreadable"),
        ("A DEFINIR", "unreadable"),
        ("20226-01-15", "unreadable"),
        ("infinity", "unreadable"),
        ("0000-00-00", "missing"),
        ("00000000", "missing"),
        ("", "missing"),
        (date(1999, 12, 31), "out_of_range"),
        (date(2000, 1, 1), date(2000, 1, 1)),
        (date(2079, 1, 1), "out_of_range"),
        (date(2078, 12, 31), date(2078, 12, 31)),
    ],
)
def test_dates(value, expected):
    assert one("receivables", "due_date", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 11, 3, 10), datetime(2026, 11, 3, 10)),
        (
            datetime(2026, 11, 3, 10, tzinfo=timezone(timedelta(hours=-3))),
            datetime(2026, 11, 3, 13),
        ),
        ("2026-11-03 10:00:00.5+00", datetime(2026, 11, 3, 10, 0, 0, 500_000)),
        ("2026-11-03T10:00:00-03:00", datetime(2026, 11, 3, 13)),
        (date(2026, 11, 3), datetime(2026, 11, 3)),
        ("0000-00-00 00:00:00", None),
        ("infinity", None),
        ("yesterday", None),
        (datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 3)),
    ],
)
def test_times(value, expected):
    assert one("receivables", "updated_at", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), (1, True), (0, False), ("S", True), ("n", False), ("não", False),
        ("TRUE", True),
     (b"\x01", True), (b"\x00", False), (None, False), ("", False), (Decimal(1), True),
     ("talvez", True)],
)  # fmt: skip
def test_flags_fail_towards_leaving_people_alone(value, expected):
    assert one("customers", "legal_hold", value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(Decimal("0.02"), Decimal("0.020000")), (Decimal("0.0003333333"), Decimal("0.000333")),
        (0.01, Decimal("0.010000")),
     ("0,02", Decimal("0.020000")), (2, None), (1, None),
        (Decimal("0.999999"), Decimal("0.999999")),
     (Decimal("-0.01"), None), ("dois", None),
     (None, None), ("2%", Decimal("0.020000")), (" 2,5 % ", Decimal("0.025000")), ("100 %", None)],
)  # fmt: skip
def test_rates_are_fractions_or_nothing(value, expected):
    assert one("receivables", "fine_rate", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, Decimal("0.020000")),
        ("0,033", Decimal("0.000330")),
        ("2 %", Decimal("0.020000")),
        (Decimal("99.99999"), Decimal("1.000000")),
        (100, None),
        (-1, None),
        (None, None),
    ],
)
def test_rates_in_per_cent_land_as_fractions(value, expected):
    assert one("receivables", "fine_rate", value, cents=("fine_rate",)) == expected


@pytest.mark.parametrize(
    ("hundredths", "expected"),
    [((), [None, "0.020000"]), (("fine_rate",), ["0.020000", "0.000200"])],
)
def test_rates_of_arrows_own_type_are_read_like_any_other(hundredths, expected):
    rates = pa.array([Decimal(2), Decimal("0.02")], schema.RATE)
    columns = {name: pa.array([str(value)] * 2) for name, value in RECEIVABLE.items()}
    kinds = dict.fromkeys(columns, "text") | {"fine_rate": "decimal"}
    cleaner = Cleaner("erp", "receivables", list(kinds), hundredths)
    rows = cleaner.clean(BulkTable(kinds, pa.table(columns | {"fine_rate": rates}))).rows
    landed = rows["fine_rate"].to_pylist()
    assert landed == [None if rate is None else Decimal(rate) for rate in expected]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"fine_rate": 2, "monthly_interest_rate": "0.01"}, "fine_rate"),
        ({"fine_rate": "0.02", "monthly_interest_rate": "um"}, "monthly_interest_rate"),
        ({"fine_rate": -1, "monthly_interest_rate": 1}, "fine_rate,monthly_interest_rate"),
        ({"fine_rate": None, "monthly_interest_rate": ""}, None),
    ],
)
def test_a_receivable_names_the_rates_that_could_not_be_used(changes, refused):
    _, rows, _ = clean("receivables", {"fine_rate": "0.02"} | changes, RECEIVABLE)
    assert [row["refused_rates"] for row in rows] == [refused, None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("  C1 ", "C1"), (17, "17"), (Decimal("17.00"), "17"), (17.0, "17"), (100, "100"),
        (Decimal("1E+2"), "100"), ("", "missing"),
     (None, "missing"), ("\u00a0", "missing"), (b"C1", "C1"), ("C\x001", "C 1"), ("\ud800", "?")],
)  # fmt: skip
def test_keys(value, expected):
    assert one("customers", "customer_id", value) == expected


@pytest.mark.parametrize(
    ("entity", "column", "value", "expected"),
    [
        ("receivables", "currency", "usd", "USD"),
        ("receivables", "currency", None, "BRL"),
        ("receivables", "currency", "R$", "unknown_currency"),
        ("receivables", "status", " OPEN ", "open"),
        ("receivables", "status", None, "open"),
        ("receivables", "status", "X", "unknown_status"),
        ("payments", "kind", "bonus", "unknown_kind"),
        ("payments", "kind", "", "payment"),
        ("customers", "contract_type", "business", "business"),
        ("customers", "contract_type", "other", "consumer"),
        ("customers", "name", "Joa\u0303o", "João"),
        ("customers", "name", "  ", "missing"),
        ("customers", "state", " sp", "SP"),
        ("customers", "state", "São Paulo", None),
        ("customers", "phone", "sem\n(11) 98888-7777", "+5511988887777"),
        ("receivables", "issue_date", date(2026, 11, 4), None),
        ("receivables", "issue_date", date(2026, 11, 3), date(2026, 11, 3)),
        ("receivables", "issue_date", "2026-99-99", None),
        ("receivables", "issue_date", date(1900, 1, 1), None),
        ("receivables", "open_amount", Decimal("NaN"), "not_finite"),
        ("receivables", "open_amount", Decimal(-1), "negative"),
        ("receivables", "open_amount", Decimal(0), Decimal("0.00")),
    ],
)
def test_codes_and_optional_values(entity: str, column: str, value, expected):
    assert one(entity, column, value) == expected


@pytest.mark.parametrize(
    ("entity", "column"),
    [
        (entity, name)
        for entity, names in schema.REQUIRED.items()
        for name in names
        if name.endswith("_id")
    ],
)
@pytest.mark.parametrize("sign", ["9", "ç"])
def test_a_key_that_the_ledger_cannot_keep_is_put_aside(entity: str, column: str, sign: str):
    longest = sign * schema.LONGEST_ID
    _, rows, refused = clean(
        entity, {column: f" {longest} "}, {column: longest + sign}, {column: sign * 100_000}
    )
    assert [row[column] for row in rows] == [longest]
    assert [(row["column_name"], row["reason"]) for row in refused] == [(column, "too_long")] * 2


def test_the_ledger_has_room_for_the_longest_keys():
    room = {
        "source": schema.LONGEST_SOURCE,
        "customer_id": schema.LONGEST_ID,
        "receivable_key": schema.LONGEST_SOURCE + 1 + schema.LONGEST_ID,
        "episode_key": schema.LONGEST_SOURCE + 1 + schema.LONGEST_ID,
    }
    columns = [
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name in room
    ]
    assert {column.name for column in columns} == set(room)
    assert [str(column) for column in columns if column.type.length < room[column.name]] == []


def test_what_becomes_null_is_counted():
    cleaner, rows, refused = clean(
        "customers",
        {"tax_id": "111.111.111-11", "email": "x", "phone": "0800 123 4567"},
        {"tax_id": "529.982.247-25"},
    )
    assert not refused and [row["tax_id"] for row in rows] == [None, "52998224725"]
    assert cleaner.notes == {"tax_id invalid": 1, "email invalid": 1, "phone invalid": 1}


def test_a_negative_reversal_lands_positive():
    _, rows, refused = clean(
        "payments", {"kind": "reversal", "amount": Decimal("-3.00")}, {"amount": Decimal("-3.00")}
    )
    assert [row["amount"] for row in rows] == [Decimal("3.00")]
    assert [row["reason"] for row in refused] == ["not_positive"]


def test_quarantine_keeps_key_and_amount_but_never_the_value():
    _, _, refused = clean("receivables", {"due_date": "529.982.247-25", "currency": "USD"})
    assert refused == [
        {"source": "erp", "entity": "receivables", "record_key": "1", "column_name": "due_date",
            "reason": "unreadable",
         "amount": Decimal("10.00"), "currency": "USD"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            ["receivable_id", "customer_id", "due_date", "amount", "valor"],
            "unknown column 'valor'; rename it",
        ),
        (
            ["receivable_id", "customer_id", "due_date"],
            "required column 'amount' is missing; have the query return it",
        ),
        (
            ["receivable_id", "customer_id", "due_date", "amount", "amount"],
            "column 'amount' comes twice; keep one",
        ),
        (
            ["receivable_id", "customer_id", "due_date", "amount", "source"],
            "unknown column 'source'",
        ),
    ],
)
def test_columns_are_checked(columns: list[str], words: str):
    with pytest.raises(SourceError, match=r"^source 'erp', receivables: ") as error:
        checked_columns("erp", "receivables", columns)
    assert words in str(error.value)


@given(st.lists(drawn_rows(), max_size=8))
def test_every_row_lands_or_is_quarantined_and_no_cent_changes(rows: list[DrawnRow]):
    cleaner = Cleaner("erp", "receivables", COLUMNS)
    cleaned = cleaner.clean([row.raw for row in rows])
    assert [{name: row[name] for name in COLUMNS} for row in cleaned.rows.to_pylist()] == [
        row.meant for row in rows if row.meant
    ]
    refused = cleaned.quarantine.to_pylist()
    assert [(row["column_name"], row["reason"]) for row in refused] == [
        row.refusal for row in rows if row.refusal
    ]
    assert cleaner.rows_read == len(rows)
    assert cleaner.amount_read == sum(row.number for row in rows)
    assert sum(group.amount for group in cleaner.groups.values()) == cleaner.amount_read
    assert sum(group.rows for group in cleaner.groups.values()) == len(rows)
    assert cleaned.rows.schema == schema.ENTITIES["receivables"]
    assert cleaned.quarantine.schema == schema.QUARANTINE


ANYTHING = st.one_of(
    st.none(),
    st.integers(),
    st.decimals(),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.text(max_size=10),
    st.binary(max_size=4),
)


@given(st.lists(st.tuples(*[ANYTHING] * len(COLUMNS)), max_size=12))
def test_whatever_a_database_returns_lands_or_is_quarantined(rows: list[tuple]):
    cleaner = Cleaner("erp", "receivables", COLUMNS)
    cleaned = cleaner.clean(rows)
    assert cleaned.rows.num_rows + cleaned.quarantine.num_rows == cleaner.rows_read == len(rows)
    assert all(
        row["amount"] > 0 and row["receivable_id"] and row["due_date"]
        for row in cleaned.rows.to_pylist()
    )


@given(
    st.lists(
        st.decimals(
            places=2,
            min_value=Decimal("-9999999999999999.99"),
            max_value=Decimal("9999999999999999.99"),
        )
    )
)
def test_money_in_is_money_out(amounts: list[Decimal]):
    cleaner = Cleaner("erp", "receivables", ("receivable_id", "amount", "due_date", "customer_id"))
    cleaned = cleaner.clean(
        [(str(n), amount, date(2026, 1, 1), "C1") for n, amount in enumerate(amounts)]
    )
    out = [
        row["amount"] for table in (cleaned.rows, cleaned.quarantine) for row in table.to_pylist()
    ]
    assert sum(out) == sum(amounts) == cleaner.amount_read
    assert cleaner.amount_exact and cleaner.amount_finite


@given(st.lists(st.integers(-(10**18) + 1, 10**18 - 1)))
def test_cents_in_are_cents_out(amounts: list[int]):
    cleaner = Cleaner(
        "erp", "receivables", ("receivable_id", "amount", "due_date", "customer_id"), ("amount",)
    )
    cleaned = cleaner.clean(
        [(str(n), amount, date(2026, 1, 1), "C1") for n, amount in enumerate(amounts)]
    )
    out = [
        row["amount"] for table in (cleaned.rows, cleaned.quarantine) for row in table.to_pylist()
    ]
    assert sum(out) * 100 == sum(amounts) == cleaner.amount_read * 100


def test_an_empty_chunk_has_the_right_columns():
    cleaned = Cleaner("erp", "payments", ("payment_id",)).clean([])
    assert cleaned.rows.schema == schema.ENTITIES["payments"] and isinstance(cleaned.rows, pa.Table)


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2026-11-18 02:30:00+00", date(2026, 11, 17)),
        ("2026-11-18T03:30:00Z", date(2026, 11, 18)),
        ("2026-11-17 23:30:00-03", date(2026, 11, 17)),
        ("2026-11-18 11:30:00+09:00", date(2026, 11, 17)),
        ("2026-11-17T22:30:00.123-0400", date(2026, 11, 17)),
        ("2026-11-17 23:30:00", date(2026, 11, 17)),
        (datetime(2026, 11, 18, 2, 30, tzinfo=UTC), date(2026, 11, 17)),
        (datetime(2026, 11, 18, 2, 30), date(2026, 11, 18)),
    ],
)  # fmt: skip
def test_a_time_with_a_zone_is_of_sao_paulos_day(value, day: date):
    assert dates([value, None]).values.to_pylist() == [day, None]
    assert dates([value, "20261118", None]).values.to_pylist() == [day, date(2026, 11, 18), None]
