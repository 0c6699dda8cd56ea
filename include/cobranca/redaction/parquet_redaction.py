"""Redact personal data in Parquet files, row by row.

Everything that is counted stays, so that no cent is lost.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca.partitions.manifest import FileEntry
from cobranca.redaction.erasure_registry import Erasures

if TYPE_CHECKING:
    import pyarrow as pa

# What stands where a name was. Files for people leave out rows of this name.
ERASED_NAME = "(dados apagados)"
# Columns that say who a person is, where to find them or how they pay, in every table, each with
# what stays in its place.
PERSONAL: dict[str, object] = {
    "name": ERASED_NAME,
    "customer_name": ERASED_NAME,
    "tax_id": None,
    "tax_id_masked": None,
    "email": None,
    "phone": None,
    "city": None,
    "boleto_line": None,
    "pix_code": None,
    "payment_url": None,
}
# The same of a landed customer: there is no channel to choose any more, and no court or death to
# know of. Segment and kind of contract stay: charges and the company's rates depend on them, and
# many people share them.
CUSTOMER: dict[str, object] = PERSONAL | {
    "state": None,
    "preferred_channel": None,
    "opt_out_email": True,
    "opt_out_phone": True,
    "legal_hold": None,
    "deceased": None,
}
MARK = "erased_key"
CUSTOMERS, RECEIVABLES = "customers.parquet", "receivables.parquet"


def personal_in(columns: Iterable[str]) -> dict[str, object]:
    """The personal columns of a table of the plan, each with what stays in its place.

    In a table without names ``state`` is that of a contact or a promise, and stays.
    """
    columns = set(columns)
    found = {name: value for name, value in PERSONAL.items() if name in columns}
    return found | ({"state": None} if {"customer_name", "state"} <= columns else {})


def redact_landed(
    folder: Path, source: str, entries: Sequence[FileEntry], erasures: Erasures
) -> list[FileEntry]:
    """Redact erased payers in one source's files in ``folder`` before they are published.

    A customer is recognised by its account, by its tax id, or by the mark that the landing before
    gave it. The same rows and erasures give the same bytes. Returns the manifest entries, their
    totals unchanged.
    """
    marked = marked_customers(folder / CUSTOMERS, source, erasures) if erasures.accounts else {}
    if not marked:
        return list(entries)
    rewrite(folder / CUSTOMERS, "customer_id", list(marked), CUSTOMER, marks=marked)
    rewrite(folder / RECEIVABLES, "customer_id", list(marked), PERSONAL)
    written = {f"{source}/{name}": name for name in (CUSTOMERS, RECEIVABLES)}
    return [
        replace(
            FileEntry.of(folder, written[entry.name], entry.rows, entry.totals), name=entry.name
        )
        if entry.name in written
        else entry
        for entry in entries
    ]


def marked_customers(path: Path, source: str, erasures: Erasures) -> dict[str, str]:
    """Those of the landed customers whose data are erased: the payer's key by ``customer_id``."""
    import pyarrow.parquet as pq

    marked = {}
    file = pq.ParquetFile(path)
    columns = [name for name in ("customer_id", "tax_id", MARK) if name in file.schema_arrow.names]
    for batch in file.iter_batches(columns=columns):
        rows = batch.to_pydict()
        before = rows.get(MARK, [None] * batch.num_rows)
        for customer_id, tax_id, mark in zip(
            rows["customer_id"], rows["tax_id"], before, strict=True
        ):
            known = mark if mark in erasures.keys else erasures.accounts.get((source, customer_id))
            if key := known or erasures.key_of(tax_id):
                marked[customer_id] = key
    return marked


def still_named(
    path: Path,
    column: str,
    wanted: Sequence[str],
    values: Mapping[str, object],
    marks: Mapping[str, str] | None = None,
) -> bool:
    """Whether :func:`rewrite` would change anything."""
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    if column not in names or not wanted:
        return False
    present = [name for name in values if name in names]
    read = [*present, *([MARK] if marks and MARK in names else [])]
    if not read:
        return False
    rows = pq.read_table(
        path, columns=[column, *read], filters=[(column, "in", list(wanted))]
    ).to_pylist()
    if marks and any(row.get(MARK) != marks[row[column]] for row in rows):
        return True
    return any(row[name] != values[name] for row in rows for name in present)


def rewrite(
    path: Path,
    column: str,
    wanted: Sequence[str],
    values: Mapping[str, object],
    target: Path | None = None,
    marks: Mapping[str, str] | None = None,
) -> None:
    """Write the file again with ``values`` in the rows whose ``column`` is one of ``wanted``.

    It is written in place, or as ``target``.
    Columns that it lacks stay away; all other values, the rows and their order stay. ``marks``
    gives each of these rows the mark of its ``column``'s value.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    # where every row had a value so far, a file may say that none is ever missing
    schema = pa.schema([field.with_nullable(True) for field in file.schema_arrow])
    if marks and MARK not in schema.names:
        schema = schema.append(pa.field(MARK, pa.string()))
    target = target or path
    draft = target.with_name(f".{target.name}.redacted")
    draft.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            writer.write_table(
                _redacted(table, schema, column, wanted, values, marks or {}),
                row_group_size=table.num_rows or 1,
            )
    os.replace(draft, target)


def _redacted(
    table: "pa.Table",
    schema: "pa.Schema",
    column: str,
    wanted: Sequence[str],
    values: Mapping[str, object],
    marks: Mapping[str, str],
) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    place = pc.index_in(table[column], pa.array(wanted, pa.string()))
    found = pc.is_valid(place)
    arrays = []
    for field in schema:
        if field.name == MARK and marks:
            new = pa.array([marks[key] for key in wanted], field.type).take(place.combine_chunks())
            arrays.append(pc.coalesce(new, table[MARK]) if MARK in table.column_names else new)
        elif field.name in values:
            arrays.append(
                pc.if_else(found, pa.scalar(values[field.name], field.type), table[field.name])
            )
        else:
            arrays.append(table[field.name])
    return pa.table(arrays, schema=schema)
