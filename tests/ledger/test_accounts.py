"""Whom a key stands for: noted with every plan that finds other accounts, never changed, and used by the last look."""

import dataclasses
from datetime import date, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from cobranca import reminders
from cobranca.ledger import open_ledger
from cobranca.ledger.accounts import ALWAYS, ANSWERED_FOR, FOREVER, keys_of_only
from cobranca.ledger.contacts import ContactLedger
from cobranca.ledger.feedback import publish_feedback
from cobranca.ledger.tables import agreements, consents, erasures, outcomes, promises
from reminders.plans import TONIGHT, message, publish_plan

OLD, NEW, OTHER = (f"C{number:020x}" for number in (1, 2, 3))
LATER = TONIGHT + timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request, settings, tmp_path):
    if request.param == "sqlite":
        return settings
    server = request.getfixturevalue("postgres_server")
    return dataclasses.replace(settings, ledger=server.create_database(f"accounts_{abs(hash(str(tmp_path))) % 10**12}"))


def plan(installation, night: date, **accounts: str) -> None:
    """Enter a plan that writes to each payer, known by the accounts named: ``one={"C…": "1 2"}``."""
    aliases = [
        {"source": "erp", "customer_id": account, "customer_key": key} for key, of in accounts.items() for account in of.split()
    ]
    messages = [message(int(key[1:], 16), night=night) for key in accounts]
    publish_plan(
        installation, messages, night=night, aliases=[*aliases, {"source": "erp", "customer_id": "0", "customer_key": "C0"}]
    )
    reminders.plan(installation, night)


def landed(installation, night: date) -> list[tuple]:
    table = pq.read_table(publish_feedback(installation, night).path("payer_accounts.parquet")).to_pylist()
    return [(row["customer_key"], row["customer_id"], row["from_on"], row["until_on"]) for row in table]


def test_accounts_are_noted_when_they_are_others_than_before(installation):
    for _ in range(2):
        plan(installation, TONIGHT, **{OLD: "1 2", OTHER: "3"})
    plan(installation, LATER, **{OLD: "2", NEW: "1", OTHER: "3"})

    assert landed(installation, TONIGHT) == [], "a night knows nothing of itself"
    first = [(OLD, "1", ALWAYS, FOREVER), (OLD, "2", ALWAYS, FOREVER), (OTHER, "3", ALWAYS, FOREVER)]
    assert landed(installation, LATER) == first, "nor of what came after it"
    assert landed(installation, LATER + timedelta(days=1)) == [
        (OLD, "1", ALWAYS, LATER + ANSWERED_FOR),
        (OLD, "2", ALWAYS, LATER + ANSWERED_FOR),
        (OLD, "2", LATER, FOREVER),
        (NEW, "1", ALWAYS, FOREVER),
        (OTHER, "3", ALWAYS, FOREVER),
    ]


@pytest.mark.parametrize("statement", ["update payer_accounts set customer_id = '9'", "delete from payer_accounts"])
def test_accounts_are_never_changed(installation, statement):
    plan(installation, TONIGHT, **{OLD: "1"})
    engine = open_ledger(installation.ledger)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_what_was_told_under_the_key_of_yesterday_is_heard_today(installation):
    """A payer's tax id was corrected between two nights; agents still work with yesterday's list, a link is opened."""
    plan(installation, TONIGHT, **{OLD: "1 2", OTHER: "3"})
    plan(installation, LATER, **{NEW: "1", OTHER: "3"})
    engine = open_ledger(installation.ledger)
    told = {
        outcomes: {"outcome_id": "o", "contacted_on": LATER, "customer_key": OLD, "agent_id": "ana", "code": "CONTESTA"},
        promises: {
            "promise_id": "p", "customer_key": OLD, "made_on": LATER, "promised_on": LATER, "currency": "BRL",
            "amount": Decimal(1), "agent_id": "ana",
        },
        agreements: {
            "agreement_id": "a", "customer_key": OLD, "agreed_on": LATER, "currency": "BRL", "amount": Decimal(1),
            "installments": 1, "discount_rate": Decimal(0), "agent_id": "ana",
        },
        consents: {
            "consent_key": "c", "customer_key": OLD, "channel": "email", "is_opted_in": False, "origin": "link",
            "given_at": sa.func.now(), "given_on": LATER,
        },
        erasures: {
            "customer_key": OLD, "source": "erp", "customer_id": "1", "erased_on": LATER, "author": "maria", "reason": "pedido",
        },
    }  # fmt: skip
    with engine.begin() as connection:
        for table, row in told.items():
            connection.execute(table.insert().values(row))
    ledger = ContactLedger(engine)
    assert {(heard.customer_key, heard.kind, heard.code) for heard in ledger.told_about([NEW, OTHER]).heard} == {
        (NEW, "outcomes", "CONTESTA"),
        (NEW, "promises", None),
        (NEW, "agreements", None),
    }
    assert ledger.opted_out([NEW, OTHER]) == {(NEW, "email")}
    assert ledger.told_about([NEW, OTHER]).erased == {NEW}
    engine.dispose()


def test_a_key_that_was_another_persons_too_is_not_among_ones_own(installation):
    plan(installation, TONIGHT, **{OLD: "1", OTHER: "2 3"})
    plan(installation, LATER, **{NEW: "1 2", OTHER: "3"})
    engine = open_ledger(installation.ledger)
    with engine.connect() as connection:
        assert keys_of_only(connection, [("erp", "1"), ("erp", "2")]) == {OLD, NEW}
        assert keys_of_only(connection, [("erp", "9")]) == set()
    engine.dispose()


def test_a_key_stands_for_an_account_only_while_it_does(installation):
    """Account 1 stood under another person's tax id by mistake; what that person says long after says nothing about it."""
    plan(installation, TONIGHT, **{OLD: "1 2"})
    plan(installation, LATER, **{OLD: "2", NEW: "1"})
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
    heard = ContactLedger(engine).told_about([OLD, NEW]).heard
    engine.dispose()
    assert {(one.customer_key, one.event_id) for one in heard} == {
        (OLD, "yesterday"), (OLD, "late answer"), (OLD, "long after"), (NEW, "yesterday"), (NEW, "late answer"),
    }  # fmt: skip
