"""Pre-send check: look again, just before sending, for reasons not to send a message.

The check reads:

- the sources: payments, disputes, withdrawn receivables, opt-outs and legal holds, also from the
  files that arrived in a source's folder after the landing;
- the manager's ``holds.csv``, in its present version;
- the ledger: what agents recorded after the plan was made.

A source that does not answer holds its messages. A file that cannot be read does the same.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from cobranca.errors import CobrancaError, ConfigError, SourceError
from cobranca.labels import REASONS, in_sentence, reason
from cobranca.reminders.delivery.plan_landing import PlanLanding
from cobranca.reminders.plan.plan_file import Item, Message, Settled
from cobranca.settings import Settings

if TYPE_CHECKING:
    from cobranca.ledger.contact_lookups import AgentRecord, PayerFlags, Refusal
    from cobranca.policy import Policy
    from cobranca.policy.holds import Hold
    from cobranca.sources.current_state import ReceivableState

log = logging.getLogger(__name__)

T = TypeVar("T")
# The new state of a contact, and the reason for it.
Transition = tuple[str, str]
# The target of a hold: scope, source and id.
Target = tuple[str, str, str | None]

ALIASES = "dim_payer_aliases.parquet"

PAID_MEANWHILE = "pagamento identificado antes do envio"
ADVANCE = "pagamento sem título identificado antes do envio"
NOT_IN_SOURCE = "o título não está mais na fonte"
UNREADABLE = "um registro do título, do cliente ou de um pagamento não pôde ser lido na fonte"
CLOSED = "o título foi encerrado na fonte"
REOPENED = "o título voltou a ficar em aberto na fonte"
SOURCE_UNAVAILABLE = "a fonte {source} não respondeu à última consulta"
UNREADABLE_FILE = (
    "um arquivo da fonte {source} ainda não está completo ou não pôde ser lido na última consulta"
)
CHECK_TOO_SLOW = "a última consulta às fontes demorou demais"
CHANGED = "valor, vencimento ou credor mudou na fonte depois do plano"
# Effects of outcome codes that stop messages to the telephone but not e-mail, with the reason.
_PHONE_ONLY = {
    "wrong_number": "o telefone é de outra pessoa",
    "do_not_call": in_sentence(REASONS["opted_out"]),
}
# Effects that are about the payer, whichever creditor the call was for.
_OF_THE_PAYER = {*_PHONE_ONLY, "deceased"}
# Customer key, creditor, and whether the message is an e-mail.
_Recorded = tuple[str, str | None, bool]
HOLDS_UNREADABLE = "as suspensões (holds.csv) não puderam ser lidas"


@dataclass
class CheckResult:
    """Result of a pre-send check.

    The messages of ``ready`` may be sent. ``stopped`` maps the key of each other message to its new
    state and reason. The state ``planned`` means held: whether it may be sent is not yet known.
    """

    ready: list[Message] = field(default_factory=list)
    stopped: dict[str, Transition] = field(default_factory=dict)

    def by_transition(self) -> dict[Transition, list[str]]:
        """Group the keys of stopped messages by state and reason."""
        keys = defaultdict(list)
        for key, transition in self.stopped.items():
            keys[transition].append(key)
        return dict(keys)


class FeedbackReader(Protocol):
    """Read access of the pre-send check to the ledger."""

    def payer_flags(self, customer_keys: Sequence[str]) -> "PayerFlags": ...


class PreSendCheck:
    """Pre-send check: one query to each source for all receivables of a batch of messages.

    A source that failed is not asked again. A file that failed is, because it may be complete a
    moment later. Files that were read are cached from one check to the next.
    """

    def __init__(self, settings: Settings, business_date: date, ledger: FeedbackReader):
        from cobranca.sources.file_cache import FileCache

        self._settings, self._business_date, self._ledger = settings, business_date, ledger
        self._failed_sources: dict[str, str] = {}
        self._file_cache = FileCache()
        self._holds = _HoldsFile(settings, business_date)
        self._landing = PlanLanding(settings, business_date)
        self._policy, self._stop_codes = _policy_and_stopping_codes(settings, business_date)

    def __enter__(self) -> "PreSendCheck":
        self._read_files()
        return self

    def __exit__(self, *_: object) -> None:
        self._file_cache.close()

    def _read_files(self) -> None:
        """Fill the file cache before the first message has to wait for it.

        A file that cannot be read is ignored here: the next check reports it.
        """
        from cobranca.sources.mapping.load import load_mappings

        with suppress(ConfigError):
            for mapping in load_mappings(self._settings).values():
                if mapping.reads_files:
                    with suppress(SourceError):
                        self._file_cache.open(mapping)

    def __call__(self, messages: Collection[Message]) -> CheckResult:
        """Sort messages: ready, cancelled with a reason, or held because a source is unavailable.

        Any payment that the plan did not know cancels a reminder, even one in part: its amounts are
        wrong, and the next night decides again. As in the plan, a payment dated after the business
        date is not paid yet; one or several that will settle a receivable cancel its reminder as
        scheduled. A message about a settled debt is cancelled when the payment was reversed.
        """
        wanted: dict[str, set[str]] = defaultdict(set)
        for message in messages:
            for item in message.receivables:
                wanted[item.source].add(item.receivable_id)
        unavailable = dict(self._failed_sources)
        states = {
            source: self._ask(source, sorted(ids), unavailable)
            for source, ids in wanted.items()
            if source not in unavailable
        }
        payers = {message.customer_key for message in messages}
        flags = self._ledger.payer_flags(sorted(payers))
        recorded = self._agent_reasons(flags.agent_records)
        result = CheckResult()
        for message in messages:
            transition: Transition | None
            if message.customer_key in flags.erased:
                transition = "cancelled", in_sentence(REASONS["hold_erased"])
            elif _refusals(message) & flags.opted_out:
                transition = "cancelled", in_sentence(REASONS["opted_out"])
            elif unanswered := sorted(
                {item.source for item in message.receivables} & unavailable.keys()
            ):
                transition = "planned", unavailable[unanswered[0]]
            elif why := _recorded_for(message, recorded):
                transition = "cancelled", why
            else:
                transition = self._transition(message, states)
            if transition is None:
                result.ready.append(message)
            else:
                result.stopped[message.message_key] = transition
        return result

    def _transition(
        self, message: Message, states: "dict[str, dict[str, ReceivableState]]"
    ) -> Transition | None:
        """Apply the sources and ``holds.csv`` to one message; ``None`` lets it be sent."""
        now = [(item, states[item.source][item.receivable_id]) for item in message.receivables]
        if any(found.unreadable for _, found in now):
            return "planned", UNREADABLE
        if any(found.creditor not in (None, message.creditor) for _, found in now):
            return "cancelled", CHANGED
        if message.settled:
            settled = message.settled
            transition = _first(_reopened, [(settled, found) for _, found in now])
            transition = transition or _first(_withdrawn, now)
        else:
            items = [(item, found) for item, (_, found) in zip(message.items, now, strict=True)]
            transition = (
                _first(_paid, items)
                or _first(_withdrawn, now)
                or _first(_changed, items)
                or _first(partial(self._scheduled, message.creditor), items)
                or _first(self._advanced, items)
            )
        return (
            transition
            or _first(_forbidden(message.channel), now)
            or self._holds.check(message, now)
        )

    def _scheduled(self, creditor: str, item: Item, now: "ReceivableState") -> Transition | None:
        """Cancel a reminder of a receivable that payments known by now will settle."""
        limits = self._policy.limits_of(creditor)
        last = self._business_date + timedelta(days=limits.scheduled_payment_days)
        amount = item.amount if now.amount is None else now.amount
        left = None if now.gone else now.left_when_scheduled_are_paid(amount, last)
        if left is None or not limits.is_rest(left, amount):
            return None
        return "cancelled", in_sentence(REASONS["payment_scheduled"])

    def _advanced(self, item: Item, now: "ReceivableState") -> Transition | None:
        """Cancel a reminder of a payer whose money came in for no receivable since the plan."""
        if not now.advances or now.advances <= self._landing.advances(item.source):
            return None
        return "cancelled", ADVANCE

    def _ask(
        self, source: str, receivable_ids: list[str], unavailable: dict[str, str]
    ) -> "dict[str, ReceivableState]":
        """Read the present state of a source's receivables, by id.

        If the source does not answer, the result is empty and the reason is added to
        ``unavailable``.
        """
        from cobranca.sources.current_state import read_current_state
        from cobranca.sources.source_problem import FileProblem

        try:
            return read_current_state(
                self._settings, source, receivable_ids, self._file_cache, self._business_date
            )
        except FileProblem as problem:
            log.error(
                "a file of source %s holds its messages until it is complete: %s", source, problem
            )
            unavailable[source] = UNREADABLE_FILE.format(source=source)
        except CobrancaError as error:
            log.error(
                "source %s did not answer the pre-send check; its messages are held: %s",
                source,
                error,
            )
            self._failed_sources[source] = SOURCE_UNAVAILABLE.format(source=source)
            unavailable[source] = self._failed_sources[source]
        return {}

    def _agent_reasons(self, records: "list[AgentRecord]") -> dict[_Recorded, str]:
        """Reasons to cancel that agents recorded after the plan was made.

        By customer key, creditor (none: every one), and whether the message is an e-mail.
        """
        stopping = [
            record
            for record in records
            if record.kind != "outcomes" or record.code in self._stop_codes
        ]
        if not stopping:
            return {}
        known = self._landing.records({record.event_id for record in stopping})
        reasons = {}
        for record in stopping:
            if record.event_id not in known:
                effect = self._stop_codes.get(record.code or "", record.kind.removesuffix("s"))
                creditor = None if effect in _OF_THE_PAYER else record.creditor
                for is_email in (False,) if effect in _PHONE_ONLY else (False, True):
                    reasons[record.customer_key, creditor, is_email] = _PHONE_ONLY.get(
                        effect
                    ) or in_sentence(reason(f"hold_{effect}"))
        return reasons


def _refusals(message: Message) -> "set[Refusal]":
    """The refusals that would forbid a message: of its creditor, and of all."""
    payer, channel = message.customer_key, message.channel
    return {(payer, channel, None), (payer, channel, message.creditor)}


def _recorded_for(message: Message, recorded: dict[_Recorded, str]) -> str | None:
    is_email = message.channel == "email"
    for creditor in (None, message.creditor):
        if why := recorded.get((message.customer_key, creditor, is_email)):
            return why
    return None


def _first(
    check: "Callable[[T, ReceivableState], Transition | None]",
    items: "Iterable[tuple[T, ReceivableState]]",
) -> Transition | None:
    return next(filter(None, (check(item, now) for item, now in items)), None)


def _paid(item: Item, now: "ReceivableState") -> Transition | None:
    """Cancel a reminder whose receivable has a lower balance than in the plan.

    The balance is computed as in the plan: the amount less the payments, or the source's own
    balance if that is lower.
    """
    if now.gone:
        return None
    balance = _balance(item.amount if now.amount is None else now.amount, now)
    return (
        ("cancelled_paid", PAID_MEANWHILE)
        if balance < item.open_amount and now.amount in (None, item.amount)
        else None
    )


def _reopened(item: Settled, now: "ReceivableState") -> Transition | None:
    """Cancel a message about a settled debt whose payment was reversed."""
    if now.gone or now.amount is None:
        return None
    return ("cancelled", REOPENED) if _balance(now.amount, now) > 0 else None


def _balance(amount: Decimal, now: "ReceivableState") -> Decimal:
    balance = amount - now.paid
    return balance if now.open_amount is None else min(balance, now.open_amount)


def _withdrawn(item: Item | Settled, now: "ReceivableState") -> Transition | None:
    if now.gone:
        return "cancelled", NOT_IN_SOURCE
    if now.status not in (None, "open"):
        return "cancelled", CLOSED
    if now.disputed:
        return "cancelled", in_sentence(REASONS["hold_dispute"])
    return None


def _changed(item: Item, now: "ReceivableState") -> Transition | None:
    planned_values = (
        ("amount", item.amount),
        ("due_date", item.due_date),
        ("currency", item.currency),
    )
    if any(getattr(now, name) not in (None, planned) for name, planned in planned_values):
        return "cancelled", CHANGED
    return None


def _forbidden(
    channel: str,
) -> Callable[[Item | Settled, "ReceivableState"], Transition | None]:
    def check(item: Item | Settled, now: "ReceivableState") -> Transition | None:
        opted_out = now.opt_out_email if channel == "email" else now.opt_out_phone
        for forbids, code in (
            (now.deceased, "hold_deceased"),
            (now.legal_hold, "hold_legal"),
            (opted_out, "opted_out"),
        ):
            if forbids:
                return "cancelled", in_sentence(REASONS[code])
        return None

    return check


class _HoldsFile:
    """``holds.csv``, read again each time it changes.

    A hold on one account of a payer stops messages about all accounts of the payer, unless it is
    for one creditor.
    """

    def __init__(self, settings: Settings, business_date: date):
        self._settings, self._business_date = settings, business_date
        self._path = settings.config / "holds.csv"
        self._read: tuple[int, int, int] | None = None
        self._by_target: dict[Target, list[Hold]] | None = {}
        self._by_payer: dict[str, list[Hold]] = {}

    def check(
        self, message: Message, items: "Sequence[tuple[Item | Settled, ReceivableState]]"
    ) -> Transition | None:
        holds = self._now()
        if holds is None:
            return "planned", HOLDS_UNREADABLE
        targets: list[Target] = [
            ("receivable", item.source, item.receivable_id) for item, _ in items
        ]
        targets += [("customer", item.source, now.customer_id) for item, now in items]
        found = [*self._by_payer.get(message.customer_key, ())]
        found += [hold for target in targets for hold in holds.get(target, ())]
        for hold in found:
            if hold.creditor in (None, message.creditor):
                return "cancelled", in_sentence(REASONS[f"hold_{hold.reason}"])
        return None

    def _now(self) -> "dict[Target, list[Hold]] | None":
        from cobranca.policy.holds import read_holds

        try:
            stat = self._path.stat()
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if mark != self._read:
                holds = [
                    hold for hold in read_holds(self._path) if hold.holds_on(self._business_date)
                ]
                self._by_target = defaultdict(list)
                for hold in holds:
                    self._by_target[hold.scope, hold.source, hold.target_id].append(hold)
                self._by_payer = self._payers([hold for hold in holds if hold.scope == "customer"])
                self._read = mark
        except (OSError, ConfigError) as error:
            if self._by_target is not None:
                log.error("the holds cannot be read; messages are held: %s", error)
            self._by_target, self._read = None, None
        return self._by_target

    def _payers(self, holds: "list[Hold]") -> "dict[str, list[Hold]]":
        """Holds on customers, by customer key; the approved batch maps accounts to payers."""
        import duckdb

        from cobranca.partitions.outbound_partition import read_batch

        batch = read_batch(self._settings, self._business_date)
        if not holds or not any(entry.name == ALIASES for entry in batch.files):
            return {}
        query = "select customer_key from read_parquet(?) where source = ? and customer_id = ?"
        found = defaultdict(list)
        with duckdb.connect(config={"threads": 1}) as connection:
            for hold in holds:
                target = [str(batch.path(ALIASES)), hold.source, hold.target_id]
                for (customer_key,) in connection.execute(query, target).fetchall():
                    found[customer_key].append(hold)
        return found


def _policy_and_stopping_codes(
    settings: Settings, business_date: date
) -> "tuple[Policy, dict[str, str]]":
    """The night's policy, and the outcome codes that stop its messages, with their effect."""
    from cobranca.policy import load_policy

    policy = load_policy(settings.config, business_date)
    return policy, {row.code: row.effect for row in policy.outcome_codes if row.effect != "none"}
