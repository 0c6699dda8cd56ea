"""Every way of reading gives the same bytes: in bulk or row by row, whole columns or value by
value.
"""

import adbc_driver_manager
import pytest

from cobranca.errors import SourceError
from cobranca.landing import land
from cobranca.settings import Settings
from cobranca.sources import open_snapshot
from cobranca.sources.drivers import arrow_columns, arrow_reader, database
from cobranca.sources.drivers.arrow_postgresql import PostgresReader
from cobranca.sources.mapping.load import get_mapping
from source_databases import CLIENT, SETTLEMENT, TITLE, D, MakeSource, everything_under, refused

POSTGRES = [
    "alter table titulos alter valor type numeric, alter id type text",
    "alter table titulos alter contestado type text",
    "alter table titulos alter alterado_em type timestamptz, alter parcela type char(8)",
    "create type dinheiro as enum ('BRL', 'usd', 'xx')",
    "alter table titulos alter moeda drop default, alter moeda type dinheiro using moeda::dinheiro",
    "alter table baixas alter valor type double precision, alter titulo_id type varchar(20)",
    "alter table clientes alter cod_cliente type numeric(10, 2) using 7",
    "alter table titulos alter cod_cliente type numeric(12, 4) using 7",
    """insert into titulos (id, cod_cliente, numero, vencimento, emissao, valor, alterado_em, multa,
    contestado) values
        ('2', 7, 'a"b,c\\d''e', '20226-01-15', null, 10, null, 0.02, 'S'),
        ('3', 7, E'tab\\tline\\r\\nend', 'infinity', null, 10, null, null, ''),
        ('4', 7, '', '0044-03-15 BC', null, 10, 'infinity', 7, 'talvez'),
        ('5', 7, 'Ação Ção ñ €', '2026-11-03', '1900-01-01', 10.50000,
            '2026-01-01 23:59:59.123456-03', 0.0203333335, 'n'),
        (' 6 ', 7, E'Joa\\u0303o', '2026-11-03', null, 10.005, null, null, null),
        ('7', 7, '\\N', '2026-11-03', null, 9999999999999999.99, null, null, '1'),
        ('8', 7, ' x ', '2026-11-03', null, 12345678901234567890123456789012345678.9, null, null,
            '0'),
        ('9', 7, 'ß', '2026-11-03', null, 'NaN', null, null, 'x'),
        ('10', 7, null, '2026-11-03', null, -123456789012345678.12, null, null, null),
        ('', 7, null, '2026-11-03', null, 5, null, null, null),
        (repeat('ã', 151), 7, null, '2026-11-03', null, 5, null, null, null),
        (repeat('ã', 150), 7, null, '2026-11-03', null, 5, null, null, null),
        ('11', 8.5, null, '2026-11-03', null, null, null, null, null)""",
    (
        "insert into baixas (id, titulo_id, data_pagamento, valor, tipo) values "
        "(2, '5', '2026-11-04', 0.1, 'PG'), (3, '5', '2026-11-04', 'NaN', 'PG'), (4, '5', "
        "'2026-11-04', 1e20, 'PG'), "
        "(5, '5', '2026-11-04', -7.25, 'ES'), (6, '5', '2026-11-04', 'Infinity', '??'), (7, '99', "
        "null, 0.30000000000000004, 'PG')"
    ),
]
MARIADB = [
    "set session sql_mode = ''",
    (
        "alter table titulos modify valor decimal(30, 4), modify id varchar(200), "
        "modify contestado varchar(10)"
    ),
    "alter table titulos modify parcela char(8), modify situacao enum('A', 'C', 'P', 'N', 'Z')",
    (
        "alter table titulos modify numero varchar(60) character set latin1, "
        "modify multa decimal(30, 20)"
    ),
    "alter table titulos modify alterado_em datetime(6)",
    "update clientes set cod_cliente = '7'",
    "update titulos set cod_cliente = '7'",
    """insert into titulos (id, cod_cliente, numero, vencimento, emissao, valor, alterado_em, multa,
    contestado, situacao) values
        ('2', '7', 'a"b,c\\\\d''e', '0000-00-00', null, 10, null, 0.02, 'S', 'A'),
        ('3', '7', 'tab\\tline\\r\\nend', '2026-11-00', null, 10, null, null, '', 'Z'),
        ('4', '7', '', '2026-02-31', null, 10, '0000-00-00 00:00:00', 7, 'talvez', 'C'),
        ('5', '7', 'Ação ñ €', '2026-11-03', '1900-01-01', 10.5, '2026-01-01 23:59:59.123456',
            0.0203333335, 'n', 'A'),
        (' 6 ', '7', 'ç', '2026-11-03', null, 10.005, null, null, null, 'A'),
        ('7', '7', '\\\\N', '2026-11-03', null, 9999999999999999.99, null, null, '1', 'N'),
        ('8', '7', ' x ', '2026-11-03', null, 12345678901234567890123456.9, null, null, '0', 'P'),
        ('10', '7', null, '2026-11-03', null, -123456789012345678.12, null, null, null, 'A'),
        ('', '7', null, '2026-11-03', null, 5, null, null, null, 'A'),
        (repeat('ã', 151), '7', null, '2026-11-03', null, 5, null, null, null, 'A'),
        (repeat('ã', 150), '7', null, '2026-11-03', null, 5, null, null, null, 'A'),
        ('11', '8', null, '2026-11-03', null, null, null, null, null, null)""",
    (
        "insert into baixas (id, titulo_id, data_pagamento, valor, tipo) values "
        "(2, 5, '2026-11-04', 0.10, 'PG'), "
        "(4, 5, '0000-00-00', 1, 'PG'), (5, 5, '2026-11-04', -7.25, 'ES'), (6, 5, '2026-11-04', 7, "
        "'??'), (7, 99, null, 3, 'PG')"
    ),
]


def opened_in_bulk(monkeypatch: pytest.MonkeyPatch) -> list[arrow_columns.Bulk | None]:
    """Every result that is asked for in bulk from here on; ``None`` where that was not possible."""
    opened = []

    def spied(*arguments):
        reader = arrow_reader.open_reader(*arguments)
        read = reader.read
        reader.read = lambda query: opened.append(read(query)) or opened[-1]
        return reader

    monkeypatch.setattr(database, "open_reader", spied)
    return opened


@pytest.mark.parametrize(("kind", "statements"), [("postgresql", POSTGRES), ("mariadb", MARIADB)])
def test_bulk_and_rows_land_the_same_bytes(
    erp_only: Settings,
    make_source: MakeSource,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    statements: list[str],
):
    erp = make_source("erp", kind)
    erp.add(
        "clientes",
        CLIENT | {"razao_social": 'Ana "A", Ltda;\nfilial', "telefone": "1\n(11) 98888-7777"},
    )
    erp.add("titulos", TITLE, TITLE | {"id": 12, "valor": "0.10", "moeda": "usd"})
    erp.add("baixas", SETTLEMENT)
    with erp.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    opened = opened_in_bulk(monkeypatch)
    fast = land.land_all(erp_only, D, "in bulk")
    assert len(opened) == 3 and None not in opened
    bad = refused(fast, "erp", "receivables")
    assert len(bad) >= 9 and bad["ã" * 151] == "too_long" and "ã" * 150 not in bad
    before, totals = everything_under(fast.folder), [entry.totals for entry in fast.files]
    monkeypatch.setattr(database, "open_reader", lambda *_: None)
    slow = land.land_all(erp_only, D, "row by row")
    assert everything_under(slow.folder) == before
    assert [entry.totals for entry in slow.files] == totals


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_bulk_gives_the_values_of_rows_whatever_their_length(
    erp_only: Settings, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch, kind: str
):
    """Lengths on both sides of each limit of the client protocol, and rows on both sides of each
    block.
    """
    make_source("erp", kind)
    monkeypatch.setattr("cobranca.sources.drivers.arrow_postgresql.TABLE_BYTES", 1 << 10)
    monkeypatch.setattr("cobranca.sources.drivers.arrow_mysql.BLOCK_BYTES", 80 << 10)
    part = "select {0} as id, repeat('x', {1}) as name, {2} as amount, repeat('á', {3}) as city"
    sizes = [0, 1, 250, 251, 252, 65_535, 65_536, 70_000, 140_000] + [100] * 2_000
    rows = " union all ".join(
        part.format(at, size, "null" if at % 3 else -at / 8, size % 777)
        for at, size in enumerate(sizes)
    )
    with open_snapshot.open_snapshot(get_mapping(erp_only, "erp")) as snapshot:
        stream = snapshot.bulk("customers", rows)
        tables = list(stream.chunks)
        found = [
            row
            for table in tables
            for row in zip(*(one.values() for one in table.columns().values()), strict=True)
        ]
        wanted = [
            tuple(row) for chunk in snapshot.stream("customers", rows).chunks for row in chunk
        ]
    assert len(tables) > 3 and found == wanted


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_bulk_sees_the_moment_of_the_snapshot(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    query = "select cod_cliente as customer_id, razao_social as name from clientes"
    with open_snapshot.open_snapshot(get_mapping(erp_only, "erp")) as snapshot:
        for number in (8, 9):  # before the reader is opened, and after
            snapshot.rows("customers", query)
            erp.add("clientes", CLIENT | {"cod_cliente": f"{number}"})
            assert sum(map(len, snapshot.bulk("customers", query).chunks)) == 1


def test_without_a_second_connection_rows_come_one_by_one(
    erp_only: Settings, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
):
    make_source("erp", "postgresql").add("clientes", CLIENT)

    def refuse(_):
        raise adbc_driver_manager.OperationalError(
            "too many", status_code=adbc_driver_manager.AdbcStatusCode.IO
        )

    monkeypatch.setattr(PostgresReader, "connect", refuse)
    with open_snapshot.open_snapshot(get_mapping(erp_only, "erp")) as snapshot:
        [[row]] = snapshot.bulk("customers", "select 7 as customer_id, 'Ana' as name").chunks
    assert tuple(row) == (7, "Ana")


@pytest.mark.parametrize(
    ("kind", "column"), [("postgresql", "json"), ("postgresql", "bytea"), ("postgresql", "text[]"),
        ("mariadb", "blob"),
                         ("mariadb", "int(10) zerofill"), ("mariadb", "bit(1)")],
)  # fmt: skip
def test_types_that_bulk_does_not_cover_come_row_by_row(
    erp_only: Settings,
    make_source: MakeSource,
    kind: str,
    column: str,
    monkeypatch: pytest.MonkeyPatch,
):
    erp = make_source("erp", kind)
    erp.run(
        "alter table clientes drop column municipio",
        f"alter table clientes add column municipio {column}",
    )
    tables = erp.tables.tables["clientes"]
    with erp.engine.begin() as connection:
        rows = [{name: value for name, value in CLIENT.items() if name != "municipio"}]
        connection.execute(tables.insert().values(rows))
    opened = opened_in_bulk(monkeypatch)
    land.land_all(erp_only, D, "run")
    assert [found is None for found in opened] == [True, False, False]


def test_a_row_that_the_server_cannot_write_as_one_is_refused(
    erp_only: Settings, make_source: MakeSource
):
    """MariaDB joins to NULL what would be longer than its own limit of a packet; a landing must not
    lose such a row.
    """
    erp = make_source("erp", "mariadb")
    erp.run(
        "alter table clientes modify razao_social longtext", "set session max_statement_time = 0"
    )
    erp.add("clientes", CLIENT)
    erp.run("update clientes set razao_social = repeat('x', 15000000), municipio = repeat('y', 50)")
    with pytest.raises(
        SourceError,
        match=r"column 'name' holds a value of|a row (of more than|that is larger than)",
    ):
        land.land_all(erp_only, D, "run")
    assert not any((erp_only.folder("landing", D, "sources")).glob(".draft-*/erp"))
