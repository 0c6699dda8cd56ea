"""Phrases of letters that depend on the receivables: dates, amounts, singular or plural."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from cobranca.money import format_money, format_number
from cobranca.reminders.plan.plan_file import Item, Message

_LONGEST_NAME = 100
_PUNCTUATION, _WITH_DIGIT, _NAME = (
    re.compile(r"[^\w ]"),
    re.compile(r"\S*\d\S*"),
    re.compile(r"[^\W\d_](?:[^\W\d_]|[ .'’-])*"),
)
# What a clerk writes beside a name: in brackets, or after a mark or a dash.
_NOTE = re.compile(r"\([^)]*\)?|\[[^\]]*\]?|[*#|;].*|\s[-–—/]+\s.*")
# In the form that _without_punctuation() gives.
_COMPANIES = {
    "ltda", "sa", "me", "epp", "eireli", "mei", "cia", "comércio", "comercio", "indústria",
    "industria", "serviços", "servicos",
    "associação", "associacao", "condomínio", "condominio", "cooperativa", "fundação", "fundacao",
    "instituto", "igreja",
}  # fmt: skip
_TITLES = {"sr", "sra", "srta", "dr", "dra", "dom", "dona", "prof", "profa", "eng"}
_NO_PERSON = {"espólio", "espolio", "herdeiros", "falecido", "falecida", "cliente", "consumidor"}
_PARTICLES = {"da", "das", "de", "do", "dos", "e"}
_UNRECOGNISED, _ONE_UNRECOGNISED = (
    "Não reconhece este documento?",
    "Não reconhece algum destes documentos?",
)


class Line(NamedTuple):
    """One itemised amount of a receivable, in its currency."""

    label: str
    amount: Decimal


class Total(NamedTuple):
    """The total of one section of a letter in one ``currency``."""

    label: str
    detail: str
    currency: str
    amount: Decimal


def format_date(value: date) -> str:
    """A date as ``18/11/2026``."""
    return f"{value.day:02d}/{value.month:02d}/{value.year}"


def greeting(message: Message) -> str:
    """The greeting ``Olá, Maria.``; only ``Olá.`` where no name is certain."""
    name = greeting_name(message)
    return f"Olá, {name.removesuffix('.')}." if name else "Olá."


def greeting_name(message: Message) -> str | None:
    """The name in a greeting: a person's first name, a company's whole name.

    The whole name is right for both. It is used where the name begins with a title, and where the
    message has no receivable to tell them apart. ``None`` where the name holds notes, begins with
    the last name, or names no living person.
    """
    name = _certain_name(message)
    if name is None or _is_company(message):
        return name
    words = name.split()
    first = words[0]
    is_title = _without_punctuation(first) in _TITLES
    is_first_name = len(first) > 1 and "." not in first and not is_title
    return _capitalised(words[:1] if message.items and is_first_name else words)


def addressee(message: Message) -> str:
    """The whole name in a message's header; empty where the greeting names no one.

    What a clerk wrote beside the name must not reach its bearer.
    """
    name = _certain_name(message)
    if name is None:
        return ""
    return name if _is_company(message) else _capitalised(name.split())


def _certain_name(message: Message) -> str | None:
    """The name without numbers and without notes beside a company's; ``None`` if unsure."""
    name = " ".join(message.customer_name.split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        return None
    if _is_company(message):
        return " ".join(_NOTE.sub(" ", name).split()) or None
    # A number in a person's name is a note or a tax id.
    name = _WITH_DIGIT.sub("", name).strip()
    is_plain = _NAME.fullmatch(name) and not _NOTE.search(name)
    return name if is_plain and not _words(name) & _NO_PERSON else None


def _is_company(message: Message) -> bool:
    carrier = next((item for item in message.items if item.is_carrier), None) or next(
        iter(message.items), None
    )
    is_business = carrier is not None and carrier.contract_type == "business"
    return is_business or bool(_words(message.customer_name) & _COMPANIES)


def _capitalised(words: list[str]) -> str:
    """Correct the case of names in capitals or in small letters only; keep the others."""
    written = [word.title() if word.isupper() or word.islower() else word for word in words]
    return " ".join(
        word.lower() if place and word.lower() in _PARTICLES else word
        for place, word in enumerate(written)
    )


def _words(name: str) -> set[str]:
    return set(_without_punctuation(" ".join(name.split())).split())


def _without_punctuation(text: str) -> str:
    """Small letters without punctuation: ``Exemplo S/A`` → ``exemplo sa``."""
    return _PUNCTUATION.sub("", text.lower())


def section_title(items: tuple[Item, ...]) -> str:
    """The heading of one section of a letter."""
    if items[0].section == "upcoming":
        return "A vencer"
    return "Documento vencido" if len(items) == 1 else "Documentos vencidos"


def row_group_title(section: str) -> str:
    """The heading of the rows of one section, in a table that holds both."""
    return "A vencer" if section == "upcoming" else "Vencidos"


def document_name(item: Item) -> str:
    """The name of a receivable in a letter: ``Documento NF-123, parcela 1/3``."""
    name = f"Documento {item.document_number or item.receivable_id}"
    return f"{name}, parcela {item.installment}" if item.installment else name


def short_name(item: Item) -> str:
    """The name of a receivable in a table: ``NF-123 · 1/3``."""
    return " · ".join(filter(None, (item.document_number or item.receivable_id, item.installment)))


def due_phrase(item: Item, business_date: date) -> str:
    """When a receivable was or is due, and the bank day to which a due date on a holiday moves."""
    moved = item.effective_due_date != item.due_date
    if item.section == "overdue":
        due = f"Venceu em {format_date(item.due_date)}" + (
            f" (pagável até {format_date(item.effective_due_date)})" if moved else ""
        )
        return due + (f", há {_days(item.days_past_due)}" if item.days_past_due > 0 else "")
    if business_date in (item.due_date, item.effective_due_date):
        return f"Vence hoje, {format_date(business_date)}"
    if moved:
        return (
            f"Vence em {format_date(item.due_date)}; pode ser pago sem acréscimo até "
            f"{format_date(item.effective_due_date)}"
        )
    return f"Vence em {format_date(item.due_date)}"


def amount_lines(item: Item, business_date: date) -> list[Line]:
    """The itemised amounts of a receivable.

    The principal is always there, and for an overdue receivable fine and interest, even of zero
    (Lei SP 14.953/2013).
    """
    lines = []
    if item.amount != item.open_amount:
        lines.append(Line("Valor original", item.amount))
        lines.append(Line("Já pago ou abatido", item.open_amount - item.amount))
    lines.append(Line("Principal em aberto" if lines else "Principal", item.open_amount))
    if item.credit_applied:
        lines.append(Line("Crédito a seu favor, já abatido", -item.credit_applied))
    if item.section == "overdue" or item.fine or item.interest:
        fine_rate = (
            f" ({percent(item.fine_rate)})" if item.fine and item.fine_rate is not None else ""
        )
        lines.append(Line(f"Multa{fine_rate}", item.fine))
        start = item.due_date if item.interest_start == "original_due" else item.effective_due_date
        days = (business_date - start).days
        since = f" ({_days(days)} desde {format_date(start)})"
        detail = since if item.interest and days > 0 else ""
        lines.append(Line(f"Juros{detail}", item.interest))
    return lines


def totals(items: Iterable[Item]) -> list[Total]:
    """One total for each section and currency.

    Overdue amounts and those not yet due are never added, nor are amounts in different currencies.
    """
    groups = _by_section_and_currency(items)
    sections, currencies = ({key[place] for key in groups} for place in (0, 1))
    found = []
    for (section, currency), same in groups.items():
        label = "Total"
        if len(sections) > 1:
            label += " a vencer" if section == "upcoming" else " vencido"
        if len(currencies) > 1:
            label += f" em {currency}"
        detail = _documents(same) if len(sections) > 1 else _documents_with_status(same)
        found.append(Total(label, detail, currency, _total(same)))
    return found


def left_out(items: Iterable[Item]) -> list[str]:
    """The receivables of which a letter names no more than their number and their total."""
    return [
        f"Mais {_documents_with_status(same)}, {'no valor' if len(same) == 1 else 'no total'} de "
        f"{format_money(_total(same), currency)}, "
        f"{'está' if len(same) == 1 else 'estão'} somente no anexo."
        for (_, currency), same in _by_section_and_currency(items).items()
    ]


def _by_section_and_currency(items: Iterable[Item]) -> dict[tuple[str, str], list[Item]]:
    """Overdue before upcoming, reais before other currencies."""
    groups: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        groups[item.section, item.currency].append(item)
    return dict(
        sorted(groups.items(), key=lambda group: (group[0][0], group[0][1] != "BRL", group[0][1]))
    )


def _total(items: Iterable[Item]) -> Decimal:
    return sum((item.amount_due for item in items), Decimal(0))


def _documents(items: Sequence[Item]) -> str:
    return f"{count(len(items))} {'documento' if len(items) == 1 else 'documentos'}"


def _documents_with_status(items: Sequence[Item]) -> str:
    if items[0].section == "upcoming":
        return f"{_documents(items)} a vencer"
    return f"{_documents(items)} {'vencido' if len(items) == 1 else 'vencidos'}"


def count(number: int) -> str:
    """A number of things: ``9.450``."""
    return f"{number:,}".replace(",", ".")


def charge_rules(items: Iterable[Item]) -> list[str]:
    """How fine and interest were computed: one sentence for each set of rules of overdue items."""
    sentences = []
    for item in items:
        if item.section != "overdue":
            continue
        start = (
            "do vencimento"
            if item.interest_start == "original_due"
            else "do primeiro dia útil a partir do vencimento"
        )
        fine = (
            f"Multa de {percent(item.fine_rate)}, uma única vez" if item.fine_rate else "Sem multa"
        )
        if item.monthly_interest_rate is None:
            interest = f"juros simples pela taxa legal (Lei 14.905/2024), contados {start}"
        elif item.monthly_interest_rate:
            rate = percent(item.monthly_interest_rate)
            interest = (
                f"juros simples de {rate} ao mês (1/30 por dia) sobre o saldo, contados {start}"
            )
        else:
            interest = "sem juros"
        sentence = f"{fine}; {interest}."
        if sentence not in sentences:
            sentences.append(sentence)
    return sentences


def template_phrases(message: Message, business_date: date) -> dict[str, str | None]:
    """The phrases of the templates in singular or plural."""
    items = main_items(message, business_date)
    one = len(items) == 1
    days = sorted({item.due_date for item in items})
    when = (
        f"em {format_date(days[0])}"
        if len(days) == 1
        else f"entre {format_date(days[0])} e {format_date(days[-1])}"
        if days
        else ""
    )
    return {
        "the_documents": "o documento abaixo" if one else "os documentos abaixo",
        "of_the_documents": "do documento abaixo" if one else "dos documentos abaixo",
        "unrecognised": (_UNRECOGNISED if one else _ONE_UNRECOGNISED) if message.overdue else None,
        "verb_due": "vence" if one else "vencem",
        "the_due_phrase": f"O vencimento é {when}"
        if one or len(days) == 1
        else f"Os vencimentos são {when}",
    }


def percent(rate: Decimal) -> str:
    """A rate as a percentage: ``Decimal('0.025')`` → ``2,5%``."""
    text = format_number(rate * 100)
    return (text[:-3] if text.endswith(",00") else text.rstrip("0")) + "%"


def main_items(message: Message, business_date: date) -> tuple[Item, ...]:
    """The receivables that a message is about: the overdue ones, else those that fall due.

    On the due date these are the ones that fall due that day.
    """
    if message.overdue:
        return message.overdue
    if message.step_offset == 0:
        today = tuple(
            i for i in message.upcoming if business_date in (i.due_date, i.effective_due_date)
        )
        return today or message.upcoming
    return message.upcoming


def _days(number: int) -> str:
    return f"{number} {'dia' if number == 1 else 'dias'}"
