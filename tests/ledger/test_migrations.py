"""Migrations: they create the declared tables and keep the rows of earlier releases."""

import re
from decimal import Decimal

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cobranca.ledger.engine import migrate
from cobranca.ledger.states import CONTACT_STATES, ENGAGED_STATES
from cobranca.ledger.tables import (
    contact_history,
    contact_items,
    contacts,
    metadata,
)
from ledger.contact_rows import NIGHT, contact


def test_migrations_create_exactly_the_declared_tables(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_index_of_steps_holds_exactly_the_engaged_states(engine):
    """A state missing in the index lets two messages take one step; one too many loses a step."""
    definition = {
        "sqlite": "select sql from sqlite_master where name = 'uq_contacts_step_once'",
        "postgresql": "select indexdef from pg_indexes where indexname = 'uq_contacts_step_once'",
    }
    with engine.connect() as connection:
        index = connection.exec_driver_sql(definition[engine.dialect.name]).scalar_one()
    columns, condition = re.split("where", index, flags=re.IGNORECASE)
    assert "(episode_key, step, channel, counts_from, payer_key)" in columns and "UNIQUE" in columns
    assert sorted(re.findall(r"'(\w+)'", condition)) == sorted(ENGAGED_STATES)


def test_the_check_of_states_holds_exactly_the_states_of_a_contact(engine):
    (check,) = sa.inspect(engine).get_check_constraints("contacts")
    assert sorted(re.findall(r"'(\w+)'", check["sqltext"])) == sorted(CONTACT_STATES)


def test_rows_of_the_first_release_survive_the_migrations(url):
    """Contacts and their items in the tables of the first revision, migrated to the newest."""
    engine = sa.create_engine(
        url if url.startswith("sqlite") else url.replace("postgresql://", "postgresql+psycopg://")
    )
    migrate(engine, "0001")
    with engine.begin() as connection:
        columns = {column.name for column in contacts.c} - {"scheduled_batch", "scheduled_for"}
        for number in (1, 2):
            row = {
                name: value
                for name, value in contact(number, state="sent").items()
                if name in columns
            }
            row |= {"requires_approval": False, "business_date": str(NIGHT)}
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"insert into contacts ({names}) values ({values})"), row)
            connection.execute(
                sa.text(
                    f"insert into contact_items values ('m{number}', 'r', 'BRL', '1.00', '2.00')"
                )
            )
    migrate(engine)
    with engine.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(contacts)) == 2
        assert (
            connection.scalars(sa.select(contact_items.c.amount_due)).all() == [Decimal("2.00")] * 2
        )
        connection.execute(
            contacts.update().where(contacts.c.message_key == "m1").values(state="delivered")
        )
        changes = connection.execute(
            sa.select(contact_history.c.from_state, contact_history.c.to_state)
        ).all()
        assert changes == [(None, "sent"), (None, "sent"), ("sent", "delivered")]
    engine.dispose()
