"""Read the messages of the approved plan.

The rows of ``out_reminders.parquet`` are grouped by message. Where its creditor wants thank-yous or
surveys, a row of ``out_surveys.parquet`` is one such message.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from cobranca.errors import PartitionError
from cobranca.partitions.manifest import Manifest
from cobranca.schema import PRINCIPAL
from cobranca.settings import Settings

FILE = "out_reminders.parquet"
COURTESY_FILE = "out_surveys.parquet"
# Templates of messages without receivables, to payers who owe nothing.
COURTESIES = ("thank_you", "survey")


@dataclass(frozen=True)
class Item:
    """One receivable of a message.

    Money is in ``currency``; rates are fractions; days are calendar days.
    """

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
    credit_applied: Decimal = Decimal(0)
    """What a credit of the payer takes off the open amount: fine, interest and amount due are on
    the rest.
    """

    @property
    def paid(self) -> Decimal:
        """Amount paid, as known to the plan."""
        return self.amount - self.open_amount


@dataclass(frozen=True)
class Settled:
    """The settled receivable of a message of :data:`COURTESIES`."""

    source: str
    receivable_id: str


@dataclass(frozen=True)
class Message:
    """One message to one payer, for one creditor, with all items.

    It holds personal data: never log one. A message of :data:`COURTESIES` has no items. It has the
    ``settled`` receivable, ``settled_on``, and the opaque key of the survey as its episode.
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
    creditor: str = PRINCIPAL

    def __repr__(self) -> str:
        return f"Message({self.message_key})"

    @property
    def receivables(self) -> tuple[Item | Settled, ...]:
        """All receivables that the message is about."""
        return (self.settled,) if self.settled else self.items

    @property
    def overdue(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.section == "overdue")

    @property
    def upcoming(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.section == "upcoming")


_ITEM_COLUMNS = tuple(field.name for field in fields(Item))
_MESSAGE_COLUMNS = tuple(
    field.name for field in fields(Message) if field.name not in ("items", "settled_on", "settled")
)
_COURTESY_COLUMNS = (
    "business_date", "survey_key", "customer_key", "creditor", "customer_name", "email", "state",
    "source", "receivable_id", "settled_on",
)  # fmt: skip


@dataclass(frozen=True)
class Courtesies:
    """File of the thank-yous or surveys, their template by creditor, and the policy version.

    A creditor without a template wants none.
    """

    path: Path
    templates: Mapping[str, str]
    policy_version: str


class PlanFile:
    """Streaming reader of the plan's messages. Not shared between threads."""

    def __init__(self, path: Path, courtesies: Courtesies | None = None):
        import duckdb

        self.path, self.courtesies = path, courtesies
        self._duckdb = duckdb.connect(config={"threads": 1})
        self._require(path, (*_MESSAGE_COLUMNS, *_ITEM_COLUMNS))
        if courtesies is not None:
            self._require(courtesies.path, _COURTESY_COLUMNS)

    def _require(self, path: Path, columns: tuple[str, ...]) -> None:
        held = {
            row[0]
            for row in self._duckdb.execute(
                "describe select * from read_parquet(?)", [str(path)]
            ).fetchall()
        }
        missing = [name for name in columns if name not in held]
        if missing:
            raise PartitionError(
                f"{path} lacks the columns {', '.join(missing)}; build that date's plan again."
            )

    def __enter__(self) -> "PlanFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._duckdb.close()

    def count(self) -> int:
        """Count the messages of the plan."""
        query = "select count(distinct message_key) from read_parquet(?)"
        reminders = self._number(query, self.path)
        if self.courtesies is None:
            return reminders
        return reminders + len(self._courtesies(self.courtesies, None))

    def _number(self, query: str, path: Path) -> int:
        [(number,)] = self._duckdb.execute(query, [str(path)]).fetchall()
        return int(number)

    def message_keys(self, chunk_size: int = 5000) -> Iterator[list[str]]:
        """Yield the distinct keys of all messages, in chunks."""
        query = "select distinct message_key from read_parquet(?)"
        cursor = self._duckdb.cursor().execute(query, [str(self.path)])
        while rows := cursor.fetchmany(chunk_size):
            yield [row[0] for row in rows]
        if self.courtesies is not None:
            yield [message.message_key for message in self._courtesies(self.courtesies, None)]

    def messages(
        self, keys: list[str] | None = None, chunk_size: int = 1000
    ) -> Iterator[list[Message]]:
        """Yield chunks of messages: reminders in key order, then courtesies.

        Without ``keys``, all of them.
        """
        yield from self._reminders(keys, chunk_size)
        if self.courtesies is not None and (found := self._courtesies(self.courtesies, keys)):
            yield found

    def _reminders(self, keys: list[str] | None, chunk_size: int) -> Iterator[list[Message]]:
        columns = ", ".join((*_MESSAGE_COLUMNS, *_ITEM_COLUMNS))
        query = f"select {columns} from read_parquet(?)"
        parameters: list[object] = [str(self.path)]
        if keys is not None:
            if not keys:
                return
            # The range lets the reader skip row groups of a file that is sorted by message key.
            query += (
                " where message_key between ? and ? and message_key in (select "
                "unnest(?::varchar[]))"
            )
            parameters += [min(keys), max(keys), keys]
        if keys is not None or not self._is_sorted():
            query += " order by message_key"
        cursor = self._duckdb.cursor().execute(query, parameters)
        chunk: list[Message] = []
        rows: list[tuple[Any, ...]] = []
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
        """Whether the file is sorted by message key.

        The night writes it sorted, so that no sort is needed here and memory does not grow.
        """
        last = ""
        cursor = self._duckdb.cursor().execute(
            "select message_key from read_parquet(?)", [str(self.path)]
        )
        while rows := cursor.fetchmany(5000):
            for (key,) in rows:
                if key < last:
                    return False
                last = key
        return True

    def _courtesies(self, courtesies: Courtesies, keys: list[str] | None) -> list[Message]:
        """Read the messages of the courtesies' file.

        The message key contains the business date, because the same payer may be chosen again
        until the ledger's feedback is read. The episode is the key of the survey, so that the
        ledger lets only one of these messages be sent.
        """
        query = """
            with courtesies as (
                select md5(business_date || '|' || survey_key) as message_key, *
                from read_parquet(?)
            )
            select * from courtesies
            where
                creditor in (select unnest(?::varchar[]))
                and (? or message_key in (select unnest(?::varchar[])))
            order by message_key
        """
        cursor = self._duckdb.cursor().execute(
            query,
            [str(courtesies.path), list(courtesies.templates), keys is None, keys or []],
        )
        names = [column[0] for column in cursor.description]
        return [
            _courtesy(dict(zip(names, row, strict=True)), courtesies) for row in cursor.fetchall()
        ]


def open_plan(settings: Settings, batch: Manifest) -> PlanFile:
    """Open the messages of one approved batch, with the courtesies that the creditors want."""
    from cobranca.policy import load_policy

    policy = load_policy(settings.config, batch.business_date)
    templates = {
        creditor.id: creditor.after_payment
        for creditor in policy.creditors.values()
        if creditor.after_payment != "none"
    }
    if not templates or not any(entry.name == COURTESY_FILE for entry in batch.files):
        return PlanFile(batch.path(FILE))
    return PlanFile(
        batch.path(FILE), Courtesies(batch.path(COURTESY_FILE), templates, policy.version)
    )


def _courtesy(row: dict[str, Any], courtesies: Courtesies) -> Message:
    template = courtesies.templates[row["creditor"]]
    return Message(
        message_key=row["message_key"],
        business_date=row["business_date"],
        customer_key=row["customer_key"],
        creditor=row["creditor"],
        customer_name=row["customer_name"],
        email=row["email"],
        channel="email",
        step=template,
        step_offset=0,
        template=template,
        requires_approval=False,
        policy_version=courtesies.policy_version,
        episode_key=row["survey_key"],
        payer_class=None,
        items=(),
        settled_on=row["settled_on"],
        settled=Settled(row["source"], row["receivable_id"]),
        state=row["state"],
    )


def _message(rows: list[tuple[Any, ...]]) -> Message:
    width = len(_MESSAGE_COLUMNS)
    head = dict(zip(_MESSAGE_COLUMNS, rows[0][:width], strict=True))
    for row in rows[1:]:
        if row[:width] != rows[0][:width]:
            changed = [
                name for name, a, b in zip(_MESSAGE_COLUMNS, rows[0], row, strict=False) if a != b
            ]
            raise PartitionError(
                f"message {head['message_key']} of {FILE} differs between its rows in "
                f"{', '.join(changed)}; "
                "one message has one payer, one address and one step."
            )
    items = [Item(**dict(zip(_ITEM_COLUMNS, row[width:], strict=True))) for row in rows]
    items.sort(key=lambda item: (item.section, item.due_date, item.receivable_key))
    return Message(**head, items=tuple(items))
