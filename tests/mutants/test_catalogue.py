"""The catalogue of mutants keeps up with the code: each can be applied, and its tests exist."""

import ast
import re

import pytest
import yaml

from cobranca.settings import PROJECT_ROOT
from mutants.__main__ import batches
from mutants.mutant import Mutant, UnfitMutant, models_of_examples, read_mutants

MUTANTS = read_mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_changes_one_place_of_its_file(mutant):
    text = (PROJECT_ROOT / mutant.file).read_text(encoding="utf-8")
    changed = mutant.applied_to(text)
    assert changed != text
    if mutant.file.endswith(".py"):
        ast.parse(changed)
    if mutant.file.endswith((".yml", ".yaml")):
        yaml.safe_load(changed)


def test_every_test_that_a_mutant_names_exists():
    missing = {
        f"{mutant}: {test}"
        for mutant in MUTANTS
        for test in mutant.tests
        if not _exists(*test.partition("::")[::2])
    }
    assert missing == set()


def test_every_example_that_a_mutant_names_exists():
    named = {name for mutant in MUTANTS for name in mutant.examples}
    assert named - models_of_examples().keys() == set()


def test_lines_are_found_at_any_indent():
    text = "def pay():\n    if paid:\n        return\n"
    mutant = Mutant("a", "n", "h", "f", "if paid:\n    return", "if owed:\n    return")
    assert mutant.applied_to(text) == "def pay():\n    if owed:\n        return\n"


@pytest.mark.parametrize("text", ["due", "paid, paid"])
def test_a_place_that_is_not_there_once_is_refused(text):
    with pytest.raises(UnfitMutant, match=r"a/n: 'from' stands \d times in f, not once"):
        Mutant("a", "n", "h", "f", "paid", "due").applied_to(text)


def test_only_mutants_of_different_models_with_unit_tests_of_their_own_are_tried_together():
    def mutant(name: str, model: str, **tests) -> Mutant:
        return Mutant("a", name, "h", f"dbt/models/{model}.sql", "x", "y", **tests)

    first, second = mutant("1", "m", examples=("of_m",)), mutant("2", "m", examples=("of_m",))
    other, foreign = mutant("3", "n", examples=("of_n",)), mutant("4", "n", examples=("of_m",))
    python = mutant("5", "n", tests=("tests/test_n.py",))
    models = {"of_m": "m", "of_n": "n"}
    found = batches([first, second, other, foreign, python], models)
    assert found == [[first, other], [second], [foreign], [python]]


def _exists(file: str, test: str) -> bool:
    """Whether the file is there and defines the test; a parameter is not looked up."""
    path = PROJECT_ROOT / file
    name = re.escape(test.partition("[")[0].rpartition("::")[2])
    return path.is_file() and (
        not test or bool(re.search(rf"^\s*def {name}\(", path.read_text("utf-8"), re.MULTILINE))
    )
