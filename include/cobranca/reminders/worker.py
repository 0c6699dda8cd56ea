"""One of several processes that send a business date; ``workers.py`` starts it and knows why it is made this way."""

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

from cobranca import connections
from cobranca.errors import CobrancaError, DeliveryHalted
from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery import open_sender
from cobranca.reminders.sender import Sender
from cobranca.reminders.window import TIME_ZONE
from cobranca.reminders.workers import Task


def main() -> None:
    """Read the task, send, and tell how it ended; the exit code says nothing."""
    told = os.dup(1)
    # Whatever else is printed belongs into the log.
    os.dup2(2, 1)
    orders = os.fdopen(0, "rb", buffering=0)
    # Who interrupts the command at a terminal reaches every process; the one that started this one tells it to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = Task.from_line(orders.readline().decode())
    logging.basicConfig(level=task.log_level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    given = {connection.conn_id: connection for connection in task.connections}
    connections.use_lookup(given.get)
    tell = _teller(told)
    try:
        _send(task, orders, tell)
        tell({"ended": "done"})
    except DeliveryHalted as halted:
        tell({"ended": "halted", "reason": str(halted)})
    except CobrancaError as error:
        tell({"ended": "failed", "reason": str(error)})
    except Exception as error:
        traceback.print_exc()
        tell({"ended": "failed", "reason": type(error).__name__})


def _send(task: Task, orders, tell: Callable[[dict], None]) -> None:
    ahead = timedelta(seconds=task.clock_ahead)
    with open_sender(task, clock=lambda: datetime.now(TIME_ZONE) + ahead, tell=tell) as sender:
        signal.signal(signal.SIGTERM, lambda *_: sender.end())
        # From its first word on, silence is noticed.
        tell({"sent": 0})
        for work in (_listen, _beat):
            threading.Thread(target=work, args=(task, orders, tell, sender), daemon=True).start()
        # What is loaded by now stays; looking through it for garbage again and again would cost a tenth of the time.
        gc.freeze()
        sender.run()
        tell({"sent": sender.sent})


def _teller(descriptor: int) -> Callable[[dict], None]:
    lock = threading.Lock()

    def tell(told: dict) -> None:
        if "setback" in told:
            told = {"setback": asdict(told["setback"])}
        # With nobody to listen this process is about to end anyway.
        with lock, suppress(OSError):
            os.write(descriptor, json.dumps(told).encode() + b"\n")

    return tell


def _listen(task: Task, orders, tell, sender: Sender) -> None:
    """What the others met; the end of the input is the wish, or the death, of the process that started this one."""
    with suppress(OSError, ValueError):
        while line := orders.readline():
            sender.hear(Outcome(**json.loads(line)))
    sender.end()


def _beat(task: Task, orders, tell, sender: Sender) -> None:
    """A sign of life, so that one that was put to sleep is not taken for one that works."""
    while not sender.is_ending(task.terms.lease_seconds / 3):
        tell({})


if __name__ == "__main__":
    main()
    # Everything is closed; only the thread that listens is left, and nothing can wake it.
    logging.shutdown()
    os._exit(0)
