"""``calling_hours.csv``: when people may be called."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator

from cobranca.policy.config_file import Line, Reading, csv_file
from cobranca.policy.types import EVERY_STATE, Clock, Frozen, Text, parse_state_or_country


class CallingHours(Frozen):
    """When people of one state (or of ``BR``, every other) may be called on one kind of day."""

    state: Annotated[str, AfterValidator(parse_state_or_country)]
    """State, or `BR` for every state without a row."""
    day_kind: Literal["weekday", "saturday"]
    """Kind of day."""
    starts_at: Clock
    """From when calls are allowed."""
    ends_at: Clock
    """Until when."""
    legal_source: Text
    """Law or decision behind it."""
    reviewed_on: date
    """When a person last reviewed it."""


def _check(rows: list[Line[CallingHours]], reading: Reading) -> None:
    for line, row in rows:
        if row.starts_at >= row.ends_at:
            reading.refuse(line, "the window ends before it starts", "put starts_at before ends_at")
    if rows and not any(row.state == EVERY_STATE and row.day_kind == "weekday" for _, row in rows):
        reading.refuse(
            rows[0][0],
            "no row for BR on weekdays",
            "add the window used where a state has no own law",
        )


CALLING_HOURS = csv_file(
    "calling_hours.csv",
    CallingHours,
    key_name="state and kind of day",
    key=lambda row: (f"{row.state} {row.day_kind}",),
    check=_check,
)
