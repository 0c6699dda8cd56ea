"""Every way of reading gives the same bytes: in bulk or row by row, whole columns or value by value."""

import os
from decimal import Decimal

import adbc_driver_manager
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from cobranca import landing, schema
from cobranca.errors import SourceError
from cobranca.settings import Settings
from cobranca.sources import bulk, engine, people, quick
from cobranca.sources.arrow_postgresql import PostgresReader
from cobranca.sources.bulk import BulkColumn, BulkTable
from cobranca.sources.clean import Cleaner
from cobranca.sources.mapping import get_mapping
from source_databases import CLIENT, SETTLEMENT, TITLE, D, MakeSource, everything_under, refused

SEEDS = int(os.environ.get("COBRANCA_SEEDS", "60"))

POSTGRES = [
    "alter table titulos alter valor type numeric, alter id type text",
    "alter table titulos alter contestado type text",
    "alter table titulos alter alterado_em type timestamptz, alter parcela type char(8)",
    "create type dinheiro as enum ('BRL', 'usd', 'xx')",
    "alter table titulos alter moeda drop default, alter moeda type dinheiro using moeda::dinheiro",
    "alter table baixas alter valor type double precision, alter titulo_id type varchar(20)",
    "alter table clientes alter cod_cliente type numeric(10, 2) using 7",
    "alter table titulos alter cod_cliente type numeric(12, 4) using 7",
    """insert into titulos (id, cod_cliente, numero, vencimento, emissao, valor, alterado_em, multa, contestado) values
        ('2', 7, 'a"b,c\\d''e', '20226-01-15', null, 10, null, 0.02, 'S'),
        ('3', 7, E'tab\\tline\\r\\nend', 'infinity', null, 10, null, null, ''),
        ('4', 7, '', '0044-03-15 BC', null, 10, 'infinity', 7, 'talvez'),
        ('5', 7, 'Ação Ção ñ €', '2026-11-03', '1900-01-01', 10.50000, '2026-01-01 23:59:59.123456-03', 0.0203333335, 'n'),
        (' 6 ', 7, E'Joa\\u0303o', '2026-11-03', null, 10.005, null, null, null),
        ('7', 7, '\\N', '2026-11-03', null, 9999999999999999.99, null, null, '1'),
        ('8', 7, ' x ', '2026-11-03', null, 12345678901234567890123456789012345678.9, null, null, '0'),
        ('9', 7, 'ß', '2026-11-03', null, 'NaN', null, null, 'x'),
        ('10', 7, null, '2026-11-03', null, -123456789012345678.12, null, null, null),
        ('', 7, null, '2026-11-03', null, 5, null, null, null),
        (repeat('ã', 151), 7, null, '2026-11-03', null, 5, null, null, null),
        (repeat('ã', 150), 7, null, '2026-11-03', null, 5, null, null, null),
        ('11', 8.5, null, '2026-11-03', null, null, null, null, null)""",
    "insert into baixas (id, titulo_id, data_pagamento, valor, tipo) values "
    "(2, '5', '2026-11-04', 0.1, 'PG'), (3, '5', '2026-11-04', 'NaN', 'PG'), (4, '5', '2026-11-04', 1e20, 'PG'), "
    "(5, '5', '2026-11-04', -7.25, 'ES'), (6, '5', '2026-11-04', 'Infinity', '??'), (7, '99', null, 0.30000000000000004, 'PG')",
]
MARIADB = [
    "set session sql_mode = ''",
    "alter table titulos modify valor decimal(30, 4), modify id varchar(200), modify contestado varchar(10)",
    "alter table titulos modify parcela char(8), modify situacao enum('A', 'C', 'P', 'N', 'Z')",
    "alter table titulos modify numero varchar(60) character set latin1, modify multa decimal(30, 20)",
    "alter table titulos modify alterado_em datetime(6)",
    "update clientes set cod_cliente = '7'",
    "update titulos set cod_cliente = '7'",
    """insert into titulos (id, cod_cliente, numero, vencimento, emissao, valor, alterado_em, multa, contestado, situacao) values
        ('2', '7', 'a"b,c\\\\d''e', '0000-00-00', null, 10, null, 0.02, 'S', 'A'),
        ('3', '7', 'tab\\tline\\r\\nend', '2026-11-00', null, 10, null, null, '', 'Z'),
        ('4', '7', '', '2026-02-31', null, 10, '0000-00-00 00:00:00', 7, 'talvez', 'C'),
        ('5', '7', 'Ação ñ €', '2026-11-03', '1900-01-01', 10.5, '2026-01-01 23:59:59.123456', 0.0203333335, 'n', 'A'),
        (' 6 ', '7', 'ç', '2026-11-03', null, 10.005, null, null, null, 'A'),
        ('7', '7', '\\\\N', '2026-11-03', null, 9999999999999999.99, null, null, '1', 'N'),
        ('8', '7', ' x ', '2026-11-03', null, 12345678901234567890123456.9, null, null, '0', 'P'),
        ('10', '7', null, '2026-11-03', null, -123456789012345678.12, null, null, null, 'A'),
        ('', '7', null, '2026-11-03', null, 5, null, null, null, 'A'),
        (repeat('ã', 151), '7', null, '2026-11-03', null, 5, null, null, null, 'A'),
        (repeat('ã', 150), '7', null, '2026-11-03', null, 5, null, null, null, 'A'),
        ('11', '8', null, '2026-11-03', null, null, null, null, null, null)""",
    "insert into baixas (id, titulo_id, data_pagamento, valor, tipo) values (2, 5, '2026-11-04', 0.10, 'PG'), "
    "(4, 5, '0000-00-00', 1, 'PG'), (5, 5, '2026-11-04', -7.25, 'ES'), (6, 5, '2026-11-04', 7, '??'), (7, 99, null, 3, 'PG')",
]


def opened_in_bulk(monkeypatch: pytest.MonkeyPatch) -> list[bulk.Bulk | None]:
    """Every result that is asked for in bulk from here on; ``None`` where it could not be had so."""
    opened = []

    def spied(*arguments):
        reader = bulk.open_reader(*arguments)
        read = reader.read
        reader.read = lambda query: opened.append(read(query)) or opened[-1]
        return reader

    monkeypatch.setattr(engine, "open_reader", spied)
    return opened


@pytest.mark.parametrize(("kind", "statements"), [("postgresql", POSTGRES), ("mariadb", MARIADB)])
def test_bulk_and_rows_land_the_same_bytes(
    erp_only: Settings, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch, kind: str, statements: list[str]
):
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT | {"razao_social": 'Ana "A", Ltda;\nfilial', "telefone": "1\n(11) 98888-7777"})
    erp.add("titulos", TITLE, TITLE | {"id": 12, "valor": "0.10", "moeda": "usd"})
    erp.add("baixas", SETTLEMENT)
    with erp.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    opened = opened_in_bulk(monkeypatch)
    fast = landing.land_all(erp_only, D, "in bulk")
    assert len(opened) == 3 and None not in opened
    bad = refused(fast, "erp", "receivables")
    assert len(bad) >= 9 and bad["ã" * 151] == "too_long" and "ã" * 150 not in bad
    before, totals = everything_under(fast.folder), [entry.totals for entry in fast.files]
    monkeypatch.setattr(engine, "open_reader", lambda *_: None)
    slow = landing.land_all(erp_only, D, "row by row")
    assert everything_under(slow.folder) == before
    assert [entry.totals for entry in slow.files] == totals


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_bulk_gives_the_values_of_rows_whatever_their_length(
    erp_only: Settings, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch, kind: str
):
    """Lengths on both sides of each limit of the client protocol, and rows on both sides of each block."""
    make_source("erp", kind)
    monkeypatch.setattr("cobranca.sources.arrow_postgresql.TABLE_BYTES", 1 << 10)
    monkeypatch.setattr("cobranca.sources.arrow_mysql.BLOCK_BYTES", 80 << 10)
    part = "select {0} as id, repeat('x', {1}) as name, {2} as amount, repeat('á', {3}) as city"
    sizes = [0, 1, 250, 251, 252, 65_535, 65_536, 70_000, 140_000] + [100] * 2_000
    rows = " union all ".join(part.format(at, size, "null" if at % 3 else -at / 8, size % 777) for at, size in enumerate(sizes))
    with engine.open_snapshot(get_mapping(erp_only, "erp")) as snapshot:
        stream = snapshot.bulk("customers", rows)
        tables = list(stream.chunks)
        found = [row for table in tables for row in zip(*(one.values() for one in table.columns().values()), strict=True)]
        wanted = [tuple(row) for chunk in snapshot.stream("customers", rows).chunks for row in chunk]
    assert len(tables) > 3 and found == wanted


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_bulk_sees_the_moment_of_the_snapshot(erp_only: Settings, make_source: MakeSource, kind: str):
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    query = "select cod_cliente as customer_id, razao_social as name from clientes"
    with engine.open_snapshot(get_mapping(erp_only, "erp")) as snapshot:
        for number in (8, 9):  # before the reader is opened, and after
            snapshot.rows("customers", query)
            erp.add("clientes", CLIENT | {"cod_cliente": f"{number}"})
            assert sum(map(len, snapshot.bulk("customers", query).chunks)) == 1


def test_without_a_second_connection_rows_come_one_by_one(
    erp_only: Settings, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
):
    make_source("erp", "postgresql").add("clientes", CLIENT)

    def refuse(_):
        raise adbc_driver_manager.OperationalError("too many", status_code=adbc_driver_manager.AdbcStatusCode.IO)

    monkeypatch.setattr(PostgresReader, "connect", refuse)
    with engine.open_snapshot(get_mapping(erp_only, "erp")) as snapshot:
        [[row]] = snapshot.bulk("customers", "select 7 as customer_id, 'Ana' as name").chunks
    assert tuple(row) == (7, "Ana")


@pytest.mark.parametrize(
    ("kind", "column"), [("postgresql", "json"), ("postgresql", "bytea"), ("postgresql", "text[]"), ("mariadb", "blob"),
                         ("mariadb", "int(10) zerofill"), ("mariadb", "bit(1)")],
)  # fmt: skip
def test_types_that_bulk_does_not_cover_come_row_by_row(
    erp_only: Settings, make_source: MakeSource, kind: str, column: str, monkeypatch: pytest.MonkeyPatch
):
    erp = make_source("erp", kind)
    erp.run("alter table clientes drop column municipio", f"alter table clientes add column municipio {column}")
    tables = erp.tables.tables["clientes"]
    with erp.engine.begin() as connection:
        rows = [{name: value for name, value in CLIENT.items() if name != "municipio"}]
        connection.execute(tables.insert().values(rows))
    opened = opened_in_bulk(monkeypatch)
    landing.land_all(erp_only, D, "run")
    assert [found is None for found in opened] == [True, False, False]


def test_a_row_that_the_server_cannot_write_as_one_is_refused(erp_only: Settings, make_source: MakeSource):
    """MariaDB joins to NULL what would be longer than its own limit of a packet; a landing must not lose such a row."""
    erp = make_source("erp", "mariadb")
    erp.run("alter table clientes modify razao_social longtext", "set session max_statement_time = 0")
    erp.add("clientes", CLIENT)
    erp.run("update clientes set razao_social = repeat('x', 15000000), municipio = repeat('y', 50)")
    with pytest.raises(SourceError, match=r"column 'name' holds a value of|a row (of more than|that is larger than)"):
        landing.land_all(erp_only, D, "run")
    assert not any((erp_only.folder("landing", D, "sources")).glob(".draft-*/erp"))


TYPICAL = [
    "", " ", "0", "1", "t", "f", "S", "não", "17", "17.00", "-5", "0.02", "10.005", "1.234,56", "R$ 5,00", "NaN", "Infinity",
    "1e5", "2026-11-03", "20261103", "2026-11-03 10:00:00", "2026-11-03 10:00:00-03", "2026-11-03T10:00:00.5Z", "0000-00-00",
    "infinity", "2026-02-30", "BRL", "usd ", "open", " CANCELLED", "reversal", "João", "Joa\u0303o", "a\tb", "\u00a0x\u00a0",
    "999999999999999999", "9999999999999999.99", "12345678901234567890", "ana@exemplo.com.br", "ANA@EXEMPLO.COM", "x@teste.test",
    "a..b@c.com", "(11) 98888-7777", "11 3333-4444", "0800 123 4567", "529.982.247-25", "11.222.333/0001-81", "111.111.111-11",
    "12ABC34501DE35", "k" * schema.LONGEST_ID, "ç" * (schema.LONGEST_ID + 1),
]  # fmt: skip
VALUES = {
    "text": st.one_of(st.none(), st.sampled_from(TYPICAL), st.text(st.characters(codec="utf-8"), max_size=9)),
    "whole": st.one_of(st.none(), st.integers(-(10**19), 10**19), st.integers(0, 3), st.integers(19_000_101, 20_991_231)).map(
        lambda value: None if value is None else str(value)
    ),
    "decimal": st.one_of(
        st.sampled_from([None, "NaN", "0.00", "-0.00", "17.00", "17.50", "0.020000", "10.005", "9" * 30 + ".99"]),
        st.decimals(-1000, 1000, places=2, allow_nan=False).map(lambda value: f"{value:f}"),
    ),
    "float": st.one_of(st.none(), st.sampled_from(["NaN", "Infinity", "0.1", "1e+20", "0.30000000000000004", "5", "-7.25"])),
    "flag": st.sampled_from([None, "t", "f"]),
}
# What comes in a type of its own: kind, type, and its numbers. Some dates and times are of years that Python does not know.
NATIVE = {
    "native whole": ("whole", pa.int64(), st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 3))),
    "native flag": ("flag", pa.bool_(), st.one_of(st.none(), st.integers(0, 1))),
    "native date": ("text", schema.DATE, st.one_of(st.none(), st.integers(-900_000, 3_000_000), st.integers(15_000, 22_000))),
    "native time": (
        "text",
        schema.TIME,
        st.one_of(st.none(), st.integers(-(10**17), 3 * 10**17), st.integers(0, 2 * 10**9).map(lambda second: second * 10**6)),
    ),
}


@given(st.data())
@hypothesis(max_examples=SEEDS, deadline=None)
def test_whole_columns_are_cleaned_like_single_values(data: st.DataObject):
    entity = data.draw(st.sampled_from(sorted(schema.ENTITIES)))
    names = [name for name in schema.ENTITIES[entity].names if name not in schema.OURS]
    rows = data.draw(st.integers(1, 6))
    drawn = {name: data.draw(st.sampled_from(["text", "text", *VALUES, *NATIVE])) for name in names}
    kinds = {name: NATIVE[kind][0] if kind in NATIVE else kind for name, kind in drawn.items()}
    columns = {}
    for name, kind in drawn.items():
        type_, values = NATIVE[kind][1:] if kind in NATIVE else (pa.string(), VALUES[kind])
        found = pa.array(data.draw(st.lists(values, min_size=rows, max_size=rows)), pa.int64() if kind in NATIVE else type_)
        columns[name] = found.cast(pa.int32()).cast(type_) if type_ == schema.DATE else found.cast(type_)
    cents = ("amount",) if entity != "customers" and data.draw(st.booleans()) else ()
    quickly, slowly = (Cleaner("erp", entity, names, cents) for _ in range(2))
    table = BulkTable(kinds, pa.table(columns))
    values = [BulkColumn(kind, columns[name]).values() for name, kind in kinds.items()]
    fast, slow = quickly.clean(table), slowly.clean(list(zip(*values, strict=True)))
    assert fast.rows.equals(slow.rows) and fast.quarantine.equals(slow.quarantine)
    assert (quickly.notes, quickly.groups, quickly.repairs) == (slowly.notes, slowly.groups, slowly.repairs)
    assert (quickly.amount_read, quickly.adds_exactly) == (slowly.amount_read, slowly.adds_exactly)


DIGITS = st.text("0123456789", min_size=8, max_size=14)
PHONES = st.one_of(
    st.from_regex(quick._BRAZILIAN_PHONE, fullmatch=True),
    st.builds(lambda area, rest: f"({area}) {rest}", st.integers(10, 99), DIGITS),
    DIGITS,
    st.sampled_from(TYPICAL),
)
BOXES = st.text("abz09_+.-AÇ", min_size=1, max_size=12)
DOMAINS = st.sampled_from(
    ["empresa.com.br", "EMPRESA.com", "x.test", "a-b.com", "a..com", "-a.com", "localhost", "xn--80ak6aa92e.com", "é.com", "b.c"]
)
EMAILS = st.one_of(st.builds("{}@{}".format, BOXES, DOMAINS), st.sampled_from(TYPICAL))
TAX_IDS = st.one_of(
    st.from_regex(r"[0-9A-Z]{12}[0-9]{2}|\d{11}|\d{3}\.\d{3}\.\d{3}-\d\d", fullmatch=True), DIGITS, st.sampled_from(TYPICAL)
)


@pytest.mark.parametrize(
    ("sure", "rule", "texts"),
    [
        (quick.phones, people.first_phone, PHONES),
        (lambda array: quick.emails(array, people.first_email), people.first_email, EMAILS),
        (quick.tax_ids, people.tax_id, TAX_IDS),
    ],
    ids=["phones", "emails", "tax ids"],
)
def test_what_is_answered_at_once_is_what_the_rule_says(sure, rule, texts):
    @given(st.lists(texts, min_size=1, max_size=20))
    @hypothesis(max_examples=SEEDS, deadline=None)
    def agree(values: list[str]):
        for value, answer in zip(values, sure(pa.array(values, pa.string())).to_pylist(), strict=True):
            assert answer is None or answer == rule(value), value

    agree()


def test_plain_people_are_answered_at_once():
    """Else a million customers would take minutes."""
    assert quick.phones(pa.array(["(11) 98888-7777", "1133334444"])).to_pylist() == ["+5511988887777", "+551133334444"]
    assert quick.emails(pa.array(["a.b@empresa.com.br"]), people.first_email).to_pylist() == ["a.b@empresa.com.br"]
    assert quick.tax_ids(pa.array(["529.982.247-25", "11.222.333/0001-81", "12ABC34501DE35"])).to_pylist() == [
        "52998224725", "11222333000181", "12ABC34501DE35",
    ]  # fmt: skip
    assert quick.money(BulkColumn("decimal", pa.array(["10.50"])), False).to_pylist() == [Decimal("10.50")]
