"""The last look: just before sending, everybody who may know a reason against it is asked once more.

The sources themselves (payments, disputes, what was withdrawn, who must not be written to), with the files that banks and
others have put into their folders since the landing, the manager's ``holds.csv`` as it is now, and what agents recorded since
the plan read the ledger. Whoever does not answer holds the messages, and so does a file that cannot be read.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from cobranca.errors import CobrancaError, ConfigError, PartitionError, SourceError
from cobranca.reminders.messages import Item, Message, Settled
from cobranca.settings import Settings
from cobranca.words import REASONS, in_sentence, reason

if TYPE_CHECKING:
    from cobranca.landing import Standing
    from cobranca.ledger.contacts import Heard, Told
    from cobranca.policy.model import Hold

log = logging.getLogger(__name__)

# A message leaves at most this long after its last look; what waited longer is looked at again.
FRESH_SECONDS = 20.0

ALIASES = "dim_payer_aliases.parquet"

PAID_MEANWHILE = "pagamento identificado antes do envio"
GONE = "o título não está mais na fonte"
UNREADABLE = "um registro do título, do cliente ou de um pagamento não pôde ser lido na fonte"
CLOSED = "o título foi encerrado na fonte"
REOPENED = "o título voltou a ficar em aberto na fonte"
SILENT_SOURCE = "a fonte {source} não respondeu à última consulta"
UNREADABLE_FILE = "um arquivo da fonte {source} ainda não está completo ou não pôde ser lido na última consulta"
TOO_SLOW = "a última consulta às fontes demorou demais"
CHANGED = "valor ou vencimento mudou na fonte depois do plano"
# What an agent heard that says nothing about e-mail, with its reason.
_ABOUT_THE_PHONE = {"wrong_number": "o telefone é de outra pessoa", "do_not_call": in_sentence(REASONS["opted_out"])}
HOLDS_UNREADABLE = "as suspensões (holds.csv) não puderam ser lidas"


@dataclass
class Seen:
    """What the last look found: ``ready`` may leave; ``stopped`` maps the key of every other to its state and reason.

    The state ``planned`` means held: nobody can say at this moment whether it may leave.
    """

    ready: list[Message] = field(default_factory=list)
    stopped: dict[str, tuple[str, str]] = field(default_factory=dict)

    def by_fate(self) -> dict[tuple[str, str], list[str]]:
        """Keys by state and reason."""
        keys = defaultdict(list)
        for key, fate in self.stopped.items():
            keys[fate].append(key)
        return dict(keys)


class HearsAgents(Protocol):
    """What is asked of the ledger."""

    def told_about(self, customer_keys: Sequence[str]) -> "Told": ...


class LastLook:
    """Asks each source once for all receivables of a batch of messages. A source that failed is not asked again, unless it
    was for a file, which may be whole a moment later. Its files stay open from one look to the next.
    """

    def __init__(self, settings: Settings, business_date: date, ledger: HearsAgents):
        from cobranca.sources.kept import KeptFiles

        self._settings, self._business_date, self._ledger = settings, business_date, ledger
        self._down: dict[str, str] = {}
        self._kept = KeptFiles()
        self._holds = _HoldsFile(settings, business_date)
        self._stops = _stopping_codes(settings, business_date)

    def __enter__(self) -> "LastLook":
        self._read_files()
        return self

    def __exit__(self, *_) -> None:
        self._kept.close()

    def _read_files(self) -> None:
        """Read what lies in the sources' folders before the first message waits for it.

        What is wrong is told by the look that meets it.
        """
        from cobranca.sources.mapping import load_mappings

        with suppress(ConfigError):
            for mapping in load_mappings(self._settings).values():
                if mapping.reads_files:
                    with suppress(SourceError):
                        self._kept.open(mapping)

    def __call__(self, messages: Sequence[Message]) -> Seen:
        """Sort messages: ready, cancelled for a reason, or held because somebody is silent.

        More paid than the plan knew, even in part, cancels: the amounts of the message are no longer true, and the next
        night decides anew. So does less, where the message is about a debt that was settled.
        """
        wanted = defaultdict(set)
        for message in messages:
            for item in message.about:
                wanted[item.source].add(item.receivable_id)
        silent = dict(self._down)
        standing = {source: self._ask(source, sorted(ids), silent) for source, ids in wanted.items() if source not in silent}
        payers = {message.customer_key for message in messages}
        told = self._ledger.told_about(sorted(payers))
        heard = self._heard(told.heard)
        seen = Seen()
        for message in messages:
            if message.customer_key in told.erased:
                fate = "cancelled", in_sentence(REASONS["hold_erased"])
            elif (message.customer_key, message.channel) in told.opted_out:
                fate = "cancelled", in_sentence(REASONS["opted_out"])
            else:
                fate = self._fate(message, standing, silent, heard)
            if fate is None:
                seen.ready.append(message)
            else:
                seen.stopped[message.message_key] = fate
        return seen

    def _fate(self, message: Message, standing: dict, silent: dict[str, str], heard: dict[str, str]) -> tuple[str, str] | None:
        if unanswered := sorted({item.source for item in message.about} & silent.keys()):
            return "planned", silent[unanswered[0]]
        if told := heard.get((message.customer_key, message.channel == "email")):
            return "cancelled", told
        now = [(item, standing[item.source][item.receivable_id]) for item in message.about]
        if any(found.unreadable for _, found in now):
            return "planned", UNREADABLE
        about_it = (_reopened, _withdrawn) if message.settled else (_paid, _withdrawn, _changed)
        for check in (*about_it, _forbidden(message.channel)):
            for item, found in now:
                if fate := check(item, found):
                    return fate
        return self._holds.on(message.customer_key, now)

    def _ask(self, source: str, receivable_ids: list[str], silent: dict[str, str]) -> "dict[str, Standing]":
        """How a source's receivables stand; where it does not answer, nothing, and the reason in ``silent``."""
        from cobranca.landing import standing_now
        from cobranca.sources.problem import FileProblem

        try:
            return standing_now(self._settings, source, receivable_ids, self._kept)
        except FileProblem as problem:
            log.error("a file of source %s holds its messages until it is whole: %s", source, problem)
            silent[source] = UNREADABLE_FILE.format(source=source)
        except CobrancaError as error:
            log.error("source %s did not answer the last look; its messages are held: %s", source, error)
            silent[source] = self._down[source] = SILENT_SOURCE.format(source=source)
        return {}

    def _heard(self, recorded: "list[Heard]") -> dict[tuple[str, bool], str]:
        """Reasons, by payer and by whether they hold for e-mail too, from what agents recorded and the plan did not know yet."""
        told = [heard for heard in recorded if heard.kind != "outcomes" or heard.code in self._stops]
        if not told:
            return {}
        known = self._known_to_the_plan({heard.event_id for heard in told})
        reasons = {}
        for heard in told:
            if heard.event_id not in known:
                effect = self._stops.get(heard.code, heard.kind.removesuffix("s"))
                for is_email in (False,) if effect in _ABOUT_THE_PHONE else (False, True):
                    reasons[heard.customer_key, is_email] = _ABOUT_THE_PHONE.get(effect) or in_sentence(reason(f"hold_{effect}"))
        return reasons

    def _known_to_the_plan(self, event_ids: set[str]) -> set[str]:
        """Compared by id, not by time: no two clocks have to agree."""
        import duckdb

        from cobranca.manifest import read_manifest

        try:
            feedback = read_manifest(self._settings.folder("landing", self._business_date, "feedback"))
        except PartitionError:
            return set()
        known: set[str] = set()
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            for name, key in (("outcomes", "outcome_id"), ("promises", "promise_id"), ("agreements", "agreement_id")):
                query = f"select {key} from read_parquet(?) where {key} in (select unnest(?::varchar[]))"
                path = str(feedback.path(f"{name}.parquet"))
                known.update(row[0] for row in connection.execute(query, [path, sorted(event_ids)]).fetchall())
        return known


def _paid(item: Item, now: "Standing") -> tuple[str, str] | None:
    """The same balance as the plan's: what was paid taken off, or the lower one that the source itself states."""
    if now.gone:
        return None
    balance = _balance(item.amount if now.amount is None else now.amount, now)
    return ("cancelled_paid", PAID_MEANWHILE) if balance < item.open_amount and now.amount in (None, item.amount) else None


def _reopened(item: Settled, now: "Standing") -> tuple[str, str] | None:
    """Nobody is thanked for a payment that was taken back."""
    if now.gone or now.amount is None:
        return None
    return ("cancelled", REOPENED) if _balance(now.amount, now) > 0 else None


def _balance(amount: Decimal, now: "Standing") -> Decimal:
    balance = amount - now.paid
    return balance if now.open_amount is None else min(balance, now.open_amount)


def _withdrawn(item: Item | Settled, now: "Standing") -> tuple[str, str] | None:
    if now.gone:
        return "cancelled", GONE
    if now.status not in (None, "open"):
        return "cancelled", CLOSED
    if now.disputed:
        return "cancelled", in_sentence(REASONS["hold_dispute"])
    return None


def _changed(item: Item, now: "Standing") -> tuple[str, str] | None:
    told = (("amount", item.amount), ("due_date", item.due_date), ("currency", item.currency))
    if any(getattr(now, name) not in (None, planned) for name, planned in told):
        return "cancelled", CHANGED
    return None


def _forbidden(channel: str) -> Callable[[Item | Settled, "Standing"], tuple[str, str] | None]:
    def check(item: Item | Settled, now: "Standing") -> tuple[str, str] | None:
        opted_out = now.opt_out_email if channel == "email" else now.opt_out_phone
        for forbids, code in ((now.deceased, "hold_deceased"), (now.legal_hold, "hold_legal"), (opted_out, "opted_out")):
            if forbids:
                return "cancelled", in_sentence(REASONS[code])
        return None

    return check


class _HoldsFile:
    """``holds.csv``, read again whenever it changes. A hold on one account of a payer holds the payer, whatever the source."""

    def __init__(self, settings: Settings, business_date: date):
        self._settings, self._business_date = settings, business_date
        self._path = settings.config / "holds.csv"
        self._read: tuple | None = None
        self._by_target: dict[tuple[str, str, str], Hold] | None = {}
        self._by_payer: dict[str, Hold] = {}

    def on(self, customer_key: str, items: "Sequence[tuple[Item | Settled, Standing]]") -> tuple[str, str] | None:
        holds = self._now()
        if holds is None:
            return "planned", HOLDS_UNREADABLE
        targets = [("receivable", item.source, item.receivable_id) for item, _ in items]
        targets += [("customer", item.source, now.customer_id) for item, now in items]
        found = [self._by_payer.get(customer_key), *(holds.get(target) for target in targets)]
        for hold in filter(None, found):
            return "cancelled", in_sentence(REASONS[f"hold_{hold.reason}"])
        return None

    def _now(self) -> "dict[tuple[str, str, str], Hold] | None":
        from cobranca.policy.load import read_holds

        try:
            stat = self._path.stat()
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if mark != self._read:
                holds = [hold for hold in read_holds(self._path) if hold.holds_on(self._business_date)]
                self._by_target = {(hold.scope, hold.source, hold.target_id): hold for hold in holds}
                self._by_payer = self._payers([hold for hold in holds if hold.scope == "customer"])
                self._read = mark
        except (OSError, ConfigError) as error:
            if self._by_target is not None:
                log.error("the holds cannot be read; messages are held: %s", error)
            self._by_target, self._read = None, None
        return self._by_target

    def _payers(self, holds: "list[Hold]") -> "dict[str, Hold]":
        """Whose accounts these are, by the aliases that were approved with the plan."""
        import duckdb

        from cobranca.outbound import read_batch

        batch = read_batch(self._settings, self._business_date)
        if not holds or not any(entry.name == ALIASES for entry in batch.files):
            return {}
        query = "select customer_key from read_parquet(?) where source = ? and customer_id = ?"
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            return {
                row[0]: hold
                for hold in holds
                for row in connection.execute(query, [str(batch.path(ALIASES)), hold.source, hold.target_id]).fetchall()
            }


def _stopping_codes(settings: Settings, business_date: date) -> dict[str, str]:
    """Outcome codes after which messages do not leave tonight, with their effect."""
    from cobranca.policy import load_policy

    return {row.code: row.effect for row in load_policy(settings.config, business_date).outcome_codes if row.effect != "none"}
