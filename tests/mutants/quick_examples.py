"""A plugin of pytest: the same examples of each property every time, and no search for smaller
ones, for it is enough that a mutant is caught.
"""

import pytest
from hypothesis import Phase, settings


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
