"""Parquet files whose bytes depend on their rows alone.

They notice whether those rows came in order.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 65_536
# Codes and dates come again and again and are worth a dictionary; nearly every id or address is a
# new one.
_DIFFERENT = (
    "_id",
    "document_number",
    "tax_id",
    "name",
    "email",
    "phone",
    "boleto_line",
    "pix_code",
    "payment_url",
    "record_key",
)


def in_order(key: str) -> str:
    """SQL of the order in which rows land: shorter keys first, then by their bytes."""
    return f"strlen({key}), {key}"


class ParquetFile:
    """Parquet with row groups of a fixed size.

    ``ordered`` stays true while each ``key`` is greater than the one before it, in the order of
    :func:`in_order`; so no key came twice.
    """

    def __init__(self, path: Path, schema: "pa.Schema", key: str | None = None):
        self.path, self.schema, self.rows = path, schema, 0
        self.ordered = key is not None
        self._key = key
        self._last: pa.Array | None = None
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0

    def __enter__(self) -> "ParquetFile":
        import pyarrow as pa
        import pyarrow.parquet as pq

        # The system's own memory goes back to it, also what a thread that has ended had of it.
        pa.set_memory_pool(pa.system_memory_pool())
        coded = [name for name in self.schema.names if not name.endswith(_DIFFERENT)]
        self._writer = pq.ParquetWriter(
            self.path, self.schema, compression="zstd", use_dictionary=coded
        )
        return self

    def write(self, table: "pa.Table") -> None:
        if table.num_rows == 0:
            return
        if self.ordered:
            self._watch(table[self._key].combine_chunks())
        self.rows += table.num_rows
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        if self._waiting_rows >= ROW_GROUP:
            self._flush(last=False)

    def _watch(self, keys: "pa.Array") -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._last is not None:
            keys = pa.concat_arrays([self._last, keys])
        sizes = pc.binary_length(keys)
        shorter = pc.less(sizes[:-1], sizes[1:])
        smaller = pc.and_(pc.equal(sizes[:-1], sizes[1:]), pc.less(keys[:-1], keys[1:]))
        self.ordered = pc.all(pc.or_(shorter, smaller), min_count=0).as_py()
        self._last = keys[-1:]

    def _flush(self, *, last: bool) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        start = 0
        while table.num_rows - start >= ROW_GROUP or (last and start < table.num_rows):
            self._writer.write_table(
                table.slice(start, ROW_GROUP).combine_chunks(), row_group_size=ROW_GROUP
            )
            start += ROW_GROUP
        rest = table.slice(min(start, table.num_rows))
        self._waiting = [rest] if rest.num_rows else []
        self._waiting_rows = rest.num_rows
        # Arrow keeps what it once had for the next time; between two groups that is a third of the
        # process.
        pa.default_memory_pool().release_unused()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush(last=True)
        self._writer.close()
