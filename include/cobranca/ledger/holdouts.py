"""Record hold-outs: payers who are left out of a step on purpose, to measure its effect."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from cobranca.ledger.column_types import insert_into, one_of
from cobranca.ledger.payer_accounts import may_be_about
from cobranca.ledger.tables import counts_from, holdouts
from cobranca.partitions.manifest import Manifest

_CHUNK = 1000
_COLUMNS = (
    "business_date",
    "customer_key",
    "creditor",
    "episode_key",
    "step",
    "step_offset",
    "channel",
    "policy_version",
)


def record_holdouts(engine: sa.Engine, batch: Manifest) -> int:
    """Record the hold-outs of an approved batch; returns how many are new.

    Idempotent: the first row for each dunning case, payer, due date and step stays, and a rerun
    adds nothing.
    """
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection, engine.begin() as ledger:
        found = connection.execute(
            f"select {', '.join(_COLUMNS)}, days_past_due from read_parquet(?)"
            " where reason = 'holdout' and receivable_key = episode_key order by receivable_key",
            [str(batch.path("fct_decisions.parquet"))],
        )
        before = _count(ledger, batch.business_date)
        insert = insert_into(ledger, holdouts).on_conflict_do_nothing()
        while rows := found.fetchmany(_CHUNK):
            if new := _new(ledger, [_holdout(row) for row in rows]):
                ledger.execute(insert, new)
        return _count(ledger, batch.business_date) - before


def _holdout(row: Sequence[Any]) -> dict[str, Any]:
    *values, days_past_due = row
    holdout = dict(zip(_COLUMNS, values, strict=True))
    effective_due_date = holdout["business_date"] - timedelta(days=days_past_due)
    return holdout | {"counts_from": counts_from(effective_due_date, holdout["step_offset"])}


def _new(connection: sa.Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows to insert: those of which no hold-out of the same payer is recorded."""
    earlier = defaultdict(list)
    query = sa.select(holdouts).where(
        one_of(holdouts.c.episode_key, {row["episode_key"] for row in rows})
    )
    for found in connection.execute(query):
        earlier[found.episode_key, found.step].append((found.customer_key, found.business_date))
    records = [
        {
            (key, on, row["customer_key"])
            for key, on in earlier[row["episode_key"], row["step"]]
            if on >= row["counts_from"]
        }
        for row in rows
    ]
    about = may_be_about(connection, set().union(*records))
    return [
        {name: row[name] for name in _COLUMNS}
        for row, recorded in zip(rows, records, strict=True)
        if not recorded & about
    ]


def _count(connection: sa.Connection, business_date: date) -> int:
    query = sa.select(sa.func.count()).where(holdouts.c.business_date == business_date)
    return connection.scalar(query) or 0
