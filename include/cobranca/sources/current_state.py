"""What a source says now about some of its receivables, for the check before a message is sent.

The same queries as landing's are asked, wrapped so that the database returns the asked rows only,
and their rows are cleaned by the same rules.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from cobranca.settings import Settings

if TYPE_CHECKING:
    from cobranca.sources.drivers.stream import SourceSnapshot
    from cobranca.sources.file_cache import FileCache
    from cobranca.sources.mapping.model import SourceMapping

NOTHING = Decimal("0.00")
# A row in the canonical columns of its entity; Arrow gives each value in its column's type.
CleanRow: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class ReceivableState:
    """One receivable and its customer as the source shows them now.

    ``gone`` means that it is not there any more, or lost its customer; ``unreadable`` that there is
    a row of it, of its customer or of a payment that landing would put into quarantine, so that its
    state is unknown. Everything else then has its default. ``open_amount`` is what the
    source itself calls open (``None`` where its query returns no such column); ``paid`` adds up
    every payment, a reversal negative. Payments dated after the day of the question are not paid
    yet: they stand in ``scheduled``, by day. ``advances`` are the ids of the payments of its
    customer that name no receivable. Amounts are in ``currency`` units.
    """

    gone: bool = True
    unreadable: bool = False
    status: str | None = None
    disputed: bool = False
    due_date: date | None = None
    amount: Decimal | None = None
    open_amount: Decimal | None = None
    currency: str | None = None
    paid: Decimal = NOTHING
    scheduled: tuple[tuple[date, Decimal], ...] = ()
    advances: frozenset[str] = frozenset()
    customer_id: str | None = None
    creditor: str | None = None
    opt_out_email: bool = False
    opt_out_phone: bool = False
    legal_hold: bool = False
    deceased: bool = False

    def left_when_scheduled_are_paid(self, amount: Decimal, last: date) -> Decimal | None:
        """What the payments scheduled up to ``last`` will leave; ``None`` where there are none.

        Where the source itself calls open exactly what they will leave of the balance, it has
        subtracted them already. int_receivables__payments_scheduled applies the same rule.
        """
        coming = sum((part for day, part in self.scheduled if day <= last), NOTHING)
        if coming <= 0:
            return None
        balance = amount - self.paid
        if self.open_amount is None or self.open_amount > balance:
            return balance - coming
        is_subtracted = self.open_amount == balance - coming
        return self.open_amount if is_subtracted else self.open_amount - coming


def read_payments(
    settings: Settings, source: str, receivable_ids: Sequence[str]
) -> dict[str, Decimal]:
    """Ask the source itself what has been settled by now.

    Every payment of the source counts, of any kind and date, a reversal negative; in the
    receivable's currency. Rows that landing would quarantine do not count. Each id asked for is in
    the answer, with zero where nothing was paid.

    Raises:
        ConfigError: the source's file or connection is wrong.
        SourceError: the source cannot be reached or read.
    """
    from cobranca.sources.mapping.load import get_mapping
    from cobranca.sources.open_snapshot import open_snapshot

    if not receivable_ids:
        return {}
    mapping = get_mapping(settings, source)
    with open_snapshot(mapping) as snapshot:
        source_now = _Source(settings, mapping, snapshot)
        return source_now.paid(list(dict.fromkeys(receivable_ids)), date.max)[0]


def read_current_state(
    settings: Settings,
    source: str,
    receivable_ids: Sequence[str],
    kept: "FileCache | None" = None,
    day: date = date.max,
) -> dict[str, ReceivableState]:
    """Ask the source itself, in one snapshot, for the state of receivables and their customers.

    Each id asked for is in the answer; what is not there any more is ``gone``. A caller that asks
    often gives ``kept``, so that the source's files are read again only where something changed.
    What is dated after ``day`` is scheduled, and not paid.

    Raises:
        ConfigError: the source's file or connection is wrong.
        FileProblem: a file of the source is missing, half written or cannot be believed.
        SourceError: the source cannot be reached or read.
    """
    from cobranca.sources.mapping.load import get_mapping
    from cobranca.sources.open_snapshot import open_snapshot

    if not receivable_ids:
        return {}
    mapping = get_mapping(settings, source)
    ids = list(dict.fromkeys(receivable_ids))
    with open_snapshot(mapping, kept) as snapshot:
        asked = _Source(settings, mapping, snapshot)
        receivables, unreadable = asked.newest("receivables", "receivable_id", ids)
        owners = list(dict.fromkeys(row["customer_id"] for row in receivables.values()))
        customers, strangers = asked.newest("customers", "customer_id", owners)
        paid, scheduled, doubtful = asked.paid(list(receivables), day)
        advances, unclear = asked.advances(owners, day)
    states = dict.fromkeys(ids, ReceivableState())
    for key, row in receivables.items():
        customer = customers.get(row["customer_id"])
        if row["customer_id"] in strangers | unclear:
            unreadable.add(key)
        elif customer is not None:
            state = _state(row, customer, paid[key], tuple(scheduled.get(key, ())))
            states[key] = replace(state, advances=advances.get(row["customer_id"], frozenset()))
    return states | dict.fromkeys(
        unreadable | doubtful, ReceivableState(gone=False, unreadable=True)
    )


def _state(
    receivable: CleanRow,
    customer: CleanRow,
    paid: Decimal,
    scheduled: tuple[tuple[date, Decimal], ...],
) -> ReceivableState:
    names = (
        *("status", "disputed", "due_date", "amount", "open_amount", "currency"),
        *("customer_id", "creditor"),
    )
    flags = ("opt_out_email", "opt_out_phone", "legal_hold", "deceased")
    values = {name: receivable[name] for name in names} | {name: customer[name] for name in flags}
    return ReceivableState(gone=False, paid=paid, scheduled=scheduled, **values)


def _is_newer(row: CleanRow, other: CleanRow) -> bool:
    """Whether a row was changed later; one without a date of change is the older one."""
    changed, before = row["updated_at"], other["updated_at"]
    return changed is not None and (before is None or changed > before)


class _Source:
    """One source at one moment, asked for some of its rows."""

    def __init__(self, settings: Settings, mapping: "SourceMapping", snapshot: "SourceSnapshot"):
        from cobranca.partitions.landing_partition import previous_landing
        from cobranca.sources.cleaning.bounds import ANY, arrival_bounds
        from cobranca.sources.point_lookup import keys_as_stored
        from cobranca.sources.schema_drift import shape_before

        self._mapping, self._snapshot = mapping, snapshot
        self._as_stored = keys_as_stored(settings, mapping)
        landed = previous_landing(settings, date.max)
        payments = shape_before(landed, mapping.source, "payments")
        self._payments_name_payers = payments is not None and "customer_id" in payments.columns
        self._bounds = ANY if landed is None else arrival_bounds(settings, landed.business_date)

    def paid(
        self, receivable_ids: list[str], day: date
    ) -> tuple[dict[str, Decimal], dict[str, list[tuple[date, Decimal]]], set[str]]:
        """What was paid by a day, what is dated later, and which receivables are in doubt.

        In doubt are those of which some payment cannot be read. A loss that will be written off is
        nothing that will be paid.
        """
        paid = dict.fromkeys(receivable_ids, NOTHING)
        scheduled: dict[str, list[tuple[date, Decimal]]] = {}
        payments, doubtful = self.newest("payments", "receivable_id", receivable_ids)
        for payment in payments.values():
            key, paid_on, kind = payment["receivable_id"], payment["paid_on"], payment["kind"]
            amount = -payment["amount"] if kind == "reversal" else payment["amount"]
            if paid_on <= day:
                paid[key] += amount
            elif kind != "write_off":
                scheduled.setdefault(key, []).append((paid_on, amount))
        return paid, scheduled, doubtful

    def advances(
        self, customer_ids: list[str], day: date
    ) -> tuple[dict[str, frozenset[str]], set[str]]:
        """Payments by a day that name no receivable, by customer.

        Also the customers of whom some payment cannot be read. Nothing is asked of a source whose
        payments name no payers.
        """
        if not self._payments_name_payers:
            return {}, set()
        found: dict[str, set[str]] = {}
        payments, doubtful = self.newest("payments", "customer_id", customer_ids)
        for key, payment in payments.items():
            if payment["receivable_id"] is None and payment["paid_on"] <= day:
                found.setdefault(payment["customer_id"], set()).add(key)
        return {customer: frozenset(keys) for customer, keys in found.items()}, doubtful

    def newest(
        self, entity: str, column: str, values: list[str]
    ) -> tuple[dict[str, CleanRow], set[str]]:
        """Clean rows of one entity whose ``column`` is one of ``values``, by key.

        The latest copy of a key counts. Also those of ``values`` that have a row which cannot be
        read.
        """
        from cobranca import schema

        wanted, key = set(values), schema.KEYS[entity]
        newest: dict[str, CleanRow] = {}
        refused: set[str] = set()
        for rows, unreadable in self._rows(entity, column, values):
            refused |= unreadable & wanted
            for row in rows:
                # A database may compare without regard to case or accents; a neighbour's row is not
                # the one asked for.
                if row[column] in wanted and (
                    row[key] not in newest or _is_newer(row, newest[row[key]])
                ):
                    newest[row[key]] = row
        return newest, refused

    def _rows(
        self, entity: str, column: str, values: list[str]
    ) -> Iterator[tuple[list[CleanRow], set[str]]]:
        """Chunk by chunk the rows that can be read, and the values of ``column`` in the others."""
        from cobranca.sources.cleaning.cleaner import Cleaner
        from cobranca.sources.cleaning.columns import texts
        from cobranca.sources.cleaning.query_columns import checked_columns
        from cobranca.sources.point_lookup import rows_with
        from cobranca.sources.schema_drift import known_columns

        wanted = self._mapping.entity(entity)
        query = known_columns(self._snapshot, entity, wanted.query)
        plain = (entity, column) in self._as_stored
        found = rows_with(self._snapshot, entity, query, column, values, as_stored=plain)
        columns = checked_columns(self._mapping.source, entity, found.columns)
        cleaner = Cleaner.of(self._mapping, entity, columns, self._bounds)
        for chunk in found.chunks:
            rows = cleaner.clean(chunk).rows.to_pylist()
            came: Counter[str] = Counter(
                texts([row[columns.index(column)] for row in chunk]).values.to_pylist()
            )
            yield rows, set(came - Counter(row[column] for row in rows))
