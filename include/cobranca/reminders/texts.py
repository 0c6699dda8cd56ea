"""From a planned message to a WhatsApp or SMS text: the approved words with this payer's values in them."""

import re
from collections.abc import Iterable, Sequence
from datetime import date

from cobranca.money import format_money
from cobranca.policy.model import Creditor, Texts
from cobranca.reminders import wording
from cobranca.reminders.channels.protocol import Text
from cobranca.reminders.messages import Item, Message
from cobranca.reminders.ways_to_pay import Unsendable, check_amounts, check_link

_PLACE = re.compile(r"\{(\w+)\}")
_NUMBER = re.compile(r"\+\d{8,15}")
_MOST_LINKS = 3


class TextWriter:
    """Writes the texts of one business date on behalf of one creditor: the same message gives the same text."""

    def __init__(self, creditor: Creditor, texts: Texts, business_date: date):
        self.creditor, self.texts, self.business_date = creditor, texts, business_date

    def write(self, message: Message) -> Text:
        """Check and fill in one message.

        Raises:
            Unsendable: there is no number, no approved text for this step, nothing to write about, or something wrong in it.
        """
        if not message.phone or not _NUMBER.fullmatch(message.phone):
            raise Unsendable("telefone inválido")
        template = self.texts.texts.get(message.template, {}).get(message.channel)
        if template is None:
            raise Unsendable(f"não há texto de {message.channel} para o modelo {message.template}")
        if not message.items:
            raise Unsendable("mensagem sem títulos")
        for item in message.items:
            check_amounts(item)
        values = self._values(message)
        used = list(dict.fromkeys(_PLACE.findall(template.body)))
        return Text(
            message_key=message.message_key,
            business_date=self.business_date,
            template=message.template,
            channel=message.channel,
            to_name=" ".join(message.customer_name.split()),
            to_number=message.phone,
            body=_PLACE.sub(lambda place: values[place[1]], template.body),
            content_sid=template.content_sid,
            # The provider numbers the values of an approved template in the order of the text.
            variables=tuple((str(number), values[name]) for number, name in enumerate(used, 1)),
        )

    def _values(self, message: Message) -> dict[str, str]:
        items = wording.spoken_of(message, self.business_date)
        carrier = next((item for item in message.items if item.is_carrier), items[0])
        return {
            # The provider refuses an empty value.
            "nome": (wording.called(message) or "cliente").rstrip("."),
            "credor": self.creditor.trade_name,
            "razao_social": self.creditor.legal_name,
            "cnpj": self.creditor.tax_id,
            "endereco": self.creditor.full_address,
            "contato": self.creditor.phone,
            "documento": wording.document_name(carrier),
            "titulos": "1 título" if len(items) == 1 else f"{len(items)} títulos",
            "vencimento": wording.day(carrier.due_date),
            "vencimentos": _due_dates(items),
            "hoje": wording.day(self.business_date),
            "total": " e ".join(
                format_money(sum(i.amount_due for i in same), currency) for currency, same in _by_currency(items)
            ),
            "valores": " e ".join(_itemised(same, currency) for currency, same in _by_currency(items)),
            "link": self._link(items),
        }

    def _link(self, items: Sequence[Item]) -> str:
        """Where everything that the text speaks of can be paid; few texts fit more than some addresses."""
        links = [item.payment_url for item in items if item.payment_url]
        for item in items:
            check_link(item)
        if len(links) == len(items) <= _MOST_LINKS:
            return " e ".join(links)
        return self.creditor.website or self.creditor.phone


def _by_currency(items: Iterable[Item]) -> list[tuple[str, list[Item]]]:
    """Amounts of different currencies are never added."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.currency, []).append(item)
    return sorted(groups.items())


def _itemised(items: list[Item], currency: str) -> str:
    """``R$ 1.020,33 (principal R$ 1.000,00, multa R$ 20,00, juros R$ 0,33)``; before arrears the amount alone."""
    total, principal, fine, interest = (
        format_money(sum(getattr(item, part) for item in items), currency)
        for part in ("amount_due", "open_amount", "fine", "interest")
    )
    if not any(item.section == "overdue" or item.fine or item.interest for item in items):
        return total
    return f"{total} (principal {principal}, multa {fine}, juros {interest})"


def _due_dates(items: Iterable[Item]) -> str:
    days = sorted({item.due_date for item in items})
    if len(days) == 1:
        return f"com vencimento em {wording.day(days[0])}"
    return f"com vencimentos de {wording.day(days[0])} a {wording.day(days[-1])}"
