"""Channels: each hands one rendered message to a provider or a folder, and reports the outcome."""

from cobranca.reminders.channels.protocol import (
    Attachment,
    Channel,
    FromAddress,
    Letter,
    Outcome,
    Picture,
    Text,
)

__all__ = ["Attachment", "Channel", "FromAddress", "Letter", "Outcome", "Picture", "Text"]
