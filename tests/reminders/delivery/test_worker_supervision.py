"""Supervision of the workers, for which small programs stand, so that each may behave badly."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cobranca.connections import Connection
from cobranca.errors import DeliveryHalted
from cobranca.policy import load_policy
from cobranca.reminders.delivery import worker_pool
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from cobranca.reminders.delivery.worker_pool import (
    PoolResult,
    WorkerFailed,
    WorkerTask,
    connections_for,
    send_in_processes,
)
from reminders.plans import TONIGHT

# A pool that waits for nothing must not hold up the other tests.
pytestmark = pytest.mark.timeout(30)
# What each program may use. The first to start plays the first program, and so on. It ends after
# ten seconds, whatever it waits for.
STAND_IN = """#!{python} -IS
import json, os, signal, sys, time
signal.alarm(10)
folder = {folder!r}

def hear():
    return sys.stdin.readline()

def say(**report):
    print(json.dumps(report), flush=True)

def note(what):
    with open(folder + "/notes", "a") as file:
        file.write(json.dumps(what) + chr(10))

def hang():
    time.sleep(60)

for number in range(100):
    try:
        os.mkdir(folder + "/" + str(number))
    except FileExistsError:
        continue
    break
task = hear()
note([number, os.getpid()])
exec(open(folder + "/" + str(number) + ".py").read())
"""
RETRY = {"result": "retry", "reason": "limite", "wait_seconds": 1}


class Programs:
    """The programs of the workers, and what they noted."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.interpreter = folder / "python"
        self.interpreter.write_text(STAND_IN.format(python=sys.executable, folder=str(folder)))
        self.interpreter.chmod(0o700)

    def are(self, *programs: str) -> None:
        for number, program in enumerate(programs):
            (self._folder / f"{number}.py").write_text(program)

    def notes(self) -> list:
        path = self._folder / "notes"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def pids(self) -> dict[int, int]:
        """The process of each program that has started, by its number."""
        return dict(note for note in self.notes() if isinstance(note, list))

    def told(self) -> list:
        """What the programs noted, without their starts."""
        return [note for note in self.notes() if not isinstance(note, list)]


@pytest.fixture
def programs(tmp_path, monkeypatch) -> Programs:
    folder = tmp_path / "programs"
    folder.mkdir()
    programs = Programs(folder)
    monkeypatch.setattr(worker_pool, "sys", SimpleNamespace(executable=str(programs.interpreter)))
    monkeypatch.setattr(worker_pool, "END_SECONDS", 5)
    return programs


@pytest.fixture
def task(settings) -> WorkerTask:
    return WorkerTask(settings, TONIGHT, "b1", DeliveryOptions(lease_seconds=60), 0.0, (), 20)


def with_lease(task: WorkerTask, seconds: float) -> WorkerTask:
    return replace(task, options=replace(task.options, lease_seconds=seconds))


def is_gone(pid: int) -> bool:
    """Whether a process has ended and was waited for."""
    return not Path(f"/proc/{pid}").exists()


def test_the_newest_number_of_each_worker_counts(programs, task):
    programs.are(
        "say(sent=0); say(); say(sent=4); say(sent=7); say(ended='done')",
        "say(sent=2); say(ended='done')",
        "say(ended='done')",
    )
    assert send_in_processes(task, 3) == PoolResult(sent=9, lost=0)
    assert all(map(is_gone, programs.pids().values()))


def test_each_worker_gets_the_task_and_code_of_the_installation(programs, task):
    """With -P a module in the current folder is none of the program's."""
    programs.are(*["note({'task': task, 'arguments': sys.argv[1:]}); say(ended='done')"] * 2)
    send_in_processes(task, 2)
    for told in programs.told():
        assert WorkerTask.from_line(told["task"]).options.threads == task.options.threads // 2
        assert told["arguments"] == ["-P", "-m", "cobranca.reminders.delivery.worker_process"]


def test_a_setback_reaches_the_other_workers_and_not_the_one_that_met_it(programs, task):
    answer = {**RETRY, "reason": "resposta"}
    programs.are(
        f"say(setback={RETRY}); note(hear()); say(ended='done')",
        f"note(hear()); say(setback={answer}); say(ended='done')",
    )
    send_in_processes(task, 2)
    assert [json.loads(line)["reason"] for line in programs.told()] == ["limite", "resposta"]


@pytest.mark.parametrize(
    "last_words",
    ["", "print('nonsense')", "print(json.dumps({'sent': 5})[:-3], end='', flush=True)"],
)
def test_a_worker_that_says_no_end_is_lost_and_the_others_go_on(programs, task, last_words):
    programs.are(
        f"say(sent=1); {last_words}",
        "say(sent=0); time.sleep(0.2); say(sent=2); say(ended='done')",
    )
    assert send_in_processes(task, 2) == PoolResult(sent=3, lost=1)


@pytest.mark.parametrize(
    ("ended", "error", "words"),
    [
        ("halted", DeliveryHalted, "credencial recusada"),
        ("failed", WorkerFailed, "a sending process failed: credencial recusada. What had"),
    ],
)
def test_a_worker_that_halts_or_fails_ends_the_others(programs, task, ended, error, words):
    """Their input is closed, and they may still record what is in flight."""
    programs.are(
        f"time.sleep(0.3); say(ended={ended!r}, reason='credencial recusada')",
        "note(hear()); time.sleep(0.2); note('recorded')",
    )
    with pytest.raises(error) as raised:
        send_in_processes(task, 2)
    assert str(raised.value).startswith(words)
    assert programs.told() == ["", "recorded"]
    assert all(map(is_gone, programs.pids().values()))


@pytest.mark.parametrize("silence", ["hang()", "os.kill(os.getpid(), 19)"])
def test_a_worker_is_killed_after_two_silent_leases(programs, task, silence):
    """A suspended one must not resume: others may have taken over its messages."""
    programs.are(f"say(sent=1); {silence}")
    began = time.monotonic()
    assert send_in_processes(with_lease(task, 0.4), 1) == PoolResult(sent=1, lost=1)
    assert 0.8 <= time.monotonic() - began < 4
    assert all(map(is_gone, programs.pids().values()))


def test_a_worker_that_never_reports_is_killed_after_the_time_of_a_start(
    programs, task, monkeypatch
):
    monkeypatch.setattr(worker_pool, "START_SECONDS", 0.5)
    programs.are("hang()")
    began = time.monotonic()
    assert send_in_processes(with_lease(task, 0.1), 1) == PoolResult(sent=0, lost=1)
    assert 0.5 <= time.monotonic() - began < 4


@pytest.fixture
def process(programs, monkeypatch) -> worker_pool._Process:
    programs.are("hang()")
    process = worker_pool._Process("task\n")
    yield process
    process.kill()
    process.wait(10)


def test_a_worker_is_silent_from_its_last_report_on(process, monkeypatch):
    """A start may take longer than a report."""
    began, now = process._started_at, [0.0]
    monkeypatch.setattr(worker_pool, "time", SimpleNamespace(monotonic=lambda: now[0]))
    found = []
    for seconds in (worker_pool.START_SECONDS, worker_pool.START_SECONDS + 0.1):
        now[0] = began + seconds
        found.append(process.is_silent(8))
    assert found == [False, True]
    now[0] = 1000.0
    process.record({})
    found = []
    for seconds in (0, 8, 8.1):
        now[0] = 1000.0 + seconds
        found.append(process.is_silent(8))
    assert found == [False, False, True]


def test_what_a_report_does_not_name_stays(process):
    process.record({"sent": 3})
    process.record({})
    assert (process.sent, process.ended, process.reason) == (3, None, "")
    process.record({"ended": "failed", "reason": "motivo"})
    process.record({})
    assert (process.sent, process.ended, process.reason) == (3, "failed", "motivo")


def test_a_word_to_a_worker_that_has_just_died_is_dropped(process):
    process.kill()
    process.wait(10)
    process.write("{}\n")
    process.end()
    process.write("{}\n")


def test_a_worker_that_does_not_end_in_time_is_killed(process):
    began = time.monotonic()
    process.wait(0.3)
    assert 0.3 <= time.monotonic() - began < 4 and process._popen.returncode == -signal.SIGKILL


DEAF = "say(sent=1); hear(); hang()"


def test_workers_that_hang_share_the_time_to_end(programs, task, monkeypatch):
    monkeypatch.setattr(worker_pool, "END_SECONDS", 1.0)
    programs.are(*[DEAF] * 3, "time.sleep(0.5); say(ended='halted', reason='motivo')")
    began = time.monotonic()
    with pytest.raises(DeliveryHalted):
        send_in_processes(task, 4)
    assert 1.5 <= time.monotonic() - began < 3.5
    assert all(map(is_gone, programs.pids().values()))


def test_a_worker_that_closes_its_output_and_stays_is_killed(programs, task, monkeypatch):
    monkeypatch.setattr(worker_pool, "END_SECONDS", 0.2)
    programs.are("say(sent=1); say(ended='done'); os.close(1); hang()")
    began = time.monotonic()
    assert send_in_processes(task, 1) == PoolResult(sent=1, lost=0)
    assert time.monotonic() - began < 8
    assert all(map(is_gone, programs.pids().values()))


def test_no_worker_outlives_an_interrupted_end(programs, task, monkeypatch):
    """The person at the terminal presses Ctrl-C a second time."""
    programs.are(*["say(sent=1); hang()"] * 2)
    pool, wait = worker_pool._Pool(task, 2), worker_pool._Process.wait

    def interrupt(process: worker_pool._Process, seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "_next", interrupt_once_started(programs, 2))
    monkeypatch.setattr(worker_pool._Process, "wait", interrupt)
    running = pool._running
    with pytest.raises(KeyboardInterrupt):
        pool.run()
    assert len(running) == 2
    for process in running:
        wait(process, 10)
        assert process._popen.returncode == -signal.SIGKILL


def interrupt_once_started(programs: Programs, number: int) -> Callable[[], None]:
    def interrupt() -> None:
        while len(programs.pids()) < number:
            time.sleep(0.01)
        raise KeyboardInterrupt

    return interrupt


def test_the_connections_of_a_delivery_are_those_that_are_there(settings, monkeypatch):
    """A missing one is named by the code that needs it."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
        monkeypatch.delenv(name)
    policy = load_policy(settings.config, TONIGHT)
    assert connections_for(settings, policy) == ()
    for name in ("SENDGRID", "UNSUBSCRIBE", "ERP", "OTHER"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", f'{{"conn_type": "http", "login": "{name}"}}')
    assert connections_for(settings, policy) == tuple(
        Connection(name, "http", login=name.upper()) for name in ("erp", "sendgrid", "unsubscribe")
    )
    (settings.config / "sources" / "erp.yml").write_text("[")
    names = [connection.conn_id for connection in connections_for(settings, policy)]
    assert names == ["sendgrid", "unsubscribe"], "a mapping that is wrong is told by its reader"
