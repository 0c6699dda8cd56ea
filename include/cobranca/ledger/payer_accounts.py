"""History of the accounts behind each payer's key, so that records follow a payer to a new key.

A payer's key changes when a source corrects a tax id or when branches are grouped. So every plan
records the accounts (source, customer_id) of the payers that it contacts, queues or holds out. A
record under a key holds for each payer that has those accounts later.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from cobranca.ledger.column_types import insert_into, one_of, rows_from_json, rows_to_json
from cobranca.ledger.tables import EARLIEST_DATE, payer_accounts
from cobranca.partitions.manifest import Manifest

ALIASES = "dim_payer_aliases.parquet"
# Agents may answer a queue this long after its day, under the key that the queue gave.
LATE_ANSWER_PERIOD = timedelta(days=30)
LATEST_DATE = date(9999, 12, 31)

_CHUNK = 5000
# Files of a batch whose payers are recorded, and the condition on their rows.
_PLANNED = {
    "out_reminders.parquet": "true",
    "out_call_queue.parquet": "true",
    "out_surveys.parquet": "true",
    "fct_decisions.parquet": "reason = 'holdout'",
}


@dataclass(frozen=True)
class KeyPeriod:
    """Days on which a record under ``former_key`` is about the payer ``customer_key``."""

    former_key: str
    customer_key: str
    from_on: date
    until_on: date


def record_accounts(engine: sa.Engine, batch: Manifest) -> None:
    """Record the accounts of the payers that an approved batch contacts, where they changed.

    Idempotent: rows are only added, so a rerun changes nothing. Of two plans of one date, the
    accounts of both are recorded.
    """
    columns = tuple(payer_accounts.c)
    with engine.begin() as connection:
        insert = insert_into(connection, payer_accounts).from_select(
            [column.name for column in columns],
            # Without "where" SQLite parses the "on" of "on conflict" as part of a join.
            sa.select(rows_from_json(connection.dialect.name, "rows", columns)).where(sa.true()),
        )
        for chunk in _accounts_in(batch):
            recorded = _recorded_accounts(connection, list(chunk), batch.business_date)
            rows = [
                (key, batch.business_date, *account)
                for key, accounts in chunk.items()
                if recorded.get(key) != accounts
                for account in sorted(accounts)
            ]
            if rows:
                connection.execute(
                    insert.on_conflict_do_nothing(),
                    {"rows": rows_to_json(connection.dialect, columns, rows)},
                )


def _accounts_in(batch: Manifest) -> Iterator[dict[str, set[tuple[str, str]]]]:
    """Yield the accounts of each planned payer, in chunks of payers."""
    import duckdb

    files = {entry.name for entry in batch.files}
    if ALIASES not in files:
        return
    planned = {
        str(batch.path(name)): condition for name, condition in _PLANNED.items() if name in files
    }
    payers = " union ".join(
        f"select customer_key from read_parquet(?) where {condition}"
        for condition in planned.values()
    )
    query = f"""
        select customer_key, list(source order by source, customer_id),
            list(customer_id order by source, customer_id)
        from read_parquet(?)
        where customer_key in ({payers})
        group by customer_key
        order by customer_key
    """
    with duckdb.connect(config={"threads": 1}) as connection:
        found = connection.execute(query, [str(batch.path(ALIASES)), *planned])
        while rows := found.fetchmany(_CHUNK):
            yield {key: set(zip(sources, ids, strict=True)) for key, sources, ids in rows}


def _recorded_accounts(
    connection: sa.Connection, keys: Sequence[str], on: date
) -> dict[str, set[tuple[str, str]]]:
    """The newest accounts of each key recorded up to a date."""
    recorded: dict[str, set[tuple[str, str]]] = {}
    known_since: dict[str, date] = {}
    query = sa.select(payer_accounts).where(
        one_of(payer_accounts.c.customer_key, keys), payer_accounts.c.known_since <= on
    )
    for row in connection.execute(
        query.order_by(payer_accounts.c.customer_key, payer_accounts.c.known_since)
    ):
        if known_since.get(row.customer_key) != row.known_since:
            known_since[row.customer_key], recorded[row.customer_key] = row.known_since, set()
        recorded[row.customer_key].add((row.source, row.customer_id))
    return recorded


def account_periods(before: date = LATEST_DATE) -> sa.Select[Any]:
    """Query the accounts of every key, as recorded ``before`` a date, with their periods.

    ``from_on`` is null in the first period of a key, ``until_on`` in its last one.
    """
    recorded, other = payer_accounts, payer_accounts.alias("other")
    of_this_key = other.c.customer_key == recorded.c.customer_key
    earlier = sa.exists().where(of_this_key, other.c.known_since < recorded.c.known_since)
    following = (
        sa.select(sa.func.min(other.c.known_since))
        .where(
            of_this_key, other.c.known_since > recorded.c.known_since, other.c.known_since < before
        )
        .scalar_subquery()
    )
    return sa.select(
        recorded.c.customer_key,
        recorded.c.source,
        recorded.c.customer_id,
        sa.case((earlier, recorded.c.known_since)).label("from_on"),
        following.label("until_on"),
    ).where(recorded.c.known_since < before)


def with_limits(row: sa.RowMapping) -> dict[str, Any]:
    """Set the first and the last day of a row of :func:`account_periods`.

    Records older than the first period of a key belong to it. A period is prolonged, because agents
    still answer an older queue under its key.
    """
    until_on = row["until_on"]
    return {
        **row,
        "from_on": row["from_on"] or EARLIEST_DATE,
        "until_on": until_on + LATE_ANSWER_PERIOD if until_on else LATEST_DATE,
    }


def newest_accounts(
    connection: sa.Connection, customer_keys: Sequence[str]
) -> dict[tuple[str, str], set[str]]:
    """The keys of each account of these payers, by the newest recorded accounts."""
    payers = defaultdict(set)
    for key, accounts in _recorded_accounts(connection, customer_keys, LATEST_DATE).items():
        for account in accounts:
            payers[account].add(key)
    return payers


def rows_by_customer_id(table: sa.Table, accounts: Collection[tuple[str, str]]) -> sa.Select[Any]:
    """Query the rows with these customer ids; some may be of another source."""
    return sa.select(table).where(
        one_of(table.c.customer_id, {customer_id for _, customer_id in accounts})
    )


def _former_keys(
    connection: sa.Connection, payers: dict[tuple[str, str], set[str]]
) -> list[KeyPeriod]:
    """Periods in which these accounts of payers were recorded under other keys."""
    rows = connection.execute(rows_by_customer_id(payer_accounts, payers)) if payers else ()
    former = {
        row.customer_key
        for row in rows
        if payers.get((row.source, row.customer_id), set()) - {row.customer_key}
    }
    if not former:
        return []
    periods = account_periods().where(one_of(payer_accounts.c.customer_key, former))
    return [
        KeyPeriod(row["customer_key"], payer, row["from_on"], row["until_on"])
        for row in map(with_limits, connection.execute(periods).mappings())
        for payer in payers.get((row["source"], row["customer_id"]), ())
        if payer != row["customer_key"]
    ]


def may_be_about(
    connection: sa.Connection, records: Collection[tuple[str, date, str]]
) -> set[tuple[str, date, str]]:
    """Of records (key, day, payer's key), those that may be about that payer.

    A record under another key is about another payer only where the accounts of both keys are known
    and the payer had none of those behind the record on its day.
    """
    if not records:
        return set()
    payers = PayerKeys(connection, sorted({payer for _, _, payer in records}))
    keys = {key for key, _, _ in records} | payers.requested
    query = sa.select(payer_accounts.c.customer_key).distinct()
    query = query.where(one_of(payer_accounts.c.customer_key, keys))
    known: set[str] = set(connection.scalars(query))
    return {
        (key, on, payer)
        for key, on, payer in records
        if not {key, payer} <= known or payer in payers.payers_on(key, on)
    }


def exclusive_keys(connection: sa.Connection, accounts: Collection[tuple[str, str]]) -> set[str]:
    """The keys that had some of these accounts, and never another account."""
    recorded, other = payer_accounts, payer_accounts.alias("other")
    of_one = sa.or_(
        *(
            sa.and_(recorded.c.source == source, recorded.c.customer_id == customer_id)
            for source, customer_id in accounts
        )
    )
    query = sa.select(other).where(
        other.c.customer_key.in_(sa.select(recorded.c.customer_key).where(of_one))
    )
    accounts_of = defaultdict(set)
    for row in connection.execute(query):
        accounts_of[row.customer_key].add((row.source, row.customer_id))
    return {key for key, known in accounts_of.items() if known <= set(accounts)}


class PayerKeys:
    """Resolves the key of a record to those of the ``requested`` payers that it is about."""

    def __init__(self, connection: sa.Connection, customer_keys: Sequence[str]):
        self.requested = set(customer_keys)
        self.accounts = newest_accounts(connection, customer_keys)
        self._periods = defaultdict(list)
        for period in _former_keys(connection, self.accounts):
            self._periods[period.former_key].append(period)

    @property
    def keys(self) -> list[str]:
        """Every key under which a record about these payers may be found."""
        return sorted(self.requested | self._periods.keys())

    def payers_on(self, key: str, on: date) -> list[str]:
        """The requested payers that a record under ``key`` on a day is about, in order."""
        found = {
            period.customer_key
            for period in self._periods.get(key, ())
            if period.from_on <= on <= period.until_on
        }
        return sorted(found | ({key} & self.requested))
