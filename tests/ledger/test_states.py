"""The state machine of contacts: its triggers, and every order of events by Hypothesis."""

import functools
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cobranca.ledger import open_ledger
from cobranca.ledger.contact_worker import SendResult
from cobranca.ledger.states import CONTACT_STATES, ENGAGED_STATES, REPORTED_STATES, TRANSITIONS
from cobranca.ledger.tables import contact_history, contacts
from ledger.clients import LedgerClients
from ledger.contact_rows import contact
from seeds import few_or_many

FIRST = date(2026, 11, 16)
OWNERS = ("w1", "w2")
AN_HOUR, EXPIRED = 3600, -1
OWNER, LEASE = st.sampled_from(OWNERS), st.sampled_from([AN_HOUR, EXPIRED])
# A batch that leaves in half an hour can still be cancelled; one that leaves in a minute cannot.
HALF_AN_HOUR, A_MINUTE, MARGIN = 1800, 60, 660


def test_triggers_allow_exactly_the_declared_transitions(engine):
    allowed = set()
    for before in CONTACT_STATES:
        for after in CONTACT_STATES:
            with engine.connect() as connection, connection.begin() as transaction:
                connection.execute(contacts.insert(), contact(state=before))
                try:
                    connection.execute(contacts.update().values(state=after))
                    allowed.add((before, after))
                except sa.exc.DBAPIError as refused:
                    assert "a contact does not go" in str(refused)
                transaction.rollback()
    itself = {(state, state) for state in CONTACT_STATES}
    assert allowed - itself == set(TRANSITIONS) - {("unknown", "planned")}


def test_an_unknown_contact_of_a_scheduled_batch_may_be_planned_again(engine):
    with engine.begin() as connection:
        connection.execute(contacts.insert(), contact(state="unknown", scheduled_batch="b"))
        connection.execute(contacts.update().values(state="planned"))


@dataclass
class SentMessage:
    """One message at the provider; the worker that sent it may not know its result."""

    key: str
    batch: str | None = None
    is_refused: bool = False
    is_reported: bool = False


@functools.cache
def _empty_ledger() -> bytes:
    """The file of a migrated ledger, created once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        open_ledger(f"sqlite:///{path}").dispose()
        return path.read_bytes()


class Contacts(RuleBasedStateMachine):
    """Two workers, three dates, two debts; messages sent at once and in scheduled batches.

    A message counts as posted as soon as a worker may send it. It reaches a person unless the
    provider refused it or its batch was cancelled. A batch may be cancelled although the
    confirmation is lost.
    """

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "ledger.db"
        path.write_bytes(_empty_ledger())
        self.engine = open_ledger(f"sqlite:///{path}")
        # No rule cuts the power, and most of the time would be spent on the disk.
        sa.event.listen(
            self.engine,
            "connect",
            lambda connection, _: connection.execute("pragma synchronous = off"),
        )
        self.engine.dispose()
        self.ledger = LedgerClients(self.engine)
        self.batch = {}
        self.claimed = {owner: [] for owner in OWNERS}
        self.sending: dict[str, list[SentMessage]] = {owner: [] for owner in OWNERS}
        self.posted: list[SentMessage] = []
        self.open_batch: dict[str, str | None] = dict.fromkeys(OWNERS)
        self.leaves_soon: set[str] = set()
        self.cancelled: set[str] = set()
        self.in_doubt: list[tuple[date, str]] = []
        self.to_replan: list[tuple[date, str]] = []
        self.planned: set[str] = set()
        self.plan(1, {0, 1}, "d+1")

    def teardown(self):
        if hasattr(self, "engine"):
            self.engine.dispose()
            self.folder.cleanup()

    @rule(
        day=st.integers(0, 2),
        debts=st.sets(st.integers(0, 1)),
        step=st.sampled_from(["d+1", "d+3"]),
    )
    def plan(self, day, debts, step):
        night = FIRST + timedelta(days=day)
        batch = f"{night}-{step}-{sorted(debts)}"
        self.batch[night] = batch
        messages = [(self._contact(night, debt, step, batch), []) for debt in sorted(debts)]
        self.ledger.planner.plan(night, batch, [messages])
        self.planned |= {message["message_key"] for message, _ in messages}

    @staticmethod
    def _contact(night, debt, step, batch) -> dict:
        return {
            "message_key": f"{night}/{debt}",
            "business_date": night,
            "batch_id": batch,
            "customer_key": f"C{debt}",
            "episode_key": f"erp:{debt}",
            "step": step,
            "step_offset": 1,
            "channel": "email",
            "template": "first_notice",
            "policy_version": "1",
            "requires_approval": False,
        }

    @rule(owner=OWNER, day=st.sampled_from([1, 1, 1, 2]), lease=LEASE)
    def claim(self, owner, day, lease):
        night = FIRST + timedelta(days=day)
        batch = self.batch.get(night, "none")
        if self.open_batch[owner] is None:
            self.claimed[owner] += self.ledger.worker.claim(
                night, batch, owner, limit=2, after="", lease_seconds=lease
            )

    @rule(owner=OWNER, lease=LEASE)
    def begin(self, owner, lease):
        in_flight = {message.key for message in self.sending[owner]}
        start = [key for key in dict.fromkeys(self.claimed[owner]) if key not in in_flight]
        self.claimed[owner] = []
        may_send = self.ledger.worker.advance(owner, ended=[], start=start, lease_seconds=lease)
        assert set(may_send) <= set(start)
        messages = [SentMessage(key, self.open_batch[owner]) for key in may_send]
        self.sending[owner] += messages
        self.posted += messages

    @rule(owner=OWNER, day=st.sampled_from([1, 1, 1, 2]), lease=LEASE)
    def claim_and_begin(self, owner, day, lease):
        self.claim(owner, day, lease=AN_HOUR)
        self.begin(owner, lease)

    @rule(
        owner=OWNER,
        day=st.sampled_from([1, 1, 1, 2]),
        lease=LEASE,
        seconds=st.sampled_from([HALF_AN_HOUR, A_MINUTE]),
    )
    def claim_and_schedule(self, owner, day, lease, seconds):
        """Claim contacts, record their batch, then begin to send them."""
        if self.sending[owner] or self.open_batch[owner]:
            return
        self.claim(owner, day, AN_HOUR)
        batch = f"batch-{len(self.cancelled) + len(self.posted)}-{owner}-{self._count_changes()}"
        self.ledger.scheduled.schedule(owner, self.claimed[owner], batch, seconds)
        self.open_batch[owner] = batch
        if seconds == A_MINUTE:
            self.leaves_soon.add(batch)
        self.begin(owner, lease)

    def _count_changes(self) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(contact_history))

    @rule(owner=OWNER, state=st.sampled_from(["sent", "sent", "rejected", "unknown", "planned"]))
    def end(self, owner, state):
        """Record the answer to one message; in a batch only a refusal is recorded at once."""
        refuses = state in ("rejected", "planned")
        messages = [
            message for message in self.sending[owner] if (message.batch is None or refuses)
        ][:1]
        # What was reported cannot have been refused.
        messages = [message for message in messages if not (message.is_reported and refuses)]
        for message in messages:
            self.sending[owner].remove(message)
            message.is_refused = refuses
        self._record(owner, messages, state)

    @rule(
        owner=OWNER,
        how=st.sampled_from(
            ["accepted", "refused", "cancelled", "unknown", "cancelled, but unknown"]
        ),
    )
    def end_batch(self, owner, how):
        """End a batch that was handed over: it is accepted, in doubt, or cancelled."""
        batch, messages = (
            self.open_batch[owner],
            [message for message in self.sending[owner] if message.batch],
        )
        if batch is None:
            return
        self.release(owner, "planned")
        self.sending[owner] = [message for message in self.sending[owner] if not message.batch]
        if batch in self.leaves_soon:
            how = "accepted"
        if how.startswith("cancelled"):
            self.cancelled.add(batch)
        if how == "refused":
            self._record(owner, messages[:1], "sent")
            messages = messages[1:]
        self._record(
            owner, messages, {"accepted": "sent", "cancelled": "planned"}.get(how, "unknown")
        )
        self.open_batch[owner] = None

    def _record(self, owner: str, messages: list[SentMessage], state: str) -> None:
        ended = [SendResult(message.key, state) for message in messages]
        self.ledger.worker.advance(owner, ended=ended, start=[], lease_seconds=AN_HOUR)

    @rule(day=st.sampled_from([1, 1, 1, 2]))
    def list_batches_in_doubt(self, day):
        """List the batches in doubt, as the next worker does before it cancels them."""
        night = FIRST + timedelta(days=day)
        self.ledger.recovery.recover()
        found = self.ledger.scheduled.batches_in_doubt(night, MARGIN)
        assert not self.leaves_soon & set(found)
        self.in_doubt += [(night, batch) for batch in found]

    @precondition(lambda self: self.in_doubt)
    @rule(is_confirmed=st.booleans())
    def cancel(self, is_confirmed):
        night, batch = self.in_doubt.pop()
        self.cancelled.add(batch)
        if is_confirmed:
            self.to_replan.append((night, batch))

    @precondition(lambda self: self.to_replan)
    @rule()
    def replan_cancelled(self):
        self.ledger.scheduled.replan_cancelled(*self.to_replan.pop(), "cancelado")

    def _leaving(self) -> Counter[str]:
        """How many messages of each contact reach a person."""
        return Counter(
            message.key
            for message in self.posted
            if not message.is_refused and message.batch not in self.cancelled
        )

    @rule(data=st.data(), state=st.sampled_from(REPORTED_STATES))
    def report(self, data, state):
        """Report a message that has left; the report may be early, late or repeated."""
        departed = [
            message
            for message in self.posted
            if not message.is_refused
            and (message.batch is None or message.batch in self.leaves_soon)
        ]
        if departed:
            message = data.draw(st.sampled_from(departed))
            message.is_reported, key = True, message.key
            before = self._rank(key)
            moved = self.ledger.outcomes.record_event(key, state)
            assert not moved or self._rank(key) > before

    def _rank(self, key: str) -> int:
        with self.engine.connect() as connection:
            state = connection.scalar(
                sa.select(contacts.c.state).where(contacts.c.message_key == key)
            )
        return REPORTED_STATES.index(state) if state in REPORTED_STATES else -1

    @rule(
        owner=OWNER, state=st.sampled_from(["planned", "cancelled_paid", "cancelled", "rejected"])
    )
    def release(self, owner, state):
        self.ledger.worker.release(owner, self.claimed[owner], state)
        self.claimed[owner] = []

    @rule(owner=OWNER)
    def worker_dies(self, owner):
        self.claimed[owner], self.sending[owner], self.open_batch[owner] = [], [], None

    @rule()
    def recover(self):
        self.ledger.recovery.recover()

    @precondition(lambda self: hasattr(self, "engine"))
    @invariant()
    def no_message_is_sent_twice_or_lost(self):
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(contacts)).all()
            changes = connection.execute(
                sa.select(contact_history).order_by(contact_history.c.id)
            ).all()
        leaving = self._leaving()
        assert all(number <= 1 for number in leaving.values()), leaving
        assert {row.message_key for row in rows} == self.planned
        engaged = Counter(
            (row.episode_key, row.step, row.channel) for row in rows if row.state in ENGAGED_STATES
        )
        assert not engaged or max(engaged.values()) == 1
        for change in changes:
            transition = change.from_state, change.to_state
            if change.from_state not in (None, change.to_state):
                assert transition in TRANSITIONS, transition
        last = {change.message_key: change.to_state for change in changes}
        assert last == {row.message_key: row.state for row in rows}, (
            "the history ends in another state than the contact"
        )
        states = {row.message_key: row.state for row in rows}
        for key in leaving:
            assert states[key] in ("sending", "unknown", *REPORTED_STATES), (key, states[key])
        not_sent = [
            key for key, state in states.items() if state in REPORTED_STATES and key not in leaving
        ]
        assert not not_sent, f"recorded as sent, but it never leaves: {not_sent}"


TestContacts = Contacts.TestCase
TestContacts.settings = settings(
    max_examples=few_or_many(40, 1000),
    stateful_step_count=30,
)
