"""What agents heard, read back into the ledger: every answer is recorded once or refused with a reason, never dropped.

Rows are found by their ``message_key``, never by position, so that a sheet may be sorted, cut or copied. Reading the
same file again changes nothing.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from cobranca.manifest import write_atomically
from cobranca.policy import load_policy
from cobranca.policy.model import OutcomeCode
from cobranca.privacy.turns import waits_for_erasures
from cobranca.queues.columns import (
    AMOUNT,
    ANSWERS,
    CALLED_ON,
    DELAY_REASON,
    DELAY_REASONS,
    INSTALLMENTS,
    KEY,
    NOTE,
    PROMISED_ON,
    RESULT,
)
from cobranca.queues.returned import SUFFIXES, Answer, UnreadableFile, read_answers
from cobranca.queues.typed import read_amount, read_choice, read_count, read_date
from cobranca.queues.workbook import LONGEST_PROMISE_DAYS
from cobranca.queues.write import QUEUE, neutral
from cobranca.settings import Settings

REJECTED = "rejected.csv"
# How long a queue may be answered after its day.
OLDEST_QUEUE_DAYS = 30
# Interest until the promised date may raise an amount a little; ten times the debt is a slip of the comma.
HIGHEST_SHARE_OF_DEBT = Decimal("1.10")


@dataclass(frozen=True)
class Outcome:
    """One answer understood: rows for the ledger's tables."""

    answer: Answer
    outcome: dict[str, Any]
    promise: dict[str, Any] | None = None
    agreement: dict[str, Any] | None = None


@dataclass(frozen=True)
class Rejection:
    """One answer refused, with the reason in Portuguese for the person who corrects it."""

    answer: Answer
    reason: str


@waits_for_erasures
def read_outcomes(settings: Settings, business_date: date) -> dict:
    """Read every file of ``inbox/`` into the ledger and file it under ``inbox/<date>/processed``.

    Answers that cannot be understood go to ``inbox/<date>/rejected.csv``: correct them there, save under another name
    in ``inbox/`` and they are read the next time. Files that are no queue go to ``inbox/<date>/unreadable``.

    Returns:
        Counts: ``files, answers, recorded, already_recorded, rejected, promises, agreements, unreadable_files``.

    Raises:
        ConfigError: the ledger cannot be opened or a policy file is wrong; every file stays where it is.
    """
    counts = dict.fromkeys(
        ("files", "answers", "recorded", "already_recorded", "rejected", "promises", "agreements", "unreadable_files"), 0
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
                _keep_rejected(settings, business_date, [Rejection(Answer(path.name, 0, "", {}), f"o arquivo {error}")])
                _file_away(path, settings.folder("inbox", business_date, "unreadable"))
                continue
            understood, rejected = understand(answers, _queue_rows(settings, business_date, answers), policy.outcome_codes)
            recorded, refused = _record(engine, understood)
            rejected += refused
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
        # Spreadsheet programs leave "~$name.xlsx" beside a file that is open.
        if path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(("~$", "."))
    )


def _queue_rows(settings: Settings, business_date: date, answers: list[Answer]) -> dict[str, dict]:
    """The rows that were handed out under these keys, from the newest plan back; replaced plans of a date count too."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = {answer.message_key for answer in answers if answer.message_key}
    found: dict[str, dict] = {}
    for days in range(OLDEST_QUEUE_DAYS + 1):
        if not wanted - found.keys():
            break
        root = settings.folder("outbound", business_date - timedelta(days=days))
        for path in sorted(root.glob(f"[!.]*/{QUEUE}")):
            table = pq.read_table(path)
            table = table.filter(pc.is_in(table[KEY], value_set=_text_array(wanted)))
            for row in table.to_pylist():
                found.setdefault(row[KEY], row)
    return found


def _text_array(values: Iterable[str]):
    import pyarrow as pa

    return pa.array(sorted(values), pa.string())


def understand(
    answers: list[Answer], queue: dict[str, dict], codes: tuple[OutcomeCode, ...]
) -> tuple[list[Outcome], list[Rejection]]:
    """Turn answers into ledger rows, or into refusals. ``queue`` holds the rows that were handed out, by key."""
    by_code = {code.code: code for code in codes}
    understood: list[Outcome] = []
    rejected: list[Rejection] = []
    seen: dict[str, dict] = {}
    for answer in answers:
        try:
            outcome = _understand(answer, queue.get(answer.message_key), by_code)
            if seen.setdefault(answer.message_key, outcome.outcome) != outcome.outcome:
                raise ValueError("este caso aparece duas vezes no arquivo com respostas diferentes; deixe só uma")
        except ValueError as error:
            rejected.append(Rejection(answer, str(error)))
        else:
            understood.append(outcome)
    return understood, rejected


def _understand(answer: Answer, row: dict | None, codes: dict[str, OutcomeCode]) -> Outcome:
    if not answer.message_key:
        raise ValueError(f"a linha perdeu a coluna oculta {KEY}; preencha a planilha original")
    if row is None:
        raise ValueError(f"{KEY} não é de nenhuma fila dos últimos {OLDEST_QUEUE_DAYS} dias")
    code = _cell(answer, RESULT, read_choice, {name: item.label for name, item in codes.items()})
    if code is None:
        raise ValueError(f"{RESULT}: falta preencher")
    effect = codes[code].effect
    called_on = _cell(answer, CALLED_ON, read_date, row["business_date"]) or row["business_date"]
    if called_on < row["business_date"]:
        raise ValueError(f"{CALLED_ON}: é anterior à fila")
    delay_reason = _cell(answer, DELAY_REASON, read_choice, DELAY_REASONS)
    agreed_day = _cell(answer, PROMISED_ON, read_date, called_on)
    amount = _cell(answer, AMOUNT, read_amount)
    installments = _cell(answer, INSTALLMENTS, read_count)
    if effect in {"promise", "agreement", "scheduled"}:
        _check_day(agreed_day, called_on)
    outcome = {
        "outcome_id": _identity("outcome", answer.message_key, called_on.isoformat(), code),
        "contacted_on": called_on,
        "message_key": answer.message_key,
        "customer_key": row["customer_key"],
        "episode_key": row["episode_key"],
        "step": row["step"],
        "step_offset": row["step_offset"],
        "policy_version": row["policy_version"],
        "agent_id": row["agent_id"] or "reserva",
        "code": code,
        "delay_reason": delay_reason,
        "follow_up_on": agreed_day if effect in {"promise", "agreement", "scheduled"} else None,
    }
    found = Outcome(answer, outcome)
    if effect == "promise":
        return replace(found, promise=_promise(outcome, row, amount))
    if effect == "agreement":
        return replace(found, agreement=_agreement(outcome, row, amount, installments))
    return found


def _cell(answer: Answer, heading: str, read, *arguments):
    try:
        return read(answer.cells.get(heading), *arguments)
    except ValueError as error:
        raise ValueError(f"{heading}: {error}") from None


def _check_day(day: date | None, called_on: date) -> None:
    if day is None:
        raise ValueError(f"{PROMISED_ON}: falta a data da promessa, da primeira parcela ou do retorno")
    if day < called_on:
        raise ValueError(f"{PROMISED_ON}: é anterior à ligação")
    if day > called_on + timedelta(days=LONGEST_PROMISE_DAYS):
        raise ValueError(f"{PROMISED_ON}: passa de {LONGEST_PROMISE_DAYS} dias da ligação")


def _promise(outcome: dict, row: dict, amount: Decimal | None) -> dict:
    due = Decimal(row["amount_due"])
    # Whoever promises without naming an amount promises what was asked for.
    amount = due if amount is None else amount
    if amount > due * HIGHEST_SHARE_OF_DEBT:
        raise ValueError(f"{AMOUNT}: é maior que a dívida; confira a vírgula")
    return {
        "promise_id": _identity("promise", outcome["message_key"]),
        "customer_key": row["customer_key"],
        "made_on": outcome["contacted_on"],
        "promised_on": outcome["follow_up_on"],
        "currency": row["currency"],
        "amount": amount,
        "agent_id": outcome["agent_id"],
    }


def _agreement(outcome: dict, row: dict, amount: Decimal | None, installments: int | None) -> dict:
    due = Decimal(row["amount_due"])
    if amount is None:
        raise ValueError(f"{AMOUNT}: falta o valor total do acordo")
    if amount > due * HIGHEST_SHARE_OF_DEBT:
        raise ValueError(f"{AMOUNT}: é maior que a dívida; confira a vírgula")
    if installments is None:
        raise ValueError(f"{INSTALLMENTS}: falta o número de parcelas; 1 é à vista")
    discount = max(Decimal(0), 1 - amount / due).quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)
    if row["max_discount_rate"] is None or row["max_installments"] is None:
        raise ValueError("acordos desta lista precisam de um agente com alçada; passe ao supervisor")
    # A discount of exactly the limit may be off by the cents of its rounding.
    if amount < (due * (1 - Decimal(row["max_discount_rate"]))).quantize(Decimal("0.01")) - Decimal("0.01"):
        raise ValueError(f"{AMOUNT}: o desconto passa da alçada do agente; passe ao supervisor")
    if installments > row["max_installments"]:
        raise ValueError(f"{INSTALLMENTS}: passa da alçada do agente; passe ao supervisor")
    return {
        "agreement_id": _identity("agreement", outcome["message_key"]),
        "customer_key": row["customer_key"],
        "agreed_on": outcome["contacted_on"],
        "currency": row["currency"],
        "amount": amount,
        "installments": installments,
        "discount_rate": discount,
        "agent_id": outcome["agent_id"],
    }


def _identity(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


# ---------------------------------------------------------------------------------------------------------- ledger


def _record(engine, understood: list[Outcome]) -> tuple[dict[str, int], list[Rejection]]:
    """Insert what is new, in one transaction; a promise or agreement that contradicts a recorded one is refused."""
    from cobranca.ledger import tables

    counts = {"outcomes": 0, "promises": 0, "agreements": 0}
    refused: list[Rejection] = []
    with engine.begin() as connection:
        for item in understood:
            if _contradicts(connection, tables.promises, item.promise) or _contradicts(
                connection, tables.agreements, item.agreement
            ):
                reason = "este caso já tem uma promessa ou um acordo registrado com outra data ou valor; passe ao supervisor"
                refused.append(Rejection(item.answer, reason))
                continue
            for table, row in (
                (tables.outcomes, item.outcome),
                (tables.promises, item.promise),
                (tables.agreements, item.agreement),
            ):
                if row is not None:
                    counts[table.name] += _insert_once(connection, table, row)
    return counts, refused


def _contradicts(connection, table, row: dict | None) -> bool:
    import sqlalchemy as sa

    if row is None:
        return False
    key = next(iter(table.primary_key.columns))
    there = connection.execute(sa.select(*(table.c[name] for name in row)).where(key == row[key.name])).mappings().first()
    return there is not None and dict(there) != row


def _insert_once(connection, table, row: dict) -> bool:
    """Whether the row is new. The row count is no witness: drivers leave it out where a conflict was skipped."""
    from sqlalchemy.dialects import postgresql, sqlite

    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    key = next(iter(table.primary_key.columns))
    insert = dialect.insert(table).values(**row).on_conflict_do_nothing().returning(key)
    return connection.execute(insert).first() is not None


# ----------------------------------------------------------------------------------------------------------- files


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
        kept = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), delimiter=";"))[1:]
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
    """Move a file; another one of the same name and other content is kept beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    if target.exists() and target.read_bytes() != path.read_bytes():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        target = folder / f"{path.stem}-{digest}{path.suffix}"
    os.replace(path, target)
