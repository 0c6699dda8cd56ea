"""Messages in flight: started in a thread, and not yet recorded in the ledger."""

import contextlib
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import NamedTuple

from cobranca.reminders.channels import Letter, Outcome, Text


class FreshLetter(NamedTuple):
    """A rendered message, and the time at which its pre-send check expires (``time.monotonic``)."""

    letter: Letter | Text
    fresh_until: float


class InFlight:
    """Messages that threads are sending, and answers not yet recorded in the ledger."""

    def __init__(self, pool: ThreadPoolExecutor, send: Callable[[FreshLetter], Outcome]):
        self._pool, self._send = pool, send
        self._answers: SimpleQueue[tuple[str, Future[Outcome]]] = SimpleQueue()
        self._taken: list[tuple[str, Future[Outcome]]] = []
        self._number = 0
        self._first_answer_at = math.inf

    def __len__(self) -> int:
        return self._number

    def start(self, fresh: FreshLetter) -> None:
        """Send one message in a thread."""
        self._number += 1
        key = fresh.letter.message_key
        future = self._pool.submit(self._send, fresh)
        future.add_done_callback(lambda future: self._answers.put((key, future)))

    def wait(self, seconds: float) -> None:
        """Wait for the next answer, at most ``seconds``."""
        with contextlib.suppress(Empty):
            self._taken.append(self._answers.get(timeout=seconds))

    def take_answers(self) -> list[tuple[str, Outcome]]:
        """Return the answers since the last call, with their message keys."""
        with contextlib.suppress(Empty):
            while True:
                self._taken.append(self._answers.get_nowait())
        taken, self._taken = self._taken, []
        if taken:
            self._first_answer_at = min(self._first_answer_at, time.monotonic())
        self._number -= len(taken)
        return [(key, future.result()) for key, future in taken]

    def mark_recorded(self) -> None:
        """Note that all answers so far are in the ledger."""
        self._first_answer_at = math.inf

    def has_waited(self, seconds: float) -> bool:
        """Whether the oldest unrecorded answer is older than ``seconds``."""
        return time.monotonic() - self._first_answer_at > seconds
