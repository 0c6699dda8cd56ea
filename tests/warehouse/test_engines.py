"""The same SQL gives the same tables on every engine."""

import dataclasses

from cobranca import warehouse
from cobranca.warehouse.dbt import run_dbt
from cobranca.warehouse.engines import open_warehouse
from warehouse.conftest import NIGHT
from warehouse.parity import differences


def test_duckdb_and_postgres_build_equal_tables(busy_night, busy_night_on_postgres):
    _, on_duckdb = busy_night
    assert differences(on_duckdb, busy_night_on_postgres) == {}


def test_building_a_date_again_gives_the_same_bytes(busy_night):
    settings, before = busy_night
    assert warehouse.build(settings, NIGHT).batch_id == before.batch_id


def test_layers_built_one_by_one_equal_one_build(busy_night, tmp_path):
    settings, before = busy_night
    settings = dataclasses.replace(settings, warehouse=f"duckdb:///{tmp_path}/empty.duckdb")
    warehouse.prepare(settings, NIGHT)
    for layer in warehouse.LAYERS:
        warehouse.build_layer(settings, NIGHT, layer)
    assert warehouse.freeze(settings, NIGHT).batch_id == before.batch_id


def test_the_rules_hold_by_example_on_duckdb(busy_night):
    settings, _ = busy_night
    _run_unit_tests(settings)


def test_the_rules_hold_by_example_on_postgres(busy_night, busy_night_on_postgres, postgres_server):
    settings, _ = busy_night
    _run_unit_tests(dataclasses.replace(settings, warehouse=str(postgres_server.url("warehouse_parity"))))


def _run_unit_tests(settings):
    environment = open_warehouse(settings.warehouse).dbt_environment()
    run_dbt(
        "test", "--select", "test_type:unit", environment=environment, business_date=NIGHT, work=settings.data / ".dbt" / "unit"
    )  # fmt: skip
