"""A step is done once for each due date; what no address is at fault for; which address a message
went to.
"""

import sqlalchemy as sa
from alembic import op

from cobranca.ledger.migrations.table_rebuild import take_away

revision = "0007"
down_revision = "0006"

STATES = (
    "'planned', 'claimed', 'sending', 'sent', 'rejected', 'unknown', 'delivered', 'undelivered', "
    "'bounced', 'complained', "
    "'suppressed', 'cancelled_paid', 'cancelled', 'superseded', 'expired'"
)
ENGAGED = "state in ('claimed', 'sending', 'sent', 'unknown', 'delivered', 'complained')"
WAYS = {
    "planned": "claimed suppressed superseded expired",
    "superseded": "planned",
    "claimed": "planned sending suppressed cancelled_paid cancelled rejected",
    "sending": "planned sent rejected unknown delivered undelivered bounced complained",
    "unknown": "sent rejected delivered undelivered bounced complained",
    "sent": "delivered undelivered bounced complained",
    "delivered": "undelivered bounced complained",
    "undelivered": "bounced complained",
    "bounced": "complained",
}


def upgrade() -> None:
    op.drop_index("uq_contacts_step_once", "contacts")
    # What was planned before counts from the first of all days: once for all due dates, as it was
    # until now.
    op.add_column(
        "contacts", sa.Column("counts_from", sa.Date, nullable=False, server_default="1900-01-01")
    )
    op.add_column("contacts", sa.Column("address_mark", sa.String(4)))
    if op.get_bind().dialect.name == "postgresql":
        _upgrade_postgresql()
    else:
        _upgrade_sqlite()
    op.create_index(
        "uq_contacts_step_once",
        "contacts",
        ["episode_key", "step", "channel", "counts_from"],
        unique=True,
        sqlite_where=sa.text(ENGAGED),
        postgresql_where=sa.text(ENGAGED),
    )


def _upgrade_postgresql() -> None:
    op.execute("alter table contacts drop constraint ck_contacts_state")
    op.execute(f"alter table contacts add constraint ck_contacts_state check (state in ({STATES}))")
    op.execute("alter table holdouts drop constraint pk_holdouts")
    op.create_primary_key("pk_holdouts", "holdouts", ["episode_key", "step", "business_date"])
    op.execute(
        f"""
        create or replace function append_contact_history() returns trigger language plpgsql security definer
        set search_path from current as $$
        begin
            if tg_op = 'UPDATE' and old.state <> new.state and old.state || '>' || new.state not in ({_ways()})
               and not (old.state = 'unknown' and new.state = 'planned' and old.scheduled_batch is not null) then
                raise exception 'a contact does not go from % to %', old.state, new.state;
            end if;
            insert into contact_history (message_key, at, from_state, to_state, reason, owner, batch_id, provider_message_id)
            values (new.message_key, clock_timestamp() at time zone 'utc',
                    case when tg_op = 'UPDATE' then old.state end, new.state, new.state_reason, new.owner,
                    new.batch_id, new.provider_message_id);
            return null;
        end $$
        """
    )


def _upgrade_sqlite() -> None:
    """SQLite changes neither a check nor a primary key, so the tables are made anew, the one that
    refers to another first.
    """
    op.execute("drop trigger contacts_go_known_ways")
    items = take_away("contact_items")
    contacts = take_away("contacts")
    contacts("'delivered', 'bounced'", "'delivered', 'undelivered', 'bounced'")
    items()
    op.execute(
        "create trigger contacts_go_known_ways before update on contacts when old.state is not "
        "new.state "
        f"and old.state || '>' || new.state not in ({_ways()}) "
        "and not (old.state = 'unknown' and new.state = 'planned' and old.scheduled_batch is not "
        "null) "
        "begin select raise(abort, 'a contact does not go this way'); end"
    )
    holdouts = take_away("holdouts")
    holdouts("PRIMARY KEY (episode_key, step)", "PRIMARY KEY (episode_key, step, business_date)")


def _ways() -> str:
    return ", ".join(
        f"'{before}>{after}'" for before, states in WAYS.items() for after in states.split()
    )
