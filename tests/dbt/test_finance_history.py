"""The finance reports against plain arithmetic, and the past against what happened later."""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pytest

from cobranca.warehouse.dbt import run_dbt
from cobranca.warehouse.engines import DuckDBWarehouse

NIGHT = date(2026, 11, 18)
MONTH_END = date(2026, 10, 31)
ZERO = Decimal(0)
CENT = Decimal("0.01")


@dataclass
class Receivable:
    key: str
    currency: str
    issued: date
    due: date
    amount: Decimal
    events: list[tuple[date, str, Decimal]] = field(default_factory=list)
    creditor: str = "principal"

    def balance(self, day: date) -> Decimal:
        """What was owed on a day, by what was dated until then."""
        if self.issued > day:
            return ZERO
        return max(
            self.amount - sum((amount for on, _, amount in self.events if on <= day), ZERO), ZERO
        )


def in_book(receivables: list[Receivable], row: dict) -> list[Receivable]:
    """The receivables that a report's row speaks of; those of the group are of any creditor."""
    return [
        item
        for item in receivables
        if item.currency == row["currency"] and row["creditor"] in ("*", item.creditor)
    ]


def band(days: int) -> str:
    for limit, name in (
        (0, "not_due"),
        (30, "1-30"),
        (60, "31-60"),
        (90, "61-90"),
        (180, "91-180"),
    ):
        if days <= limit:
            return name
    return "181+"


def ledger(seed: int) -> list[Receivable]:
    """Receivables of 26 months with partial payments, excess, credits, write-offs and reversals on
    any day.
    """
    chance = random.Random(seed)
    receivables = []
    for number in range(400):
        issued = NIGHT - timedelta(days=chance.randrange(0, 800))
        amount = Decimal(chance.randrange(100, 200_000)) / 100
        item = Receivable(
            f"a:{number}",
            "USD" if number % 9 == 0 else "BRL",
            issued,
            issued + timedelta(days=30),
            amount,
            creditor="filial" if number // 9 % 3 == 0 else "principal",
        )
        for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
            paid_on = item.due + timedelta(days=chance.randrange(-40, 200))
            paid = (
                amount * chance.choice([Decimal("0.3"), Decimal("0.5"), Decimal(1), Decimal(1)])
            ).quantize(CENT)
            kind = chance.choice(["payment"] * 6 + ["credit_note", "discount", "write_off"])
            item.events.append((paid_on, kind, paid))
            if kind == "payment" and chance.random() < 0.1:
                item.events.append((paid_on + timedelta(days=10), "reversal", -paid))
        item.events = sorted(event for event in item.events if event[0] <= NIGHT)
        receivables.append(item)
    return receivables


def build(folder: Path, receivables: list[Receivable]) -> dict[str, list[dict]]:
    """Run the finance models over this ledger; every report's rows by name.

    Always in the same place, for which dbt parses the project once.
    """
    warehouse = DuckDBWarehouse(folder / "warehouse.duckdb")
    warehouse.path.unlink(missing_ok=True)
    with duckdb.connect(str(warehouse.path)) as connection:
        for schema in ("staging", "intermediate", "marts", "finance"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            "create table intermediate.int_payments__joined_to_receivables "
            "(receivable_key text, customer_key text, currency text, paid_on date, kind text, "
            "amount decimal(18, 2), creditor text)"
        )
        connection.execute(
            "create view staging.stg_landing__payments as select * from "
            "intermediate.int_payments__joined_to_receivables"
        )
        connection.execute(
            "create table intermediate.int_receivables__balances_computed "
            "(receivable_key text, customer_key text, currency text, "
            "issue_date date, due_date date, effective_due_date date, amount decimal(18, 2), "
            "paid_amount decimal(18, 2), "
            "credited_amount decimal(18, 2), written_off_amount decimal(18, 2), open_amount "
            "decimal(18, 2), status text, "
            "last_paid_on date, is_open boolean, creditor text)"
        )
        for item in receivables:
            sums: dict[str, Decimal] = defaultdict(Decimal)
            for on, kind, amount in item.events:
                place = {
                    "credit_note": "credited",
                    "discount": "credited",
                    "write_off": "written_off",
                }.get(kind, "paid")
                sums[place] += amount
                row = [item.key, "C1", item.currency, on, kind, amount, item.creditor]
                connection.execute(
                    "insert into intermediate.int_payments__joined_to_receivables values (?, ?, "
                    "?, ?, ?, ?, ?)",
                    row,
                )
            balance = item.balance(NIGHT)
            status = "open" if balance else "written_off" if sums["written_off"] else "settled"
            last_paid = max(
                (on for on, kind, amount in item.events if amount > 0 and kind != "write_off"),
                default=None,
            )
            connection.execute(
                "insert into intermediate.int_receivables__balances_computed values (?, ?, ?, ?, "
                    "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [item.key, "C1", item.currency, item.issued, item.due, item.due, item.amount,
                 sums["paid"], sums["credited"],
                 sums["written_off"], balance, status, last_paid, bool(balance), item.creditor],
            )  # fmt: skip
        connection.execute(
            "create table marts.fct_receivables as select receivable_key, customer_key, creditor, "
            "currency, aging_band, open_amount, "
            "open_amount as amount_due, days_past_due_original from (select *, '1-30' as "
            "aging_band, 1 as days_past_due_original "
            "from intermediate.int_receivables__balances_computed where is_open)"
        )
        connection.execute(
            "create table marts.fct_contacts (contact_key text, contacted_on date, customer_key "
            "text, step text, "
            "step_offset integer, channel text, state text, state_reason text, is_done boolean, "
            "creditor text)"
        )
        connection.execute(
            "create table marts.fct_promises (promise_id text, customer_key text, made_on date, "
            "currency text, "
            "amount decimal(18, 2), paid_amount decimal(18, 2), state text, creditor text)"
        )
        connection.execute(
            "create table marts.fct_agreements (customer_key text, agreed_on date, currency text, "
            "amount decimal(18, 2), creditor text)"
        )
        for subject in ("promises", "agreements"):
            connection.execute(
                f"create view intermediate.int_{subject}__fulfilment_computed as "
                f"select * from marts.fct_{subject}"
            )
        for view, creditors in (
            ("intermediate.int_customers__creditors", "marts.fct_receivables"),
            ("intermediate.int_contacts__unioned", "marts.fct_contacts"),
            ("staging.stg_ledger__promises", "marts.fct_promises"),
        ):
            connection.execute(f"create view {view} as select creditor from {creditors}")
    run_dbt(
        "run", "--select", "path:models/intermediate/finance", "path:models/marts/finance",
        # tested on whole nights: they need contacts and rankings
        "--exclude", "int_contacts__arms_assigned+", "int_ranking__backtested+",
        "rpt_ranking_untried",
        environment=warehouse.dbt_environment(), business_date=NIGHT, work=folder / "work",
    )  # fmt: skip
    reports = {}
    with duckdb.connect(str(warehouse.path)) as connection:
        for (name,) in connection.sql(
            "select table_name from duckdb_tables() where schema_name = 'finance'"
        ).fetchall():
            found = connection.sql(f"select * from finance.{name}")
            reports[name] = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    return reports


@pytest.fixture(scope="module")
def receivables() -> list[Receivable]:
    return ledger(seed=11)


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("finance")


@pytest.fixture(scope="module")
def reports(work, receivables) -> dict[str, list[dict]]:
    return build(work, receivables)


def test_every_month_end_equals_the_sum_of_what_was_owed_then(reports, receivables):
    expected: dict[tuple, Decimal] = defaultdict(Decimal)
    assert {row["creditor"] for row in reports["rpt_aging_trend"]} == {"*", "filial", "principal"}
    dates = {row["as_of_date"] for row in reports["rpt_aging_trend"]}
    assert len(dates) == 14
    for day in dates:
        for item in receivables:
            for book in ("*", item.creditor):
                found = day, book, item.currency, band((day - item.due).days)
                expected[found] += item.balance(day)
    told = {
        tuple(row[name] for name in ("as_of_date", "creditor", "currency", "aging_band")): row[
            "open_amount"
        ]
        for row in reports["rpt_aging_trend"]
    }
    assert {key: amount for key, amount in told.items() if amount} == {
        key: amount for key, amount in expected.items() if amount
    }


def test_days_to_receive_equal_a_walk_back_over_the_months(reports, receivables):
    for row in reports["rpt_dso"]:
        ours = in_book(receivables, row)
        day = row["as_of_date"]
        remaining, last, days = sum(item.balance(day) for item in ours), day, ZERO
        while remaining > 0:
            first = last.replace(day=1)
            sold = sum(item.amount for item in ours if first <= item.issued <= last)
            length = (last - first).days + 1
            days += (
                length
                if remaining >= sold
                else (remaining / sold * length).quantize(CENT, ROUND_HALF_UP)
            )
            remaining, last = remaining - sold, first - timedelta(days=1)
        assert row["dso_countback"] == days, (day, row["currency"])
        start = (day.replace(day=1) - timedelta(days=32)).replace(day=1)
        sold = sum(item.amount for item in ours if start <= item.issued <= day)
        owed = sum(item.balance(day) for item in ours) * ((day - start).days + 1)
        expected = (owed / sold).quantize(CENT, ROUND_HALF_UP) if sold else None
        assert row["dso_simple"] == expected


def test_effectiveness_equals_its_formula(reports, receivables):
    assert len(reports["rpt_cei"]) == 3 * 2 * 13
    for row in reports["rpt_cei"]:
        first, last = row["period_start"], row["as_of_date"]
        ours = in_book(receivables, row)
        begin = sum(item.balance(first - timedelta(days=1)) for item in ours)
        sold = sum(item.amount for item in ours if first <= item.issued <= last)
        unpaid = sum(
            amount
            for i in ours
            for on, kind, amount in i.events
            if first <= on <= last and kind not in ("payment", "reversal")
        )
        end = sum(item.balance(last) for item in ours)
        current = sum(item.balance(last) for item in ours if item.due >= last)
        expected = (begin + sold - unpaid - end) * 100 / (begin + sold - unpaid - current)
        assert row["cei"] == expected.quantize(CENT, ROUND_HALF_UP)


def test_every_opening_band_goes_somewhere(reports):
    sums: dict[tuple, Decimal] = defaultdict(Decimal)
    openings = {}
    for row in reports["rpt_roll_rates"]:
        key = (row["as_of_date"], row["creditor"], row["currency"], row["from_band"])
        sums[key] += row["rolled_amount"]
        openings[key] = row["opening_amount"]
    assert sums == openings


def test_what_happens_later_changes_no_past_date(reports, work, receivables):
    chance = random.Random(5)
    later = [
        Receivable(i.key, i.currency, i.issued, i.due, i.amount, list(i.events), i.creditor)
        for i in receivables
    ]
    for item in later:
        if chance.random() < 0.5:
            day = MONTH_END + timedelta(days=chance.randrange(1, 18))
            kind, share = chance.choice(
                [
                    ("payment", 1),
                    ("payment", Decimal("0.4")),
                    ("write_off", 1),
                    ("credit_note", Decimal("0.2")),
                ]
            )
            item.events.append((day, kind, (item.amount * share).quantize(CENT)))
    later.append(Receivable("a:new", "BRL", NIGHT, NIGHT + timedelta(days=30), Decimal("77.00")))
    again = build(work, later)
    for name in (
        "rpt_aging_trend",
        "rpt_dso",
        "rpt_cei",
        "rpt_roll_rates",
        "rpt_allowance",
        "rpt_allowance_movement",
        "rpt_recovery_by_band",
    ):
        before, after = (
            sorted((row for row in told[name] if row["as_of_date"] <= MONTH_END), key=str)
            for told in (reports, again)
        )  # fmt: skip
        assert before, name
        assert before == after, name
    assert again["rpt_aging_trend"] != reports["rpt_aging_trend"]
