"""The seed of a run: what tests draw at random is new in each run, printed, and can be drawn again.

``--seed N`` draws what the run that printed N drew, in any order of tests and on any number of
workers. ``--long`` draws much more. A seed that failed is kept in the code: in ``kept`` of a test's
marker, or as ``@example`` of Hypothesis, which prints it.
"""

import random
from collections.abc import Iterable

import hypothesis
import pytest
from hypothesis import HealthCheck, is_hypothesis_test

LARGEST = 2**32
# Left to itself, Hypothesis takes the same examples in each run of CI. The same seed draws the
# same, so no failure of an earlier run is tried first. No example fails on a busy machine.
hypothesis.settings.register_profile(
    "search",
    derandomize=False,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "long", hypothesis.settings.get_profile("search"), max_examples=1000
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("seeds", "what tests draw at random")
    group.addoption("--seed", type=int, help="draw what the run that printed this seed drew")
    group.addoption("--long", action="store_true", help="draw much more, for hours")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed; a worker of xdist takes the one of the run."""
    if hasattr(config, "workerinput"):
        config.option.seed = config.workerinput["seed"]
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(LARGEST)
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(config.option.seed)
    hypothesis.settings.load_profile("long" if config.option.long else "search")
    config.addinivalue_line(
        "markers",
        "seeds(few, many, kept=()): run with so many seeds, with --long with many, and with kept",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Hand the seed to a worker of xdist, which is given the command's arguments only."""
    node.workerinput["seed"] = node.config.option.seed


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.option.seed} (to draw the same again: {_options(config)})"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("seeds")
    if marker:
        name = metafunc.definition.nodeid.replace("\\", "/")
        metafunc.parametrize("seed", seeds(metafunc.config, name, *marker.args, **marker.kwargs))


def seeds(
    config: pytest.Config, name: str, few: int, many: int, kept: Iterable[int] = ()
) -> list[int]:
    """The kept seeds, then the run's own for this name: the first are the same with ``--long``."""
    drawn = random.Random(f"{config.option.seed} {name}")
    number = many if config.option.long else few
    return [*kept, *(drawn.randrange(LARGEST) for _ in range(number))]


def few_or_many(few: int, many: int) -> int:
    """How many examples of Hypothesis are tried: few, or with ``--long`` many."""
    return many if hypothesis.settings.get_current_profile_name() == "long" else few


@pytest.fixture(scope="session")
def run_seed(pytestconfig: pytest.Config) -> int:
    """The seed of the run, for what many tests read and no seed of their own draws."""
    return pytestconfig.option.seed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.failed and _draws(item):
        repeat = f"pytest {_options(item.config)} '{item.nodeid}'"
        report.sections.append(("what was drawn", f"To draw the same again: {repeat}"))
    return report


def _draws(item: pytest.Item) -> bool:
    names = getattr(item, "fixturenames", ())
    drawn = item.get_closest_marker("seeds") or "run_seed" in names
    return bool(drawn) or is_hypothesis_test(getattr(item, "obj", None))


def _options(config: pytest.Config) -> str:
    return f"--seed={config.option.seed}" + (" --long" if config.option.long else "")
