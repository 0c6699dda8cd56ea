"""The same company kept in the tables of five ERPs, each in that ERP's own way.

Only the tables and columns that exist there, and only those a preset could need, are made; each
function returns the payer's number by the customer id of that ERP.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import ClassVar

import sqlalchemy as sa

from presets.company import Event, Invoice, money

RATE = Decimal("5.25")  # one dollar in reais, for the amounts in the company's own currency
NOW = datetime(2026, 11, 17, 22, 10)
# How these systems call the date of a row's last change.
CHANGED = ("write_date", "modified", "tms")


def company_money(invoice: Invoice, cents: int) -> Decimal:
    """An amount of the invoice's currency in reais."""
    return (
        money(cents)
        if invoice.currency == "BRL"
        else (money(cents) * RATE).quantize(Decimal("0.01"))
    )


class Books:
    """Rows by table, written at the end in one transaction.

    Written for the first time, rows were last changed on many days long past. Written again, what
    differs was changed now, what is not there any more is deleted, and all the rest keeps its date
    of change.
    """

    _kept: ClassVar[dict[str, dict[str, list[dict]]]] = {}

    def __init__(self, ddl: str):
        self._ddl, self._rows = ddl, {}

    def add(self, table: str, **row) -> None:
        self._rows.setdefault(table, []).append(row)

    def write(self, url: str) -> None:
        engine = sa.create_engine(
            url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool
        )
        quote = engine.dialect.identifier_preparer.quote
        before, self._kept[url] = self._kept.get(url), self._rows
        with engine.begin() as connection:
            for statement in filter(str.strip, self._ddl.split(";") if before is None else ()):
                connection.exec_driver_sql(statement)
            for table, rows in self._rows.items():
                _date_changes(rows, None if before is None else before.get(table, []))
                connection.exec_driver_sql(f"delete from {quote(table)}")
                columns = list({name: None for row in rows for name in row})
                names, values = (
                    ", ".join(map(quote, columns)),
                    ", ".join(f":p{at}" for at in range(len(columns))),
                )
                connection.execute(
                    sa.text(f"insert into {quote(table)} ({names}) values ({values})"),
                    [
                        {f"p{at}": _plain(row.get(name), engine) for at, name in enumerate(columns)}
                        for row in rows
                    ],
                )


def _date_changes(rows: list[dict], before: list[dict] | None) -> None:
    known = {_unchanging(row): row for row in before or ()}
    for at, row in enumerate(rows):
        for name in CHANGED:
            if name in row and before is None:
                row[name] = datetime(2026, 1, 1) + timedelta(days=at % 300)
            elif name in row:
                row[name] = known.get(_unchanging(row), {name: NOW})[name]


def _unchanging(row: dict) -> tuple:
    return tuple((name, value) for name, value in row.items() if name not in CHANGED)


def _plain(value, engine: sa.Engine):
    """SQLite has neither decimals nor dates: numbers are floats there, as in SQL Server's FLOAT
    columns.
    """
    if engine.dialect.name != "sqlite":
        return value
    if isinstance(value, Decimal):
        return float(value)
    return (
        value.isoformat(" ")
        if isinstance(value, datetime)
        else value.isoformat()
        if isinstance(value, date)
        else value
    )


def settlements(invoice: Invoice) -> Iterator[tuple[Event, int, int]]:
    """Event, instalment number and cents of everything that still stands."""
    for event in invoice.events:
        if event.kind != "undone":
            for number, cents in event.parts.items():
                yield event, number, cents


# Odoo
