"""A provider's report about one message, in the form of every provider."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Kind = Literal[
    "accepted", "deferred", "delivered", "undelivered", "bounced", "complained", "opted_out"
]

# The state to which a report moves its contact. A report moves it forward only, so the order of
# reports does not matter.
STATE_OF_KIND: dict[Kind, str] = {
    "accepted": "sent",
    "deferred": "sent",
    "delivered": "delivered",
    "undelivered": "undelivered",
    "bounced": "bounced",
    "complained": "complained",
}
# Reports by which a payer opts out of the message's channel.
OPT_OUT_KINDS: tuple[Kind, ...] = ("complained", "opted_out")
# Years of valid reports. Nothing was sent before them. An opt-out dated after them would override
# every later consent.
_YEARS = range(2000, 2100)


def parse_timestamp(seconds: int | str) -> datetime:
    """Parse a provider's time, in seconds since 1970 (Unix time).

    Raises:
        ValueError: it is not a time, or its year is impossible.
    """
    try:
        found = datetime.fromtimestamp(int(seconds), UTC)
    except (TypeError, OverflowError, OSError):
        raise ValueError("no time") from None
    if found.year not in _YEARS:
        raise ValueError("an impossible time")
    return found


@dataclass(frozen=True)
class Event:
    """A provider's report about one message, as it is stored.

    It holds no address. ``detail`` is short Portuguese text of known words and codes only.
    ``is_dated`` is false if the provider gives no time; then ``occurred_at`` is the time of the
    first receipt.
    """

    provider: str
    message_key: str
    kind: Kind
    occurred_at: datetime
    detail: str | None = field(default=None, compare=False)
    is_dated: bool = True

    def __post_init__(self) -> None:
        if self.occurred_at.tzinfo is None:
            raise ValueError("the time of an event needs a zone")

    @property
    def at_utc(self) -> datetime:
        """The time in UTC without a zone, as the ledger stores times."""
        return self.occurred_at.astimezone(UTC).replace(tzinfo=None)

    @property
    def key(self) -> str:
        """Deduplication key: equal each time that the provider delivers the same report.

        A provider's own number of a report is not used, because it changes when the report is sent
        again. A report without a time counts once for each message and kind, so that an old copy
        cannot override a later consent.
        """
        when = self.at_utc.isoformat() if self.is_dated else "undated"
        identity = f"{self.provider}|{self.message_key}|{self.kind}|{when}"
        return hashlib.sha256(identity.encode()).hexdigest()[:40]
