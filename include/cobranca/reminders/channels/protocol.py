"""What the delivery asks of a channel."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol


@dataclass(frozen=True)
class Sender:
    """On whose behalf a letter is sent."""

    name: str
    address: str
    reply_to: str


@dataclass(frozen=True)
class Picture:
    """A PNG shown within a letter, whose HTML names it ``cid:<content_id>``."""

    content_id: str
    file_name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Letter:
    """One rendered message. Its ``repr`` holds no personal data. ``headers`` are further ones of the mail, by name."""

    message_key: str
    business_date: date
    template: str
    sender: Sender = field(repr=False)
    to_name: str = field(repr=False)
    to_address: str = field(repr=False)
    subject: str = field(repr=False)
    html: str = field(repr=False)
    text: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    pictures: tuple[Picture, ...] = field(default=(), repr=False)
    channel: str = "email"


@dataclass(frozen=True)
class Text:
    """One message to a telephone (E.164). ``variables`` are the numbered values of the provider's approved template."""

    message_key: str
    business_date: date
    template: str
    channel: str
    to_name: str = field(repr=False)
    to_number: str = field(repr=False)
    body: str = field(repr=False)
    content_sid: str | None = None
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Outcome:
    """What became of one letter.

    ``sent``: the channel said that it accepted it. ``rejected``: certainly not accepted, and it never will be.
    ``unknown``: it may have been accepted. ``retry``: certainly not accepted, try again after ``wait_seconds`` (``None``:
    the caller decides). ``halt``: certainly not accepted, and no other letter will be either. What is ``scheduled`` was
    handed over in a batch that leaves later and may still be taken back.
    """

    result: Literal["sent", "rejected", "unknown", "retry", "halt"]
    reason: str | None = None
    provider_message_id: str | None = None
    wait_seconds: float | None = None
    scheduled: bool = False


class Channel(Protocol):
    """``is_real`` channels reach people, so they refuse business dates other than today."""

    name: str
    is_real: bool
    threads: int

    def send(self, letter: Letter | Text) -> Outcome:
        """Hand over one message. Called from several threads; raises nothing (what it cannot tell is ``unknown``)."""

    def was_accepted(self, message_key: str) -> bool:
        """Whether the channel knows for certain that it accepted this letter earlier."""

    def close(self) -> None:
        """After the last letter of a run."""
