"""``holds.csv``: who must not be contacted."""

from datetime import date
from pathlib import Path
from typing import Literal

from cobranca.policy.config_file import Line, Reading, csv_file, load_alone
from cobranca.policy.creditor import check_creditor
from cobranca.policy.types import Frozen, HoldReason, Text


class Hold(Frozen):
    """A person's decision that a customer or a receivable is not contacted.

    ``expires_on`` is the last day held.
    """

    scope: Literal["customer", "receivable"]
    """What is held."""
    source: Text
    """The source of the customer or receivable."""
    target_id: Text
    """Its id in that source."""
    creditor: Text | None = None
    """Creditor who does not contact the customer; empty for every creditor."""
    reason: HoldReason
    """Why."""
    author: Text
    """Who decided."""
    starts_on: date
    """First day held."""
    expires_on: date | None = None
    """Last day held; empty holds until the row is removed."""

    def holds_on(self, day: date) -> bool:
        """Whether the hold is in force on a day."""
        return self.starts_on <= day and (self.expires_on is None or day <= self.expires_on)


def _key(hold: Hold) -> tuple[str, str]:
    shown = f"{hold.scope} of {hold.source} from {hold.starts_on} for {hold.reason}"
    return shown, f"{hold.target_id} {hold.creditor}"


def _check(holds: list[Line[Hold]], reading: Reading) -> None:
    for line, hold in holds:
        check_creditor(hold.scope, hold.creditor, line, reading)
        if hold.expires_on is not None and hold.expires_on < hold.starts_on:
            reading.refuse(
                line, "the hold expires before it starts", "correct expires_on or leave it empty"
            )


HOLDS = csv_file("holds.csv", Hold, key_name="hold", key=_key, check=_check)


def read_holds(path: Path) -> tuple[Hold, ...]:
    """The holds alone, as they are written at this moment.

    Raises:
        ConfigError: the file is absent or wrong.
    """
    return load_alone(HOLDS, path)
