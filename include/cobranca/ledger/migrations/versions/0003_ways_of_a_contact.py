"""The ways of a contact are held by the database; two more states; scheduled batches; history
written by its owner only.
"""

import sqlalchemy as sa
from alembic import op

from cobranca.ledger.column_types import utc_now

revision = "0003"
down_revision = "0002"

STATES = (
    "'planned', 'claimed', 'sending', 'sent', 'rejected', 'unknown', 'delivered', 'bounced', "
    "'complained', "
    "'suppressed', 'cancelled_paid', 'cancelled', 'superseded', 'expired'"
)
ENGAGED = "state in ('claimed', 'sending', 'sent', 'unknown', 'delivered', 'complained')"
WAYS = {
    "planned": "claimed suppressed superseded expired",
    "superseded": "planned",
    "claimed": "planned sending suppressed cancelled_paid cancelled rejected",
    "sending": "planned sent rejected unknown delivered bounced complained",
    "unknown": "sent rejected delivered bounced complained",
    "sent": "delivered bounced complained",
    "delivered": "bounced complained",
    "bounced": "complained",
}
COLUMNS = (
    "message_key, business_date, batch_id, customer_key, episode_key, step, step_offset, channel, "
    "template, policy_version, "
    "requires_approval, approved_by, state, state_reason, owner, lease_expires_at, "
    "provider_message_id, created_at, updated_at"
)
_HISTORY = (
    "(message_key, at, from_state, to_state, reason, owner, batch_id, provider_message_id) values "
    "(new.message_key, strftime('%Y-%m-%d %H:%M:%f000', 'now'), {before}, new.state, "
    "new.state_reason, new.owner, "
    "new.batch_id, new.provider_message_id)"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _upgrade_postgresql()
    else:
        _upgrade_sqlite()
    # The last look asks for a few payers at a time.
    for table in ("outcomes", "promises", "agreements"):
        op.create_index(f"ix_{table}_customer_key", table, ["customer_key"])


def _upgrade_postgresql() -> None:
    op.add_column("contacts", sa.Column("scheduled_batch", sa.String(100)))
    op.add_column("contacts", sa.Column("scheduled_for", sa.DateTime))
    # The first release named it by its convention twice.
    op.execute("alter table contacts drop constraint if exists ck_contacts_ck_contacts_state")
    op.execute(f"alter table contacts add constraint ck_contacts_state check (state in ({STATES}))")
    op.drop_index("uq_contacts_step_once", "contacts")
    _index_steps()
    ways = ", ".join(f"'{before}>{after}'" for before, after in _ways())
    # Run with the rights of the tables' owner: a role that works with contacts needs no right to
    # write history.
    op.execute(
        f"""
        create or replace function append_contact_history() returns trigger language plpgsql security definer
        set search_path from current as $$
        begin
            if tg_op = 'UPDATE' and old.state <> new.state and old.state || '>' || new.state not in ({ways})
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
    """SQLite cannot change a check, so the table is made anew; its children are set aside
    meanwhile.
    """
    op.execute("create table contact_items_aside as select * from contact_items")
    op.drop_table("contact_items")
    for trigger in ("contacts_inserted", "contacts_updated", "contacts_are_kept"):
        op.execute(f"drop trigger {trigger}")
    for index in ("ix_contacts_business_date_state", "uq_contacts_step_once"):
        op.drop_index(index, "contacts")
    op.rename_table("contacts", "contacts_aside")
    _create_contacts()
    op.execute(f"insert into contacts ({COLUMNS}) select {COLUMNS} from contacts_aside")
    op.drop_table("contacts_aside")
    _create_items()
    op.execute("insert into contact_items select * from contact_items_aside")
    op.drop_table("contact_items_aside")
    ways = ", ".join(f"'{before}>{after}'" for before, after in _ways())
    changed = "when old.state is not new.state or old.state_reason is not new.state_reason"
    for statement in (
        f"create trigger contacts_inserted after insert on contacts begin "
        f"insert into contact_history {_HISTORY.format(before='null')}; end",
        f"create trigger contacts_updated after update on contacts {changed} begin "
        f"insert into contact_history {_HISTORY.format(before='old.state')}; end",
        "create trigger contacts_are_kept before delete on contacts begin select raise(abort, "
        "'contacts are never deleted'); end",
        "create trigger contacts_go_known_ways before update on contacts when old.state is not "
        "new.state "
        f"and old.state || '>' || new.state not in ({ways}) "
        "and not (old.state = 'unknown' and new.state = 'planned' and old.scheduled_batch is not "
        "null) "
        "begin select raise(abort, 'a contact does not go this way'); end",
    ):
        op.execute(statement)


def _ways() -> list[tuple[str, str]]:
    return [(before, after) for before, states in WAYS.items() for after in states.split()]


def _index_steps() -> None:
    op.create_index(
        "uq_contacts_step_once",
        "contacts",
        ["episode_key", "step", "channel"],
        unique=True,
        sqlite_where=sa.text(ENGAGED),
        postgresql_where=sa.text(ENGAGED),
    )


def _create_contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("message_key", sa.String(64), nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("customer_key", sa.String(64), nullable=False),
        sa.Column("episode_key", sa.String(200), nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("step_offset", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("template", sa.String(64), nullable=False),
        sa.Column("policy_version", sa.String(64), nullable=False),
        sa.Column("requires_approval", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("approved_by", sa.String(100)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_reason", sa.String(200)),
        sa.Column("owner", sa.String(64)),
        sa.Column("lease_expires_at", sa.DateTime),
        sa.Column("provider_message_id", sa.String(200)),
        sa.Column("scheduled_batch", sa.String(100)),
        sa.Column("scheduled_for", sa.DateTime),
        sa.Column("created_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("message_key", name="pk_contacts"),
        sa.CheckConstraint(f"state in ({STATES})", name=op.f("ck_contacts_state")),
        sa.UniqueConstraint(
            "business_date",
            "customer_key",
            "channel",
            name="uq_contacts_business_date_customer_key_channel",
        ),
    )
    op.create_index("ix_contacts_business_date_state", "contacts", ["business_date", "state"])
    _index_steps()


def _create_items() -> None:
    op.create_table(
        "contact_items",
        sa.Column("message_key", sa.String(64), nullable=False),
        sa.Column("receivable_key", sa.String(200), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("open_amount", sa.String(20), nullable=False),
        sa.Column("amount_due", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("message_key", "receivable_key", name="pk_contact_items"),
        sa.ForeignKeyConstraint(
            ["message_key"], ["contacts.message_key"], name="fk_contact_items_message_key"
        ),
    )
