"""Render WhatsApp and SMS texts: fill in the approved template with the payer's values."""

import re
from collections.abc import Iterable, Sequence
from datetime import date

from cobranca.money import format_money
from cobranca.policy.creditor import Creditor
from cobranca.policy.texts import Texts, TextTemplate
from cobranca.reminders.channels.protocol import Text
from cobranca.reminders.plan.plan_file import Item, Message
from cobranca.reminders.render import phrases
from cobranca.reminders.render.payment_options import Unsendable, check_amounts, check_link

_PLACE = re.compile(r"\{(\w+)\}")
_NUMBER = re.compile(r"\+\d{8,15}")
_MOST_LINKS = 3


class TextRenderer:
    """Renders the texts of one business date on behalf of one creditor.

    The result is deterministic: the same message gives the same text.
    """

    def __init__(self, creditor: Creditor, texts: Texts, business_date: date):
        self.creditor, self.texts, self.business_date = creditor, texts, business_date
        self._templates: dict[tuple[str, str], TextTemplate] = {
            (name, channel): template
            for name, by_channel in texts.texts.items()
            for channel, template in by_channel.items()
        }

    def render(self, message: Message) -> Text:
        """Check and fill in one message.

        Raises:
            Unsendable: the number is invalid, the step has no approved text for the channel, or the
                receivables are missing or wrong.
        """
        if not message.phone or not _NUMBER.fullmatch(message.phone):
            raise Unsendable("telefone inválido")
        template = self._templates.get((message.template, message.channel))
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
            to_name=phrases.addressee(message),
            to_number=message.phone,
            body=_PLACE.sub(lambda place: values[place[1]], template.body),
            content_sid=template.content_sid,
            # Twilio numbers the variables of an approved template in the order of the text.
            variables=tuple((str(number), values[name]) for number, name in enumerate(used, 1)),
        )

    def _values(self, message: Message) -> dict[str, str]:
        items = phrases.main_items(message, self.business_date)
        carrier = next((item for item in message.items if item.is_carrier), items[0])
        return {
            # Twilio refuses an empty variable.
            "nome": (phrases.greeting_name(message) or "cliente").rstrip("."),
            "credor": self.creditor.trade_name,
            "razao_social": self.creditor.legal_name,
            "cnpj": self.creditor.tax_id,
            "endereco": self.creditor.full_address,
            "contato": self.creditor.phone,
            "documento": phrases.document_name(carrier),
            "titulos": "1 título" if len(items) == 1 else f"{len(items)} títulos",
            "vencimento": phrases.format_date(carrier.due_date),
            "vencimentos": _due_dates(items),
            "hoje": phrases.format_date(self.business_date),
            "total": " e ".join(
                format_money(sum(i.amount_due for i in same), currency)
                for currency, same in _by_currency(items)
            ),
            "valores": " e ".join(
                _itemised(same, currency) for currency, same in _by_currency(items)
            ),
            "link": self._link(items),
        }

    def _link(self, items: Sequence[Item]) -> str:
        """The payment links of all receivables in the text.

        The creditor's website or telephone if a link is missing or there are too many for a text.
        """
        links = [item.payment_url for item in items if item.payment_url]
        for item in items:
            check_link(item)
        if len(links) == len(items) <= _MOST_LINKS:
            return " e ".join(links)
        return self.creditor.website or self.creditor.phone


def _by_currency(items: Iterable[Item]) -> list[tuple[str, list[Item]]]:
    """Group receivables by currency, because amounts of different currencies are never added."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.currency, []).append(item)
    return sorted(groups.items())


def _itemised(items: list[Item], currency: str) -> str:
    """The itemised amount of overdue receivables; the bare amount before the due date.

    ``R$ 1.020,33 (principal R$ 1.000,00, multa R$ 20,00, juros R$ 0,33)``
    """
    total, principal, credit, fine, interest = (
        format_money(sum(getattr(item, part) for item in items), currency)
        for part in ("amount_due", "open_amount", "credit_applied", "fine", "interest")
    )
    less = f", crédito a seu favor {credit}" if any(item.credit_applied for item in items) else ""
    if any(item.section == "overdue" or item.fine or item.interest for item in items):
        return f"{total} (principal {principal}{less}, multa {fine}, juros {interest})"
    return f"{total} (principal {principal}{less})" if less else total


def _due_dates(items: Iterable[Item]) -> str:
    days = sorted({item.due_date for item in items})
    if len(days) == 1:
        return f"com vencimento em {phrases.format_date(days[0])}"
    return f"com vencimentos de {phrases.format_date(days[0])} a {phrases.format_date(days[-1])}"
