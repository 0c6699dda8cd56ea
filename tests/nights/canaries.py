"""Search for personal data and secrets where they must not be.

Personal data are documents, addresses and telephones. Every file of a home and every row of its
databases is searched. The few places whose purpose is to carry such data are listed with the
reason; a file that is added elsewhere is searched without a change here.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import psycopg
import pyarrow.parquet as pq

# Where people's data belong, as patterns below the home, with the reason. Secrets belong to none of
# these.
CARRIERS = {
    "billing.db": "a source",
    "data/landing/*.parquet": "what was read from the sources, and what could not be used of it",
    "data/outbound/*.parquet": "the approved plan: who is written to and who is called",
    "data/warehouse.duckdb*": "the tables between them",
    "data/queues/*": "who calls needs the number",
    "data/outbox/*": "the letters themselves",
    "data/inbox/*.xlsx": "the queues as the agents returned them",
}
# Where secrets belong: the sources' own passwords and those of the servers that this machine
# started.
SAFES = {
    "airflow/secrets.json": "this home's own keys, readable by its owner alone",
    "airflow/passwords.json": "the password of Airflow's page",
    "postgres/password": "the password of the server",
}
# A running server's files; its tables are searched instead.
NOT_FILES = ("postgres/data/*",)
ADDRESS = re.compile(rb"[\w.+-]+@[\w-]+\.[\w.-]*\w")
# CPF, CNPJ and telephones, plain or written for people.
DIGITS = re.compile(rb"(?<!\d)\d{10,14}(?!\d)")
WRITTEN = re.compile(
    rb"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}|\(\d{2}\) ?\d{4,5}-\d{4}"
)


@dataclass
class Canaries:
    """The texts that are searched for.

    ``people`` holds addresses in lower case and the digits of documents and telephones; ``secrets``
    each with a name.
    """

    people: set[bytes]
    secrets: dict[str, str]
    searched: int = 0
    carried: set[str] = field(default_factory=set)

    def in_text(self, text: bytes) -> Iterator[str]:
        """What of it stands in a text, masked."""
        for name, secret in self.secrets.items():
            if secret.encode() in text:
                yield name
        found = {match.lower() for match in ADDRESS.findall(text)}
        for match in (*DIGITS.findall(text), *WRITTEN.findall(text)):
            digits = re.sub(rb"\D", b"", match)
            found |= {digits, digits.removeprefix(b"55")}
        yield from (f"a person's {person[:3].decode()}…" for person in sorted(found & self.people))


def people_of(landing: Path) -> set[bytes]:
    """Documents, addresses and telephones of all customers of the sources."""
    people = set()
    for path in landing.rglob("customers.parquet"):
        for row in pq.read_table(path, columns=["tax_id", "email", "phone"]).to_pylist():
            people |= {
                (row["email"] or "").lower(),
                row["tax_id"] or "",
                (row["phone"] or "").removeprefix("+55"),
            }
    return {person.encode() for person in people if len(person) > 9}


def in_files(home: Path, canaries: Canaries) -> list[str]:
    """Where in the files below ``home`` something stands that does not belong there."""
    found = []
    for path in sorted(
        path for path in home.rglob("*") if path.is_file() and not path.is_symlink()
    ):
        name = path.relative_to(home).as_posix()
        if any(fnmatch(name, pattern) for pattern in NOT_FILES):
            continue
        carrier = next((pattern for pattern in CARRIERS if fnmatch(name, pattern)), None)
        for content in _contents(path):
            canaries.searched += len(content)
            for what in canaries.in_text(content):
                if what in canaries.secrets and name in SAFES:
                    continue
                if carrier and what not in canaries.secrets:
                    canaries.carried.add(carrier)
                else:
                    found.append(f"{name}: {what}")
    return found


def _contents(path: Path) -> Iterable[bytes]:
    """The file, and what is packed in it."""
    yield path.read_bytes()
    if path.suffix == ".parquet":
        columns = pq.read_table(path).columns
        yield "\n".join(
            str(value) for column in columns for value in column.to_pylist() if value is not None
        ).encode()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(member) for member in packed.namelist())


def in_database(url: str, canaries: Canaries) -> list[str]:
    """The tables of a PostgreSQL database that hold what does not belong there.

    Every column of every row is searched.
    """
    tables = (
        "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', "
        "'information_schema') order by 1, 2"
    )
    found = []
    with psycopg.connect(url) as connection:
        for schema, table in connection.execute(tables).fetchall():
            for (row,) in connection.execute(f'select t::text from "{schema}"."{table}" as t'):
                # Bytes are shown as hexadecimal digits.
                unpacked = [
                    bytes.fromhex(match) for match in re.findall(r"\\\\x((?:[0-9a-f]{2})+)", row)
                ]
                for content in (row.encode(), *unpacked):
                    canaries.searched += len(content)
                    found += [f"{schema}.{table}: {what}" for what in canaries.in_text(content)]
    return sorted(set(found))
