"""Whose personal data were erased, so that they are recognised and left out whenever a source
brings them again.
"""

import sqlalchemy as sa
from alembic import op

from cobranca.ledger.column_types import utc_now

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("customer_key", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("customer_id", sa.String(200), nullable=False),
        sa.Column("erased_on", sa.Date, nullable=False),
        sa.Column("author", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
        sa.PrimaryKeyConstraint("customer_key", "source", "customer_id", name="pk_erasures"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "create trigger erasures_are_kept before update or delete on erasures for each row "
            "execute function refuse_change()"
        )
        op.execute(
            "create trigger erasures_are_not_emptied before truncate on erasures execute function "
            "refuse_change()"
        )
        return
    for event in ("update", "delete"):
        op.execute(
            f"create trigger erasures_are_kept_on_{event} before {event} on erasures "
            "begin select raise(abort, 'erasures is append-only'); end"
        )
