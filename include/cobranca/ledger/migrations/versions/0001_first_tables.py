"""The first tables: contacts with their history, what agents returned, switches and runs."""

import sqlalchemy as sa
from alembic import op

from cobranca.ledger.column_types import Exact, utc_now

revision = "0001"
down_revision = None

STATES = (
    "'planned', 'claimed', 'sending', 'sent', 'rejected', 'unknown', 'delivered', 'bounced', "
    "'suppressed', 'cancelled_paid', 'superseded', 'expired'"
)
ENGAGED = "state in ('claimed', 'sending', 'sent', 'unknown', 'delivered')"


def upgrade() -> None:
    _create_contacts()
    _create_returns()
    _create_switches()
    if op.get_bind().dialect.name == "postgresql":
        _guard_history_on_postgresql()
    else:
        _guard_history_on_sqlite()


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
        sa.Column("created_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("message_key", name="pk_contacts"),
        sa.CheckConstraint(f"state in ({STATES})", name="ck_contacts_state"),
        sa.UniqueConstraint(
            "business_date",
            "customer_key",
            "channel",
            name="uq_contacts_business_date_customer_key_channel",
        ),
    )
    op.create_index("ix_contacts_business_date_state", "contacts", ["business_date", "state"])
    op.create_index(
        "uq_contacts_step_once",
        "contacts",
        ["episode_key", "step", "channel"],
        unique=True,
        sqlite_where=sa.text(ENGAGED),
        postgresql_where=sa.text(ENGAGED),
    )
    op.create_table(
        "contact_items",
        sa.Column("message_key", sa.String(64), nullable=False),
        sa.Column("receivable_key", sa.String(200), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("open_amount", Exact(18, 2), nullable=False),
        sa.Column("amount_due", Exact(18, 2), nullable=False),
        sa.PrimaryKeyConstraint("message_key", "receivable_key", name="pk_contact_items"),
        sa.ForeignKeyConstraint(
            ["message_key"], ["contacts.message_key"], name="fk_contact_items_message_key"
        ),
    )
    op.create_table(
        "contact_history",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.Identity(),
            nullable=False,
            autoincrement=True,
        ),
        sa.Column("message_key", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("from_state", sa.String(16)),
        sa.Column("to_state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("owner", sa.String(64)),
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("provider_message_id", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_contact_history"),
    )
    op.create_index("ix_contact_history_message_key", "contact_history", ["message_key"])


def _create_returns() -> None:
    op.create_table(
        "outcomes",
        sa.Column("outcome_id", sa.String(64), nullable=False),
        sa.Column("contacted_on", sa.Date, nullable=False),
        sa.Column("message_key", sa.String(64)),
        sa.Column("customer_key", sa.String(64), nullable=False),
        sa.Column("episode_key", sa.String(200)),
        sa.Column("step", sa.String(64)),
        sa.Column("step_offset", sa.Integer),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("delay_reason", sa.String(64)),
        sa.Column("follow_up_on", sa.Date),
        sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("outcome_id", name="pk_outcomes"),
    )
    op.create_index("ix_outcomes_contacted_on", "outcomes", ["contacted_on"])
    op.create_table(
        "promises",
        sa.Column("promise_id", sa.String(64), nullable=False),
        sa.Column("customer_key", sa.String(64), nullable=False),
        sa.Column("made_on", sa.Date, nullable=False),
        sa.Column("promised_on", sa.Date, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount", Exact(18, 2), nullable=False),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("promise_id", name="pk_promises"),
    )
    op.create_index("ix_promises_made_on", "promises", ["made_on"])
    op.create_table(
        "agreements",
        sa.Column("agreement_id", sa.String(64), nullable=False),
        sa.Column("customer_key", sa.String(64), nullable=False),
        sa.Column("agreed_on", sa.Date, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount", Exact(18, 2), nullable=False),
        sa.Column("installments", sa.Integer, nullable=False),
        sa.Column("discount_rate", Exact(9, 6), nullable=False),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("agreement_id", name="pk_agreements"),
    )
    op.create_index("ix_agreements_agreed_on", "agreements", ["agreed_on"])


def _create_switches() -> None:
    op.create_table(
        "switches",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("author", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("updated_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("name", name="pk_switches"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("finished_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    op.create_index("ix_runs_business_date", "runs", ["business_date"])


def _guard_history_on_sqlite() -> None:
    values = (
        "(message_key, at, from_state, to_state, reason, owner, batch_id, provider_message_id) "
        "values "
        "(new.message_key, strftime('%Y-%m-%d %H:%M:%f000', 'now'), {before}, new.state, "
        "new.state_reason, new.owner, "
        "new.batch_id, new.provider_message_id)"
    )
    changed = "when old.state is not new.state or old.state_reason is not new.state_reason"
    statements = (
        f"create trigger contacts_inserted after insert on contacts begin "
        f"insert into contact_history {values.format(before='null')}; end",
        f"create trigger contacts_updated after update on contacts {changed} begin "
        f"insert into contact_history {values.format(before='old.state')}; end",
        "create trigger contacts_are_kept before delete on contacts begin select raise(abort, "
        "'contacts are never deleted'); end",
        "create trigger history_is_not_rewritten before update on contact_history begin "
        "select raise(abort, 'contact_history is append-only'); end",
        "create trigger history_is_kept before delete on contact_history begin "
        "select raise(abort, 'contact_history is append-only'); end",
    )
    for statement in statements:
        op.execute(statement)


def _guard_history_on_postgresql() -> None:
    statements = (
        """
        create function append_contact_history() returns trigger language plpgsql as $$
        begin
            insert into contact_history (message_key, at, from_state, to_state, reason, owner, batch_id, provider_message_id)
            values (new.message_key, clock_timestamp() at time zone 'utc',
                    case when tg_op = 'UPDATE' then old.state end, new.state, new.state_reason, new.owner,
                    new.batch_id, new.provider_message_id);
            return null;
        end $$
        """,
        """
        create function refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception '% is append-only', tg_table_name;
        end $$
        """,
        "create trigger contacts_inserted after insert on contacts for each row execute function "
        "append_contact_history()",
        "create trigger contacts_updated after update on contacts for each row "
        "when (old.state is distinct from new.state or old.state_reason is distinct from "
        "new.state_reason) "
        "execute function append_contact_history()",
        "create trigger contacts_are_kept before delete on contacts for each row execute function "
        "refuse_change()",
        "create trigger contacts_are_not_emptied before truncate on contacts execute function "
        "refuse_change()",
        "create trigger history_is_kept before update or delete on contact_history for each row "
        "execute function refuse_change()",
        "create trigger history_is_not_emptied before truncate on contact_history execute "
        "function refuse_change()",
    )
    for statement in statements:
        op.execute(statement)
