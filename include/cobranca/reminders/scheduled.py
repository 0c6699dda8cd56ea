"""Handing e-mails over in batches that leave later, so that one in doubt can be taken back as a whole and sent anew.

The answers of a batch are written into the ledger together, once every letter of it was handed over. If one was ambiguous,
the batch is cancelled at the provider; only when the provider itself confirms that, everything of it is planned again:
whatever it had accepted never leaves. While nobody can tell whether it was cancelled, all of it is in doubt, and nothing is
sent a second time.
"""

import logging
import time
from collections.abc import Sequence
from datetime import date
from typing import Protocol

from cobranca.ledger.contacts import ContactLedger, Ended
from cobranca.reminders.channels.protocol import Outcome

log = logging.getLogger(__name__)

UNCONFIRMED = "lote em dúvida, e o provedor não confirmou o cancelamento"
TAKEN_BACK = "lote em dúvida cancelado no provedor; será enviado de novo"
# The provider promises no cancellation of what leaves within ten minutes; one more is for the request itself.
MARGIN_SECONDS = 11 * 60
# Batches of one run that are cancelled and sent anew; with more than that the provider has other troubles.
CANCELLATIONS = 3


class Schedules(Protocol):
    """What is asked of a channel that can hand over beforehand."""

    def start_batch(self, leaves_at: int) -> str | Outcome: ...

    def end_batch(self) -> None: ...

    def cancel(self, batch: str) -> bool | None: ...


class ScheduledBatches:
    """One batch for each claim, leaving ``seconds`` after it was opened."""

    def __init__(self, ledger: ContactLedger, channel: Schedules, seconds: float):
        self._ledger, self._channel, self._seconds = ledger, channel, seconds
        self._batch: str | None = None
        self._leaves_at = 0.0
        self._left = CANCELLATIONS
        self._kept: list[tuple[str, Outcome]] = []

    def open(self, owner: str, keys: Sequence[str]) -> Outcome | None:
        """Open the batch of a claim and write it into the ledger before anything of it is handed over.

        Returns what went wrong: then nothing was opened and nothing may be sent.
        """
        self._kept, self._leaves_at = [], time.time() + self._seconds
        opened = self._channel.start_batch(int(self._leaves_at))
        if isinstance(opened, Outcome):
            return opened
        self._batch = opened
        self._ledger.schedule(owner, keys, opened, self._leaves_at - time.time())
        return None

    def keep(self, key: str, outcome: Outcome) -> None:
        """Remember what was answered; the contact stays ``sending`` until the batch is settled."""
        self._kept.append((key, outcome))

    def settle(self) -> tuple[list[Ended], bool]:
        """What becomes of the kept contacts, and whether the batch was taken back, so that they are to be sent anew."""
        self._channel.end_batch()
        kept, self._kept = self._kept, []
        taken_back = self._take_back() if any(outcome.result == "unknown" for _, outcome in kept) else False
        if taken_back:
            return [Ended(key, "planned", TAKEN_BACK) for key, _ in kept], True
        if taken_back is None:
            return [Ended(key, "unknown", UNCONFIRMED) for key, _ in kept], False
        return [Ended(key, outcome.result, outcome.reason, outcome.provider_message_id) for key, outcome in kept], False

    def _take_back(self) -> bool | None:
        self._left -= 1
        if self._left < 0 or self._leaves_at - time.time() < MARGIN_SECONDS:
            return False
        return self._channel.cancel(self._batch)

    def take_back_lost(self, business_date: date) -> int:
        """Cancel the batches of workers that died in the middle, and those of which nobody could tell whether they were
        cancelled; returns how many contacts are planned again."""
        returned = 0
        for batch in self._ledger.batches_in_doubt(business_date, MARGIN_SECONDS):
            if self._channel.cancel(batch):
                returned += self._ledger.take_back(business_date, batch, TAKEN_BACK)
            else:
                log.warning("a batch of %s could not be cancelled; its messages stay in doubt", business_date)
        return returned
