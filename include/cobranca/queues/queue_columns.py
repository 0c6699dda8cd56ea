"""Columns of the call queue: headings, widths, values, and where agents write their answers."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from cobranca.labels import CHANNELS, contact_state, priority_sentence
from cobranca.money import format_money
from cobranca.queues.queue_row import QueueRow

SHEET = "Fila"
KEY = "message_key"
RESULT = "Resultado"
DELAY_REASON = "Motivo do atraso"
PROMISED_ON = "Data prometida"
AMOUNT = "Valor prometido"
INSTALLMENTS = "Parcelas"
NOTE = "Observação"
CALLED_ON = "Data da ligação"
# Promises further away than this are agreements.
LONGEST_PROMISE_DAYS = 90
ANSWERS = (RESULT, DELAY_REASON, PROMISED_ON, AMOUNT, INSTALLMENTS, NOTE)

DELAY_REASONS = {
    "ESQUECEU": "Esqueceu a data",
    "NAO_RECEBEU": "Não recebeu o boleto ou a cobrança",
    "SEM_CAIXA": "Falta de dinheiro no momento",
    "PERDA_DE_RENDA": "Desemprego ou perda de renda",
    "SAUDE": "Doença ou problema na família",
    "DISCORDA": "Discorda do valor ou dos encargos",
    "ENTREGA": "Problema com o produto ou o serviço",
    "BANCO": "Problema com o banco ou o meio de pagamento",
    "OUTRO": "Outro motivo",
}

SCRIPT_NAMES = {"call": "Lembrete", "call_offer": "Proposta"}
OTHER_SCRIPT = "Contato"

Cell = str | int | Decimal | None
MoneyColumn = Literal["open_amount", "amount_due"]


@dataclass(frozen=True)
class QueueColumn:
    """One column of the workbook: its heading, its width in characters and its kind.

    In a cell of the kind ``lines`` the first line is bold.
    """

    heading: str
    width: float
    kind: str

    def value(self, row: QueueRow) -> Cell:
        """What a queue row has in this column."""
        return _VALUES[self.heading](row)


COLUMNS = (
    QueueColumn("Nº", 5, "centre"),
    QueueColumn("Cliente", 36, "lines"),
    QueueColumn("Telefone", 18, "lines"),
    QueueColumn("Roteiro", 11, "lines"),
    QueueColumn("Vencido desde", 17, "lines"),
    QueueColumn("Em aberto", 14.5, "money"),
    QueueColumn("Com encargos", 14.5, "money_bold"),
    QueueColumn("Alçada", 19, "lines"),
    QueueColumn("Por que ligar", 34, "wrap"),
    QueueColumn("Último contato", 16, "wrap"),
)

ANSWER_COLUMNS = (
    QueueColumn(RESULT, 18, "answer"),
    QueueColumn(DELAY_REASON, 17, "answer"),
    QueueColumn(PROMISED_ON, 12.5, "answer_date"),
    QueueColumn(AMOUNT, 14.5, "answer_money"),
    QueueColumn(INSTALLMENTS, 9, "answer_count"),
    QueueColumn(NOTE, 28, "answer_wrap"),
)


def normalised(text: object) -> str:
    """``" Não atende "`` → ``NAO_ATENDE``: two spellings of one thing become the same."""
    plain = unicodedata.normalize("NFKD", str(text)).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Z0-9]+", "_", plain.upper()).strip("_")


def format_phone(phone: str | None) -> str:
    """``+5511987654321`` → ``(11) 98765-4321``; anything else as it is."""
    digits = re.sub(r"\D", "", phone or "")
    if len(digits) in (12, 13) and digits.startswith("55"):
        return f"({digits[2:4]}) {digits[4:-4]}-{digits[-4:]}"
    return phone or ""


def masked(tax_id: str | None) -> str:
    """A masked tax id as it came; one that is not masked never leaves whole."""
    text = tax_id or ""
    if len(re.sub(r"[^0-9A-Za-z]", "", text)) > 10 and "*" not in text:
        return "***"
    return text


def format_rate(rate: Decimal) -> str:
    """``Decimal('0.05')`` → ``5 %``."""
    return f"{(rate * 100).normalize():f}".replace(".", ",") + "\u00a0%"


def lowest_amount(row: QueueRow) -> Decimal | None:
    """The least that the agent may accept at once: what is asked less the highest discount."""
    rate = row["max_discount_rate"]
    if rate is None:
        return None
    return (Decimal(row["amount_due"]) * (1 - Decimal(rate))).quantize(Decimal("0.01"))


def step_name(step: str | None) -> str:
    """``d+7`` → ``D+7``."""
    return (step or "").upper()


def _customer(row: QueueRow) -> str:
    place = "/".join(part for part in (row["city"], row["state"]) if part)
    creditor = f"\ncredor: {name}" if (name := row.get("creditor_name")) else ""
    person = " · ".join(part for part in (masked(row["tax_id_masked"]), place) if part)
    return f"{row['customer_name']}\n{person}{creditor}"


def _phone(row: QueueRow) -> str:
    if row.get("is_joined"):
        return "mesma ligação"
    window = (row["calling_window"] or "").replace("–", " e ")
    return format_phone(row["phone"]) + (f"\nentre {window}" if window else "")


def _due(row: QueueRow) -> str:
    days, receivables = row["days_past_due"], row["receivables"]
    late = f"há {days} dia{'s' if days != 1 else ''}"
    return (
        f"{row['oldest_due_date']:%d/%m/%Y}\n{late}, {receivables} "
        f"título{'s' if receivables != 1 else ''}"
    )


def _limits(row: QueueRow) -> str:
    lowest, rate, installments = (
        lowest_amount(row),
        row["max_discount_rate"],
        row["max_installments"],
    )
    if lowest is None or rate is None or installments is None:
        return "combine com o supervisor"
    at_once = format_money(lowest, row["currency"])
    times = f"até {installments} parcela{'s' if installments != 1 else ''}"
    return f"à vista, {at_once}\ndesconto de {format_rate(rate)}; {times}"


def _reason(row: QueueRow) -> str:
    if row.get("is_joined"):
        return f"Na mesma ligação do nº {row['queue_position']}; responda também nesta linha"
    reason = priority_sentence(row["priority_reason"]) or ""
    parts = [reason[:1].upper() + reason[1:]]
    if row["other_currencies"]:
        parts.append(f"também deve {row['other_currencies']}")
    if row["other_creditors"]:
        parts.append(f"na mesma ligação, fale também de {row['other_creditors']}")
    return "; ".join(part for part in parts if part)


def _last_contact(row: QueueRow) -> str:
    if row["last_contact_on"] is None:
        return "nenhum"
    channel, state = row["last_contact_channel"] or "", row["last_contact_state"] or ""
    what = f"{CHANNELS.get(channel, channel).lower()} {contact_state(channel, state)}".strip()
    return f"{row['last_contact_on']:%d/%m/%Y}\n{what}".strip()


_VALUES: dict[str, Callable[[QueueRow], Cell]] = {
    "Nº": lambda row: row["queue_position"],
    "Cliente": _customer,
    "Telefone": _phone,
    "Roteiro": lambda row: (
        f"{SCRIPT_NAMES.get(row['template'], OTHER_SCRIPT)}\n{step_name(row['step'])}".strip()
    ),
    "Vencido desde": _due,
    "Em aberto": lambda row: row["open_amount"],
    "Com encargos": lambda row: row["amount_due"],
    "Alçada": _limits,
    "Por que ligar": _reason,
    "Último contato": _last_contact,
}


def totals(rows: Sequence[QueueRow], column: MoneyColumn) -> dict[str, Decimal]:
    """Sum of one money column by currency; currencies are never added."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row["currency"]] = sums.get(row["currency"], Decimal("0.00")) + row[column]
    return dict(sorted(sums.items()))


def totals_text(rows: Sequence[QueueRow], column: MoneyColumn) -> str:
    """The same as text: ``R$ 1.234,56 + US$ 10,00``."""
    return " + ".join(
        format_money(amount, currency) for currency, amount in totals(rows, column).items()
    ) or format_money(Decimal(0))


def long_date(day: date) -> str:
    """``quarta-feira, 18 de novembro de 2026``."""
    from babel.dates import format_date

    text: str = format_date(day, format="full", locale="pt_BR")
    return text
