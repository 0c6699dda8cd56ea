"""Each kind of data test finds its fault, and nothing in a sound night.

The statements are those that dbt compiled for the busy night, run on a copy of its tables.
"""

from pathlib import Path

import duckdb
import pytest

from cobranca.partitions.manifest import Manifest
from cobranca.warehouse.dbt import model_keys, read_dbt_manifest

# What happens to a row of a table, and the kind of test that must find it.
FAULTS = {
    "a payer is called twice": ("copy", "out_call_queue", "unique_and_not_null"),
    "nobody is called": ("customer_key = null", "out_call_queue", "unique_and_not_null"),
    "a call has no reason": ("reason = null", "out_call_queue", "unique_and_not_null"),
    "a debt is named twice": ("copy", "out_reminders", "unique_combination_of_columns"),
    "a debt has no reason": ("reason = null", "out_reminders", "unique_combination_of_columns"),
    "a class is unknown": ("payer_class = 'x'", "dim_payer_ranking", "accepted_values"),
    "a band is unknown": ("aging_band = 'x'", "fct_receivables", "known_aging_band"),
    "a band is missing": ("aging_band = null", "fct_receivables", "known_aging_band"),
    "a fine is negative": ("fine = -0.01", "fct_receivables", "accepted_range"),
    "a score is above all": ("score = 101", "dim_payer_ranking", "accepted_range"),
    "a cent is invented": ("open_amount = open_amount + 0.01", "fct_aging", "equal_sum"),
    "a row is lost": ("delete", "fct_aging", "equal_sum"),
}


class Night:
    """The published tables of a night, and the statements of their data tests."""

    def __init__(self, work: Path, batch: Manifest) -> None:
        self.tables = {name: relation for name, (relation, _) in model_keys(work).items()}
        compiled = work / "target" / "compiled" / "cobranca"
        self.statements: dict[tuple[str, str], list[str]] = {}
        for node in read_dbt_manifest(work)["nodes"].values():
            if node["resource_type"] == "test" and node.get("attached_node"):
                of = node["attached_node"].split(".")[-1], node["test_metadata"]["name"]
                path = compiled / node["original_file_path"] / node["path"]
                self.statements.setdefault(of, []).append(path.read_text(encoding="utf-8"))
        self.connection = duckdb.connect()
        self.connection.execute("attach ':memory:' as warehouse")
        self.connection.execute("use warehouse")
        for schema in {relation.partition(".")[0] for relation in self.tables.values()}:
            self.connection.execute(f"create schema {schema}")
        for name, relation in self.tables.items():
            file = batch.path(f"{name}.parquet")
            self.connection.execute(f"create table {relation} as from read_parquet('{file}')")

    def found(self, table: str, kind: str) -> int:
        return sum(
            len(self.connection.execute(statement).fetchall())
            for statement in self.statements[table, kind]
        )


@pytest.fixture(scope="module")
def night(busy_night) -> Night:
    settings, batch = busy_night
    return Night(settings.data / ".dbt", batch)


@pytest.mark.parametrize(("change", "table", "kind"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found(night, change, table, kind):
    assert night.found(table, kind) == 0
    relation = night.tables[table]
    row = f"rowid = (select min(rowid) from {relation})"
    statements = {
        "copy": f"insert into {relation} select * from {relation} where {row}",
        "delete": f"delete from {relation} where {row}",
    }
    night.connection.execute("begin")
    try:
        night.connection.execute(
            statements.get(change, f"update {relation} set {change} where {row}")
        )
        assert night.found(table, kind) > 0
    finally:
        night.connection.execute("rollback")


def test_every_kind_of_test_is_tried(night):
    """But those whose fault is their model's own expression."""
    tried = {kind for _, _, kind in FAULTS.values()}
    kinds = {kind for table, kind in night.statements if table in night.tables}
    assert kinds - tried == {"expression_is_true", "not_null"}
