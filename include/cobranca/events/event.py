"""One report about one message, whoever it came from."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["accepted", "deferred", "delivered", "undelivered", "bounced", "complained", "opted_out"]

# What a report makes of a contact. Only states that lie ahead are taken, so the order in which reports come is indifferent.
STATE_AFTER: dict[Kind, str] = {
    "accepted": "sent",
    "deferred": "sent",
    "delivered": "delivered",
    "undelivered": "undelivered",
    "bounced": "bounced",
    "complained": "complained",
}
# After these the payer is not written to by that channel again.
MEANS_STOP: tuple[Kind, ...] = ("complained", "opted_out")
# No message of ours is older than the first of these years, and a time after the last would outdo whatever a payer wishes later.
_YEARS = range(2000, 2100)


def moment(seconds: int | str) -> datetime:
    """A time as providers write it: seconds since 1970.

    Raises:
        ValueError: it is none, or lies where no report of ours can.
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
    """A report as it is kept. It holds no address; ``detail`` is short Portuguese made of known words and codes only.

    ``is_dated`` is false where the provider says no time and ``occurred_at`` is when the report first came.
    """

    provider: str
    message_key: str
    kind: Kind
    occurred_at: datetime
    detail: str | None = field(default=None, compare=False)
    is_dated: bool = True

    def __post_init__(self):
        if self.occurred_at.tzinfo is None:
            raise ValueError("the time of an event needs a zone")

    @property
    def at_utc(self) -> datetime:
        """UTC without a zone, as the ledger keeps times."""
        return self.occurred_at.astimezone(UTC).replace(tzinfo=None)

    @property
    def key(self) -> str:
        """The same for each delivery of the same report: providers number a report anew when they send it again.

        What has no time of its own is told once for each message: a copy that somebody kept must not undo what a payer
        has wished since.
        """
        when = self.at_utc.isoformat() if self.is_dated else "undated"
        told = f"{self.provider}|{self.message_key}|{self.kind}|{when}"
        return hashlib.sha256(told.encode()).hexdigest()[:40]
