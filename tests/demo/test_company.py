"""The synthetic company: the same every time, growing day by day, varied enough, and the same in every database."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import phonenumbers
import pytest
import sqlalchemy as sa
from validate_docbr import CNPJ, CPF

from cobranca import landing
from cobranca.calendar import effective_due_date
from cobranca.demo import company, history
from cobranca.demo.company import fill
from cobranca.demo.dirt import FIRST_NUMBER
from cobranca.demo.history import PAYMENT, REVERSAL, day_number, make_history
from cobranca.demo.people import PROFILES
from cobranca.demo.tables import BILLING_TABLES, ERP_TABLES
from cobranca.errors import ConfigError
from cobranca.payments import boleto, pix

NIGHT = date(2026, 11, 18)
KEYS = {name: 0 for name in ("clientes", "titulos", "baixas", "account", "invoice", "invoice_payment")}


@pytest.fixture(scope="module")
def books() -> history.History:
    return make_history(company.SEED, company.PAYERS)


def rows_on(books: history.History, day: date) -> dict[str, list[tuple]]:
    return company.erp_rows(books, day_number(day)) | company.billing_rows(books, day_number(day))


@pytest.fixture(scope="module")
def small() -> history.History:
    return make_history(company.SEED, 400)


@pytest.fixture(scope="module")
def tonight(books) -> dict[str, list[tuple]]:
    return rows_on(books, NIGHT)


@pytest.fixture(scope="module")
def open_cents(books) -> np.ndarray:
    """Open amount of every title on the night, zero where it is closed or unknown."""
    titles, day = books.titles, day_number(NIGHT)
    left = company._open_cents(books, day)
    gone = (titles.cancelled_on <= day) | (titles.written_off_on <= day) | (titles.agreed_on <= day) | (titles.issued_on > day)
    return np.where(gone, 0, left)


def read(url: str, tables: sa.MetaData) -> dict[str, list[tuple]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(table.select())), key=lambda row: str(row[0]))
            for table in tables.sorted_tables
        }
    engine.dispose()
    return found


def as_text(rows: dict[str, list[tuple]]) -> dict[str, list[tuple]]:
    """Values as text, so that a decimal, its text and a flag of 0 or 1 compare."""
    plain = {True: "1", False: "0"}
    return {
        table: sorted(
            (tuple(plain[v] if isinstance(v, bool) else None if v is None else str(v) for v in row) for row in part),
            key=lambda row: row[0],
        )
        for table, part in rows.items()
    }


def letters_and_digits(text: str | None) -> str:
    return "".join(sign for sign in text or "" if sign.isalnum())


def test_the_same_seed_gives_the_same_company(tonight):
    make_history.cache_clear()
    assert rows_on(make_history(company.SEED, company.PAYERS), NIGHT) == tonight


def test_another_seed_gives_another_company():
    assert rows_on(make_history(1, 60), NIGHT) != rows_on(make_history(2, 60), NIGHT)


@pytest.mark.parametrize("day", [date(2024, 2, 29), date(2025, 6, 13), NIGHT, date(2026, 11, 20), date(2026, 12, 31)])
def test_the_next_day_holds_every_row_of_the_day_before(small, day):
    before, after = rows_on(small, day), rows_on(small, day + timedelta(days=1))
    for table, key in KEYS.items():
        old, new = {row[key] for row in before[table]}, {row[key] for row in after[table]}
        assert old <= new, table
        assert len(old) == len(before[table]), f"{table} repeats a key"
    assert len(after["titulos"]) + len(after["invoice"]) >= len(before["titulos"]) + len(before["invoice"])


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
    assert max(row[2] for row in tonight["invoice_payment"] if row[2][:2] == "20") <= NIGHT.isoformat()
    for table, column in {"clientes": 14, "titulos": 15, "baixas": 7, "account": 9, "invoice": 13, "invoice_payment": 6}.items():
        assert max(row[column].date() for row in tonight[table]) <= NIGHT, table


def test_the_company_has_its_size(tonight):
    payers = {
        row[2].replace(".", "").replace("-", "").replace("/", "") for row in tonight["clientes"] + tonight["account"] if row[2]
    }
    assert 1850 <= len(payers) <= 2000
    assert 38_000 <= len(tonight["titulos"]) + len(tonight["invoice"]) <= 46_000
    assert min(row[4] for row in tonight["titulos"]) < date(2024, 1, 1)


def test_every_profile_pays_as_it_is_named(books):
    titles, moves, day = books.titles, books.movements, day_number(NIGHT)
    first = np.full(len(titles), 10**6)
    paid = moves.kind == PAYMENT
    np.minimum.at(first, moves.title[paid], moves.paid_on[paid])
    effective, _ = history._calendar()
    due = effective[titles.due_on]
    profile = np.array([payer.profile for payer in books.payers])[titles.payer]
    matured = (due < day - 90) & (titles.cancelled_on > day) & ~titles.is_agreement
    late = first - due
    share = {}
    for name in PROFILES[:-1]:  # newcomers have nothing that matured
        days = late[matured & (profile == name)]
        share[name] = {
            "on time": np.mean(days <= 0),
            "2-6": np.mean((days >= 2) & (days <= 6)),
            "over 50": np.mean((days > 50) & (days < 80)),
            "never": np.mean(days > 1000),
        }
    assert share["pontual"]["on time"] > 0.96
    assert share["habitual"]["2-6"] > 0.72 and share["habitual"]["never"] < 0.02
    assert 0.03 < share["seldom"]["over 50"] < 0.10 and share["seldom"]["on time"] > 0.88
    assert 0.3 < share["irregular"]["on time"] < 0.6
    assert 0.08 < share["defaulter"]["never"] < 0.7


def test_four_to_seven_per_cent_of_the_portfolio_is_overdue_over_all_bands(books, open_cents):
    titles, day = books.titles, day_number(NIGHT)
    effective, _ = history._calendar()
    days_past_due = day - effective[titles.due_on]
    overdue = (days_past_due > 0) & (open_cents > 0)
    assert 0.035 <= open_cents[overdue].sum() / open_cents.sum() <= 0.07
    bands = np.digitize(days_past_due[overdue], [31, 61, 91, 181])
    assert all(count >= 20 for count in np.bincount(bands, minlength=5))
    assert (open_cents >= 0).all(), "nothing is paid twice over"


def test_everything_that_a_collections_system_meets_is_there(books, tonight, open_cents):
    kinds = Counter(row[5] for row in tonight["baixas"])
    assert all(kinds[kind] > 10 for kind in ("PG", "NC", "DE", "PE", "ES")), kinds
    assert all(Counter(row[4] for row in tonight["invoice_payment"])[kind] > 10 for kind in ("payment", "refund", "credit"))
    states = Counter(row[8] for row in tonight["titulos"])
    assert all(states[state] > 10 for state in "ACPN"), states
    assert all(Counter(row[8] for row in tonight["invoice"])[state] > 10 for state in ("open", "paid", "void", "uncollectible"))
    assert 5 <= sum(row[9] for row in tonight["titulos"]) <= 200
    assert 20 <= sum(row[7] == "USD" for row in tonight["titulos"]) <= 1500
    assert any(row[16] for row in tonight["titulos"])
    partly = (open_cents > 0) & (open_cents < books.titles.cents)
    assert partly.sum() > 20


def test_customers_are_as_untidy_as_real_ones(tonight):
    clients, accounts = tonight["clientes"], tonight["account"]

    both = {letters_and_digits(row[2]) for row in clients} & {letters_and_digits(row[2]) for row in accounts} - {""}
    assert len(both) > 200
    written = {row[2] for row in clients} & {row[2] for row in accounts}
    assert len(written) < len(both), "some are formatted differently"
    mailboxes = Counter(row[3] for row in clients if row[3])
    assert sum(count > 1 for count in mailboxes.values()) >= 10
    assert sum(";" in (row[3] or "") for row in clients) >= 10
    assert sum(row[3] is None for row in clients) >= 20
    assert sum(row[4] is None for row in clients) >= 20
    assert sum(not CPF().validate(letters_and_digits(row[2])) for row in clients if row[8] == "F" and row[2]) >= 5
    alphanumeric = [letters_and_digits(row[2]) for row in clients + accounts if letters_and_digits(row[2])[:1].isalpha()]
    assert len(alphanumeric) >= 5 and sum(CNPJ().validate(tax_id) for tax_id in alphanumeric) >= len(alphanumeric) - 2


def test_addresses_and_phones_are_nobodys(tonight):
    for row in tonight["clientes"]:
        for address in (row[3] or "").replace(";", " ").replace(",", " ").replace("/", " ").split():
            if "@" in address and not address.endswith("@"):
                assert address.lower().endswith(("@example.com", "@example.com.br")), "a real domain"
    usable = 0
    for row in tonight["account"]:
        try:
            usable += phonenumbers.is_valid_number(phonenumbers.parse(row[4].split("/")[0], "BR"))
        except phonenumbers.NumberParseException:
            continue
    assert usable > 0.75 * len(tonight["account"])


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


def test_dirty_rows_are_few_and_apart(tonight):
    dirty = {
        table: [row for row in rows if isinstance(row[0], int) and row[0] >= FIRST_NUMBER] for table, rows in tonight.items()
    }
    assert 30 <= sum(map(len, dirty.values())) <= 80
    assert any(row[6] is None for row in dirty["titulos"])
    assert any(row[6] is not None and row[6] < 0 for row in dirty["titulos"])
    assert any(row[5] is not None and row[5] < row[4] for row in dirty["titulos"])
    assert {"20261345", "00000000", "", "A DEFINIR"} <= {row[5] for row in dirty["invoice"]}
    assert any(row[2].startswith(" ") for row in tonight["invoice"])
    assert sum(row[0].startswith(" ") for row in tonight["clientes"]) == 3


def test_settlements_of_a_title_never_exceed_it(tonight):
    signed: Counter = Counter()
    for row in tonight["baixas"]:
        if row[0] < FIRST_NUMBER:
            signed[row[1]] += -row[4] if row[5] == "ES" else row[4]
    amounts = {row[0]: row[6] for row in tonight["titulos"]}
    assert all(Decimal(0) <= total <= amounts[title] for title, total in signed.items())


def test_a_boleto_is_credited_on_the_next_bank_day(books):
    moves = books.movements
    chosen = np.flatnonzero((moves.method == history.BOLETO) & (moves.kind != REVERSAL))[:300]
    for paid, credited in zip(moves.paid_on[chosen], moves.credited_on[chosen], strict=True):
        assert history.day_of(credited) == effective_due_date(history.day_of(paid) + timedelta(days=1))


@pytest.mark.parametrize("day", [date(2023, 12, 1), date(2027, 3, 31), date(2030, 1, 1)])
def test_a_date_outside_the_books_is_refused(day, tmp_path):
    with pytest.raises(ConfigError, match="books run from"):
        fill(f"sqlite:///{tmp_path}/erp.db", f"sqlite:///{tmp_path}/billing.db", day)
    assert list(tmp_path.iterdir()) == []


def test_sqlite_holds_exactly_the_rows_and_a_second_fill_replaces_them(tmp_path):
    erp, billing = f"sqlite:///{tmp_path}/erp.db", f"sqlite:///{tmp_path}/billing.db"
    fill(erp, billing, date(2026, 11, 19), payers=80)
    counts = fill(erp, billing, NIGHT, payers=80)
    expected = rows_on(make_history(company.SEED, 80), NIGHT)
    found = read(erp, ERP_TABLES) | read(billing, BILLING_TABLES)
    assert {f"{'erp' if t in ERP_TABLES.tables else 'billing'}.{t}": len(rows) for t, rows in expected.items()} == counts
    assert as_text(found) == as_text(expected)


def test_postgresql_and_mariadb_hold_exactly_the_rows(postgres_server, mariadb_server):
    erp, billing = postgres_server.create_database("demo_erp"), mariadb_server.create_database("demo_billing")
    fill(erp, billing, date(2026, 11, 19), payers=80)
    fill(erp, billing, NIGHT, payers=80)
    expected = rows_on(make_history(company.SEED, 80), NIGHT)
    found = read(erp, ERP_TABLES) | read(billing, BILLING_TABLES)
    assert as_text(found) == as_text(expected)


def test_a_reader_sees_the_old_rows_until_the_fill_is_complete(postgres_server, tmp_path):
    url = postgres_server.create_database("demo_reader")
    billing = f"sqlite:///{tmp_path}/billing.db"
    old = fill(url, billing, NIGHT, payers=60)["erp.titulos"]
    engine = sa.create_engine(url).execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as reader:
        reader.execute(sa.text("select 1 from clientes limit 1"))
        new = fill(url, billing, date(2026, 12, 18), payers=60)["erp.titulos"]
        assert reader.execute(sa.text("select count(*) from titulos")).scalar() == old
        reader.rollback()
        assert reader.execute(sa.text("select count(*) from titulos")).scalar() == new > old
    engine.dispose()


def test_a_table_of_an_earlier_shape_is_made_anew(tmp_path):
    url = f"sqlite:///{tmp_path}/billing.db"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("create table invoice (id integer, old_column text)"))
    fill(f"sqlite:///{tmp_path}/erp.db", url, NIGHT, payers=60)
    assert {column["name"] for column in sa.inspect(engine).get_columns("invoice")} == {
        column.name for column in BILLING_TABLES.tables["invoice"].columns
    }
    engine.dispose()


def test_both_sources_land_with_their_mappings_and_only_the_dirty_rows_in_quarantine(
    settings, postgres_server, mariadb_server, monkeypatch
):
    erp, billing = postgres_server.create_database("demo_landed"), mariadb_server.create_database("demo_landed")
    fill(erp, billing, NIGHT, payers=120)
    monkeypatch.setenv("AIRFLOW_CONN_ERP", erp)
    monkeypatch.setenv("AIRFLOW_CONN_BILLING", billing)
    manifest = landing.land_all(settings, NIGHT, "test")
    rows = {entry.name: entry.rows for entry in manifest.files}
    expected = rows_on(make_history(company.SEED, 120), NIGHT)
    excluded = sum(row[16] for row in expected["titulos"])
    assert rows["erp/receivables.parquet"] + rows["erp/receivables__quarantine.parquet"] == len(expected["titulos"]) - excluded
    assert rows["billing/receivables.parquet"] + rows["billing/receivables__quarantine.parquet"] == len(expected["invoice"])
    assert rows["erp/customers__quarantine.parquet"] == 3
    for table in ("erp/receivables", "billing/receivables", "erp/payments", "billing/payments"):
        assert 2 <= rows[f"{table}__quarantine.parquet"] <= 30, table
