"""A ledger on SQLite and on PostgreSQL, and installations that use one."""

import dataclasses
import itertools

import pytest

from cobranca.ledger import open_ledger
from ledger.clients import LedgerClients

_databases = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server = request.getfixturevalue("postgres_server")
    return server.create_database(f"ledger_{next(_databases)}")


@pytest.fixture
def engine(url):
    """An engine on a migrated ledger."""
    engine = open_ledger(url)
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine) -> LedgerClients:
    """All clients of a migrated ledger."""
    return LedgerClients(engine)


@pytest.fixture
def installation(settings, url):
    """Settings of an installation with its ledger at ``url``."""
    return dataclasses.replace(settings, ledger=url)
