"""Back-off and circuit breaker of a sender: provider answers that stop all messages.

A setback is an :class:`Outcome` ``retry`` or ``halt``. The sender waits and tries again after a
``retry``. It ends after a ``halt``.
"""

import contextlib
import logging
import math
import threading
from queue import Empty, SimpleQueue

from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery.sender_context import DeliveryOptions, Report

log = logging.getLogger(__name__)

# Another thread met a setback before this message was started: certainly not sent.
NOT_STARTED = Outcome("retry", "não chegou a ser enviada", wait_seconds=0)
# The pre-send check expired between the commit and the first byte: the message is checked again.
CHECK_EXPIRED = Outcome("retry", "a última consulta envelheceu antes do envio", wait_seconds=0)
# The parent process asked this one to end, or has died.
ENDING = Outcome("retry", "o envio foi interrompido", wait_seconds=math.inf)
AMBIGUOUS_STREAK = Outcome("retry", "o provedor não confirma o que recebe", wait_seconds=math.inf)
REJECTION_STREAK = Outcome("halt", "o provedor recusa uma mensagem após a outra")


class Setbacks:
    """Circuit breaker of one sender.

    ``stopped`` is set by the first setback of a claim. Each thread reads it before it starts a
    message. ``seconds_left`` is how much longer the sender may wait in total.
    """

    def __init__(self, options: DeliveryOptions, report: Report):
        self.stopped = threading.Event()
        self.seconds_left = options.max_wait_seconds
        self._max_in_a_row, self._report = options.max_failures_in_a_row, report
        self._ending = threading.Event()
        self._received: SimpleQueue[Outcome] = SimpleQueue()
        self._backoffs = 0
        self._ambiguous = 0
        self._rejections = 0

    def receive(self, setback: Outcome) -> None:
        """Take over a setback of another process. May be called from any thread."""
        self._received.put(setback)
        self.stopped.set()

    def end(self) -> None:
        """Start no more messages; answers still due are recorded. May be called from any thread."""
        self._ending.set()
        self.receive(ENDING)

    @property
    def is_ending(self) -> bool:
        """Whether the sender was asked to end."""
        return self._ending.is_set()

    def wait_for_end(self, seconds: float) -> bool:
        """Wait for a call of :meth:`end`, at most ``seconds``; returns whether there was one."""
        return self._ending.wait(seconds)

    def take_received(self) -> Outcome | None:
        """Return the worst setback received from other processes since the last call."""
        worst = None
        with contextlib.suppress(Empty):
            while True:
                worst = worse_of(worst, self._received.get_nowait())
        return worst

    def assess(self, outcome: Outcome) -> Outcome | None:
        """Return the setback that one answer means for all other messages, if any."""
        was_started = outcome not in (NOT_STARTED, CHECK_EXPIRED)
        if was_started:
            self._ambiguous = self._ambiguous + 1 if outcome.result == "unknown" else 0
            self._rejections = self._rejections + 1 if outcome.result == "rejected" else 0
        if outcome.result == "sent":
            self._backoffs = 0
        if was_started and outcome.result in ("retry", "halt"):
            return self.stop(outcome)
        if self._ambiguous >= self._max_in_a_row:
            return self.stop(AMBIGUOUS_STREAK)
        if self._rejections >= self._max_in_a_row:
            return self.stop(REJECTION_STREAK)
        return None

    def stop(self, setback: Outcome) -> Outcome:
        """Stop all threads and report the setback to the other processes; returns the setback."""
        self.stopped.set()
        self._report({"setback": setback})
        return setback

    def take_retry(self) -> bool:
        """Whether another pass may be made; each costs one second, so that the passes end."""
        self.seconds_left -= 1
        return self.seconds_left > 0

    def wait_for_lease(self, seconds: float) -> bool:
        """Wait for another worker's lease; returns whether the sender was asked to end."""
        self.seconds_left -= seconds
        return self._ending.wait(seconds)

    def pause(self, setback: Outcome, channel_name: str) -> bool:
        """Back off: wait as long as the provider asks, or exponentially longer each time.

        Returns ``False``, without waiting, when ``seconds_left`` does not suffice.
        """
        self._backoffs += 1
        asked, at_least = (
            (0.25, 0.25) if setback.wait_seconds is None else (setback.wait_seconds, 0.025)
        )
        seconds = max(asked, min(30.0, at_least * 2**self._backoffs))
        if seconds > self.seconds_left:
            return False
        self.seconds_left -= seconds
        log.warning("%s: %s; waiting %.1f s", channel_name, setback.reason, seconds)
        self._ending.wait(seconds)
        # Setbacks of other processes that arrived meanwhile are covered by this wait, unless they
        # are a halt.
        if (received := self.take_received()) and received.result == "halt":
            self._received.put(received)
        return True


def worse_of(setback: Outcome | None, another: Outcome | None) -> Outcome | None:
    """Return the worse of two setbacks: a halt, else the later one."""
    if another is None or (setback is not None and setback.result == "halt"):
        return setback
    return another
