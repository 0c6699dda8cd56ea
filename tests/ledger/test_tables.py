"""Triggers and constraints of the tables: append-only history, unique contacts, opaque keys."""

from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.provider_events import consent
from cobranca.ledger.tables import (
    contact_history,
    contacts,
    counts_from,
    metadata,
)
from ledger.contact_rows import NIGHT, contact


@pytest.mark.parametrize(
    "statement",
    [
        "update contact_history set reason = 'x'",
        "delete from contact_history",
        "delete from contacts",
        "insert into contacts select * from contacts",
    ],
)
def test_contacts_and_their_history_cannot_be_rewritten(engine, statement):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact())
    with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
        connection.exec_driver_sql(statement)


APPEND_ONLY = {
    "holdouts": {
        "episode_key": "erp:1",
        "step": "d+1",
        "step_offset": 1,
        "channel": "email",
        "business_date": NIGHT,
        "customer_key": "C1",
        "policy_version": "1",
    },
    "delivery_events": {
        "event_key": "e1",
        "provider": "sendgrid",
        "message_key": "m1",
        "kind": "bounced",
        "occurred_at": datetime(2026, 11, 18, 12),
    },
    "consents": consent("C1", "email", False, "link", datetime(2026, 11, 18, 12)),
    "erasures": {
        "customer_key": "C1",
        "source": "erp",
        "customer_id": "1",
        "erased_on": NIGHT,
        "author": "ana",
        "reason": "pedido",
    },
    "commitment_items": {"commitment_id": "p1", "receivable_key": "erp:1", "made_on": NIGHT},
    "payer_accounts": {
        "customer_key": "C1",
        "known_since": NIGHT,
        "source": "erp",
        "customer_id": "1",
    },
}


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_was_recorded_cannot_be_rewritten(engine, table):
    with engine.begin() as connection:
        connection.execute(metadata.tables[table].insert(), APPEND_ONLY[table])
    (key, *_) = metadata.tables[table].primary_key.columns.keys()
    for statement in (f"update {table} set {key} = 'x'", f"delete from {table}"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(statement)


def test_truncate_is_refused(postgres_server):
    engine = open_ledger(postgres_server.create_database("ledger_truncate"))
    for table in ("contact_history", "contacts cascade", *APPEND_ONLY):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(f"truncate {table}")
    engine.dispose()


def test_every_change_of_state_is_appended_to_the_history(engine):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact())
    for state in ("claimed", "sending", "sent"):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"update contacts set state = '{state}', owner = 'w1'")
    with engine.connect() as connection:
        rows = connection.execute(sa.select(contact_history).order_by(contact_history.c.id)).all()
    assert [(row.from_state, row.to_state) for row in rows] == [
        (None, "planned"),
        ("planned", "claimed"),
        ("claimed", "sending"),
        ("sending", "sent"),
    ]
    assert rows == sorted(rows, key=lambda row: row.at)


def test_a_new_reason_alone_is_appended_to_the_history(engine):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact())
        connection.exec_driver_sql("update contacts set state_reason = 'fora do horário'")
        connection.exec_driver_sql("update contacts set owner = 'w1'")
        query = sa.select(contact_history.c.to_state, contact_history.c.reason)
        rows = connection.execute(query.order_by(contact_history.c.id)).all()
    assert rows == [("planned", None), ("planned", "fora do horário")]


@pytest.mark.parametrize(
    ("step_offset", "first_day"),
    [(9, date(2026, 11, 19)), (1, date(2026, 11, 19)), (0, NIGHT), (-3, date(2026, 11, 15))],
)
def test_an_overdue_step_counts_from_the_day_after_the_due_date_any_other_from_its_own_day(
    step_offset, first_day
):
    assert counts_from(NIGHT, step_offset) == first_day


def test_unique_keys_refuse_a_second_contact_for_a_step_or_a_day(engine):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact(1, state="sent"))
        # A rejected one does not count as done.
        connection.execute(contacts.insert(), contact(2, episode_key="erp:9", state="rejected"))
        connection.execute(contacts.insert(), contact(3, episode_key="erp:9", state="sent"))
    tomorrow = NIGHT + timedelta(days=1)
    for again in (
        contact(4, episode_key="erp:1", business_date=tomorrow, state="claimed"),
        contact(5, customer_key="C1", episode_key="erp:5"),
        contact(6, state="lost"),
        contact(7, step=None),
    ):
        with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
            connection.execute(contacts.insert(), again)


def test_no_column_holds_personal_data():
    names = {column.name for table in metadata.tables.values() for column in table.columns}
    assert not names & {"name", "customer_name", "email", "phone", "tax_id", "cpf"} - {"name"}
    assert [table.name for table in metadata.tables.values() if "name" in table.columns] == [
        "switches"
    ]
