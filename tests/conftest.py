"""Fixtures for every test: real servers started once a session, and settings that point into a temporary folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from cobranca.settings import PROJECT_ROOT, Settings
from distribution import ByNight, place_of
from servers import MariadbUnavailable, PostgresUnavailable, PrivateMariadb, PrivatePostgres, unavailable

# No example fails because the machine was busy; what else is in force, in CI that examples are not random, stays.
hypothesis.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("patient")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first where several workers share the tests; alone, one wants to hear of the short ones first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    config.option.loadscopereorder = False
    return ByNight(config, log)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PrivatePostgres]:
    """A PostgreSQL server for the whole session: ``.create_database(name) -> url``, ``.drop_database(name)``, ``.url(name)``."""
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
    """Settings of an empty installation with a copy of the default configuration, free to be changed."""
    config, data = tmp_path / "config", tmp_path / "data"
    shutil.copytree(PROJECT_ROOT / "include" / "config", config)
    data.mkdir()
    return Settings(
        config=config,
        data=data,
        warehouse=f"duckdb:///{data / 'warehouse.duckdb'}",
        ledger=f"sqlite:///{data / 'ledger.db'}",
        delivery="outbox",
    )
