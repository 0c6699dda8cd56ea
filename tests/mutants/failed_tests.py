"""A plugin of pytest that writes the names of the failed tests, one a line, to a file.

``MUTANTS_FAILED_TESTS`` names the file.
"""

import os
from pathlib import Path

import pytest


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        with Path(os.environ["MUTANTS_FAILED_TESTS"]).open("a", encoding="utf-8") as file:
            file.write(f"{report.nodeid}\n")
