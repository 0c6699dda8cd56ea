"""Column types and SQL expressions that work alike on SQLite and PostgreSQL.

Exact money, the database's clock, a list of keys or rows as one parameter, insert on conflict.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class Exact(sa.types.TypeDecorator[Decimal]):
    """Column type of an exact decimal, never a float: ``numeric`` on PostgreSQL, text on SQLite."""

    impl = sa.Numeric
    cache_ok = True

    def __init__(self, precision: int, scale: int):
        super().__init__(precision, scale)
        self.precision, self.scale = precision, scale

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(self.precision + 2))
        return dialect.type_descriptor(sa.Numeric(self.precision, self.scale))

    def process_bind_param(self, value: object, dialect: sa.Dialect) -> str | Decimal | None:
        if value is None:
            return None
        if not isinstance(value, (Decimal, int, str)):
            raise ValueError("money must not be a float")
        amount = Decimal(value).quantize(Decimal(1).scaleb(-self.scale))
        return str(amount) if dialect.name == "sqlite" else amount

    def process_result_value(
        self, value: Decimal | str | None, dialect: sa.Dialect
    ) -> Decimal | None:
        return None if value is None else Decimal(value)


class utc_now(FunctionElement[datetime]):  # noqa: N801 - reads as a SQL function
    """SQL function: the database's time in UTC, ``seconds`` from now.

    Leases are measured by this clock alone, because clocks of machines differ.
    """

    type = sa.DateTime()
    # The seconds are a parameter, so that SQLAlchemy compiles a statement once.
    inherit_cache = True

    def __init__(self, seconds: float | sa.BindParameter[float] | None = None):
        super().__init__(*([] if seconds is None else [sa.cast(seconds, sa.Float)]))


@compiles(utc_now, "sqlite")
def _utc_now_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **kwargs: Any) -> str:
    later = compiler.process(element.clauses, **kwargs)
    shift = f", ({later}) || ' seconds'" if later else ""
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now'{shift})"


@compiles(utc_now, "postgresql")
def _utc_now_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **kwargs: Any) -> str:
    later = compiler.process(element.clauses, **kwargs)
    shift = f" + make_interval(secs => {later})" if later else ""
    return f"(clock_timestamp() at time zone 'utc'{shift})"


class Keys(sa.types.TypeDecorator[Iterable[str]]):
    """Column type of a list of keys as one parameter, for :class:`one_of`.

    The statement is the same for any number of keys, so it is compiled once.
    """

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(
            sa.ARRAY(sa.Text) if dialect.name == "postgresql" else sa.Text()
        )

    def process_bind_param(
        self, value: Iterable[str] | None, dialect: sa.Dialect
    ) -> list[str] | str | None:
        if value is None:
            return None
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))


class one_of(FunctionElement[bool]):  # noqa: N801 - reads as a SQL condition
    """SQL condition: whether a column is one of ``keys``."""

    type = sa.Boolean()
    inherit_cache = True

    def __init__(self, column: sa.ColumnElement[str], keys: Iterable[str]):
        super().__init__(column, sa.bindparam("keys", list(keys), type_=Keys(), unique=True))

    def self_group(self, against: object = None) -> "one_of":
        # SQLAlchemy would write "(condition) = 1" for SQLite, which then scans the whole table.
        return self


@compiles(one_of, "sqlite")
def _one_of_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **kwargs: Any) -> str:
    column, keys = (compiler.process(part, **kwargs) for part in element.clauses)
    return f"{column} in (select value from json_each({keys}))"


@compiles(one_of, "postgresql")
def _one_of_postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **kwargs: Any) -> str:
    column, keys = (compiler.process(part, **kwargs) for part in element.clauses)
    return f"{column} = any({keys})"


def insert_into(connection: sa.Connection, table: sa.Table) -> postgresql.Insert:
    """An insert statement with ``on_conflict_do_nothing`` and ``on_conflict_do_update``.

    SQLAlchemy has these only for each database. Both have the same methods, so the insert of SQLite
    is typed as that of PostgreSQL.
    """
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return cast("postgresql.Insert", sqlite.insert(table))


def rows_from_json(dialect: str, parameter: str, columns: Sequence[sa.Column[Any]]) -> sa.Subquery:
    """Subquery of rows that are passed as one JSON parameter, made by :func:`rows_to_json`.

    The statement is the same for any number of rows, and the database is called once.
    """
    rows = sa.bindparam(parameter, type_=sa.Text)
    if dialect == "postgresql":
        each = sa.func.jsonb_array_elements(sa.cast(rows, postgresql.JSONB)).table_valued("value")
        cells = [
            _typed(each.c.value.op("->>", return_type=sa.Text)(place), column)
            for place, column in enumerate(columns)
        ]
    else:
        each = sa.func.json_each(rows).table_valued("value")
        cells = [sa.func.json_extract(each.c.value, f"$[{place}]") for place in range(len(columns))]
    return sa.select(
        *(cell.label(column.name) for cell, column in zip(cells, columns, strict=True))
    ).subquery(parameter)


def _typed(cell: sa.ColumnElement[Any], column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    # A cast to a column's length would truncate text without an error.
    return cell if isinstance(column.type, sa.String) else sa.cast(cell, column.type)


def rows_to_json(
    dialect: sa.Dialect, columns: Sequence[sa.Column[Any]], rows: Iterable[Sequence[object]]
) -> str:
    """The parameter of :func:`rows_from_json`: a JSON list of rows, money as exact text."""
    exact = {
        place: column.type for place, column in enumerate(columns) if isinstance(column.type, Exact)
    }
    values = [
        [
            exact[place].process_bind_param(value, dialect) if place in exact else value
            for place, value in enumerate(row)
        ]
        for row in rows
    ]
    return json.dumps(values, default=str)
