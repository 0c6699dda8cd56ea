"""What tests draw at random is worth drawing: shares of it, above floors that no seed misses.

A property that is never about anything holds on every example. So each main strategy is counted.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from decisions.world import World
from landing.test_incremental import EVENTS
from sources.cleaning.drawn_rows import COLUMNS, DrawnRow, drawn_rows
from warehouse.busy_nights import NIGHT, random_ledger
from warehouse.drawn_ledgers import ledgers
from warehouse.test_oracles import expected, is_broken

Facts = Callable[[Any], Mapping[str, float]]


def about_rows(rows: list[DrawnRow]) -> Mapping[str, float]:
    landed = [row for row in rows if row.meant]
    refused = {row.refusal[0] for row in rows if row.refusal}
    return {
        "rows that land": len(landed) / len(rows),
        "an id twice": _repeats(row.meant["receivable_id"] for row in landed),
        "a row refused": bool(refused),
        **{f"{name} refused": name in refused for name in COLUMNS},
        "written otherwise": any(
            value.raw != value.meant for row in landed for value in row.values.values()
        ),
    }


def about_ledger(ledger: dict) -> Mapping[str, float]:
    receivables, payments = ledger["receivables"], ledger["payments"]
    balances, charges = expected(ledger, NIGHT)
    return {
        "an id in both sources": _repeats(row["receivable_id"] for row in receivables),
        "a payment": bool(payments),
        "a reversal": any(row["kind"] == "reversal" for row in payments),
        "an agreement": bool(ledger["agreements"]),
        "a broken agreement": any(is_broken(row, ledger, NIGHT) for row in ledger["agreements"]),
        "a waiver": bool(ledger["policy_waivers"]),
        "not issued yet": len(balances) < len(receivables),
        "a fine": any(row["fine"] for row in charges.values()),
        "interest": any(row["interest"] for row in charges.values()),
        "charges of what is settled": any(not balances[key]["is_open"] for key in charges),
        "something waived": any(
            row["waived_fine"] + row["waived_interest"] for row in charges.values()
        ),
    }


def about_events(nights: list[list[tuple]]) -> Mapping[str, float]:
    happened = Counter(event[0] for events in nights for event in events)
    names = ("change", "silent", "late", "delete", "owner leaves", "pay", "unpay", "break")
    return {"three events": sum(happened.values()) >= 3} | {
        name: bool(happened[name]) for name in names
    }


def about_world(seed: int) -> Mapping[str, float]:
    world = World(seed)
    debts = list(world.receivables.values())
    payments = [amount for owed in debts for _, amount in owed.payments]
    by_payer = Counter(world.keys.values())
    return {
        "debts paid in part or whole": sum(bool(owed.payments) for owed in debts) / len(debts),
        "a reversal": any(amount < 0 for amount in payments),
        "a hold of a debt": any(row["scope"] == "receivable" for row in world.holds),
        "a hold of a payer": any(row["scope"] == "customer" for row in world.holds),
        "an override": bool(world.overrides),
        "an account in both sources": max(by_payer.values()) > 1,
        "ids in both sources": _repeats(customer_id for _, customer_id in world.keys),
        "a dispute": any(owed.disputed for owed in debts),
        "another currency": any(owed.currency != "BRL" for owed in debts),
        "who must be left alone": any(any(flags.values()) for flags in world.flags().values()),
    }


def about_company(seed: int) -> Mapping[str, float]:
    company = random_ledger(seed)
    kinds = Counter(row["kind"] for row in company["payments"])
    statuses = Counter(row["status"] for row in company["receivables"])
    return {
        **{kind: bool(kinds[kind]) for kind in ("reversal", "write_off", "credit_note")},
        **{status: bool(statuses[status]) for status in ("agreed", "cancelled", "written_off")},
        "receivables with payments": len({row["receivable_id"] for row in company["payments"]})
        / len(company["receivables"]),
    }


def _repeats(values) -> bool:
    return max(Counter(values).values(), default=0) > 1


def each(floor: float, *names: str) -> dict[str, float]:
    return dict.fromkeys(names, floor)


@pytest.mark.parametrize(
    ("strategy", "facts", "examples", "floors"),
    [
        (
            st.lists(drawn_rows(), min_size=1, max_size=8),
            about_rows,
            # Examples of one run resemble each other: of a hundred, none had some mistake in one
            # run of ten.
            300,
            {"rows that land": 0.5, "an id twice": 0.1, "a row refused": 0.2},
        ),
        (
            ledgers(),
            about_ledger,
            60,
            each(
                0.3,
                "an id in both sources",
                "a payment",
                "a reversal",
                "an agreement",
                "a broken agreement",
                "a waiver",
                "not issued yet",
                "a fine",
                "interest",
            )
            | each(0.1, "charges of what is settled", "something waived"),
        ),
        (
            st.lists(st.lists(EVENTS, max_size=6), min_size=2, max_size=4),
            about_events,
            200,
            {"three events": 0.4},
        ),
    ],
    ids=["rows", "ledgers", "events"],
)
@pytest.mark.usefixtures("run_seed")
def test_examples_are_about_what_they_test(strategy, facts: Facts, examples, floors):
    seen: list[Mapping[str, float]] = []

    @given(strategy)
    @hypothesis(
        max_examples=examples, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    def collect(example: object) -> None:
        seen.append(facts(example))

    collect()
    hold(seen, floors)
    missing = [name for name in seen[0] if not any(row[name] for row in seen)]
    assert missing == [], "some examples are about each of these"


@pytest.mark.parametrize(
    ("facts", "floors"),
    [
        (about_world, {"debts paid in part or whole": 0.3}),
        (about_company, {"receivables with payments": 0.4}),
    ],
    ids=["world", "company"],
)
def test_every_company_has_everything(run_seed, facts: Facts, floors):
    chance = random.Random(run_seed)
    seen = [facts(chance.randrange(2**32)) for _ in range(8)]
    hold(seen, floors | {name: 0.6 for name in seen[0] if name not in floors})


def hold(seen: list[Mapping[str, float]], floors: dict[str, float]) -> None:
    shares = {name: sum(row[name] for row in seen) / len(seen) for name in seen[0]}
    low = {name: shares[name] for name, floor in floors.items() if shares[name] < floor}
    assert low == {}, f"too seldom, of {shares}"
