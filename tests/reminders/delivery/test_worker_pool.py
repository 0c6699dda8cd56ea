"""Worker pool: processes share a night, and one of them or their parent is lost."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from cobranca.connections import Connection
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts
from cobranca.reminders.delivery import worker_pool
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from cobranca.reminders.delivery.worker_pool import WorkerTask, processes_for
from faults.nights import CANARY_KEY, SENDING_AT_MOST, Night, sending_processes
from faults.provider import StandInProvider
from ledger.clients import LedgerClients
from reminders.plans import TONIGHT
from seeds import few_or_many

# The lease of a test in which a process dies and its messages are taken over; and the lease of the
# others, which must not expire on a busy machine.
SHORT, LONG = 4, 60
MESSAGES = 60


@pytest.fixture
def night(settings, postgres_server, tmp_path) -> Night:
    url = postgres_server.create_database(f"ledger_{abs(hash(str(tmp_path))) % 10**12}")
    return Night(settings, url, tmp_path, messages=MESSAGES)


def always_slow(number: int, key: str) -> str:
    return "slow"


def start_worker(night: Night, provider: StandInProvider, lease: float = LONG, **options):
    return night.start(provider.url, processes=2, lease=lease, claim_size=10, **options)


def finish_night(night: Night, provider: StandInProvider) -> dict:
    code, counts = night.run(provider.url, lease=LONG)
    assert code == 0, night.log.read_text()
    return counts


def wait_for_mails(provider: StandInProvider, number: int) -> None:
    until = time.monotonic() + 60
    while len(provider.accepted_keys()) < number:
        assert time.monotonic() < until, "nothing was sent"
        time.sleep(0.02)


def wait_for_claims(night: Night, number: int) -> None:
    """Wait until so many workers have claimed messages."""
    query = sa.select(sa.func.count(sa.distinct(contacts.c.owner)))
    engine, until = open_ledger(night.settings.ledger), time.monotonic() + 60
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as ledger:
        while ledger.scalar(query) < number:
            assert time.monotonic() < until, "they did not all start"
            time.sleep(0.02)
    engine.dispose()


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_several_processes_share_a_night_and_log_no_personal_data(night, tmp_path):
    """Each process reads a bank's file that arrives during its first or second claim."""
    night.add_return_folder()
    later = sorted(range(MESSAGES), key=night.keys.__getitem__)[40:]

    def script(number: int, key: str) -> str:
        if number == 20:
            night.drop_return_file(*later)
        return "slow"

    with StandInProvider(tmp_path / "mails.jsonl", script) as provider:
        worker = start_worker(night, provider, debug=True)
        assert len(sending_processes(worker, 2)) == 2
        worker.join(120)
        counts = night.counts()
        assert (counts["new"], counts["sent"]) == (40, 40), night.log.read_text()
        assert night.check(provider).states == {"sent": 40, "cancelled_paid": 20}
        log = night.log.read_text()
        assert "DEBUG" in log
        assert [
            word for word in (CANARY_KEY, "Maria", "@example.com", "23793") if word in log
        ] == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_messages_claimed_by_a_lost_process_are_taken_over(night, tmp_path, how):
    """A suspended process is killed before it can resume."""
    with StandInProvider(tmp_path / "mails.jsonl", always_slow) as provider:
        worker = start_worker(night, provider, SHORT)
        victim, *_ = sending_processes(worker, 2)
        wait_for_claims(night, 2)
        os.kill(victim, how)
        worker.join(120)
        assert worker.exitcode == 0 and not is_running(victim), night.log.read_text()
        report = night.check(provider)
        assert report.states["sent"] + report.states["unknown"] == MESSAGES
        assert report.states["unknown"] <= SENDING_AT_MOST


def test_a_process_that_never_reports_is_killed(night, tmp_path):
    with StandInProvider(tmp_path / "mails.jsonl", always_slow) as provider:
        worker = start_worker(night, provider, SHORT, start=few_or_many(20, 60))
        os.kill(sending_processes(worker)[0], signal.SIGSTOP)
        worker.join(240)
        assert worker.exitcode == 0, night.log.read_text()
        assert night.check(provider).states == {"sent": MESSAGES}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_workers_end_when_their_parent_is_ended(night, tmp_path, how):
    with StandInProvider(tmp_path / "mails.jsonl", always_slow) as provider:
        worker = start_worker(night, provider)
        children = sending_processes(worker, 2)
        wait_for_mails(provider, 8)
        os.kill(worker.pid, how)
        worker.join(60)
        until = time.monotonic() + 30
        while any(map(is_running, children)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(is_running, children))
        left = MESSAGES - len(provider.accepted_keys())
        assert left > 0, "the workers went on to the end"
        # The workers recorded the messages in flight and released the others.
        assert night.check(provider).states == {"sent": MESSAGES - left, "planned": left}
        assert finish_night(night, provider)["new"] == left
        assert night.check(provider).states == {"sent": MESSAGES}


def test_a_refused_credential_stops_all_processes(night, tmp_path):
    with StandInProvider(
        tmp_path / "mails.jsonl", lambda number, key: "slow" if number < 12 else "401"
    ) as provider:
        worker = start_worker(night, provider)
        worker.join(120)
        assert worker.exitcode not in (0, None) and "DeliveryHalted" in night.log.read_text()
        assert provider.behaved["401"] <= 8, "more than one message a thread was refused"
        assert night.check(provider).states == {"sent": 12, "planned": MESSAGES - 12}


def test_a_pause_stops_all_processes(night, tmp_path):
    with StandInProvider(tmp_path / "mails.jsonl", always_slow) as provider:
        worker = start_worker(night, provider)
        wait_for_mails(provider, 8)
        engine = open_ledger(night.settings.ledger)
        LedgerClients(engine).switches.pause("ana", "teste")
        worker.join(120)
        sent = len(provider.accepted_keys())
        assert sent < MESSAGES and night.counts()["held"] == MESSAGES - sent
        LedgerClients(engine).switches.resume("ana", "teste")
        engine.dispose()
        assert finish_night(night, provider)["sent"] == MESSAGES


def test_few_messages_or_an_sqlite_ledger_need_one_process(settings):
    many = replace(settings, delivery_processes=4)
    on_postgres = replace(many, ledger="postgresql://ledger")
    assert processes_for(many, 100_000) == 1
    assert [processes_for(on_postgres, number) for number in (0, 900, 1000, 1700, 100_000)] == [
        1,
        1,
        2,
        3,
        4,
    ]


def test_a_task_arrives_in_the_worker_as_it_was_given(settings):
    connection = Connection(conn_id="sendgrid", conn_type="http", password="SG.x")
    options = DeliveryOptions(lease_seconds=7, threads=3, fresh_seconds=5, grace_seconds=1)
    task = WorkerTask(settings, TONIGHT, "b1", options, -3600.5, (connection,), 10)
    assert WorkerTask.from_line(task.as_line()) == task
    assert task.as_line().count("\n") == 1


@pytest.mark.parametrize(
    ("number", "threads", "failures"), [(1, 8, 20), (2, 4, 10), (3, 2, 6), (4, 2, 5), (16, 1, 5)]
)
def test_the_processes_share_the_threads_and_the_failures_in_a_row(
    settings, monkeypatch, number, threads, failures
):
    given = []
    monkeypatch.setattr(worker_pool._Pool, "run", lambda pool: given.append(pool._task.options))
    task = WorkerTask(settings, TONIGHT, "b1", DeliveryOptions(), 0, (), 10)
    worker_pool.send_in_processes(task, number)
    assert (given[0].threads, given[0].max_failures_in_a_row) == (threads, failures)
