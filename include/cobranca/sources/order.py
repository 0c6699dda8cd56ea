"""Sorting any number of rows into the order in which they land, within a fixed share of memory.

Rows are gathered into runs, each sorted by itself and written to disk. Then all runs are read side by side, one range of keys
after the other, and the rows of a range are sorted once more.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

RUN_BYTES = 12 << 20
RANGE_ROWS = 65_536
# Rows of a run that are in memory at a time: those of some hundred runs must be.
BATCH_ROWS = 1_024
# One key in so many tells how the keys of a run are spread.
SAMPLED = 512


def ordered(tables: Iterable[pa.Table], key: str, folder: Path) -> Iterator[pa.Table]:
    """All rows by their key (shorter ones first, then by their bytes), in tables of some ten thousand.

    ``folder`` holds the runs; they are the caller's to remove. No key may be null.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs = [_Run(table, key, folder / f"{number}.run") for number, table in enumerate(_gathered(tables, key))]
    if not runs:
        return
    samples = pa.concat_arrays([run.sample for run in runs])
    samples = samples.take(_places(samples))
    every = RANGE_ROWS // SAMPLED
    for limit in [*samples[every::every], None]:
        found = [table for run in runs for table in run.until(limit)]
        if found:
            yield _sorted(pa.concat_tables(found), key)
        pa.default_memory_pool().release_unused()


def _gathered(tables: Iterable[pa.Table], key: str) -> Iterator[pa.Table]:
    waiting, size = [], 0
    for table in tables:
        waiting.append(table)
        size += table.nbytes
        if size >= RUN_BYTES:
            yield _sorted(pa.concat_tables(waiting), key)
            waiting, size = [], 0
    if waiting:
        yield _sorted(pa.concat_tables(waiting), key)


def _sorted(table: pa.Table, key: str) -> pa.Table:
    return table.take(_places(table[key].combine_chunks()))


def _places(keys: pa.Array) -> pa.Array:
    order = [("size", "ascending"), ("key", "ascending")]
    return pc.sort_indices(pa.table({"size": pc.binary_length(keys), "key": keys}), order)


class _Run:
    """Sorted rows on disk, read once from their beginning to their end."""

    def __init__(self, table: pa.Table, key: str, path: Path):
        self._key = key
        self.sample = table[key].combine_chunks()[::SAMPLED]
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=BATCH_ROWS)
        self._path, self._batches = path, None
        self._next: pa.RecordBatch | None = None

    def until(self, limit: pa.Scalar | None) -> Iterator[pa.Table]:
        """The next rows whose key is no greater than the limit; without one, all that are left."""
        while (batch := self._peek()) is not None:
            count = batch.num_rows if limit is None else _count_until(batch.column(self._key), limit)
            if count:
                yield pa.Table.from_batches([batch.slice(0, count)])
            self._next = batch.slice(count)
            if self._next.num_rows:
                return

    def _peek(self) -> pa.RecordBatch | None:
        if self._batches is None:
            self._batches = pa.ipc.open_stream(pa.OSFile(str(self._path)))
        while self._next is None or self._next.num_rows == 0:
            try:
                self._next = self._batches.read_next_batch()
            except StopIteration:
                return None
        return self._next


def _count_until(keys: pa.Array, limit: pa.Scalar) -> int:
    sizes, size = pc.binary_length(keys), pc.binary_length(limit)
    equal = pc.and_(pc.equal(sizes, size), pc.less_equal(keys, limit))
    return pc.sum(pc.or_(pc.less(sizes, size), equal)).as_py() or 0
