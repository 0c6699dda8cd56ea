"""Which accounts a payer's key stood for, so that what was recorded under it follows the payer to
another key.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "payer_accounts",
        sa.Column("customer_key", sa.String(64), nullable=False),
        sa.Column("known_since", sa.Date, nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("customer_id", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint(
            "customer_key", "known_since", "source", "customer_id", name="pk_payer_accounts"
        ),
    )
    op.create_index("ix_payer_accounts_customer_id", "payer_accounts", ["customer_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "create trigger payer_accounts_are_kept before update or delete on payer_accounts "
            "for each row execute function refuse_change()"
        )
        op.execute(
            "create trigger payer_accounts_are_not_emptied before truncate on payer_accounts "
            "execute function refuse_change()"
        )
        return
    for event in ("update", "delete"):
        op.execute(
            f"create trigger payer_accounts_are_kept_on_{event} before {event} on payer_accounts "
            "begin select raise(abort, 'payer_accounts is append-only'); end"
        )
