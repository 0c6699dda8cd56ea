"""Parse one row of a returned call list into an outcome, or into a rejection with its reason."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Concatenate, ParamSpec, TypedDict, TypeVar

from cobranca.policy.agents import RESERVE
from cobranca.policy.outcome_codes import OutcomeCode
from cobranca.queues.cell_parsing import read_amount, read_choice, read_count, read_date
from cobranca.queues.joined_calls import key_of_call
from cobranca.queues.queue_columns import (
    AMOUNT,
    CALLED_ON,
    DELAY_REASON,
    DELAY_REASONS,
    INSTALLMENTS,
    KEY,
    LONGEST_PROMISE_DAYS,
    PROMISED_ON,
    RESULT,
    lowest_amount,
)
from cobranca.queues.queue_row import QueueRow
from cobranca.queues.returned_files import Answer

Parsed = TypeVar("Parsed")
More = ParamSpec("More")

# How long a queue may be answered after its day.
OLDEST_QUEUE_DAYS = 30

# Interest until the promised date may raise an amount a little; ten times the debt is a slip of the
# comma.
HIGHEST_SHARE_OF_DEBT = Decimal("1.10")


class OutcomeRow(TypedDict):
    """A row of the ledger's ``outcomes``: what came of one call."""

    outcome_id: str
    contacted_on: date
    message_key: str
    customer_key: str
    creditor: str
    episode_key: str
    step: str
    step_offset: int
    policy_version: str
    agent_id: str
    code: str
    delay_reason: str | None
    follow_up_on: date | None


class PromiseRow(TypedDict):
    """A row of the ledger's ``promises``; the amount is in ``currency``."""

    promise_id: str
    customer_key: str
    creditor: str
    made_on: date
    promised_on: date
    currency: str
    amount: Decimal
    agent_id: str


class AgreementRow(TypedDict):
    """A row of the ledger's ``agreements``; the discount rate is a fraction."""

    agreement_id: str
    customer_key: str
    creditor: str
    agreed_on: date
    currency: str
    amount: Decimal
    installments: int
    discount_rate: Decimal
    agent_id: str


@dataclass(frozen=True)
class AgentOutcome:
    """One answer understood: rows for the ledger's tables."""

    answer: Answer
    outcome: OutcomeRow
    promise: PromiseRow | None = None
    agreement: AgreementRow | None = None


@dataclass(frozen=True)
class Rejection:
    """One answer refused, with the reason in Portuguese for the person who corrects it.

    ``request`` is the call that is recorded all the same: an agreement beyond the limits was not
    made, but it was asked for, and a person with wider limits decides.
    """

    answer: Answer
    reason: str
    request: OutcomeRow | None = None


class BeyondLimits(ValueError):
    """An agreement that its agent may not make; ``outcome`` is the call in which it was asked."""

    outcome: OutcomeRow


def understand(
    answers: list[Answer], queue: Mapping[str, QueueRow], codes: tuple[OutcomeCode, ...]
) -> tuple[list[AgentOutcome], list[Rejection]]:
    """Turn answers into ledger rows, or into rejections.

    ``queue`` holds the rows that were handed out, by message key.
    """
    by_code = {code.code: code for code in codes}
    understood: list[AgentOutcome] = []
    rejected: list[Rejection] = []
    seen: dict[str, OutcomeRow] = {}
    for answer in answers:
        try:
            outcome = _understand(answer, queue.get(answer.message_key), by_code)
            if seen.setdefault(answer.message_key, outcome.outcome) != outcome.outcome:
                raise ValueError(
                    "este caso aparece duas vezes no arquivo com respostas diferentes; deixe só uma"
                )
        except BeyondLimits as error:
            request = _request(answer.message_key, error.outcome, codes)
            then = "o pedido foi para a supervisão" if request else "passe ao supervisor"
            rejected.append(Rejection(answer, f"{error}; {then}", request))
        except ValueError as error:
            rejected.append(Rejection(answer, str(error)))
        else:
            understood.append(outcome)
    return understood, rejected


def _understand(
    answer: Answer, row: QueueRow | None, codes: Mapping[str, OutcomeCode]
) -> AgentOutcome:
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
    follow_up_on = None
    if effect in {"promise", "agreement", "scheduled"}:
        follow_up_on = _checked_day(agreed_day, called_on)
    outcome: OutcomeRow = {
        "outcome_id": _identity("outcome", answer.message_key, called_on.isoformat(), code),
        "contacted_on": called_on,
        "message_key": key_of_call(answer.message_key),
        "customer_key": row["customer_key"],
        "creditor": row["creditor"],
        "episode_key": row["episode_key"],
        "step": row["step"],
        "step_offset": row["step_offset"],
        "policy_version": row["policy_version"],
        "agent_id": row["agent_id"] or RESERVE,
        "code": code,
        "delay_reason": delay_reason,
        "follow_up_on": follow_up_on,
    }
    found = AgentOutcome(answer, outcome)
    if effect == "promise" and follow_up_on is not None:
        return replace(found, promise=_promise(outcome, follow_up_on, row, amount))
    if effect == "agreement":
        try:
            return replace(found, agreement=_agreement(outcome, row, amount, installments))
        except BeyondLimits as error:
            error.outcome = outcome
            raise
    return found


def _request(key: str, agreement: OutcomeRow, codes: tuple[OutcomeCode, ...]) -> OutcomeRow | None:
    """The same call under the code of a request; ``None`` where the company has no such code.

    Its pause is that of the code, whatever first day was asked for.
    """
    code = next((code.code for code in codes if code.effect == "request"), None)
    if code is None:
        return None
    called_on = agreement["contacted_on"].isoformat()
    return {
        **agreement,
        "outcome_id": _identity("outcome", key, called_on, code),
        "code": code,
        "follow_up_on": None,
    }


def _cell(
    answer: Answer,
    heading: str,
    read: Callable[Concatenate[object, More], Parsed],
    *arguments: More.args,
    **named: More.kwargs,
) -> Parsed:
    """One cell as ``read`` understands it; an error names the column."""
    try:
        return read(answer.cells.get(heading), *arguments, **named)
    except ValueError as error:
        raise ValueError(f"{heading}: {error}") from None


def _checked_day(day: date | None, called_on: date) -> date:
    if day is None:
        raise ValueError(
            f"{PROMISED_ON}: falta a data da promessa, da primeira parcela ou do retorno"
        )
    if day < called_on:
        raise ValueError(f"{PROMISED_ON}: é anterior à ligação")
    if day > called_on + timedelta(days=LONGEST_PROMISE_DAYS):
        raise ValueError(f"{PROMISED_ON}: passa de {LONGEST_PROMISE_DAYS} dias da ligação")
    return day


def _promise(
    outcome: OutcomeRow, promised_on: date, row: QueueRow, amount: Decimal | None
) -> PromiseRow:
    due = Decimal(row["amount_due"])
    # A promise without an amount is a promise of what was asked for.
    amount = due if amount is None else amount
    if amount > due * HIGHEST_SHARE_OF_DEBT:
        raise ValueError(f"{AMOUNT}: é maior que a dívida; confira a vírgula")
    return {
        "promise_id": _identity("promise", row["message_key"]),
        "customer_key": row["customer_key"],
        "creditor": row["creditor"],
        "made_on": outcome["contacted_on"],
        "promised_on": promised_on,
        "currency": row["currency"],
        "amount": amount,
        "agent_id": outcome["agent_id"],
    }


def _agreement(
    outcome: OutcomeRow, row: QueueRow, amount: Decimal | None, installments: int | None
) -> AgreementRow:
    due = Decimal(row["amount_due"])
    if amount is None:
        raise ValueError(f"{AMOUNT}: falta o valor total do acordo")
    if amount > due * HIGHEST_SHARE_OF_DEBT:
        raise ValueError(f"{AMOUNT}: é maior que a dívida; confira a vírgula")
    if installments is None:
        raise ValueError(f"{INSTALLMENTS}: falta o número de parcelas; 1 é à vista")
    discount = max(Decimal(0), 1 - amount / due).quantize(
        Decimal("0.000001"), rounding=ROUND_HALF_UP
    )
    lowest, most = lowest_amount(row), row["max_installments"]
    if lowest is None or most is None:
        raise BeyondLimits("acordos desta lista precisam de um agente com alçada")
    # A discount of exactly the limit may be off by the cents of its rounding.
    if amount < lowest - Decimal("0.01"):
        raise BeyondLimits(f"{AMOUNT}: o desconto passa da alçada do agente")
    if installments > most:
        raise BeyondLimits(f"{INSTALLMENTS}: passa da alçada do agente")
    return {
        "agreement_id": _identity("agreement", row["message_key"]),
        "customer_key": row["customer_key"],
        "creditor": row["creditor"],
        "agreed_on": outcome["contacted_on"],
        "currency": row["currency"],
        "amount": amount,
        "installments": installments,
        "discount_rate": discount,
        "agent_id": outcome["agent_id"],
    }


def _identity(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
