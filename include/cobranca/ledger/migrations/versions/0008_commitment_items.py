"""Which receivables a promise or an agreement is about."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "commitment_items",
        sa.Column("commitment_id", sa.String(64), nullable=False),
        sa.Column("receivable_key", sa.String(200), nullable=False),
        sa.Column("made_on", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("commitment_id", "receivable_key", name="pk_commitment_items"),
    )
    op.create_index("ix_commitment_items_made_on", "commitment_items", ["made_on"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "create trigger commitment_items_are_kept before update or delete on commitment_items "
            "for each row execute function refuse_change()"
        )
        op.execute(
            "create trigger commitment_items_are_not_emptied before truncate on commitment_items "
            "execute function refuse_change()"
        )
        return
    for event in ("update", "delete"):
        op.execute(
            f"create trigger commitment_items_are_kept_on_{event} before {event} on "
            "commitment_items "
            "begin select raise(abort, 'commitment_items is append-only'); end"
        )
