"""Fixtures of every test: real servers, and settings in a temporary folder."""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cobranca.settings import Settings
from creditor_files import copy_config
from distribution import ByNight, place_of
from servers import (
    MariadbUnavailable,
    PostgresUnavailable,
    PrivateMariadb,
    PrivatePostgres,
    unavailable,
)

# What is drawn at random; what dbt reads once; and the busy nights of tests/warehouse, which other
# folders read as well.
pytest_plugins = ("seeds", "parsed_project", "warehouse.busy_nights")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the longest first where several workers share the tests.

    One process alone keeps the order of collection, so that short tests report first.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place_of(item.nodeid))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives until the end: libraries, tests, dbt's project.

    To look through it again and again took a tenth of the whole run.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def pytest_sessionfinish() -> None:
    """Let the interpreter take everything apart, as it does at the end of a run."""
    gc.unfreeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    config.option.loadscopereorder = False
    return ByNight(config, log)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PrivatePostgres]:
    """A PostgreSQL server for the whole session.

    ``.create_database(name) -> url``, ``.drop_database(name)``, ``.url(name)``.
    """
    server = PrivatePostgres()
    try:
        server.start()
    except PostgresUnavailable as error:
        unavailable(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[PrivateMariadb]:
    """A MariaDB server for the whole session, with the same methods."""
    server = PrivateMariadb()
    try:
        server.start()
    except MariadbUnavailable as error:
        unavailable(str(error))
    yield server
    server.stop()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty installation with its own copy of the default configuration."""
    config, data = tmp_path / "config", tmp_path / "data"
    copy_config(config)
    data.mkdir()
    return Settings(
        config=config,
        data=data,
        warehouse=f"duckdb:///{data / 'warehouse.duckdb'}",
        ledger=f"sqlite:///{data / 'ledger.db'}",
        delivery="outbox",
    )


@pytest.fixture
def watch_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Callable[[ModuleType], None]:
    """Let ``caplog`` see what a module writes to its ``log``.

    Airflow's logging, once another test set it up, takes records before they reach pytest's.
    """

    def watch(module: ModuleType) -> None:
        log = logging.Logger(module.__name__)  # noqa: LOG001 - apart from Airflow's handlers
        log.addHandler(caplog.handler)
        monkeypatch.setattr(module, "log", log)

    return watch


@pytest.fixture
def far_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time zone is that of Tokyo."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
