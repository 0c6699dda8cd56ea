"""Hold-outs: recorded once with their plan, landed with the next feedback, append-only."""

from datetime import timedelta

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from cobranca import reminders
from cobranca.ledger import open_ledger
from cobranca.ledger.feedback import publish_feedback
from cobranca.ledger.holdouts import record_holdouts
from cobranca.ledger.tables import holdouts
from reminders.plans import TONIGHT, message, publish_plan


def holdout(number: int, *, night=TONIGHT, **changes) -> dict:
    return {
        "business_date": night,
        "customer_key": f"C{number}",
        "creditor": "principal",
        "episode_key": f"erp:{number}",
        "receivable_key": f"erp:{number}",
        "step": "d+3",
        "step_offset": 3,
        "days_past_due": 3,
        "channel": "email",
        "policy_version": "2026-01",
        "reason": "holdout",
    } | changes


def recorded_holdouts(installation) -> list[tuple]:
    engine = open_ledger(installation.ledger)
    try:
        with engine.connect() as connection:
            columns = (
                holdouts.c.business_date,
                holdouts.c.episode_key,
                holdouts.c.step,
                holdouts.c.channel,
            )
            return [
                tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns))
            ]
    finally:
        engine.dispose()


def test_a_holdout_is_recorded_once_for_each_due_date(installation):
    decisions = [
        holdout(1),
        # A further receivable of the same dunning case.
        holdout(1, receivable_key="erp:1b"),
        holdout(2, reason="step_due"),
        holdout(3, channel="phone"),
    ]
    publish_plan(installation, [message(9)], decisions=decisions)
    expected = [(TONIGHT, "erp:1", "d+3", "email"), (TONIGHT, "erp:3", "d+3", "phone")]
    for _ in range(3):
        reminders.plan(installation, TONIGHT)
        assert recorded_holdouts(installation) == expected

    tomorrow = TONIGHT + timedelta(days=1)
    again = [holdout(1, night=tomorrow, days_past_due=4)]
    publish_plan(installation, [message(9, night=tomorrow)], night=tomorrow, decisions=again)
    reminders.plan(installation, tomorrow)
    assert recorded_holdouts(installation) == expected, "the first row counts"

    later = TONIGHT + timedelta(days=10)
    publish_plan(
        installation, [message(9, night=later)], night=later, decisions=[holdout(1, night=later)]
    )
    reminders.plan(installation, later)
    assert recorded_holdouts(installation) == [*expected, (later, "erp:1", "d+3", "email")], (
        "a new due date is a new hold-out"
    )

    for night, rows in ((TONIGHT, 0), (tomorrow, 2), (later + timedelta(days=1), 3)):
        landed = publish_feedback(installation, night)
        assert pq.read_table(landed.path("holdouts.parquet")).num_rows == rows


@pytest.mark.parametrize(
    ("accounts", "rows"),
    [
        pytest.param({"C1": "1", "C2": "2"}, 2, id="the debt moved to its true payer"),
        pytest.param({"C1": "1", "C2": "1"}, 1, id="the key of its payer changed"),
        pytest.param({"C1": "1"}, 1, id="nothing is known of the payer"),
    ],
)
def test_a_holdout_is_recorded_once_for_each_payer(installation, accounts, rows):
    """And once only, however often the second one's plan is entered."""
    for days, key in ((0, "C1"), (1, "C2"), (2, "C2")):
        night = TONIGHT + timedelta(days=days)
        publish_plan(
            installation,
            [message(9, night=night)],
            night=night,
            decisions=[holdout(1, night=night, customer_key=key, days_past_due=3 + days)],
            aliases=[
                {"source": "erp", "customer_id": accounts.get(key, "none"), "customer_key": name}
                for name in (key if key in accounts else "C9",)
            ],
        )
        reminders.plan(installation, night)
    assert len(recorded_holdouts(installation)) == rows


@pytest.mark.parametrize(("days", "rows"), [(1, 2), (2, 1)])
def test_a_holdout_on_the_first_day_of_the_due_date_is_not_recorded_again(installation, days, rows):
    """Tomorrow's debt is ``days`` past due, so its steps count from tomorrow or from tonight."""
    tomorrow = TONIGHT + timedelta(days=1)
    for night, days_past_due in ((TONIGHT, 3), (tomorrow, days)):
        decisions = [holdout(1, night=night, days_past_due=days_past_due)]
        publish_plan(installation, [message(9, night=night)], night=night, decisions=decisions)
        reminders.plan(installation, night)
    assert len(recorded_holdouts(installation)) == rows


def test_the_new_holdouts_of_the_night_are_counted(installation, engine):
    """Two steps of one debt are two hold-outs; those of another night are not counted."""
    yesterday = TONIGHT - timedelta(days=1)
    earlier = publish_plan(
        installation, [], night=yesterday, decisions=[holdout(7, night=yesterday)]
    )
    assert record_holdouts(engine, earlier) == 1
    batch = publish_plan(
        installation,
        [],
        decisions=[holdout(7, step="d+9", step_offset=9), holdout(1), holdout(2)],
    )
    assert record_holdouts(engine, batch) == 3
    assert record_holdouts(engine, batch) == 0


@pytest.mark.parametrize("statement", ["update holdouts set step = 'd+5'", "delete from holdouts"])
def test_holdouts_are_append_only(installation, statement):
    publish_plan(installation, [message(9)], decisions=[holdout(1)])
    reminders.plan(installation, TONIGHT)
    engine = open_ledger(installation.ledger)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
    assert len(recorded_holdouts(installation)) == 1
