"""Rows that come in no order land in order, however little memory there is."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca import schema
from cobranca.errors import SourceError
from cobranca.landing import finalize
from cobranca.landing.finalize import Extract, table_of

CUSTOMERS = schema.ENTITIES["customers"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("landing")


def extract(folder: Path, keys: list[str]) -> Extract:
    """Customers of these keys, as the first pass left them; the city tells which row is which."""
    columns = {name: pa.nulls(len(keys), CUSTOMERS.field(name).type) for name in CUSTOMERS.names}
    columns |= {
        "customer_id": pa.array(keys, schema.TEXT),
        "city": pa.array(map(str, range(len(keys))), schema.TEXT),
    }
    pq.write_table(pa.table(columns, schema=CUSTOMERS), folder / "customers.read")
    return Extract(
        "customers", table_of(folder / "customers.read"), folder / "customers.bad", len(keys)
    )


def in_order(folder: Path, one: Extract) -> Path | None:
    with finalize.open_sorter(folder) as database:
        return finalize._in_order(database, one, folder)


@given(keys=st.lists(st.text("019aZã ", max_size=4), max_size=200, unique=True))
def test_rows_come_in_the_order_of_their_keys(folder: Path, keys: list[str]):
    found = pq.read_table(in_order(folder, extract(folder, keys))).to_pylist()
    expected = sorted(keys, key=lambda key: (len(key.encode()), key.encode()))
    assert [row["customer_id"] for row in found] == expected
    assert all(keys[int(row["city"])] == row["customer_id"] for row in found)


def test_a_key_that_comes_twice_is_noticed(folder: Path):
    assert in_order(folder, extract(folder, ["2", "1", "2"])) is None


@pytest.mark.parametrize("counted", [1, 3])
def test_a_row_too_few_or_too_many_stops_the_source(tmp_path: Path, counted: int):
    """What landed and what went to quarantine are together what was read."""
    one = replace(extract(tmp_path, ["1", "2"]), count=counted)
    pq.write_table(pa.Table.from_pylist([], schema=schema.QUARANTINE), tmp_path / "customers.bad")
    with pytest.raises(SourceError, match=f"of {counted} rows read, 2 landed"):
        finalize.finalize_source("erp", {"customers": one}, tmp_path)


def test_a_sort_that_needs_more_memory_gets_it(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(finalize, "SORT_MEMORY", ("1MB", "400MB"))
    keys = [f"{number * 7919 % 200_003}" for number in range(200_003)]
    one, limits = extract(folder, keys), []

    def work() -> Path | None:
        limits.append(database.execute("select current_setting('memory_limit')").fetchall()[0][0])
        return finalize._in_order(database, one, folder)

    with finalize.open_sorter(folder) as database:
        path = finalize._within_memory(database, work)
    assert len(limits) == 2 and pq.read_metadata(path).num_rows == len(keys)
