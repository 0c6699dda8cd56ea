"""The launcher of Airflow: however it ends, none of its processes stays.

Tried with sleeping stand-ins for Airflow's components.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cobranca.local.airflow import (
    MARK,
    AirflowFailed,
    LocalAirflow,
    end_leftovers,
    exclusive_home,
    processes_of,
)

# A component that names itself and starts a child in a group of its own, as Airflow's do, and
# ignores the first request to end.
COMPONENT = """
import signal, subprocess, sys, time
from setproctitle import setproctitle
setproctitle("airflow worker -- " + "a name over all of its environment " * 200)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
time.sleep(300)
"""

LAUNCHER = """
import signal, sys, time
from pathlib import Path
import cobranca.local.airflow as module
from cobranca.local.airflow import LocalAirflow, exclusive_home, exit_on_signals, processes_of

module.STOP_SECONDS = 1
# a shell that starts something in the background has it ignore Ctrl-C, and so all that comes of it
signal.signal(signal.SIGINT, signal.default_int_handler)

class Sleepers(LocalAirflow):
    def _command(self, *arguments):
        return [sys.executable, "-c", {component!r}]
    def _migrate(self): pass
    def _wait_until_healthy(self): pass
    def _make_pools(self): pass
    def _wait_for_dags(self): pass

home = Path({home!r})
with exit_on_signals(), exclusive_home(home), Sleepers(home, "postgresql://user@127.0.0.1/none"):
    while len(processes_of(home)) < 8:  # four components, each with a child
        time.sleep(0.05)
    print("ready", flush=True)
    if {fails}:
        raise RuntimeError("something broke")
    time.sleep(300)
"""


def _launch(home: Path, fails: bool = False) -> subprocess.Popen:
    program = LAUNCHER.format(component=COMPONENT, home=str(home), fails=fails)
    launcher = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert launcher.stdout.readline().strip() == "ready"
    return launcher


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_process(tmp_path, number):
    launcher = _launch(tmp_path)
    assert len(processes_of(tmp_path)) == 8, "four components, each with a child"
    launcher.send_signal(number)
    assert launcher.wait(60) != 0
    assert processes_of(tmp_path) == []


def test_an_error_ends_every_process(tmp_path):
    launcher = _launch(tmp_path, fails=True)
    assert launcher.wait(60) == 1
    assert processes_of(tmp_path) == []


def test_a_second_request_to_stop_does_not_stop_the_stopping(tmp_path):
    launcher = _launch(tmp_path)
    for _ in range(4):
        launcher.send_signal(signal.SIGINT)
        time.sleep(0.2)
    launcher.wait(60)
    assert processes_of(tmp_path) == []


def test_the_next_start_removes_what_a_killed_launcher_left(tmp_path, monkeypatch):
    monkeypatch.setattr("cobranca.local.airflow.STOP_SECONDS", 1)
    launcher = _launch(tmp_path)
    launcher.kill()
    launcher.wait()
    assert len(processes_of(tmp_path)) == 8
    with exclusive_home(tmp_path):  # the lock went with the killed process
        end_leftovers(tmp_path)
    assert processes_of(tmp_path) == []


def test_processes_of_another_home_are_left_alone(tmp_path):
    environment = os.environ | {MARK: str(tmp_path / "other")}
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=environment)
    try:
        end_leftovers(tmp_path)
        assert psutil.pid_exists(other.pid)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_home_is_used_by_one_process_at_a_time(tmp_path):
    launcher = _launch(tmp_path)
    try:
        with (
            pytest.raises(AirflowFailed, match=f"process {launcher.pid} is already running"),
            exclusive_home(tmp_path),
        ):
            pass
    finally:
        launcher.terminate()
        launcher.wait(30)


def test_a_component_that_ends_is_named_with_the_last_line_of_its_log(tmp_path):
    airflow = LocalAirflow(tmp_path, "postgresql://user@127.0.0.1/none")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "scheduler.log").write_text("a line\nthe last word\n")
    airflow._processes["scheduler"] = subprocess.Popen(
        [sys.executable, "-c", "raise SystemExit(3)"]
    )
    airflow._processes["scheduler"].wait()
    with pytest.raises(AirflowFailed, match="scheduler ended with code 3: the last word"):
        airflow.check_alive()


def test_the_secrets_of_a_home_are_its_owners_alone_and_stay_the_same(tmp_path):
    first = LocalAirflow(tmp_path, "postgresql://user@127.0.0.1/none")
    second = LocalAirflow(tmp_path, "postgresql://user@127.0.0.1/none")
    assert first.password == second.password
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
    assert len(first.environment()["AIRFLOW__API_AUTH__JWT_SECRET"].encode()) >= 64


def test_nothing_of_the_callers_airflow_gets_in(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__WEBSERVER__X", "y")
    environment = LocalAirflow(tmp_path, "postgresql://user@127.0.0.1/none").environment()
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW__WEBSERVER__X" not in environment
    assert environment["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
