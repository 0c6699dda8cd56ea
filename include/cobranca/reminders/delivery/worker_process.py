"""Worker process of a delivery; ``worker_pool.py`` starts and supervises it."""

import gc
import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import IO

from cobranca import connections
from cobranca.errors import CobrancaError, DeliveryHalted
from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery.deliver import open_sender
from cobranca.reminders.delivery.sender import Sender
from cobranca.reminders.delivery.sender_context import Progress
from cobranca.reminders.delivery.worker_pool import WorkerReport, WorkerTask
from cobranca.time_zone import TIME_ZONE


def main() -> None:
    """Read the task, send, and report the end of the work. The exit code has no meaning."""
    reports = os.dup(1)
    # Standard output carries only reports: everything else that is printed is for the log.
    os.dup2(2, 1)
    control = os.fdopen(0, "rb", buffering=0)
    # An interrupt at a terminal reaches every process. This one ends when its parent closes the
    # input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = WorkerTask.from_line(control.readline().decode())
    logging.basicConfig(
        level=task.log_level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    given = {connection.conn_id: connection for connection in task.connections}
    connections.use_lookup(given.get)
    write = _writer(reports)
    try:
        _send(task, control, write)
        write({"ended": "done"})
    except DeliveryHalted as halted:
        write({"ended": "halted", "reason": str(halted)})
    except CobrancaError as error:
        write({"ended": "failed", "reason": str(error)})
    except Exception as error:
        traceback.print_exc()
        write({"ended": "failed", "reason": type(error).__name__})


def _send(task: WorkerTask, control: IO[bytes], write: Callable[[WorkerReport], None]) -> None:
    ahead = timedelta(seconds=task.clock_offset_seconds)

    def report(progress: Progress) -> None:
        if "setback" in progress:
            write({"setback": asdict(progress["setback"])})
        else:
            write({"sent": progress["sent"]})

    with open_sender(task, clock=lambda: datetime.now(TIME_ZONE) + ahead, report=report) as sender:
        signal.signal(signal.SIGTERM, lambda *_: sender.setbacks.end())
        # The parent watches for heartbeats from the first report on.
        report({"sent": 0})
        for work in (
            partial(_receive_setbacks, control, sender),
            partial(_send_heartbeats, task.options.lease_seconds / 3, write, sender),
        ):
            threading.Thread(target=work, daemon=True).start()
        # All that is loaded by now stays. Collecting garbage in it again and again would cost a
        # tenth of the time.
        gc.freeze()
        sender.run()
        report({"sent": sender.sent})


def _writer(descriptor: int) -> Callable[[WorkerReport], None]:
    lock = threading.Lock()

    def write(report: WorkerReport) -> None:
        # Without a reader the parent is dead, and this process is about to end.
        with lock, suppress(OSError):
            os.write(descriptor, json.dumps(report).encode() + b"\n")

    return write


def _receive_setbacks(control: IO[bytes], sender: Sender) -> None:
    """Receive the setbacks of the other workers from the parent.

    The input ends when the parent asks this process to end, or has died.
    """
    with suppress(OSError, ValueError):
        while line := control.readline():
            sender.setbacks.receive(Outcome(**json.loads(line)))
    sender.setbacks.end()


def _send_heartbeats(seconds: float, write: Callable[[WorkerReport], None], sender: Sender) -> None:
    """Send heartbeats, so that the parent notices a suspended process."""
    while not sender.setbacks.wait_for_end(seconds):
        write({})


if __name__ == "__main__":
    main()
    # Everything is closed. Only the thread that reads the input is left, and it cannot be woken.
    logging.shutdown()
    os._exit(0)
