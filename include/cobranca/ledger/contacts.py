"""The contact state machine: who may be contacted by whom, and what became of it.

``planned → claimed → sending → sent | rejected | unknown``, then what the provider reports; ``states.py`` holds every way.
A claim is a lease by the database's clock and belongs to one owner; ``sending`` is committed before the first byte leaves.
What a dead owner had claimed returns to ``planned`` when the lease runs out; what it was sending becomes ``unknown`` and
is never sent again. The triggers of the database refuse any other way and append every change to ``contact_history``.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import wraps

import sqlalchemy as sa

from cobranca.errors import CobrancaError
from cobranca.ledger.accounts import Whom, with_accounts
from cobranca.ledger.states import (
    CANCELLED_BATCH,
    ENGAGED_STATES,
    PLANNER,
    PROVIDER,
    RECOVERY,
    REPORTED_STATES,
    WORKER,
    leading_to,
)
from cobranca.ledger.tables import (
    ALWAYS,
    agreements,
    as_rows,
    consents,
    contact_items,
    contacts,
    erasures,
    insert_into,
    one_of,
    outcomes,
    promises,
    rows_of,
    runs,
    switches,
    utc_now,
)

# Reasons are read by agents and finance people, so they are in Portuguese.
STEP_ALREADY_DONE = "etapa já realizada para esta dívida"
NOT_IN_NEWEST_PLAN = "fora do plano mais recente desta data"
LATER_DATE_PLANNED = "uma data posterior foi planejada antes do envio"
WAITS_FOR_APPROVAL = "aguarda aprovação de uma pessoa"
WAITS_FOR_ITS_HOUR = "fora do horário permitido onde o cliente mora"
NO_HOUR_LEFT = "hoje não há mais horário permitido onde o cliente mora"
STALE_PAYMENTS = "pagamentos desatualizados: não se sabe quem já pagou"
ALREADY_WRITTEN_TODAY = "o cliente já recebeu hoje uma mensagem sobre este título"
WORKER_LOST = "o processo parou durante o envio; não se sabe se saiu"

# What a newer plan of the same date may still change.
_REPLANNED = ("planned", *leading_to("planned", PLANNER))
# The stage of ``runs`` by which a plan is known to be in the ledger.
ENTERED = "entered"
# Any constant does that no other lock of this database has.
_PLANNING_LOCK = 0x706C616E
# A worker holds these by its lease.
WORKED_ON = ("claimed", "sending")
_PLANNED_COLUMNS = (
    "message_key", "business_date", "batch_id", "customer_key", "episode_key", "step", "step_offset", "channel",
    "template", "policy_version", "requires_approval", "counts_from", "address_mark",
)  # fmt: skip
_PLANNED = tuple(contacts.c[name] for name in (*_PLANNED_COLUMNS, "state", "state_reason"))
# Either its step asks for none, or a person gave it.
_NEEDS_NO_APPROVAL = sa.or_(~contacts.c.requires_approval, contacts.c.approved_by.is_not(None))
_CHANGED = (contacts.c.message_key, contacts.c.state, contacts.c.state_reason, contacts.c.provider_message_id)


class PlanConflict(CobrancaError):
    """The plan holds two messages for one customer, channel and day."""


@dataclass(frozen=True)
class Ended:
    """What became of one message that was being sent."""

    message_key: str
    state: str
    reason: str | None = None
    provider_message_id: str | None = None


@dataclass(frozen=True)
class Heard:
    """Something that an agent recorded about a payer: a row of ``outcomes`` with its code, a promise or an agreement."""

    customer_key: str
    kind: str
    event_id: str
    code: str | None = None


@dataclass(frozen=True)
class Told:
    """What is known of some payers: what agents recorded, whenever it was and under whatever key they were known then; payer
    and channel of those who said last that they do not want to be written to over it; and whose personal data, or those of
    one of their accounts, were erased.
    """

    heard: list[Heard]
    opted_out: set[tuple[str, str]]
    erased: set[str]


def _survives_restart(method: Callable) -> Callable:
    """Repeat a transaction while the database is restarting, or that ended because this process slept within it.

    Only for methods that give the same result when repeated.
    """

    @wraps(method)
    def repeated(self, *args, **kwargs):
        deadline = time.monotonic() + self.patience_seconds
        while True:
            try:
                return method(self, *args, **kwargs)
            except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    return repeated


class ContactLedger:
    """All that the sender does with the ledger; each method is one transaction.

    ``patience_seconds`` is how long a restarting database is waited for.
    """

    def __init__(self, engine: sa.Engine, patience_seconds: float = 30):
        self.engine = engine
        self.patience_seconds = patience_seconds

    # Planning

    def plan(self, business_date: date, batch_id: str, messages: Iterable[Sequence[tuple[dict, list[dict]]]]) -> int:
        """Bring the planned contacts of ``business_date`` in line with one approved batch; returns how many are new.

        ``messages`` gives chunks of (contact, items). What is already claimed or ended is left as it is; what was
        planned but is no longer chosen becomes ``superseded``; a step already done for a debt becomes ``suppressed``;
        what earlier dates left planned becomes ``expired``. The same batch a second time changes nothing.

        Raises:
            PlanConflict: two messages for one customer, channel and day.
        """
        try:
            with self.engine.begin() as connection:
                _one_planner_at_a_time(connection)
                inserted = sum(self._plan_chunk(connection, batch_id, chunk) for chunk in messages)
                self._retire(connection, business_date, batch_id)
                entered = {"run_id": uuid.uuid4().hex, "business_date": business_date, "stage": ENTERED, "batch_id": batch_id}
                connection.execute(runs.insert(), entered | {"counts": {"new": inserted}})
            return inserted
        except sa.exc.IntegrityError:
            raise PlanConflict(
                f"the plan of {business_date} (batch {batch_id}) gives one customer two messages by one channel; "
                "nothing was planned. Look for the doubled customer_key in out_reminders."
            ) from None

    def _plan_chunk(self, connection: sa.Connection, batch_id: str, chunk: Sequence[tuple[dict, list[dict]]]) -> int:
        by_key = {contact["message_key"]: (contact, items) for contact, items in chunk}
        rows = [_contact(contact) for contact, _ in by_key.values()]
        inserted = set(_insert(connection, contacts, _PLANNED, rows, index_elements=["message_key"]))
        new = [by_key[key] for key in by_key if key in inserted]
        self._put_items(connection, new)
        known = [key for key in by_key if key not in inserted]
        if not known:
            return len(new)
        query = sa.select(contacts.c.message_key, contacts.c.state, contacts.c.batch_id)
        found = connection.execute(query.where(one_of(contacts.c.message_key, known))).all()
        changed = [row.message_key for row in found if row.state in _REPLANNED and row.batch_id != batch_id]
        for key in changed:
            self._replan(connection, *by_key[key])
        return len(new)

    def _replan(self, connection: sa.Connection, contact: dict, items: list[dict]) -> None:
        values = {name: value for name, value in _contact(contact).items() if name != "message_key"}
        # A worker may have claimed it since it was read: then it is that worker's.
        updated = connection.execute(
            contacts.update()
            .where(contacts.c.message_key == contact["message_key"], contacts.c.state.in_(_REPLANNED))
            .values(**values, approved_by=None)
        )
        if updated.rowcount:
            connection.execute(contact_items.delete().where(contact_items.c.message_key == contact["message_key"]))
            self._put_items(connection, [(contact, items)])

    def _put_items(self, connection: sa.Connection, messages: Sequence[tuple[dict, list[dict]]]) -> None:
        rows = [{"message_key": contact["message_key"], **item} for contact, items in messages for item in items]
        if rows:
            _insert(connection, contact_items, tuple(contact_items.c), rows)

    def _retire(self, connection: sa.Connection, business_date: date, batch_id: str) -> None:
        planned = contacts.c.state == "planned"
        connection.execute(
            contacts.update()
            .where(planned, contacts.c.business_date == business_date, contacts.c.batch_id != batch_id)
            .values(state="superseded", state_reason=NOT_IN_NEWEST_PLAN)
        )
        connection.execute(
            contacts.update()
            .where(planned, contacts.c.business_date < business_date)
            .values(state="expired", state_reason=LATER_DATE_PLANNED)
        )
        connection.execute(
            contacts.update()
            .where(planned, contacts.c.business_date == business_date, _step_is_done())
            .values(state="suppressed", state_reason=STEP_ALREADY_DONE)
        )
        # Asked first, because the join is slow in a database that does not yet know how many rows were entered just now.
        if connection.scalar(_has_begun(business_date)):
            connection.execute(
                contacts.update()
                .where(planned, contacts.c.business_date == business_date)
                .where(contacts.c.message_key.in_(_asked_today(business_date)))
                .values(state="suppressed", state_reason=ALREADY_WRITTEN_TODAY)
            )

    @_survives_restart
    def unapproved(self, business_date: date) -> dict[str, int]:
        """How many planned contacts of each step wait for a person's approval."""
        query = sa.select(contacts.c.step, sa.func.count()).where(*_is_unapproved(business_date))
        with self.engine.connect() as connection:
            rows = connection.execute(query.group_by(contacts.c.step, contacts.c.step_offset).order_by(contacts.c.step_offset))
            return {step: number for step, number in rows}

    def approve(self, business_date: date, batch_id: str, author: str, steps: Sequence[str] | None = None) -> int:
        """Let the contacts of one plan that ask for a person's approval be sent; returns how many."""
        query = contacts.update().where(*_is_unapproved(business_date), contacts.c.batch_id == batch_id)
        if steps is not None:
            query = query.where(contacts.c.step.in_(steps))
        with self.engine.begin() as connection:
            return connection.execute(query.values(approved_by=author, state_reason=None)).rowcount

    # Working

    @_survives_restart
    def recover(self) -> int:
        """End the leases that ran out: ``claimed`` returns to ``planned``, ``sending`` becomes ``unknown``.

        Returns how many returned to ``planned``.
        """
        ran_out = contacts.c.lease_expires_at < utc_now()
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(contacts.c.state.in_(leading_to("unknown", RECOVERY)), ran_out)
                # The owner stays: if it is only slow, it may still say what happened.
                .values(state="unknown", state_reason=WORKER_LOST, lease_expires_at=None)
            )
            returned = connection.execute(
                contacts.update()
                .where(contacts.c.state.in_(leading_to("planned", RECOVERY)), ran_out)
                .values(state="planned", owner=None, lease_expires_at=None)
            )
            return returned.rowcount

    @_survives_restart
    def claim(self, business_date: date, batch_id: str, owner: str, *, limit: int, after: str, lease_seconds: float) -> list[str]:
        """Take up to ``limit`` planned contacts whose key follows ``after``, in key order.

        Contacts whose step was meanwhile done for the same debt become ``suppressed`` instead.
        """
        with self.engine.begin() as connection:
            if self._is_paused(connection):
                return []
            keys = list(
                connection.scalars(
                    sa.select(contacts.c.message_key)
                    .where(
                        contacts.c.business_date == business_date,
                        contacts.c.state == "planned",
                        contacts.c.batch_id == batch_id,
                        contacts.c.message_key > after,
                        _NEEDS_NO_APPROVAL,
                    )
                    .order_by(contacts.c.message_key)
                    .limit(limit)
                    .with_for_update(skip_locked=True)
                )
            )
            if not keys:
                return []
            done = set(
                connection.scalars(
                    contacts.update()
                    .where(one_of(contacts.c.message_key, keys), _step_is_done())
                    .values(state="suppressed", state_reason=STEP_ALREADY_DONE)
                    .returning(contacts.c.message_key)
                )
            )
            return self._engage(connection, [key for key in keys if key not in done], owner, lease_seconds)

    def _engage(self, connection: sa.Connection, keys: list[str], owner: str, lease_seconds: float) -> list[str]:
        if not keys:
            return []
        engage = contacts.update().values(
            state="claimed",
            state_reason=None,
            owner=owner,
            lease_expires_at=utc_now(lease_seconds),
            # Of an earlier owner's batch nothing may be believed any more.
            scheduled_batch=None,
            scheduled_for=None,
        )
        try:
            with connection.begin_nested():
                connection.execute(engage.where(one_of(contacts.c.message_key, keys)))
            return keys
        except sa.exc.IntegrityError:
            return [key for key in keys if self._engage_one(connection, engage, key)]

    def _engage_one(self, connection: sa.Connection, engage, key: str) -> bool:
        """The unique index on (debt, step, channel, due date) is the last word when another date claims the same step."""
        try:
            with connection.begin_nested():
                connection.execute(engage.where(contacts.c.message_key == key))
            return True
        except sa.exc.IntegrityError:
            connection.execute(
                contacts.update().where(contacts.c.message_key == key).values(state="suppressed", state_reason=STEP_ALREADY_DONE)
            )
            return False

    @_survives_restart
    def advance(self, owner: str, *, ended: Sequence[Ended], start: Sequence[str], lease_seconds: float) -> list[str]:
        """Record what ended and commit ``sending`` for what starts now; returns the keys that may really be sent.

        A key that this owner lost (its lease ran out) is not returned. ``start`` may hold only keys of which no byte
        has left, so repeating the call is harmless.
        """
        changes = [[end.message_key, end.state, end.reason, end.provider_message_id] for end in ended]
        changes += [[key, "sending", None, None] for key in start]
        if not changes:
            return []
        with self.engine.begin() as connection:
            rows = as_rows(connection.dialect, _CHANGED, changes)
            values = {"changes": rows, "owner": owner, "lease_seconds": float(lease_seconds)}
            moved = connection.execute(_ADVANCE[connection.dialect.name], values)
            sending = {key for key, state in moved if state == "sending"}
        return [key for key in start if key in sending]

    @_survives_restart
    def schedule(self, owner: str, keys: Sequence[str], batch: str, seconds: float) -> None:
        """Write down, before anything leaves, in which batch of the provider claimed contacts go and when that leaves."""
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(one_of(contacts.c.message_key, keys), contacts.c.owner == owner, contacts.c.state == "claimed")
                .values(scheduled_batch=batch, scheduled_for=utc_now(seconds))
            )

    @_survives_restart
    def batches_in_doubt(self, business_date: date, seconds: float) -> list[str]:
        """Scheduled batches of a date of which all that was handed over is in doubt, and that leave no sooner than
        ``seconds`` from now. One that was settled, so that some of it counts as sent, may not be cancelled any more; one of
        which a worker still holds a contact, not yet.

        Whoever asks is going to cancel them, so their late owners are shut out: an owner that wakes up now must not write
        down as sent what is being cancelled.
        """
        not_in_doubt = sa.select(contacts.c.scheduled_batch).where(
            contacts.c.business_date == business_date,
            contacts.c.scheduled_batch.is_not(None),
            contacts.c.state.in_((*WORKED_ON, *REPORTED_STATES)),
        )
        in_doubt = (
            contacts.c.business_date == business_date,
            contacts.c.state == "unknown",
            contacts.c.scheduled_batch.is_not(None),
            contacts.c.scheduled_batch.not_in(not_in_doubt),
            contacts.c.scheduled_for > utc_now(seconds),
        )
        with self.engine.begin() as connection:
            shut_out = contacts.update().where(*in_doubt).values(owner=None).returning(contacts.c.scheduled_batch)
            return sorted(set(connection.scalars(shut_out)))

    @_survives_restart
    def take_back(self, business_date: date, batch: str, reason: str) -> int:
        """Plan again what was in doubt of a batch whose cancellation the provider confirmed; returns how many."""
        with self.engine.begin() as connection:
            return connection.execute(
                contacts.update()
                .where(
                    contacts.c.business_date == business_date,
                    contacts.c.scheduled_batch == batch,
                    contacts.c.state.in_(leading_to("planned", CANCELLED_BATCH)),
                )
                .values(state="planned", state_reason=reason, owner=None, scheduled_batch=None, scheduled_for=None)
            ).rowcount

    @_survives_restart
    def renew(self, owner: str, lease_seconds: float) -> None:
        """Lengthen every lease that this owner still holds."""
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(
                    contacts.c.owner == owner,
                    contacts.c.state.in_(WORKED_ON),
                    contacts.c.lease_expires_at > utc_now(),
                )
                .values(lease_expires_at=utc_now(lease_seconds))
            )

    @_survives_restart
    def release(self, owner: str, keys: Sequence[str], state: str = "planned", reason: str | None = None) -> None:
        """Give up claimed contacts of which no byte has left: back to ``planned``, or to an end state with its reason."""
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(one_of(contacts.c.message_key, keys), contacts.c.owner == owner, contacts.c.state == "claimed")
                .values(
                    state=state,
                    state_reason=reason,
                    lease_expires_at=None,
                    owner=None if state == "planned" else owner,
                )
            )

    @_survives_restart
    def hold_back(self, business_date: date, state: str, reason: str) -> int:
        """Move everything still planned for a date to ``state`` with its reason; returns how many."""
        with self.engine.begin() as connection:
            return connection.execute(
                contacts.update()
                .where(contacts.c.business_date == business_date, contacts.c.state == "planned")
                .values(state=state, state_reason=reason)
            ).rowcount

    @_survives_restart
    def explain(self, business_date: date, batch_id: str, reason: str | None) -> None:
        """Say why what is planned, and was not even claimed, is held."""
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(
                    contacts.c.business_date == business_date,
                    contacts.c.batch_id == batch_id,
                    contacts.c.state == "planned",
                    contacts.c.state_reason.is_(None),
                )
                .values(state_reason=reason)
            )

    @_survives_restart
    def confirm_unknown(self, business_date: date, was_accepted: Callable[[str], bool]) -> int:
        """Turn ``unknown`` into ``sent`` where the channel knows that it accepted the message; returns how many."""
        with self.engine.connect() as connection:
            keys = list(
                connection.scalars(
                    sa.select(contacts.c.message_key).where(
                        contacts.c.business_date == business_date, contacts.c.state == "unknown"
                    )
                )
            )
        accepted = [key for key in keys if was_accepted(key)]
        with self.engine.begin() as connection:
            connection.execute(
                contacts.update()
                .where(one_of(contacts.c.message_key, accepted), contacts.c.state == "unknown")
                .values(state="sent", state_reason=None)
            )
        return len(accepted)

    @_survives_restart
    def record_event(
        self, message_key: str, state: str, reason: str | None = None, provider_message_id: str | None = None
    ) -> bool:
        """Move one contact forward to what the provider reports of it; returns whether it moved.

        ``state`` is one of ``REPORTED_STATES``. Reports that come twice, late or in another order end in the same state;
        one about a contact that was never being sent, or that nobody knows, changes nothing. A report may come before the
        worker has written down the provider's answer, and settles what was ``unknown``.

        Raises:
            ValueError: the provider cannot report such a state.
        """
        if state not in REPORTED_STATES:
            raise ValueError(f"'{state}' is no state that a provider reports; use one of: {', '.join(REPORTED_STATES)}")
        values = {"state": state, "state_reason": reason, "lease_expires_at": None}
        if provider_message_id:
            values["provider_message_id"] = provider_message_id
        forward = contacts.update().where(
            contacts.c.message_key == message_key, contacts.c.state.in_(leading_to(state, PROVIDER))
        )
        try:
            with self.engine.begin() as connection:
                return bool(connection.execute(forward.values(**values)).rowcount)
        except sa.exc.IntegrityError:
            # It bounced, so the step was taken by a later contact; that one stays the contact of this step.
            return False

    # Asking

    @_survives_restart
    def told_about(self, customer_keys: Sequence[str]) -> Told:
        """All that was recorded about these payers and may be a reason against writing to them."""
        with self.engine.connect() as connection:
            whom = Whom(connection, customer_keys)
            return Told(_heard_from(connection, whom), _opted_out(connection, whom), _erased(connection, whom))

    @_survives_restart
    def opted_out(self, customer_keys: Sequence[str]) -> set[tuple[str, str]]:
        """Payer and channel of those who said last that they do not want to be written to over it."""
        with self.engine.connect() as connection:
            return _opted_out(connection, Whom(connection, customer_keys))

    @_survives_restart
    def counts(self, business_date: date) -> dict[str, int]:
        """How many contacts of a date are in each state."""
        query = sa.select(contacts.c.state, sa.func.count()).where(contacts.c.business_date == business_date)
        with self.engine.connect() as connection:
            return {state: number for state, number in connection.execute(query.group_by(contacts.c.state))}

    @_survives_restart
    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those of the keys that the ledger does not hold."""
        query = sa.select(contacts.c.message_key).where(one_of(contacts.c.message_key, keys))
        with self.engine.connect() as connection:
            found = set(connection.scalars(query))
        return [key for key in keys if key not in found]

    @_survives_restart
    def still_waiting(self, business_date: date) -> int:
        """How many contacts of a date may still leave on it without anybody's decision: a later delivery takes those that are
        planned, and what another worker holds may come back."""
        may_leave = sa.and_(
            contacts.c.state == "planned",
            _NEEDS_NO_APPROVAL,
            sa.func.coalesce(contacts.c.state_reason, "").not_in((NO_HOUR_LEFT, STALE_PAYMENTS)),
        )
        query = sa.select(sa.func.count()).where(
            contacts.c.business_date == business_date, sa.or_(may_leave, contacts.c.state.in_(WORKED_ON))
        )
        with self.engine.connect() as connection:
            return connection.scalar(query)

    @_survives_restart
    def newest_plan(self, business_date: date) -> str | None:
        """The batch that was planned last for a date; written down together with its contacts."""
        query = sa.select(runs.c.batch_id).where(runs.c.business_date == business_date, runs.c.stage == ENTERED)
        with self.engine.connect() as connection:
            return connection.scalar(query.order_by(runs.c.finished_at.desc()).limit(1))

    @_survives_restart
    def has_strays(self, business_date: date, batch_id: str) -> bool:
        """Whether contacts of a date are planned by another batch: a worker held them while this one was entered."""
        query = sa.select(sa.func.count()).where(
            contacts.c.business_date == business_date, contacts.c.state == "planned", contacts.c.batch_id != batch_id
        )
        with self.engine.connect() as connection:
            return bool(connection.scalar(query))

    @_survives_restart
    def in_hands(self, business_date: date) -> int:
        """How many contacts of a date some worker holds at this moment."""
        query = sa.select(sa.func.count()).where(contacts.c.business_date == business_date, contacts.c.state.in_(WORKED_ON))
        with self.engine.connect() as connection:
            return connection.scalar(query)

    @_survives_restart
    def is_paused(self) -> bool:
        with self.engine.connect() as connection:
            return self._is_paused(connection)

    def _is_paused(self, connection: sa.Connection) -> bool:
        return bool(connection.scalar(sa.select(switches.c.is_on).where(switches.c.name == "paused")))

    def pause(self, is_on: bool, author: str, reason: str) -> None:
        """Stop (or allow again) all sending at once, in every process; what is in flight ends normally."""
        values = {"is_on": is_on, "author": author, "reason": reason}
        with self.engine.begin() as connection:
            connection.execute(
                insert_into(connection, switches)
                .values(name="paused", **values)
                .on_conflict_do_update(index_elements=[switches.c.name], set_={**values, "updated_at": utc_now()})
            )

    @_survives_restart
    def record_run(self, run_id: str, business_date: date, stage: str, batch_id: str, counts: dict) -> None:
        row = {"run_id": run_id, "business_date": business_date, "stage": stage, "batch_id": batch_id, "counts": counts}
        with self.engine.begin() as connection:
            connection.execute(insert_into(connection, runs).on_conflict_do_nothing(), row)


def _heard_from(connection: sa.Connection, whom: Whom) -> list[Heard]:
    found = []
    days = {outcomes: outcomes.c.contacted_on, promises: promises.c.made_on, agreements: agreements.c.agreed_on}
    for table, day in days.items():
        key, *_ = table.primary_key.columns
        code = table.c.code if table is outcomes else sa.null()
        query = sa.select(table.c.customer_key, day, key, code).where(one_of(table.c.customer_key, whom.keys))
        for known_as, on, event_id, said in connection.execute(query):
            found += [Heard(payer, table.name, event_id, said) for payer in whom.of(known_as, on)]
    return found


def _opted_out(connection: sa.Connection, whom: Whom) -> set[tuple[str, str]]:
    newest: dict[tuple[str, str], sa.Row] = {}
    query = sa.select(consents.c.customer_key, consents.c.channel, consents.c.is_opted_in, consents.c.given_on)
    query = query.where(one_of(consents.c.customer_key, whom.keys))
    # Of two wishes of one moment the one against being written to comes last, and counts.
    for row in connection.execute(query.order_by(consents.c.given_at, consents.c.is_opted_in.desc())):
        newest[row.customer_key, row.channel] = row
    refused = [row for row in newest.values() if not row.is_opted_in]
    return {(payer, row.channel) for row in refused for payer in whom.of(row.customer_key, row.given_on)}


def _erased(connection: sa.Connection, whom: Whom) -> set[str]:
    by_key = sa.select(erasures.c.customer_key).where(one_of(erasures.c.customer_key, whom.asked))
    rows = connection.execute(with_accounts(erasures, whom.accounts)) if whom.accounts else ()
    by_account = [whom.accounts.get((row.source, row.customer_id), set()) for row in rows]
    return set(connection.scalars(by_key)).union(*by_account)


def _insert(
    connection: sa.Connection, table: sa.Table, columns: Sequence[sa.Column], rows: Sequence[dict], **conflict
) -> list[str]:
    """Many rows in one statement; those that are there already stay as they are. Returns the message keys of the new ones."""
    names = [column.name for column in columns]
    found = rows_of(connection.dialect.name, "rows", columns)
    # SQLite takes what follows a select for a join unless the select has a condition.
    query = insert_into(connection, table).from_select(names, sa.select(found).where(sa.true()))
    parameter = as_rows(connection.dialect, columns, ([row[name] for name in names] for row in rows))
    query = query.on_conflict_do_nothing(**conflict).returning(table.c.message_key)
    return list(connection.scalars(query, {"rows": parameter}))


def _advance(dialect: str) -> sa.Update:
    """One statement for all that a group of messages needs, made once: what ended, and what is to be sent now unless
    sending is paused or the lease was lost."""
    changes = rows_of(dialect, "changes", _CHANGED)
    owner, is_paused = sa.bindparam("owner"), sa.exists().where(switches.c.name == "paused", switches.c.is_on)
    starts = sa.and_(
        changes.c.state == "sending",
        contacts.c.state.in_(("claimed", "sending")),
        contacts.c.lease_expires_at > utc_now(),
        ~is_paused,
    )
    ends = [
        # Only what was being sent ends here; what is merely claimed is released.
        sa.and_(changes.c.state == state, contacts.c.state.in_([name for name in leading_to(state, WORKER) if name != "claimed"]))
        for state in ("planned", "sent", "rejected", "unknown")
    ]
    return (
        contacts.update()
        .where(contacts.c.message_key == changes.c.message_key, contacts.c.owner == owner, sa.or_(starts, *ends))
        .values(
            state=changes.c.state,
            state_reason=changes.c.state_reason,
            provider_message_id=changes.c.provider_message_id,
            owner=sa.case((changes.c.state != "planned", owner)),
            lease_expires_at=sa.case((changes.c.state == "sending", utc_now(sa.bindparam("lease_seconds")))),
        )
        .returning(contacts.c.message_key, contacts.c.state)
    )


_ADVANCE = {dialect: _advance(dialect) for dialect in ("postgresql", "sqlite")}


def _one_planner_at_a_time(connection: sa.Connection) -> None:
    """Of two plans of a date the later one counts as a whole. SQLite lets only one write at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLANNING_LOCK)))


def _contact(row: dict) -> dict:
    # What is about no debt, such as a survey, counts from the first of all days.
    values = {"counts_from": ALWAYS, "address_mark": None} | {name: row[name] for name in _PLANNED_COLUMNS if name in row}
    return {**values, "state": "planned", "state_reason": WAITS_FOR_APPROVAL if row["requires_approval"] else None}


def _is_unapproved(business_date: date) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        contacts.c.business_date == business_date,
        contacts.c.state == "planned",
        contacts.c.requires_approval,
        contacts.c.approved_by.is_(None),
    )


def _step_is_done() -> sa.ColumnElement[bool]:
    other = contacts.alias("other")
    return (
        sa.select(1)
        .where(
            other.c.episode_key == contacts.c.episode_key,
            other.c.step == contacts.c.step,
            other.c.channel == contacts.c.channel,
            # What was done before was about an earlier due date.
            other.c.business_date >= contacts.c.counts_from,
            other.c.state.in_(ENGAGED_STATES),
            other.c.message_key != contacts.c.message_key,
        )
        .exists()
    )


def _has_begun(business_date: date) -> sa.Select:
    """Whether anybody was written to, or is about to be, on that date."""
    engaged = sa.exists().where(contacts.c.business_date == business_date, contacts.c.state.in_(ENGAGED_STATES))
    return sa.select(engaged)


def _asked_today(business_date: date) -> sa.Select:
    """Contacts of a date with a receivable that another contact of the same date already asks for.

    One payer may get another key between two plans of a date (a tax id is corrected, branches are grouped), or another
    channel.
    """
    done, theirs, ours, planned = (
        contacts.alias("done"),
        contact_items.alias("theirs"),
        contact_items.alias("ours"),
        contacts.alias(),
    )
    return (
        sa.select(planned.c.message_key)
        .select_from(done)
        .join(theirs, theirs.c.message_key == done.c.message_key)
        .join(ours, sa.and_(ours.c.receivable_key == theirs.c.receivable_key, ours.c.message_key != theirs.c.message_key))
        .join(planned, planned.c.message_key == ours.c.message_key)
        .where(
            done.c.business_date == business_date,
            done.c.state.in_(ENGAGED_STATES),
            planned.c.business_date == business_date,
            planned.c.state == "planned",
            # One plan may use two channels on purpose; two plans may not.
            sa.or_(planned.c.channel == done.c.channel, planned.c.batch_id != done.c.batch_id),
        )
    )
