"""Fixtures of the tests of reminders."""

from dataclasses import replace

import pytest

from cobranca.ledger import open_ledger
from ledger.clients import LedgerClients
from reminders.plans import as_planned

UNSUBSCRIBE_SECRET = "a secret of an installation, long enough"


@pytest.fixture
def unsubscribe_secret(monkeypatch) -> str:
    """The secret of the installation's unsubscribe tokens."""
    connection = f'{{"conn_type": "generic", "password": "{UNSUBSCRIBE_SECRET}"}}'
    monkeypatch.setenv("AIRFLOW_CONN_UNSUBSCRIBE", connection)
    return UNSUBSCRIBE_SECRET


@pytest.fixture
def source_changes(monkeypatch) -> dict[str, dict]:
    """Fields that differ from the plan in the source, by receivable id; the source is a stub."""
    changes: dict[str, dict] = {}

    def read(settings, source, receivable_ids, kept, day):
        return {
            key: replace(state, **changes.get(key, {}))
            for key, state in as_planned(settings, source, receivable_ids).items()
        }

    monkeypatch.setattr("cobranca.sources.current_state.read_current_state", read)
    return changes


@pytest.fixture
def ledger(settings):
    """The clients of the installation's ledger."""
    engine = open_ledger(settings.ledger)
    yield LedgerClients(engine)
    engine.dispose()
