"""Sender of one process: claim, check, render, commit and send the messages of a date."""

import logging
import math
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from cobranca.errors import DeliveryHalted
from cobranca.ledger.contact_lookups import ContactLookups
from cobranca.ledger.contact_worker import ContactWorker, SendResult
from cobranca.ledger.lease_recovery import LeaseRecovery
from cobranca.reminders.channels import Outcome
from cobranca.reminders.delivery.fresh_letters import FreshLetters
from cobranca.reminders.delivery.in_flight import FreshLetter, InFlight
from cobranca.reminders.delivery.lease import Lease
from cobranca.reminders.delivery.sender_context import SenderContext
from cobranca.reminders.delivery.setbacks import CHECK_EXPIRED, NOT_STARTED, Setbacks, worse_of

log = logging.getLogger(__name__)

# How many messages per thread may be committed as sending: one in flight, and the next one, so that
# no thread waits for a commit.
SENDING_PER_THREAD = 2
# How long an answer may wait until a group of answers is committed to the ledger together.
GROUP_COMMIT_SECONDS = 0.25
PAUSED = "o envio foi pausado por uma pessoa"


class Sender:
    """Sender of the planned messages of one business date.

    Several senders may work on a date at once, in one process or in several. Other threads may use
    ``setbacks`` to stop or end the sender.
    """

    def __init__(self, context: SenderContext):
        self._context, self._options = context, context.options
        self._worker = ContactWorker(context.engine)
        self._lookups = ContactLookups(context.engine)
        self._recovery = LeaseRecovery(context.engine)
        self._lease = Lease(self._worker, self._options.lease_seconds)
        self.setbacks = Setbacks(self._options, context.report)
        self.sent = 0
        self._must_retry = False

    def run(self) -> None:
        """Send until no message is left that may be sent now.

        Raises:
            DeliveryHalted: the provider refuses the credentials.
        """
        with ThreadPoolExecutor(self._options.threads, thread_name_prefix="send") as pool:
            while True:
                self._must_retry = False
                self._send_all(pool)
                if self.setbacks.is_ending or (
                    not (self._must_retry and self.setbacks.take_retry())
                    and not self._wait_for_leases()
                ):
                    return

    def _send_all(self, pool: ThreadPoolExecutor) -> None:
        """Send one claim after another, in key order."""
        last_key = ""
        while not self.setbacks.is_ending and (keys := self._claim(last_key)):
            setback = self._send_claim(pool, keys)
            self._context.report({"sent": self.sent})
            if setback is None:
                last_key = keys[-1]
            elif setback.result == "halt":
                raise self._halted(setback)
            elif not self.setbacks.pause(setback, self._context.channel.name):
                self._hold_the_rest(setback)
                return

    def _claim(self, after: str) -> list[str]:
        return self._lease.claim(
            self._context.business_date,
            self._context.batch_id,
            limit=self._options.claim_size,
            after=after,
        )

    def _halted(self, setback: Outcome) -> DeliveryHalted:
        return DeliveryHalted(
            f"{self._context.channel.name} refuses messages of {self._context.business_date}: "
            f"{setback.reason}. All that had not left is planned again; correct the credentials or "
            "the channel and run the delivery again."
        )

    def _hold_the_rest(self, setback: Outcome) -> None:
        name, day = self._context.channel.name, self._context.business_date
        log.error("%s: %s; the rest of %s is held", name, setback.reason, day)
        self._worker.set_hold_reason(day, self._context.batch_id, setback.reason)

    def _send_claim(self, pool: ThreadPoolExecutor, keys: list[str]) -> Outcome | None:
        """Send one claim. The first setback stops it; unsent messages are planned again."""
        scheduled = self._context.scheduled
        if scheduled and (setback := scheduled.open(self._lease.owner, keys)):
            self._lease.release(keys)
            return setback
        messages = [
            message for chunk in self._context.plan_file.messages(keys) for message in chunk
        ]
        letters = FreshLetters(self._context, self._lease)
        setback = self._send_letters(pool, letters.render(messages))
        if scheduled:
            ended, is_cancelled = scheduled.close()
            self._lease.advance(ended, [])
            self._must_retry = self._must_retry or is_cancelled
            self.sent += sum(result.state == "sent" for result in ended)
        if setback or letters.error or self._lookups.is_paused():
            self._lease.release(keys, reason=setback.reason if setback else None)
        if letters.error:
            raise letters.error
        return setback

    def _send_letters(
        self, pool: ThreadPoolExecutor, letters: Iterator[FreshLetter]
    ) -> Outcome | None:
        """Keep the threads busy until there are no more letters, or a setback stops them.

        One transaction records a group of results and commits the next group as ``sending``. Never
        more than ``SENDING_PER_THREAD`` messages per thread are ``sending``. The next letters are
        rendered meanwhile.
        """
        most = SENDING_PER_THREAD * self._options.threads
        group = max(1, most // 2)
        flight = InFlight(pool, self._send)
        written: deque[FreshLetter] = deque()
        ended: list[SendResult] = []
        setback, is_over = None, False
        self.setbacks.stopped.clear()
        while True:
            setback = worse_of(setback, self.setbacks.take_received())
            if setback:
                is_over = True
                written.clear()
            if is_over and not (len(flight) or ended or written):
                return setback
            fills_a_group = len(flight) <= most - group and (is_over or len(written) >= group)
            if (fills_a_group and (ended or written)) or flight.has_waited(GROUP_COMMIT_SECONDS):
                start = [written.popleft() for _ in range(min(len(written), most - len(flight)))]
                setback = worse_of(setback, self._advance(flight, ended, start))
                ended = []
            elif not is_over and len(written) < group:
                letter = next(letters, None)
                is_over = letter is None
                written += [letter] if letter else []
            else:
                flight.wait(GROUP_COMMIT_SECONDS if ended else self._options.lease_seconds / 3)
            for key, outcome in flight.take_answers():
                setback = worse_of(setback, self._take_answer(key, outcome, ended))
            self._lease.renew()

    def _advance(
        self, flight: InFlight, ended: list[SendResult], start: list[FreshLetter]
    ) -> Outcome | None:
        """Record results, commit the next messages as ``sending``, and start them in threads."""
        allowed = set(self._lease.advance(ended, [fresh.letter.message_key for fresh in start]))
        flight.mark_recorded()
        for fresh in start:
            if fresh.letter.message_key in allowed:
                flight.start(fresh)
        if start and not allowed and self._lookups.is_paused():
            return self.setbacks.stop(Outcome("retry", PAUSED, wait_seconds=math.inf))
        return None

    def _send(self, fresh: FreshLetter) -> Outcome:
        """Send one message; runs in a thread of the pool.

        A message is not started after a setback. It is not started either when its pre-send check
        has expired, because this process or the ledger stood still and the payer may have paid.
        """
        if self.setbacks.stopped.is_set():
            return NOT_STARTED
        if time.monotonic() > fresh.fresh_until + self._options.grace_seconds:
            return CHECK_EXPIRED
        outcome = self._context.channel.send(fresh.letter)
        if outcome.result in ("retry", "halt"):
            self.setbacks.stopped.set()
        return outcome

    def _take_answer(self, key: str, outcome: Outcome, ended: list[SendResult]) -> Outcome | None:
        """Add the result of one message to ``ended``; returns the setback that it means, if any."""
        if outcome.scheduled and self._context.scheduled:
            self._context.scheduled.add_answer(key, outcome)
        else:
            self.sent += outcome.result == "sent"
            ended.append(_result(key, outcome))
        self._must_retry = self._must_retry or outcome is CHECK_EXPIRED
        return self.setbacks.assess(outcome)

    def _wait_for_leases(self) -> bool:
        """Wait for the leases of other workers; returns whether expired ones were released.

        The other workers finish their messages, or their leases expire. A claim of this worker is
        among them if the answer to its commit was lost.
        """
        business_date = self._context.business_date
        while self._lookups.count_leased(business_date) and self.setbacks.seconds_left > 0:
            if self._recovery.recover():
                return True
            if self.setbacks.wait_for_lease(min(1.0, self._options.lease_seconds / 4)):
                return False
        return bool(self._recovery.recover())


def _result(key: str, outcome: Outcome) -> SendResult:
    # After a retry or a halt the message was certainly not accepted: it may be planned again.
    state = "planned" if outcome.result in ("retry", "halt") else outcome.result
    return SendResult(key, state, outcome.reason, outcome.provider_message_id)
