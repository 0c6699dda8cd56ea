"""The dbt project keeps its own rules: documented, keyed, no clock, staging reads only sources."""

import json
import re

import pytest

from cobranca.settings import PROJECT_ROOT

MODELS = PROJECT_ROOT / "dbt" / "models"


@pytest.fixture(scope="module")
def manifest(busy_night) -> dict:
    settings, _ = busy_night
    return json.loads((settings.data / ".dbt" / "target" / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def models(manifest) -> dict[str, dict]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def test_every_model_and_named_column_is_documented(models):
    assert [name for name, model in models.items() if not model["description"]] == []
    assert [
        f"{m}.{c}" for m, model in models.items() for c, column in model["columns"].items() if not column["description"]
    ] == []


def test_every_published_key_is_tested(manifest, models):
    tested = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and node.get("test_metadata"):
            arguments = node["test_metadata"]["kwargs"]
            columns = [node["column_name"]] if node["test_metadata"]["name"] == "is_key" else arguments.get("columns")
            if node["test_metadata"]["name"] in ("is_key", "unique_combination"):
                tested.setdefault(node["attached_node"].split(".")[-1], []).append(sorted(columns))
    published = {name: model for name, model in models.items() if model["schema"] in ("marts", "finance", "outbound")}
    assert len(published) > 20
    untested = {
        name
        for name, model in published.items()
        if name != "fct_quarantine" and sorted(model["config"]["meta"]["key"]) not in tested.get(name, [])
    }
    assert untested == set()


def test_outbound_contracts_are_enforced_and_owned(manifest, models):
    outbound = {name for name, model in models.items() if model["schema"] == "outbound"}
    assert len(outbound) == 5
    assert [name for name in outbound if not models[name]["contract"]["enforced"]] == []
    exposed = {node.split(".")[-1] for exposure in manifest["exposures"].values() for node in exposure["depends_on"]["nodes"]}
    assert outbound <= exposed


def test_layers_only_look_down(models):
    order = {"staging": 0, "intermediate": 1, "marts": 2, "finance": 2, "outbound": 3}
    upward = [
        f"{name} reads {parent}"
        for name, model in models.items()
        for parent in (node.split(".")[-1] for node in model["depends_on"]["nodes"] if node.startswith("model."))
        if order[models[parent]["schema"]] > order[model["schema"]]
    ]
    assert upward == []
    assert [name for name, model in models.items() if name.startswith("stg_") != (model["schema"] == "staging")] == []
    assert [
        name
        for name, model in models.items()
        if model["schema"] == "staging" and any(node.startswith("model.") for node in model["depends_on"]["nodes"])
    ] == []


def test_examples_lie_in_the_layer_of_their_model(manifest, models):
    """dbt takes an example's model for a part of the layer that is built, and would run tests whose tables come later."""
    examples = [node for node in manifest["unit_tests"].values()]
    assert len(examples) > 30
    assert [
        node["name"]
        for node in examples
        if node["original_file_path"].split("/")[1] != models[node["model"]]["original_file_path"].split("/")[1]
    ] == []


def test_no_model_asks_the_clock():
    asking = [
        path.name
        for path in MODELS.rglob("*.sql")
        if re.search(r"current_date|current_timestamp|\bnow\(|getdate\(|today\(", path.read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert asking == []
