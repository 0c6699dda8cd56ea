"""Record hold-outs: payers who are left out of a step on purpose, to measure its effect."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from cobranca.ledger.column_types import insert_into
from cobranca.ledger.tables import counts_from, holdouts
from cobranca.partitions.manifest import Manifest

_CHUNK = 1000
_COLUMNS = (
    "business_date",
    "customer_key",
    "episode_key",
    "step",
    "step_offset",
    "channel",
    "policy_version",
)


def record_holdouts(engine: sa.Engine, batch: Manifest) -> int:
    """Record the hold-outs of an approved batch; returns how many are new.

    Idempotent: the first row for each dunning case, due date and step stays, and a rerun adds
    nothing.
    """
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection, engine.begin() as ledger:
        found = connection.execute(
            f"select {', '.join(_COLUMNS)}, days_past_due from read_parquet(?)"
            " where reason = 'holdout' and receivable_key = episode_key order by receivable_key",
            [str(batch.path("fct_decisions.parquet"))],
        )
        before = _count(ledger, batch.business_date)
        insert = _insert_new(ledger)
        while rows := found.fetchmany(_CHUNK):
            ledger.execute(insert, [_holdout(row) for row in rows])
        return _count(ledger, batch.business_date) - before


def _holdout(row: Sequence[Any]) -> dict[str, Any]:
    *values, days_past_due = row
    holdout = dict(zip(_COLUMNS, values, strict=True))
    effective_due_date = holdout["business_date"] - timedelta(days=days_past_due)
    return holdout | {"counts_from": counts_from(effective_due_date, holdout["step_offset"])}


def _insert_new(connection: sa.Connection) -> sa.Insert:
    new = {name: sa.bindparam(name, type_=holdouts.c[name].type) for name in _COLUMNS}
    held_out_before = sa.exists().where(
        holdouts.c.episode_key == new["episode_key"],
        holdouts.c.step == new["step"],
        holdouts.c.business_date >= sa.bindparam("counts_from", type_=sa.Date),
    )
    rows = sa.select(*new.values()).where(~held_out_before)
    return insert_into(connection, holdouts).from_select(_COLUMNS, rows).on_conflict_do_nothing()


def _count(connection: sa.Connection, business_date: date) -> int:
    query = sa.select(sa.func.count()).where(holdouts.c.business_date == business_date)
    return connection.scalar(query) or 0
