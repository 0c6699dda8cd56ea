"""From a planned message to a letter: checked, computed for reading, and rendered in Portuguese."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import jinja2

from cobranca.money import format_money, format_number
from cobranca.payments import boleto, pix
from cobranca.policy.model import Creditor
from cobranca.reminders.channels.protocol import Letter, Sender
from cobranca.reminders.messages import Item, Message
from cobranca.sources.people import first_email

TEMPLATES = Path(__file__).parent / "templates"
SECTIONS = {"overdue": "Documentos vencidos", "upcoming": "A vencer"}


class Unsendable(Exception):
    """This message must not leave; the text says why in Portuguese and holds no personal data."""


class LetterWriter:
    """Writes the letters of one business date on behalf of one creditor."""

    def __init__(self, creditor: Creditor, business_date: date):
        self.creditor = creditor
        self.business_date = business_date
        self.sender = Sender(creditor.sender_name, creditor.sender_email, creditor.reply_to)
        filters = {"money": format_money, "date": _day, "host": lambda url: urlsplit(url).hostname}
        self._html = _environment(autoescape=True, filters=filters)
        self._text = _environment(autoescape=False, filters=filters)

    def write(self, message: Message) -> Letter:
        """Check and render one message.

        Raises:
            Unsendable: its address, its template or a way to pay is wrong.
        """
        check(message, self.business_date)
        context = self._context(message)
        try:
            html = self._html.get_template(f"{message.template}.html").render(context)
            plain = self._text.get_template(f"{message.template}.txt")
        except jinja2.TemplateNotFound:
            raise Unsendable(f"o modelo {message.template} não existe") from None
        return Letter(
            message_key=message.message_key,
            business_date=self.business_date,
            template=message.template,
            sender=self.sender,
            to_name=" ".join(message.customer_name.split()),
            to_address=message.email,
            subject="".join(plain.blocks["subject"](plain.new_context(context))),
            html=html,
            text=plain.render(context),
        )

    def _context(self, message: Message) -> dict:
        sections = [
            {"title": title, "entries": [self._item(item) for item in items]}
            for title, items in ((SECTIONS["overdue"], message.overdue), (SECTIONS["upcoming"], message.upcoming))
            if items
        ]
        return {
            "creditor": self.creditor,
            "business_date": self.business_date,
            "message_key": message.message_key,
            "recipient": message.email,
            "greeting": _greeting(message),
            "sections": sections,
            "totals": _totals(message),
            "conventions": _conventions(message.items),
            **_phrases(message, self.business_date),
        }

    def _item(self, item: Item) -> dict:
        return {
            "name": _name(item),
            "due": _due(item, self.business_date),
            "lines": _lines(item, self.business_date),
            "total_label": "Total a pagar" if item.section == "overdue" else "Valor a pagar",
            "amount_due": item.amount_due,
            "currency": item.currency,
            "payment_url": item.payment_url,
            **self._codes(item),
        }

    def _codes(self, item: Item) -> dict:
        """The codes to copy. One that asks for more than is due (it was issued before a part was paid) is left out;
        one that asks for less says so."""
        asked_by_boleto = boleto.parse(item.boleto_line, self.business_date).amount if item.boleto_line else None
        asked_by_pix = pix.parse(item.pix_code).amount if item.pix_code else None
        show_boleto = item.boleto_line and (asked_by_boleto is None or asked_by_boleto <= item.amount_due)
        show_pix = item.pix_code and (asked_by_pix is None or asked_by_pix <= item.amount_due)
        return {
            "boleto_line": boleto.format_line(item.boleto_line) if show_boleto else None,
            "boleto_note": _nominal(asked_by_boleto, item),
            "pix_code": item.pix_code.strip() if show_pix else None,
            "pix_note": _nominal(asked_by_pix, item),
        }


def check(message: Message, business_date: date) -> None:
    """Refuse what would embarrass: a wrong address, an empty letter, a way to pay that does not fit its receivable.

    Raises:
        Unsendable: with the reason.
    """
    if not message.email or first_email(message.email) != message.email:
        raise Unsendable("e-mail inválido")
    if not message.items:
        raise Unsendable("mensagem sem títulos")
    for item in message.items:
        if item.open_amount + item.fine + item.interest != item.amount_due:
            raise Unsendable("principal, multa e juros não somam o total")
        _check_boleto(item, business_date)
        _check_pix(item)
        if item.payment_url and not _is_safe_link(item.payment_url):
            raise Unsendable("link de pagamento inválido")


def _check_boleto(item: Item, business_date: date) -> None:
    if not item.boleto_line:
        return
    try:
        read = boleto.parse(item.boleto_line, business_date)
    except boleto.InvalidBoleto:
        raise Unsendable("boleto com dígito verificador inválido") from None
    if read.amount is not None and read.amount not in (item.amount, item.open_amount, item.amount_due):
        raise Unsendable("boleto com valor diferente do título")
    if read.due_date is not None and read.due_date not in (item.due_date, item.effective_due_date):
        raise Unsendable("boleto com vencimento diferente do título")


def _check_pix(item: Item) -> None:
    if not item.pix_code:
        return
    try:
        read = pix.parse(item.pix_code)
    except pix.InvalidPix:
        raise Unsendable("código Pix inválido") from None
    if read.amount is not None and read.amount not in (item.amount, item.open_amount, item.amount_due):
        raise Unsendable("código Pix com valor diferente do título")


def _is_safe_link(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and not parts.username and not any(c.isspace() for c in url)


def _environment(*, autoescape: bool, filters: dict) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(filters)
    return environment


def _day(day: date) -> str:
    return day.strftime("%d/%m/%Y")


def _greeting(message: Message) -> str:
    """A person by the first name, a company by its whole name."""
    name = " ".join(message.customer_name.split())
    carrier = next((item for item in message.items if item.is_carrier), message.items[0])
    if carrier.contract_type == "business":
        return name
    first = name.split(" ")[0]
    return first.capitalize() if first.isupper() or first.islower() else first


def _name(item: Item) -> str:
    name = f"Documento {item.document_number or item.receivable_id}"
    return f"{name}, parcela {item.installment}" if item.installment else name


def _due(item: Item, business_date: date) -> str:
    moved = item.effective_due_date != item.due_date
    if item.section == "overdue":
        due = f"Venceu em {_day(item.due_date)}" + (f" (pagável até {_day(item.effective_due_date)})" if moved else "")
        days = item.days_past_due
        return due + (f", há {days} {'dia' if days == 1 else 'dias'}" if days > 0 else "")
    if business_date in (item.due_date, item.effective_due_date):
        return f"Vence hoje, {_day(business_date)}"
    if moved:
        return f"Vence em {_day(item.due_date)}; pode ser pago sem acréscimo até {_day(item.effective_due_date)}"
    return f"Vence em {_day(item.due_date)}"


def _lines(item: Item, business_date: date) -> list[dict]:
    """The itemised amounts: principal always, fine and interest always for what is overdue (Lei SP 14.953/2013)."""
    lines = []
    if item.amount != item.open_amount:
        lines.append({"label": "Valor original", "amount": item.amount})
        lines.append({"label": "Já pago ou abatido", "amount": item.open_amount - item.amount})
    lines.append({"label": "Principal em aberto" if lines else "Principal", "amount": item.open_amount})
    if item.section == "overdue" or item.fine or item.interest:
        fine_rate = f" ({_percent(item.fine_rate)})" if item.fine and item.fine_rate is not None else ""
        lines.append({"label": f"Multa{fine_rate}", "amount": item.fine})
        days = _interest_days(item, business_date)
        detail = f" ({days} {'dia' if days == 1 else 'dias'})" if item.interest and days > 0 else ""
        lines.append({"label": f"Juros{detail}", "amount": item.interest})
    return lines


def _nominal(asked: Decimal | None, item: Item) -> str | None:
    if asked is None or asked >= item.amount_due:
        return None
    return f"Emitido com o valor de {format_money(asked, item.currency)}, sem a multa e os juros até hoje."


def _interest_days(item: Item, business_date: date) -> int:
    start = item.due_date if item.interest_start == "original_due" else item.effective_due_date
    return (business_date - start).days


def _percent(rate: Decimal) -> str:
    text = format_number(rate * 100)
    return (text[:-3] if text.endswith(",00") else text.rstrip("0")) + "%"


def _totals(message: Message) -> list[dict]:
    """One total for each currency: amounts in different currencies are never added."""
    by_currency: dict[str, list[Item]] = defaultdict(list)
    for item in message.items:
        by_currency[item.currency].append(item)
    totals = []
    for currency, items in sorted(by_currency.items(), key=lambda pair: (pair[0] != "BRL", pair[0])):
        overdue = sum(1 for item in items if item.section == "overdue")
        parts = [(overdue, "vencido", "vencidos"), (len(items) - overdue, "a vencer", "a vencer")]
        detail = " e ".join(
            f"{n} {'documento' if n == 1 else 'documentos'} {one if n == 1 else many}" for n, one, many in parts if n
        )
        label = "Total" if len(by_currency) == 1 else f"Total em {currency}"
        totals.append({"label": label, "detail": detail, "currency": currency, "amount": sum(item.amount_due for item in items)})
    return totals


def _conventions(items: Iterable[Item]) -> list[str]:
    """How fine and interest were computed, once for each different agreement among the overdue items."""
    sentences = []
    for item in items:
        if item.section != "overdue":
            continue
        start = "do vencimento" if item.interest_start == "original_due" else "do primeiro dia útil a partir do vencimento"
        fine = f"Multa de {_percent(item.fine_rate)}, uma única vez" if item.fine_rate else "Sem multa"
        if item.monthly_interest_rate is None:
            interest = f"juros simples pela taxa legal (Lei 14.905/2024), contados {start}"
        elif item.monthly_interest_rate:
            interest = (
                f"juros simples de {_percent(item.monthly_interest_rate)} ao mês (1/30 por dia) sobre o saldo, contados {start}"
            )
        else:
            interest = "sem juros"
        sentence = f"{fine}; {interest}."
        if sentence not in sentences:
            sentences.append(sentence)
    return sentences


def _phrases(message: Message, business_date: date) -> dict[str, str]:
    """What the sentences need in singular and plural, about the documents that the template speaks of."""
    spoken = message.overdue or message.upcoming
    if not message.overdue and message.step_offset == 0:
        spoken = tuple(i for i in spoken if business_date in (i.due_date, i.effective_due_date)) or spoken
    one = len(spoken) == 1
    days = sorted({item.due_date for item in spoken})
    when = f"em {_day(days[0])}" if len(days) == 1 else f"entre {_day(days[0])} e {_day(days[-1])}"
    return {
        "the_documents": "o documento abaixo" if one else "os documentos abaixo",
        "of_the_documents": "do documento abaixo" if one else "dos documentos abaixo",
        "verb_due": "vence" if one else "vencem",
        "the_due_phrase": f"O vencimento é {when}" if one or len(days) == 1 else f"Os vencimentos são {when}",
    }
