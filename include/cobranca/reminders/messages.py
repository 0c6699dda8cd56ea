"""Messages as the approved plan holds them: rows of ``out_reminders.parquet`` grouped by message, and, where the creditor
wants one, a thank-you or a survey for each row of ``out_surveys.parquet``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from pathlib import Path

from cobranca.errors import PartitionError
from cobranca.manifest import Manifest
from cobranca.settings import Settings

FILE = "out_reminders.parquet"
COURTESY_FILE = "out_surveys.parquet"
# Templates of messages to people who owe nothing: they have no receivables.
COURTESIES = ("thank_you", "survey")


@dataclass(frozen=True)
class Item:
    """One receivable of a message. Money in ``currency``; rates are fractions; days are calendar days."""

    source: str
    receivable_id: str
    receivable_key: str
    section: str
    is_carrier: bool
    document_number: str | None
    installment: str | None
    currency: str
    issue_date: date | None
    due_date: date
    effective_due_date: date
    days_past_due: int
    amount: Decimal
    open_amount: Decimal
    fine: Decimal
    interest: Decimal
    amount_due: Decimal
    fine_rate: Decimal | None
    monthly_interest_rate: Decimal | None
    interest_start: str | None
    boleto_line: str | None
    pix_code: str | None
    payment_url: str | None
    contract_type: str | None

    @property
    def paid(self) -> Decimal:
        """What the plan knew to be paid."""
        return self.amount - self.open_amount


@dataclass(frozen=True)
class Settled:
    """The receivable whose settlement one of :data:`COURTESIES` is about."""

    source: str
    receivable_id: str


@dataclass(frozen=True)
class Message:
    """One message to one payer with all items. Holds personal data: never log one.

    One of :data:`COURTESIES` has no items, what was ``settled`` and ``settled_on`` when, and, as its episode, the survey's
    opaque key.
    """

    message_key: str
    business_date: date
    customer_key: str
    customer_name: str
    email: str | None
    channel: str
    step: str
    step_offset: int
    template: str
    requires_approval: bool
    policy_version: str
    episode_key: str
    payer_class: str | None
    items: tuple[Item, ...]
    settled_on: date | None = None
    settled: Settled | None = None
    state: str | None = None
    phone: str | None = None

    def __repr__(self) -> str:
        return f"Message({self.message_key})"

    @property
    def about(self) -> tuple[Item | Settled, ...]:
        """All receivables for whose sake it is written."""
        return (self.settled,) if self.settled else self.items

    @property
    def overdue(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.section == "overdue")

    @property
    def upcoming(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.section == "upcoming")


_ITEM_COLUMNS = tuple(field.name for field in fields(Item))
_MESSAGE_COLUMNS = tuple(field.name for field in fields(Message) if field.name not in ("items", "settled_on", "settled"))
_COURTESY_COLUMNS = (
    "business_date", "survey_key", "customer_key", "customer_name", "email", "state", "source", "receivable_id", "settled_on",
)  # fmt: skip


@dataclass(frozen=True)
class Courtesies:
    """The file of those to thank or to ask, the template for them, and the policy that wants it."""

    path: Path
    template: str
    policy_version: str


class PlanFile:
    """Reads messages from immutable files without ever holding all of them. Not shared between threads."""

    def __init__(self, path: Path, courtesies: Courtesies | None = None):
        import duckdb

        self.path, self.courtesies = path, courtesies
        self._duckdb = duckdb.connect(":memory:", config={"threads": 1})
        self._require(path, (*_MESSAGE_COLUMNS, *_ITEM_COLUMNS))
        if courtesies is not None:
            self._require(courtesies.path, _COURTESY_COLUMNS)

    def _require(self, path: Path, columns: tuple[str, ...]) -> None:
        held = {row[0] for row in self._duckdb.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()}
        missing = [name for name in columns if name not in held]
        if missing:
            raise PartitionError(f"{path} lacks the columns {', '.join(missing)}; build that date's plan again.")

    def __enter__(self) -> "PlanFile":
        return self

    def __exit__(self, *_) -> None:
        self._duckdb.close()

    def count(self) -> int:
        """How many messages the plan holds."""
        query = "select count(distinct message_key) from read_parquet(?)"
        reminders = self._duckdb.execute(query, [str(self.path)]).fetchone()[0]
        if self.courtesies is None:
            return reminders
        query = "select count(*) from read_parquet(?)"
        return reminders + self._duckdb.execute(query, [str(self.courtesies.path)]).fetchone()[0]

    def message_keys(self, chunk_size: int = 5000) -> Iterator[list[str]]:
        """The keys of all messages, each once."""
        query = "select distinct message_key from read_parquet(?)"
        cursor = self._duckdb.cursor().execute(query, [str(self.path)])
        while rows := cursor.fetchmany(chunk_size):
            yield [row[0] for row in rows]
        if self.courtesies is not None:
            yield [message.message_key for message in self._courtesies(None)]

    def messages(self, keys: list[str] | None = None, chunk_size: int = 1000) -> Iterator[list[Message]]:
        """Chunks of messages, all of them or those with the given keys: reminders in key order, then courtesies."""
        yield from self._reminders(keys, chunk_size)
        if self.courtesies is not None and (found := self._courtesies(keys)):
            yield found

    def _reminders(self, keys: list[str] | None, chunk_size: int) -> Iterator[list[Message]]:
        columns = ", ".join((*_MESSAGE_COLUMNS, *_ITEM_COLUMNS))
        query, parameters = f"select {columns} from read_parquet(?)", [str(self.path)]
        if keys is not None:
            if not keys:
                return
            # The range lets the reader skip row groups of a file that is sorted by message.
            query += " where message_key between ? and ? and message_key in (select unnest(?::varchar[]))"
            parameters += [min(keys), max(keys), keys]
        if keys is not None or not self._is_sorted():
            query += " order by message_key"
        cursor = self._duckdb.cursor().execute(query, parameters)
        chunk, rows = [], []
        while batch := cursor.fetchmany(5000):
            for row in batch:
                if rows and rows[-1][0] != row[0]:
                    chunk.append(_message(rows))
                    rows = []
                    if len(chunk) == chunk_size:
                        yield chunk
                        chunk = []
                rows.append(row)
        if rows:
            chunk.append(_message(rows))
        if chunk:
            yield chunk

    def _is_sorted(self) -> bool:
        """A night's own plan is written in this order: then nothing has to be sorted, and memory does not grow with it."""
        last = ""
        cursor = self._duckdb.cursor().execute("select message_key from read_parquet(?)", [str(self.path)])
        while rows := cursor.fetchmany(5000):
            for (key,) in rows:
                if key < last:
                    return False
                last = key
        return True

    def _courtesies(self, keys: list[str] | None) -> list[Message]:
        """The key is the night's, because the same payer may be chosen again until the ledger's answer comes back; the
        episode is the survey's, so that the ledger lets only one of them leave.
        """
        query = """
            with courtesies as (
                select md5(business_date || '|' || survey_key) as message_key, * from read_parquet(?)
            )
            select * from courtesies
            where ? or message_key in (select unnest(?::varchar[]))
            order by message_key
        """
        cursor = self._duckdb.cursor().execute(query, [str(self.courtesies.path), keys is None, keys or []])
        names = [column[0] for column in cursor.description]
        return [_courtesy(dict(zip(names, row, strict=True)), self.courtesies) for row in cursor.fetchall()]


def open_plan(settings: Settings, batch: Manifest) -> PlanFile:
    """The messages of one approved batch, with the courtesies that the creditor of that date wants."""
    from cobranca.policy import load_policy

    policy = load_policy(settings.config, batch.business_date)
    template = policy.creditor.after_payment
    if template == "none" or not any(entry.name == COURTESY_FILE for entry in batch.files):
        return PlanFile(batch.path(FILE))
    return PlanFile(batch.path(FILE), Courtesies(batch.path(COURTESY_FILE), template, policy.version))


def _courtesy(row: dict, courtesies: Courtesies) -> Message:
    return Message(
        message_key=row["message_key"],
        business_date=row["business_date"],
        customer_key=row["customer_key"],
        customer_name=row["customer_name"],
        email=row["email"],
        channel="email",
        step=courtesies.template,
        step_offset=0,
        template=courtesies.template,
        requires_approval=False,
        policy_version=courtesies.policy_version,
        episode_key=row["survey_key"],
        payer_class=None,
        items=(),
        settled_on=row["settled_on"],
        settled=Settled(row["source"], row["receivable_id"]),
        state=row["state"],
    )


def _message(rows: list[tuple]) -> Message:
    width = len(_MESSAGE_COLUMNS)
    head = dict(zip(_MESSAGE_COLUMNS, rows[0][:width], strict=True))
    for row in rows[1:]:
        if row[:width] != rows[0][:width]:
            changed = [name for name, a, b in zip(_MESSAGE_COLUMNS, rows[0], row, strict=False) if a != b]
            raise PartitionError(
                f"message {head['message_key']} of {FILE} differs between its rows in {', '.join(changed)}; "
                "one message has one payer, one address and one step."
            )
    items = [Item(**dict(zip(_ITEM_COLUMNS, row[width:], strict=True))) for row in rows]
    items.sort(key=lambda item: (item.section, item.due_date, item.receivable_key))
    return Message(**head, items=tuple(items))
