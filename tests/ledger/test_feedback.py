"""Feedback of the ledger: its tables as files, with the events before a business date."""

from datetime import datetime, time, timedelta
from decimal import Decimal

import pyarrow.parquet as pq

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
