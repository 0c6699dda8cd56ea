"""Write what people work through after one night.

A workbook of calls for each agent, one list of all calls, and the cases that wait for a person.
They are replaced as one set or not at all.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypedDict, TypeVar, cast

from cobranca.errors import PartitionError
from cobranca.labels import CLASSES, priority_sentence
from cobranca.money import format_money, format_number
from cobranca.partitions import manifest, outbound_partition
from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.policy import Policy, load_policy
from cobranca.policy.agents import RESERVE
from cobranca.queues.case_workbook import write_case_workbook
from cobranca.queues.cases import CASES, case_columns, case_totals, read_cases
from cobranca.queues.joined_calls import JOINED, read_joined
from cobranca.queues.queue_columns import (
    ANSWERS,
    KEY,
    MoneyColumn,
    format_phone,
    format_rate,
    masked,
    totals,
)
from cobranca.queues.queue_row import QueueRow
from cobranca.queues.queue_workbook import Workbook, write_workbook
from cobranca.redaction.parquet_redaction import ERASED_NAME
from cobranca.settings import Settings
from cobranca.spreadsheet_cells import cell

Shown = TypeVar("Shown")

QUEUE = "out_call_queue.parquet"


class WrittenWorkbook(TypedDict):
    """One agent's workbook: the agent's name, the file, and what is in it."""

    name: str
    file: str
    payers: int
    totals: dict[str, str]


class WrittenQueues(TypedDict):
    """What :func:`write_queues` wrote; ``workbooks`` are by agent."""

    business_date: str
    batch_id: str
    folder: str
    list: str
    payers: int
    totals: dict[str, str]
    workbooks: dict[str, WrittenWorkbook]
    cases: str
    cases_listed: int


@waits_for_erasures
def write_queues(settings: Settings, business_date: date) -> WrittenQueues:
    """Write ``queues/<date>`` from the approved plan and return its counts, totals and files.

    A night without calls or cases still publishes its (empty) lists, so that yesterday's are not
    mistaken for today's.

    Raises:
        PartitionError: the plan of the date is missing or not approved; what was there before
            stays.
        ConfigError: a policy file is wrong.
    """
    batch = outbound_partition.read_batch(settings, business_date)
    policy = load_policy(settings.config, business_date)
    names = policy.creditor_names
    planned = read_queue(batch.path(QUEUE))
    # an erasure may have amended the plan: an erased payer is not handed out again
    rows = [_readable(row, names) for row in planned if row["customer_name"] != ERASED_NAME]
    root = settings.folder("queues", business_date)
    draft = manifest.draft_folder(root, batch.batch_id)
    joined = {
        key: [_readable(line, names) for line in lines]
        for key, lines in read_joined(batch.path(QUEUE).with_name(JOINED), rows).items()
    }
    books = _workbooks(rows, business_date, policy, joined)
    entries = []
    for book in books:
        name = workbook_name(book.agent_id, business_date)
        write_workbook(draft / name, book)
        entries.append(
            manifest.FileEntry.of(draft, name, len(book.rows), _control_totals(book.rows))
        )
    name = f"fila_{business_date.isoformat()}.csv"
    columns = _LIST | (_OF_CREDITORS if len(names) > 1 else {})
    _write_list(draft / name, columns, rows, ANSWERS)
    entries.append(manifest.FileEntry.of(draft, name, len(rows), _control_totals(rows)))
    _balance(books, rows, batch.entry(QUEUE).rows - (len(planned) - len(rows)))
    cases = read_cases(batch.path(CASES), names)
    case_book, case_list = (f"casos_{business_date.isoformat()}.{kind}" for kind in ("xlsx", "csv"))
    write_case_workbook(draft / case_book, cases, business_date, policy.company)
    _write_list(draft / case_list, case_columns(names), cases)
    entries += [
        manifest.FileEntry.of(draft, written, len(cases), case_totals(cases))
        for written in (case_book, case_list)
    ]
    published = manifest.publish(
        root,
        draft,
        kind="queues",
        business_date=business_date,
        files=entries,
        inputs={"outbound": batch.batch_id, "regua": policy.version},
    )
    return {
        "business_date": business_date.isoformat(),
        "batch_id": published.batch_id,
        "folder": str(published.folder),
        "list": str(published.path(name)),
        "payers": len(rows),
        "totals": _control_totals(rows),
        "workbooks": {
            book.agent_id: {
                "name": book.agent_name,
                "file": str(published.path(workbook_name(book.agent_id, business_date))),
                "payers": len(book.rows),
                "totals": _control_totals(book.rows),
            }
            for book in books
        },
        "cases": str(published.path(case_book)),
        "cases_listed": len(cases),
    }


def workbook_name(agent_id: str, business_date: date) -> str:
    """``fila_ana_2026-11-18.xlsx``."""
    return f"fila_{re.sub(r'[^A-Za-z0-9_-]+', '_', agent_id)}_{business_date.isoformat()}.xlsx"


def read_queue(path: Path) -> list[QueueRow]:
    """The rows of ``out_call_queue``, in the order in which each agent calls."""
    import pyarrow.parquet as pq

    # The model's contract gives the types that Parquet rows lack here.
    rows = cast("list[QueueRow]", pq.read_table(path).to_pylist())
    for row in rows:
        row["agent_id"] = row["agent_id"] or RESERVE
        row["open_amount"] = Decimal(row["open_amount"])
        row["amount_due"] = Decimal(row["amount_due"])
    return sorted(
        rows,
        key=lambda row: (
            row["agent_id"] == RESERVE,
            row["agent_id"],
            row["queue_position"],
            row["message_key"],
        ),
    )


def _workbooks(
    rows: list[QueueRow],
    business_date: date,
    policy: Policy,
    joined: Mapping[str, list[QueueRow]],
) -> list[Workbook]:
    by_agent: dict[str, list[QueueRow]] = {}
    for row in rows:
        by_agent.setdefault(row["agent_id"], []).append(row)
    return [
        Workbook(
            agent_id=agent_id,
            agent_name="Reserva" if agent_id == RESERVE else own[0]["agent_name"] or agent_id,
            business_date=business_date,
            company=policy.company,
            rows=own,
            codes=policy.outcome_codes,
            joined={key: joined[key] for row in own if (key := row["message_key"]) in joined},
        )
        for agent_id, own in by_agent.items()
    ]


def _readable(row: QueueRow, names: Mapping[str, str]) -> QueueRow:
    """The row as people read it: amounts in Portuguese, and creditors by name where several are."""
    others = _amounts(row["other_creditors"], lambda who: f"{names.get(who, who)} ")
    shown: QueueRow = {
        **row,
        "other_currencies": _amounts(row["other_currencies"]),
        "other_creditors": others,
    }
    if len(names) > 1:
        shown["creditor_name"] = names.get(row["creditor"], row["creditor"])
    return shown


def _amounts(listed: str | None, name: Callable[[str], str] = str) -> str | None:
    """``USD 12.00; EUR 3.00`` as ``US$ 12,00; € 3,00``; the words before each are given a name."""
    if not listed:
        return None
    found = []
    for one in listed.split("; "):
        *who, currency, amount = one.split(" ")
        found.append(name(" ".join(who)) + format_money(Decimal(amount), currency))
    return "; ".join(found)


def _control_totals(rows: list[QueueRow]) -> dict[str, str]:
    columns: tuple[MoneyColumn, ...] = ("amount_due", "open_amount")
    return {
        f"{column} {currency}": str(amount)
        for column in columns
        for currency, amount in totals(rows, column).items()
    }


def _balance(books: list[Workbook], rows: list[QueueRow], planned: int) -> None:
    """Every payer of the plan is in exactly one workbook."""
    keys = [row["message_key"] for book in books for row in book.rows]
    if len(rows) != planned or len(keys) != planned or len(set(keys)) != planned:
        raise PartitionError(
            f"the call queue has {len(set(keys))} different payers in its workbooks and {planned} "
            "in the plan; "
            "build the plan of that date again."
        )


def _write_list(
    path: Path,
    columns: Mapping[str, Callable[[Shown], object]],
    rows: Sequence[Shown],
    empty: Sequence[str] = (),
) -> None:
    """Write a CSV as Brazilian spreadsheet programs read it; ``empty`` columns follow."""
    import pandas as pd

    frame = pd.DataFrame(
        [{heading: cell(value(row)) for heading, value in columns.items()} for row in rows],
        columns=[*columns, *empty],
        dtype=object,
    )
    frame.to_csv(path, sep=";", index=False, encoding="utf-8-sig", lineterminator="\r\n")


def _number(
    column: Literal["priority", "open_amount", "amount_due"],
) -> Callable[[QueueRow], str | None]:
    def formatted(row: QueueRow) -> str | None:
        value = row[column]
        return None if value is None else format_number(value)

    return formatted


_OF_CREDITORS: dict[str, Callable[[QueueRow], object]] = {
    "Credor": lambda row: row.get("creditor_name"),
    "Outros credores": lambda row: row["other_creditors"],
}
_LIST: dict[str, Callable[[QueueRow], object]] = {
    KEY: lambda row: row["message_key"],
    "Agente": lambda row: row["agent_id"],
    "Nº": lambda row: row["queue_position"],
    "Prioridade": _number("priority"),
    "Por que ligar": lambda row: priority_sentence(row["priority_reason"]),
    "Cliente": lambda row: row["customer_name"],
    "CPF/CNPJ": lambda row: masked(row["tax_id_masked"]),
    "Telefone": lambda row: format_phone(row["phone"]),
    "Discagem": lambda row: re.sub(r"\D", "", row["phone"] or ""),
    "Cidade": lambda row: row["city"],
    "UF": lambda row: row["state"],
    "Segmento": lambda row: row["segment"],
    "Classe": lambda row: CLASSES.get(row["payer_class"], row["payer_class"]),
    "Moeda": lambda row: row["currency"],
    "Títulos": lambda row: row["receivables"],
    "Em aberto": _number("open_amount"),
    "Com encargos": _number("amount_due"),
    "Outras moedas": lambda row: row["other_currencies"],
    "Vencido desde": lambda row: row["oldest_due_date"],
    "Dias": lambda row: row["days_past_due"],
    "Faixa": lambda row: row["aging_band"],
    "Passo": lambda row: row["step"],
    "Roteiro": lambda row: row["template"],
    "Ligar entre": lambda row: row["calling_window"],
    "Desconto máximo": lambda row: (
        None
        if row["max_discount_rate"] is None
        else format_rate(row["max_discount_rate"]).replace("\u00a0", " ")
    ),
    "Parcelas máximas": lambda row: row["max_installments"],
}
