"""The source databases hold exactly the company's rows, on every engine."""

from datetime import date

import pytest

from cobranca.demo import fill_sources
from cobranca.demo.company_history import make_history
from cobranca.demo.dirty_rows import FIRST_NUMBER
from cobranca.demo.fill_sources import fill
from cobranca.demo.source_tables import BILLING_TABLES, ERP_TABLES
from cobranca.errors import ConfigError
from cobranca.landing import land
from cobranca.payments import boleto, pix
from demo.books import NIGHT, as_text, read, rows_on


def test_boletos_and_pix_codes_are_valid_and_say_the_same_as_the_title(tonight):
    lines = codes = 0
    for row in tonight["titulos"][::7]:
        if row[0] >= FIRST_NUMBER:
            continue
        if row[12]:
            lines += 1
            read_back = boleto.parse(row[12], row[5])
            assert (read_back.due_date, read_back.amount) == (row[5], row[6])
        if row[13]:
            codes += 1
            assert pix.parse(row[13]).amount == row[6]
        assert row[12] or row[13] or row[14]
        assert row[7] == "BRL" or not row[12]
    assert lines > 1000 and codes > 1000


@pytest.mark.parametrize("day", [date(2023, 12, 1), date(2027, 3, 31), date(2030, 1, 1)])
def test_a_date_outside_the_books_is_refused(day, tmp_path):
    with pytest.raises(ConfigError, match="books run from"):
        fill(f"sqlite:///{tmp_path}/erp.db", f"sqlite:///{tmp_path}/billing.db", day)
    assert list(tmp_path.iterdir()) == []


def test_sqlite_holds_exactly_the_rows_and_a_second_fill_replaces_them(tmp_path):
    erp, billing = f"sqlite:///{tmp_path}/erp.db", f"sqlite:///{tmp_path}/billing.db"
    fill(erp, billing, date(2026, 11, 19), payers=80)
    counts = fill(erp, billing, NIGHT, payers=80)
    expected = rows_on(make_history(fill_sources.SEED, 80), NIGHT)
    found = read(erp, ERP_TABLES) | read(billing, BILLING_TABLES)
    assert {
        f"{'erp' if t in ERP_TABLES.tables else 'billing'}.{t}": len(rows)
        for t, rows in expected.items()
    } == counts
    assert as_text(found) == as_text(expected)


def test_postgresql_and_mariadb_hold_exactly_the_rows(postgres_server, mariadb_server):
    erp, billing = (
        postgres_server.create_database("demo_erp"),
        mariadb_server.create_database("demo_billing"),
    )
    fill(erp, billing, date(2026, 11, 19), payers=80)
    fill(erp, billing, NIGHT, payers=80)
    expected = rows_on(make_history(fill_sources.SEED, 80), NIGHT)
    found = read(erp, ERP_TABLES) | read(billing, BILLING_TABLES)
    assert as_text(found) == as_text(expected)


def test_both_sources_land_with_their_mappings_and_only_the_dirty_rows_in_quarantine(
    settings, postgres_server, mariadb_server, monkeypatch
):
    erp, billing = (
        postgres_server.create_database("demo_landed"),
        mariadb_server.create_database("demo_landed"),
    )
    fill(erp, billing, NIGHT, payers=120)
    monkeypatch.setenv("AIRFLOW_CONN_ERP", erp)
    monkeypatch.setenv("AIRFLOW_CONN_BILLING", billing)
    manifest = land.land_all(settings, NIGHT, "test")
    rows = {entry.name: entry.rows for entry in manifest.files}
    expected = rows_on(make_history(fill_sources.SEED, 120), NIGHT)
    excluded = sum(row[16] for row in expected["titulos"])
    assert (
        rows["erp/receivables.parquet"] + rows["erp/receivables__quarantine.parquet"]
        == len(expected["titulos"]) - excluded
    )
    assert rows["billing/receivables.parquet"] + rows[
        "billing/receivables__quarantine.parquet"
    ] == len(expected["invoice"])
    assert rows["erp/customers__quarantine.parquet"] == 3
    for table in ("erp/receivables", "billing/receivables", "erp/payments", "billing/payments"):
        assert 2 <= rows[f"{table}__quarantine.parquet"] <= 30, table
