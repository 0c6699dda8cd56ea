"""Several channels as one: each message goes the way that the régua chose for it."""

from cobranca.reminders.channels.protocol import Channel, Letter, Outcome, Text

NOT_CONFIGURED = "canal não configurado nesta instalação"


class ByChannel:
    """Hands each message to the channel of its kind. One of another kind is refused: the next night decides anew about it."""

    is_real = True

    def __init__(self, channels: dict[str, Channel]):
        self._channels = channels
        self.name = " + ".join(channel.name for channel in channels.values())
        self.threads = max(channel.threads for channel in channels.values())

    def of(self, name: str) -> Channel | None:
        return self._channels.get(name)

    def send(self, letter: Letter | Text) -> Outcome:
        channel = self._channels.get(letter.channel)
        return channel.send(letter) if channel else Outcome("rejected", NOT_CONFIGURED)

    def was_accepted(self, message_key: str) -> bool:
        return any(channel.was_accepted(message_key) for channel in self._channels.values())

    def close(self) -> None:
        for channel in self._channels.values():
            channel.close()
