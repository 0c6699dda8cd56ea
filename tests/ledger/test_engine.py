"""Opening the ledger: concurrent migrations, errors of the URL, and idle transactions."""

import sqlite3
import threading
from multiprocessing import get_context

import pytest
import sqlalchemy as sa

from cobranca.errors import ConfigError, LedgerError
from cobranca.ledger import engine as engine_module
from cobranca.ledger import open_ledger
from cobranca.ledger.contact_planning import _PLANNING_LOCK
from ledger.clients import LedgerClients
from ledger.contact_rows import NIGHT, planned_contact

PROCESSES = get_context("forkserver")


def _open(url: str) -> None:
    open_ledger(url).dispose()


def test_processes_that_start_together_migrate_one_after_another(url):
    processes = [PROCESSES.Process(target=_open, args=(url,)) for _ in range(3)]
    for process in processes:
        process.start()
    threads = [threading.Thread(target=_open, args=(url,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in (*threads, *processes):
        thread.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    _open(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [("mysql://x/y", "mysql"), ("nonsense", "not a URL")],
)
def test_an_unsupported_url_is_refused_with_the_reason(url, reason):
    with pytest.raises(ConfigError, match=reason):
        open_ledger(url)


def test_an_unreachable_ledger_is_reported_without_the_password():
    with pytest.raises(LedgerError, match="cannot be opened") as caught:
        open_ledger("postgresql://u:s3cret@127.0.0.1:1/x")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (" disk I/O error \nDETAIL: maria@example.com", "disk I/O error"),
        ("", "OperationalError"),
        (" \n", "OperationalError"),
    ],
)
def test_the_first_line_of_a_database_error_is_told_or_its_kind(said, line, monkeypatch, tmp_path):
    def refuse(engine: sa.Engine) -> None:
        raise sa.exc.OperationalError("select 1", {}, sqlite3.OperationalError(said))

    monkeypatch.setattr(engine_module, "migrate", refuse)
    with pytest.raises(LedgerError) as caught:
        open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    assert f" cannot be opened: {line}. Check that" in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_the_server_ends_an_idle_transaction_and_frees_its_lock(url, monkeypatch):
    open_ledger(url).dispose()
    monkeypatch.setattr(engine_module, "IDLE_SECONDS", 0.3)
    idle, busy = open_ledger(url), open_ledger(url)
    with idle.connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLANNING_LOCK)))
        assert LedgerClients(busy).planner.plan(NIGHT, "b1", [[(planned_contact(), [])]]) == 1
        with pytest.raises(sa.exc.InternalError, match="idle-in-transaction"):
            connection.execute(sa.select(1))
        connection.invalidate()
    for engine in (idle, busy):
        engine.dispose()
