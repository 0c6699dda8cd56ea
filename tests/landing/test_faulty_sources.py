"""Sources that die, hang, lie about the day, write, or send a monster: a clear refusal, and nothing
half-landed.
"""

import logging
import time
import traceback
from contextlib import suppress
from datetime import date
from decimal import Decimal

import psutil
import pytest
import sqlalchemy as sa

from cobranca.errors import SourceError
from cobranca.landing import land
from cobranca.partitions import landing_partition
from cobranca.settings import Settings
from cobranca.sources import current_state
from cobranca.sources.check import check
from cobranca.sources.drivers import database
from servers import ServerFailed
from source_databases import (
    CLIENT,
    SERVERS,
    SETTLEMENT,
    TITLE,
    D,
    MakeSource,
    everything_under,
    landed,
    nothing_half_landed,
)  # fmt: skip


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_killed_in_the_middle_of_an_extract(
    erp_only: Settings,
    make_source: MakeSource,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
):
    """The server is killed while titles arrive: no landing of that run, and the earlier one stays.

    A retry starts clean.
    """
    erp = make_source("erp", kind)
    server = request.getfixturevalue(
        "postgres_server" if kind == "postgresql" else "mariadb_server"
    )
    erp.add("clientes", CLIENT)
    # wide rows, so that most are still in the server when it dies
    erp.add("titulos", *[TITLE | {"id": n, "link_pagamento": "x" * 60_000} for n in range(1, 301)])
    first = land.land_all(erp_only, D, "run 1")
    before = everything_under(first.folder.parent)
    with monkeypatch.context() as patch:
        killed = kill_after_the_first_chunk(server, kind, patch)
        try:
            with pytest.raises(
                SourceError,
                match=(
                    r"source 'erp', receivables: the database failed while it was read .*run "
                    r"this st"
                ),
            ):
                land.land_source(erp_only, D, "erp", "run 2")
            assert killed and nothing_half_landed(erp_only)
            with pytest.raises(SourceError, match="no database answers at 127.0.0.1"):
                land.land_source(erp_only, D, "erp", "run 2")
        finally:
            start_again(server, kind)
    with pytest.raises(SourceError, match="source 'erp' was not read in this run"):
        land.accept(erp_only, D, "run 2")
    for draft in first.folder.parent.glob(".draft-*"):
        draft.rmdir()
    assert everything_under(first.folder.parent) == before
    assert land.land_all(erp_only, D, "run 2").batch_id == first.batch_id


def kill_after_the_first_chunk(server, kind: str, patch: pytest.MonkeyPatch) -> list:
    from cobranca.sources.cleaning.cleaner import Cleaner

    clean, killed = Cleaner.clean, []

    def and_kill(self, chunk):
        if self.entity == "receivables" and not killed:
            killed.append(True)
            kill(server, kind)
        return clean(self, chunk)

    patch.setattr(Cleaner, "clean", and_kill)
    # the extract must not be over before its first chunk is handed on
    patch.setattr(database, "FIRST_CHUNK_ROWS", 10)
    patch.setattr("cobranca.sources.drivers.arrow_postgresql.TABLE_BYTES", 1 << 10)
    patch.setattr("cobranca.sources.drivers.arrow_mysql.BLOCK_BYTES", 80 << 10)
    return killed


def kill(server, kind: str) -> None:
    if kind == "mariadb":
        server.kill()
        return
    main = psutil.Process(server._process.pid)
    for process in [main, *main.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def start_again(server, kind: str) -> None:
    if kind == "mariadb":
        server.start_again()
        return
    server._process.wait(30)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:  # the last backends may still hold the shared memory
        try:
            assert server._try_launch()
            return
        except ServerFailed:
            time.sleep(0.2)
    raise AssertionError("PostgreSQL did not come back")


WRITES = {
    "postgresql": {
        "select nextval('seq') as customer_id, 'x' as name": "25006",
        "select setval('seq', 5) as customer_id, 'x' as name": "25006",
        "select bump() as customer_id, 'x' as name": "25006",
    },
    "mariadb": {
        "select nextval(seq) as customer_id, 'x' as name": "25006",
        "select bump() as customer_id, 'x' as name": "25006",
    },
}


@pytest.mark.parametrize("kind", SERVERS)
def test_a_function_with_side_effects_is_stopped_by_the_transaction(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    """They look like a plain SELECT, so only the read-only transaction can stop them."""
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    body = "delete from clientes"
    if kind == "postgresql":
        erp.run(
            "create sequence seq",
            f"create function bump() returns int language sql as $$ {body}; select 1 $$",
        )
    else:
        erp.run(
            "create sequence seq",
            f"create function bump() returns int modifies sql data begin {body}; return 1; end",
        )
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    head, _, tail = text.partition("  customers:\n")
    rest = tail.partition("  receivables:\n")[2]
    for query, code in WRITES[kind].items():
        path.write_text(
            f'{head}  customers: {{query: "{query}"}}\n  receivables:\n{rest}', encoding="utf-8"
        )
        with pytest.raises(SourceError, match=rf"source 'erp', customers: .*code {code}"):
            land.land_all(erp_only, D, "run")
    with erp.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from clientes").scalar() == 1
        connection.exec_driver_sql("select bump()")  # and the function does what it says
        assert connection.exec_driver_sql("select count(*) from clientes").scalar() == 0


@pytest.mark.parametrize("kind", ["sqlite", *SERVERS])
def test_tables_without_rows_land_empty(erp_only: Settings, make_source: MakeSource, kind: str):
    make_source("erp", kind)
    published = land.land_all(erp_only, D, "run")
    assert [entry.rows for entry in published.files] == [0] * 6
    assert {row.problem for row in check(erp_only)} == {""}


def test_one_row_of_a_hundred_megabytes_is_refused(
    erp_only: Settings, make_source: MakeSource, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    erp = make_source("erp", "postgresql")
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE)
    first = land.land_all(erp_only, D, "run 1")
    erp.run("alter table titulos alter link_pagamento type text")
    erp.run("update titulos set link_pagamento = repeat('canario@', 13107200)")
    with pytest.raises(
        SourceError,
        match=(
            r"receivables: column 'payment_url' holds a value of 104,857,60\d characters, more "
            r"than 1,"
        ),
    ):
        land.land_all(erp_only, D, "run 2")
    assert (
        nothing_half_landed(erp_only)
        and landing_partition.read_landing(erp_only, D, verify=True) == first
    )
    assert "canario@" not in caplog.text


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_a_value_larger_than_any_column_needs_is_refused(
    erp_only: Settings, make_source: MakeSource, kind: str
):
    erp = make_source("erp", kind)
    erp.add("clientes", CLIENT)
    if kind == "mariadb":
        erp.run("alter table titulos modify link_pagamento longtext")
    erp.add("titulos", TITLE | {"link_pagamento": "x" * 1_000_001})
    with pytest.raises(
        SourceError,
        match=(
            "column 'payment_url' holds a value of 1,000,001 characters, more than 1,000,000; "
            "correct"
        ),
    ):
        land.land_all(erp_only, D, "run")
    assert nothing_half_landed(erp_only)


@pytest.mark.parametrize(
    ("kind", "zone"),
    [
        ("postgresql", "Asia/Tokyo"),
        ("postgresql", "UTC"),
        ("mariadb", "+09:00"),
        ("mariadb", "+00:00"),
    ],
)
def test_a_payment_near_midnight_is_of_sao_paulos_day(
    erp_only: Settings, make_source: MakeSource, kind: str, zone: str
):
    """23:30 and 00:30 in São Paulo, kept with a zone by servers that live elsewhere."""
    erp = make_source("erp", kind)
    if zone in ("UTC", "+00:00"):  # the query itself makes a date of it
        path = erp_only.config / "sources" / "erp.yml"
        text = path.read_text(encoding="utf-8").replace(
            "b.data_pagamento as", "cast(b.data_pagamento as date) as"
        )
        path.write_text(text, encoding="utf-8")
    erp.add("clientes", CLIENT)
    erp.add("titulos", TITLE)
    instants = {1: "2026-11-18 02:30:00", 2: "2026-11-18 03:30:00"}  # in UTC
    if kind == "postgresql":
        erp.run(
            f"alter database source_erp set timezone = '{zone}'",
            "alter table baixas alter data_pagamento type timestamptz",
        )
        rows = ", ".join(f"({n}, 1, '{at}+00', 10, 'PG')" for n, at in instants.items())
        erp.run(f"insert into baixas (id, titulo_id, data_pagamento, valor, tipo) values {rows}")
    else:
        erp.run("alter table baixas modify data_pagamento timestamp null")
        rows = ", ".join(f"({n}, 1, '{at}', 10, 'PG')" for n, at in instants.items())
        with erp.engine.begin() as connection:
            connection.exec_driver_sql("set time_zone = '+00:00'")
            connection.exec_driver_sql(
                f"insert into baixas (id, titulo_id, data_pagamento, valor, tipo) values {rows}"
            )
        erp.run(f"set global time_zone = '{zone}'")
    try:
        published = land.land_all(erp_only, D, "run")
    finally:
        if kind == "mariadb":
            erp.run("set global time_zone = 'SYSTEM'")
    assert {row["payment_id"]: row["paid_on"] for row in landed(published, "erp", "payments")} == {
        "1": date(2026, 11, 17), "2": date(2026, 11, 18),
    }  # fmt: skip


@pytest.mark.parametrize("kind", SERVERS)
def test_debug_logs_of_a_whole_run_show_no_person(
    erp_only: Settings,
    make_source: MakeSource,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture,
):
    """Everything at DEBUG: a landing, a failing one, the pre-send check and a check of sources."""
    caplog.set_level(logging.DEBUG)
    erp = make_source("erp", kind)
    secret = sa.make_url(erp.url).password
    canaries = (
        "529.982.247-25",
        "52998224725",
        "canario@empresa.com.br",
        "98888-7777",
        "Canária da Silva",
        secret,
    )
    erp.add(
        "clientes",
        CLIENT
        | {"razao_social": "Canária da Silva", "cpf_cnpj": canaries[0], "emails": canaries[2]},
    )
    erp.add("titulos", TITLE | {"numero": canaries[0]})
    erp.add("baixas", SETTLEMENT)
    land.land_all(erp_only, D, "run 1")
    assert current_state.read_payments(erp_only, "erp", ["1"]) == {"1": Decimal("400.00")}
    check(erp_only)
    shown = []
    for broken in (
        "cast(emails as decimal(5, 2)) / 0 as city",
        "nope as city",
        "repeat(emails, 90000) as city",
    ):
        path = erp_only.config / "sources" / "erp.yml"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("municipio as city", broken), encoding="utf-8")
        try:
            land.land_all(erp_only, D, "run 2")
        except SourceError as error:
            shown += traceback.format_exception(error)
        shown.append(repr(check(erp_only)))
        path.write_text(text, encoding="utf-8")
    shown += [caplog.text, *capfd.readouterr()]
    for canary in canaries:
        assert not [text for text in shown if canary in text], canary
