"""The ledger's tables: what was done to people, and what they answered.

Keys are opaque and no table holds a name, an address, a phone number or a tax id, so that the ledger can be kept
when a customer's data are erased. Times are UTC by the database's clock.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from cobranca.ledger.states import CONTACT_STATES, ENGAGED_STATES

# Before all days on which anybody was contacted.
ALWAYS = date(1900, 1, 1)


class Exact(sa.types.TypeDecorator):
    """A decimal number that is never a float: ``numeric`` where the database has it, text on SQLite."""

    impl = sa.Numeric
    cache_ok = True

    def __init__(self, precision: int, scale: int):
        super().__init__(precision, scale)
        self.precision, self.scale = precision, scale

    def load_dialect_impl(self, dialect):
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(self.precision + 2))
        return dialect.type_descriptor(sa.Numeric(self.precision, self.scale))

    def process_bind_param(self, value, dialect):
        if value is None:
            return None
        if isinstance(value, float):
            raise ValueError("money must not be a float")
        value = Decimal(value).quantize(Decimal(1).scaleb(-self.scale))
        return str(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value, dialect):
        return None if value is None else Decimal(value)


class utc_now(FunctionElement):  # noqa: N801 - reads as a SQL function
    """The database's own clock in UTC, ``seconds`` from now; the only clock that leases are measured by."""

    type = sa.DateTime()
    # The seconds are a parameter, so that statements are compiled once.
    inherit_cache = True

    def __init__(self, seconds: float | sa.BindParameter | None = None):
        super().__init__(*([] if seconds is None else [sa.cast(seconds, sa.Float)]))


@compiles(utc_now, "sqlite")
def _utc_now_sqlite(element, compiler, **kwargs):
    later = compiler.process(element.clauses, **kwargs)
    shift = f", ({later}) || ' seconds'" if later else ""
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now'{shift})"


@compiles(utc_now, "postgresql")
def _utc_now_postgresql(element, compiler, **kwargs):
    later = compiler.process(element.clauses, **kwargs)
    shift = f" + make_interval(secs => {later})" if later else ""
    return f"(clock_timestamp() at time zone 'utc'{shift})"


class Keys(sa.types.TypeDecorator):
    """Any number of keys as one parameter, so that a statement stays the same whatever their number; see :func:`one_of`."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect):
        return dialect.type_descriptor(sa.ARRAY(sa.Text) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value, dialect):
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))


class one_of(FunctionElement):  # noqa: N801 - reads as a SQL condition
    """Whether a column is one of ``keys``."""

    type = sa.Boolean()
    inherit_cache = True

    def __init__(self, column: sa.ColumnElement[str], keys: Iterable[str]):
        super().__init__(column, sa.bindparam("keys", list(keys), type_=Keys(), unique=True))

    def self_group(self, against=None):
        # Else SQLite is asked whether the condition equals 1, and then it reads the whole table.
        return self


@compiles(one_of, "sqlite")
def _one_of_sqlite(element, compiler, **kwargs):
    column, keys = (compiler.process(part, **kwargs) for part in element.clauses)
    return f"{column} in (select value from json_each({keys}))"


@compiles(one_of, "postgresql")
def _one_of_postgresql(element, compiler, **kwargs):
    column, keys = (compiler.process(part, **kwargs) for part in element.clauses)
    return f"{column} = any({keys})"


def counts_from(effective_due_date: date, step_offset: int) -> date:
    """The first day on which a contact counts as a step of a debt that is due on a day.

    What was said before it was about an earlier due date: an overdue step is taken after the due date, any other on its own
    day at the soonest. int_episodes__contacted reads what was done by the same rule.
    """
    return effective_due_date + timedelta(days=1 if step_offset > 0 else step_offset)


def insert_into(connection: sa.Connection, table: sa.Table):
    """An insert that can say what happens when the key is there already; SQLAlchemy has it only per database."""
    return {"postgresql": postgresql, "sqlite": sqlite}[connection.dialect.name].insert(table)


def rows_of(dialect: str, parameter: str, columns: Sequence[sa.Column]) -> sa.Subquery:
    """Rows for some columns that come as one parameter, see :func:`as_rows`: the statement stays the same whatever their
    number, and the database is asked once.
    """
    rows = sa.bindparam(parameter, type_=sa.Text)
    if dialect == "postgresql":
        each = sa.func.jsonb_array_elements(sa.cast(rows, postgresql.JSONB)).table_valued("value")
        cells = [_typed(each.c.value.op("->>", return_type=sa.Text)(place), column) for place, column in enumerate(columns)]
    else:
        each = sa.func.json_each(rows).table_valued("value")
        cells = [sa.func.json_extract(each.c.value, f"$[{place}]") for place in range(len(columns))]
    return sa.select(*(cell.label(column.name) for cell, column in zip(cells, columns, strict=True))).subquery(parameter)


def _typed(cell: sa.ColumnElement, column: sa.Column) -> sa.ColumnElement:
    # Text is not cast to its column's length, because that would cut it without a word.
    return cell if isinstance(column.type, sa.String) else sa.cast(cell, column.type)


def as_rows(dialect: sa.Dialect, columns: Sequence[sa.Column], rows: Iterable[Sequence]) -> str:
    """The parameter of :func:`rows_of`: a JSON list of lists, money as exact text."""
    exact = {place: column.type for place, column in enumerate(columns) if isinstance(column.type, Exact)}
    written = [
        [exact[place].process_bind_param(value, dialect) if place in exact else value for place, value in enumerate(row)]
        for row in rows
    ]
    return json.dumps(written, default=str)


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
    # Only where messages are handed over beforehand: the provider's batch, and when it lets it leave.
    sa.Column("scheduled_batch", sa.String(100)),
    sa.Column("scheduled_for", sa.DateTime),
    # The first day on which a contact counts as this step of the debt (:func:`counts_from`), so that a step may be taken once
    # for each due date; the first of all days where no due date is known.
    sa.Column("counts_from", sa.Date, nullable=False, server_default=str(ALWAYS)),
    # Of the address that the message went to: enough to see that the payer's is another by now, see addresses.py.
    sa.Column("address_mark", sa.String(4)),
    sa.Column("created_at", sa.DateTime, nullable=False, server_default=utc_now()),
    sa.Column("updated_at", sa.DateTime, nullable=False, server_default=utc_now(), onupdate=utc_now()),
    sa.CheckConstraint("state in ({})".format(", ".join(f"'{s}'" for s in CONTACT_STATES)), name="state"),
    sa.UniqueConstraint("business_date", "customer_key", "channel"),
    sa.Index("ix_contacts_business_date_state", "business_date", "state"),
)

_engaged = sa.text("state in ({})".format(", ".join(f"'{s}'" for s in ENGAGED_STATES)))
sa.Index(
    "uq_contacts_step_once",
    contacts.c.episode_key,
    contacts.c.step,
    contacts.c.channel,
    contacts.c.counts_from,
    unique=True,
    sqlite_where=_engaged,
    postgresql_where=_engaged,
)

contact_items = sa.Table(
    "contact_items",
    metadata,
    sa.Column("message_key", sa.String(64), sa.ForeignKey("contacts.message_key"), primary_key=True),
    sa.Column("receivable_key", sa.String(200), primary_key=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("open_amount", Exact(18, 2), nullable=False),
    sa.Column("amount_due", Exact(18, 2), nullable=False),
)

# Filled by triggers on contacts, so that no code path can forget it; updates and deletes are refused.
contact_history = sa.Table(
    "contact_history",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
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
    sa.Column("agreed_on", sa.Date, nullable=False, index=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("amount", Exact(18, 2), nullable=False),
    sa.Column("installments", sa.Integer, nullable=False),
    sa.Column("discount_rate", Exact(9, 6), nullable=False),
    sa.Column("agent_id", sa.String(64), nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
)

# Steps left out on purpose, once for each debt, due date and step. Triggers refuse every change.
holdouts = sa.Table(
    "holdouts",
    metadata,
    sa.Column("episode_key", sa.String(200), primary_key=True),
    sa.Column("step", sa.String(64), primary_key=True),
    sa.Column("step_offset", sa.Integer, nullable=False),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("business_date", sa.Date, primary_key=True, index=True),
    sa.Column("customer_key", sa.String(64), nullable=False),
    sa.Column("policy_version", sa.String(64), nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
)

# What providers reported of messages, as it came; a report that comes twice is one row. Triggers refuse every change.
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

# What payers said about being written to, by channel; the newest row counts. Triggers refuse every change.
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("consent_key", sa.String(64), primary_key=True),
    sa.Column("customer_key", sa.String(64), nullable=False, index=True),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("is_opted_in", sa.Boolean, nullable=False),
    sa.Column("origin", sa.String(32), nullable=False),
    sa.Column("given_at", sa.DateTime, nullable=False),
    sa.Column("given_on", sa.Date, nullable=False, index=True),
    sa.Column("recorded_at", sa.DateTime, nullable=False, server_default=utc_now()),
)

# Addresses that a provider no longer writes to, as SHA-256 of the address in lower case: enough to recognise one that a
# source still holds, and nothing to read.
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

# Whose personal data were erased: the payer's opaque key and its accounts at the sources, by which a row that a source still
# holds is recognised. Triggers refuse every change.
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

# The accounts that a payer's key stood for when it was last planned to contact the payer: a set of rows for each plan that found
# others than before. By them what was recorded under a key follows the payer to the next one. Triggers refuse every change.
payer_accounts = sa.Table(
    "payer_accounts",
    metadata,
    sa.Column("customer_key", sa.String(64), primary_key=True),
    sa.Column("known_since", sa.Date, primary_key=True),
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("customer_id", sa.String(200), primary_key=True),
    sa.Index("ix_payer_accounts_customer_id", "customer_id"),
)

# Switches that act at once, without a deployment: ``paused`` stops all sending.
switches = sa.Table(
    "switches",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("is_on", sa.Boolean, nullable=False),
    sa.Column("author", sa.String(100), nullable=False),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("updated_at", sa.DateTime, nullable=False, server_default=utc_now(), onupdate=utc_now()),
)

# One row for each finished run of the sender: its counts, as they were reported.
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
