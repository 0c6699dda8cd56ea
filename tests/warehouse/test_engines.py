"""The same SQL gives the same tables on every engine."""

import dataclasses
import shutil

import pytest

from cobranca import warehouse
from cobranca.warehouse.dbt import run_dbt
from cobranca.warehouse.engines import open_warehouse
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


@pytest.mark.parametrize("night", ["busy_night", "busy_night_on_postgres"])
def test_the_rules_hold_by_example(request, night, tmp_path):
    settings, _ = request.getfixturevalue(night)
    # dbt's files of the build, for it has parsed the project; other tests read them, so a copy
    shutil.copytree(settings.data / ".dbt", tmp_path / ".dbt")
    environment = open_warehouse(settings.warehouse).dbt_environment()
    run_dbt(
        *("test", "--select", "test_type:unit"),
        environment=environment,
        business_date=NIGHT,
        work=tmp_path / ".dbt",
    )
