"""Make a table of an SQLite ledger anew: SQLite changes neither a check nor a key."""

from collections.abc import Callable

from alembic import op


def take_away(table: str) -> Callable[..., None]:
    """Drop a table; returns what brings it back with its rows, indexes and triggers, a part of its
    definition replaced.
    """
    ledger = op.get_bind()
    named = (
        "select type, sql from sqlite_master where tbl_name = ? and sql is not null order by "
        "type = 'trigger'"
    )
    found = ledger.exec_driver_sql(named, (table,)).all()
    (definition,) = (sql for kind, sql in found if kind == "table")
    others = [sql for kind, sql in found if kind != "table"]
    ledger.exec_driver_sql(f"create table {table}_aside as select * from {table}")
    op.drop_table(table)

    def bring_back(part: str = "", replaced: str = "") -> None:
        ledger.exec_driver_sql(definition.replace(part, replaced) if part else definition)
        ledger.exec_driver_sql(f"insert into {table} select * from {table}_aside")
        op.drop_table(f"{table}_aside")
        for statement in others:
            ledger.exec_driver_sql(statement)

    return bring_back
