"""The interface of channels: messages to send, outcomes, and the methods of a channel."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from cobranca.schema import PRINCIPAL


@dataclass(frozen=True)
class FromAddress:
    """The sender of a letter: name, address, and address for replies."""

    name: str
    address: str
    reply_to: str


@dataclass(frozen=True)
class Picture:
    """A PNG within a letter; its HTML refers to it as ``cid:<content_id>``."""

    content_id: str
    file_name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a letter; ``media_type`` is for example ``text/csv``."""

    file_name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Letter:
    """One rendered e-mail.

    ``headers`` are additional headers of the mail, as name and value; ``creditor`` is the id of the
    creditor whose account sends it. The ``repr`` holds no personal data.
    """

    message_key: str
    business_date: date
    template: str
    sender: FromAddress = field(repr=False)
    to_name: str = field(repr=False)
    to_address: str = field(repr=False)
    subject: str = field(repr=False)
    html: str = field(repr=False)
    text: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    pictures: tuple[Picture, ...] = field(default=(), repr=False)
    attachment: Attachment | None = None
    channel: str = "email"
    creditor: str = PRINCIPAL


@dataclass(frozen=True)
class Text:
    """One rendered WhatsApp or SMS message to a number in E.164.

    ``content_sid`` is the provider's code of the approved template, ``variables`` its numbered
    values. The ``repr`` holds no personal data.
    """

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
    """The outcome of sending one message.

    - ``sent``: the channel confirmed that it accepted the message.
    - ``rejected``: it certainly did not accept it, and a retry would not help.
    - ``unknown``: it may have accepted it, so the message must not be sent again.
    - ``retry``: it certainly did not accept it; retry after ``wait_seconds`` (``None``: the caller
      decides).
    - ``halt``: it certainly did not accept it, and would accept no other message either.

    ``scheduled`` is true for a message in a batch that leaves later and can still be cancelled.
    """

    result: Literal["sent", "rejected", "unknown", "retry", "halt"]
    reason: str | None = None
    provider_message_id: str | None = None
    wait_seconds: float | None = None
    scheduled: bool = False


class Channel(Protocol):
    """A way to send messages.

    A channel with ``is_real`` reaches people, so the delivery refuses it any business date but
    today. ``threads`` is the number of messages that it may be given at the same time.
    """

    name: str
    is_real: bool
    threads: int

    def send(self, message: Letter | Text) -> Outcome:
        """Send one message.

        It is called from several threads and raises nothing: where it cannot say whether the
        message was accepted, the outcome is ``unknown``.
        """

    def was_accepted(self, message_key: str) -> bool:
        """Whether the channel knows for certain that it accepted the message earlier."""

    def close(self) -> None:
        """End a run, after its last message."""
