"""The ranking uses only the past, is the same on every engine, and its backtest is right."""

import random
import shutil
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cobranca.labels import read_codes, score_sentence
from cobranca.warehouse.dbt import read_dbt_manifest
from seeds import few_or_many
from warehouse.busy_nights import NEXT_DUE, NIGHT
from warehouse.payers import PROFILES

# Everything between the payments and the ranking that a build would make anew.
FIRST, LAST = "stg_landing__payments", "int_payers__ranked"


@pytest.fixture(params=["busy_night", "busy_night_on_postgres"], ids=["duckdb", "postgres"])
def batch(request):
    return request.getfixturevalue(request.param)[1]


def rows(batch, query: str, **tables: str) -> list[tuple]:
    """A query over tables of the batch, named in braces."""
    places = {name: f"read_parquet('{batch.path(name + '.parquet')}')" for name in tables.values()}
    return duckdb.sql(query.format(**places)).fetchall()


@pytest.mark.parametrize("prefix", NEXT_DUE)
def test_of_five_profiles_the_forgetful_and_the_unknown_are_reminded_before_the_due_date(
    batch, prefix
):
    found = rows(
        batch,
        "select d.receivable_id, r.payer_class, d.decision, d.step, d.reason"
        " from {fct_decisions} as d join {dim_payer_ranking} as r using (customer_key)"
        f" where d.receivable_id like '{prefix}-%-next'",
        a="fct_decisions",
        b="dim_payer_ranking",
    )
    step = {"today": "d0", "soon": "d-3"}[prefix]
    expected = {
        f"{prefix}-{name}-next": (
            (payer_class, "remind", step, "step_due")
            if payer_class in ("viciado", "novo")
            else (payer_class, "none", None, "preventive_not_needed")
        )
        for name, (_, payer_class) in PROFILES.items()
    }
    assert {row[0]: row[1:] for row in found} == expected
    messages = rows(
        batch,
        f"select count(distinct message_key) from {{out_reminders}} where receivable_id like "
        f"'{prefix}-%'",
        a="out_reminders",
    )
    assert messages == [(2,)]


def test_every_score_is_a_hundred_less_its_points_and_says_why(batch):
    ranked = rows(
        batch,
        "select score, late_points + over_7_points + over_30_points + overdue_points + "
        "promise_points, score_reasons, rank"
        " from {dim_payer_ranking} order by rank",
        a="dim_payer_ranking",
    )
    assert [score for score, *_ in ranked] == sorted(
        (max(100 - points, 0) for _, points, *_ in ranked), reverse=True
    )
    assert [row[3] for row in ranked] == list(range(1, len(ranked) + 1))
    for _, points, codes, _ in ranked:
        assert "observed" in read_codes(codes)
        sentence = score_sentence(codes)
        assert sentence[0].isupper() or sentence[0].isdigit()
        assert sentence.endswith(".") and "  " not in sentence
        assert ("Pontos perdidos" in sentence) == (points > 0)


class Replay:
    """A copy of the busy night's warehouse, in which other payments can be tried.

    The models' own SQL is run again.
    """

    def __init__(self, folder: Path, data: Path):
        self.path = folder / "warehouse.duckdb"
        shutil.copy(data / "warehouse.duckdb", self.path)
        nodes = read_dbt_manifest(data / ".dbt")["nodes"]
        models = {node["name"]: node for node in nodes.values() if node["resource_type"] == "model"}
        parents = {
            name: [
                key.split(".")[-1]
                for key in node["depends_on"]["nodes"]
                if key.startswith("model.")
            ]
            for name, node in models.items()
        }
        self.models = [
            (
                models[name],
                (
                    data
                    / ".dbt"
                    / "target"
                    / "compiled"
                    / "cobranca"
                    / models[name]["original_file_path"]
                ).read_text(),
            )
            for name in _between(parents)
        ]
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("create table raw.landed as select * from raw.payments")
            connection.execute("create table raw.added as select * from raw.payments limit 0")
            connection.execute(
                "create or replace view raw.payments as from raw.landed union all from raw.added"
            )

    def ranking(self, payments: list[dict]) -> dict[date, set[tuple]]:
        """The ranking of every payer, by as-of date, with these payments added."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("delete from raw.added")
            for row in payments:
                connection.execute(
                    "insert into raw.added by name select "
                    + ", ".join(f"? as {name}" for name in row),
                    list(row.values()),
                )
            for model, sql in self.models:
                kind = model["config"]["materialized"]
                connection.execute(
                    f"create or replace {kind} {model['schema']}.{model['alias']} as {sql}"
                )
            said: dict[date, set[tuple]] = defaultdict(set)
            for table in ("int_payers__history_aggregated", "int_payers__scored"):
                for row in connection.execute(
                    f"select as_of_date, '{table}', * from intermediate.{table}"
                ).fetchall():
                    said[row[0]].add(row[1:])
            said[NIGHT] |= set(
                connection.execute("select * from intermediate.int_payers__ranked").fetchall()
            )
        return said


def _between(parents: dict[str, list[str]]) -> list[str]:
    """The tables that lead from FIRST to LAST, parents first."""

    def leads(name: str) -> bool:
        return name == FIRST or any(leads(parent) for parent in parents[name])

    order: list[str] = []

    def visit(name: str) -> None:
        for parent in parents[name]:
            visit(parent)
        if (
            name not in order
            and leads(name)
            and name.startswith("int_")
            and name != "int_payments__joined_to_receivables"
        ):
            order.append(name)

    visit(LAST)
    return order


@pytest.fixture(scope="module")
def replay(busy_night, tmp_path_factory) -> Replay:
    return Replay(tmp_path_factory.mktemp("replay"), busy_night[0].data)


@pytest.fixture(scope="module")
def as_it_was(replay) -> dict[date, set[tuple]]:
    return replay.ranking([])


def later_payments(chance: random.Random, ledger: dict, after: date) -> list[dict]:
    """Payments, bounces and losses of any receivables, dated after a day.

    Some are dated beyond the night. Half are of renegotiated debts, whose agreements they may mend.
    """
    agreed = [row for row in ledger["receivables"] if row.get("status") == "agreed"]
    others = [row for row in ledger["receivables"] if row.get("status") != "agreed"]
    drawn = chance.sample(agreed, k=min(30, len(agreed))) + chance.sample(others, k=30)
    added = []
    for number, row in enumerate(drawn):
        paid_on = after + timedelta(days=chance.randrange(1, 200))
        share = chance.choice([Decimal("0.5"), Decimal(1), Decimal(1)])
        added.append(
            {
                "source": row.get("source", "erp"),
                "payment_id": f"later-{number}",
                "receivable_id": row["receivable_id"],
                "paid_on": paid_on,
                "amount": (row["amount"] * share).quantize(Decimal("0.01")),
                "kind": chance.choice(["payment"] * 5 + ["reversal", "write_off", "credit_note"]),
            }
        )
    return added


AS_OF = [date(2026, 3, 31), date(2026, 6, 30), date(2026, 8, 31), NIGHT]


@settings(
    max_examples=few_or_many(6, 100), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6), after=st.sampled_from(AS_OF))
def test_later_payments_move_no_past_rank(replay, as_it_was, busy_ledger, seed, after):
    added = later_payments(random.Random(seed), busy_ledger, after)
    now = replay.ranking(added)
    assert set(now) == set(as_it_was)
    for day in (day for day in as_it_was if day <= after):
        assert now[day] == as_it_was[day], day
    if after < NIGHT:
        # the same payments do count from their own day on
        assert now[NIGHT] != as_it_was[NIGHT]


@pytest.fixture(scope="module")
def settled(replay) -> list[dict]:
    """Receivables that are settled, of payers without promises and agreements.

    Without those that are settled because their source alone says so: what is booked there later
    tells how much it was.
    """
    replay.ranking([])
    with duckdb.connect(str(replay.path), read_only=True) as connection:
        found = connection.execute(
            """
            select r.source, r.receivable_id, b.amount, b.settled_on
            from intermediate.int_receivables__balances_computed as b
            join staging.stg_landing__receivables as r using (receivable_key)
            where b.settled_on < ? and r.source_open_amount is null
                and b.customer_key not in (select customer_key from raw.promises)
                and b.customer_key not in (select customer_key from raw.agreements)
            order by all
            """,
            [NIGHT],
        )
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def bookings_after(chance: random.Random, row: dict, number: int) -> list[dict]:
    """What may still be booked on a settled receivable: twice paid, credited, charged apart, lost.

    Half of it is given back again, at once or before the night.
    """
    span = (NIGHT - row["settled_on"]).days
    first = row["settled_on"] + timedelta(days=chance.randrange(1, span + 1))
    share = chance.choice([Decimal("0.02"), Decimal("0.05"), Decimal(1)])
    booking = {
        "source": row["source"],
        "payment_id": f"after-{number}",
        "receivable_id": row["receivable_id"],
        "paid_on": first,
        "amount": max((row["amount"] * share).quantize(Decimal("0.01")), Decimal("0.01")),
        "kind": chance.choice(["payment", "payment", "credit_note", "discount", "write_off"]),
    }
    if booking["kind"] != "payment" or chance.random() < 0.5:
        return [booking]
    back = first + timedelta(days=chance.randrange(0, (NIGHT - first).days + 1))
    return [
        booking,
        booking | {"payment_id": f"back-{number}", "paid_on": back, "kind": "reversal"},
    ]


@settings(
    max_examples=few_or_many(6, 100), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6))
def test_what_is_booked_after_the_settlement_changes_no_rank(replay, as_it_was, settled, seed):
    chance = random.Random(seed)
    drawn = chance.sample(settled, k=min(60, len(settled)))
    added = [
        booking
        for number, row in enumerate(drawn)
        for booking in bookings_after(chance, row, number)
    ]
    assert len(drawn) > 20
    assert replay.ranking(added) == as_it_was


def test_the_backtest_counts_pairs_as_an_oracle_does(busy_night):
    place, batch = busy_night
    with duckdb.connect(str(place.data / "warehouse.duckdb"), read_only=True) as connection:
        tried = connection.execute(
            "select is_late, is_seriously_late, late_probability, seriously_late_probability, 100 "
            "- score,"
            " last_days_late, mean_days_late from intermediate.int_ranking__backtested"
        ).fetchall()
    assert len(tried) > 20
    found = {
        (target, predictor): auc
        for target, predictor, auc in rows(
            batch,
            "select target, predictor, auc from {rpt_ranking_backtest} where period = 'all'",
            a="rpt_ranking_backtest",
        )
    }
    columns = {
        "score": (4, 4),
        "last_behaviour": (5, 5),
        "customer_mean": (6, 6),
        "forecast": (2, 3),
    }
    for predictor, places in columns.items():
        for number, target in enumerate(("late", "seriously_late")):
            late = [row[places[number]] for row in tried if row[number]]
            other = [row[places[number]] for row in tried if not row[number]]
            assert late and other
            pairs = sum(
                Decimal(1) if a > b else Decimal("0.5") if a == b else 0
                for a in late
                for b in other
            )
            assert abs(found[target, predictor] - pairs / (len(late) * len(other))) <= Decimal(
                "0.00005"
            ), (target, predictor)
