"""Ways out: each takes one rendered message and says what became of it."""

from cobranca.reminders.channels.protocol import Channel, Letter, Outcome, Picture, Sender, Text

__all__ = ["Channel", "Letter", "Outcome", "Picture", "Sender", "Text"]
