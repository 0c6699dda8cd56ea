"""Read-only lookups in the ledger: counts of contacts, plans, and records about payers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from cobranca.ledger.column_types import one_of
from cobranca.ledger.contact_conditions import IS_PAUSED, LEASED_STATES, NEEDS_NO_APPROVAL
from cobranca.ledger.payer_accounts import PayerKeys, rows_by_customer_id
from cobranca.ledger.restart_retry import LedgerClient, retries_restart
from cobranca.ledger.state_reasons import CONTACT_HOURS_OVER, STALE_PAYMENTS
from cobranca.ledger.tables import (
    ENTERED,
    agreements,
    consents,
    contacts,
    erasures,
    outcomes,
    promises,
    runs,
)


@dataclass(frozen=True)
class AgentRecord:
    """One record that an agent made about a payer.

    ``kind`` is its table: ``outcomes`` (with its ``code``), ``promises`` or ``agreements``.
    ``event_id`` is its primary key, ``creditor`` the one of whose debt was spoken.
    """

    customer_key: str
    kind: str
    event_id: str
    creditor: str
    code: str | None = None


# Payer, channel, and the creditor whose messages are refused; none: those of all.
Refusal = tuple[str, str, str | None]


@dataclass(frozen=True)
class PayerFlags:
    """Records of payers that may forbid a message to them.

    - ``agent_records``: everything that agents recorded, on any day and under any key that the
      payers had on that day
    - ``opted_out``: payer, channel and creditor (none: all), where the payer's newest consent
      refuses messages
    - ``erased``: payers whose personal data were erased, or those of one of their accounts
    """

    agent_records: list[AgentRecord]
    opted_out: set[Refusal]
    erased: set[str]


class ContactLookups(LedgerClient):
    """Reads the ledger; each method reads in one transaction."""

    @retries_restart
    def payer_flags(self, customer_keys: Sequence[str]) -> PayerFlags:
        """Read the records of these payers that may forbid a message to them."""
        with self.engine.connect() as connection:
            payers = PayerKeys(connection, customer_keys)
            return PayerFlags(
                _agent_records(connection, payers),
                _opted_out(connection, payers),
                _erased(connection, payers),
            )

    @retries_restart
    def opted_out(self, customer_keys: Sequence[str]) -> set[Refusal]:
        """Where the payers' newest consents refuse messages."""
        with self.engine.connect() as connection:
            return _opted_out(connection, PayerKeys(connection, customer_keys))

    @retries_restart
    def count_by_state(self, business_date: date) -> dict[str, int]:
        """Count the contacts of a date in each state."""
        query = (
            sa.select(contacts.c.state, sa.func.count().label("number"))
            .where(contacts.c.business_date == business_date)
            .group_by(contacts.c.state)
        )
        with self.engine.connect() as connection:
            return {row.state: row.number for row in connection.execute(query)}

    @retries_restart
    def missing_keys(self, keys: Sequence[str]) -> list[str]:
        """The keys that have no contact in the ledger, in the order given."""
        query = sa.select(contacts.c.message_key).where(one_of(contacts.c.message_key, keys))
        with self.engine.connect() as connection:
            found: set[str] = set(connection.scalars(query))
        return [key for key in keys if key not in found]

    @retries_restart
    def count_unapproved(self, business_date: date) -> dict[str, int]:
        """Count the planned contacts of each step that wait for a person's approval."""
        query = (
            sa.select(contacts.c.step, sa.func.count().label("number"))
            .where(
                contacts.c.business_date == business_date,
                contacts.c.state == "planned",
                ~NEEDS_NO_APPROVAL,
            )
            .group_by(contacts.c.step, contacts.c.step_offset)
            .order_by(contacts.c.step_offset)
        )
        with self.engine.connect() as connection:
            return {row.step: row.number for row in connection.execute(query)}

    @retries_restart
    def count_sendable(self, business_date: date) -> int:
        """Count the contacts of a date that may still be sent on it without a person's decision.

        A later delivery takes planned contacts. Those that another worker has leased may return to
        ``planned``.
        """
        sendable = sa.and_(
            contacts.c.state == "planned",
            NEEDS_NO_APPROVAL,
            sa.func.coalesce(contacts.c.state_reason, "").not_in(
                (CONTACT_HOURS_OVER, STALE_PAYMENTS)
            ),
        )
        return self._count(business_date, sa.or_(sendable, contacts.c.state.in_(LEASED_STATES)))

    @retries_restart
    def newest_plan(self, business_date: date) -> str | None:
        """Batch id of the plan entered last for a date; ``None`` if there is none."""
        query = sa.select(runs.c.batch_id).where(
            runs.c.business_date == business_date, runs.c.stage == ENTERED
        )
        with self.engine.connect() as connection:
            return connection.scalar(query.order_by(runs.c.finished_at.desc()).limit(1))

    @retries_restart
    def has_planned_by_other_batch(self, business_date: date, batch_id: str) -> bool:
        """Whether contacts of a date are still planned by another batch.

        A worker had leased them while this batch was entered, and released them later.
        """
        other_batch = contacts.c.batch_id != batch_id
        return bool(self._count(business_date, contacts.c.state == "planned", other_batch))

    @retries_restart
    def count_leased(self, business_date: date) -> int:
        """Count the contacts of a date that a worker has leased now."""
        return self._count(business_date, contacts.c.state.in_(LEASED_STATES))

    @retries_restart
    def is_paused(self) -> bool:
        """Whether a person has stopped all sending."""
        with self.engine.connect() as connection:
            return bool(connection.scalar(sa.select(IS_PAUSED)))

    def _count(self, business_date: date, *conditions: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).where(
            contacts.c.business_date == business_date, *conditions
        )
        with self.engine.connect() as connection:
            return connection.scalar(query) or 0


def _agent_records(connection: sa.Connection, payers: PayerKeys) -> list[AgentRecord]:
    found = []
    days = {
        outcomes: outcomes.c.contacted_on,
        promises: promises.c.made_on,
        agreements: agreements.c.agreed_on,
    }
    for table, day in days.items():
        key, *_ = table.primary_key.columns
        code = table.c.code if table is outcomes else sa.null()
        query = sa.select(
            table.c.customer_key,
            table.c.creditor,
            day.label("on"),
            key.label("event_id"),
            code.label("code"),
        ).where(one_of(table.c.customer_key, payers.keys))
        for row in connection.execute(query):
            found += [
                AgentRecord(payer, table.name, row.event_id, row.creditor, row.code)
                for payer in payers.payers_on(row.customer_key, row.on)
            ]
    return found


def _opted_out(connection: sa.Connection, payers: PayerKeys) -> set[Refusal]:
    """The refusals in force; a consent for all creditors replaces what was said about one."""
    newest: dict[tuple[str, str], dict[str | None, Any]] = defaultdict(dict)
    query = sa.select(
        consents.c.customer_key,
        consents.c.channel,
        consents.c.only_creditor,
        consents.c.is_opted_in,
        consents.c.given_on,
    )
    query = query.where(one_of(consents.c.customer_key, payers.keys))
    # Of two consents with the same time the refusal is sorted last, so it counts.
    for row in connection.execute(
        query.order_by(consents.c.given_at, consents.c.is_opted_in.desc())
    ):
        wishes = newest[row.customer_key, row.channel]
        if row.only_creditor is None and row.is_opted_in:
            wishes.clear()
        wishes[row.only_creditor] = row
    refused = [row for found in newest.values() for row in found.values() if not row.is_opted_in]
    return {
        (payer, row.channel, row.only_creditor)
        for row in refused
        for payer in payers.payers_on(row.customer_key, row.given_on)
    }


def _erased(connection: sa.Connection, payers: PayerKeys) -> set[str]:
    by_key = sa.select(erasures.c.customer_key).where(
        one_of(erasures.c.customer_key, payers.requested)
    )
    rows = (
        connection.execute(rows_by_customer_id(erasures, payers.accounts))
        if payers.accounts
        else ()
    )
    by_account = [payers.accounts.get((row.source, row.customer_id), set()) for row in rows]
    return set(connection.scalars(by_key)).union(*by_account)
