"""Balances and charges of random ledgers against plain arithmetic, day by day.

Amounts are whole cents and decimals. The SQL is what dbt compiled for the busy night, run in
an in-memory database, so that a ledger costs no dbt run.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cobranca import calendar
from cobranca.schema import RAW
from cobranca.warehouse.dbt import read_dbt_manifest
from cobranca.warehouse.engines import empty_table
from seeds import few_or_many
from warehouse.busy_nights import NIGHT
from warehouse.commitment_oracle import (
    LOCAL_HOLIDAYS,
    agreement,
    debt_of,
    named,
    next_bank_day,
    payer_of,
)
from warehouse.drawn_ledgers import CENT, ledgers

TABLES = ("int_receivables__balances_computed", "int_charges__computed")
# Of the policy, the same for every ledger: made once.
STORED = ("stg_policy__calendar", "stg_policy__local_calendar", "int_legal_rates__accrued")


class Rules:
    """The compiled models on one business date, over raw tables that a test fills."""

    def __init__(self, target: Path, night: date, tables: Iterable[str] = TABLES):
        self.night = night
        self.connection = duckdb.connect()
        self.connection.execute("attach ':memory:' as warehouse")
        self.connection.execute("create schema warehouse.raw")
        for table in RAW:
            self.connection.execute(f"create table warehouse.raw.{table} as {empty_table(table)}")
        self._fill_policy()
        nodes = read_dbt_manifest(target.parent)["nodes"]
        self.nodes = {
            node["name"]: node for node in nodes.values() if node["resource_type"] == "model"
        }
        self.target, self.made = target, dict[str, str]()
        for table in tables:
            self._read(table)
        for statement in self.made.values():
            self.connection.execute(statement)

    def _read(self, name: str) -> None:
        """Keep the statement that makes a model, after those of the models that it reads."""
        if name in self.made:
            return
        node = self.nodes[name]
        for parent in node["depends_on"]["nodes"]:
            if parent.startswith("model."):
                self._read(parent.split(".")[-1])
        sql = (self.target / "compiled" / "cobranca" / node["original_file_path"]).read_text(
            encoding="utf-8"
        )
        sql = sql.replace(NIGHT.isoformat(), self.night.isoformat())
        self.connection.execute(f"create schema if not exists warehouse.{node['schema']}")
        self.made[name] = f"create or replace table warehouse.{node['schema']}.{name} as {sql}"

    def build(self) -> None:
        """Make every model of the filled tables, each once."""
        for name, statement in self.made.items():
            if name not in STORED:
                self.connection.execute(statement)

    def _fill_policy(self) -> None:
        days_off = [_Off(day, state) for state, days in LOCAL_HOLIDAYS.items() for day in days]
        self.fill(
            "policy_calendar",
            calendar.calendar_table(days_off, date(2024, 1, 1), date(2027, 12, 31)),
        )
        self.fill(
            "policy_legal_rates",
            [{"month": month, "monthly_rate": rate} for month, rate in LEGAL_RATES.items()],
        )

    def fill(self, table: str, rows: Iterable[dict]) -> None:
        import pyarrow as pa

        arrow = pa.Table.from_pylist(list(rows), schema=RAW[table])  # noqa: F841 (read by name)
        self.connection.execute(f"delete from warehouse.raw.{table}")
        self.connection.execute(f"insert into warehouse.raw.{table} select * from arrow")

    def rows(self, model: str) -> dict[str, dict]:
        found = self.connection.sql(f"select * from warehouse.intermediate.{model}")
        return {row[0]: dict(zip(found.columns, row, strict=True)) for row in found.fetchall()}

    def evaluate(self, ledger: dict) -> tuple[dict[str, dict], dict[str, dict]]:
        for table, rows in ledger.items():
            self.fill(table, rows)
        self.build()
        return self.rows("int_receivables__balances_computed"), self.rows("int_charges__computed")


class _Off:
    closes_banks, name = True, "Feriado"

    def __init__(self, day: date, place: str):
        self.day, self.place = day, place

    def days(self, first_year: int, last_year: int) -> list[date]:
        return [self.day]


LEGAL_RATES = {
    date(2026, 3, 1): Decimal("0.006082"),
    date(2026, 4, 1): Decimal(0),
    date(2026, 5, 1): Decimal("0.013018"),
    date(2026, 6, 1): Decimal("0.007091"),
}


# the oracle


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def expected(ledger: dict, night: date) -> tuple[dict[str, dict], dict[str, dict]]:
    """Balances and charges of every receivable, by plain definition."""
    customers = {(row["source"], row["customer_id"]): row for row in ledger["customers"]}
    events = defaultdict(list)
    for row in ledger["payments"]:
        if row["paid_on"] <= night:
            signed = -row["amount"] if row["kind"] == "reversal" else row["amount"]
            events[debt_of(row)].append((row["paid_on"], row["kind"], signed))
    balances, charges = {}, {}
    for row in ledger["receivables"]:
        if row["issue_date"] and row["issue_date"] > night:
            continue
        key, customer = debt_of(row), customers[row["source"], row["customer_id"]]
        own = events[key]
        balances[key] = balance(row, own, customer, ledger, night)
        late = charge(row, own, customer, ledger, night, balances[key])
        if late:
            charges[key] = late
    return balances, charges


def balance(row: dict, events: list, customer: dict, ledger: dict, night: date) -> dict:
    due = next_bank_day(row["due_date"], customer["state"])
    left = row["amount"] - sum(amount for _, _, amount in events)
    restored = row["status"] == "agreed" and any(
        is_broken(made, ledger, night) and row in named(made, made["agreed_on"], ledger, night)
        for made in ledger["agreements"]
    )
    owed = left if restored or row["open_amount"] is None else min(left, row["open_amount"])
    status = row["status"]
    lost = sum(amount for _, kind, amount in events if kind == "write_off")
    if status == "open" or restored:
        status = "open" if owed > 0 else "written_off" if lost and left + lost > 0 else "settled"
    # a balance that only the source knows to be lower counts as never owed; a loss is no payment
    is_told = row["status"] == "open" and row["open_amount"] is not None
    principal = row["amount"] - (max(left - row["open_amount"], 0) if is_told else 0)
    settled_on, paid = settlement(row["amount"], principal, events, ledger["policy_limits"][0])
    if status in ("cancelled", "agreed"):
        settled_on = None
    return {
        "effective_due_date": due,
        "open_amount": owed if status == "open" else Decimal(0),
        "overpaid_amount": max(-left, Decimal(0)),
        "status": status,
        "settled_on": settled_on,
        "is_open": status == "open",
    } | ({"is_settled_by_payment": paid > 0} if settled_on else {})


def settlement(
    amount: Decimal, principal: Decimal, events: list, limits: dict
) -> tuple[date | None, Decimal]:
    """The day since which no more than a rest is left, and what the payer had paid by then.

    Day by day from the last booking back to the first.
    """
    booked = [event for event in events if event[1] != "write_off"]
    settled_on = None
    for day in sorted({on for on, _, _ in booked}, reverse=True):
        left = principal - sum(sum_ for on, _, sum_ in booked if on <= day)
        if not is_rest(left, amount, limits):
            break
        settled_on = day
    if not any(sum_ > 0 for _, _, sum_ in booked):
        settled_on = None
    paid = sum(
        sum_
        for on, kind, sum_ in booked
        if settled_on and on <= settled_on and kind in ("payment", "reversal")
    )
    return settled_on, Decimal(paid)


def is_rest(left: Decimal, amount: Decimal, limits: dict) -> bool:
    within = max(limits["tolerance_amount"], amount * limits["tolerance_share"])
    trifle = left < limits["minimum_amount"] and left * 2 <= amount
    return left <= 0 or (left < amount and (left <= within or trifle))


def is_broken(made: dict, ledger: dict, night: date) -> bool:
    return agreement(made, ledger, night).state == "broken"


def charge(
    row: dict, events: list, customer: dict, ledger: dict, night: date, state: dict
) -> dict | None:
    month = night.year * 12 + night.month - 1 - 13
    looked_back = date(month // 12, month % 12 + 1, 1)
    due = state["effective_due_date"]
    settled_late = (
        state["status"] == "settled"
        and state["settled_on"]
        and state["settled_on"] > max(due, looked_back)
    )
    if due >= night or not (state["is_open"] or settled_late):
        return None
    (limits,) = ledger["policy_limits"]
    kind = customer["contract_type"]
    fine_rate = limits["default_fine_rate"] if row["fine_rate"] is None else row["fine_rate"]
    if kind == "consumer":
        fine_rate = min(fine_rate, limits["consumer_fine_cap"])
    monthly = row["monthly_interest_rate"]
    if monthly is None:
        monthly = limits["default_monthly_interest_rate"]
    start = row["due_date"] if limits[f"interest_start_{kind}"] == "original_due" else due
    principal = min(row["amount"], state["open_amount"] + sum(amount for _, _, amount in events))
    interest, day = Decimal(0), start
    while day < night:
        # what is owed at the end of a day accrues on the next
        owed = owed_on(day, principal, events)
        day += timedelta(days=1)
        interest += owed * (legal_rate(day) if monthly is None else monthly)
    fine = rounded(owed_on(due, principal, events) * fine_rate)
    interest = rounded(interest / 30)
    return {"fine": fine, "interest": interest} | shares(
        row, fine, interest, state["overpaid_amount"], ledger
    )


def owed_on(day: date, principal: Decimal, events: list) -> Decimal:
    """The principal left at the end of a day; never more of it than there is."""
    left = principal - sum(amount for on, _, amount in events if on <= day)
    return max(min(left, principal), Decimal(0))


def shares(row: dict, fine: Decimal, interest: Decimal, beyond: Decimal, ledger: dict) -> dict:
    """Charged first, in the order fine, interest; then waived; the rest is pending."""
    charged_fine = min(fine, beyond)
    charged_interest = min(interest, beyond - charged_fine)
    waived = {"fine": Decimal(0), "interest": Decimal(0)}
    left = {"fine": fine - charged_fine, "interest": interest - charged_interest}
    whole = {"fine": fine, "interest": interest}
    for waiver in ledger["policy_waivers"]:
        if debt_of(waiver) != debt_of(row):
            continue
        budget = waiver.get("amount")
        for item in ("fine", "interest") if waiver["kind"] == "all" else (waiver["kind"],):
            asked = rounded(whole[item] * waiver.get("share", 1)) if budget is None else budget
            waived[item] = min(left[item], asked)
            if budget is not None:
                budget -= waived[item]
    return {
        "charged_fine": charged_fine,
        "charged_interest": charged_interest,
        "waived_fine": waived["fine"],
        "waived_interest": waived["interest"],
        "pending_fine": left["fine"] - waived["fine"],
        "pending_interest": left["interest"] - waived["interest"],
    }


def legal_rate(day: date) -> Decimal:
    month = min(day.replace(day=1), max(LEGAL_RATES))
    return LEGAL_RATES.get(month, Decimal(0))


# the tests


@pytest.fixture(scope="module")
def rules(busy_night) -> Rules:
    return Rules(busy_night[0].data / ".dbt" / "target", NIGHT)


@pytest.fixture(scope="module")
def later_rules(busy_night) -> Rules:
    return Rules(busy_night[0].data / ".dbt" / "target", NIGHT + timedelta(days=7))


def compare(found: dict[str, dict], plain: dict[str, dict]) -> None:
    assert found.keys() == plain.keys()
    for key, row in plain.items():
        assert {name: found[key][name] for name in row} == row, key


several = settings(max_examples=few_or_many(12, 300), suppress_health_check=list(HealthCheck))


@several
@given(ledgers())
def test_balances_and_charges_equal_plain_arithmetic(rules, ledger):
    balances, charges = rules.evaluate(ledger)
    plain_balances, plain_charges = expected(ledger, NIGHT)
    compare(balances, plain_balances)
    compare(charges, plain_charges)
    for row in charges.values():
        parts = [
            row[f"{state}_{item}"]
            for state in ("charged", "waived", "pending")
            for item in ("fine", "interest")
        ]
        assert min(parts) >= 0 and sum(parts) == row["fine"] + row["interest"]


def payers_with_payments_to_come(ledger: dict) -> set[str]:
    """Those who paid something of a debt that is not issued yet."""
    paid = {debt_of(row) for row in ledger["payments"]}
    return {
        payer_of(row)
        for row in ledger["receivables"]
        if row["issue_date"] and row["issue_date"] > NIGHT and debt_of(row) in paid
    }


@settings(several, max_examples=few_or_many(5, 100))
@given(ledgers(last_day=NIGHT - timedelta(days=3)), st.randoms(use_true_random=False))
def test_charges_never_fall_with_time_nor_depend_on_the_order_of_rows(
    rules, later_rules, ledger, chance
):
    """Nothing is paid between the two nights.

    A payment of a debt that is issued in between counts for an agreement from then on, and may mend
    a broken one. No other debt goes by itself.
    """
    balances, charges = rules.evaluate(ledger)
    shuffled = {table: chance.sample(rows, len(rows)) for table, rows in ledger.items()}
    assert rules.evaluate(shuffled) == (balances, charges)
    later_balances, later_charges = later_rules.evaluate(ledger)
    may_be_mended = payers_with_payments_to_come(ledger)
    payers = {debt_of(row): payer_of(row) for row in ledger["receivables"]}
    for key, row in charges.items():
        if payers[key] in may_be_mended and later_balances[key]["status"] == "agreed":
            assert key not in later_charges
            continue
        assert later_charges[key]["fine"] == row["fine"]
        assert later_charges[key]["interest"] >= row["interest"]
        if not balances[key]["is_open"]:
            assert later_charges[key]["interest"] == row["interest"]
