"""A plugin of pytest that writes the names of the failed tests, one a line, to a file.

``MUTANTS_FAILED_TESTS`` names the file. Of a property the first failure is enough: no smaller
example is searched for.
"""

import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis import Phase


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    hypothesis.settings.register_profile(
        "first_failure",
        hypothesis.settings(),
        phases=(Phase.explicit, Phase.generate),
        report_multiple_bugs=False,
    )
    hypothesis.settings.load_profile("first_failure")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        with Path(os.environ["MUTANTS_FAILED_TESTS"]).open("a", encoding="utf-8") as file:
            file.write(f"{report.nodeid}\n")
