"""Any number of rows comes out in the order in which rows land, however little memory there is."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.sources import order


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@given(keys=st.lists(st.text("019aZã ", max_size=4), max_size=200), split=st.integers(1, 40))
def test_rows_come_in_the_order_of_their_keys(folder: Path, keys: list[str], split: int):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"RUN_BYTES": 300, "RANGE_ROWS": 16, "BATCH_ROWS": 3, "SAMPLED": 4}.items():
            patch.setattr(order, name, value)
        rows = pa.table({"key": pa.array(keys, pa.string()), "row": pa.array(range(len(keys)), pa.int64())})
        tables = [rows.slice(start, split) for start in range(0, len(keys), split)]
        found = [row for table in order.ordered(tables, "key", folder) for row in table.to_pylist()]
    assert [row["key"] for row in found] == sorted(keys, key=lambda key: (len(key.encode()), key.encode()))
    assert sorted(row["row"] for row in found) == list(range(len(keys)))
    assert all(keys[row["row"]] == row["key"] for row in found)
