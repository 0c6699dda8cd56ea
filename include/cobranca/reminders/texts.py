"""From a planned message to a WhatsApp or SMS text: the approved words with this payer's values in them."""

import re
from datetime import date

from cobranca.money import format_money
from cobranca.policy.model import Creditor, Texts
from cobranca.reminders import wording
from cobranca.reminders.channels.protocol import Text
from cobranca.reminders.letters import Unsendable
from cobranca.reminders.messages import Message

_PLACE = re.compile(r"\{(\w+)\}")
_NUMBER = re.compile(r"\+\d{8,15}")


class TextWriter:
    """Writes the texts of one business date on behalf of one creditor: the same message gives the same text."""

    def __init__(self, creditor: Creditor, texts: Texts, business_date: date):
        self.creditor, self.texts, self.business_date = creditor, texts, business_date

    def write(self, message: Message) -> Text:
        """Check and fill in one message.

        Raises:
            Unsendable: there is no number, no approved text for this step, or nothing to write about.
        """
        if not message.phone or not _NUMBER.fullmatch(message.phone):
            raise Unsendable("telefone inválido")
        template = self.texts.texts.get(message.template, {}).get(message.channel)
        if template is None:
            raise Unsendable(f"não há texto de {message.channel} para o modelo {message.template}")
        if not message.items:
            raise Unsendable("mensagem sem títulos")
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
        items = message.overdue or message.upcoming
        carrier = next((item for item in message.items if item.is_carrier), items[0])
        return {
            "nome": wording.greeting(message).rstrip("."),
            "credor": self.creditor.trade_name,
            "razao_social": self.creditor.legal_name,
            "cnpj": self.creditor.tax_id,
            "endereco": self.creditor.full_address,
            "contato": self.creditor.phone,
            "documento": wording.document_name(carrier),
            "titulos": "1 título" if len(items) == 1 else f"{len(items)} títulos",
            "vencimento": wording.day(carrier.due_date),
            # Currencies are never added.
            "total": " e ".join(format_money(amount, currency) for currency, amount in _totals(items)),
            "link": carrier.payment_url or self.creditor.website or self.creditor.phone,
        }


def _totals(items) -> list[tuple]:
    totals: dict = {}
    for item in items:
        totals[item.currency] = totals.get(item.currency, 0) + item.amount_due
    return sorted(totals.items())
