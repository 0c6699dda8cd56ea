"""Whole columns are cleaned like single values."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from cobranca import contact_data, schema
from cobranca.sources.cleaning import vectorized
from cobranca.sources.cleaning.cleaner import Cleaner
from cobranca.sources.drivers.arrow_columns import BulkColumn, BulkTable
from seeds import few_or_many

TYPICAL = [
    "", " ", "0", "1", "t", "f", "S", "não", "17", "17.00", "-5", "0.02", "10.005", "1.234,56",
    "R$ 5,00", "NaN", "Infinity",
    "1e5", "2026-11-03", "20261103", "2026-11-03 10:00:00", "2026-11-03 10:00:00-03",
    "2026-11-03T10:00:00.5Z", "0000-00-00",
    "infinity", "2026-02-30", "BRL", "usd ", "open", " CANCELLED", "reversal", "João", "Joa\u0303o",
    "a\tb", "\u00a0x\u00a0",
    "999999999999999999", "9999999999999999.99", "12345678901234567890", "ana@exemplo.com.br",
    "ANA@EXEMPLO.COM", "x@teste.test",
    "a..b@c.com", "(11) 98888-7777", "11 3333-4444", "0800 123 4567", "529.982.247-25",
    "11.222.333/0001-81", "111.111.111-11",
    "12ABC34501DE35", "k" * schema.LONGEST_ID, "ç" * (schema.LONGEST_ID + 1),
]  # fmt: skip


VALUES = {
    "text": st.one_of(
        st.none(), st.sampled_from(TYPICAL), st.text(st.characters(codec="utf-8"), max_size=9)
    ),
    "whole": st.one_of(
        st.none(),
        st.integers(-(10**19), 10**19),
        st.integers(0, 3),
        st.integers(19_000_101, 20_991_231),
    ).map(lambda value: None if value is None else str(value)),
    "decimal": st.one_of(
        st.sampled_from(
            [
                None,
                "NaN",
                "0.00",
                "-0.00",
                "17.00",
                "17.50",
                "0.020000",
                "10.005",
                "9" * 30 + ".99",
                "9" * 130,
            ]
        ),
        st.decimals(-1000, 1000, places=2, allow_nan=False).map(lambda value: f"{value:f}"),
    ),
    "float": st.one_of(
        st.none(),
        st.sampled_from(["NaN", "Infinity", "0.1", "1e+20", "0.30000000000000004", "5", "-7.25"]),
    ),
    "flag": st.sampled_from([None, "t", "f"]),
}


# What comes in a type of its own: kind, type, and its numbers. Some dates and times are of years
# that Python does not know.
NATIVE = {
    "native whole": (
        "whole",
        pa.int64(),
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 3)),
    ),
    "native flag": ("flag", pa.bool_(), st.one_of(st.none(), st.integers(0, 1))),
    "native date": (
        "text",
        schema.DATE,
        st.one_of(st.none(), st.integers(-900_000, 3_000_000), st.integers(15_000, 22_000)),
    ),
    "native time": (
        "text",
        schema.TIME,
        st.one_of(
            st.none(),
            st.integers(-(10**17), 3 * 10**17),
            st.integers(0, 2 * 10**9).map(lambda second: second * 10**6),
        ),
    ),
}


@given(st.data())
@hypothesis(max_examples=few_or_many(60, 1000))
def test_whole_columns_are_cleaned_like_single_values(data: st.DataObject):
    entity = data.draw(st.sampled_from(sorted(schema.ENTITIES)))
    names = [name for name in schema.ENTITIES[entity].names if name not in schema.OURS]
    rows = data.draw(st.integers(1, 6))
    drawn = {name: data.draw(st.sampled_from(["text", "text", *VALUES, *NATIVE])) for name in names}
    kinds = {name: NATIVE[kind][0] if kind in NATIVE else kind for name, kind in drawn.items()}
    columns = {}
    for name, kind in drawn.items():
        type_, values = NATIVE[kind][1:] if kind in NATIVE else (pa.string(), VALUES[kind])
        found = pa.array(
            data.draw(st.lists(values, min_size=rows, max_size=rows)),
            pa.int64() if kind in NATIVE else type_,
        )
        columns[name] = (
            found.cast(pa.int32()).cast(type_) if type_ == schema.DATE else found.cast(type_)
        )
    cents = ("amount",) if entity != "customers" and data.draw(st.booleans()) else ()
    quickly, slowly = (Cleaner("erp", entity, names, cents) for _ in range(2))
    table = BulkTable(kinds, pa.table(columns))
    values = [BulkColumn(kind, columns[name]).values() for name, kind in kinds.items()]
    fast, slow = quickly.clean(table), slowly.clean(list(zip(*values, strict=True)))
    assert fast.rows.equals(slow.rows) and fast.quarantine.equals(slow.quarantine)
    assert (quickly.notes, quickly.groups, quickly.repairs) == (
        slowly.notes,
        slowly.groups,
        slowly.repairs,
    )
    assert (quickly.amount_read, quickly.adds_exactly) == (slowly.amount_read, slowly.adds_exactly)


DIGITS = st.text("0123456789", min_size=8, max_size=14)


PHONES = st.one_of(
    st.from_regex(vectorized._BRAZILIAN_PHONE, fullmatch=True),
    st.builds(lambda area, rest: f"({area}) {rest}", st.integers(10, 99), DIGITS),
    DIGITS,
    st.sampled_from(TYPICAL),
)


BOXES = st.text("abz09_+.-AÇ", min_size=1, max_size=12)


DOMAINS = st.sampled_from(
    [
        "empresa.com.br",
        "EMPRESA.com",
        "x.test",
        "a-b.com",
        "a..com",
        "-a.com",
        "localhost",
        "xn--80ak6aa92e.com",
        "é.com",
        "b.c",
    ]
)


EMAILS = st.one_of(st.builds("{}@{}".format, BOXES, DOMAINS), st.sampled_from(TYPICAL))


TAX_IDS = st.one_of(
    st.from_regex(r"[0-9A-Z]{12}[0-9]{2}|\d{11}|\d{3}\.\d{3}\.\d{3}-\d\d", fullmatch=True),
    DIGITS,
    st.sampled_from(TYPICAL),
)


@pytest.mark.parametrize(
    ("sure", "rule", "texts"),
    [
        (vectorized.phones, contact_data.first_phone, PHONES),
        (
            lambda array: vectorized.emails(array, contact_data.first_email),
            contact_data.first_email,
            EMAILS,
        ),
        (vectorized.tax_ids, contact_data.tax_id, TAX_IDS),
    ],
    ids=["phones", "emails", "tax ids"],
)
@pytest.mark.usefixtures("run_seed")
def test_what_is_answered_at_once_is_what_the_rule_says(sure, rule, texts):
    @given(st.lists(texts, min_size=1, max_size=20))
    @hypothesis(max_examples=few_or_many(60, 1000))
    def agree(values: list[str]):
        for value, answer in zip(
            values, sure(pa.array(values, pa.string())).to_pylist(), strict=True
        ):
            assert answer is None or answer == rule(value), value

    agree()


def test_plain_people_are_answered_at_once():
    """Else a million customers would take minutes."""
    assert vectorized.phones(pa.array(["(11) 98888-7777", "1133334444"])).to_pylist() == [
        "+5511988887777",
        "+551133334444",
    ]
    assert vectorized.emails(
        pa.array(["a.b@empresa.com.br"]), contact_data.first_email
    ).to_pylist() == ["a.b@empresa.com.br"]
    typed = pa.array(["529.982.247-25", "11.222.333/0001-81", "12ABC34501DE35"])
    assert vectorized.tax_ids(typed).to_pylist() == [
        "52998224725", "11222333000181", "12ABC34501DE35",
    ]  # fmt: skip
    assert vectorized.money(BulkColumn("decimal", pa.array(["10.50"])), False).to_pylist() == [
        Decimal("10.50")
    ]


@pytest.mark.parametrize("zeros", [101, 130, 400])
def test_a_number_that_arrow_would_read_as_another_is_left_to_the_rules(zeros: int):
    assert vectorized.money(BulkColumn("decimal", pa.array(["1" + "0" * zeros])), False) is None
