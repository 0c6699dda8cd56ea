"""Accounts behind a payer's key: recorded with each plan, append-only, followed by lookups."""

from datetime import date, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from cobranca import reminders
from cobranca.ledger import open_ledger
from cobranca.ledger.feedback import publish_feedback
from cobranca.ledger.payer_accounts import (
    EARLIEST_DATE,
    LATE_ANSWER_PERIOD,
    LATEST_DATE,
    exclusive_keys,
)
from cobranca.ledger.tables import agreements, consents, erasures, outcomes, promises
from ledger.clients import LedgerClients
from reminders.plans import TONIGHT, message, publish_plan, settled_debt

OLD, NEW, OTHER = (f"C{number:020x}" for number in (1, 2, 3))
LATER = TONIGHT + timedelta(days=1)


def enter_plan(installation, night: date, **accounts: str) -> None:
    """Enter a plan with a message for each key and its accounts: ``{"C…": "1 2"}``."""
    aliases = [
        {"source": "erp", "customer_id": account, "customer_key": key}
        for key, ids in accounts.items()
        for account in ids.split()
    ]
    messages = [message(int(key[1:], 16), night=night) for key in accounts]
    publish_plan(
        installation,
        messages,
        night=night,
        aliases=[*aliases, {"source": "erp", "customer_id": "0", "customer_key": "C0"}],
    )
    reminders.plan(installation, night)


def landed_periods(installation, night: date) -> list[tuple]:
    table = pq.read_table(
        publish_feedback(installation, night).path("payer_accounts.parquet")
    ).to_pylist()
    return [
        (row["customer_key"], row["customer_id"], row["from_on"], row["until_on"]) for row in table
    ]


def test_accounts_are_recorded_when_they_changed(installation):
    for _ in range(2):
        enter_plan(installation, TONIGHT, **{OLD: "1 2", OTHER: "3"})
    enter_plan(installation, LATER, **{OLD: "2", NEW: "1", OTHER: "3"})

    assert landed_periods(installation, TONIGHT) == [], (
        "feedback of a night holds nothing of that night"
    )
    first = [
        (OLD, "1", EARLIEST_DATE, LATEST_DATE),
        (OLD, "2", EARLIEST_DATE, LATEST_DATE),
        (OTHER, "3", EARLIEST_DATE, LATEST_DATE),
    ]
    assert landed_periods(installation, LATER) == first, "nor of a later night"
    # The same accounts on a third night are no change.
    enter_plan(installation, LATER + timedelta(days=1), **{OLD: "2", NEW: "1", OTHER: "3"})
    assert landed_periods(installation, LATER + timedelta(days=2)) == [
        (OLD, "1", EARLIEST_DATE, LATER + LATE_ANSWER_PERIOD),
        (OLD, "2", EARLIEST_DATE, LATER + LATE_ANSWER_PERIOD),
        (OLD, "2", LATER, LATEST_DATE),
        (NEW, "1", EARLIEST_DATE, LATEST_DATE),
        (OTHER, "3", EARLIEST_DATE, LATEST_DATE),
    ]


@pytest.mark.parametrize(
    "planned",
    [
        {"calls": [{"customer_key": NEW}]},
        {"surveys": [settled_debt(2)]},
        {"decisions": [{"customer_key": NEW, "reason": "holdout"}]},
    ],
    ids=lambda planned: next(iter(planned)),
)
def test_accounts_are_recorded_of_payers_without_a_message(installation, planned):
    """Answers of agents, surveys and hold-outs follow a payer to a new key too."""
    aliases = [
        {"source": "erp", "customer_id": account, "customer_key": key}
        for key, account in ((OLD, "1"), (NEW, "2"), (OTHER, "3"))
    ]
    publish_plan(installation, [message(1)], aliases=aliases, **planned)
    reminders.plan(installation, TONIGHT)
    assert [row[:2] for row in landed_periods(installation, LATER)] == [(OLD, "1"), (NEW, "2")]


def test_a_decision_that_contacts_no_one_records_no_account(installation):
    publish_plan(
        installation,
        [],
        aliases=[{"source": "erp", "customer_id": "2", "customer_key": NEW}],
        decisions=[{"customer_key": NEW, "reason": "hold_dispute"}],
    )
    reminders.plan(installation, TONIGHT)
    assert landed_periods(installation, LATER) == []


@pytest.mark.parametrize(
    "statement", ["update payer_accounts set customer_id = '9'", "delete from payer_accounts"]
)
def test_accounts_are_append_only(installation, statement):
    enter_plan(installation, TONIGHT, **{OLD: "1"})
    engine = open_ledger(installation.ledger)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_records_under_a_former_key_are_found_under_the_new_key(installation):
    """A tax id was corrected between two nights, while agents worked with yesterday's queue."""
    enter_plan(installation, TONIGHT, **{OLD: "1 2", OTHER: "3"})
    enter_plan(installation, LATER, **{NEW: "1", OTHER: "3"})
    engine = open_ledger(installation.ledger)
    records = {
        outcomes: {"outcome_id": "o", "contacted_on": LATER, "customer_key": OLD, "agent_id": "ana",
        "code": "CONTESTA"},
        promises: {
            "promise_id": "p", "customer_key": OLD, "made_on": LATER, "promised_on": LATER,
            "currency": "BRL",
            "amount": Decimal(1), "agent_id": "ana",
        },
        agreements: {
            "agreement_id": "a", "customer_key": OLD, "agreed_on": LATER, "currency": "BRL",
            "amount": Decimal(1),
            "installments": 1, "discount_rate": Decimal(0), "agent_id": "ana",
        },
        consents: {
            "consent_key": "c", "customer_key": OLD, "channel": "email", "is_opted_in": False,
            "origin": "link",
            "given_at": sa.func.now(), "given_on": LATER,
        },
        erasures: {
            "customer_key": OLD, "source": "erp", "customer_id": "1", "erased_on": LATER,
            "author": "maria", "reason": "pedido",
        },
    }  # fmt: skip
    with engine.begin() as connection:
        for table, row in records.items():
            connection.execute(table.insert().values(row))
    ledger = LedgerClients(engine)
    assert {
        (record.customer_key, record.kind, record.code)
        for record in ledger.lookups.payer_flags([NEW, OTHER]).agent_records
    } == {
        (NEW, "outcomes", "CONTESTA"),
        (NEW, "promises", None),
        (NEW, "agreements", None),
    }
    assert ledger.lookups.opted_out([NEW, OTHER]) == {(NEW, "email", None)}
    assert ledger.lookups.payer_flags([NEW, OTHER]).erased == {NEW}
    engine.dispose()


def test_a_plan_made_late_for_an_earlier_date_records_the_accounts_of_that_date(installation):
    enter_plan(installation, LATER, **{OLD: "2"})
    enter_plan(installation, TONIGHT, **{OLD: "1"})
    assert landed_periods(installation, LATER + timedelta(days=1)) == [
        (OLD, "1", EARLIEST_DATE, LATER + LATE_ANSWER_PERIOD),
        (OLD, "2", LATER, LATEST_DATE),
    ]


def test_a_late_plan_is_compared_with_what_was_known_on_its_date(installation):
    """The account left the key after the first night; the later plan knows that already."""
    enter_plan(installation, TONIGHT - timedelta(days=1), **{OLD: "1 2"})
    enter_plan(installation, LATER, **{OLD: "2"})
    enter_plan(installation, TONIGHT, **{OLD: "2"})
    assert landed_periods(installation, LATER + timedelta(days=1)) == [
        (OLD, "1", EARLIEST_DATE, TONIGHT + LATE_ANSWER_PERIOD),
        (OLD, "2", EARLIEST_DATE, TONIGHT + LATE_ANSWER_PERIOD),
        (OLD, "2", TONIGHT, LATER + LATE_ANSWER_PERIOD),
        (OLD, "2", LATER, LATEST_DATE),
    ]


def test_of_two_plans_of_one_date_the_accounts_of_both_are_recorded(installation):
    for accounts in ("1", "1 2", "1"):
        enter_plan(installation, TONIGHT, **{OLD: accounts})
    assert [row[:2] for row in landed_periods(installation, LATER)] == [(OLD, "1"), (OLD, "2")]


def test_exclusive_keys_are_of_one_source(installation):
    publish_plan(
        installation,
        [message(1), message(2), message(3)],
        aliases=[
            {"source": source, "customer_id": account, "customer_key": key}
            for source, account, key in (("erp", "1", OLD), ("crm", "1", NEW), ("erp", "2", OTHER))
        ],
    )
    reminders.plan(installation, TONIGHT)
    engine = open_ledger(installation.ledger)
    with engine.connect() as connection:
        assert exclusive_keys(connection, [("erp", "1")]) == {OLD}
        assert exclusive_keys(connection, [("erp", "1"), ("crm", "1")]) == {OLD, NEW}
    engine.dispose()


def test_exclusive_keys_leave_out_a_key_of_other_accounts(installation):
    enter_plan(installation, TONIGHT, **{OLD: "1", OTHER: "2 3"})
    enter_plan(installation, LATER, **{NEW: "1 2", OTHER: "3"})
    engine = open_ledger(installation.ledger)
    with engine.connect() as connection:
        assert exclusive_keys(connection, [("erp", "1"), ("erp", "2")]) == {OLD, NEW}
        assert exclusive_keys(connection, [("erp", "9")]) == set()
    engine.dispose()


def test_a_former_key_counts_only_in_its_period(installation):
    """Account 1 had another person's tax id by mistake.

    Promises of that person are about account 1 in the period and the late answers after it, but not
    later.
    """
    enter_plan(installation, TONIGHT, **{OLD: "1 2"})
    enter_plan(installation, LATER, **{OLD: "2", NEW: "1"})
    engine = open_ledger(installation.ledger)
    with engine.begin() as connection:
        for promise_id, days in (("yesterday", -1), ("late answer", 30), ("long after", 31)):
            day = LATER + timedelta(days=days)
            connection.execute(
                promises.insert().values(
                    promise_id=promise_id,
                    customer_key=OLD,
                    made_on=day,
                    promised_on=day,
                    currency="BRL",
                    amount=1,
                    agent_id="ana",
                )
            )
    records = LedgerClients(engine).lookups.payer_flags([OLD, NEW]).agent_records
    engine.dispose()
    assert {(record.customer_key, record.event_id) for record in records} == {
        (OLD, "yesterday"), (OLD, "late answer"), (OLD, "long after"), (NEW, "yesterday"),
        (NEW, "late answer"),
    }  # fmt: skip
