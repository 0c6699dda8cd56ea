"""Several processes send one business date. They share nothing but the ledger; this one starts, watches and ends them.

Each is ``python -m cobranca.reminders.worker``, an interpreter of its own: nothing is forked, and nothing of Airflow is
loaded again. Its input brings its task and then what the others meet, so that one refused credential or one full quota stops
all of them; its output tells how far it is. Where its input ends, it ends too, which is what happens when this process is
killed: nobody is left who sends without being watched.
"""

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

from cobranca.connections import Connection, get_connection
from cobranca.errors import CobrancaError, ConfigError, DeliveryHalted
from cobranca.policy import Policy
from cobranca.reminders.sender import Terms
from cobranca.settings import Settings

log = logging.getLogger(__name__)

# So many messages are worth the second that a process takes to start.
MESSAGES_A_PROCESS = 500
# What is on its way has this long to be answered and recorded, once a process was told to end.
END_SECONDS = 60
# Twice its lease without a word: others may have taken over what it held, so it must not wake up again.
SILENT_LEASES = 2
# Fewer doubts or refusals in a row than this say nothing, however many processes share them.
FEWEST_DOUBTS = 5
# Nor is one waited for that has not said its first word by then.
START_SECONDS = 60


class WorkerFailed(CobrancaError):
    """A sending process met an error that it could not name; its own words are in the log."""


@dataclass(frozen=True)
class Task:
    """What a process is given. ``clock_ahead`` is how many seconds the caller's clock is ahead of the machine's.

    Holds credentials: it travels through a pipe, never as an argument or a variable.
    """

    settings: Settings
    business_date: date
    batch_id: str
    terms: Terms
    clock_ahead: float
    connections: tuple[Connection, ...]
    log_level: int

    def as_line(self) -> str:
        body = asdict(self) | {"business_date": self.business_date.isoformat()}
        body["settings"] |= {name: str(body["settings"][name]) for name in ("config", "data")}
        return json.dumps(body) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Task":
        body = json.loads(line)
        paths = {name: Path(body["settings"][name]) for name in ("config", "data")}
        return cls(
            **body
            | {
                "settings": Settings(**body["settings"] | paths),
                "business_date": date.fromisoformat(body["business_date"]),
                "terms": Terms(**body["terms"]),
                "connections": tuple(Connection(**connection) for connection in body["connections"]),
            }
        )


@dataclass
class Told:
    """What the processes did: messages ``sent``, and how many processes were ``lost`` with what they had in hand."""

    sent: int = 0
    lost: int = 0


def processes_for(settings: Settings, messages: int) -> int:
    """How many processes these messages are worth. SQLite lets one write at a time, so more would only wait."""
    if settings.ledger.startswith("sqlite"):
        return 1
    return max(1, min(settings.delivery_processes, messages // MESSAGES_A_PROCESS))


def send_in_processes(
    settings: Settings,
    policy: Policy,
    business_date: date,
    batch_id: str,
    *,
    number: int,
    clock: Callable[[], datetime],
    terms: Terms,
) -> Told:
    """Let ``number`` processes share the threads of ``terms`` and send what is planned.

    Raises:
        DeliveryHalted: the provider refuses the credentials.
        WorkerFailed: one of them met an error; the others were ended.
    """
    share = replace(terms, threads=max(1, terms.threads // number), doubts=max(FEWEST_DOUBTS, terms.doubts // number))
    task = Task(
        settings=settings,
        business_date=business_date,
        batch_id=batch_id,
        terms=share,
        clock_ahead=(clock() - datetime.now().astimezone()).total_seconds(),
        connections=_connections(settings, policy),
        log_level=logging.getLogger().getEffectiveLevel(),
    )
    return _Processes(task, number).run()


def _connections(settings: Settings, policy: Policy) -> tuple[Connection, ...]:
    """Those that a delivery may ask for, wherever this process finds them; one that is missing is missed by who needs it."""
    from cobranca.reminders.unsubscribe import CONNECTION
    from cobranca.sources.mapping import load_mappings

    wanted = {policy.creditor.sendgrid_connection, policy.texts.connection, CONNECTION}
    with suppress(ConfigError):
        wanted |= {mapping.connection for mapping in load_mappings(settings).values()}
    found = []
    for conn_id in sorted(filter(None, wanted)):
        with suppress(ConfigError):
            found.append(get_connection(conn_id))
    return tuple(found)


class _Process:
    """One process and what it has told so far."""

    def __init__(self, task_line: str):
        # -P: modules come from the installation, never from the folder in which somebody happens to be.
        command = [sys.executable, "-P", "-m", "cobranca.reminders.worker"]
        self._popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.sent = 0
        self.ended: str | None = None
        self.reason = ""
        self._started_at = time.monotonic()
        self._heard_at: float | None = None
        self.say(task_line)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def lines(self):
        return self._popen.stdout

    def say(self, line: str) -> None:
        # One that has just died hears nothing; that is noticed by its silence.
        with suppress(OSError, ValueError):
            self._popen.stdin.write(line)
            self._popen.stdin.flush()

    def hear(self, told: dict) -> None:
        self._heard_at = time.monotonic()
        self.sent = told.get("sent", self.sent)
        self.ended, self.reason = told.get("ended", self.ended), told.get("reason", self.reason)

    def is_silent(self, seconds: float) -> bool:
        """Since its last word; until the first it is still starting."""
        if self._heard_at is None:
            return time.monotonic() - self._started_at > START_SECONDS
        return time.monotonic() - self._heard_at > seconds

    def end(self) -> None:
        with suppress(OSError):
            self._popen.stdin.close()

    def kill(self) -> None:
        self._popen.kill()

    def wait(self, seconds: float) -> None:
        """Until it is gone, by force when it takes longer."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


class _Processes:
    """Starts them, passes on what one of them met, and sees the end of each."""

    def __init__(self, task: Task, number: int):
        self._task, self._number = task, number
        self._running: list[_Process] = []
        self._told: SimpleQueue[tuple[_Process, dict | None]] = SimpleQueue()

    def run(self) -> Told:
        told, line = Told(), self._task.as_line()
        try:
            for _ in range(self._number):
                self._start(line)
            while self._running:
                if ended := self._next():
                    told.sent += ended.sent
                    told.lost += ended.ended is None
                    self._judge(ended)
        finally:
            self._end_all()
        return told

    def _start(self, line: str) -> None:
        process = _Process(line)
        self._running.append(process)
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    def _listen(self, process: _Process) -> None:
        for line in process.lines():
            # A line that was cut belongs to one that was killed while it spoke.
            with suppress(ValueError):
                self._told.put((process, json.loads(line)))
        self._told.put((process, None))

    def _next(self) -> _Process | None:
        """Take one thing that was told; returns the process if it was its last."""
        lease = self._task.terms.lease_seconds
        for process in self._running:
            if process.is_silent(SILENT_LEASES * lease):
                process.kill()
        try:
            process, told = self._told.get(timeout=lease / 2)
        except Empty:
            return None
        if told is None:
            self._running.remove(process)
            process.wait(END_SECONDS)
            return process
        process.hear(told)
        if "setback" in told:
            for other in self._running:
                if other is not process:
                    other.say(json.dumps(told["setback"]) + "\n")
        return None

    def _judge(self, process: _Process) -> None:
        if process.ended is None:
            log.error("a sending process (%d) is gone; what it had in hand is taken over when its lease ends", process.pid)
        elif process.ended == "halted":
            raise DeliveryHalted(process.reason)
        elif process.ended == "failed":
            raise WorkerFailed(f"a sending process failed: {process.reason}. What had not left is planned again.")

    def _end_all(self) -> None:
        """On the way out, however that came about: no process outlives this call."""
        for process in self._running:
            process.end()
        until = time.monotonic() + END_SECONDS
        try:
            for process in self._running:
                process.wait(max(0.0, until - time.monotonic()))
        except BaseException:
            for process in self._running:
                process.kill()
            raise
