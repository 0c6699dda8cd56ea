"""No cleaning rule changes without a new version: what a fixed corpus lands as is held in a file.

The file holds values as text and not Parquet bytes: bytes also change with the Parquet writer's
version, and a changed line of text shows which value changed. That all ways of reading give the
same bytes is held by ``drivers/test_arrow_reader.py``.

Each value passes cleaning as a driver's Python value and, where a bulk reader can give it, as each
kind of Arrow column; alone (so that the vectorised way is taken where there is one) and among all
the others (so that the slow way is).
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleaning_corpus import CASES, Case
from cobranca import schema
from cobranca.landing import land
from cobranca.partitions.manifest import Manifest
from cobranca.settings import Settings
from cobranca.sources.cleaning.cleaner import Cleaner
from cobranca.sources.cleaning.version import CLEANING_RULES_VERSION
from cobranca.sources.drivers.arrow_columns import BulkTable
from cobranca.sources.drivers.stream import NoNumber
from return_files import ReturnRecord, return_file
from source_databases import D, MakeSource

GOLDEN = Path(__file__).parent / "golden" / "landed_values.txt"
# Their data decide which addresses, phones, tax ids and currencies are valid.
LIBRARIES = ("babel", "email-validator", "phonenumbers", "validate-docbr")
WRITE = "run WRITE_GOLDEN=1 .venv/bin/python -m pytest tests/sources/cleaning/test_version.py"
CURE = f"raise CLEANING_RULES_VERSION in cobranca/sources/cleaning/version.py and {WRITE}"
BASE = {
    "customers": {"customer_id": "C1", "name": "Ana"},
    "receivables": {"receivable_id": "1", "customer_id": "C1", "due_date": date(2026, 11, 3),
        "amount": Decimal("10.00")},
    "payments": {"payment_id": "1", "receivable_id": "1", "paid_on": date(2026, 11, 3),
        "amount": Decimal("10.00")},
}  # fmt: skip

# Columns that land as they come.
MARKERS = {"customers": "city", "receivables": "document_number", "payments": "method"}


def landed_values(case: Case) -> Iterator[str]:
    """One line for each value: what it lands as and what is noted; by the way it came where ways
    differ.
    """
    lands: list[dict[str, str]] = [{} for _ in case.values]
    notes: list[dict[str, str]] = [{} for _ in case.values]
    arrays: dict[tuple[str, str], list[tuple[int, pa.Array]]] = defaultdict(list)
    for place, value in enumerate(case.values):
        [lands[place]["row"]], notes[place]["row"] = clean(case, [value])
        for form, kind, array in in_bulk(case, value):
            [lands[place][form]], notes[place][form] = clean(case, kind, array)
            arrays[form, kind].append((place, array))
    for place, found in enumerate(clean(case, case.values)[0]):
        lands[place]["rows"] = found
    for (form, kind), some in arrays.items():
        results, _ = clean(case, kind, pa.concat_arrays([array for _, array in some]))
        for (place, _), found in zip(some, results, strict=True):
            lands[place][f"{form}s"] = found
    for value, landed, noted in zip(case.values, lands, notes, strict=True):
        reported = "" if set(noted.values()) == {""} else f"  [{by_way(noted)}]"
        yield f"{given(value)} -> {by_way(landed)}{reported}"


def by_way(found: dict[str, str]) -> str:
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return " / ".join(
        f"{one} ({', '.join(way for way in found if found[way] == one)})"
        for one in dict.fromkeys(found.values())
    )


def in_bulk(case: Case, value: object) -> Iterator[tuple[str, str, pa.Array]]:
    """How bulk readers hand on a value: the form's name, the column's kind and the column."""
    lands = schema.ENTITIES[case.entity].field(case.column).type
    match value:
        case NoNumber() | bytes():
            return
        case str() if not value.isprintable() and "\ud800" in value:
            return
        case bool():
            yield "flag", "flag", pa.array([value])
        case int() if abs(value) < 2**63:
            yield "whole", "whole", pa.array([value], pa.int64())
            yield "whole text", "whole", pa.array([str(value)])
        case int() | Decimal():
            yield "decimal", "decimal", pa.array([f"{Decimal(value):f}"])
        case float():
            yield (
                "float",
                "float",
                pa.array([{"nan": "NaN", "inf": "Infinity"}.get(repr(value), repr(value))]),
            )
        case datetime() if lands == schema.TIME and value.tzinfo is None:
            yield "time", "text", pa.array([value], schema.TIME)
        case date() if lands == schema.DATE and not isinstance(value, datetime):
            yield "date", "text", pa.array([value], schema.DATE)
    if not isinstance(value, (bool, int, Decimal, float)):
        yield "text", "text", pa.array([None if value is None else str(value)], pa.string())


def clean(
    case: Case, values: Sequence | str, array: pa.Array | None = None
) -> tuple[list[str], str]:
    """What each value lands as, or why its row was refused; and what was noted and repaired.

    ``values`` are a driver's values, or with ``array`` the kind of a bulk reader's column.
    """
    count = len(values if array is None else array)
    # A column that lands as it is tells which rows landed; the others were refused, in the same
    # order.
    marker = "segment" if case.column == "city" else MARKERS[case.entity]
    fixed = {
        name: value
        for name, value in (BASE[case.entity] | case.also).items()
        if name != case.column
    }
    columns = {name: [value] * count for name, value in fixed.items()} | {
        marker: [f"row {place}" for place in range(count)]
    }
    cleaner = Cleaner(
        "erp",
        case.entity,
        [*columns, case.column],
        (case.column,) if case.hundredths else (),
        case.bounds,
    )
    if array is None:
        chunk = list(zip(*columns.values(), values, strict=True))
    else:
        texts = {
            name: pa.array([str(value) for value in column]) for name, column in columns.items()
        }
        chunk = BulkTable(
            dict.fromkeys(columns, "text") | {case.column: values},
            pa.table(texts | {case.column: array}),
        )
    cleaned = cleaner.clean(chunk)
    landed = {row[marker]: landed_as(row[case.column]) for row in cleaned.rows.to_pylist()}
    refused = (
        f"refused: {row['column_name']} {row['reason']}" for row in cleaned.quarantine.to_pylist()
    )
    return [landed.get(row) or next(refused) for row in columns[marker]], counted(cleaner)


def counted(cleaner: Cleaner) -> str:
    found = [f"note {name}" for name in sorted(cleaner.notes)] + [
        f"repaired {name}" for name in sorted(cleaner.repairs)
    ]
    return ", ".join(found)


def given(value: object) -> str:
    """A value as it came, with its type; a long text by its first character and its length."""
    return (
        f"{value[0]!r} * {len(value)}"
        if isinstance(value, str) and len(value) > 60
        else repr(value)
    )


def landed_as(value: object) -> str:
    """A landed value; only text has quotes."""
    return given(value) if isinstance(value, str) else str(value)


def landed_rows(published: Manifest) -> Iterator[str]:
    """Every row of a landing: all columns that are not null."""
    for entry in published.files:
        yield f"\n## {entry.name}"
        for row in pq.read_table(published.path(entry.name)).to_pylist():
            yield ", ".join(
                f"{name}={landed_as(value)}"
                for name, value in row.items()
                if value is not None and name != "source"
            )


DATABASE = """\
source: erp
connection: erp
folder: {folder}
entities:
  customers:
    query: select id as customer_id, name, tax_id, email, phone, updated_at from c
  receivables:
    cents: [open_amount]
    query: |
      select id as receivable_id, customer as customer_id, due_date, amount, cents as open_amount,
        currency, updated_at from r
  payments:
    cnab: {{files: "*.ret", layout: bradesco400, bank: "237", strip_zeros: true}}
    query: select id as payment_id, title as receivable_id, paid_on, amount, kind from p
"""
EXPORTS = """\
source: planilha
folder: {folder}
entities:
  customers:
    files: clientes.csv
    csv: {{delimiter: ";", encoding: latin-1}}
  receivables:
    files: titulos.csv
    csv: {{delimiter: ";", decimal: ",", date_format: "%d/%m/%Y"}}
  payments:
    files: baixas.csv
    csv: {{decimal: "."}}
"""


@pytest.fixture
def two_sources(settings: Settings, make_source: MakeSource, tmp_path: Path) -> Settings:
    """A database whose payments also come as return files, and a folder of CSV files, with mistakes
    in each.
    """
    for path in (settings.config / "sources").glob("*.yml"):
        path.unlink()
    (settings.config / "sources" / "erp.yml").write_text(
        DATABASE.format(folder=tmp_path), encoding="utf-8"
    )
    (settings.config / "sources" / "planilha.yml").write_text(
        EXPORTS.format(folder=tmp_path), encoding="utf-8"
    )
    erp = make_source("erp")
    erp.run(
        "create table c (id, name, tax_id, email, phone, updated_at)",
        "create table r (id, customer, due_date, amount, cents, currency, updated_at)",
        "create table p (id, title, paid_on, amount, kind)",
        """insert into c values
            (2, ' Ana ', '529.982.247-25', 'ANA@exemplo.com.br', '(11) 98888-7777',
                '2026-11-17 10:30:00'),
            (10, 'Bia', null, null, null, null), ('C1', 'Caio', 'x', 'x', 'x', null),
            (null, 'without key', null, null, null, null)""",
        """insert into r values (1, 2, '2026-11-03', '1.234,56', 12345, 'usd',
        '2026-11-17 08:00:00'),
            (10, 2, 20261103, 100, null, null, null), (2, 'C1', '2026-11-03T23:00:00-03:00', 100.5,
                0, 'BRL', null),
            (3, 'C1', '2026-11-03', 1, null, null, '2026-11-16 08:00:00'),
            (3, 'C1', '2026-11-03', 2, null, null, '2026-11-17 08:00:00'),
            (4, 'no customer', '2026-11-03', 1, null, null, null), (5, 2, 'soon', 1, null, null,
                null)""",
        """insert into p values (1, 10, '2026-11-17', 100, 'payment'), (2, 1, '2026-11-10', -7,
        'reversal'),
            (3, 1, '2026-11-10', 5, 'gift'), (4, 99, '2026-11-10', 5, 'payment')""",
    )
    reported = [
        ReturnRecord("0010", paid=102_00, interest=2_00),
        ReturnRecord("0002", paid=90_00, discount=10_50, our_number="7"),
        ReturnRecord("99"),
    ]
    reported += [
        ReturnRecord("0001", code="99", paid=1),
        ReturnRecord("0001", occurred_on=None, our_number="8"),
    ]
    (tmp_path / "a.ret").write_bytes(return_file("bradesco400", "237", *reported))
    (tmp_path / "clientes.csv").write_bytes(
        'customer_id;name;state\n0001;"Açaí; Cia";sp\n0002;  ;rj\n'.encode("latin-1")
    )
    (tmp_path / "titulos.csv").write_text(
        "receivable_id;customer_id;due_date;amount;fine_rate;disputed;updated_at\n"
        "0001;0001;03/11/2026;1.234,56;0,02;S;17/11/2026 10:30:00\n"
        "2;0001;2026-11-03;R$ 10,00;2;talvez;\n"
        "3;0001;03/11/2026;1.000;;;17/11/2026 10:30\n"
        "4;0001;03/11/2026;10.50;;;\n"
        "5;0001;31/11/2026;1,00;;;\n"
        "6;0001;03/11/2026;-R$ 1,00;;;\n",
        encoding="utf-8",
    )
    (tmp_path / "baixas.csv").write_text(
        'payment_id,receivable_id,paid_on,amount\n1,0001,2026-11-10,"1,034.56"\n2,2,2026-11-10,R$ '
        '5.00\n3,2,2026-11-10,"5,00"\n',
        encoding="utf-8",
    )
    return settings


def sectioned(text: str) -> list[str]:
    """Each line with the section that it stands in."""
    section, found = "", []
    for line in filter(None, text.splitlines()):
        section = line if line.startswith("## ") else section
        found.append(f"{section}: {line}")
    return found


def test_landed_values_change_only_with_the_version(two_sources: Settings):
    lines = [f"## libraries\n{', '.join(f'{name} {version(name)}' for name in LIBRARIES)}"]
    for case in CASES:
        lines += [f"\n## {case.title}", *landed_values(case)]
    lines += landed_rows(land.land_all(two_sources, D, "run"))
    found, written = "\n".join(lines) + "\n", f"# cleaning rules version {CLEANING_RULES_VERSION}"
    held_version, _, held = (
        GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    ).partition("\n")
    if held_version == written:
        lost = [line for line in sectioned(held) if line not in sectioned(found)]
        assert not lost, f"what lands has changed, so {CURE}; no longer true is:\n" + "\n".join(
            lost
        )
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(f"{written}\n{found}", encoding="utf-8")
        return
    assert held_version == written, (
        f"the held values are of another version of the cleaning rules, so {WRITE}"
    )
    assert held == found, f"the corpus has new lines, so {WRITE}"
