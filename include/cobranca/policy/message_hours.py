"""``message_hours.csv``: when messages may reach people."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator

from cobranca.policy.config_file import Line, Reading, csv_file
from cobranca.policy.types import Clock, Frozen, Text, parse_state_or_country


class MessageHours(Frozen):
    """When messages of one channel may reach people of one state, by that state's own clock.

    The state ``BR`` is every state without a row.
    """

    state: Annotated[str, AfterValidator(parse_state_or_country)]
    """State, or `BR` for every state without a row."""
    channel: Literal["email", "sms", "whatsapp"]
    """Channel of the messages."""
    day_kind: Literal["weekday", "saturday"]
    """Kind of day. Never on Sundays and holidays."""
    starts_at: Clock
    """From when messages may arrive, by the state's own clock."""
    ends_at: Clock
    """Until when."""
    legal_source: Text
    """Law or decision behind it."""
    reviewed_on: date
    """When a person last reviewed it."""


def _check(rows: list[Line[MessageHours]], reading: Reading) -> None:
    for line, row in rows:
        if row.starts_at >= row.ends_at:
            reading.refuse(line, "the window ends before it starts", "put starts_at before ends_at")


MESSAGE_HOURS = csv_file(
    "message_hours.csv",
    MessageHours,
    key_name="state, channel and kind of day",
    key=lambda row: (f"{row.state} {row.channel} {row.day_kind}",),
    check=_check,
)
