"""The demo company's rows on a day, and rows as text."""

from datetime import date

import sqlalchemy as sa

from cobranca.demo import fill_sources
from cobranca.demo.company_history import History
from cobranca.demo.history_tables import day_number

NIGHT = date(2026, 11, 18)


def rows_on(books: History, day: date) -> dict[str, list[tuple]]:
    return fill_sources.erp_rows(books, day_number(day)) | fill_sources.billing_rows(
        books, day_number(day)
    )


def read(url: str, tables: sa.MetaData) -> dict[str, list[tuple]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(
                map(tuple, connection.execute(table.select())), key=lambda row: str(row[0])
            )
            for table in tables.sorted_tables
        }
    engine.dispose()
    return found


def as_text(rows: dict[str, list[tuple]]) -> dict[str, list[tuple]]:
    """Values as text, so that a decimal, its text and a flag of 0 or 1 compare."""
    plain = {True: "1", False: "0"}
    return {
        table: sorted(
            (
                tuple(
                    plain[v] if isinstance(v, bool) else None if v is None else str(v) for v in row
                )
                for row in part
            ),
            key=lambda row: row[0],
        )
        for table, part in rows.items()
    }


def letters_and_digits(text: str | None) -> str:
    return "".join(sign for sign in text or "" if sign.isalnum())
