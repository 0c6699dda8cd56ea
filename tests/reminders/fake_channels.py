"""Channels of tests that stand for a provider."""

from cobranca.reminders.channels import Letter, Outcome, Text


class AcceptingChannel:
    """A channel that accepts every message and sends none; it counts as real by default.

    ``message_keys`` are the accepted ones, in order.
    """

    name = "real"

    def __init__(self, *, is_real: bool = True, threads: int = 1):
        self.is_real, self.threads = is_real, threads
        self.message_keys: list[str] = []

    def send(self, letter: Letter | Text) -> Outcome:
        self.message_keys.append(letter.message_key)
        return Outcome("sent", provider_message_id=f"id-{letter.message_key}")

    def was_accepted(self, message_key: str) -> bool:
        return False

    def close(self) -> None:
        pass
