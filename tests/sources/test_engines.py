"""The same reading against real servers: types, snapshots, faults, and errors that give nothing away."""

import logging
import re
import subprocess
import sys
import threading
import time
import traceback
from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from cobranca import landing
from cobranca.errors import CobrancaError, SourceError
from cobranca.settings import Settings
from cobranca.sources import check, engine
from cobranca.sources.mapping import get_mapping
from source_databases import (
    ACCOUNT,
    CLIENT,
    INVOICE,
    INVOICE_PAYMENT,
    SETTLEMENT,
    TITLE,
    D,
    MakeSource,
    SourceDatabase,
    everything_under,
    landed,
    refused,
)  # fmt: skip

ENGINES = ["sqlite", "postgresql", "mariadb"]
SERVERS = ["postgresql", "mariadb"]
# What must never be seen outside the data itself.
CANARIES = ("s3nh4-secreta", "529.982.247-25", "52998224725", "canario@empresa.com.br", "98888-7777")


def accept_any_amount(settings: Settings) -> None:
    """The default limit is far below what a decimal of 18 digits holds."""
    path = settings.config / "limits.yml"
    path.write_text(
        re.sub(r"largest_amount: \S+", "largest_amount: 9999999999999999.99", path.read_text(encoding="utf-8")), "utf-8"
    )


@pytest.mark.parametrize("kind", ENGINES)
def test_one_source_file_reads_the_same_from_every_engine(settings: Settings, make_source: MakeSource, kind: str):
    accept_any_amount(settings)
    erp, billing = make_source("erp", kind), make_source("billing", kind)
    erp.add("clientes", CLIENT | {"cod_cliente": "C1", "razao_social": "  Açaí & Cia   "})
    erp.add("titulos", TITLE | {"excluido": None}, TITLE | {"id": 2, "valor": "0.10", "situacao": "N", "emissao": None})
    erp.add("titulos", TITLE | {"id": 3, "valor": None}, TITLE | {"id": 4, "valor": "-7.00"}, TITLE | {"id": 5, "situacao": "Z"})
    erp.add("titulos", TITLE | {"id": 6, "vencimento": None}, TITLE | {"id": 7, "emissao": date(2026, 12, 1)})
    erp.add("titulos", TITLE | {"id": 8, "excluido": True}, TITLE | {"id": 9, "valor": "9999999999999.99", "moeda": "USD"})
    erp.add(
        "baixas", SETTLEMENT, SETTLEMENT | {"id": 2, "tipo": "ES", "valor": "-100.00"}, SETTLEMENT | {"id": 3, "titulo_id": 8}
    )
    billing.add("account", ACCOUNT)
    billing.add("invoice", INVOICE, INVOICE | {"id": 2, "due_on": "A DEFINIR"}, INVOICE | {"id": 3, "due_on": "00000000"})
    billing.add("invoice", INVOICE | {"id": 4, "total_cents": 10**15 + 1, "state": "paid"})
    billing.add("invoice_payment", INVOICE_PAYMENT, INVOICE_PAYMENT | {"id": 2, "received_on": "ontem"})
    published = landing.land_all(settings, D, "run")

    assert refused(published, "erp", "receivables") == {
        "3": "missing", "4": "not_positive", "5": "unknown_status", "6": "missing", "7": "due_before_issue",
    }  # fmt: skip
    titles = {row["receivable_id"]: row for row in landed(published, "erp", "receivables")}
    assert sorted(titles) == ["1", "2", "9"]
    assert titles["2"]["amount"] == Decimal("0.10") and titles["2"]["status"] == "agreed"
    assert titles["9"]["amount"] == Decimal("9999999999999.99") and titles["9"]["fine_rate"] == Decimal("0.02")
    assert [row["name"] for row in landed(published, "erp", "customers")] == ["Açaí & Cia"]
    assert [(row["kind"], row["amount"]) for row in landed(published, "erp", "payments")] == [
        ("payment", Decimal("400.00")), ("reversal", Decimal("100.00")),
    ]  # fmt: skip
    assert refused(published, "billing", "receivables") == {"2": "unreadable", "3": "missing"}
    assert [row["amount"] for row in landed(published, "billing", "receivables")] == [
        Decimal("123.45"), Decimal("10000000000000.01"),
    ]  # fmt: skip
    assert refused(published, "billing", "payments") == {"2": "unreadable"}
    assert {row.problem for row in check(settings)} == {""}


def test_postgresql_values_that_python_does_not_know(erp_only: Settings, make_source: MakeSource):
    accept_any_amount(erp_only)
    erp = make_source("erp", "postgresql")
    erp.run("alter table titulos alter valor type numeric")
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE)
    erp.run(
        "insert into titulos (id, cod_cliente, vencimento, valor, alterado_em) values "
        "(2, 'C1', '20226-01-15', 10, null), (3, 'C1', 'infinity', 10, null), (4, 'C1', '0044-03-15 BC', 10, null), "
        "(5, 'C1', '2026-11-03', 10.5, 'infinity'), (6, 'C1', '2026-11-03', 10.005, null), "
        "(7, 'C1', '2026-11-03', 9999999999999999.99, null), "
        "(8, 'C1', '2026-11-03', 12345678901234567890123456789012345678.9, null)"
    )
    published = landing.land_all(erp_only, D, "run")
    assert refused(published, "erp", "receivables") == {
        "2": "unreadable", "3": "unreadable", "4": "unreadable", "6": "too_many_decimals", "8": "too_large",
    }  # fmt: skip
    entry = published.entry("erp/receivables.parquet")
    assert entry.totals["amount BRL"] == "10000000000001010.49" and entry.totals["source_control"] == "compared"
    erp.run("insert into titulos (id, cod_cliente, vencimento, valor) values (9, 'C1', '2026-11-03', 'NaN')")
    published = landing.land_all(erp_only, D, "run")
    assert refused(published, "erp", "receivables")["9"] == "not_finite"
    assert published.entry("erp/receivables.parquet").totals["source_control"] == "rows only"


def test_mariadb_zero_dates_are_no_dates(erp_only: Settings, make_source: MakeSource):
    erp = make_source("erp", "mariadb")
    erp.add("clientes", CLIENT)
    erp.run(
        "set session sql_mode = ''",
        "insert into titulos (id, cod_cliente, vencimento, emissao, valor, alterado_em) values "
        "(1, 'C1', '2026-11-03', '0000-00-00', 10, '0000-00-00 00:00:00'), (2, 'C1', '0000-00-00', null, 10, null), "
        "(3, 'C1', '2026-11-00', null, 10, null)",
    )
    published = landing.land_all(erp_only, D, "run")
    [row] = landed(published, "erp", "receivables")
    assert (row["receivable_id"], row["issue_date"], row["updated_at"]) == ("1", None, None)
    assert refused(published, "erp", "receivables") == {"2": "missing", "3": "unreadable"}


def test_a_float_column_is_read_as_it_was_typed(erp_only: Settings, make_source: MakeSource):
    erp = make_source("erp", "postgresql")
    erp.run("alter table titulos alter valor type double precision")
    erp.add("clientes", CLIENT)
    erp.add("titulos", *[TITLE | {"id": n, "valor": value} for n, value in enumerate([0.1, 1234567.89, 0.1 + 0.2])])
    published = landing.land_all(erp_only, D, "run")
    assert [row["amount"] for row in landed(published, "erp", "receivables")] == [Decimal("0.10"), Decimal("1234567.89")]
    assert refused(published, "erp", "receivables") == {"2": "too_many_decimals"}
    assert published.entry("erp/receivables.parquet").totals["source_control"] == "rows only"


@pytest.mark.parametrize("kind", ENGINES)
def test_the_three_entities_are_of_one_moment(erp_only: Settings, make_source: MakeSource, kind: str):
    """While the source is read, a new customer with title and settlement is committed: none of it may be seen."""
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE)
    if kind == "sqlite":
        erp.run("pragma journal_mode = wal")
    mapping = get_mapping(erp_only, "erp")
    with engine.open_snapshot(mapping) as snapshot:
        counted = [snapshot.totals("customers", mapping.entity("customers").query)[0][1]]
        erp.add("clientes", CLIENT | {"cod_cliente": "C2"})
        erp.add("titulos", TITLE | {"id": 2, "cod_cliente": "C2"})
        erp.add("baixas", SETTLEMENT | {"titulo_id": 2})
        counted += [snapshot.totals(entity, mapping.entity(entity).query)[0][1] for entity in ("receivables", "payments")]
    assert counted == [1, 1, 0]


@pytest.mark.parametrize("kind", ENGINES)
def test_a_source_is_never_written(erp_only: Settings, make_source: MakeSource, kind: str):
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    refusal = "SQLITE_READONLY" if kind == "sqlite" else "code 25006"
    with engine.open_snapshot(get_mapping(erp_only, "erp")) as snapshot, pytest.raises(SourceError, match=refusal):
        snapshot.rows("customers", "delete from clientes")
    with erp.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from clientes").scalar() == 1


@pytest.mark.parametrize("kind", SERVERS)
def test_a_connection_cut_while_reading_leaves_no_landing(
    erp_only: Settings, make_source: MakeSource, kind: str, monkeypatch: pytest.MonkeyPatch
):
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    # wide rows, so that most of them are still in the server when the connection is cut
    erp.add("titulos", *[TITLE | {"id": n, "link_pagamento": "x" * 20_000} for n in range(1, 2_001)])
    first = landing.land_all(erp_only, D, "run 1")
    before = everything_under(first.folder.parent)
    monkeypatch.setattr(engine, "CHUNK_ROWS", 100)
    clean_one, cut = landing_cleaner(monkeypatch)

    def cut_after_the_first_chunk(self, chunk):
        if self.entity == "receivables" and not cut:
            cut.append(True)
            kill_readers(erp)
        return clean_one(self, chunk)

    monkeypatch.setattr("cobranca.sources.clean.Cleaner.clean", cut_after_the_first_chunk)
    with pytest.raises(
        SourceError, match=r"source 'erp', receivables: the database failed while it was read \(code .*run this step again"
    ):
        landing.land_source(erp_only, D, "erp", "run 2")
    assert not any(first.folder.parent.glob(".draft-*/*"))
    for draft in first.folder.parent.glob(".draft-*"):
        draft.rmdir()
    assert everything_under(first.folder.parent) == before
    assert landing.land_all(erp_only, D, "run 2").batch_id == first.batch_id


def landing_cleaner(monkeypatch: pytest.MonkeyPatch):
    from cobranca.sources.clean import Cleaner

    return Cleaner.clean, []


def kill_readers(source: SourceDatabase) -> None:
    with source.engine.connect() as connection:
        if source.kind == "postgresql":
            connection.exec_driver_sql(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
            return
        for row in connection.exec_driver_sql("show processlist").all():
            if row.db == "source_erp" and row.Id != connection.exec_driver_sql("select connection_id()").scalar():
                connection.exec_driver_sql(f"kill {row.Id}")


@pytest.mark.parametrize("kind", ENGINES)
def test_a_statement_that_takes_too_long_is_ended(erp_only: Settings, make_source: MakeSource, kind: str):
    make_source("erp", kind)
    slow = {
        "postgresql": "select pg_sleep(30)::text as customer_id, 'x' as name",
        "mariadb": "select sleep(30) as customer_id, 'x' as name from (select 1 union select 2) t where sleep(30) = 0",
        "sqlite": "with recursive n(x) as (select 1 union all select x + 1 from n) select max(x) as customer_id, 1 name from n",
    }[kind]
    mapping = get_mapping(erp_only, "erp").model_copy(update={"statement_timeout_seconds": 1})
    started = time.monotonic()
    with (
        engine.open_snapshot(mapping) as snapshot,
        pytest.raises(SourceError, match="a statement took longer than 1 s; make the query lighter or raise"),
    ):
        for _ in snapshot.stream("customers", slow).chunks:
            pass
    assert time.monotonic() - started < 25, "it would have slept for 30 s"


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "s3nh4-secreta"}, "refused the login or has no such database; correct user, password and database name"),
        ({"database": "no_such_database"}, "refused the login or has no such database"),
        ({"port": 1}, "no database answers at 127.0.0.1:1; start the database or correct host and port in AIRFLOW_CONN_ERP"),
    ],
)
def test_an_unreachable_database_is_one_clear_error(
    erp_only: Settings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str, change: dict, words: str
):
    server = request.getfixturevalue("postgres_server" if kind == "postgresql" else "mariadb_server")
    url = sa.make_url(server.create_database("reachable")).set(**change)
    monkeypatch.setenv("AIRFLOW_CONN_ERP", url.render_as_string(hide_password=False))
    with pytest.raises(SourceError) as error:
        landing.land_source(erp_only, D, "erp", "run")
    assert str(error.value).startswith("source 'erp': connection 'erp'") and words in str(error.value)
    shown = "".join(traceback.format_exception(error.value))
    assert str(url.password) not in shown and "OperationalError" not in shown
    [row] = check(erp_only)
    assert words.partition(";")[0] in row.problem


@pytest.mark.parametrize("kind", ENGINES)
def test_no_error_log_or_manifest_shows_a_secret_or_a_person(
    erp_only: Settings, make_source: MakeSource, kind: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture
):
    """Canaries in every column; then a cast that fails on the tax id, the error that drivers love to quote."""
    caplog.set_level(logging.DEBUG)
    erp = make_source("erp", kind)
    erp.add(
        "clientes",
        CLIENT | {"cpf_cnpj": "529.982.247-25", "emails": "canario@empresa.com.br", "telefone": "(11) 98888-7777"},
        CLIENT | {"cod_cliente": "C2", "razao_social": None, "cpf_cnpj": "529.982.247-25"},
    )
    erp.add("titulos", TITLE | {"numero": "529.982.247-25", "valor": None})
    published = landing.land_all(erp_only, D, "run 1")
    path = erp_only.config / "sources" / "erp.yml"
    cast = {
        "postgresql": "cast(cpf_cnpj as integer)",
        "mariadb": "extractvalue(cpf_cnpj, concat('~', emails))",
        "sqlite": "json_extract(cpf_cnpj, '$.x')",
    }[kind]
    path.write_text(path.read_text(encoding="utf-8").replace("cpf_cnpj as tax_id", f"{cast} as tax_id"), encoding="utf-8")
    with pytest.raises(CobrancaError) as error:
        landing.land_all(erp_only, D, "run 2")
    shown = [
        *traceback.format_exception(error.value), caplog.text, *capfd.readouterr(), repr(check(erp_only)),
        (published.folder.parent / "manifest.json").read_text(),
    ]  # fmt: skip
    chained = error.value
    while chained is not None:
        shown += [str(chained), repr(chained)]
        chained = chained.__cause__ or chained.__context__
    for canary in (*CANARIES, sa.make_url(erp.url).password or CANARIES[0]):
        assert not [text for text in shown if canary in text], canary


def test_a_query_may_hold_percent_and_colon(erp_only: Settings, make_source: MakeSource):
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("where t.excluido", "where b.forma like '%i%' and b.id % 2 = 1::int and ':x' <> '' and t.excluido")
    )
    erp = make_source("erp", "postgresql")
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE)
    erp.add("baixas", SETTLEMENT, SETTLEMENT | {"id": 2})
    published = landing.land_all(erp_only, D, "run")
    assert [row["payment_id"] for row in landed(published, "erp", "payments")] == ["1"]
    assert landing.paid_now(erp_only, "erp", ["1"]) == {"1": Decimal("400.00")}


@pytest.mark.parametrize("kind", ENGINES)
def test_rows_are_streamed_not_gathered(erp_only: Settings, make_source: MakeSource, kind: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "CHUNK_ROWS", 100)
    erp = make_source("erp", kind)
    erp.add("clientes", *[CLIENT | {"cod_cliente": f"C{n}"} for n in range(1_050)])
    mapping = get_mapping(erp_only, "erp")
    with engine.open_snapshot(mapping) as snapshot:
        stream = snapshot.stream("customers", mapping.entity("customers").query)
        if kind != "sqlite":
            # a cursor that keeps the rows in the server; SQLite has no other
            assert type(stream.chunks.gi_frame.f_locals["result"].cursor).__name__ in ("ServerCursor", "SSCursor")
        assert [len(chunk) for chunk in stream.chunks] == [100] * 10 + [50]


def test_a_writer_is_not_held_up_by_a_reader(erp_only: Settings, make_source: MakeSource):
    """A payment committed during a landing is not lost: the next landing has it."""
    erp = make_source("erp", "postgresql")
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE)
    stop, committed = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            erp.add("baixas", SETTLEMENT | {"id": number})
            committed.set()

    def land(run: str) -> int:
        rows = landing.land_all(erp_only, D, run).entry("erp/payments.parquet").rows
        committed.clear()
        assert committed.wait(60)
        return rows

    writer = threading.Thread(target=write)
    writer.start()
    try:
        counts = [land(f"run {n}") for n in range(3)]
    finally:
        stop.set()
        writer.join()
    assert counts == sorted(counts) and counts[-1] > counts[0]


def test_importing_the_package_stays_light():
    code = "import sys, cobranca.landing, cobranca.sources; print({'pyarrow', 'duckdb', 'sqlalchemy'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


@pytest.mark.parametrize("kind", ENGINES)
def test_one_bad_query_does_not_hide_the_others(erp_only: Settings, make_source: MakeSource, kind: str):
    make_source("erp", kind).add("titulos", TITLE)
    path = erp_only.config / "sources" / "erp.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("razao_social as name", "razao as name"), encoding="utf-8")
    rows = check(erp_only)
    assert [(row.entity, row.rows, bool(row.problem)) for row in rows] == [
        ("customers", 0, True),
        ("receivables", 1, False),
        ("payments", 0, False),
    ]
    assert "the database refuses the query" in rows[0].problem and "razao" in rows[0].problem
