"""A step is done once for each payer of the debt, so that one that moves to its true payer begins
anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

ENGAGED = "state in ('claimed', 'sending', 'sent', 'unknown', 'delivered', 'complained')"


def upgrade() -> None:
    op.drop_index("uq_contacts_step_once", "contacts")
    # What was planned before is of no payer in particular: a step is done for every payer that may
    # be its own, as it was until now.
    op.add_column(
        "contacts", sa.Column("payer_key", sa.String(64), nullable=False, server_default="")
    )
    op.create_index(
        "uq_contacts_step_once",
        "contacts",
        ["episode_key", "step", "channel", "counts_from", "payer_key"],
        unique=True,
        sqlite_where=sa.text(ENGAGED),
        postgresql_where=sa.text(ENGAGED),
    )
