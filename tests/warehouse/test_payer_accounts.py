"""The payer's account of random ledgers: receipts, promises, agreements and credits.

Held against plain definitions, and against what must hold of every account.
"""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seeds import few_or_many
from warehouse import commitment_oracle as oracle
from warehouse.busy_nights import NIGHT
from warehouse.drawn_ledgers import known_payers_ledgers, ledgers
from warehouse.test_oracles import Rules

several = settings(max_examples=few_or_many(12, 300), suppress_health_check=list(HealthCheck))
OPEN_CREDIT = Decimal("1.00")


@pytest.fixture(scope="module")
def rules(busy_night) -> Rules:
    return Rules(
        busy_night[0].data / ".dbt" / "target",
        NIGHT,
        tables=(
            "int_agreements__fulfilment_computed",
            "int_promises__fulfilment_computed",
            "int_receivables__balances_computed",
            "int_charges__computed",
            "int_customers__credits",
            "int_receivables__held",
            "int_receivables__credit_applied",
            "int_receivables__aged",
        ),
    )


def table(rules: Rules, model: str) -> list[dict[str, Any]]:
    found = rules.connection.sql(f"select * from warehouse.intermediate.{model}")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def fill(rules: Rules, ledger: dict) -> dict:
    """The ledger, with limits that know credits and a régua for everybody."""
    limits = ledger["policy_limits"][0] | {
        "tolerance_amount": OPEN_CREDIT, "collect_until_years": 5, "credits": "net"
    }  # fmt: skip
    ledger = ledger | {
        "policy_limits": [limits],
        "policy_steps": [{"segment": "*", "step": "d+1", "step_offset": 1, "channel": "email"}],
    }
    for name, rows in ledger.items():
        rules.fill(name, rows)
    rules.build()
    return ledger


@several
@given(ledgers())
def test_promises_and_agreements_stand_as_plain_definitions_say(rules, ledger):
    ledger = fill(rules, ledger)
    found = {
        row["promise_id"]: (row["state"], row["paid_amount"])
        for row in table(rules, "int_promises__fulfilment_computed")
    }
    assert found == oracle.promises(ledger, NIGHT)
    agreements = {
        row["agreement_id"]: (row["state"], row["paid_amount"])
        for row in table(rules, "int_agreements__fulfilment_computed")
    }
    assert agreements == {
        made["agreement_id"]: oracle.agreement(made, ledger, NIGHT) for made in ledger["agreements"]
    }


def by_payer(rows: list[dict[str, Any]], *columns: str) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["customer_key"], row["currency"]] += sum(row[name] for name in columns)
    return sums


@several
@given(st.one_of(ledgers(), known_payers_ledgers()))
def test_no_payer_is_asked_for_more_than_is_owed_on_balance(rules, ledger):
    fill(rules, ledger)
    held = {row["receivable_key"]: row for row in table(rules, "int_receivables__held")}
    applied = {
        row["receivable_key"]: row for row in table(rules, "int_receivables__credit_applied")
    }
    credit = by_payer(table(rules, "int_customers__credits"), "credit_amount")
    asked: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    opened = table(rules, "int_receivables__aged")
    for row in opened:
        if held[row["receivable_key"]]["hold_reason"] is None:
            covered = applied.get(row["receivable_key"])
            taken = covered["credit_applied"] if covered else Decimal(0)
            assert 0 <= taken <= row["open_amount"]
            asked[row["customer_key"], row["currency"]] += row["open_amount"] - taken
            if covered:
                assert 0 <= covered["asked_fine"] <= row["fine"]
                assert 0 <= covered["asked_interest"] <= row["interest"]
                assert covered["is_covered"] == (row["open_amount"] - taken <= OPEN_CREDIT)
    owed = by_payer(opened, "open_amount")
    for payer, amount in asked.items():
        assert amount <= max(owed[payer] - credit.get(payer, Decimal(0)), Decimal(0))


@several
@given(ledgers())
def test_every_cent_that_came_in_is_allotted_or_a_credit(rules, ledger):
    """Receipts are what was allotted to receivables and their charges, what agreements took beyond
    their debts, or the payer's credit.
    """
    ledger = fill(rules, ledger)
    charges = {row["receivable_key"]: row for row in table(rules, "int_charges__computed")}
    about = {row["receivable_key"] for row in table(rules, "int_receivables__agreement_assigned")}
    account: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in table(rules, "int_receivables__balances_computed"):
        received = row["paid_amount"] + row["credited_amount"]
        late = charges.get(row["receivable_key"])
        charged = late["charged_fine"] + late["charged_interest"] if late else Decimal(0)
        beyond = max(received - row["amount"], Decimal(0))
        assert charged <= max(beyond + row["written_off_amount"], Decimal(0))
        if row["status"] != "agreed" and row["receivable_key"] not in about:
            account[row["customer_key"], row["currency"]] += beyond - (charged if beyond else 0)
    for row in ledger["payments"]:
        if not row["receivable_id"] and row["kind"] != "write_off" and row["paid_on"] <= NIGHT:
            key = oracle.payer_of(row), row["currency"] or "BRL"
            account[key] += row["amount"] * oracle.SIGN.get(row["kind"], 1)
    credit = by_payer(table(rules, "int_customers__credits"), "credit_amount")
    assert credit == {key: amount for key, amount in account.items() if amount > OPEN_CREDIT}


ACCOUNTS = (
    "int_promises__fulfilment_computed",
    "int_agreements__fulfilment_computed",
    "int_customers__credits",
    "int_receivables__credit_applied",
    "int_receivables__held",
    "int_receivables__aged",
)


def accounts(rules: Rules, ledger: dict, of_half: str = "") -> set[tuple]:
    """Every row that the ledger's accounts come to, the second half of a source named as the
    first.
    """
    fill(rules, ledger)
    return {
        (model, *(str(value).replace(of_half, "") for value in row.values()))
        for model in ACCOUNTS
        for row in table(rules, model)
    }


HALF = " half"


def split(ledger: dict, moved: set[tuple[str, str]]) -> dict:
    """The ledger with some receivables, and what belongs to them, in a second half of the source;
    both halves list every customer.
    """

    def in_its_half(row: dict) -> dict:
        is_moved = (row["source"], row["receivable_id"]) in moved
        return row | {"source": row["source"] + HALF} if is_moved else row

    def about_its_half(row: dict) -> dict:
        source, _, key = row["receivable_key"].partition(":")
        is_moved = (source, key) in moved
        return row | {"receivable_key": f"{source}{HALF}:{key}"} if is_moved else row

    return ledger | {
        "customers": [
            row | {"source": row["source"] + half}
            for half in ("", HALF)
            for row in ledger["customers"]
        ],
        **{
            name: [in_its_half(row) for row in ledger[name]]
            for name in ("receivables", "payments", "policy_waivers")
        },
        "commitment_items": [about_its_half(row) for row in ledger["commitment_items"]],
    }


@settings(several, max_examples=few_or_many(20, 300))
@given(known_payers_ledgers(), st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_a_split_source_changes_an_account(rules, ledger, chance):
    whole = accounts(rules, ledger)
    dues = [
        (row["customer_key"], row["effective_due_date"])
        for row in table(rules, "int_receivables__aged")
    ]
    debts = [(row["source"], row["receivable_id"]) for row in ledger["receivables"]]
    changed = {name: chance.sample(rows, len(rows)) for name, rows in ledger.items()}
    # which of a payer's two debts of one day a credit settles is decided by their names, and a
    # split changes those
    if len(set(dues)) == len(dues):
        changed = split(changed, set(chance.sample(debts, chance.randint(1, len(debts)))))
    # each row has a key, so that sets lose none; pytest would compare two long lists for minutes
    assert sorted(whole ^ accounts(rules, changed, of_half=HALF))[:4] == []
