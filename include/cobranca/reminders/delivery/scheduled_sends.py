"""Scheduled sends: hand e-mails to the provider in batches, and cancel an ambiguous batch.

The answers of a batch are recorded in the ledger together, after its last letter was handed over.
If one answer was ambiguous, the batch is cancelled at the provider:

- The provider confirms: nothing of the batch will be sent, so all of it is planned again.
- The provider refuses: the answers are recorded as they came.
- It is not known whether the provider cancelled: all of the batch ends as unknown, and nothing of
  it is sent a second time.
"""

import logging
import time
from collections.abc import Sequence
from datetime import date
from typing import Protocol, runtime_checkable

import sqlalchemy as sa

from cobranca.ledger.contact_worker import SendResult
from cobranca.ledger.scheduled_batches import ScheduledContacts
from cobranca.reminders.channels.protocol import Outcome

log = logging.getLogger(__name__)

CANCEL_UNCONFIRMED = "lote em dúvida, e o provedor não confirmou o cancelamento"
BATCH_CANCELLED = "lote em dúvida cancelado no provedor; será enviado de novo"
# The provider guarantees no cancellation in the last ten minutes before a batch is sent. One more
# minute is for the request itself.
MARGIN_SECONDS = 11 * 60
# How many batches of one run are cancelled and sent again. More of them mean another fault at the
# provider.
MAX_CANCELLATIONS = 3


@runtime_checkable
class BatchChannel(Protocol):
    """A channel that can schedule messages in a batch."""

    def start_batch(self, leaves_at: int) -> str | Outcome:
        """Add letters to a new batch, sent at ``leaves_at`` (seconds since 1970).

        Returns its id, or the error as an outcome: then nothing was sent.
        """

    def end_batch(self) -> None:
        """End the batch: later letters are sent at once."""

    def cancel(self, batch: str) -> bool | None:
        """Cancel a batch; returns whether the provider confirms it (``None``: not known)."""


class ScheduledBatches:
    """Scheduled batches of a sender: one for each claim, sent ``seconds`` after it was opened."""

    def __init__(self, engine: sa.Engine, channel: BatchChannel, seconds: float):
        self._contacts = ScheduledContacts(engine)
        self._channel, self._seconds = channel, seconds
        self._batch: str | None = None
        self._leaves_at = 0.0
        self._cancellations_left = MAX_CANCELLATIONS
        self._answers: list[tuple[str, Outcome]] = []

    def open(self, owner: str, keys: Sequence[str]) -> Outcome | None:
        """Open the batch of a claim, and record it in the ledger before any letter is handed over.

        Returns the error as an outcome if no batch was opened. Then nothing may be sent.
        """
        self._answers, self._leaves_at = [], time.time() + self._seconds
        opened = self._channel.start_batch(int(self._leaves_at))
        if isinstance(opened, Outcome):
            return opened
        self._batch = opened
        self._contacts.schedule(owner, keys, opened, self._leaves_at - time.time())
        return None

    def add_answer(self, key: str, outcome: Outcome) -> None:
        """Keep an answer; the contact stays ``sending`` until the batch is closed."""
        self._answers.append((key, outcome))

    def close(self) -> tuple[list[SendResult], bool]:
        """Close the batch; returns the results of its contacts, and whether it was cancelled.

        Contacts of a cancelled batch are planned again.
        """
        self._channel.end_batch()
        answers, self._answers = self._answers, []
        is_cancelled = (
            self._cancel() if any(outcome.result == "unknown" for _, outcome in answers) else False
        )
        if is_cancelled:
            return [SendResult(key, "planned", BATCH_CANCELLED) for key, _ in answers], True
        if is_cancelled is None:
            return [SendResult(key, "unknown", CANCEL_UNCONFIRMED) for key, _ in answers], False
        return [
            SendResult(key, outcome.result, outcome.reason, outcome.provider_message_id)
            for key, outcome in answers
        ], False

    def _cancel(self) -> bool | None:
        self._cancellations_left -= 1
        if (
            self._batch is None
            or self._cancellations_left < 0
            or self._leaves_at - time.time() < MARGIN_SECONDS
        ):
            return False
        return self._channel.cancel(self._batch)

    def cancel_abandoned(self, business_date: date) -> int:
        """Cancel ambiguous batches of earlier workers; returns how many contacts are planned again.

        Such a worker died while it sent, or the provider did not confirm the cancellation.
        """
        planned_again = 0
        for batch in self._contacts.batches_in_doubt(business_date, MARGIN_SECONDS):
            if self._channel.cancel(batch):
                planned_again += self._contacts.replan_cancelled(
                    business_date, batch, BATCH_CANCELLED
                )
            else:
                log.warning(
                    "a batch of %s could not be cancelled; its messages stay unknown",
                    business_date,
                )
        return planned_again
