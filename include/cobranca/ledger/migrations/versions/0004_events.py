"""What comes back: reports of providers, what payers said about being written to, addresses no
longer written to.
"""

import sqlalchemy as sa
from alembic import op

from cobranca.ledger.column_types import utc_now

revision = "0004"
down_revision = "0003"
APPEND_ONLY = ("delivery_events", "consents")


def upgrade() -> None:
    op.create_table(
        "delivery_events",
        sa.Column("event_key", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("message_key", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("detail", sa.String(200)),
        sa.Column("occurred_at", sa.DateTime, nullable=False),
        sa.Column("received_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("event_key", name="pk_delivery_events"),
    )
    op.create_index("ix_delivery_events_message_key", "delivery_events", ["message_key"])
    op.create_table(
        "consents",
        sa.Column("consent_key", sa.String(64), nullable=False),
        sa.Column("customer_key", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("is_opted_in", sa.Boolean, nullable=False),
        sa.Column("origin", sa.String(32), nullable=False),
        sa.Column("given_at", sa.DateTime, nullable=False),
        sa.Column("given_on", sa.Date, nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("consent_key", name="pk_consents"),
    )
    op.create_index("ix_consents_customer_key", "consents", ["customer_key"])
    op.create_index("ix_consents_given_on", "consents", ["given_on"])
    op.create_table(
        "suppressions",
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("address_digest", sa.String(64), nullable=False),
        sa.Column("listed_at", sa.DateTime, nullable=False),
        sa.Column("listed_on", sa.Date, nullable=False),
        sa.Column("removed_on", sa.Date),
        sa.Column("seen_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("provider", "kind", "address_digest", name="pk_suppressions"),
    )
    op.create_index("ix_suppressions_listed_on", "suppressions", ["listed_on"])
    for table in APPEND_ONLY:
        _keep(table)


def _keep(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"create trigger {table}_are_kept before update or delete on {table} for each row "
            "execute function refuse_change()"
        )
        op.execute(
            f"create trigger {table}_are_not_emptied before truncate on {table} execute function "
            "refuse_change()"
        )
        return
    for event in ("update", "delete"):
        op.execute(
            f"create trigger {table}_are_kept_on_{event} before {event} on {table} "
            f"begin select raise(abort, '{table} is append-only'); end"
        )
