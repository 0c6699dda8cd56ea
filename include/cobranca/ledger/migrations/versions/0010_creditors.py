"""Which creditor a contact, a call, a promise, an agreement and a hold-out are of; a wish may be about
one creditor alone.
"""

import sqlalchemy as sa
from alembic import op

from cobranca.ledger.migrations.table_rebuild import take_away

revision = "0010"
down_revision = "0009"

OF_ONE_CREDITOR = ("contacts", "outcomes", "promises", "agreements", "holdouts")
CONSTRAINT = "uq_contacts_business_date_customer_key_channel"
COLUMNS = "business_date, customer_key, channel"
NEW_CONSTRAINT = "uq_contacts_business_date_customer_key_creditor_channel"
NEW_COLUMNS = "business_date, customer_key, creditor, channel"


def upgrade() -> None:
    # All that was recorded before is of the creditor that there was.
    for table in OF_ONE_CREDITOR:
        op.add_column(
            table,
            sa.Column("creditor", sa.String(30), nullable=False, server_default="principal"),
        )
    op.add_column("consents", sa.Column("only_creditor", sa.String(30)))
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(CONSTRAINT, "contacts")
        op.create_unique_constraint(NEW_CONSTRAINT, "contacts", NEW_COLUMNS.split(", "))
        return
    # The table that refers to it goes first.
    items = take_away("contact_items")
    contacts = take_away("contacts")
    contacts(f"{CONSTRAINT} UNIQUE ({COLUMNS})", f"{NEW_CONSTRAINT} UNIQUE ({NEW_COLUMNS})")
    items()
