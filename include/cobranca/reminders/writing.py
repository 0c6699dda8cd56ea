"""Each planned message in the form of its channel: a letter, or a text to a telephone."""

from datetime import date

from cobranca.policy import Policy
from cobranca.reminders.channels import Letter, Text
from cobranca.reminders.letters import LetterWriter
from cobranca.reminders.messages import Message
from cobranca.reminders.texts import TextWriter


class MessageWriter:
    """Writes the messages of one business date: the same message gives the same words."""

    def __init__(self, policy: Policy, business_date: date):
        self._letters = LetterWriter(policy.creditor, business_date)
        self._texts = TextWriter(policy.creditor, policy.texts, business_date)

    def write(self, message: Message) -> Letter | Text:
        """Check and render one message.

        Raises:
            Unsendable: it must not be sent as it is; a person looks at it.
        """
        return (self._letters if message.channel == "email" else self._texts).write(message)
