"""Render planned messages in the form of their channel: a letter, or a text."""

from datetime import date

from cobranca.policy import Policy
from cobranca.reminders.channels import Letter, Text
from cobranca.reminders.plan.plan_file import Message
from cobranca.reminders.render.email import LetterRenderer, Unsendable
from cobranca.reminders.render.text_message import TextRenderer

NO_CREDITOR = "o credor {creditor} não está na configuração"


class MessageRenderer:
    """Renders the messages of one business date; the same message gives the same result."""

    def __init__(self, policy: Policy, business_date: date):
        self._letters = {
            creditor.id: LetterRenderer(creditor, business_date)
            for creditor in policy.creditors.values()
        }
        self._texts = {
            creditor.id: TextRenderer(creditor, policy.texts, business_date)
            for creditor in policy.creditors.values()
        }

    def render(self, message: Message) -> Letter | Text:
        """Check and render one message.

        Raises:
            Unsendable: the message must not be sent; the reason is for the person who corrects it.
        """
        by_creditor = self._letters if message.channel == "email" else self._texts
        if message.creditor not in by_creditor:
            raise Unsendable(NO_CREDITOR.format(creditor=message.creditor))
        return by_creditor[message.creditor].render(message)
