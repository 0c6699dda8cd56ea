"""The list of changes that no test can notice keeps up with the code."""

import ast

import pytest

from cobranca.settings import PROJECT_ROOT
from mutants.mutate import AREAS, Mutant, read_equivalents, report

PACKAGE = PROJECT_ROOT / "include" / "cobranca"
EQUIVALENTS = sorted(read_equivalents())
CHANGE = ("money.py", "to_cents", "a → b")


@pytest.mark.parametrize(("module", "function", "change"), EQUIVALENTS)
def test_an_equivalent_change_is_of_a_line_that_stands_in_its_function(module, function, change):
    before, arrow, after = change.partition(" → ")
    assert arrow and before != after
    source = (PACKAGE / module).read_text(encoding="utf-8")
    *_, name = function.split(".")
    bodies = [
        " ".join(line.strip() for line in ast.get_source_segment(source, node).splitlines())
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    assert any(before in body for body in bodies)


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
def test_an_area_names_modules_and_tests_that_are_there(area):
    for module in area.modules:
        assert list(PACKAGE.glob(module)), module
    for test in area.tests:
        assert (PROJECT_ROOT / test).exists(), test


@pytest.mark.parametrize(
    ("caught", "survived", "equivalents", "is_good"),
    [(9, 1, (), True), (8, 1, (), False), (8, 1, (CHANGE,), True), (0, 1, (CHANGE,), True)],
)
def test_a_module_is_good_from_nine_tenths_of_what_can_be_noticed(
    caught, survived, equivalents, is_good, capsys
):
    mutants = [Mutant(*CHANGE, is_caught=True)] * caught
    mutants += [Mutant(*CHANGE, is_caught=False)] * survived
    assert report(mutants, set(equivalents)) == is_good
    assert ("SURVIVED" in capsys.readouterr().out) == (CHANGE not in equivalents)


def test_an_entry_that_is_caught_by_now_is_named(capsys):
    assert report([Mutant(*CHANGE, is_caught=True)], {CHANGE})
    assert "NO LONGER A SURVIVOR" in capsys.readouterr().out
