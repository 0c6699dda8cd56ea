"""A log of one's own: Airflow's logging, once another test set it up, takes records before they reach pytest's."""

import logging
from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def watch_log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], None]:
    """Let ``caplog`` see what a module writes to its ``log``."""

    def watch(module: ModuleType) -> None:
        log = logging.Logger(module.__name__)
        log.addHandler(caplog.handler)
        monkeypatch.setattr(module, "log", log)

    return watch
