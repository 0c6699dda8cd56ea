"""Channels: each hands one rendered message to a provider or a folder, and reports the outcome."""

from cobranca.reminders.channels.protocol import (
    Channel,
    FromAddress,
    Letter,
    Outcome,
    Picture,
    Text,
)

__all__ = ["Channel", "FromAddress", "Letter", "Outcome", "Picture", "Text"]
