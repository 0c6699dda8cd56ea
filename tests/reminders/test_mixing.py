"""A ledger is about people or about the outbox: what only lay in a folder never counts as said to anybody."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from cobranca.errors import DeliveryRefused
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts
from cobranca.reminders import deliver
from cobranca.reminders.channels import Outcome
from reminders.plans import TONIGHT, as_planned, item, message, noon, publish_plan

# A Monday.
NEXT = TONIGHT + timedelta(days=5)


@pytest.fixture(autouse=True)
def nobody_paid_meanwhile(monkeypatch):
    monkeypatch.setattr("cobranca.landing.standing_now", as_planned)


class Real:
    """A real channel that takes everything and reaches nobody."""

    name, is_real, threads = "real", True, 1

    def __init__(self):
        self.letters = []

    def send(self, letter) -> Outcome:
        self.letters.append(letter.message_key)
        return Outcome("sent", provider_message_id=f"id-{letter.message_key}")

    def was_accepted(self, key: str) -> bool:
        return False

    def close(self) -> None:
        pass


@pytest.fixture
def engine(settings):
    engine = open_ledger(settings.ledger)
    yield engine
    engine.dispose()


@pytest.fixture
def two_nights(settings):
    """The second one is about the same debts."""
    publish_plan(settings, [message(n) for n in (1, 2)])
    later = [message(n, [item(f"R{n:05d}", days=6, night=NEXT)], step="d+5", step_offset=5, night=NEXT) for n in (1, 2)]
    publish_plan(settings, later, night=NEXT)


def nights(engine) -> set:
    with engine.connect() as ledger:
        return set(ledger.scalars(sa.select(contacts.c.business_date)))


def test_nights_in_the_outbox_go_on_in_the_outbox_and_count(settings, engine, two_nights):
    assert [deliver(settings, night).sent for night in (TONIGHT, TONIGHT, NEXT)] == [2, 2, 2]
    assert nights(engine) == {TONIGHT, NEXT}


def test_a_ledger_of_the_outbox_never_goes_live(settings, engine, two_nights):
    deliver(settings, TONIGHT)
    channel = Real()
    with pytest.raises(DeliveryRefused, match=r"only lay in the outbox.*set COBRANCA_LEDGER to another database"):
        deliver(settings, NEXT, clock=noon(NEXT), channel=channel)
    assert channel.letters == [] and nights(engine) == {TONIGHT}


def test_a_live_ledger_takes_nothing_from_the_outbox(settings, engine, two_nights):
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=Real()).sent == 2
    with pytest.raises(DeliveryRefused, match=r"reached people.*set COBRANCA_LEDGER to another database"):
        deliver(settings, NEXT)
    assert nights(engine) == {TONIGHT} and not list(settings.folder("outbox", NEXT).glob("*.eml"))


def test_a_ledger_that_went_live_after_the_outbox_stays_live(settings, engine, two_nights):
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=Real())
    with engine.begin() as ledger:
        one = sa.select(sa.func.min(contacts.c.message_key)).scalar_subquery()
        ledger.execute(contacts.update().where(contacts.c.message_key == one).values(provider_message_id="outbox:1"))
    assert deliver(settings, NEXT, clock=noon(NEXT), channel=Real()).sent == 2
