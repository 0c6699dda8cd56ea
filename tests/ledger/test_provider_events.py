"""Provider reports: deduplicated, applied in any order, and opt-outs that follow from them."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cobranca.events.sendgrid_events import read_events
from cobranca.ledger import open_ledger, provider_events
from cobranca.ledger.provider_event import Event
from cobranca.ledger.provider_events import (
    EventCounts,
    apply_stored_events,
    consent,
    record_consent,
    record_events,
)
from cobranca.ledger.tables import consents, contacts, delivery_events
from events.reports import KEY, NOW, contact, put, sg_event, states
from ledger.clients import LedgerClients
from ledger.contact_rows import state_reasons
from seeds import few_or_many


def test_a_spam_report_and_an_unsubscription_opt_the_payer_out_of_the_channel(ledger):
    put(ledger, contact(1), contact(2), contact(3))
    reports = [
        sg_event("spamreport"),
        sg_event("group_unsubscribe", key=f"M{2:024x}"),
        sg_event("delivered", key=f"M{3:024x}"),
    ]
    for _ in range(2):
        record_events(ledger.engine, read_events(json.dumps(reports).encode())[0])
    payers = [f"C{number:020x}" for number in (1, 2, 3)]
    assert ledger.lookups.opted_out(payers) == {
        (payers[0], "email", None),
        (payers[1], "email", None),
    }
    with ledger.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(consents)) == 2
    # A later consent overrides the opt-out, and a later opt-out the consent.
    record_consent(
        ledger.engine,
        payers[0],
        "email",
        is_opted_in=True,
        origin="person",
        at=NOW + timedelta(days=1),
    )
    assert (payers[0], "email", None) not in ledger.lookups.opted_out(payers)
    record_consent(
        ledger.engine,
        payers[0],
        "email",
        is_opted_in=False,
        origin="link",
        at=NOW + timedelta(days=2),
    )
    assert (payers[0], "email", None) in ledger.lookups.opted_out(payers)


REPORTS = [
    sg_event("processed", at=NOW),
    sg_event("deferred", at=NOW + timedelta(seconds=5)),
    sg_event("delivered", at=NOW + timedelta(minutes=1)),
    sg_event("spamreport", at=NOW + timedelta(hours=3)),
]


def test_reports_in_any_order_and_repetition_end_in_the_same_state(settings):
    engine = open_ledger(settings.ledger)
    ledger = LedgerClients(engine)
    orders = list(itertools.permutations(REPORTS))
    put(ledger, *(contact(number, "sending") for number in range(len(orders))))
    for number, order in enumerate(orders):
        for report in (*order, order[0]):
            body = json.dumps(
                [{**report, "message_key": f"M{number:024x}", "sg_event_id": f"{number}"}]
            ).encode()
            record_events(ledger.engine, read_events(body)[0])
    assert set(states(ledger).values()) == {"complained"}
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(delivery_events)) == len(
            orders
        ) * len(REPORTS)
    engine.dispose()


@pytest.fixture(scope="module")
def shared_ledger(tmp_path_factory):
    engine = open_ledger(f"sqlite:///{tmp_path_factory.mktemp('reports')}/ledger.db")
    yield LedgerClients(engine), itertools.count()
    engine.dispose()


@given(
    batches=st.lists(
        st.lists(
            st.sampled_from(
                ["processed", "deferred", "delivered", "bounce", "dropped", "spamreport"]
            ),
            max_size=5,
        ),
        max_size=5,
    ),
    start=st.sampled_from(["sending", "unknown", "sent", "planned", "cancelled", "rejected"]),
)
@hypothesis_settings(
    max_examples=few_or_many(40, 1000), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_reports_move_a_contact_forward_only_and_only_if_it_was_sent(shared_ledger, batches, start):
    ledger, numbers = shared_ledger
    number = next(numbers)
    put(ledger, contact(number, start))
    key, order_of_states = (
        f"M{number:024x}",
        ("sent", "delivered", "undelivered", "bounced", "complained"),
    )
    reached = [start]
    for batch in batches:
        body = json.dumps([sg_event(event, key=key) for event in batch]).encode()
        record_events(ledger.engine, read_events(body)[0])
        reached.append(states(ledger)[key])
    rank_of = {
        "processed": 0,
        "deferred": 0,
        "delivered": 1,
        "dropped": 2,
        "bounce": 3,
        "spamreport": 4,
    }
    ranks = [rank_of[event] for batch in batches for event in batch]
    if start in ("planned", "cancelled", "rejected") or not ranks:
        assert set(reached) == {start}
    else:
        first = order_of_states.index(start) if start in order_of_states else -1
        assert reached[-1] == order_of_states[max(first, *ranks)]
    assert apply_stored_events(ledger.engine) == 0


def test_reports_of_several_chunks_are_counted_and_stored_whole(ledger, monkeypatch):
    """Two reports of each of three contacts; one of them asks for an opt-out."""
    monkeypatch.setattr(provider_events, "_CHUNK", 2)
    put(ledger, *(contact(number, "sending") for number in range(3)))
    keys = [f"M{number:024x}" for number in range(3)]
    reports = [
        Event("sendgrid", keys[0], "accepted", NOW),
        Event("sendgrid", keys[0], "delivered", NOW, "caixa de entrada"),
        Event("sendgrid", keys[1], "accepted", NOW),
        Event("sendgrid", keys[1], "complained", NOW, "spam"),
        Event("sendgrid", keys[2], "accepted", NOW),
    ]
    assert record_events(ledger.engine, reports) == EventCounts(new=5, moved=3, stopped=1)
    assert record_events(ledger.engine, reports) == EventCounts(), "each counts once"
    assert states(ledger) == dict(zip(keys, ("delivered", "complained", "sent"), strict=True))
    query = sa.select(delivery_events.c.detail).where(delivery_events.c.detail.is_not(None))
    with ledger.engine.connect() as connection:
        assert set(connection.scalars(query)) == {"caixa de entrada", "spam"}


def test_stored_reports_move_each_contact_for_its_own_reason(ledger):
    keys = [f"M{number:024x}" for number in (1, 2)]
    reasons = ("endereço inexistente", "caixa cheia")
    record_events(
        ledger.engine,
        [
            Event("sendgrid", key, "bounced", NOW, reason)
            for key, reason in zip(keys, reasons, strict=True)
        ],
    )
    put(ledger, contact(1), contact(2))
    assert apply_stored_events(ledger.engine) == 2
    assert state_reasons(ledger) == {
        key: ("bounced", reason) for key, reason in zip(keys, reasons, strict=True)
    }


def test_a_report_before_its_contact_is_applied_later(ledger):
    record_events(
        ledger.engine,
        [Event("sendgrid", KEY, "delivered", NOW), Event("sendgrid", KEY, "accepted", NOW)],
    )
    assert states(ledger) == {}
    put(ledger, contact(1, "sending"))
    assert apply_stored_events(ledger.engine) == 1
    assert states(ledger) == {KEY: "delivered"}
    assert apply_stored_events(ledger.engine) == 0


def test_an_opt_out_before_its_contact_is_applied_later(ledger):
    record_events(
        ledger.engine,
        [Event("sendgrid", KEY, "complained", NOW), Event("sendgrid", KEY, "delivered", NOW)],
    )
    put(ledger, contact(1, "unknown"))
    payer = f"C{1:020x}"
    for _ in range(2):
        apply_stored_events(ledger.engine)
        assert states(ledger) == {KEY: "complained"}
        assert ledger.lookups.opted_out([payer]) == {(payer, "email", None)}
    record_consent(
        ledger.engine, payer, "email", is_opted_in=True, origin="person", at=NOW + timedelta(days=1)
    )
    apply_stored_events(ledger.engine)
    assert ledger.lookups.opted_out([payer]) == set(), "a stored report is older than the consent"


@pytest.mark.parametrize(
    ("at_utc", "day"),
    [
        (datetime(2026, 11, 18, 2, 59, 59), date(2026, 11, 17)),  # 23:59 in São Paulo
        (datetime(2026, 11, 18, 3, 0), date(2026, 11, 18)),
        (datetime(2026, 11, 19, 2, 59), date(2026, 11, 18)),
    ],
)
def test_a_consent_is_of_the_day_in_sao_paulo(at_utc, day):
    assert consent("C1", "email", False, "link", at_utc)["given_on"] == day


@pytest.mark.usefixtures("far_clock")
@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 11, 18, 2, 59, 59, tzinfo=UTC), date(2026, 11, 17)),
        (datetime(2026, 11, 18, 3, 0, tzinfo=UTC), date(2026, 11, 18)),
    ],
)
def test_the_time_zone_of_the_machine_changes_no_consent(ledger, at, day):
    record_consent(ledger.engine, "C1", "email", is_opted_in=False, origin="link", at=at)
    with ledger.engine.connect() as connection:
        row = connection.execute(sa.select(consents.c.given_at, consents.c.given_on)).one()
    assert row == (at.replace(tzinfo=None), day)


def test_an_opt_out_is_of_the_day_of_the_report_not_of_its_receipt(ledger):
    put(ledger, contact(1))
    late = datetime(2026, 11, 18, 2, 30, tzinfo=UTC)
    record_events(ledger.engine, [Event("twilio", KEY, "opted_out", late)])
    with ledger.engine.connect() as connection:
        assert connection.scalar(sa.select(consents.c.given_on)) == date(2026, 11, 17)


def test_an_opt_out_after_a_consent_counts_although_the_first_was_the_same(ledger):
    for hours, is_opted_in in ((0, False), (1, True), (2, False)):
        at = NOW + timedelta(hours=hours)
        assert record_consent(
            ledger.engine, "C1", "email", is_opted_in=is_opted_in, origin="link", at=at
        )
    assert ledger.lookups.opted_out(["C1"]) == {("C1", "email", None)}


def test_of_equal_reports_the_earliest_gives_the_reason(ledger):
    """Of one moment, the one that was given first."""
    put(ledger, contact(1))
    reports = [
        Event("sendgrid", KEY, "bounced", NOW + timedelta(hours=1), "caixa cheia"),
        Event("sendgrid", KEY, "bounced", NOW, "endereço inexistente"),
        Event("twilio", KEY, "bounced", NOW, "número inexistente"),
    ]
    record_events(ledger.engine, reports)
    with ledger.engine.connect() as connection:
        assert connection.scalar(sa.select(contacts.c.state_reason)) == "endereço inexistente"


def test_reports_and_consents_are_append_only(ledger):
    put(ledger, contact(1))
    record_events(ledger.engine, [Event("sendgrid", KEY, "complained", NOW)])
    for table in (delivery_events, consents):
        for change in (
            table.delete(),
            table.update().values({table.c[table.primary_key.columns.keys()[0]]: "x"}),
        ):
            with pytest.raises(sa.exc.DBAPIError), ledger.engine.begin() as connection:
                connection.execute(change)
