"""Tables of the ledger: contacts with their history, agents' records, reports and consents.

Keys are opaque. No table holds a name, an address, a phone number or a tax id, so the ledger can be
kept when a customer's data are erased. Times are UTC by the database's clock.
"""

from datetime import date, timedelta

import sqlalchemy as sa

from cobranca.ledger.column_types import Exact, utc_now
from cobranca.ledger.states import CONTACT_STATES, ENGAGED_STATES
from cobranca.schema import PRINCIPAL

# Before every contact.
EARLIEST_DATE = date(1900, 1, 1)


def counts_from(effective_due_date: date, step_offset: int) -> date:
    """The first day on which a contact counts as a step of a debt with this due date.

    An earlier contact was about an earlier due date: an overdue step is taken after the due date,
    any other step not before its own day. int_episodes__contacts_matched applies the same rule.
    """
    return effective_due_date + timedelta(days=1 if step_offset > 0 else step_offset)


metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("message_key", sa.String(64), primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("batch_id", sa.String(64), nullable=False),
    sa.Column("customer_key", sa.String(64), nullable=False),
    sa.Column("creditor", sa.String(30), nullable=False, server_default=PRINCIPAL),
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
    # Only in scheduled delivery: the provider's batch and its time of sending.
    sa.Column("scheduled_batch", sa.String(100)),
    sa.Column("scheduled_for", sa.DateTime),
    # See :func:`counts_from`: it lets a step be taken once for each due date. EARLIEST_DATE if no
    # due date is known.
    sa.Column("counts_from", sa.Date, nullable=False, server_default=str(EARLIEST_DATE)),
    # The payer of the step, by the key of the first contact with it: it stays when the payer's key
    # changes, and is another when the debt moves to another payer. Empty in contacts of a release
    # without it.
    sa.Column("payer_key", sa.String(64), nullable=False, server_default=""),
    # Mark of the address that the message went to, to see a changed address (address_digest.py).
    sa.Column("address_mark", sa.String(4)),
    sa.Column("created_at", sa.DateTime, nullable=False, server_default=utc_now()),
    sa.Column(
        "updated_at", sa.DateTime, nullable=False, server_default=utc_now(), onupdate=utc_now()
    ),
    sa.CheckConstraint(
        "state in ({})".format(", ".join(f"'{s}'" for s in CONTACT_STATES)), name="state"
    ),
    sa.UniqueConstraint("business_date", "customer_key", "creditor", "channel"),
    sa.Index("ix_contacts_business_date_state", "business_date", "state"),
)

_engaged = sa.text("state in ({})".format(", ".join(f"'{s}'" for s in ENGAGED_STATES)))
sa.Index(
    "uq_contacts_step_once",
    contacts.c.episode_key,
    contacts.c.step,
    contacts.c.channel,
    contacts.c.counts_from,
    contacts.c.payer_key,
    unique=True,
    sqlite_where=_engaged,
    postgresql_where=_engaged,
)

contact_items = sa.Table(
    "contact_items",
    metadata,
    sa.Column(
        "message_key", sa.String(64), sa.ForeignKey("contacts.message_key"), primary_key=True
    ),
    sa.Column("receivable_key", sa.String(200), primary_key=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("open_amount", Exact(18, 2), nullable=False),
    sa.Column("amount_due", Exact(18, 2), nullable=False),
)

# Append-only history, written by triggers on contacts so that no code path can omit it. Triggers
# refuse updates and deletes.
contact_history = sa.Table(
    "contact_history",
    metadata,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("message_key", sa.String(64), nullable=False, index=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("from_state", sa.String(16)),
    sa.Column("to_state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(200)),
    sa.Column("owner", sa.String(64)),
    sa.Column("batch_id", sa.String(64), nullable=False),
    sa.Column("provider_message_id", sa.String(200)),
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("outcome_id", sa.String(64), primary_key=True),
    sa.Column("contacted_on", sa.Date, nullable=False, index=True),
    sa.Column("message_key", sa.String(64)),
    sa.Column("customer_key", sa.String(64), nullable=False, index=True),
    sa.Column("creditor", sa.String(30), nullable=False, server_default=PRINCIPAL),
    sa.Column("episode_key", sa.String(200)),
    sa.Column("step", sa.String(64)),
    sa.Column("step_offset", sa.Integer),
    sa.Column("agent_id", sa.String(64), nullable=False),
    sa.Column("code", sa.String(32), nullable=False),
    sa.Column("delay_reason", sa.String(64)),
    sa.Column("follow_up_on", sa.Date),
    sa.Column("policy_version", sa.String(64)),
    sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
)

promises = sa.Table(
    "promises",
    metadata,
    sa.Column("promise_id", sa.String(64), primary_key=True),
    sa.Column("customer_key", sa.String(64), nullable=False, index=True),
    sa.Column("creditor", sa.String(30), nullable=False, server_default=PRINCIPAL),
    sa.Column("made_on", sa.Date, nullable=False, index=True),
    sa.Column("promised_on", sa.Date, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("amount", Exact(18, 2), nullable=False),
    sa.Column("agent_id", sa.String(64), nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
)

agreements = sa.Table(
    "agreements",
    metadata,
    sa.Column("agreement_id", sa.String(64), primary_key=True),
    sa.Column("customer_key", sa.String(64), nullable=False, index=True),
    sa.Column("creditor", sa.String(30), nullable=False, server_default=PRINCIPAL),
    sa.Column("agreed_on", sa.Date, nullable=False, index=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("amount", Exact(18, 2), nullable=False),
    sa.Column("installments", sa.Integer, nullable=False),
    sa.Column("discount_rate", Exact(9, 6), nullable=False),
    sa.Column("agent_id", sa.String(64), nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
)

# The receivables that a promise or an agreement is about: those of the payer and currency on the
# queue row on which it was made. One made without a queue has none. Triggers refuse every change.
commitment_items = sa.Table(
    "commitment_items",
    metadata,
    sa.Column("commitment_id", sa.String(64), primary_key=True),
    sa.Column("receivable_key", sa.String(200), primary_key=True),
    sa.Column("made_on", sa.Date, nullable=False, index=True),
)

# Hold-outs: steps left out on purpose, once for each dunning case, due date and step. Triggers
# refuse every change.
holdouts = sa.Table(
    "holdouts",
    metadata,
    sa.Column("episode_key", sa.String(200), primary_key=True),
    sa.Column("step", sa.String(64), primary_key=True),
    sa.Column("step_offset", sa.Integer, nullable=False),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("business_date", sa.Date, primary_key=True, index=True),
    sa.Column("customer_key", sa.String(64), nullable=False),
    sa.Column("creditor", sa.String(30), nullable=False, server_default=PRINCIPAL),
    sa.Column("policy_version", sa.String(64), nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
)

# Reports of providers about messages, deduplicated by event_key. Triggers refuse every change.
delivery_events = sa.Table(
    "delivery_events",
    metadata,
    sa.Column("event_key", sa.String(64), primary_key=True),
    sa.Column("provider", sa.String(32), nullable=False),
    sa.Column("message_key", sa.String(64), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("detail", sa.String(200)),
    sa.Column("occurred_at", sa.DateTime, nullable=False),
    sa.Column("received_at", sa.DateTime, nullable=False, server_default=utc_now()),
)

# Consents and opt-outs of payers by channel, for one creditor or (none named) for all; the newest
# row that is for a creditor counts. Triggers refuse every change.
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("consent_key", sa.String(64), primary_key=True),
    sa.Column("customer_key", sa.String(64), nullable=False, index=True),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("only_creditor", sa.String(30)),
    sa.Column("is_opted_in", sa.Boolean, nullable=False),
    sa.Column("origin", sa.String(32), nullable=False),
    sa.Column("given_at", sa.DateTime, nullable=False),
    sa.Column("given_on", sa.Date, nullable=False, index=True),
    sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
)

# Suppression lists of providers. An address is stored as a digest (SHA-256 of it in lower case),
# which recognises the address in a source but cannot be read.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("provider", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("address_digest", sa.String(64), primary_key=True),
    sa.Column("listed_at", sa.DateTime, nullable=False),
    sa.Column("listed_on", sa.Date, nullable=False, index=True),
    sa.Column("removed_on", sa.Date),
    sa.Column("seen_at", sa.DateTime, nullable=False, server_default=utc_now(), onupdate=utc_now()),
)

# Erased payers: the opaque key and the accounts at the sources, by which rows of a source are
# recognised later. Triggers refuse every change.
erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("customer_key", sa.String(64), primary_key=True),
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("customer_id", sa.String(200), primary_key=True),
    sa.Column("erased_on", sa.Date, nullable=False),
    sa.Column("author", sa.String(100), nullable=False),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
)

# Accounts behind a payer's key: a set of rows for each plan that found other accounts than before.
# By them records follow a payer to a new key (payer_accounts.py). Triggers refuse every change.
payer_accounts = sa.Table(
    "payer_accounts",
    metadata,
    sa.Column("customer_key", sa.String(64), primary_key=True),
    sa.Column("known_since", sa.Date, primary_key=True),
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("customer_id", sa.String(200), primary_key=True),
    sa.Index("ix_payer_accounts_customer_id", "customer_id"),
)

# Switches that act at once in every process: ``paused`` stops all sending.
switches = sa.Table(
    "switches",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("is_on", sa.Boolean, nullable=False),
    sa.Column("author", sa.String(100), nullable=False),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column(
        "updated_at", sa.DateTime, nullable=False, server_default=utc_now(), onupdate=utc_now()
    ),
)

# The stage of ``runs`` that marks an entered plan; committed together with its contacts.
ENTERED = "entered"

# Counts of each finished run, as they were reported.
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False, index=True),
    sa.Column("stage", sa.String(32), nullable=False),
    sa.Column("batch_id", sa.String(64), nullable=False),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("finished_at", sa.DateTime, nullable=False, server_default=utc_now()),
)
