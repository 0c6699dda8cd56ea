"""Import the agents' answers into the ledger.

Every answer is recorded once or refused with a reason, never dropped.

Rows are found by their ``message_key``, never by position, so that a sheet may be sorted, cut or
copied. Reading the same file again changes nothing.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.partitions.manifest import write_atomically
from cobranca.policy import load_policy
from cobranca.queues.joined_calls import JOINED, key_of_call, read_joined
from cobranca.queues.parse_outcomes import (
    OLDEST_QUEUE_DAYS,
    AgentOutcome,
    AgreementRow,
    OutcomeRow,
    PromiseRow,
    Rejection,
    understand,
)
from cobranca.queues.queue_columns import ANSWERS, CALLED_ON, KEY, NOTE
from cobranca.queues.queue_row import QueueRow
from cobranca.queues.returned_files import SUFFIXES, Answer, UnreadableFile, read_answers
from cobranca.queues.write_queues import QUEUE
from cobranca.schema import PRINCIPAL
from cobranca.settings import Settings
from cobranca.spreadsheet_cells import neutral

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

REJECTED = "rejected.csv"
DECISIONS = "fct_decisions.parquet"
_ABOUT = ("message_key", "creditor", "currency", "receivable_key")
LedgerRow = OutcomeRow | PromiseRow | AgreementRow


@waits_for_erasures
def read_outcomes(settings: Settings, business_date: date) -> dict[str, int]:
    """Read every file of ``inbox/`` into the ledger and file it under ``inbox/<date>/processed``.

    Answers that cannot be understood go to ``inbox/<date>/rejected.csv``: correct them there, save
    under another name in ``inbox/`` and they are read the next time. Files that are no queue go to
    ``inbox/<date>/unreadable``.

    Returns:
        counts of ``files, answers, recorded, already_recorded, rejected, requests, promises,
        agreements, unreadable_files``; ``requests`` are the refused agreements beyond an agent's
        limits that are new to the list of cases.

    Raises:
        ConfigError: the ledger cannot be opened or a policy file is wrong; every file stays where
            it is.
    """
    counts = dict.fromkeys(
        (
            "files",
            "answers",
            "recorded",
            "already_recorded",
            "rejected",
            "requests",
            "promises",
            "agreements",
            "unreadable_files",
        ),
        0,
    )
    files = _waiting(settings.data / "inbox")
    if not files:
        return counts
    policy = load_policy(settings.config, business_date)
    from cobranca.ledger import open_ledger

    engine = open_ledger(settings.ledger)
    try:
        for path in files:
            counts["files"] += 1
            try:
                answers = read_answers(path)
            except UnreadableFile as error:
                counts["unreadable_files"] += 1
                _keep_rejected(
                    settings,
                    business_date,
                    [Rejection(Answer(path.name, 0, "", {}), f"o arquivo {error}")],
                )
                _file_away(path, settings.folder("inbox", business_date, "unreadable"))
                continue
            queue = _queue_rows(settings, business_date, answers)
            rows = {key: handed_out.row for key, handed_out in queue.items()}
            understood, rejected = understand(answers, rows, policy.outcome_codes)
            recorded, refused = _record(engine, understood, queue)
            rejected += refused
            counts["requests"] += _record_requests(engine, rejected)
            counts["answers"] += len(answers)
            counts["recorded"] += recorded["outcomes"]
            counts["promises"] += recorded["promises"]
            counts["agreements"] += recorded["agreements"]
            counts["already_recorded"] += len(understood) - recorded["outcomes"] - len(refused)
            counts["rejected"] += len(rejected)
            _keep_rejected(settings, business_date, rejected)
            _file_away(path, settings.folder("inbox", business_date, "processed"))
    finally:
        engine.dispose()
    return counts


def _waiting(inbox: Path) -> list[Path]:
    if not inbox.is_dir():
        return []
    return sorted(
        path
        for path in inbox.iterdir()
        # Spreadsheet programs leave "~$name.xlsx" next to a file that is open.
        if path.is_file()
        and path.suffix.lower() in SUFFIXES
        and not path.name.startswith(("~$", "."))
    )


@dataclass(frozen=True)
class HandedOut:
    """A row of a queue as it was handed out, and the receivables that it was about."""

    row: QueueRow
    receivables: tuple[str, ...]
    """Keys of those in the row's currency."""


def _queue_rows(
    settings: Settings, business_date: date, answers: list[Answer]
) -> dict[str, HandedOut]:
    """The rows that were handed out under these keys, from the newest plan back.

    Replaced plans of a date count too.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = {key_of_call(answer.message_key) for answer in answers if answer.message_key}
    found: dict[str, HandedOut] = {}
    for days in range(OLDEST_QUEUE_DAYS + 1):
        if not wanted - found.keys():
            break
        root = settings.folder("outbound", business_date - timedelta(days=days))
        for path in sorted(root.glob(f"[!.]*/{QUEUE}")):
            table = pq.read_table(path)
            table = table.filter(pc.is_in(table[KEY], value_set=_text_array(wanted)))
            rows = cast("list[QueueRow]", table.to_pylist())
            keys = [row["message_key"] for row in rows]
            called = _receivables(path.with_name(DECISIONS), keys)
            joined = read_joined(path.with_name(JOINED), rows)
            for row in rows:
                for line in (row, *joined[row["message_key"]]):
                    found.setdefault(line["message_key"], HandedOut(line, _about(line, called)))
    return found


Called = defaultdict[tuple[str, str, str], list[str]]
"""Keys of receivables by call, creditor and currency, in order."""


def _receivables(decisions: Path, message_keys: list[str]) -> Called:
    """The receivables behind rows of a queue."""
    import pyarrow.parquet as pq

    found: Called = defaultdict(list)
    if message_keys:
        chosen = [("message_key", "in", message_keys)]
        # A plan of before there were several creditors names none.
        names = [name for name in _ABOUT if name in pq.read_schema(decisions).names]
        for row in pq.read_table(decisions, columns=names, filters=chosen).to_pylist():
            creditor = row.get("creditor") or PRINCIPAL
            found[row["message_key"], creditor, row["currency"]].append(row["receivable_key"])
    return found


def _about(row: QueueRow, called: Called) -> tuple[str, ...]:
    creditor = row.get("creditor") or PRINCIPAL
    return tuple(called[key_of_call(row["message_key"]), creditor, row["currency"]])


def _text_array(values: Iterable[str]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(sorted(values), pa.string())


# ledger


def _record(
    engine: "sa.Engine", understood: list[AgentOutcome], queue: Mapping[str, HandedOut]
) -> tuple[dict[str, int], list[Rejection]]:
    """Insert what is new, in one transaction.

    A promise or an agreement that contradicts a recorded one is refused.
    """
    from cobranca.ledger import tables

    counts = {"outcomes": 0, "promises": 0, "agreements": 0}
    refused: list[Rejection] = []
    with engine.begin() as connection:
        for item in understood:
            if _contradicts(connection, tables.promises, item.promise) or _contradicts(
                connection, tables.agreements, item.agreement
            ):
                reason = (
                    "este caso já tem uma promessa ou um acordo registrado com outra data ou "
                    "valor; passe ao supervisor"
                )
                refused.append(Rejection(item.answer, reason))
                continue
            for table, row in (
                (tables.outcomes, item.outcome),
                (tables.promises, item.promise),
                (tables.agreements, item.agreement),
            ):
                if row is not None and _insert_once(connection, table, row):
                    counts[table.name] += 1
                    if table is not tables.outcomes:
                        about = queue[item.answer.message_key].receivables
                        _insert_items(connection, table, row, about)
    return counts, refused


def _insert_items(
    connection: "sa.Connection", table: "sa.Table", row: LedgerRow, receivables: Iterable[str]
) -> None:
    """Record what a new promise or agreement is about."""
    from cobranca.ledger.feedback import EVENT_DATES
    from cobranca.ledger.tables import commitment_items

    values: dict[str, Any] = {**row}
    key, day = next(iter(table.primary_key.columns)).name, EVENT_DATES[table.name].name
    items = [
        {"commitment_id": values[key], "receivable_key": receivable, "made_on": values[day]}
        for receivable in receivables
    ]
    if items:
        connection.execute(commitment_items.insert(), items)


def _record_requests(engine: "sa.Engine", rejected: list[Rejection]) -> int:
    """Record the calls in which more was asked for than the agent may give; how many are new."""
    from cobranca.ledger import tables

    requests = [item.request for item in rejected if item.request is not None]
    with engine.begin() as connection:
        return sum(_insert_once(connection, tables.outcomes, request) for request in requests)


def _contradicts(connection: "sa.Connection", table: "sa.Table", row: LedgerRow | None) -> bool:
    import sqlalchemy as sa

    if row is None:
        return False
    key = next(iter(table.primary_key.columns))
    values: dict[str, object] = {**row}
    there = (
        connection.execute(
            sa.select(*(table.c[name] for name in row)).where(key == values[key.name])
        )
        .mappings()
        .first()
    )
    return there is not None and dict(there) != row


def _insert_once(connection: "sa.Connection", table: "sa.Table", row: LedgerRow) -> bool:
    """Insert a row; whether it is new.

    The row count does not tell: drivers leave it out where a conflict was skipped.
    """
    from sqlalchemy.dialects import postgresql, sqlite

    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    key = next(iter(table.primary_key.columns))
    insert = dialect.insert(table).values(**row).on_conflict_do_nothing().returning(key)
    return connection.execute(insert).first() is not None


# files


def _keep_rejected(settings: Settings, business_date: date, rejected: list[Rejection]) -> None:
    """Add to the list of refused answers; one that is there already is not listed twice."""
    import csv
    import io

    if not rejected:
        return
    path = settings.folder("inbox", business_date, REJECTED)
    # Notes are left out: they may hold personal data and nothing reads them.
    answered = [name for name in (*ANSWERS, CALLED_ON) if name != NOTE]
    heading = ["Arquivo", "Linha", "Motivo da recusa", KEY, *answered]
    lines = [
        [item.answer.file, str(item.answer.line), item.reason, item.answer.message_key]
        + [_shown(item.answer.cells.get(name)) for name in answered]
        for item in rejected
    ]
    kept: list[list[str]] = []
    if path.exists():
        kept = list(
            csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), delimiter=";")
        )[1:]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    writer.writerows([heading, *kept, *(line for line in lines if line not in kept)])
    write_atomically(path, b"\xef\xbb\xbf" + buffer.getvalue().encode())


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, float):
        return f"{value:.15g}".replace(".", ",")
    return neutral(str(value).strip()[:200])


def _file_away(path: Path, folder: Path) -> None:
    """Move a file; another one of its name and other content keeps its own."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    if target.exists() and target.read_bytes() != path.read_bytes():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        target = folder / f"{path.stem}-{digest}{path.suffix}"
    os.replace(path, target)
