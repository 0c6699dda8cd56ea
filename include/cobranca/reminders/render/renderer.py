"""Render planned messages in the form of their channel: a letter, or a text."""

from datetime import date

from cobranca.policy import Policy
from cobranca.reminders.channels import Letter, Text
from cobranca.reminders.plan.plan_file import Message
from cobranca.reminders.render.email import LetterRenderer
from cobranca.reminders.render.text_message import TextRenderer


class MessageRenderer:
    """Renders the messages of one business date; the same message gives the same result."""

    def __init__(self, policy: Policy, business_date: date):
        self._letters = LetterRenderer(policy.creditor, business_date)
        self._texts = TextRenderer(policy.creditor, policy.texts, business_date)

    def render(self, message: Message) -> Letter | Text:
        """Check and render one message.

        Raises:
            Unsendable: the message must not be sent; the reason is for the person who corrects it.
        """
        return (self._letters if message.channel == "email" else self._texts).render(message)
