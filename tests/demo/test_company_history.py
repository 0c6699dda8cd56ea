"""The demo company's history: the same every time, growing day by day, varied enough."""

from collections import Counter
from datetime import date, timedelta

import pytest

from cobranca.demo import fill_sources
from cobranca.demo.company_history import make_history
from demo.books import NIGHT, rows_on

KEYS = dict.fromkeys(("clientes", "titulos", "baixas", "account", "invoice", "invoice_payment"), 0)


def test_the_same_seed_gives_the_same_company(tonight):
    make_history.cache_clear()
    assert rows_on(make_history(fill_sources.SEED, fill_sources.PAYERS), NIGHT) == tonight


def test_another_seed_gives_another_company():
    assert rows_on(make_history(1, 60), NIGHT) != rows_on(make_history(2, 60), NIGHT)


@pytest.mark.parametrize(
    "day", [date(2024, 2, 29), date(2025, 6, 13), NIGHT, date(2026, 11, 20), date(2026, 12, 31)]
)
def test_the_next_day_holds_every_row_of_the_day_before(small, day):
    before, after = rows_on(small, day), rows_on(small, day + timedelta(days=1))
    for table, key in KEYS.items():
        old, new = {row[key] for row in before[table]}, {row[key] for row in after[table]}
        assert old <= new, table
        assert len(old) == len(before[table]), f"{table} repeats a key"
    assert len(after["titulos"]) + len(after["invoice"]) >= len(before["titulos"]) + len(
        before["invoice"]
    )


@pytest.mark.parametrize("day", [NIGHT, date(2026, 11, 19), date(2026, 11, 23)])
def test_a_settlement_never_changes_and_new_ones_are_of_the_new_day(small, day):
    before = set(rows_on(small, day - timedelta(days=1))["baixas"])
    after = set(rows_on(small, day)["baixas"])
    assert before <= after
    assert {row[2] for row in after - before} <= {day}


def test_nothing_of_the_future_is_known(tonight):
    assert max(row[4] for row in tonight["titulos"]) <= NIGHT
    assert max(row[2] for row in tonight["baixas"]) <= NIGHT
    assert max(row[4] for row in tonight["invoice"]) <= NIGHT.strftime("%Y%m%d")
    assert (
        max(row[2] for row in tonight["invoice_payment"] if row[2][:2] == "20") <= NIGHT.isoformat()
    )
    for table, column in {
        "clientes": 14,
        "titulos": 15,
        "baixas": 7,
        "account": 9,
        "invoice": 13,
        "invoice_payment": 6,
    }.items():
        assert max(row[column].date() for row in tonight[table]) <= NIGHT, table


def test_the_company_has_its_size(tonight):
    payers = {
        row[2].replace(".", "").replace("-", "").replace("/", "")
        for row in tonight["clientes"] + tonight["account"]
        if row[2]
    }
    assert 1850 <= len(payers) <= 2000
    assert 38_000 <= len(tonight["titulos"]) + len(tonight["invoice"]) <= 46_000
    assert min(row[4] for row in tonight["titulos"]) < date(2024, 1, 1)


def test_everything_that_a_collections_system_meets_is_there(books, tonight, open_cents):
    kinds = Counter(row[5] for row in tonight["baixas"])
    assert all(kinds[kind] > 10 for kind in ("PG", "NC", "DE", "PE", "ES")), kinds
    assert all(
        Counter(row[4] for row in tonight["invoice_payment"])[kind] > 10
        for kind in ("payment", "refund", "credit")
    )
    states = Counter(row[8] for row in tonight["titulos"])
    assert all(states[state] > 10 for state in "ACPN"), states
    assert all(
        Counter(row[8] for row in tonight["invoice"])[state] > 10
        for state in ("open", "paid", "void", "uncollectible")
    )
    assert 5 <= sum(row[9] for row in tonight["titulos"]) <= 200
    assert 20 <= sum(row[7] == "USD" for row in tonight["titulos"]) <= 1500
    assert any(row[16] for row in tonight["titulos"])
    partly = (open_cents > 0) & (open_cents < books.titles.cents)
    assert partly.sum() > 20
