"""Whom a payer's key stands for: the key changes when its source corrects a tax id or branches are grouped, the payer does not.

Every plan notes the accounts (source, customer_id) of the payers that it contacts, queues or leaves out on purpose. What was
recorded under a key later holds for whoever has those accounts by then.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from cobranca.ledger.tables import ALWAYS, as_rows, insert_into, one_of, payer_accounts, rows_of
from cobranca.manifest import Manifest

ALIASES = "dim_payer_aliases.parquet"
# An agent may still answer a queue this long after its day, under the key that stood there.
ANSWERED_FOR = timedelta(days=30)
FOREVER = date(9999, 12, 31)

_CHUNK = 5000
# The files that name payers who are contacted, and the rows of theirs that count.
_PLANNED = {
    "out_reminders.parquet": "true",
    "out_call_queue.parquet": "true",
    "out_surveys.parquet": "true",
    "fct_decisions.parquet": "reason = 'holdout'",
}


@dataclass(frozen=True)
class Period:
    """Days on which what was recorded under ``former_key`` is about ``customer_key``."""

    former_key: str
    customer_key: str
    from_on: date
    until_on: date


def record_accounts(engine: sa.Engine, batch: Manifest) -> int:
    """Note the accounts of every payer that an approved batch contacts, where they are others than before; returns how many.

    Only adds, so a rerun changes nothing. Of two plans of one date both are noted.
    """
    new = 0
    columns = tuple(payer_accounts.c)
    with engine.begin() as connection:
        insert = insert_into(connection, payer_accounts).from_select(
            [column.name for column in columns],
            # SQLite takes what follows a select for a join unless the select has a condition.
            sa.select(rows_of(connection.dialect.name, "rows", columns)).where(sa.true()),
        )
        for chunk in _accounts_in(batch):
            noted = _noted(connection, list(chunk), batch.business_date)
            rows = []
            for key, accounts in chunk.items():
                since, before = noted.get(key, (None, set()))
                added = accounts - before if since == batch.business_date else accounts if accounts != before else set()
                rows += [(key, batch.business_date, *account) for account in sorted(added)]
            if rows:
                connection.execute(insert.on_conflict_do_nothing(), {"rows": as_rows(connection.dialect, columns, rows)})
            new += len(rows)
    return new


def _accounts_in(batch: Manifest) -> Iterator[dict[str, set[tuple[str, str]]]]:
    """Each planned payer's accounts, some thousand payers at a time."""
    import duckdb

    files = {entry.name for entry in batch.files}
    if ALIASES not in files:
        return
    planned = {str(batch.path(name)): condition for name, condition in _PLANNED.items() if name in files}
    payers = " union ".join(f"select customer_key from read_parquet(?) where {condition}" for condition in planned.values())
    query = f"""
        select customer_key, list(source order by source, customer_id), list(customer_id order by source, customer_id)
        from read_parquet(?)
        where customer_key in ({payers})
        group by customer_key
        order by customer_key
    """
    with duckdb.connect(config={"threads": 1}) as connection:
        found = connection.execute(query, [str(batch.path(ALIASES)), *planned])
        while rows := found.fetchmany(_CHUNK):
            yield {key: set(zip(sources, ids, strict=True)) for key, sources, ids in rows}


def _noted(connection: sa.Connection, keys: Sequence[str], on: date) -> dict[str, tuple[date, set[tuple[str, str]]]]:
    """Since when each payer has had the accounts that were noted last, and these."""
    noted: dict[str, tuple[date, set[tuple[str, str]]]] = {}
    query = sa.select(payer_accounts).where(one_of(payer_accounts.c.customer_key, keys), payer_accounts.c.known_since <= on)
    for row in connection.execute(query.order_by(payer_accounts.c.customer_key, payer_accounts.c.known_since)):
        if row.customer_key not in noted or noted[row.customer_key][0] < row.known_since:
            noted[row.customer_key] = row.known_since, set()
        noted[row.customer_key][1].add((row.source, row.customer_id))
    return noted


def account_periods(before: date = FOREVER) -> sa.Select:
    """Every account that a key stood for, as noted ``before`` a date: since when, whether from the first, and until when."""
    noted, other = payer_accounts, payer_accounts.alias("other")
    of_this_key = other.c.customer_key == noted.c.customer_key
    earlier = sa.exists().where(of_this_key, other.c.known_since < noted.c.known_since)
    following = (
        sa.select(sa.func.min(other.c.known_since))
        .where(of_this_key, other.c.known_since > noted.c.known_since, other.c.known_since < before)
        .scalar_subquery()
    )
    return sa.select(
        noted.c.customer_key,
        noted.c.source,
        noted.c.customer_id,
        sa.case((earlier, noted.c.known_since)).label("from_on"),
        following.label("until_on"),
    ).where(noted.c.known_since < before)


def limited(row: sa.RowMapping) -> dict:
    """A row of :func:`account_periods` with both its days: what is older than the first note counts with it, and what was
    handed out to agents before an account left is still answered under the old key.
    """
    until_on = row["until_on"]
    return {**row, "from_on": row["from_on"] or ALWAYS, "until_on": until_on + ANSWERED_FOR if until_on else FOREVER}


def present_accounts(connection: sa.Connection, customer_keys: Sequence[str]) -> dict[tuple[str, str], set[str]]:
    """Whose each account of these payers is, as it was noted last."""
    payers = defaultdict(set)
    for key, (_, accounts) in _noted(connection, customer_keys, FOREVER).items():
        for account in accounts:
            payers[account].add(key)
    return payers


def with_accounts(table: sa.Table, accounts: Collection[tuple[str, str]]) -> sa.Select:
    """A table's rows with the ids of these accounts: some may be of another source."""
    return sa.select(table).where(one_of(table.c.customer_id, {customer_id for _, customer_id in accounts}))


def _former_keys(connection: sa.Connection, payers: dict[tuple[str, str], set[str]]) -> list[Period]:
    """Under which other keys these accounts of payers were known, and when."""
    rows = connection.execute(with_accounts(payer_accounts, payers)) if payers else ()
    former = {row.customer_key for row in rows if payers.get((row.source, row.customer_id), set()) - {row.customer_key}}
    if not former:
        return []
    periods = account_periods().where(one_of(payer_accounts.c.customer_key, former))
    return [
        Period(row["customer_key"], payer, row["from_on"], row["until_on"])
        for row in map(limited, connection.execute(periods).mappings())
        for payer in payers.get((row["source"], row["customer_id"]), ())
        if payer != row["customer_key"]
    ]


def keys_of_only(connection: sa.Connection, accounts: Collection[tuple[str, str]]) -> set[str]:
    """The keys that stood for some of these accounts, and never for another."""
    noted, other = payer_accounts, payer_accounts.alias("other")
    of_one = sa.or_(*(sa.and_(noted.c.source == source, noted.c.customer_id == its_id) for source, its_id in accounts))
    query = sa.select(other).where(other.c.customer_key.in_(sa.select(noted.c.customer_key).where(of_one)))
    stood_for = defaultdict(set)
    for row in connection.execute(query):
        stood_for[row.customer_key].add((row.source, row.customer_id))
    return {key for key, known in stood_for.items() if known <= set(accounts)}


class Whom:
    """Of some payers (``asked``), who is meant by what was recorded under a key on a day, and whose each account is."""

    def __init__(self, connection: sa.Connection, customer_keys: Sequence[str]):
        self.asked = set(customer_keys)
        self.accounts = present_accounts(connection, customer_keys)
        self._periods = defaultdict(list)
        for period in _former_keys(connection, self.accounts):
            self._periods[period.former_key].append(period)

    @property
    def keys(self) -> list[str]:
        """Every key under which something about these payers may be recorded."""
        return sorted(self.asked | self._periods.keys())

    def of(self, key: str, on: date) -> list[str]:
        """The payers that are meant, each once."""
        found = {period.customer_key for period in self._periods.get(key, ()) if period.from_on <= on <= period.until_on}
        return sorted(found | ({key} & self.asked))
