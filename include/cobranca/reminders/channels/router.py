"""Route messages to the channel that the plan names, and letters to their creditor's account."""

from typing import Literal

from cobranca.reminders.channels.protocol import Channel, Letter, Outcome, Text

NOT_CONFIGURED = "canal não configurado nesta instalação"


class ChannelRouter:
    """A channel that passes each message to the channel configured for its channel or creditor.

    A message for a channel that is not configured is rejected; the next night decides again.
    """

    is_real = True

    def __init__(
        self, channels: dict[str, Channel], by: Literal["channel", "creditor"] = "channel"
    ):
        self._channels, self._by = channels, by
        self.name = " + ".join(dict.fromkeys(channel.name for channel in channels.values()))
        self.threads = max(channel.threads for channel in channels.values())

    def get(self, name: str) -> Channel | None:
        """The channel of a name, or ``None`` if it is not configured."""
        return self._channels.get(name)

    def send(self, message: Letter | Text) -> Outcome:
        channel = self._channels.get(getattr(message, self._by))
        return channel.send(message) if channel else Outcome("rejected", NOT_CONFIGURED)

    def was_accepted(self, message_key: str) -> bool:
        return any(channel.was_accepted(message_key) for channel in self._channels.values())

    def close(self) -> None:
        for channel in self._channels.values():
            channel.close()
