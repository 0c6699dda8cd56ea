"""Ways out: each takes one rendered letter and says what became of it."""

from cobranca.reminders.channels.protocol import Channel, Letter, Outcome, Picture, Sender

__all__ = ["Channel", "Letter", "Outcome", "Picture", "Sender"]
