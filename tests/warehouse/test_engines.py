"""The same SQL gives the same tables on every engine."""

import dataclasses
import random
import shutil
from pathlib import Path

from cobranca import warehouse
from cobranca.settings import Settings
from cobranca.warehouse.dbt import read_dbt_manifest, run_dbt
from cobranca.warehouse.engines import open_warehouse
from seeds import few_or_many
from warehouse.busy_nights import NIGHT
from warehouse.parity import differences


def test_duckdb_and_postgres_build_equal_tables(busy_night, busy_night_on_postgres):
    (_, on_duckdb), (_, on_postgres) = busy_night, busy_night_on_postgres
    assert differences(on_duckdb, on_postgres) == {}


def test_building_a_date_again_layer_by_layer_on_an_empty_warehouse_gives_the_same_bytes(
    busy_night, tmp_path
):
    settings, before = busy_night
    shutil.copytree(settings.data / "landing", tmp_path / "landing")
    settings = dataclasses.replace(
        settings, data=tmp_path, warehouse=f"duckdb:///{tmp_path}/empty.duckdb"
    )
    warehouse.prepare(settings, NIGHT)
    for layer in warehouse.LAYERS:
        warehouse.build_layer(settings, NIGHT, layer)
    assert warehouse.freeze(settings, NIGHT).batch_id == before.batch_id


def test_the_rules_hold_by_example(busy_night, tmp_path):
    settings, _ = busy_night
    run_examples(settings, tmp_path, ["test_type:unit"])


def test_the_rules_hold_by_example_on_postgres(busy_night_on_postgres, tmp_path, run_seed):
    """A third of the examples, others in each run; in a long run all of them."""
    settings, _ = busy_night_on_postgres
    manifest = read_dbt_manifest(settings.data / ".dbt")
    names = sorted(example["name"] for example in manifest["unit_tests"].values())
    chosen = random.Random(run_seed).sample(names, few_or_many(len(names) // 3, len(names)))
    run_examples(settings, tmp_path, chosen)


def run_examples(settings: Settings, folder: Path, selected: list[str]) -> None:
    # dbt's files of the build, for it has parsed the project; other tests read them, so a copy
    shutil.copytree(settings.data / ".dbt", folder / ".dbt")
    environment = open_warehouse(settings.warehouse).dbt_environment()
    run_dbt(
        *("test", "--select", *selected),
        environment=environment,
        business_date=NIGHT,
        work=folder / ".dbt",
    )
