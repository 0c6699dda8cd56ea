"""Loading and freezing: what a batch is made from, and what is refused before anything is built."""

import dataclasses
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cobranca import warehouse
from cobranca.errors import BuildFailed, ConfigError
from cobranca.partitions import manifest
from cobranca.schema import RAW
from cobranca.warehouse.dbt import run_dbt
from cobranca.warehouse.engines import from_parquet, open_warehouse
from warehouse.busy_nights import NIGHT, settings_in
from warehouse.nights import customer, land_night


@pytest.fixture
def landed(tmp_path):
    settings = settings_in(tmp_path)
    land_night(settings, NIGHT, customers=[customer("1")])
    return settings


def _replace_calendar(settings, keep) -> None:
    """Publish the landed policy again with a part of its calendar."""
    root = settings.folder("landing", NIGHT, "policy")
    policy = manifest.read_manifest(root)
    draft = manifest.draft_folder(root, "cut")
    entries = []
    for entry in policy.files:
        rows = pq.read_table(policy.path(entry.name))
        if entry.name == "policy_calendar.parquet":
            rows = rows.filter(keep)
        pq.write_table(rows, draft / entry.name)
        entries.append(manifest.FileEntry.of(draft, entry.name, rows.num_rows))
    manifest.publish(root, draft, kind="policy", business_date=NIGHT, files=entries)


@pytest.mark.parametrize(
    ("keep", "covers"),
    [
        (pc.field("day") < NIGHT, "covers 2000-01-01 to 2026-11-17"),
        (pc.field("day") <= NIGHT + timedelta(days=30), "covers 2000-01-01 to 2026-12-18"),
        (pc.field("day") > NIGHT, "covers 2026-11-19 to 2078-12-31"),
        (pc.field("day") < date(1999, 1, 1), "is empty"),
    ],
    ids=["ends the day before", "ends too soon", "starts too late", "empty"],
)
def test_a_calendar_that_does_not_reach_the_night_is_refused_before_the_build(landed, keep, covers):
    warehouse.prepare(landed, NIGHT)
    before = (landed.data / "warehouse.duckdb").read_bytes()
    _replace_calendar(landed, keep)
    with pytest.raises(ConfigError, match=f"the calendar that landed for 2026-11-18 {covers}"):
        warehouse.build(landed, NIGHT)
    assert (landed.data / "warehouse.duckdb").read_bytes() == before


def test_a_batch_names_the_landing_it_was_built_from(busy_night, tmp_path):
    settings, batch = busy_night
    shutil.copytree(settings.data, tmp_path / "data")
    settings = dataclasses.replace(
        settings,
        data=tmp_path / "data",
        warehouse=f"duckdb:///{tmp_path / 'data' / 'warehouse.duckdb'}",
    )
    # something lands between the build and the freeze
    land_night(settings, NIGHT, customers=[customer("other")])
    frozen = warehouse.freeze(settings, NIGHT)
    assert frozen.inputs == batch.inputs
    assert (
        frozen.inputs["sources"]
        != manifest.read_manifest(settings.folder("landing", NIGHT, "sources")).batch_id
    )


def test_only_the_loaded_night_is_frozen(landed):
    with pytest.raises(BuildFailed, match="holds no night and not 2026-11-18"):
        warehouse.freeze(landed, NIGHT)
    warehouse.prepare(landed, NIGHT)
    with pytest.raises(BuildFailed, match="holds 2026-11-18 and not 2026-11-19"):
        warehouse.freeze(landed, NIGHT + timedelta(days=1))


def test_a_night_that_landed_before_a_column_existed_can_be_rebuilt(tmp_path):
    old = RAW["policy_calendar"].remove(RAW["policy_calendar"].get_field_index("place"))
    path = tmp_path / "policy_calendar.parquet"
    pq.write_table(old.empty_table(), path)
    relation = duckdb.sql(from_parquet("policy_calendar", [path]))
    assert relation.columns == RAW["policy_calendar"].names


@pytest.fixture
def night(busy_night, tmp_path) -> dict:
    """What dbt is told of a copy of the busy night's warehouse, ``warehouse.duckdb``."""
    settings, _ = busy_night
    shutil.copy(settings.data / "warehouse.duckdb", tmp_path)
    shutil.copytree(settings.data / ".dbt", tmp_path / ".dbt")
    warehouse_of_night = open_warehouse(f"duckdb:///{tmp_path / 'warehouse.duckdb'}")
    return {
        "environment": warehouse_of_night.dbt_environment(),
        "business_date": NIGHT,
        "work": tmp_path / ".dbt",
    }


def kind_and_rows(path: Path, relation: str) -> tuple[str, int]:
    with duckdb.connect(str(path), read_only=True) as connection:
        kinds = "select table_type from information_schema.tables where table_name = ?"
        ((kind,),) = connection.execute(kinds, [relation.partition(".")[2]]).fetchall()
        ((rows,),) = connection.execute(f"select count(*) from {relation}").fetchall()
    return kind, rows


def test_a_table_takes_the_place_of_a_view_and_a_view_that_of_a_table(night, tmp_path):
    """An installation was built by an earlier version, which kept a model as the other kind."""
    path = tmp_path / "warehouse.duckdb"
    models = ("intermediate.int_receivables__aged", "intermediate.int_receivables__dated")
    before = [kind_and_rows(path, model) for model in models]
    assert [kind for kind, _ in before] == ["BASE TABLE", "VIEW"] and before[0][1]
    table, view = models
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"drop table {table}; create view {table} as select 1 as old")
        connection.execute(f"drop view {view}; create table {view} as select 1 as old")
    names = [model.partition(".")[2] for model in models]
    run_dbt("run", "--select", *names, **night)
    assert [kind_and_rows(path, model) for model in models] == before


def test_a_model_that_fails_leaves_its_last_table_whole(night, tmp_path):
    path, table = tmp_path / "warehouse.duckdb", "intermediate.int_receivables__aged"
    before = kind_and_rows(path, table)
    with duckdb.connect(str(path)) as connection:
        balances = "intermediate.int_receivables__balances_computed"
        connection.execute(f"alter table {balances} rename column currency to coin")
    with pytest.raises(BuildFailed, match="model int_receivables__aged: Binder Error"):
        run_dbt("run", "--select", "int_receivables__aged", **night)
    assert kind_and_rows(path, table) == before


def test_a_build_that_failed_names_what_and_why(night, tmp_path):
    nothing = "Compilation Error The selection criterion 'nowhere' does not match any enabled nodes"
    with pytest.raises(BuildFailed, match=nothing):
        run_dbt("build", "--select", "nowhere", **night)
    balances = "intermediate.int_receivables__balances_computed"
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("insert into outbound.out_call_queue from outbound.out_call_queue")
        connection.execute(f"alter table {balances} rename column currency to coin")
    selected = ("--select", "int_receivables__dated", "out_call_queue,test_type:data")
    with pytest.raises(BuildFailed) as failure:
        run_dbt("build", *selected, "--exclude-resource-type", "unit_test", **night)
    first, model, test = str(failure.value).splitlines()
    assert first == "the warehouse build failed for 2026-11-18; the last approved outputs stay."
    lost = 'Binder Error: Referenced column "currency" not found in FROM clause!'
    assert re.fullmatch(rf"  model int_receivables__dated: {lost} \(LINE \d+: .*\)", model)
    assert re.fullmatch(
        r"  test unique_and_not_null_out_call_q\w*: Got \d+ results, configured to fail if != 0",
        test,
    )
