"""Lease of one owner on the contacts that it claimed."""

import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import date

from cobranca.ledger.contact_worker import ContactWorker, SendResult


class Lease:
    """Lease on claimed contacts, renewed when a third of ``seconds`` has passed."""

    def __init__(self, worker: ContactWorker, seconds: float):
        self.owner = uuid.uuid4().hex
        self._worker, self._seconds = worker, seconds
        self._renewed_at = 0.0

    def claim(self, business_date: date, batch_id: str, *, limit: int, after: str) -> list[str]:
        """Claim planned contacts of a batch; see :meth:`ContactWorker.claim`."""
        keys = self._worker.claim(
            business_date,
            batch_id,
            self.owner,
            limit=limit,
            after=after,
            lease_seconds=self._seconds,
        )
        self._renewed_at = time.monotonic()
        return keys

    def renew(self) -> None:
        """Renew the lease if a third of it has passed."""
        if time.monotonic() - self._renewed_at > self._seconds / 3:
            self._worker.renew(self.owner, self._seconds)
            self._renewed_at = time.monotonic()

    def advance(self, ended: Sequence[SendResult], start: Sequence[str]) -> list[str]:
        """Record results and commit the next sends; see :meth:`ContactWorker.advance`."""
        return self._worker.advance(
            self.owner, ended=ended, start=start, lease_seconds=self._seconds
        )

    def release(
        self, keys: Iterable[str], state: str = "planned", reason: str | None = None
    ) -> None:
        """Release claimed contacts; see :meth:`ContactWorker.release`."""
        self._worker.release(self.owner, list(keys), state, reason)
