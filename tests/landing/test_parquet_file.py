"""What is written to Parquet is found again by every filter."""

import duckdb
import pyarrow as pa
import pytest

from cobranca.landing.parquet_file import ParquetFile

# An id has no dictionary in the file, a code has one.
SCHEMA = pa.schema([("receivable_id", pa.string()), ("kind", pa.string()), ("row", pa.int64())])


@pytest.mark.parametrize("column", ["receivable_id", "kind"])
@pytest.mark.parametrize(
    "values",
    [["a", None], [None, "a"], ["a"] * 40 + [None], [None] * 40 + ["a"], ["a", "b", None], ["a"]],
)
def test_what_is_absent_is_told_from_what_is_there(tmp_path, column, values):
    """Also where all that is there is one and the same: DuckDB 2.0.0 took it for absent, too."""
    rows = [dict.fromkeys(SCHEMA.names, value) | {"row": at} for at, value in enumerate(values)]
    with ParquetFile(tmp_path / "rows.parquet", SCHEMA) as file:
        file.write(pa.Table.from_pylist(rows, schema=SCHEMA))
    absent, there, other = (
        [
            row
            for (row,) in duckdb.sql(
                f"select row from '{tmp_path}/rows.parquet' where {column} {condition} order by row"
            ).fetchall()
        ]
        for condition in ("is null", "is not null", "is distinct from 'a'")
    )
    assert absent == [at for at, value in enumerate(values) if value is None]
    assert there == [at for at, value in enumerate(values) if value is not None]
    assert other == [at for at, value in enumerate(values) if value != "a"]
