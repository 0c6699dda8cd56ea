"""Hold-outs: steps left out on purpose, so that their effect can be measured; the régua that a call
followed.
"""

import sqlalchemy as sa
from alembic import op

from cobranca.ledger.column_types import utc_now

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "holdouts",
        sa.Column("episode_key", sa.String(200), nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("step_offset", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("customer_key", sa.String(64), nullable=False),
        sa.Column("policy_version", sa.String(64), nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("episode_key", "step", name="pk_holdouts"),
    )
    op.create_index("ix_holdouts_business_date", "holdouts", ["business_date"])
    op.add_column("outcomes", sa.Column("policy_version", sa.String(64)))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "create trigger holdouts_are_kept before update or delete on holdouts for each row "
            "execute function refuse_change()"
        )
        op.execute(
            "create trigger holdouts_are_not_emptied before truncate on holdouts execute function "
            "refuse_change()"
        )
    else:
        for event in ("update", "delete"):
            op.execute(
                f"create trigger holdouts_are_kept_on_{event} before {event} on holdouts "
                "begin select raise(abort, 'holdouts is append-only'); end"
            )
