"""No payer is too large: thousands of titles, thousands of delays, and a title of a trillion."""

import dataclasses
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest

from cobranca import warehouse
from cobranca.partitions.manifest import Manifest
from cobranca.settings import Settings
from creditor_files import copy_config
from warehouse.busy_nights import settings_in
from warehouse.nights import customer, land_night, payment, receivable
from warehouse.parity import differences

NIGHT = date(2026, 11, 18)
OPEN, LATE, TRILLION = 10_000, 2_200, Decimal(10) ** 12
LONGEST_DELAY = 300


def ledger() -> dict[str, list[dict]]:
    """One payer with all of the small titles, and one with a single large one."""
    receivables = [
        receivable(f"open {n}", "many", "2026-10-05", "99.99", issue_date=date(2026, 9, 1))
        for n in range(OPEN)
    ]
    receivables += [
        receivable(f"late {n}", "many", "2025-11-03", "1.01", issue_date=date(2025, 10, 1))
        for n in range(LATE)
    ]
    # A long delay makes the sums of days and of their squares large as well.
    paid = date(2025, 11, 3) + timedelta(days=LONGEST_DELAY)
    payments = [payment(f"late {n}", f"late {n}", paid.isoformat(), "1.01") for n in range(LATE)]
    receivables.append(receivable("trillion", "rich", "2026-10-05", str(TRILLION)))
    return {
        "customers": [customer("many"), customer("rich")],
        "receivables": receivables,
        "payments": payments,
    }


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    folder = tmp_path_factory.mktemp("large")
    config = copy_config(folder / "config")
    limits = (config / "limits.yml").read_text(encoding="utf-8")
    assert "largest_amount: 1000000000.00" in limits
    (config / "limits.yml").write_text(
        limits.replace("largest_amount: 1000000000.00", "largest_amount: 9999999999999.99"),
        encoding="utf-8",
    )
    settings = settings_in(folder / "data", config=config)
    land_night(settings, NIGHT, **ledger())
    return settings


@pytest.fixture(scope="module")
def built(settings) -> Manifest:
    return warehouse.build(settings, NIGHT)


def rows(batch: Manifest, query: str) -> list[tuple]:
    with duckdb.connect() as connection:
        for entry in batch.files:
            path = batch.path(entry.name)
            connection.execute(f"create view {path.stem} as select * from '{path}'")
        return connection.execute(query).fetchall()


def test_every_title_is_owed_and_decided_to_the_cent(built):
    owed = "select customer_key, count(*), sum(open_amount) from {} group by 1 order by 2"
    for table in ("fct_receivables", "fct_decisions"):
        (_, one, trillion), (_, many, small) = rows(built, owed.format(table))
        assert (one, trillion) == (1, TRILLION) and (many, small) == (OPEN, OPEN * Decimal("99.99"))
    interest = "select fine, amount_due - open_amount - fine from fct_receivables order by 1 desc"
    fine, charged = rows(built, interest)[0]
    assert fine == TRILLION * Decimal("0.02") and TRILLION * Decimal("0.01") < charged


def test_a_payer_who_was_late_thousands_of_times_is_ranked(built):
    query = """
        select observed_receivables, max_days_late, mean_days_late, late_probability, payer_class
        from dim_payer_ranking order by 1 desc limit 1
    """
    ((observed, longest, mean, probability, payer_class),) = rows(built, query)
    assert (observed, payer_class) == (OPEN + LATE, "critico")
    assert (longest, mean) == (LONGEST_DELAY, LONGEST_DELAY) and probability > Decimal("0.99")


def test_both_engines_build_equal_tables(settings, built, postgres_server, tmp_path):
    url = str(postgres_server.create_database("large_payers"))
    place = dataclasses.replace(settings, data=tmp_path, warehouse=url)
    land_night(place, NIGHT, **ledger())
    assert differences(built, warehouse.build(place, NIGHT)) == {}
