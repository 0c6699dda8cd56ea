"""The ledger guard: messages in the outbox never count as messages to people."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from cobranca.errors import DeliveryRefused
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import contacts
from cobranca.reminders import deliver
from reminders.fake_channels import AcceptingChannel
from reminders.plans import TONIGHT, as_planned, item, message, noon, publish_plan

# A Monday.
NEXT = TONIGHT + timedelta(days=5)


@pytest.fixture(autouse=True)
def nothing_changed_at_the_source(monkeypatch):
    monkeypatch.setattr("cobranca.sources.current_state.read_current_state", as_planned)


@pytest.fixture
def engine(settings):
    engine = open_ledger(settings.ledger)
    yield engine
    engine.dispose()


@pytest.fixture
def two_nights(settings):
    """Plans of two nights about the same debts."""
    publish_plan(settings, [message(n) for n in (1, 2)])
    later = [
        message(n, [item(f"R{n:05d}", days=6, night=NEXT)], step="d+5", step_offset=5, night=NEXT)
        for n in (1, 2)
    ]
    publish_plan(settings, later, night=NEXT)


def nights(engine) -> set:
    with engine.connect() as ledger:
        return set(ledger.scalars(sa.select(contacts.c.business_date)))


def test_a_ledger_of_the_outbox_accepts_further_nights_of_the_outbox(settings, engine, two_nights):
    assert [deliver(settings, night).sent for night in (TONIGHT, TONIGHT, NEXT)] == [2, 2, 2]
    assert nights(engine) == {TONIGHT, NEXT}


def test_a_ledger_of_the_outbox_refuses_a_real_channel(settings, engine, two_nights):
    deliver(settings, TONIGHT)
    channel = AcceptingChannel()
    with pytest.raises(
        DeliveryRefused, match=r"only lay in the outbox.*set COBRANCA_LEDGER to another database"
    ):
        deliver(settings, NEXT, clock=noon(NEXT), channel=channel)
    assert channel.message_keys == [] and nights(engine) == {TONIGHT}


def test_a_ledger_of_real_messages_refuses_the_outbox(settings, engine, two_nights):
    assert deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel()).sent == 2
    with pytest.raises(
        DeliveryRefused, match=r"reached people.*set COBRANCA_LEDGER to another database"
    ):
        deliver(settings, NEXT)
    assert nights(engine) == {TONIGHT} and not list(settings.folder("outbox", NEXT).glob("*.eml"))


def test_a_ledger_of_both_kinds_accepts_a_real_channel(settings, engine, two_nights):
    deliver(settings, TONIGHT, clock=noon(TONIGHT), channel=AcceptingChannel())
    with engine.begin() as ledger:
        one = sa.select(sa.func.min(contacts.c.message_key)).scalar_subquery()
        ledger.execute(
            contacts.update()
            .where(contacts.c.message_key == one)
            .values(provider_message_id="outbox:1")
        )
    assert deliver(settings, NEXT, clock=noon(NEXT), channel=AcceptingChannel()).sent == 2
