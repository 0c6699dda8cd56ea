"""Keeping what came back: reports of providers, and what payers said about being written to."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from cobranca.events.event import MEANS_STOP, STATE_AFTER
from cobranca.ledger.contacts import ContactLedger
from cobranca.ledger.states import PROVIDER, REPORTED_STATES, leading_to
from cobranca.ledger.tables import consents, contacts, delivery_events, insert_into

if TYPE_CHECKING:
    from cobranca.events.event import Event

HERE = ZoneInfo("America/Sao_Paulo")
_CHUNK = 500


@dataclass(frozen=True)
class Recorded:
    """How many reports were new, how many contacts they moved, how many payers they stopped."""

    new: int = 0
    moved: int = 0
    stopped: int = 0

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(self.new + other.new, self.moved + other.moved, self.stopped + other.stopped)

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def record_events(ledger: ContactLedger, events: Iterable["Event"]) -> Recorded:
    """Keep reports and move the contacts that they are about; repeating it changes nothing.

    A report about a message that this ledger does not hold is kept: the contact may still come, from a restored backup.
    """
    events = list(events)
    recorded = Recorded()
    for start in range(0, len(events), _CHUNK):
        chunk = {event.key: event for event in events[start : start + _CHUNK]}
        recorded += _record_chunk(ledger, list(chunk.values()))
    return recorded


def _record_chunk(ledger: ContactLedger, events: Sequence["Event"]) -> Recorded:
    rows = [
        {
            "event_key": event.key,
            "provider": event.provider,
            "message_key": event.message_key,
            "kind": event.kind,
            "detail": event.detail,
            "occurred_at": event.at_utc,
        }
        for event in events
    ]
    with ledger.engine.begin() as connection:
        new = _insert_new(connection, delivery_events, delivery_events.c.event_key, rows)
        stopped = _stop(connection, sorted(new))
    # Kept first: what a crash leaves unsettled here, settle() finds.
    moved = sum(_move(ledger, event) for event in _farthest(events))
    return Recorded(len(new), moved, stopped)


def _farthest(events: Iterable["Event"]) -> list["Event"]:
    """Of each message the report that leads farthest; of several, the earliest."""
    best: dict[str, Event] = {}
    for event in events:
        if event.kind in STATE_AFTER and (event.message_key not in best or _rank(event) > _rank(best[event.message_key])):
            best[event.message_key] = event
    return list(best.values())


def _rank(event: "Event") -> tuple:
    return REPORTED_STATES.index(STATE_AFTER[event.kind]), -event.occurred_at.timestamp()


def _move(ledger: ContactLedger, event: "Event") -> bool:
    return ledger.record_event(event.message_key, STATE_AFTER[event.kind], event.detail)


def _stop(connection: sa.Connection, event_keys: Sequence[str] | None = None) -> int:
    """Write down who wants no more, by these kept reports (default: by all); returns how many wishes were new."""
    query = (
        sa.select(contacts.c.customer_key, contacts.c.channel, delivery_events.c.kind, delivery_events.c.occurred_at)
        .join(contacts, contacts.c.message_key == delivery_events.c.message_key)
        .where(delivery_events.c.kind.in_(MEANS_STOP))
    )
    if event_keys is not None:
        query = query.where(delivery_events.c.event_key.in_(event_keys))
    rows = [consent(row.customer_key, row.channel, False, row.kind, row.occurred_at) for row in connection.execute(query)]
    return len(_insert_new(connection, consents, consents.c.consent_key, rows))


def settle(ledger: ContactLedger) -> int:
    """Move every contact that kept reports lead farther than it is; returns how many.

    Needed after a crash between keeping and moving, and for reports that came before their contact. Whoever stopped our
    messages by such a report is not written to again either.
    """
    with ledger.engine.begin() as connection:
        _stop(connection)
    moved = 0
    for state in reversed(REPORTED_STATES):
        kinds = [kind for kind, leads_to in STATE_AFTER.items() if leads_to == state]
        query = (
            sa.select(delivery_events.c.message_key, sa.func.min(delivery_events.c.detail))
            .join(contacts, contacts.c.message_key == delivery_events.c.message_key)
            .where(delivery_events.c.kind.in_(kinds), contacts.c.state.in_(leading_to(state, PROVIDER)))
            .group_by(delivery_events.c.message_key)
        )
        with ledger.engine.connect() as connection:
            found = connection.execute(query).all()
        moved += sum(ledger.record_event(message_key, state, detail) for message_key, detail in found)
    return moved


def record_consent(
    ledger: ContactLedger, customer_key: str, channel: str, *, is_opted_in: bool, origin: str, at: datetime
) -> bool:
    """Keep what a payer said about one channel; returns whether that was new. ``at`` has a zone."""
    row = consent(customer_key, channel, is_opted_in, origin, at.astimezone(UTC).replace(tzinfo=None))
    with ledger.engine.begin() as connection:
        return bool(_insert_new(connection, consents, consents.c.consent_key, [row]))


def consent(customer_key: str, channel: str, is_opted_in: bool, origin: str, at_utc: datetime) -> dict:
    """A row of ``consents``; the same wish at the same moment has the same key."""
    told = f"{customer_key}|{channel}|{is_opted_in}|{origin}|{at_utc.isoformat()}"
    return {
        "consent_key": hashlib.sha256(told.encode()).hexdigest()[:40],
        "customer_key": customer_key,
        "channel": channel,
        "is_opted_in": is_opted_in,
        "origin": origin,
        "given_at": at_utc,
        "given_on": local_day(at_utc),
    }


def local_day(at_utc: datetime) -> date:
    """The day in São Paulo of a time in UTC without a zone."""
    return at_utc.replace(tzinfo=UTC).astimezone(HERE).date()


def _insert_new(connection: sa.Connection, table: sa.Table, key: sa.Column, rows: Sequence[dict]) -> set[str]:
    """Insert the rows whose key is not there yet; returns the keys of those."""
    by_key = {row[key.name]: row for row in rows}
    if not by_key:
        return set()
    insert = insert_into(connection, table).on_conflict_do_nothing(index_elements=[key]).returning(key)
    return set(connection.scalars(insert, list(by_key.values())).all())
