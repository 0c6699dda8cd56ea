"""A run draws at random by one seed, which it prints and which draws the same again."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cobranca.settings import PROJECT_ROOT
from seeds import few_or_many

DRAWS = """
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

@given(st.integers(0, 10**9))
@settings(max_examples=5)
def test_examples(number):
    print("drawn", number)

@pytest.mark.seeds(few=2, many=4, kept=[7])
def test_seed(seed):
    print("drawn", seed)

@given(st.integers(0, 10**9))
def test_fails(number):
    assert number < 1000
"""


@pytest.fixture
def run(tmp_path: Path):
    """Run the tests above in a process of its own, as in continuous integration."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_draws.py").write_text(DRAWS)
    environment = os.environ | {"PYTHONPATH": str(PROJECT_ROOT / "tests"), "CI": "true"}

    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "seeds", "-s", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    return run


def drawn(printed: str) -> list[str]:
    return re.findall(r"drawn (\d+)", printed)


def test_the_printed_seed_draws_the_same_again_and_no_seed_draws_anew(run):
    first = run()
    assert "1 failed, 4 passed" in first, first
    (seed,) = re.findall(r"^seed: (\d+) ", first, re.MULTILINE)
    assert drawn(run(f"--seed={seed}", "-n", "0")) == drawn(first)
    assert drawn(run()) != drawn(first)


def test_a_failure_says_how_to_draw_it_again(run):
    printed = run("--seed=5", "-k", "fails")
    assert "To draw the same again: pytest --seed=5 'test_draws.py::test_fails'" in printed
    assert "number=1000" in printed and "@reproduce_failure" in printed


def test_a_long_run_draws_what_a_short_one_does_and_more(run):
    few, many = (drawn(run("--seed=5", "-k", "test_seed", *long)) for long in ([], ["--long"]))
    assert few == many[:3] and few[0] == "7" and len(many) == 5


def test_few_examples_unless_the_run_is_long(pytestconfig):
    assert few_or_many(1, 2) == 1 + pytestconfig.option.long


def test_all_workers_draw_by_the_seed_of_the_run(run):
    """Else they would collect different tests, which xdist refuses."""
    printed = run("-n", "2", "-v", "-k", "test_seed")
    assert "3 passed" in printed, printed
