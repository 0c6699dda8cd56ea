"""Worker pool: start, supervise and end the processes that send one business date.

The processes share only the ledger. Each is a new interpreter
(``python -m cobranca.reminders.delivery.worker_process``): nothing is forked, and Airflow is not
loaded.

The parent writes the task to the worker's input, and then the setbacks of the other workers. So one
refused credential or one exhausted quota stops all of them. The worker writes progress reports to
its output. It ends when its input is closed. That also happens when the parent is killed, so no
worker goes on without supervision.
"""

import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, TypedDict

from cobranca.connections import Connection, get_connection
from cobranca.errors import CobrancaError, ConfigError, DeliveryHalted
from cobranca.policy import Policy
from cobranca.reminders.delivery.sender_context import DeliveryOptions
from cobranca.settings import Settings

log = logging.getLogger(__name__)

# Messages per process. With fewer, the second that a process takes to start is not worth it.
MESSAGES_A_PROCESS = 500
# How long a process may take to record the messages in flight after it was asked to end.
END_SECONDS = 60
# A worker without a report for this many leases is killed: others may have taken over its messages,
# so it must not resume.
SILENT_LEASES = 2
# A worker without any report this long after its start is killed too.
START_SECONDS = 60
# Fewer failures in a row than this prove nothing, however many processes share the limit.
FEWEST_FAILURES = 5


class WorkerFailed(CobrancaError):
    """A worker process failed with an unexpected error; the details are in the log."""


class WorkerReport(TypedDict, total=False):
    """One line of a worker's output: its progress, a setback, or the end of its work.

    ``ended`` is ``done``, ``halted`` or ``failed``. The last two have a ``reason``. An empty report
    is a heartbeat.
    """

    sent: int
    setback: dict[str, object]
    ended: str
    reason: str


@dataclass(frozen=True)
class WorkerTask:
    """Task of a worker process.

    ``clock_offset_seconds`` is how far the caller's clock is ahead of the machine's.

    The task holds credentials: it is passed through a pipe, never as an argument or an environment
    variable.
    """

    settings: Settings
    business_date: date
    batch_id: str
    options: DeliveryOptions
    clock_offset_seconds: float
    connections: tuple[Connection, ...]
    log_level: int

    def as_line(self) -> str:
        """Serialize the task as one line of JSON."""
        body = asdict(self) | {"business_date": self.business_date.isoformat()}
        body["settings"] |= {name: str(body["settings"][name]) for name in ("config", "data")}
        return json.dumps(body) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "WorkerTask":
        """Parse a line of :meth:`as_line`."""
        body = json.loads(line)
        paths = {name: Path(body["settings"][name]) for name in ("config", "data")}
        return cls(
            **body
            | {
                "settings": Settings(**body["settings"] | paths),
                "business_date": date.fromisoformat(body["business_date"]),
                "options": DeliveryOptions(**body["options"]),
                "connections": tuple(
                    Connection(**connection) for connection in body["connections"]
                ),
            }
        )


@dataclass
class PoolResult:
    """Result of all workers: the messages sent, and the processes lost with claimed messages."""

    sent: int = 0
    lost: int = 0


def processes_for(settings: Settings, messages: int) -> int:
    """Number of processes for this many messages.

    SQLite allows one writer at a time, so one process is enough.
    """
    if settings.ledger.startswith("sqlite"):
        return 1
    return max(1, min(settings.delivery_processes, messages // MESSAGES_A_PROCESS))


def send_in_processes(task: WorkerTask, number: int) -> PoolResult:
    """Send the planned messages in ``number`` processes, which share the threads of the options.

    Raises:
        DeliveryHalted: the provider refuses the credentials.
        WorkerFailed: one of them met an error; the others were ended.
    """
    options = replace(
        task.options,
        threads=max(1, task.options.threads // number),
        max_failures_in_a_row=max(FEWEST_FAILURES, task.options.max_failures_in_a_row // number),
    )
    return _Pool(replace(task, options=options), number).run()


def connections_for(settings: Settings, policy: Policy) -> tuple[Connection, ...]:
    """Connections that a delivery may need, as found by this process.

    A missing one is left out. The code that needs it raises the error.
    """
    from cobranca.reminders.render.unsubscribe import CONNECTION
    from cobranca.sources.mapping.load import load_mappings

    wanted = {*policy.sendgrid_connections, policy.texts.connection, CONNECTION}
    with suppress(ConfigError):
        wanted |= {mapping.connection for mapping in load_mappings(settings).values()}
    found = []
    for conn_id in sorted(filter(None, wanted)):
        with suppress(ConfigError):
            found.append(get_connection(conn_id))
    return tuple(found)


class _Process:
    """A worker process, and its latest report."""

    def __init__(self, task_line: str):
        # -P: modules come from the installation, never from the current folder.
        command = [sys.executable, "-P", "-m", "cobranca.reminders.delivery.worker_process"]
        self._popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.sent = 0
        self.ended: str | None = None
        self.reason = ""
        self._started_at = time.monotonic()
        self._reported_at: float | None = None
        self.write(task_line)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def output(self) -> IO[str]:
        assert self._popen.stdout is not None  # opened with a pipe
        return self._popen.stdout

    @property
    def _input(self) -> IO[str]:
        assert self._popen.stdin is not None  # opened with a pipe
        return self._popen.stdin

    def write(self, line: str) -> None:
        # A process that has just died reads nothing. The end of its output shows that.
        with suppress(OSError, ValueError):
            self._input.write(line)
            self._input.flush()

    def record(self, report: WorkerReport) -> None:
        self._reported_at = time.monotonic()
        self.sent = report.get("sent", self.sent)
        self.ended = report.get("ended", self.ended)
        self.reason = report.get("reason", self.reason)

    def is_silent(self, seconds: float) -> bool:
        """Whether its last report is older than ``seconds``; a start may take longer."""
        if self._reported_at is None:
            return time.monotonic() - self._started_at > START_SECONDS
        return time.monotonic() - self._reported_at > seconds

    def end(self) -> None:
        with suppress(OSError):
            self._input.close()

    def kill(self) -> None:
        self._popen.kill()

    def wait(self, seconds: float) -> None:
        """Wait for its end, at most ``seconds``; then kill it."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


class _Pool:
    """Supervisor of the workers: starts them, forwards setbacks, and waits for their end."""

    def __init__(self, task: WorkerTask, number: int):
        self._task, self._number = task, number
        self._running: list[_Process] = []
        # ``None`` marks the end of a worker's output.
        self._reports: SimpleQueue[tuple[_Process, WorkerReport | None]] = SimpleQueue()

    def run(self) -> PoolResult:
        result, line = PoolResult(), self._task.as_line()
        try:
            for _ in range(self._number):
                self._start(line)
            while self._running:
                if ended := self._next():
                    result.sent += ended.sent
                    result.lost += ended.ended is None
                    self._assess(ended)
        finally:
            self._end_all()
        return result

    def _start(self, line: str) -> None:
        process = _Process(line)
        self._running.append(process)
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    def _listen(self, process: _Process) -> None:
        for line in process.output:
            # A process that is killed while it writes leaves an incomplete line.
            with suppress(ValueError):
                self._reports.put((process, json.loads(line)))
        self._reports.put((process, None))

    def _next(self) -> _Process | None:
        """Handle one report; returns the process if its output has ended."""
        lease = self._task.options.lease_seconds
        for process in self._running:
            if process.is_silent(SILENT_LEASES * lease):
                process.kill()
        try:
            process, report = self._reports.get(timeout=lease / 2)
        except Empty:
            return None
        if report is None:
            self._running.remove(process)
            process.wait(END_SECONDS)
            return process
        process.record(report)
        if "setback" in report:
            for other in self._running:
                if other is not process:
                    other.write(json.dumps(report["setback"]) + "\n")
        return None

    def _assess(self, process: _Process) -> None:
        if process.ended is None:
            log.error(
                "a sending process (%d) is gone; the messages that it had claimed are taken over "
                "when its lease expires",
                process.pid,
            )
        elif process.ended == "halted":
            raise DeliveryHalted(process.reason)
        elif process.ended == "failed":
            raise WorkerFailed(
                f"a sending process failed: {process.reason}. What had not left is planned again."
            )

    def _end_all(self) -> None:
        """End all workers, also after an error. No process outlives this call."""
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
