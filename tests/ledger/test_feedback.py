"""Feedback of the ledger: its tables as files, with the events before a business date."""

from datetime import datetime, time, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from cobranca.ledger import feedback as feedback_module
from cobranca.ledger.feedback import publish_feedback
from cobranca.ledger.provider_events import consent
from cobranca.ledger.tables import (
    agreements,
    commitment_items,
    consents,
    contact_items,
    contacts,
    holdouts,
    outcomes,
    payer_accounts,
    promises,
    suppressions,
)
from cobranca.schema import FEEDBACK
from ledger.contact_rows import NIGHT, contact


def test_feedback_without_events_has_every_file_without_rows(settings):
    feedback = publish_feedback(settings, NIGHT)
    assert {entry.name: entry.rows for entry in feedback.files} == {
        f"{name}.parquet": 0 for name in FEEDBACK
    }
    for name, schema in FEEDBACK.items():
        assert pq.read_schema(feedback.path(f"{name}.parquet")).equals(schema)


def test_feedback_holds_only_events_before_its_date(installation, engine):
    with engine.begin() as connection:
        for days in (-1, 0, 1):
            day, key = NIGHT + timedelta(days=days), f"k{days}"
            connection.execute(
                contacts.insert(), contact(days + 5, business_date=day, state="sent")
            )
            connection.execute(
                contact_items.insert(),
                {
                    "message_key": f"m{days + 5}",
                    "receivable_key": "erp:1",
                    "currency": "BRL",
                    "open_amount": 1,
                    "amount_due": 2,
                },
            )
            step = {"step": key, "step_offset": 1, "channel": "email", "policy_version": "1"}
            connection.execute(
                holdouts.insert(),
                {"business_date": day, "customer_key": "C1", "episode_key": "erp:1", **step},
            )
            given_at = datetime.combine(day, time(15))
            connection.execute(consents.insert(), consent("C1", "email", False, "link", given_at))
            listed = {"listed_at": given_at, "listed_on": day, "address_digest": f"{days:064d}"}
            connection.execute(
                suppressions.insert(), {"provider": "sendgrid", "kind": "bounced", **listed}
            )
            account = {
                "customer_key": "C1",
                "known_since": day,
                "source": "erp",
                "customer_id": key,
            }
            connection.execute(payer_accounts.insert(), account)
            person = {"customer_key": "C1", "agent_id": "ana"}
            money = {"currency": "BRL", "amount": Decimal("10.55")}
            connection.execute(
                outcomes.insert(),
                {"outcome_id": key, "contacted_on": day, "code": "RECADO", **person},
            )
            item = {"commitment_id": key, "receivable_key": "erp:1", "made_on": day}
            connection.execute(commitment_items.insert(), item)
            connection.execute(
                promises.insert(),
                {"promise_id": key, "made_on": day, "promised_on": day, **person, **money},
            )
            connection.execute(
                agreements.insert(),
                {
                    "agreement_id": key,
                    "agreed_on": day,
                    "installments": 3,
                    "discount_rate": Decimal("0.1"),
                    **person,
                    **money,
                },
            )
    feedback = publish_feedback(installation, NIGHT)
    assert {entry.rows for entry in feedback.files} == {1}
    assert feedback.entry("promises.parquet").totals == {"amount BRL": "10.55"}
    row = pq.read_table(feedback.path("contacts.parquet")).to_pylist()[0]
    assert (row["message_key"], row["business_date"], row["state"]) == (
        "m4",
        NIGHT - timedelta(days=1),
        "sent",
    )
    assert pq.read_table(feedback.path("contact_items.parquet")).to_pylist()[0][
        "amount_due"
    ] == Decimal("2.00")
    assert publish_feedback(installation, NIGHT).batch_id == feedback.batch_id


def promise(number: int, currency: str, amount: str) -> dict:
    return {
        "promise_id": f"p{number}",
        "customer_key": "C1",
        "agent_id": "ana",
        "made_on": NIGHT - timedelta(days=1),
        "promised_on": NIGHT,
        "currency": currency,
        "amount": Decimal(amount),
    }


def test_many_events_are_written_and_totalled_by_currency(installation, engine, monkeypatch):
    """They are read in chunks, in the order of their keys."""
    monkeypatch.setattr(feedback_module, "CHUNK", 2)
    rows = [
        promise(number, *money)
        for number, money in enumerate(
            [("USD", "5.00"), ("BRL", "10.55"), ("BRL", "0.10"), ("USD", "7.25"), ("BRL", "99.99")]
        )
    ]
    with engine.begin() as connection:
        connection.execute(promises.insert(), rows[::-1])
    feedback = publish_feedback(installation, NIGHT)
    entry = feedback.entry("promises.parquet")
    assert entry.rows == 5
    assert list(entry.totals.items()) == [("amount BRL", "110.64"), ("amount USD", "12.25")]
    found = pq.read_table(feedback.path(entry.name)).to_pylist()
    assert [row["promise_id"] for row in found] == [row["promise_id"] for row in rows]
    assert [row["amount"] for row in found] == [row["amount"] for row in rows]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_all_tables_are_read_as_of_one_moment(installation, engine, monkeypatch):
    """A promise that is recorded while the files are written comes with the next night."""
    write = feedback_module._write

    def write_and_record(connection, draft, name, business_date):
        entry = write(connection, draft, name, business_date)
        if name == next(iter(FEEDBACK)):
            with engine.begin() as other:
                other.execute(promises.insert(), promise(1, "BRL", "1.00"))
        return entry

    monkeypatch.setattr(feedback_module, "_write", write_and_record)
    assert publish_feedback(installation, NIGHT).entry("promises.parquet").rows == 0
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(promises)) == 1
