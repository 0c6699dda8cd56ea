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


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_migration_on_a_server_waits_for_that_of_another_process(url):
    other = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    thread = threading.Thread(target=_open, args=(url,))
    with other.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(engine_module._MIGRATION_LOCK)))
        thread.start()
        thread.join(1)
        assert thread.is_alive() and not sa.inspect(connection).has_table("contacts")
    thread.join(60)
    assert not thread.is_alive() and sa.inspect(other).has_table("contacts")
    other.dispose()


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
    # a busy machine may leave its transaction idle for a moment, which is not what is tried here
    busy = open_ledger(url)
    monkeypatch.setattr(engine_module, "IDLE_SECONDS", 0.3)
    idle = open_ledger(url)
    with idle.connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLANNING_LOCK)))
        assert LedgerClients(busy).planner.plan(NIGHT, "b1", [[(planned_contact(), [])]]) == 1
        with pytest.raises(sa.exc.InternalError, match="idle-in-transaction"):
            connection.execute(sa.select(1))
        connection.invalidate()
    for engine in (idle, busy):
        engine.dispose()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("setting", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 60_000)],
)
def test_a_ledger_in_a_file_survives_a_power_cut_and_waits_for_other_writers(
    engine, setting, value
):
    """2 is full: a commit is on the disk before a message is sent."""
    for _ in range(2):
        with engine.connect() as connection:
            assert connection.scalar(sa.text(f"pragma {setting}")) == value
        engine.dispose()


def test_a_ledger_in_a_file_is_opened_although_another_process_locks_it_for_a_moment(tmp_path):
    path = tmp_path / "ledger.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("create table another (x)")
    other.execute("begin exclusive")
    release = threading.Timer(0.5, other.execute, ["commit"])
    release.start()
    _open(f"sqlite:///{path}")
    assert release.finished.is_set()
    other.close()


def test_the_write_ahead_log_waits_for_another_process_that_switches_to_it():
    """SQLite refuses at once, for its own waiting does not cover this."""
    answers = iter([sqlite3.OperationalError("database is locked")] * 2)

    class Cursor:
        def execute(self, _statement: str) -> None:
            for refusal in answers:
                raise refusal

    engine_module._use_write_ahead_log(Cursor())
    assert list(answers) == [], "both refusals were met"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_transaction_on_a_file_has_the_write_lock_from_its_beginning(url, engine):
    """A read lock that becomes a write lock later fails when two workers do so at once."""
    other = sqlite3.connect(sa.make_url(url).database, timeout=0)
    with engine.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("begin immediate")
    other.execute("begin immediate")
    other.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_commit_on_a_server_is_on_the_disk_although_its_default_is_off(url):
    name = sa.make_url(url).database
    engine = open_ledger(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f'alter database "{name}" set synchronous_commit = off'))
    engine.dispose()
    with engine.connect() as connection:
        assert connection.scalar(sa.text("show synchronous_commit")) == "on"
        assert connection.scalar(sa.text("show idle_in_transaction_session_timeout")) == "1min"
    engine.dispose()


def test_the_folders_of_a_ledger_in_a_file_are_made(tmp_path):
    path = tmp_path / "dados" / "razão" / "ledger.db"
    for _ in range(2):
        _open(f"sqlite:///{path}")
    assert path.exists()


def test_options_are_those_of_the_engine_and_a_ledger_may_be_in_memory():
    engine = open_ledger("sqlite://", poolclass=sa.StaticPool)
    assert isinstance(engine.pool, sa.StaticPool) and sa.inspect(engine).has_table("contacts")
    engine.dispose()


def test_an_error_of_the_ledger_tells_no_value(engine):
    with pytest.raises(sa.exc.DBAPIError) as caught, engine.begin() as connection:
        connection.execute(sa.text("select :email from no_table"), {"email": "maria@example.com"})
    assert "maria" not in str(caught.value)


def test_an_installation_may_be_in_a_folder_with_any_sign(tmp_path, monkeypatch):
    folder = tmp_path / "100%(s) nosso"
    folder.mkdir()
    (folder / "migrations").symlink_to(engine_module.MIGRATIONS, target_is_directory=True)
    monkeypatch.setattr(engine_module, "MIGRATIONS", folder / "migrations")
    engine = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    assert sa.inspect(engine).has_table("contacts")
    engine.dispose()


def test_a_ledger_that_is_of_the_newest_revision_stays_as_it_is(engine, monkeypatch):
    """Not even a lock is taken, which an open transaction of a worker could hold."""
    monkeypatch.setattr("alembic.command.upgrade", lambda *_: pytest.fail("it was migrated"))
    engine_module.migrate(engine)
