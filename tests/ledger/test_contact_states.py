"""The contact state machine under every order of events that Hypothesis can think of."""

import tempfile
from collections import Counter
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


class Contacts(RuleBasedStateMachine):
    """Two workers, three dates, two debts; a mail counts as gone at the moment a worker may send it."""

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.engine = open_ledger(f"sqlite:///{Path(self.folder.name) / 'ledger.db'}")
        self.ledger = ContactLedger(self.engine)
        self.batch = {}
        self.claimed = {owner: [] for owner in OWNERS}
        self.sending = {owner: [] for owner in OWNERS}
        self.left: Counter[str] = Counter()
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
        self.claimed[owner] += self.ledger.claim(night, batch, owner, limit=2, after="", lease_seconds=lease)

    @rule(owner=OWNER, lease=LEASE)
    def begin(self, owner, lease):
        start = [key for key in dict.fromkeys(self.claimed[owner]) if key not in self.sending[owner]]
        self.claimed[owner] = []
        may_send = self.ledger.advance(owner, ended=[], start=start, lease_seconds=lease)
        assert set(may_send) <= set(start)
        self.sending[owner] += may_send
        self.left.update(may_send)

    @rule(owner=OWNER, day=st.sampled_from([1, 1, 1, 2]), lease=LEASE)
    def claim_and_begin(self, owner, day, lease):
        self.claim(owner, day, lease=FOREVER)
        self.begin(owner, lease)

    @rule(owner=OWNER, state=st.sampled_from(["sent", "sent", "rejected", "unknown", "planned"]))
    def end(self, owner, state):
        ended = [Ended(key, state) for key in self.sending[owner][:1]]
        for result in ended:
            self.sending[owner].remove(result.message_key)
            if state in ("rejected", "planned"):
                # The provider certainly did not take it.
                self.left[result.message_key] -= 1
        self.ledger.advance(owner, ended=ended, start=[], lease_seconds=FOREVER)

    @rule(data=st.data(), state=st.sampled_from(REPORTED_STATES))
    def report(self, data, state):
        """The provider reports only what it was handed; it may be late, early or repeat itself."""
        handed = sorted(key for key, number in self.left.items() if number)
        if handed:
            key = data.draw(st.sampled_from(handed))
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
        self.claimed[owner], self.sending[owner] = [], []

    @rule()
    def recover(self):
        self.ledger.recover()

    @precondition(lambda self: hasattr(self, "engine"))
    @invariant()
    def nobody_twice_and_nobody_lost(self):
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(contacts)).all()
            steps = connection.execute(sa.select(contact_history).order_by(contact_history.c.id)).all()
        assert all(number <= 1 for number in self.left.values()), self.left
        assert {row.message_key for row in rows} == self.planned
        engaged = Counter((row.episode_key, row.step, row.channel) for row in rows if row.state in ENGAGED_STATES)
        assert not engaged or max(engaged.values()) == 1
        for step in steps:
            if step.from_state != step.to_state:
                assert step.from_state is None or (step.from_state, step.to_state) in WAYS, (step.from_state, step.to_state)
        last = {step.message_key: step.to_state for step in steps}
        assert last == {row.message_key: row.state for row in rows}, "the history tells another end than the contact"
        told = {row.message_key: row.state for row in rows}
        for key, number in self.left.items():
            if number:
                assert told[key] in ("sending", "unknown", "rejected", *REPORTED_STATES), (key, told[key])


TestContacts = Contacts.TestCase
TestContacts.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
