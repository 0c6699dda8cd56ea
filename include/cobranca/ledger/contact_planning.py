"""Enter an approved plan in the ledger, end what it replaces, and approve contacts."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

import sqlalchemy as sa

from cobranca.errors import CobrancaError
from cobranca.ledger.column_types import insert_into, one_of, rows_from_json, rows_to_json
from cobranca.ledger.contact_conditions import (
    NEEDS_NO_APPROVAL,
    step_is_done,
    takes_same_step,
)
from cobranca.ledger.payer_accounts import may_be_about
from cobranca.ledger.restart_retry import LedgerClient
from cobranca.ledger.state_reasons import (
    ALREADY_WRITTEN_TODAY,
    LATER_DATE_PLANNED,
    NOT_IN_NEWEST_PLAN,
    OTHER_CREDITOR_TODAY,
    STEP_ALREADY_DONE,
    WAITS_FOR_APPROVAL,
)
from cobranca.ledger.states import ENGAGED_STATES, PLANNER, states_before
from cobranca.ledger.tables import EARLIEST_DATE, ENTERED, contact_items, contacts, runs
from cobranca.schema import PRINCIPAL

# States of contacts that a newer plan of the same date may still replace.
_REPLACEABLE_STATES = ("planned", *states_before("planned", PLANNER))
# Key of the advisory lock: any constant that no other lock of this database uses.
_PLANNING_LOCK = 0x706C616E


class PlanConflict(CobrancaError):
    """A plan with two messages for one customer, creditor, channel and day."""


class PlannedContact(TypedDict):
    """One contact of a plan; the keys are columns of ``contacts``."""

    message_key: str
    business_date: date
    batch_id: str
    customer_key: str
    creditor: NotRequired[str]
    episode_key: str
    step: str
    step_offset: int
    channel: str
    template: str
    policy_version: str
    requires_approval: bool
    counts_from: NotRequired[date]
    address_mark: NotRequired[str | None]


class PlannedItem(TypedDict):
    """One receivable that a contact asks for; amounts are exact and in ``currency``."""

    receivable_key: str
    currency: str
    open_amount: Decimal
    amount_due: Decimal


PlannedMessage = tuple[PlannedContact, Sequence[PlannedItem]]

_PLANNED_COLUMNS = tuple(PlannedContact.__annotations__)
_PLANNED = tuple(
    contacts.c[name] for name in (*_PLANNED_COLUMNS, "payer_key", "state", "state_reason")
)


class ContactPlanner(LedgerClient):
    """Plans contacts, by the transitions of ``PLANNER``."""

    def plan(
        self,
        business_date: date,
        batch_id: str,
        messages: Iterable[Sequence[PlannedMessage]],
    ) -> int:
        """Enter one approved batch as the plan of ``business_date``; returns how many are new.

        Idempotent: the same batch a second time changes nothing. ``messages`` yields chunks of
        (contact, items). Contacts that are already claimed or ended stay as they are. Others
        change:

        - planned, but not in this batch: ``superseded``
        - planned, but the step was already done for the dunning case and this payer, also under
          another key of the payer: ``suppressed``
        - still planned for an earlier date: ``expired``

        Raises:
            PlanConflict: the batch holds two messages for one customer, creditor, channel and day.
        """
        try:
            with self.engine.begin() as connection:
                _take_planning_lock(connection)
                inserted = sum(self._plan_chunk(connection, batch_id, chunk) for chunk in messages)
                self._end_outdated(connection, business_date, batch_id)
                entered = {
                    "run_id": uuid.uuid4().hex,
                    "business_date": business_date,
                    "stage": ENTERED,
                    "batch_id": batch_id,
                }
                connection.execute(runs.insert(), entered | {"counts": {"new": inserted}})
            return inserted
        except sa.exc.IntegrityError:
            raise PlanConflict(
                f"the plan of {business_date} (batch {batch_id}) gives one customer two messages "
                "of one creditor by one channel; nothing was planned. Look for the doubled "
                "customer_key in out_reminders."
            ) from None

    def _plan_chunk(
        self, connection: sa.Connection, batch_id: str, chunk: Sequence[PlannedMessage]
    ) -> int:
        by_key = {contact["message_key"]: (contact, items) for contact, items in chunk}
        rows = [_row(contact) for contact, _ in by_key.values()]
        inserted = set(_insert(connection, contacts, _PLANNED, rows))
        new = [by_key[key] for key in by_key if key in inserted]
        self._insert_items(connection, new)
        known = [key for key in by_key if key not in inserted]
        if not known:
            return len(new)
        query = sa.select(contacts.c.message_key, contacts.c.state, contacts.c.batch_id)
        found = connection.execute(query.where(one_of(contacts.c.message_key, known))).all()
        changed = [
            row.message_key
            for row in found
            if row.state in _REPLACEABLE_STATES and row.batch_id != batch_id
        ]
        for key in changed:
            self._replan(connection, *by_key[key])
        return len(new)

    def _replan(
        self, connection: sa.Connection, contact: PlannedContact, items: Sequence[PlannedItem]
    ) -> None:
        values = {name: value for name, value in _row(contact).items() if name != "message_key"}
        # A worker may have claimed it since it was read; then it is not replaced.
        updated = connection.execute(
            contacts.update()
            .where(
                contacts.c.message_key == contact["message_key"],
                contacts.c.state.in_(_REPLACEABLE_STATES),
            )
            .values(**values, approved_by=None)
        )
        if updated.rowcount:
            connection.execute(
                contact_items.delete().where(contact_items.c.message_key == contact["message_key"])
            )
            self._insert_items(connection, [(contact, items)])

    def _insert_items(self, connection: sa.Connection, messages: Sequence[PlannedMessage]) -> None:
        rows = [
            {"message_key": contact["message_key"], **item}
            for contact, items in messages
            for item in items
        ]
        if rows:
            _insert(connection, contact_items, tuple(contact_items.c), rows)

    def _end_outdated(self, connection: sa.Connection, business_date: date, batch_id: str) -> None:
        planned = contacts.c.state == "planned"
        connection.execute(
            contacts.update()
            .where(
                planned, contacts.c.business_date == business_date, contacts.c.batch_id != batch_id
            )
            .values(state="superseded", state_reason=NOT_IN_NEWEST_PLAN)
        )
        connection.execute(
            contacts.update()
            .where(planned, contacts.c.business_date < business_date)
            .values(state="expired", state_reason=LATER_DATE_PLANNED)
        )
        if self._name_payers(connection, business_date):
            connection.execute(
                contacts.update()
                .where(planned, contacts.c.business_date == business_date, step_is_done())
                .values(state="suppressed", state_reason=STEP_ALREADY_DONE)
            )
        # This check avoids the join below on most nights. The join is slow until the database has
        # statistics of the rows that were just entered.
        if connection.scalar(_has_engaged(business_date)):
            connection.execute(
                contacts.update()
                .where(planned, contacts.c.business_date == business_date)
                .where(contacts.c.message_key.in_(_already_asked_today(business_date)))
                .values(state="suppressed", state_reason=ALREADY_WRITTEN_TODAY)
            )
            connection.execute(
                contacts.update()
                .where(planned, contacts.c.business_date == business_date)
                .where(_heard_of_other_creditor())
                .values(state="suppressed", state_reason=OTHER_CREDITOR_TODAY)
            )

    def _name_payers(self, connection: sa.Connection, business_date: date) -> bool:
        """Name the payers of planned contacts as earlier contacts of the same step named them.

        Returns whether there are such earlier contacts. A payer whose key has changed since is
        named by the key of then. Of a debt that moved to another payer, that payer keeps its own.
        """
        earlier = contacts.alias("earlier")
        query = sa.select(
            contacts.c.message_key,
            contacts.c.customer_key,
            earlier.c.customer_key.label("earlier_key"),
            earlier.c.business_date.label("earlier_on"),
            earlier.c.payer_key,
        ).where(
            contacts.c.business_date == business_date,
            contacts.c.state == "planned",
            takes_same_step(earlier),
        )
        found = connection.execute(query.order_by(earlier.c.business_date)).all()
        about = may_be_about(
            connection, {(row.earlier_key, row.earlier_on, row.customer_key) for row in found}
        )
        for row in found:
            if (row.earlier_key, row.earlier_on, row.customer_key) in about:
                connection.execute(
                    contacts.update()
                    .where(contacts.c.message_key == row.message_key)
                    .values(payer_key=row.payer_key)
                )
        return bool(found)

    def approve(
        self, business_date: date, batch_id: str, author: str, steps: Sequence[str] | None = None
    ) -> int:
        """Approve the contacts of one plan that wait for approval; returns how many.

        ``steps`` limits this to some steps.
        """
        query = contacts.update().where(
            contacts.c.business_date == business_date,
            contacts.c.batch_id == batch_id,
            contacts.c.state == "planned",
            ~NEEDS_NO_APPROVAL,
        )
        if steps is not None:
            query = query.where(contacts.c.step.in_(steps))
        with self.engine.begin() as connection:
            return connection.execute(query.values(approved_by=author, state_reason=None)).rowcount


def _insert(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[sa.Column[Any]],
    rows: Sequence[Mapping[str, object]],
) -> list[str]:
    """Insert many rows in one statement; returns the message keys of the new ones.

    Idempotent: a row whose primary key exists stays as it is.
    """
    names = [column.name for column in columns]
    found = rows_from_json(connection.dialect.name, "rows", columns)
    # Without "where" SQLite parses the "on" of "on conflict" as part of a join.
    query = insert_into(connection, table).from_select(names, sa.select(found).where(sa.true()))
    parameter = rows_to_json(
        connection.dialect, columns, ([row[name] for name in names] for row in rows)
    )
    new = query.on_conflict_do_nothing(index_elements=table.primary_key.columns)
    returned = connection.scalars(new.returning(table.c.message_key), {"rows": parameter})
    return list(returned)


def _take_planning_lock(connection: sa.Connection) -> None:
    """Take the planning lock until the transaction ends.

    Plans of one date are entered one after another, so that the later one replaces the earlier one
    as a whole. SQLite needs no lock, because it lets only one transaction write at a time.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLANNING_LOCK)))


def _row(contact: PlannedContact) -> dict[str, object]:
    return {
        # A contact without a debt, such as a survey, has no due date to count from.
        "counts_from": EARLIEST_DATE,
        "address_mark": None,
        "creditor": PRINCIPAL,
        "payer_key": contact["customer_key"],
        **contact,
        "state": "planned",
        "state_reason": WAITS_FOR_APPROVAL if contact["requires_approval"] else None,
    }


def _has_engaged(business_date: date) -> sa.Select[tuple[bool]]:
    """Query whether any contact of a date is in an engaged state."""
    engaged = sa.exists().where(
        contacts.c.business_date == business_date, contacts.c.state.in_(ENGAGED_STATES)
    )
    return sa.select(engaged)


def _heard_of_other_creditor() -> sa.ColumnElement[bool]:
    """Whether the payer has an engaged contact of the same date for another creditor.

    A payer hears of one creditor a day. Between two plans of a date another one may come first.
    """
    other = contacts.alias("other")
    return sa.exists().where(
        other.c.business_date == contacts.c.business_date,
        other.c.customer_key == contacts.c.customer_key,
        other.c.creditor != contacts.c.creditor,
        other.c.state.in_(ENGAGED_STATES),
    )


def _already_asked_today(business_date: date) -> sa.Select[tuple[str]]:
    """Query planned contacts with a receivable that an engaged contact of the date asks for.

    Between two plans of a date a payer may get another key (a tax id is corrected, branches are
    grouped) or another channel, so the unique keys do not find these.
    """
    engaged, engaged_items, planned_items, planned = (
        contacts.alias("engaged"),
        contact_items.alias("engaged_items"),
        contact_items.alias("planned_items"),
        contacts.alias("planned"),
    )
    return (
        sa.select(planned.c.message_key)
        .select_from(engaged)
        .join(engaged_items, engaged_items.c.message_key == engaged.c.message_key)
        .join(
            planned_items,
            sa.and_(
                planned_items.c.receivable_key == engaged_items.c.receivable_key,
                planned_items.c.message_key != engaged_items.c.message_key,
            ),
        )
        .join(planned, planned.c.message_key == planned_items.c.message_key)
        .where(
            engaged.c.business_date == business_date,
            engaged.c.state.in_(ENGAGED_STATES),
            planned.c.business_date == business_date,
            planned.c.state == "planned",
            # One plan may use two channels on purpose; two plans may not.
            sa.or_(
                planned.c.channel == engaged.c.channel, planned.c.batch_id != engaged.c.batch_id
            ),
        )
    )
