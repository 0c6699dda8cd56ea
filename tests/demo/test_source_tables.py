"""The tables of the source systems are made and filled without a reader seeing half of it."""

from datetime import date

import sqlalchemy as sa

from cobranca.demo.fill_sources import fill
from cobranca.demo.source_tables import BILLING_TABLES
from demo.books import NIGHT


def test_a_reader_sees_the_old_rows_until_the_fill_is_complete(postgres_server, tmp_path):
    url = postgres_server.create_database("demo_reader")
    billing = f"sqlite:///{tmp_path}/billing.db"
    old = fill(url, billing, NIGHT, payers=60)["erp.titulos"]
    engine = sa.create_engine(url).execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as reader:
        reader.execute(sa.text("select 1 from clientes limit 1"))
        new = fill(url, billing, date(2026, 12, 18), payers=60)["erp.titulos"]
        assert reader.execute(sa.text("select count(*) from titulos")).scalar() == old
        reader.rollback()
        assert reader.execute(sa.text("select count(*) from titulos")).scalar() == new > old
    engine.dispose()


def test_a_table_of_an_earlier_shape_is_made_anew(tmp_path):
    url = f"sqlite:///{tmp_path}/billing.db"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("create table invoice (id integer, old_column text)"))
    fill(f"sqlite:///{tmp_path}/erp.db", url, NIGHT, payers=60)
    assert {column["name"] for column in sa.inspect(engine).get_columns("invoice")} == {
        column.name for column in BILLING_TABLES.tables["invoice"].columns
    }
    engine.dispose()
