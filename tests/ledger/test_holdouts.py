"""Hold-outs: recorded once with the plan that decided them, landed with the next feedback, never changed."""

import dataclasses
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from cobranca import reminders
from cobranca.ledger import open_ledger
from cobranca.ledger.feedback import publish_feedback
from cobranca.ledger.tables import holdouts
from reminders.plans import TONIGHT, message, publish_plan


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request, settings, tmp_path):
    if request.param == "sqlite":
        return settings
    server = request.getfixturevalue("postgres_server")
    return dataclasses.replace(settings, ledger=server.create_database(f"holdouts_{abs(hash(str(tmp_path))) % 10**12}"))


def left_out(number: int, *, night=TONIGHT, **changes) -> dict:
    return {
        "business_date": night,
        "customer_key": f"C{number}",
        "episode_key": f"erp:{number}",
        "receivable_key": f"erp:{number}",
        "step": "d+3",
        "step_offset": 3,
        "days_past_due": 3,
        "channel": "email",
        "policy_version": "2026-01",
        "reason": "holdout",
    } | changes


def recorded(installation) -> list[tuple]:
    engine = open_ledger(installation.ledger)
    try:
        with engine.connect() as connection:
            columns = (holdouts.c.business_date, holdouts.c.episode_key, holdouts.c.step, holdouts.c.channel)
            return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns))]
    finally:
        engine.dispose()


def test_a_hold_out_is_recorded_once(installation):
    decisions = [
        left_out(1),
        # goes along with the first, and is no case of its own
        left_out(1, receivable_key="erp:1b"),
        left_out(2, reason="step_due"),
        left_out(3, channel="phone"),
    ]
    publish_plan(installation, [message(9)], decisions=decisions)
    expected = [(TONIGHT, "erp:1", "d+3", "email"), (TONIGHT, "erp:3", "d+3", "phone")]
    for _ in range(3):
        reminders.plan(installation, TONIGHT)
        assert recorded(installation) == expected

    tomorrow = TONIGHT + timedelta(days=1)
    again = [left_out(1, night=tomorrow, days_past_due=4)]
    publish_plan(installation, [message(9, night=tomorrow)], night=tomorrow, decisions=again)
    reminders.plan(installation, tomorrow)
    assert recorded(installation) == expected, "the first time counts"

    later = TONIGHT + timedelta(days=10)
    publish_plan(installation, [message(9, night=later)], night=later, decisions=[left_out(1, night=later)])
    reminders.plan(installation, later)
    assert recorded(installation) == [*expected, (later, "erp:1", "d+3", "email")], "a new due date is a new case"

    for night, rows in ((TONIGHT, 0), (tomorrow, 2), (later + timedelta(days=1), 3)):
        landed = publish_feedback(installation, night)
        assert pq.read_table(landed.path("holdouts.parquet")).num_rows == rows


@pytest.mark.parametrize("statement", ["update holdouts set step = 'd+5'", "delete from holdouts"])
def test_a_hold_out_is_never_changed(installation, statement):
    publish_plan(installation, [message(9)], decisions=[left_out(1)])
    reminders.plan(installation, TONIGHT)
    engine = open_ledger(installation.ledger)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
    assert len(recorded(installation)) == 1
