"""The dbt project keeps its own rules.

Small models, documented, keyed, without a clock; staging reads only sources.
"""

import re
from statistics import median

import pytest
import yaml

from cobranca.ledger.states import CONTACT_STATES, ENGAGED_STATES
from cobranca.settings import PROJECT_ROOT
from cobranca.warehouse.dbt import read_dbt_manifest

MODELS = PROJECT_ROOT / "dbt" / "models"
LONGEST_MODEL, LONGEST_MEDIAN = 100, 45
# Rows that may be alike: a record is refused for several reasons, a person holds or waives twice.
KEYLESS = {"fct_quarantine", "stg_landing__quarantine", "stg_policy__holds", "stg_policy__waivers"}


@pytest.fixture(scope="module")
def manifest(busy_night) -> dict:
    settings, _ = busy_night
    return read_dbt_manifest(settings.data / ".dbt")


def _tested_keys(manifest: dict) -> dict[str, list[list[str]]]:
    """The keys that a data test holds unique, by model.

    The columns of each are in alphabetical order.
    """
    tested: dict[str, list[list[str]]] = {}
    for node in manifest["nodes"].values():
        test = (node.get("test_metadata") or {}).get("name")
        if test == "unique_and_not_null":
            columns = [node["column_name"]]
        elif test == "unique_combination_of_columns":
            columns = node["test_metadata"]["kwargs"]["columns"]
        else:
            continue
        tested.setdefault(node["attached_node"].split(".")[-1], []).append(sorted(columns))
    return tested


@pytest.fixture(scope="module")
def models(manifest) -> dict[str, dict]:
    return {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }


def test_a_model_says_one_thing_in_few_lines():
    lines = {
        path.name: len(path.read_text(encoding="utf-8").splitlines())
        for path in MODELS.rglob("*.sql")
    }
    assert {name: number for name, number in lines.items() if number > LONGEST_MODEL} == {}
    assert median(lines.values()) <= LONGEST_MEDIAN


def test_every_model_has_a_yml_of_its_own_next_to_it(models):
    shared = {MODELS / "exposures.yml", MODELS / "staging" / "_sources.yml"}
    expected = {path.with_suffix(".yml") for path in MODELS.rglob("*.sql")}
    assert set(MODELS.rglob("*.yml")) - shared == expected
    elsewhere = {
        name: model["patch_path"]
        for name, model in models.items()
        if model["patch_path"]
        != f"cobranca://{model['original_file_path'].removesuffix('.sql')}.yml"
    }
    assert elsewhere == {}


def test_examples_stand_in_the_yml_of_their_model(manifest, models):
    assert [
        node["name"]
        for node in manifest["unit_tests"].values()
        if node["original_file_path"]
        != models[node["model"]]["original_file_path"].removesuffix(".sql") + ".yml"
    ] == []


def test_every_description_begins_with_the_grain(models):
    """The first sentence says what one row is."""
    assert [
        name
        for name, model in models.items()
        if not re.search(
            r"\bone row\b", re.split(r"(?<=\.)\s", model["description"])[0], re.IGNORECASE
        )
    ] == []


def test_every_key_is_tested(manifest, models):
    """In the model itself, or in the one that it names: that one would have duplicates as well."""
    tested = _tested_keys(manifest)
    held = {
        name: model["config"]["meta"].get("key_tested_in", name) for name, model in models.items()
    }
    assert [
        name for name, where in held.items() if where not in tested and name not in KEYLESS
    ] == []
    assert [name for name in KEYLESS if held[name] in tested] == []


def test_every_model_and_named_column_is_documented(models):
    assert [name for name, model in models.items() if not model["description"]] == []
    assert [
        f"{m}.{c}"
        for m, model in models.items()
        for c, column in model["columns"].items()
        if not column["description"]
    ] == []


def test_every_published_key_is_tested(manifest, models):
    tested = _tested_keys(manifest)
    published = {
        name: model
        for name, model in models.items()
        if model["schema"] in ("marts", "finance", "outbound")
    }
    assert len(published) > 20
    untested = {
        name
        for name, model in published.items()
        if name not in KEYLESS
        and sorted(model["config"]["meta"]["key"]) not in tested.get(name, [])
    }
    assert untested == set()


def test_every_published_model_has_an_enforced_contract(models):
    published = {
        name: model
        for name, model in models.items()
        if model["schema"] in ("marts", "finance", "outbound")
    }
    assert len(published) > 30
    assert [name for name, model in published.items() if not model["contract"]["enforced"]] == []


def test_what_is_handed_over_has_an_owner(manifest, models):
    outbound = {name for name, model in models.items() if model["schema"] == "outbound"}
    assert len(outbound) == 6
    exposed = {
        node.split(".")[-1]
        for exposure in manifest["exposures"].values()
        for node in exposure["depends_on"]["nodes"]
    }
    assert outbound <= exposed


def test_layers_only_look_down(models):
    order = {"staging": 0, "intermediate": 1, "marts": 2, "finance": 2, "outbound": 3}
    upward = [
        f"{name} reads {parent}"
        for name, model in models.items()
        for parent in (
            node.split(".")[-1]
            for node in model["depends_on"]["nodes"]
            if node.startswith("model.")
        )
        if order[models[parent]["schema"]] > order[model["schema"]]
    ]
    assert upward == []
    assert [
        name
        for name, model in models.items()
        if name.startswith("stg_") != (model["schema"] == "staging")
    ] == []
    assert [
        name
        for name, model in models.items()
        if model["schema"] == "staging"
        and any(node.startswith("model.") for node in model["depends_on"]["nodes"])
    ] == []


def test_examples_lie_in_the_layer_of_their_model(manifest, models):
    """An example's model counts as a part of the layer that is built.

    In another layer dbt would run tests whose tables come later.
    """
    examples = list(manifest["unit_tests"].values())
    assert len(examples) > 30
    assert [
        node["name"]
        for node in examples
        if node["original_file_path"].split("/")[1]
        != models[node["model"]]["original_file_path"].split("/")[1]
    ] == []


def test_no_model_asks_the_clock():
    asking = [
        path.name
        for path in MODELS.rglob("*.sql")
        if re.search(
            r"current_date|current_timestamp|\bnow\(|getdate\(|today\(",
            path.read_text(encoding="utf-8"),
            re.IGNORECASE,
        )
    ]
    assert asking == []


def test_every_state_of_a_contact_has_an_example():
    """What the ledger counts as engaged is done or unsettled; only a claim ends with its night."""
    path = MODELS / "intermediate" / "contacts" / "int_contacts__unioned.yml"
    example = yaml.safe_load(path.read_text(encoding="utf-8"))["unit_tests"][0]
    messages = [row for row in example["expect"]["rows"] if row["channel"] == "email"]
    assert {row["state"] for row in messages} == set(CONTACT_STATES)
    taken = {row["state"] for row in messages if row["is_done"] or row["is_unsettled"]}
    assert taken == set(ENGAGED_STATES) - {"claimed"}
