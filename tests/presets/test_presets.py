"""The presets against the tables they are made for: one company kept in five ERPs has one aging.

Odoo on PostgreSQL, ERPNext and Dolibarr on MariaDB; Protheus and SAP Business One on SQLite in the
shape of their SQL Server tables. All of it is seen through the second of two nights, of which the
first three systems are only read the changes.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from cobranca.cli import commands
from cobranca.errors import ConfigError
from cobranca.landing import land
from cobranca.ledger.feedback import publish_feedback
from cobranca.partitions.landing_totals import CHANGED, LEFT, READING
from cobranca.partitions.manifest import Manifest
from cobranca.policy import publish_policy
from cobranca.settings import Settings
from cobranca.sources import current_state
from cobranca.sources.check import check
from cobranca.sources.mapping import presets
from cobranca.sources.mapping.key_conditions import conditions
from cobranca.sources.mapping.load import load_mapping
from cobranca.sources.mapping.presets import preset_file, preset_names
from cobranca.warehouse.build import prepare
from cobranca.warehouse.dbt import run_dbt
from cobranca.warehouse.engines import open_warehouse
from creditor_files import copy_config
from presets.company import Company, D, make_company, the_day_before
from presets.dolibarr_books import keep_dolibarr
from presets.erpnext_books import keep_erpnext
from presets.odoo_books import keep_odoo
from presets.protheus_books import keep_protheus
from presets.sap_books import keep_sap
from source_databases import landed, refused

KEEPERS = {
    "odoo": keep_odoo,
    "erpnext": keep_erpnext,
    "dolibarr": keep_dolibarr,
    "protheus": keep_protheus,
    "sap_business_one": keep_sap,
}
PRESETS = Path(presets.__file__).parent
SERVERS = {"odoo": "postgres_server", "erpnext": "mariadb_server", "dolibarr": "mariadb_server"}


@pytest.fixture(scope="module")
def company() -> Company:
    return make_company()


@pytest.fixture(scope="module")
def customers() -> dict[tuple[str, str], int]:
    """Payer numbers by source and that source's customer id."""
    return {}


@pytest.fixture(scope="module")
def installation(
    request: pytest.FixtureRequest, tmp_path_factory, company: Company, customers: dict
) -> Iterator[Settings]:
    """An installation whose only sources are the five presets, as the command writes them."""
    folder = tmp_path_factory.mktemp("presets")
    settings = _settings(folder)
    sources = settings.config / "sources"
    for path in sources.glob("*.yml"):
        path.unlink()
    undo = []
    with pytest.MonkeyPatch.context() as patch:
        for name, keep in KEEPERS.items():
            if name in SERVERS:
                server = request.getfixturevalue(SERVERS[name])
                server.drop_database(f"preset_{name}")
                url = server.create_database(f"preset_{name}")
                undo.append((server, f"preset_{name}"))
            else:
                url = f"sqlite:///{folder / name}.db"
            customers |= {
                (name, key): number for key, number in keep(the_day_before(company), url).items()
            }
            patch.setenv(f"AIRFLOW_CONN_{name.upper()}", url)
            written = CliRunner().invoke(
                commands, ["sources", "preset", name, "--connection", name]
            )
            assert written.exit_code == 0
            (sources / f"{name}.yml").write_text(written.output, encoding="utf-8")
        yield settings
    for server, database in undo:
        server.drop_database(database)


@pytest.fixture(scope="module")
def landing_of_five(installation: Settings, company: Company) -> Manifest:
    land.land_all(installation, D - timedelta(days=1), "the night before")
    for name, keep in KEEPERS.items():
        keep(company, os.environ[f"AIRFLOW_CONN_{name.upper()}"])
    return land.land_all(installation, D, "presets")


@pytest.fixture(scope="module")
def receivables(installation: Settings, landing_of_five: Manifest) -> list[dict]:
    """All open receivables of the five sources, built by the models of every night."""
    publish_policy(installation, D)
    publish_feedback(installation, D)
    prepare(installation, D)
    run_dbt(
        "run", "--select", "+fct_receivables", "+dim_payer_aliases",
        environment=open_warehouse(installation.warehouse).dbt_environment(), business_date=D,
        work=installation.data / ".dbt",
    )  # fmt: skip
    with duckdb.connect(
        installation.warehouse.removeprefix("duckdb:///"), read_only=True
    ) as database:
        table = database.sql(
            """
            select fct_receivables.*, dim_payer_aliases.customer_id
            from marts.fct_receivables
            inner join staging.stg_landing__receivables using (receivable_key)
            inner join marts.dim_payer_aliases
                on dim_payer_aliases.source = stg_landing__receivables.source
                and dim_payer_aliases.customer_id = stg_landing__receivables.customer_id
            """
        ).to_arrow_table()
    return table.to_pylist()


def _settings(folder: Path) -> Settings:

    config, data = folder / "config", folder / "data"
    copy_config(config)
    data.mkdir()
    return Settings(
        config=config, data=data, warehouse=f"duckdb:///{data / 'warehouse.duckdb'}",
        ledger=f"sqlite:///{data / 'ledger.db'}",
        delivery="outbox",
    )  # fmt: skip


def _aging(rows: list[dict], source: str, customers: dict) -> dict:
    """Receivables, open amount and amount due by payer, currency and band: one source's aging
    without its name.
    """
    aging: dict[tuple, tuple] = {}
    for row in rows:
        if row["source"] == source:
            key = (customers[source, row["customer_id"]], row["currency"], row["aging_band"])
            count, open_amount, due = aging.get(key, (0, Decimal(0), Decimal(0)))
            aging[key] = (count + 1, open_amount + row["open_amount"], due + row["amount_due"])
    return aging


def test_the_company_has_lived_through_everything(company: Company):
    assert sum(len(invoice.instalments) for invoice in company.invoices) == 200
    lived = {
        (event.kind, invoice.currency) for invoice in company.invoices for event in invoice.events
    }
    kinds = ("payment", "credit_note", "discount", "write_off", "undone")
    assert lived == {(kind, currency) for kind in kinds for currency in ("BRL", "USD")}
    assert any(event.surplus for invoice in company.invoices for event in invoice.events)
    assert {True, False} == {
        invoice.termed
        for invoice in company.invoices
        if len(invoice.instalments) > 1 and invoice.events
    }
    assert any(invoice.cancelled for invoice in company.invoices) and any(
        payer.tax_id is None for payer in company.payers
    )


@pytest.mark.parametrize("source", list(KEEPERS))
def test_each_preset_gives_what_is_open(receivables, customers, company: Company, source: str):
    found: dict[tuple[int, str], Decimal] = {}
    for row in receivables:
        if row["source"] == source:
            key = (customers[source, row["customer_id"]], row["currency"])
            found[key] = found.get(key, Decimal(0)) + row["open_amount"]
    assert found == company.open_amounts()


def test_one_company_kept_in_five_systems_has_one_aging(receivables, customers):
    agings = {source: _aging(receivables, source, customers) for source in KEEPERS}
    assert len({currency for _, currency, _ in agings["odoo"]}) == 2
    assert len({band for _, _, band in agings["odoo"]}) == 6
    for source, aging in agings.items():
        assert aging == agings["odoo"], source


def test_a_payer_known_to_five_systems_is_one_payer(receivables, customers, company: Company):
    keys: dict[int, set[str]] = {}
    for row in receivables:
        keys.setdefault(customers[row["source"], row["customer_id"]], set()).add(
            row["customer_key"]
        )
    with_tax_id = {payer.number for payer in company.payers if payer.tax_id}
    assert {number for number, found in keys.items() if len(found) == 1} == with_tax_id & set(keys)
    # Nothing but the tax id joins payers: without one, each system's customer stays alone.
    assert all(
        len(found) == len(KEEPERS) for number, found in keys.items() if number not in with_tax_id
    )


@pytest.mark.parametrize("source", list(KEEPERS))
def test_nothing_a_preset_reads_is_unreadable(
    landing_of_five: Manifest, company: Company, source: str
):
    for entity in ("customers", "receivables", "payments"):
        assert refused(landing_of_five, source, entity) == {}
    rows = landed(landing_of_five, source, "receivables")
    owed = [invoice for invoice in company.invoices if not invoice.cancelled]
    assert len([row for row in rows if row["status"] != "cancelled"]) == sum(
        len(invoice.instalments) for invoice in owed
    )


@pytest.mark.parametrize("source", ["odoo", "erpnext", "protheus", "sap_business_one"])
def test_the_payments_explain_what_the_system_itself_calls_open(
    landing_of_five: Manifest, source: str
):
    settled: dict[str, Decimal] = {}
    for row in landed(landing_of_five, source, "payments"):
        signed = -row["amount"] if row["kind"] == "reversal" else row["amount"]
        settled[row["receivable_id"]] = settled.get(row["receivable_id"], Decimal(0)) + signed
    unexplained = {}
    for row in landed(landing_of_five, source, "receivables"):
        balance = row["amount"] - settled.get(row["receivable_id"], Decimal(0))
        if row["status"] == "open" and row["open_amount"] is not None:
            withheld = (
                Decimal("15.00")
                if source == "protheus" and row["open_amount"] - balance == Decimal("15.00")
                else 0
            )
            if balance != row["open_amount"] - withheld:
                unexplained[row["receivable_id"]] = (balance, row["open_amount"])
    assert unexplained == {}


def test_kinds_of_settlement_are_distinguished(landing_of_five: Manifest):
    kinds = {
        source: {row["kind"] for row in landed(landing_of_five, source, "payments")}
        for source in KEEPERS
    }
    assert kinds == {
        "odoo": {"payment", "credit_note"},
        "erpnext": {"payment", "credit_note", "write_off", "reversal"},
        "dolibarr": {"payment", "credit_note", "reversal"},
        "protheus": {"payment", "credit_note", "discount"},
        "sap_business_one": {"payment", "credit_note"},
    }


@pytest.mark.parametrize("source", ["odoo", "erpnext", "dolibarr"])
def test_a_night_reads_what_changed_and_lands_everything(landing_of_five: Manifest, source: str):
    mapping, left = load_mapping(PRESETS / f"{source}.yml"), 0
    for entity in ("customers", "receivables", "payments"):
        entry = landing_of_five.entry(f"{source}/{entity}.parquet")
        if mapping.entity(entity).incremental:
            assert (
                entry.totals[READING] == "changes"
                and int(entry.totals[CHANGED]) < int(entry.totals["rows_read"]) / 2
            )
            left += int(entry.totals[LEFT])
    assert left


def test_reading_changes_gives_the_bytes_of_reading_everything(
    installation: Settings, landing_of_five: Manifest
):
    apart = replace(installation, data=installation.data / "apart")
    assert land.land_all(apart, D, "whole").batch_id == landing_of_five.batch_id


@pytest.mark.parametrize("source", list(KEEPERS))
def test_the_pre_send_check_sees_what_landed(
    installation: Settings, landing_of_five: Manifest, source: str
):
    wanted = [
        row for row in landed(landing_of_five, source, "receivables") if row["status"] == "open"
    ][:40]
    ids = [row["receivable_id"] for row in wanted]
    paid = dict.fromkeys(ids, Decimal("0.00"))
    for row in landed(landing_of_five, source, "payments"):
        if row["receivable_id"] in paid:
            paid[row["receivable_id"]] += (
                -row["amount"] if row["kind"] == "reversal" else row["amount"]
            )
    standing = current_state.read_current_state(installation, source, ids)
    assert {key: found.paid for key, found in standing.items()} == paid
    assert [
        (standing[row["receivable_id"]].amount, standing[row["receivable_id"]].gone)
        for row in wanted
    ] == [(row["amount"], False) for row in wanted]
    # Asking the tables for the keys' parts gives what reading the tables whole gives.
    path = installation.config / "sources" / f"{source}.yml"
    text = path.read_text(encoding="utf-8")
    assert list(conditions(text))
    try:
        path.write_text(re.sub(r"/\* by .*? \*/", "", text), encoding="utf-8")
        assert current_state.read_current_state(installation, source, ids) == standing
    finally:
        path.write_text(text, encoding="utf-8")


def test_every_preset_passes_the_check_of_its_source(installation: Settings):
    rows = check(installation)
    assert [row for row in rows if row.problem] == []
    assert len(rows) == 3 * len(KEEPERS) and all(row.rows > 0 for row in rows)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_takes_the_names_it_is_given_and_has_its_page(tmp_path: Path, name: str):
    path = tmp_path / "mine.yml"
    path.write_text(preset_file(name, connection="minha_base", source="filial2"), encoding="utf-8")
    mapping = load_mapping(path)
    assert (mapping.source, mapping.connection) == ("filial2", "minha_base")
    page = Path(__file__).parents[2] / "docs" / "presets" / f"{name}.md"
    assert f"docs/presets/{name}.md" in path.read_text(encoding="utf-8") and page.is_file()


@pytest.mark.parametrize("name", ["protheus", "sap_business_one"])
def test_the_sql_server_presets_keep_to_what_its_kin_understand(tmp_path: Path, name: str):
    """What SQL Server, Oracle and SQLite all read: two texts at a time in concat, no other way to
    join or cut, no WITH.
    """
    path = tmp_path / f"{name}.yml"
    path.write_text(preset_file(name), encoding="utf-8")
    mapping = load_mapping(path)
    for entity in ("customers", "receivables", "payments"):
        query = re.sub(r"'[^']*'", "''", mapping.entity(entity).query)
        words = set(re.findall(r"[a-z_]+(?=\()", query))
        assert words <= {
            "concat",
            "rtrim",
            "cast",
            "round",
            "decimal",
            "coalesce",
            "nullif",
            "exists",
            "case",
        }, words
        assert "||" not in query and not re.search(
            r"\b(with|limit|top|fetch|order by|true|false)\b", query
        )
        for found in re.finditer(r"concat\(", query):
            assert _arguments(query[found.end() :]) == 2


def _arguments(text: str) -> int:
    """How many arguments a call has whose opening bracket ends right before ``text``."""
    depth, count = 0, 1
    for sign in text:
        if sign == ")" and depth == 0:
            return count
        depth += {"(": 1, ")": -1}.get(sign, 0)
        count += sign == "," and depth == 0
    raise AssertionError("a bracket is not closed")


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(ConfigError, match="dolibarr, erpnext, odoo, protheus, sap_business_one"):
        preset_file("sage")
    with pytest.raises(ConfigError, match="lower-case letters"):
        preset_file("odoo", connection="ERP", source="Erp 1")
    listed = CliRunner().invoke(commands, ["sources", "preset"])
    assert [line.split()[0] for line in listed.output.splitlines()] == preset_names()
