"""A handful of payers in one SQLite source, two of them canaries: whatever is found of those after
an erasure is a leak.
"""

import io
import re
import sqlite3
import zipfile
from dataclasses import dataclass
from datetime import date
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

SOURCE = """
source: crm
connection: crm
entities:
  customers:
    query: select id as customer_id, name, cpf as tax_id, email, phone, city, uf as state,
        changed_at as updated_at from clients
    incremental: {column: updated_at, lookback_days: 3}
  receivables:
    query: >
      select id as receivable_id, client_id as customer_id, number as document_number,
          issued_on as issue_date,
      due_on as due_date, cents as amount, link as payment_url, changed_at as updated_at
          from invoices
    cents: [amount]
    incremental: {column: updated_at, lookback_days: 3}
  payments:
    query: >
      select id as payment_id, invoice_id as receivable_id, paid_on, cents as amount, credited_on,
          changed_at as updated_at
      from receipts
    cents: [amount]
"""
TABLES = """
create table clients (id integer primary key, name text, cpf text, email text, phone text,
    city text, uf text, changed_at text);
create table invoices (
    id integer primary key, client_id integer, number text, issued_on text, due_on text,
        cents integer, link text, changed_at text
);
create table receipts (
    id integer primary key, invoice_id integer, paid_on text, credited_on text, cents integer,
        changed_at text
);
"""


@dataclass(frozen=True)
class Canary:
    """One person, and every spelling by which they could be found."""

    account: int
    name: str
    cpf: str
    email: str | None
    phone: str | None
    city: str
    link: str

    @property
    def needles(self) -> list[str]:
        digits = self.cpf
        told = [*self.name.split(), digits, self.city, self.link]
        told += [
            f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}",
            f"{digits[3:6]}.{digits[6:9]}",
        ]
        if self.email:
            told += [self.email, self.email.split("@")[0]]
        if self.phone:
            ddd, number = self.phone[3:5], self.phone[5:]
            told += [
                self.phone,
                ddd + number,
                f"({ddd}) {number[:-4]}-{number[-4:]}",
                f"{number[:-4]}-{number[-4:]}",
            ]
        return told


# One is written to, the other is called.
WRITTEN = Canary(
    1,
    "Filomena Canarinho",
    "10112896600",
    "filo.canarinho@example.com",
    "+5511976540123",
    "Quixeramobim",
    "https://p.example/qz7",
)
CALLED = Canary(
    2,
    "Teodolino Pintassilgo",
    "88916175712",
    None,
    "+5521976540456",
    "Itapecerica",
    "https://p.example/qz8",
)
OTHERS = [
    (number, f"Cliente Comum {number}", None, f"comum{number}@example.com")
    for number in range(10, 16)
]


def fill(path: Path, yesterday: date) -> None:
    """The source as it is before the first night; each payer owes something, and money came in
    yesterday.
    """
    then = "2026-10-01 12:00:00"
    with sqlite3.connect(path) as source:
        source.executescript(TABLES)
        for one in (WRITTEN, CALLED):
            row = (one.account, one.name, one.cpf, one.email, one.phone, one.city, "SP", then)
            source.execute("insert into clients values (?, ?, ?, ?, ?, ?, ?, ?)", row)
        source.executemany(
            "insert into clients values (?, ?, ?, ?, '+5511987654321', 'Santos', 'SP', ?)",
            [(*row, then) for row in OTHERS],
        )
        due = {WRITTEN.account: "2026-11-13", CALLED.account: "2026-08-03"}
        for number, account in enumerate(
            [WRITTEN.account, CALLED.account, *(row[0] for row in OTHERS)], start=100
        ):
            link = {one.account: one.link for one in (WRITTEN, CALLED)}.get(account)
            row = (
                number,
                account,
                f"NF-{number}",
                "2026-07-01",
                due.get(account, "2026-12-18"),
                10_000 + number,
                link,
                then,
            )
            source.execute("insert into invoices values (?, ?, ?, ?, ?, ?, ?, ?)", row)
        # one that is far from due: it is held all the same
        source.execute(
            "insert into invoices values (200, 1, 'NF-200', '2026-07-01', '2027-03-01', 5000, ?, "
            "?)",
            (WRITTEN.link, then),
        )
    pay(path, yesterday)


def pay(path: Path, day: date) -> None:
    """Some cents of an uninteresting debt, so that payments are fresh."""
    with sqlite3.connect(path) as source:
        source.execute(
            "insert into receipts (invoice_id, paid_on, credited_on, cents, changed_at) values "
            "(107, ?, ?, 1, ?)",
            (f"{day}", f"{day}", f"{day} 20:00:00"),
        )


def open_second_account(path: Path, day: date) -> None:
    """The first canary comes again under another account, with the same CPF and new ways to be
    reached; and owes at once.
    """
    changed = f"{day} 10:00:00"
    with sqlite3.connect(path) as source:
        source.execute(
            "insert into clients values (3, 'CANARINHO, FILOMENA', '101.128.966-00', "
            "'filo.canarinho@example.com',"
            " '+5511976540123', 'Quixeramobim', 'SP', ?)",
            (changed,),
        )
        source.execute(
            "insert into invoices values (300, 3, 'NF-300', '2026-10-01', '2026-11-12', 7777, ?, "
            "?)",
            (WRITTEN.link, changed),
        )
        # and the first account is touched, so that it is read again
        source.execute("update clients set changed_at = ? where id = 1", (changed,))


def found_in(data: Path, needles: list[str]) -> dict[str, list[str]]:
    """Which needles lie in which file: bytes, letters decoded, workbooks unpacked, every table
    read.
    """
    found = {}
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        here = {needle for text in _texts(path) for needle in _found(needles, text.casefold())}
        if here:
            found[path.relative_to(data).as_posix()] = sorted(here)
    return found


def _found(needles: list[str], text: str) -> list[str]:
    """Whole words only: a digest may hold some digits by chance."""
    likely = [needle for needle in needles if needle.casefold() in text]
    return [
        needle
        for needle in likely
        if re.search(rf"(?<!\w){re.escape(needle.casefold())}(?!\w)", text)
    ]


def _texts(path: Path):
    content = path.read_bytes()
    yield content.decode("utf-8", "replace")
    if path.suffix == ".parquet":
        yield _table_text(pq.read_table(path))
    elif path.suffix == ".eml":
        for part in message_from_bytes(content, policy=default).walk():
            yield "\n".join(str(value) for value in part.values())
            if not part.is_multipart() and part.get_content_maintype() == "text":
                yield part.get_content()
    elif path.name == "warehouse.duckdb":
        with duckdb.connect(str(path), read_only=True) as database:
            for schema, table in database.execute(
                "select table_schema, table_name from information_schema.tables"
            ).fetchall():
                yield _table_text(
                    database.sql(f'select * from "{schema}"."{table}"').to_arrow_table()
                )
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (
                archive.read(name).decode("utf-8", "replace") for name in archive.namelist()
            )


def _table_text(table: pa.Table) -> str:
    texts = [
        name for name in table.column_names if pa.types.is_string(table.schema.field(name).type)
    ]
    return "\n".join(str(value) for name in texts for value in table[name].unique().to_pylist())
