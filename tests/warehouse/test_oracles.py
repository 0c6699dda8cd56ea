"""Balances and charges of random ledgers against plain arithmetic, day by day, in whole cents and decimals.

The SQL is what dbt compiled for the busy night, as views over an in-memory database, so that a ledger costs no dbt run.
"""

import json
import os
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
from cobranca.warehouse.engines import empty_table
from warehouse.conftest import NIGHT
from warehouse.nights import DEFAULTS, key_of

EXAMPLES = int(os.environ.get("COBRANCA_SEEDS", 12))
TABLES = ("int_receivables__balanced", "int_charges__computed")
# Read again for every ledger, they would cost more than the rest together.
STORED = ("stg_policy__calendar", "stg_policy__local_calendar", "int_legal_rates__accrued")
CENT = Decimal("0.01")
SIGN = {"reversal": -1}
LOCAL_HOLIDAYS = {"SP": [date(2026, 7, 9)], "RJ": [date(2026, 4, 23)]}


class Rules:
    """The compiled models on one business date, over raw tables that a test fills."""

    def __init__(self, target: Path, night: date):
        self.night = night
        self.connection = duckdb.connect()
        self.connection.execute("attach ':memory:' as warehouse")
        self.connection.execute("create schema warehouse.raw")
        for table in RAW:
            self.connection.execute(f"create table warehouse.raw.{table} as {empty_table(table)}")
        self._fill_policy()
        nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
        self.nodes = {node["name"]: node for node in nodes.values() if node["resource_type"] == "model"}
        self.target, self.made = target, set()
        for table in TABLES:
            self._make(table)

    def _make(self, name: str) -> None:
        if name in self.made:
            return
        self.made.add(name)
        node = self.nodes[name]
        for parent in node["depends_on"]["nodes"]:
            if parent.startswith("model."):
                self._make(parent.split(".")[-1])
        sql = (self.target / "compiled" / "cobranca" / node["original_file_path"]).read_text(encoding="utf-8")
        sql = sql.replace(NIGHT.isoformat(), self.night.isoformat())
        self.connection.execute(f"create schema if not exists warehouse.{node['schema']}")
        kind = "table" if name in STORED else "view"
        self.connection.execute(f"create {kind} warehouse.{node['schema']}.{name} as {sql}")

    def _fill_policy(self) -> None:
        days_off = [_Off(day, state) for state, days in LOCAL_HOLIDAYS.items() for day in days]
        self.fill("policy_calendar", calendar.calendar_table(days_off, date(2024, 1, 1), date(2027, 12, 31)))
        self.fill("policy_legal_rates", [{"month": month, "monthly_rate": rate} for month, rate in LEGAL_RATES.items()])

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
        return self.rows("int_receivables__balanced"), self.rows("int_charges__computed")


class _Off:
    closes_banks, name = True, "Feriado"

    def __init__(self, day: date, place: str):
        self.day, self.place = day, place

    def days(self, first_year: int, last_year: int) -> list[date]:
        return [self.day]


LEGAL_RATES = {
    date(2026, 3, 1): Decimal("0.006082"),
    date(2026, 4, 1): Decimal("0"),
    date(2026, 5, 1): Decimal("0.013018"),
    date(2026, 6, 1): Decimal("0.007091"),
}

cents = st.integers(1, 5_000_000).map(lambda number: Decimal(number) / 100)
rates = st.sampled_from([None, Decimal("0"), Decimal("0.01"), Decimal("0.003333"), Decimal("0.02"), Decimal("0.15")])
# Most of what can go wrong lies around the due date and around the first instalment, 30 days and 2 of grace after the agreement.
days_to_payment = st.one_of(st.integers(-2, 4), st.integers(-15, 250))
days_since_agreement = st.one_of(st.integers(31, 35), st.integers(1, 150))


@st.composite
def ledgers(draw, last_day: date = NIGHT) -> dict:
    """Raw rows of one company with two payers: a consumer of São Paulo and a company of Rio."""
    customers = [
        {"source": "erp", "customer_id": "c", "state": "SP", "contract_type": "consumer"},
        {"source": "erp", "customer_id": "b", "state": "RJ", "contract_type": "business"},
    ]
    receivables, payments, waivers = [], [], []
    for number in range(draw(st.integers(1, 20))):
        due = NIGHT + timedelta(days=draw(st.integers(-450, 20)))
        amount = draw(cents)
        receivables.append(
            {
                "source": "erp",
                "receivable_id": str(number),
                "customer_id": draw(st.sampled_from("cb")),
                "due_date": due,
                "issue_date": draw(st.sampled_from([None, due - timedelta(days=30), NIGHT + timedelta(days=1)])),
                "amount": amount,
                "open_amount": draw(st.sampled_from([None, None, None, (amount / 2).quantize(CENT), Decimal(0)])),
                "currency": draw(st.sampled_from(["BRL", "BRL", "USD"])),
                "status": draw(st.sampled_from(["open", "open", "open", "open", "agreed", "agreed", "cancelled", "written_off"])),
                "fine_rate": draw(rates),
                "monthly_interest_rate": draw(rates),
            }
        )
        for part in range(draw(st.integers(0, 4))):
            paid_on = min(due + timedelta(days=draw(days_to_payment)), last_day + timedelta(days=draw(st.integers(-3, 2))))
            share = draw(st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal(1), Decimal("1.05")]))
            payments.append(
                {
                    "source": "erp",
                    "payment_id": f"{number}-{part}",
                    "receivable_id": str(number),
                    "paid_on": paid_on,
                    "amount": (amount * share).quantize(CENT),
                    "kind": draw(
                        st.sampled_from(["payment"] * 4 + ["reversal", "reversal", "credit_note", "discount", "write_off"])
                    ),
                }
            )
        for kind in draw(st.sampled_from([[], [], ["all"], ["fine"], ["interest"], ["fine", "interest"]])):
            waived = draw(st.sampled_from([{}, {"amount": Decimal("3.50")}, {"share": Decimal("0.333333")}]))
            waivers.append({"source": "erp", "receivable_id": str(number), "kind": kind} | waived)
    agreements = [
        {
            "agreement_id": f"A{number}",
            "customer_key": key,
            "agreed_on": NIGHT - timedelta(days=draw(days_since_agreement)),
            "currency": draw(st.sampled_from(["BRL", "USD"])),
            "amount": draw(cents),
            "installments": draw(st.integers(2, 6)),
        }
        for number, key in enumerate(KEYS.values())
        if draw(st.booleans())
    ]
    limits = {
        "policy_version": "test",
        "default_fine_rate": Decimal("0.02"),
        "consumer_fine_cap": Decimal("0.02"),
        "default_monthly_interest_rate": draw(st.sampled_from([None, Decimal("0.01")])),
        "interest_start_consumer": draw(st.sampled_from(["original_due", "effective_due"])),
        "interest_start_business": draw(st.sampled_from(["original_due", "effective_due"])),
        "promise_grace_days": 2,
        "promise_kept_share": Decimal("0.95"),
    }
    defaulted = {"customers": customers, "receivables": receivables, "payments": draw(st.permutations(payments))}
    return {table: [DEFAULTS[table] | row for row in rows] for table, rows in defaulted.items()} | {
        "policy_waivers": waivers,
        "agreements": agreements,
        "policy_limits": [limits],
    }


# ------------------------------------------------------------------------------------------------------- the oracle


KEYS = {customer_id: key_of(customer_id) for customer_id in "cb"}


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def expected(ledger: dict, night: date) -> tuple[dict[str, dict], dict[str, dict]]:
    """Balances and charges of every receivable, by plain definition."""
    customers = {row["customer_id"]: row for row in ledger["customers"]}
    events = defaultdict(list)
    for row in ledger["payments"]:
        if row["paid_on"] <= night:
            signed = -row["amount"] if row["kind"] == "reversal" else row["amount"]
            events[row["receivable_id"]].append((row["paid_on"], row["kind"], signed))
    balances, charges = {}, {}
    for row in ledger["receivables"]:
        if row["issue_date"] and row["issue_date"] > night:
            continue
        key = f"erp:{row['receivable_id']}"
        own = events[row["receivable_id"]]
        customer = customers[row["customer_id"]]
        balances[key] = balance(row, own, customer, ledger, night)
        late = charge(row, own, customer, ledger, night, balances[key])
        if late:
            charges[key] = late
    return balances, charges


def balance(row: dict, events: list, customer: dict, ledger: dict, night: date) -> dict:
    due = row["due_date"]
    while due.weekday() > 4 or due in calendar.bank_holidays(due.year) or due in LOCAL_HOLIDAYS[customer["state"]]:
        due += timedelta(days=1)
    left = row["amount"] - sum(amount for _, _, amount in events)
    restored = row["status"] == "agreed" and any(
        row["due_date"] <= agreement["agreed_on"] and is_broken(agreement, ledger, night)
        for agreement in ledger["agreements"]
        if (agreement["customer_key"], agreement["currency"]) == (KEYS[row["customer_id"]], row["currency"])
    )
    owed = left if restored or row["open_amount"] is None else min(left, row["open_amount"])
    status = row["status"]
    if status == "open" or restored:
        written_off = sum(amount for _, kind, amount in events if kind == "write_off") > 0
        status = "open" if owed > 0 else "written_off" if written_off else "settled"
    paid_on = [day for day, _, amount in events if amount > 0]
    return {
        "effective_due_date": due,
        "open_amount": owed if status == "open" else Decimal(0),
        "overpaid_amount": max(-left, Decimal(0)),
        "status": status,
        "settled_on": max(paid_on) if status == "settled" and paid_on else None,
        "is_open": status == "open",
    }


def is_broken(agreement: dict, ledger: dict, night: date) -> bool:
    first = agreement["agreed_on"] + timedelta(days=30)
    past = 0
    for number in range(agreement["installments"]):
        month = first.month - 1 + number
        # the last days of a month have no namesake in a shorter one: due on the first of the next
        year, month = first.year + month // 12, month % 12 + 1
        try:
            due = date(year, month, first.day)
        except ValueError:
            due = date(year + month // 12, month % 12 + 1, 1)
        past += due + timedelta(days=2) < night
    owed = rounded(agreement["amount"] * past / agreement["installments"])
    own = {
        row["receivable_id"]
        for row in ledger["receivables"]
        if KEYS[row["customer_id"]] == agreement["customer_key"]
        and row["currency"] == agreement["currency"]
        and not (row["issue_date"] and row["issue_date"] > night)
    }
    paid = sum(
        row["amount"] * SIGN.get(row["kind"], 1)
        for row in ledger["payments"]
        if row["receivable_id"] in own
        and row["kind"] in ("payment", "reversal")
        and agreement["agreed_on"] <= row["paid_on"] <= night
    )
    return paid < agreement["amount"] * Decimal("0.95") and paid < owed * Decimal("0.95")


def charge(row: dict, events: list, customer: dict, ledger: dict, night: date, state: dict) -> dict | None:
    month = night.year * 12 + night.month - 1 - 13
    looked_back = date(month // 12, month % 12 + 1, 1)
    due = state["effective_due_date"]
    settled_late = state["status"] == "settled" and state["settled_on"] and state["settled_on"] > max(due, looked_back)
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
        owed = max(principal - sum(amount for on, _, amount in events if on <= day), Decimal(0))
        day += timedelta(days=1)
        interest += owed * (legal_rate(day) if monthly is None else monthly)
    fine = rounded(max(principal - sum(amount for on, _, amount in events if on <= due), Decimal(0)) * fine_rate)
    interest = rounded(interest / 30)
    return {"fine": fine, "interest": interest} | shares(row, fine, interest, state["overpaid_amount"], ledger)


def shares(row: dict, fine: Decimal, interest: Decimal, beyond: Decimal, ledger: dict) -> dict:
    """Charged first, in the order fine, interest; then waived; the rest is pending."""
    charged_fine = min(fine, beyond)
    charged_interest = min(interest, beyond - charged_fine)
    waived = {"fine": Decimal(0), "interest": Decimal(0)}
    left = {"fine": fine - charged_fine, "interest": interest - charged_interest}
    whole = {"fine": fine, "interest": interest}
    for waiver in ledger["policy_waivers"]:
        if waiver["receivable_id"] != row["receivable_id"]:
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


# -------------------------------------------------------------------------------------------------------- the tests


@pytest.fixture(scope="module")
def rules(busy_night) -> Rules:
    return Rules(busy_night[0].data / ".dbt" / "target", NIGHT)


@pytest.fixture(scope="module")
def later_rules(busy_night) -> Rules:
    return Rules(busy_night[0].data / ".dbt" / "target", NIGHT + timedelta(days=7))


def compare(told: dict[str, dict], plain: dict[str, dict]) -> None:
    assert told.keys() == plain.keys()
    for key, row in plain.items():
        assert {name: told[key][name] for name in row} == row, key


several = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@several
@given(ledgers())
def test_balances_and_charges_equal_plain_arithmetic(rules, ledger):
    balances, charges = rules.evaluate(ledger)
    plain_balances, plain_charges = expected(ledger, NIGHT)
    compare(balances, plain_balances)
    compare(charges, plain_charges)
    for row in charges.values():
        parts = [row[f"{state}_{item}"] for state in ("charged", "waived", "pending") for item in ("fine", "interest")]
        assert min(parts) >= 0 and sum(parts) == row["fine"] + row["interest"]


@settings(several, max_examples=max(EXAMPLES // 3, 5))
@given(ledgers(last_day=NIGHT - timedelta(days=3)), st.randoms(use_true_random=False))
def test_charges_never_fall_with_time_nor_depend_on_the_order_of_rows(rules, later_rules, ledger, chance):
    balances, charges = rules.evaluate(ledger)
    shuffled = {table: chance.sample(rows, len(rows)) for table, rows in ledger.items()}
    assert rules.evaluate(shuffled) == (balances, charges)
    later_balances, later_charges = later_rules.evaluate(ledger)
    for key, row in charges.items():
        # a debt can come back when its agreement breaks, and goes nowhere else by itself
        assert later_charges[key]["fine"] == row["fine"]
        assert later_charges[key]["interest"] >= row["interest"]
        if not balances[key]["is_open"]:
            assert later_charges[key]["interest"] == row["interest"]
