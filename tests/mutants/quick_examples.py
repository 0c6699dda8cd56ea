"""A plugin of pytest for runs that end with the first failure, which is enough: a mutant is caught.

The same examples of each property every time, no search for smaller ones, and short tests first.
"""

import json
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# Where mutmut keeps how long each test took without a mutant.
TIMES = Path("mutmut-stats.json")


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile(
        "mutants",
        max_examples=25,
        phases=(Phase.explicit, Phase.generate),
        derandomize=True,
        database=None,
        deadline=None,
    )
    settings.load_profile("mutants")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if TIMES.exists():
        seconds = json.loads(TIMES.read_text(encoding="utf-8"))["duration_by_test"]
        # The times are without those of fixtures, of which a server takes the longest.
        items.sort(key=lambda item: ("postgres" in item.nodeid, seconds.get(item.nodeid, 0)))
