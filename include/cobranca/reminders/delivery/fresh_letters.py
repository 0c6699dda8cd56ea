"""Check and render the messages of one claim, so that each letter has a fresh pre-send check."""

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from cobranca.reminders.delivery.in_flight import FreshLetter
from cobranca.reminders.delivery.lease import Lease
from cobranca.reminders.delivery.pre_send_check import CHECK_TOO_SLOW
from cobranca.reminders.delivery.sender_context import SenderContext
from cobranca.reminders.plan.plan_file import Message
from cobranca.reminders.render.payment_options import Unsendable


class FreshLetters:
    """Lazy pre-send check and rendering of claimed messages.

    A message that must not be sent is released with its reason. ``error`` is the exception that
    ended the rendering early. The sender raises it only after it has recorded what is in flight,
    which would otherwise end as unknown.
    """

    def __init__(self, context: SenderContext, lease: Lease):
        self._context, self._lease = context, lease
        self.error: Exception | None = None

    def render(self, messages: list[Message]) -> Iterator[FreshLetter]:
        """Check and render each message when the next letter is asked for."""
        try:
            for message, fresh_until in self._checked(messages):
                try:
                    letter = self._context.renderer.render(message)
                except Unsendable as why:
                    self._lease.release([message.message_key], "rejected", str(why))
                else:
                    yield FreshLetter(letter, fresh_until)
        except Exception as error:
            self.error = error

    def _checked(self, messages: list[Message]) -> Iterator[tuple[Message, float]]:
        """Yield the messages that may be sent, each with the time at which its check expires."""
        fresh_seconds = self._context.options.fresh_seconds
        waiting = deque(self._within_hours(messages))
        while waiting:
            checked_at = time.monotonic()
            found = self._context.pre_send_check(waiting)
            self._lease.renew()
            for (state, reason), keys in found.by_transition().items():
                self._lease.release(keys, state, reason)
            waiting = deque(found.ready)
            if time.monotonic() - checked_at > fresh_seconds:
                self._lease.release(
                    (message.message_key for message in waiting), reason=CHECK_TOO_SLOW
                )
                return
            while waiting and time.monotonic() - checked_at <= fresh_seconds:
                # Checked again for each message: the permitted hours may end within a claim.
                for message in self._within_hours([waiting.popleft()]):
                    yield message, checked_at + fresh_seconds

    def _within_hours(self, messages: Iterable[Message]) -> list[Message]:
        """Messages that may be sent now; the others are released with their reason."""
        by_reason = defaultdict(list)
        for message in messages:
            by_reason[self._context.hold_reason(message)].append(message)
        sendable = by_reason.pop(None, [])
        for reason, held in by_reason.items():
            self._lease.release((message.message_key for message in held), reason=reason)
        return sendable
