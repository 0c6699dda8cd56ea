"""The same reading against real servers: types, snapshots, faults, and errors that give nothing
away.
"""

import re
import subprocess
import sys
import threading
from datetime import date
from decimal import Decimal

import pytest

from cobranca.errors import SourceError
from cobranca.landing import land
from cobranca.settings import Settings
from cobranca.sources import current_state, open_snapshot
from cobranca.sources.check import check
from cobranca.sources.drivers import database
from cobranca.sources.mapping.load import get_mapping
from source_databases import (
    ACCOUNT,
    CLIENT,
    ENGINES,
    INVOICE,
    INVOICE_PAYMENT,
    SERVERS,
    SETTLEMENT,
    TITLE,
    D,
    MakeSource,
    SourceDatabase,
    everything_under,
    landed,
    refused,
)  # fmt: skip


def accept_any_amount(settings: Settings) -> None:
    """The default limit is far below what a decimal of 18 digits holds."""
    path = settings.config / "limits.yml"
    path.write_text(
        re.sub(
            r"largest_amount: \S+",
            "largest_amount: 9999999999999999.99",
            path.read_text(encoding="utf-8"),
        ),
        "utf-8",
    )


@pytest.mark.parametrize("kind", ENGINES)
def test_one_source_file_reads_the_same_from_every_engine(
    settings: Settings, make_source: MakeSource, kind: str
):
    accept_any_amount(settings)
    erp, billing = make_source("erp", kind), make_source("billing", kind)
    erp.add("clientes", CLIENT | {"cod_cliente": "C1", "razao_social": "  Açaí & Cia   "})
    erp.add(
        "titulos",
        TITLE | {"excluido": None},
        TITLE | {"id": 2, "valor": "0.10", "situacao": "N", "emissao": None},
    )
    erp.add(
        "titulos",
        TITLE | {"id": 3, "valor": None},
        TITLE | {"id": 4, "valor": "-7.00"},
        TITLE | {"id": 5, "situacao": "Z"},
    )
    erp.add(
        "titulos",
        TITLE | {"id": 6, "vencimento": None},
        TITLE | {"id": 7, "emissao": date(2026, 12, 1)},
    )
    erp.add(
        "titulos",
        TITLE | {"id": 8, "excluido": True},
        TITLE | {"id": 9, "valor": "9999999999999.99", "moeda": "USD"},
    )
    erp.add(
        "baixas",
        SETTLEMENT,
        SETTLEMENT | {"id": 2, "tipo": "ES", "valor": "-100.00"},
        SETTLEMENT | {"id": 3, "titulo_id": 8},
    )
    billing.add("account", ACCOUNT)
    billing.add(
        "invoice",
        INVOICE,
        INVOICE | {"id": 2, "due_on": "A DEFINIR"},
        INVOICE | {"id": 3, "due_on": "00000000"},
    )
    billing.add("invoice", INVOICE | {"id": 4, "total_cents": 10**15 + 1, "state": "paid"})
    billing.add(
        "invoice_payment", INVOICE_PAYMENT, INVOICE_PAYMENT | {"id": 2, "received_on": "ontem"}
    )
    published = land.land_all(settings, D, "run")

    assert refused(published, "erp", "receivables") == {
        "3": "missing", "4": "not_positive", "5": "unknown_status", "6": "missing",
    }  # fmt: skip
    titles = {row["receivable_id"]: row for row in landed(published, "erp", "receivables")}
    assert sorted(titles) == ["1", "2", "7", "9"]
    assert titles["7"]["issue_date"] is None, "it was issued after its due date"
    assert titles["2"]["amount"] == Decimal("0.10") and titles["2"]["status"] == "agreed"
    assert titles["9"]["amount"] == Decimal("9999999999999.99") and titles["9"][
        "fine_rate"
    ] == Decimal("0.02")
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
        "(2, 'C1', '20226-01-15', 10, null), (3, 'C1', 'infinity', 10, null), (4, 'C1', "
        "'0044-03-15 BC', 10, null), "
        "(5, 'C1', '2026-11-03', 10.5, 'infinity'), (6, 'C1', '2026-11-03', 10.005, null), "
        "(7, 'C1', '2026-11-03', 9999999999999999.99, null), "
        "(8, 'C1', '2026-11-03', 12345678901234567890123456789012345678.9, null)"
    )
    published = land.land_all(erp_only, D, "run")
    assert refused(published, "erp", "receivables") == {
        "2": "unreadable", "3": "unreadable", "4": "unreadable", "6": "too_many_decimals",
        "8": "too_large",
    }  # fmt: skip
    entry = published.entry("erp/receivables.parquet")
    assert (
        entry.totals["amount BRL"] == "10000000000001010.49"
        and entry.totals["source_control"] == "compared"
    )
    erp.run(
        "insert into titulos (id, cod_cliente, vencimento, valor) values (9, 'C1', '2026-11-03', "
        "'NaN')"
    )
    published = land.land_all(erp_only, D, "run")
    assert refused(published, "erp", "receivables")["9"] == "not_finite"
    assert published.entry("erp/receivables.parquet").totals["source_control"] == "rows only"


def test_mariadb_zero_dates_are_no_dates(erp_only: Settings, make_source: MakeSource):
    erp = make_source("erp", "mariadb")
    erp.add("clientes", CLIENT)
    erp.run(
        "set session sql_mode = ''",
        "insert into titulos (id, cod_cliente, vencimento, emissao, valor, alterado_em) values "
        "(1, 'C1', '2026-11-03', '0000-00-00', 10, '0000-00-00 00:00:00'), (2, 'C1', "
        "'0000-00-00', null, 10, null), "
        "(3, 'C1', '2026-11-00', null, 10, null)",
    )
    published = land.land_all(erp_only, D, "run")
    [row] = landed(published, "erp", "receivables")
    assert (row["receivable_id"], row["issue_date"], row["updated_at"]) == ("1", None, None)
    assert refused(published, "erp", "receivables") == {"2": "missing", "3": "unreadable"}


def test_a_float_column_is_read_as_it_was_typed(erp_only: Settings, make_source: MakeSource):
    erp = make_source("erp", "postgresql")
    erp.run("alter table titulos alter valor type double precision")
    erp.add("clientes", CLIENT)
    erp.add(
        "titulos",
        *[
            TITLE | {"id": n, "valor": value}
            for n, value in enumerate([0.1, 1234567.89, 0.1 + 0.2])
        ],
    )
    published = land.land_all(erp_only, D, "run")
    assert [row["amount"] for row in landed(published, "erp", "receivables")] == [
        Decimal("0.10"),
        Decimal("1234567.89"),
    ]
    assert refused(published, "erp", "receivables") == {"2": "too_many_decimals"}
    assert published.entry("erp/receivables.parquet").totals["source_control"] == "rows only"


@pytest.mark.parametrize("kind", ENGINES)
def test_the_three_entities_are_of_one_moment(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    """While the source is read, a new customer with title and settlement is committed: none of it
    may be seen.
    """
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE)
    if kind == "sqlite":
        erp.run("pragma journal_mode = wal")
    mapping = get_mapping(erp_only, "erp")
    with open_snapshot.open_snapshot(mapping) as snapshot:
        counted = [snapshot.totals("customers", mapping.entity("customers").query)[0][1]]
        erp.add("clientes", CLIENT | {"cod_cliente": "C2"})
        erp.add("titulos", TITLE | {"id": 2, "cod_cliente": "C2"})
        erp.add("baixas", SETTLEMENT | {"titulo_id": 2})
        counted += [
            snapshot.totals(entity, mapping.entity(entity).query)[0][1]
            for entity in ("receivables", "payments")
        ]
    assert counted == [1, 1, 0]


@pytest.mark.parametrize("kind", ENGINES)
def test_a_source_is_never_written(erp_only: Settings, make_source: MakeSource, kind: str):
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    refusal = "SQLITE_READONLY" if kind == "sqlite" else "code 25006"
    with (
        open_snapshot.open_snapshot(get_mapping(erp_only, "erp")) as snapshot,
        pytest.raises(SourceError, match=refusal),
    ):
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
    erp.add(
        "titulos", *[TITLE | {"id": n, "link_pagamento": "x" * 20_000} for n in range(1, 2_001)]
    )
    first = land.land_all(erp_only, D, "run 1")
    before = everything_under(first.folder.parent)
    monkeypatch.setattr(database, "CHUNK_ROWS", 100)
    clean_one, cut = landing_cleaner(monkeypatch)

    def cut_after_the_first_chunk(self, chunk):
        if self.entity == "receivables" and not cut:
            cut.append(True)
            kill_readers(erp)
        return clean_one(self, chunk)

    monkeypatch.setattr(
        "cobranca.sources.cleaning.cleaner.Cleaner.clean", cut_after_the_first_chunk
    )
    with pytest.raises(
        SourceError,
        match=(
            r"source 'erp', receivables: the database failed while it was read \(code .*run "
            r"this step again"
        ),
    ):
        land.land_source(erp_only, D, "erp", "run 2")
    assert not any(first.folder.parent.glob(".draft-*/*"))
    for draft in first.folder.parent.glob(".draft-*"):
        draft.rmdir()
    assert everything_under(first.folder.parent) == before
    assert land.land_all(erp_only, D, "run 2").batch_id == first.batch_id


def landing_cleaner(monkeypatch: pytest.MonkeyPatch):
    from cobranca.sources.cleaning.cleaner import Cleaner

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
            if (
                row.db == "source_erp"
                and row.Id != connection.exec_driver_sql("select connection_id()").scalar()
            ):
                connection.exec_driver_sql(f"kill {row.Id}")


def test_a_query_may_hold_percent_and_colon(erp_only: Settings, make_source: MakeSource):
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace(
            "where t.excluido",
            "where b.forma like '%i%' and b.id % 2 = 1::int and ':x' <> '' and t.excluido",
        )
    )
    erp = make_source("erp", "postgresql")
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE)
    erp.add("baixas", SETTLEMENT, SETTLEMENT | {"id": 2})
    published = land.land_all(erp_only, D, "run")
    assert [row["payment_id"] for row in landed(published, "erp", "payments")] == ["1"]
    assert current_state.read_payments(erp_only, "erp", ["1"]) == {"1": Decimal("400.00")}


@pytest.mark.parametrize("kind", ENGINES)
def test_rows_are_streamed_not_gathered(
    erp_only: Settings, make_source: MakeSource, kind: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database, "CHUNK_ROWS", 100)
    erp = make_source("erp", kind)
    erp.add("clientes", *[CLIENT | {"cod_cliente": f"C{n}"} for n in range(1_050)])
    mapping = get_mapping(erp_only, "erp")
    with open_snapshot.open_snapshot(mapping) as snapshot:
        stream = snapshot.stream("customers", mapping.entity("customers").query)
        if kind != "sqlite":
            # a cursor that keeps the rows in the server; SQLite has no other
            assert type(stream.chunks.gi_frame.f_locals["result"].cursor).__name__ in (
                "ServerCursor",
                "SSCursor",
            )
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

    def land_one(run: str) -> int:
        rows = land.land_all(erp_only, D, run).entry("erp/payments.parquet").rows
        committed.clear()
        assert committed.wait(60)
        return rows

    writer = threading.Thread(target=write)
    writer.start()
    try:
        counts = [land_one(f"run {n}") for n in range(3)]
    finally:
        stop.set()
        writer.join()
    assert counts == sorted(counts) and counts[-1] > counts[0]


def test_importing_the_package_stays_light():
    code = (
        "import sys, cobranca.landing.land, cobranca.sources; print({'pyarrow', 'duckdb', "
        "'sqlalchemy'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


@pytest.mark.parametrize("kind", ENGINES)
def test_one_bad_query_does_not_hide_the_others(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    make_source("erp", kind).add("titulos", TITLE)
    path = erp_only.config / "sources" / "erp.yml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("razao_social as name", "razao as name"),
        encoding="utf-8",
    )
    rows = check(erp_only)
    assert [(row.entity, row.rows, bool(row.problem)) for row in rows] == [
        ("customers", 0, True),
        ("receivables", 1, False),
        ("payments", 0, False),
    ]
    assert "the database refuses the query" in rows[0].problem and "razao" in rows[0].problem
