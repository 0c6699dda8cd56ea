"""The tables of the two source systems, and how all their rows are replaced at once.

A reader sees the old rows or the new ones, never half of them.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

# One row, a value for each column of its table in order; a value has the type of its column.
SourceRow = tuple[Any, ...]
SourceRows = dict[str, list[SourceRow]]

# SQLite has no exact decimal: there money is text.
MONEY = sa.Numeric(15, 2).with_variant(sa.Text(), "sqlite")
RATE = sa.Numeric(9, 6).with_variant(sa.Text(), "sqlite")
CODE = sa.Text().with_variant(mysql.VARCHAR(40), "mysql", "mariadb")

ERP_TABLES = sa.MetaData()
BILLING_TABLES = sa.MetaData()

sa.Table(
    "clientes", ERP_TABLES,
    sa.Column("cod_cliente", CODE, primary_key=True),
    sa.Column("razao_social", sa.Text),
    sa.Column("cpf_cnpj", sa.Text),
    sa.Column("emails", sa.Text),
    sa.Column("telefone", sa.Text),
    sa.Column("municipio", sa.Text),
    sa.Column("uf", sa.CHAR(2)),
    sa.Column("ramo", sa.Text),
    sa.Column("pessoa", sa.CHAR(1), comment="F física, J jurídica"),
    sa.Column("bloqueio_juridico", sa.Boolean),
    sa.Column("falecido", sa.Boolean),
    sa.Column("nao_enviar_email", sa.Boolean),
    sa.Column("nao_ligar", sa.Boolean),
    sa.Column("canal_preferido", sa.Text),
    sa.Column("alterado_em", sa.DateTime),
)  # fmt: skip
sa.Table(
    "titulos", ERP_TABLES,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("cod_cliente", CODE, index=True),
    sa.Column("numero", sa.Text),
    sa.Column("parcela", sa.Text),
    sa.Column("emissao", sa.Date),
    sa.Column("vencimento", sa.Date),
    sa.Column("valor", MONEY),
    sa.Column("moeda", sa.CHAR(3)),
    sa.Column("situacao", sa.CHAR(1), comment="A aberto, C cancelado, P perda, N negociado"),
    sa.Column("contestado", sa.Boolean),
    sa.Column("multa", RATE, comment="fração: 0.02 é 2 %"),
    sa.Column("juros_mes", RATE, comment="fração ao mês"),
    sa.Column("linha_digitavel", sa.Text),
    sa.Column("pix_copia_cola", sa.Text),
    sa.Column("link_pagamento", sa.Text),
    sa.Column("alterado_em", sa.DateTime),
    sa.Column("excluido", sa.Boolean),
)  # fmt: skip
sa.Table(
    "baixas", ERP_TABLES,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("titulo_id", sa.BigInteger, index=True),
    sa.Column("data_pagamento", sa.Date),
    sa.Column("data_credito", sa.Date),
    sa.Column("valor", MONEY),
    sa.Column("tipo", sa.CHAR(2), comment=("PG pagamento, NC nota de crédito, DE desconto, PE "
        "perda, ES estorno")),
    sa.Column("forma", sa.Text),
    sa.Column("alterado_em", sa.DateTime),
)  # fmt: skip

sa.Table(
    "account", BILLING_TABLES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("legal_name", sa.Text),
    sa.Column("document", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("phone", sa.Text),
    sa.Column("city", sa.Text),
    sa.Column("region", sa.Text),
    sa.Column("plan", sa.Text),
    sa.Column("kind", sa.Text, comment="person, company"),
    sa.Column("updated_at", sa.DateTime),
)  # fmt: skip
sa.Table(
    "invoice", BILLING_TABLES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("account_id", sa.Integer, index=True),
    sa.Column("number", sa.Text),
    sa.Column("sequence", sa.Text),
    sa.Column("issued_on", sa.Text, comment="YYYYMMDD"),
    sa.Column("due_on", sa.Text, comment="YYYYMMDD"),
    sa.Column("total_cents", sa.BigInteger),
    sa.Column("currency", sa.Text),
    sa.Column("state", sa.Text, comment="open, paid, void, uncollectible"),
    sa.Column("in_dispute", sa.Integer),
    sa.Column("barcode_line", sa.Text),
    sa.Column("pix", sa.Text),
    sa.Column("url", sa.Text),
    sa.Column("updated_at", sa.DateTime),
)  # fmt: skip
sa.Table(
    "invoice_payment", BILLING_TABLES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("invoice_id", sa.Integer, index=True),
    sa.Column("received_on", sa.Text, comment="ISO date"),
    sa.Column("amount_cents", sa.BigInteger),
    sa.Column("type", sa.Text, comment="payment, refund, credit"),
    sa.Column("method", sa.Text),
    sa.Column("updated_at", sa.DateTime),
)  # fmt: skip


def create(engine: sa.Engine, tables: sa.MetaData) -> None:
    """Create what is absent; a table of an earlier demo with other columns is dropped first."""
    inspector = sa.inspect(engine)
    present = set(inspector.get_table_names())
    for table in tables.sorted_tables:
        if table.name in present:
            found = {column["name"] for column in inspector.get_columns(table.name)}
            if found != {column.name for column in table.columns}:
                table.drop(engine)
    tables.create_all(engine)


def replace_rows(engine: sa.Engine, tables: sa.MetaData, rows: SourceRows) -> dict[str, int]:
    """Delete and insert in one transaction; readers keep the old rows until it commits."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("pragma busy_timeout = 60000")
            # Nothing spills to disk, so no reader is locked out before the end.
            connection.exec_driver_sql("pragma cache_size = -200000")
            connection.exec_driver_sql("begin immediate")
        for table in reversed(tables.sorted_tables):
            connection.execute(table.delete())
        for table in tables.sorted_tables:
            _insert(connection, table, rows[table.name])
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in tables.sorted_tables:
                connection.exec_driver_sql(f"vacuum analyze {table.name}")
    return {table.name: len(rows[table.name]) for table in tables.sorted_tables}


def _insert(connection: sa.Connection, table: sa.Table, rows: list[SourceRow]) -> None:
    names = [column.name for column in table.columns]
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy(f"copy {table.name} ({', '.join(names)}) from stdin") as copy,
        ):
            for row in rows:
                copy.write_row(row)
        return
    text = [
        isinstance(column.type.dialect_impl(connection.dialect), sa.Text)
        for column in table.columns
    ]
    is_sqlite = connection.dialect.name == "sqlite"
    values = [
        {
            name: str(value) if is_sqlite and as_text and value is not None else value
            for name, value, as_text in zip(names, row, text, strict=True)
        }
        for row in rows
    ]
    if values:
        connection.execute(table.insert(), values)
