"""A landing is complete or absent, the same content gives the same bytes, and every row is
accounted for.
"""

import json
import os
import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cobranca.errors import ConfigError, GateFailed, SourceError
from cobranca.landing import land
from cobranca.partitions import landing_partition, manifest
from cobranca.settings import Settings
from cobranca.sources.check import check
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


@pytest.fixture
def erp(make_source: MakeSource) -> SourceDatabase:
    source = make_source("erp")
    source.add("clientes", CLIENT, CLIENT | {"cod_cliente": "C2"})
    source.add(
        "titulos", TITLE, TITLE | {"id": 2, "cod_cliente": "C2", "moeda": "USD", "valor": "70.05"}
    )
    source.add("baixas", SETTLEMENT)
    return source


@pytest.fixture
def billing(make_source: MakeSource) -> SourceDatabase:
    source = make_source("billing")
    source.add("account", ACCOUNT)
    source.add("invoice", INVOICE)
    source.add("invoice_payment", INVOICE_PAYMENT)
    return source


def test_two_different_schemas_land_as_one(
    settings: Settings, erp: SourceDatabase, billing: SourceDatabase
):
    seen = []
    published = land.land_all(settings, D, "run", seen.append)
    assert land.sources(settings) == ["billing", "erp"]
    assert published == landing_partition.read_landing(settings, D, verify=True)
    [draft] = seen
    assert (draft.business_date, draft.previous) == (D, None)
    assert sorted(entry.name for entry in draft.entries) == [
        entry.name for entry in published.files
    ]
    assert len(published.files) == 12
    [invoice] = landed(published, "billing", "receivables")
    assert (invoice["source"], invoice["receivable_id"], invoice["amount"]) == (
        "billing",
        "1",
        Decimal("123.45"),
    )
    assert (invoice["issue_date"], invoice["due_date"]) == (date(2026, 10, 1), date(2026, 11, 3))
    [customer] = landed(published, "billing", "customers")
    assert (customer["name"], customer["state"], customer["contract_type"]) == (
        "Maria da Conceição",
        "RJ",
        "consumer",
    )
    totals = published.entry("erp/receivables.parquet").totals
    about_reading = ("columns", "keys as stored", "read whole", "reading", "watermark")
    found = {name: value for name, value in totals.items() if not name.startswith(about_reading)}
    assert found == {
        "rows_read": "2", "rows_quarantined": "0", "amount BRL": "1000.00", "amount USD": "70.05",
        "source_control": "rows only",
        "source rows BRL": "1", "source rows USD": "1",
    }  # fmt: skip
    assert published.entry("billing/payments.parquet").totals["amount BRL"] == "23.45"
    totals = published.entry("billing/payments.parquet").totals
    assert (totals["source_control"], totals["source rows"], totals["source sum"]) == (
        "compared",
        "1",
        "23.45",
    )


def test_orphans_and_duplicates_go_to_quarantine(erp_only: Settings, erp: SourceDatabase):
    erp.add(
        "clientes",
        CLIENT
        | {"cod_cliente": " C1 ", "razao_social": "Newer", "alterado_em": date(2026, 11, 18)},
    )
    erp.add(
        "clientes", CLIENT | {"cod_cliente": "C1  ", "razao_social": "Undated", "alterado_em": None}
    )
    erp.add("titulos", TITLE | {"id": 3, "cod_cliente": "C9"}, TITLE | {"id": 4, "valor": "-1"})
    erp.add(
        "baixas",
        *[SETTLEMENT | {"id": id_, "titulo_id": title} for id_, title in ((2, 3), (3, 99), (4, 4))],
    )
    published = land.land_all(erp_only, D, "run")
    assert [row["name"] for row in landed(published, "erp", "customers")] == [
        "Newer",
        CLIENT["razao_social"],
    ]
    assert refused(published, "erp", "customers") == {"C1": "duplicate_key"}
    assert published.entry("erp/customers__quarantine.parquet").rows == 2
    assert refused(published, "erp", "receivables") == {
        "3": "unknown_customer",
        "4": "not_positive",
    }
    assert refused(published, "erp", "payments") == dict.fromkeys("234", "unknown_receivable")
    assert published.entry("erp/payments__quarantine.parquet").totals == {
        "reason unknown_receivable": "3", "refused": "1200.00",
    }  # fmt: skip
    for entity in ("customers", "receivables", "payments"):
        good, bad = (
            published.entry(f"erp/{entity}.parquet"),
            published.entry(f"erp/{entity}__quarantine.parquet"),
        )
        assert good.rows + bad.rows == int(good.totals["rows_read"]) and bad.rows == int(
            good.totals["rows_quarantined"]
        )


def test_money_for_no_receivable_lands_for_a_payer_who_is_there(crm_only: Settings, tmp_path: Path):
    """An advance is its payer's, in its own currency; whose payer is unknown is told."""
    with sqlite3.connect(tmp_path / "crm.db") as database:
        database.executescript("""
            create table customers (customer_id text, name text);
            create table receivables (receivable_id text, customer_id text, due_date text,
                amount text, currency text);
            create table payments (payment_id text, receivable_id text, paid_on text, amount text,
                customer_id text, currency text);
            insert into customers values ('A', 'Ana');
            insert into receivables values ('A1', 'A', '2026-11-10', '300.00', 'USD');
            insert into payments values
                ('of the receivable', 'A1', '2026-11-11', '10.00', null, null),
                ('an advance', null, '2026-11-11', '20.00', 'A', null),
                ('an advance in euros', '', '2026-11-11', '30.00', 'A', 'eur'),
                ('of a stranger', null, '2026-11-11', '40.00', 'X', null),
                ('of nobody', null, '2026-11-11', '50.00', ' ', null),
                ('of a lost receivable', 'A9', '2026-11-11', '60.00', 'A', null),
                ('of a long id', null, '2026-11-11', '70.00', printf('%0151d', 1), null);
        """)
    published = land.land_all(crm_only, D, "run")
    columns = ("payment_id", "receivable_id", "customer_id", "currency")
    assert {
        tuple(row[name] for name in columns) for row in landed(published, "crm", "payments")
    } == {
        ("an advance", None, "A", "BRL"),
        ("an advance in euros", None, "A", "EUR"),
        ("of the receivable", "A1", None, "BRL"),
    }
    assert refused(published, "crm", "payments") == {
        "of a stranger": "unknown_customer",
        "of nobody": "missing",
        "of a lost receivable": "unknown_receivable",
        "of a long id": "too_long",
    }
    totals = published.entry("crm/payments.parquet").totals
    assert {name: total for name, total in totals.items() if name.startswith("amount")} == {
        "amount BRL": "20.00",
        "amount EUR": "30.00",
        "amount USD": "10.00",
    }


def test_a_deleted_title_takes_its_settlements_along(erp_only: Settings, erp: SourceDatabase):
    erp.run("update titulos set excluido = true where id = 1")
    published = land.land_all(erp_only, D, "run")
    assert [row["receivable_id"] for row in landed(published, "erp", "receivables")] == ["2"]
    assert not landed(published, "erp", "payments") and not refused(published, "erp", "payments")


def test_the_same_content_in_another_order_gives_the_same_bytes(
    erp_only: Settings, erp: SourceDatabase
):
    titles = [TITLE | {"id": n, "numero": f"NF-{n % 7}"} for n in range(10, 400)]
    erp.add("titulos", *titles)
    first = land.land_all(erp_only, D, "run 1")
    before = everything_under(first.folder)
    erp.run("delete from titulos where id >= 10")
    path = erp_only.config / "sources" / "erp.yml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("where excluido", "where id > 0 and excluido"),
        encoding="utf-8",
    )
    erp.add("titulos", *reversed(titles))
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            "is not true\n    # Acc", "is not true order by id desc\n    # Acc"
        )
    )
    again = land.land_all(erp_only, D, "run 2")
    assert again.batch_id == first.batch_id and everything_under(again.folder) == before


def test_the_same_copies_in_another_order_leave_the_same_one(
    erp_only: Settings, erp: SourceDatabase
):
    """Where two copies of a key are equally late, their content decides."""
    copies = [
        CLIENT | {"cod_cliente": key, "razao_social": name, "alterado_em": date(2026, 11, 18)}
        for key, name in ((" C1 ", "Eva"), ("C1  ", "Ana"))
    ]
    kept = []
    for run, in_order in enumerate((copies, copies[::-1])):
        erp.run("delete from clientes where razao_social in ('Eva', 'Ana')")
        erp.add("clientes", *in_order)
        kept.append(landed(land.land_all(erp_only, D, f"run {run}"), "erp", "customers"))
    assert kept[0] == kept[1]
    assert {row["name"] for row in kept[0]} & {"Ana", "Eva"} == {"Ana"}


def test_landing_a_date_twice_replaces_it_whole(erp_only: Settings, erp: SourceDatabase):
    first = land.land_all(erp_only, D, "run 1")
    erp.run("delete from baixas", "delete from titulos where id = 2")
    second = land.land_all(erp_only, D, "run 2")
    assert second.batch_id != first.batch_id and not first.folder.exists()
    assert len(landed(second, "erp", "receivables")) == 1 and not landed(second, "erp", "payments")
    assert [path.name for path in second.folder.parent.iterdir() if path.is_dir()] == [
        second.batch_id
    ]


def test_a_refused_draft_leaves_the_earlier_landing(erp_only: Settings, erp: SourceDatabase):
    first = land.land_all(erp_only, D, "run 1")
    before = everything_under(first.folder)

    def refuse(draft: landing_partition.LandingDraft) -> None:
        assert (draft.folder / "erp" / "customers.parquet").exists()
        raise GateFailed("half of the rows are missing")

    erp.run("delete from baixas")
    land.land_source(erp_only, D, "erp", "run 2")
    with pytest.raises(GateFailed):
        land.accept(erp_only, D, "run 2", refuse)
    assert landing_partition.read_landing(erp_only, D, verify=True) == first
    assert everything_under(first.folder) == before
    # a repaired check may accept the very same draft
    assert land.accept(erp_only, D, "run 2").batch_id != first.batch_id


def test_a_crash_while_publishing_leaves_the_earlier_landing(
    erp_only: Settings, erp: SourceDatabase, monkeypatch: pytest.MonkeyPatch
):
    first = land.land_all(erp_only, D, "run 1")
    erp.run("delete from baixas")
    land.land_source(erp_only, D, "erp", "run 2")

    def crash(path, content):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write_atomically", crash)
        with pytest.raises(KeyboardInterrupt):
            land.accept(erp_only, D, "run 2")
    assert landing_partition.read_landing(erp_only, D, verify=True) == first
    assert land.accept(erp_only, D, "run 2").batch_id != first.batch_id


def test_accepting_again_after_success_returns_the_same(erp_only: Settings, erp: SourceDatabase):
    first = land.land_all(erp_only, D, "run 1")
    assert land.accept(erp_only, D, "run 1") == first
    erp.run("delete from baixas")
    land.land_all(erp_only, D, "run 2")
    with pytest.raises(
        SourceError,
        match="source 'erp' was not read in this run for 2026-11-18; run its landing step",
    ):
        land.accept(erp_only, D, "run 1")


@pytest.mark.parametrize(("read", "missing"), [("erp", "billing"), ("billing", "erp")])
def test_a_source_that_was_not_read_stops_the_acceptance(
    settings: Settings, erp: SourceDatabase, billing: SourceDatabase, read: str, missing: str
):
    land.land_source(settings, D, read, "run")
    with pytest.raises(SourceError, match=f"source '{missing}' was not read"):
        land.accept(settings, D, "run")
    land.land_source(settings, D, missing, "run")
    assert len(land.accept(settings, D, "run").files) == 12


def test_the_newest_earlier_landing_is_the_previous_one(erp_only: Settings, erp: SourceDatabase):
    seen = []
    for run, day in enumerate((16, 14, 15, 18, 17, 17)):
        land.land_all(erp_only, date(2026, 11, day), f"run {run}", seen.append)
    assert [draft.previous and draft.previous.business_date.day for draft in seen] == [
        None,
        None,
        14,
        16,
        16,
        16,
    ]


def test_abandoned_drafts_are_removed_after_two_days(erp_only: Settings, erp: SourceDatabase):
    land.land_source(erp_only, D, "erp", "dead run")
    [dead] = (erp_only.folder("landing", D, "sources")).glob(".draft-*")
    land.land_all(erp_only, D, "run 1")
    assert dead.exists()
    os.utime(dead, (0, 0))
    land.land_all(erp_only, D, "run 2")
    assert not dead.exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "razao_social as name",
            "razao_social as nome",
            "source 'erp', customers: unknown column 'nome'; rename it",
        ),
        (
            "          razao_social as name,\n",
            "",
            "source 'erp', customers: required column 'name' is missing; have",
        ),
        (
            "from clientes",
            "from cliente",
            "source 'erp', customers: the database refuses the query (no such table: cliente)",
        ),
        (
            "valor as amount",
            "valores as amount",
            "source 'erp', receivables: the database refuses the query (no such column: valores)",
        ),
    ],
)
def test_a_query_that_does_not_fit_stops_the_source(
    erp_only: Settings, erp: SourceDatabase, old: str, new: str, words: str
):
    first = land.land_all(erp_only, D, "run 1")
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SourceError) as error:
        land.land_all(erp_only, D, "run 2")
    assert words in str(error.value)
    assert landing_partition.read_landing(erp_only, D, verify=True) == first
    assert not any(first.folder.parent.glob(".draft-*/*"))
    row = next(row for row in check(erp_only) if row.problem)
    assert f"source '{row.source}', {row.entity}: {row.problem}; {row.cure}." in str(error.value)


def test_rows_lost_on_the_way_are_noticed(billing_only: Settings, billing: SourceDatabase):
    path = billing_only.config / "sources" / "billing.yml"
    text = path.read_text(encoding="utf-8")
    # a query that gives something else each time it is asked
    path.write_text(
        text.replace("total_cents as amount", "abs(random() % 1000000007) as amount"),
        encoding="utf-8",
    )
    with pytest.raises(
        SourceError,
        match=(
            r"source 'billing', receivables: the source's amounts add up to .*; run this step "
            r"again"
        ),
    ):
        land.land_source(billing_only, D, "billing", "run")


def test_every_source_is_checked_at_once(
    settings: Settings, erp: SourceDatabase, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIRFLOW_CONN_BILLING", "sqlite:////nowhere/billing.db")
    rows = check(settings)
    assert [(row.source, row.entity, row.rows, bool(row.problem)) for row in rows] == [
        ("billing", "", 0, True), ("erp", "customers", 2, False), ("erp", "receivables", 2, False),
        ("erp", "payments", 1, False),
    ]  # fmt: skip
    assert (
        rows[0].problem
        == "connection 'billing' names the SQLite file /nowhere/billing.db, which does not exist"
    )
    assert rows[0].cure.startswith("correct AIRFLOW_CONN_BILLING")
    monkeypatch.delenv("AIRFLOW_CONN_BILLING")
    assert check(settings)[0].problem == "connection 'billing' is not defined"


def test_a_missing_connection_is_a_configuration_error(erp_only: Settings):
    with pytest.raises(ConfigError, match="connection 'erp' is not defined; set AIRFLOW_CONN_ERP"):
        land.land_source(erp_only, D, "erp", "run")


def test_the_manifest_holds_no_personal_data(
    settings: Settings, erp: SourceDatabase, billing: SourceDatabase
):
    published = land.land_all(settings, D, "run")
    text = (
        json.dumps([dict(entry.totals) for entry in published.files])
        + (published.folder.parent / "manifest.json").read_text()
    )
    for personal in ("52998224725", "maria@", "saojoao", "98888", "Conceição"):
        assert personal not in text
