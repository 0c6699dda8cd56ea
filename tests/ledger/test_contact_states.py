"""The contact state machine under every order of events that Hypothesis can think of."""

import functools
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import ContactLedger, Ended
from cobranca.ledger.states import ENGAGED_STATES, REPORTED_STATES, WAYS
from cobranca.ledger.tables import contact_history, contacts

FIRST = date(2026, 11, 16)
OWNERS = ("w1", "w2")
FOREVER, OVER = 3600, -1
OWNER, LEASE = st.sampled_from(OWNERS), st.sampled_from([FOREVER, OVER])
# A batch that leaves in half an hour can still be cancelled; one that leaves in a minute cannot.
HALF_AN_HOUR, A_MINUTE, MARGIN = 1800, 60, 660


@dataclass
class Posted:
    """One letter as the provider has it; the worker that posted it may not know."""

    key: str
    batch: str | None = None
    is_refused: bool = False
    is_reported: bool = False


@functools.cache
def _empty_ledger() -> bytes:
    """A migrated ledger's file, made once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        open_ledger(f"sqlite:///{path}").dispose()
        return path.read_bytes()


class Contacts(RuleBasedStateMachine):
    """Two workers, three dates, two debts; letters at once and in batches that leave later.

    A letter counts as posted at the moment a worker may send it. It reaches a person unless the provider refused it or its
    batch was cancelled; a batch may be cancelled although nobody is told so.
    """

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "ledger.db"
        path.write_bytes(_empty_ledger())
        self.engine = open_ledger(f"sqlite:///{path}")
        # No power cut is part of this test, and waiting for the disk takes most of its time.
        sa.event.listen(self.engine, "connect", lambda connection, _: connection.execute("pragma synchronous = off"))
        self.engine.dispose()
        self.ledger = ContactLedger(self.engine)
        self.batch = {}
        self.claimed = {owner: [] for owner in OWNERS}
        self.sending: dict[str, list[Posted]] = {owner: [] for owner in OWNERS}
        self.posted: list[Posted] = []
        self.open_batch: dict[str, str | None] = dict.fromkeys(OWNERS)
        self.leaves_soon: set[str] = set()
        self.cancelled: set[str] = set()
        self.in_doubt: list[tuple[date, str]] = []
        self.to_take_back: list[tuple[date, str]] = []
        self.planned: set[str] = set()
        self.plan(1, {0, 1}, "d+1")

    def teardown(self):
        if hasattr(self, "engine"):
            self.engine.dispose()
            self.folder.cleanup()

    @rule(day=st.integers(0, 2), debts=st.sets(st.integers(0, 1)), step=st.sampled_from(["d+1", "d+3"]))
    def plan(self, day, debts, step):
        night = FIRST + timedelta(days=day)
        batch = f"{night}-{step}-{sorted(debts)}"
        self.batch[night] = batch
        messages = [(self._contact(night, debt, step, batch), []) for debt in sorted(debts)]
        self.ledger.plan(night, batch, [messages])
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
            self.claimed[owner] += self.ledger.claim(night, batch, owner, limit=2, after="", lease_seconds=lease)

    @rule(owner=OWNER, lease=LEASE)
    def begin(self, owner, lease):
        on_their_way = {letter.key for letter in self.sending[owner]}
        start = [key for key in dict.fromkeys(self.claimed[owner]) if key not in on_their_way]
        self.claimed[owner] = []
        may_send = self.ledger.advance(owner, ended=[], start=start, lease_seconds=lease)
        assert set(may_send) <= set(start)
        letters = [Posted(key, self.open_batch[owner]) for key in may_send]
        self.sending[owner] += letters
        self.posted += letters

    @rule(owner=OWNER, day=st.sampled_from([1, 1, 1, 2]), lease=LEASE)
    def claim_and_begin(self, owner, day, lease):
        self.claim(owner, day, lease=FOREVER)
        self.begin(owner, lease)

    @rule(owner=OWNER, day=st.sampled_from([1, 1, 1, 2]), lease=LEASE, seconds=st.sampled_from([HALF_AN_HOUR, A_MINUTE]))
    def claim_and_hand_over(self, owner, day, lease, seconds):
        """A claim whose letters go into a batch of their own, written down before the first of them is posted."""
        if self.sending[owner] or self.open_batch[owner]:
            return
        self.claim(owner, day, FOREVER)
        batch = f"batch-{len(self.cancelled) + len(self.posted)}-{owner}-{self._steps()}"
        self.ledger.schedule(owner, self.claimed[owner], batch, seconds)
        self.open_batch[owner] = batch
        if seconds == A_MINUTE:
            self.leaves_soon.add(batch)
        self.begin(owner, lease)

    def _steps(self) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(contact_history))

    @rule(owner=OWNER, state=st.sampled_from(["sent", "sent", "rejected", "unknown", "planned"]))
    def end(self, owner, state):
        """One letter was answered. Of one in a batch only a refusal is written down at once."""
        refuses = state in ("rejected", "planned")
        letters = [letter for letter in self.sending[owner] if (letter.batch is None or refuses)][:1]
        # What was reported cannot have been refused.
        letters = [letter for letter in letters if not (letter.is_reported and refuses)]
        for letter in letters:
            self.sending[owner].remove(letter)
            letter.is_refused = refuses
        self._tell(owner, letters, state)

    @rule(
        owner=OWNER,
        how=st.sampled_from(["accepted", "refused", "cancelled", "nobody can tell", "cancelled, but nobody can tell"]),
    )
    def settle(self, owner, how):
        """The whole batch was handed over: it stands, or something in it is in doubt and it is cancelled."""
        batch, letters = self.open_batch[owner], [letter for letter in self.sending[owner] if letter.batch]
        if batch is None:
            return
        self.release(owner, "planned")
        self.sending[owner] = [letter for letter in self.sending[owner] if not letter.batch]
        if batch in self.leaves_soon:
            how = "accepted"
        if how.startswith("cancelled"):
            self.cancelled.add(batch)
        if how == "refused":
            self._tell(owner, letters[:1], "sent")
            letters = letters[1:]
        self._tell(owner, letters, {"accepted": "sent", "cancelled": "planned"}.get(how, "unknown"))
        self.open_batch[owner] = None

    def _tell(self, owner: str, letters: list[Posted], state: str) -> None:
        ended = [Ended(letter.key, state) for letter in letters]
        self.ledger.advance(owner, ended=ended, start=[], lease_seconds=FOREVER)

    @rule(day=st.sampled_from([1, 1, 1, 2]))
    def look_for_batches_in_doubt(self, day):
        """The next worker's first step; anything may happen before it cancels them."""
        night = FIRST + timedelta(days=day)
        self.ledger.recover()
        found = self.ledger.batches_in_doubt(night, MARGIN)
        assert not self.leaves_soon & set(found)
        self.in_doubt += [(night, batch) for batch in found]

    @precondition(lambda self: self.in_doubt)
    @rule(is_confirmed=st.booleans())
    def cancel(self, is_confirmed):
        night, batch = self.in_doubt.pop()
        self.cancelled.add(batch)
        if is_confirmed:
            self.to_take_back.append((night, batch))

    @precondition(lambda self: self.to_take_back)
    @rule()
    def take_back(self):
        self.ledger.take_back(*self.to_take_back.pop(), "cancelado")

    def _leaving(self) -> Counter[str]:
        """How many letters of each contact reach a person."""
        return Counter(letter.key for letter in self.posted if not letter.is_refused and letter.batch not in self.cancelled)

    @rule(data=st.data(), state=st.sampled_from(REPORTED_STATES))
    def report(self, data, state):
        """The provider reports only what has left; it may be late, early or repeat itself."""
        handed = [
            letter
            for letter in self.posted
            if not letter.is_refused and (letter.batch is None or letter.batch in self.leaves_soon)
        ]
        if handed:
            letter = data.draw(st.sampled_from(handed))
            letter.is_reported, key = True, letter.key
            before = self._rank(key)
            moved = self.ledger.record_event(key, state)
            assert not moved or self._rank(key) > before

    def _rank(self, key: str) -> int:
        with self.engine.connect() as connection:
            state = connection.scalar(sa.select(contacts.c.state).where(contacts.c.message_key == key))
        return REPORTED_STATES.index(state) if state in REPORTED_STATES else -1

    @rule(owner=OWNER, state=st.sampled_from(["planned", "cancelled_paid", "cancelled", "rejected"]))
    def release(self, owner, state):
        self.ledger.release(owner, self.claimed[owner], state)
        self.claimed[owner] = []

    @rule(owner=OWNER)
    def die(self, owner):
        self.claimed[owner], self.sending[owner], self.open_batch[owner] = [], [], None

    @rule()
    def recover(self):
        self.ledger.recover()

    @precondition(lambda self: hasattr(self, "engine"))
    @invariant()
    def nobody_twice_and_nobody_lost(self):
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(contacts)).all()
            steps = connection.execute(sa.select(contact_history).order_by(contact_history.c.id)).all()
        leaving = self._leaving()
        assert all(number <= 1 for number in leaving.values()), leaving
        assert {row.message_key for row in rows} == self.planned
        engaged = Counter((row.episode_key, row.step, row.channel) for row in rows if row.state in ENGAGED_STATES)
        assert not engaged or max(engaged.values()) == 1
        for step in steps:
            if step.from_state != step.to_state:
                assert step.from_state is None or (step.from_state, step.to_state) in WAYS, (step.from_state, step.to_state)
        last = {step.message_key: step.to_state for step in steps}
        assert last == {row.message_key: row.state for row in rows}, "the history tells another end than the contact"
        told = {row.message_key: row.state for row in rows}
        for key in leaving:
            assert told[key] in ("sending", "unknown", *REPORTED_STATES), (key, told[key])
        forgotten = [key for key, state in told.items() if state in REPORTED_STATES and key not in leaving]
        assert not forgotten, f"told as sent, but it never leaves: {forgotten}"


TestContacts = Contacts.TestCase
TestContacts.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
