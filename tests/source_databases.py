"""Source databases on every engine: the tables of the ERP and of the billing system."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from cobranca.demo.source_tables import BILLING_TABLES, ERP_TABLES
from cobranca.partitions.manifest import Manifest
from cobranca.settings import Settings

D = date(2026, 11, 18)
ENGINES = ("sqlite", "postgresql", "mariadb")
SERVERS = ("postgresql", "mariadb")
NOW = datetime(2026, 11, 17, 10, 30)

CLIENT = {
    "cod_cliente": "C1",
    "razao_social": "Comércio São João Ltda",
    "cpf_cnpj": "11.222.333/0001-81",
    "emails": "financeiro@saojoao.com.br",
    "telefone": "(11) 98888-7777",
    "municipio": "São Paulo",
    "uf": "SP",
    "ramo": "varejo",
    "pessoa": "J",
    "bloqueio_juridico": False,
    "falecido": False,
    "nao_enviar_email": False,
    "nao_ligar": False,
    "canal_preferido": "email",
    "alterado_em": NOW,
}
TITLE = {
    "id": 1,
    "cod_cliente": "C1",
    "numero": "NF-1",
    "parcela": "1/1",
    "emissao": date(2026, 10, 1),
    "vencimento": date(2026, 11, 3),
    "valor": "1000.00",
    "moeda": "BRL",
    "situacao": "A",
    "contestado": False,
    "multa": "0.02",
    "juros_mes": "0.01",
    "alterado_em": NOW,
    "excluido": False,
}
SETTLEMENT = {
    "id": 1,
    "titulo_id": 1,
    "data_pagamento": date(2026, 11, 10),
    "data_credito": date(2026, 11, 11),
    "valor": "400.00",
    "tipo": "PG",
    "forma": "pix",
    "alterado_em": NOW,
}
ACCOUNT = {
    "id": 1,
    "legal_name": "Maria da Conceição",
    "document": "529.982.247-25",
    "email": "maria@exemplo.com.br",
    "phone": "11 98888-7777",
    "city": "Niterói",
    "region": "rj",
    "plan": "pro",
    "kind": "person",
    "updated_at": NOW,
}
INVOICE = {
    "id": 1,
    "account_id": 1,
    "number": "INV-1",
    "sequence": "1",
    "issued_on": "20261001",
    "due_on": "20261103",
    "total_cents": 123_45,
    "currency": "BRL",
    "state": "open",
    "in_dispute": 0,
    "updated_at": NOW,
}
INVOICE_PAYMENT = {
    "id": 1,
    "invoice_id": 1,
    "received_on": "2026-11-10",
    "amount_cents": 23_45,
    "type": "payment",
    "method": "card",
    "updated_at": NOW,
}


@dataclass
class SourceDatabase:
    """One database of one source: write into it as the company would."""

    name: str
    kind: str
    url: str
    engine: sa.Engine
    tables: sa.MetaData

    def add(self, table: str, *rows: dict) -> None:
        with self.engine.begin() as connection:
            connection.execute(self.tables.tables[table].insert(), list(rows))

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


MakeSource = Callable[..., SourceDatabase]


@pytest.fixture
def make_source(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeSource]:
    """``make_source("erp", "postgresql")`` → an empty database with a connection to it."""
    undo = []

    def make(name: str, kind: str = "sqlite") -> SourceDatabase:
        tables = ERP_TABLES if name == "erp" else BILLING_TABLES
        if kind == "sqlite":
            path = tmp_path / f"{name}.db"
            sqlite3.connect(path).close()
            url = f"sqlite:///{path}"
        else:
            server = request.getfixturevalue(
                "postgres_server" if kind == "postgresql" else "mariadb_server"
            )
            database = f"source_{name}"
            server.drop_database(database)
            url = server.create_database(database)
            undo.append(lambda: server.drop_database(database))
        engine = sa.create_engine(
            url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool
        )
        tables.create_all(engine)
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", url)
        return SourceDatabase(name, kind, url, engine, tables)

    yield make
    for action in undo:
        action()


# What of :func:`erp_of_people` may never be shown.
PERSONAL = ("529.982", "52998224725", "canario", "98888", "João", "Silva", "23793.38128")


@pytest.fixture(name="erp")
def erp_of_people(settings: Settings, make_source: MakeSource) -> SourceDatabase:
    """An ERP with personal data in columns where none should be."""
    erp = make_source("erp")
    erp.add(
        "clientes",
        CLIENT
        | {
            "razao_social": "João da Silva",
            "cpf_cnpj": "529.982.247-25",
            "emails": "canario@empresa.com.br",
        },
        CLIENT
        | {
            "cod_cliente": "52998224725",
            "razao_social": None,
            "municipio": "fale com canario@empresa.com.br",
        },
    )
    erp.add(
        "titulos",
        TITLE | {"numero": "CPF 529.982.247-25", "linha_digitavel": "23793.38128 60007.827136"},
    )
    erp.add("titulos", TITLE | {"id": 2, "valor": "-1"})
    erp.add("baixas", SETTLEMENT)
    return erp


@pytest.fixture
def erp_only(settings: Settings) -> Settings:
    (settings.config / "sources" / "billing.yml").unlink()
    return settings


@pytest.fixture
def billing_only(settings: Settings) -> Settings:
    (settings.config / "sources" / "erp.yml").unlink()
    return settings


@pytest.fixture
def crm_only(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One source, ``crm``, read as it stands from the tables a test makes in ``crm.db``."""
    for name in ("erp", "billing"):
        (settings.config / "sources" / f"{name}.yml").unlink()
    (settings.config / "sources" / "crm.yml").write_text(
        "source: crm\nconnection: crm\nentities:\n"
        "  customers: {query: select * from customers}\n"
        "  receivables: {query: select * from receivables}\n"
        "  payments: {query: select * from payments}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("AIRFLOW_CONN_CRM", f"sqlite:///{tmp_path / 'crm.db'}")
    return settings


def nothing_half_landed(settings: Settings) -> bool:
    """Whether no run left a draft of the date."""
    return not list(settings.folder("landing", D, "sources").glob(".draft-*/*"))


def landed(manifest: Manifest, source: str, entity: str) -> list[dict]:
    return pq.read_table(manifest.path(f"{source}/{entity}.parquet")).to_pylist()


def refused(manifest: Manifest, source: str, entity: str) -> dict[str, str]:
    """Key → reason of the quarantined rows of one entity."""
    rows = pq.read_table(manifest.path(f"{source}/{entity}__quarantine.parquet")).to_pylist()
    return {row["record_key"]: row["reason"] for row in rows}


def everything_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
