"""A contact ledger on each engine, and a stand-in for the provider's API."""

import itertools

import pytest

from cobranca.ledger import open_ledger
from cobranca.settings import Settings
from events.provider_api import provider, real
from ledger.clients import LedgerClients

_databases = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, settings: Settings):
    url = settings.ledger
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_database(
            f"reports_{next(_databases)}"
        )
    engine = open_ledger(url)
    yield LedgerClients(engine)
    engine.dispose()


__all__ = ["ledger", "provider", "real"]
