"""Hold-outs: who was left out of a step on purpose. Without them nobody could tell what a step is worth."""

from datetime import date

import sqlalchemy as sa

from cobranca.ledger.tables import holdouts, insert_into
from cobranca.manifest import Manifest

_CHUNK = 1000
_COLUMNS = ("business_date", "customer_key", "episode_key", "step", "step_offset", "channel", "policy_version")


def record_holdouts(engine: sa.Engine, batch: Manifest) -> int:
    """Keep the hold-outs that an approved batch decided; returns how many are new.

    One row for each debt and step, the first time counts: a rerun adds nothing and nothing is ever changed.
    """
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection, engine.begin() as ledger:
        found = connection.execute(
            f"select {', '.join(_COLUMNS)} from read_parquet(?)"
            " where reason = 'holdout' and receivable_key = episode_key order by receivable_key",
            [str(batch.path("fct_decisions.parquet"))],
        )
        before = _count(ledger, batch.business_date)
        insert = _insert_new(ledger)
        while rows := found.fetchmany(_CHUNK):
            ledger.execute(insert, [dict(zip(_COLUMNS, row, strict=True)) for row in rows])
        return _count(ledger, batch.business_date) - before


def _insert_new(connection: sa.Connection) -> sa.Insert:
    return insert_into(connection, holdouts).on_conflict_do_nothing(index_elements=[holdouts.c.episode_key, holdouts.c.step])


def _count(connection: sa.Connection, business_date: date) -> int:
    query = sa.select(sa.func.count()).where(holdouts.c.business_date == business_date)
    return connection.scalar(query)
