"""Record provider reports (deduplicated) and consents, and move contacts by the reports."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from cobranca.ledger.column_types import insert_into
from cobranca.ledger.provider_event import OPT_OUT_KINDS, STATE_OF_KIND, Event
from cobranca.ledger.provider_outcomes import ProviderOutcomes
from cobranca.ledger.states import PROVIDER, REPORTED_STATES, states_before
from cobranca.ledger.tables import consents, contacts, delivery_events
from cobranca.time_zone import TIME_ZONE

_CHUNK = 500


@dataclass(frozen=True)
class EventCounts:
    """Counts of recorded reports.

    ``new`` reports, contacts that ``moved``, new opt-outs (``stopped``).
    """

    new: int = 0
    moved: int = 0
    stopped: int = 0

    def __add__(self, other: "EventCounts") -> "EventCounts":
        return EventCounts(
            self.new + other.new, self.moved + other.moved, self.stopped + other.stopped
        )

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def record_events(engine: sa.Engine, events: Iterable[Event]) -> EventCounts:
    """Record reports and move their contacts; idempotent.

    A report about an unknown message is recorded too, because its contact may come later, from a
    restored backup.
    """
    events = list(events)
    recorded = EventCounts()
    for start in range(0, len(events), _CHUNK):
        chunk = {event.key: event for event in events[start : start + _CHUNK]}
        recorded += _record_chunk(engine, list(chunk.values()))
    return recorded


def _record_chunk(engine: sa.Engine, events: Sequence[Event]) -> EventCounts:
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
    with engine.begin() as connection:
        new = _insert_new(connection, delivery_events, delivery_events.c.event_key, rows)
        stopped = _record_opt_outs(connection, sorted(new))
    # The reports are committed first, so apply_stored_events() can finish this after a crash.
    outcomes = ProviderOutcomes(engine)
    moved = sum(
        outcomes.record_event(event.message_key, STATE_OF_KIND[event.kind], event.detail)
        for event in _most_advanced(events)
    )
    return EventCounts(len(new), moved, stopped)


def _most_advanced(events: Iterable[Event]) -> list[Event]:
    """Pick the report with the most advanced state for each message; of equal ones the earliest."""
    best: dict[str, Event] = {}
    for event in events:
        if event.kind in STATE_OF_KIND and (
            event.message_key not in best or _rank(event) > _rank(best[event.message_key])
        ):
            best[event.message_key] = event
    return list(best.values())


def _rank(event: Event) -> tuple[int, float]:
    return REPORTED_STATES.index(STATE_OF_KIND[event.kind]), -event.occurred_at.timestamp()


def _record_opt_outs(connection: sa.Connection, event_keys: Sequence[str] | None = None) -> int:
    """Record opt-outs that follow from stored reports; returns how many are new.

    ``event_keys`` limits the reports; by default all are used.
    """
    query = (
        sa.select(
            contacts.c.customer_key,
            contacts.c.channel,
            delivery_events.c.kind,
            delivery_events.c.occurred_at,
        )
        .join(contacts, contacts.c.message_key == delivery_events.c.message_key)
        .where(delivery_events.c.kind.in_(OPT_OUT_KINDS))
    )
    if event_keys is not None:
        query = query.where(delivery_events.c.event_key.in_(event_keys))
    rows = [
        consent(row.customer_key, row.channel, False, row.kind, row.occurred_at)
        for row in connection.execute(query)
    ]
    return len(_insert_new(connection, consents, consents.c.consent_key, rows))


def apply_stored_events(engine: sa.Engine) -> int:
    """Apply all stored reports again: move contacts, record opt-outs; returns how many moved.

    Needed for reports that came before their contact, and after a crash between the commit of a
    report and the move of its contact. Idempotent.
    """
    with engine.begin() as connection:
        _record_opt_outs(connection)
    outcomes, moved = ProviderOutcomes(engine), 0
    for state in reversed(REPORTED_STATES):
        kinds = [kind for kind, kind_state in STATE_OF_KIND.items() if kind_state == state]
        query = (
            sa.select(
                delivery_events.c.message_key,
                sa.func.min(delivery_events.c.detail).label("detail"),
            )
            .join(contacts, contacts.c.message_key == delivery_events.c.message_key)
            .where(
                delivery_events.c.kind.in_(kinds),
                contacts.c.state.in_(states_before(state, PROVIDER)),
            )
            .group_by(delivery_events.c.message_key)
        )
        with engine.connect() as connection:
            found = connection.execute(query).all()
        moved += sum(outcomes.record_event(row.message_key, state, row.detail) for row in found)
    return moved


def record_consent(
    engine: sa.Engine,
    customer_key: str,
    channel: str,
    *,
    is_opted_in: bool,
    origin: str,
    at: datetime,
) -> bool:
    """Record a payer's consent or opt-out for one channel; returns whether it was new.

    ``at`` is aware.
    """
    at_utc = at.astimezone(UTC).replace(tzinfo=None)
    return _record(engine, consent(customer_key, channel, is_opted_in, origin, at_utc))


def record_opt_out_by_link(
    engine: sa.Engine, customer_key: str, only_creditor: str | None, at: datetime
) -> bool:
    """Record that a payer's link stopped our e-mails; returns whether it was new.

    ``only_creditor`` is the creditor whose e-mails are stopped, or ``None`` for all. ``at`` is
    aware.
    """
    at_utc = at.astimezone(UTC).replace(tzinfo=None)
    return _record(engine, consent(customer_key, "email", False, "link", at_utc, only_creditor))


def _record(engine: sa.Engine, row: dict[str, object]) -> bool:
    with engine.begin() as connection:
        return bool(_insert_new(connection, consents, consents.c.consent_key, [row]))


def consent(
    customer_key: str,
    channel: str,
    is_opted_in: bool,
    origin: str,
    at_utc: datetime,
    only_creditor: str | None = None,
) -> dict[str, object]:
    """A row of ``consents``; its key is the same for the same consent at the same time."""
    identity = f"{customer_key}|{channel}|{is_opted_in}|{origin}|{at_utc.isoformat()}"
    if only_creditor is not None:
        identity += f"|{only_creditor}"
    return {
        "consent_key": hashlib.sha256(identity.encode()).hexdigest()[:40],
        "customer_key": customer_key,
        "channel": channel,
        "only_creditor": only_creditor,
        "is_opted_in": is_opted_in,
        "origin": origin,
        "given_at": at_utc,
        "given_on": local_day(at_utc),
    }


def local_day(at_utc: datetime) -> date:
    """The day in São Paulo of a time in UTC without a zone."""
    return at_utc.replace(tzinfo=UTC).astimezone(TIME_ZONE).date()


def _insert_new(
    connection: sa.Connection,
    table: sa.Table,
    key: sa.Column[Any],
    rows: Sequence[Mapping[str, object]],
) -> set[str]:
    """Insert the rows with new keys; returns these keys."""
    by_key = {row[key.name]: row for row in rows}
    if not by_key:
        return set()
    insert = (
        insert_into(connection, table).on_conflict_do_nothing(index_elements=[key]).returning(key)
    )
    return set(connection.scalars(insert, list(by_key.values())).all())
