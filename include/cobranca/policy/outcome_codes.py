"""``outcome_codes.csv``: what an agent may record after a call."""

from typing import Annotated

from pydantic import Field

from cobranca.policy.config_file import Line, Reading, csv_file
from cobranca.policy.types import Effect, Flag, Frozen, Text


class OutcomeCode(Frozen):
    """What an agent may report after a call, and what it changes.

    ``pause_days`` are days without contact.
    """

    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,30}$")]
    """What an agent records."""
    label: Text
    """How it is shown."""
    is_effective_contact: Flag
    """Whether a person answered and talked."""
    is_right_party: Flag
    """Whether that was the payer (CPC)."""
    effect: Effect
    """What it changes."""
    pause_days: Annotated[int, Field(ge=0, le=3650)]
    """Days without a new contact."""


def _check(codes: list[Line[OutcomeCode]], reading: Reading) -> None:
    for line, row in codes:
        if row.is_right_party and not row.is_effective_contact:
            reading.refuse(
                line,
                f"{row.code} reached the customer but no one answered",
                "set is_effective_contact to sim",
            )


OUTCOME_CODES = csv_file(
    "outcome_codes.csv", OutcomeCode, key_name="code", key=lambda row: (row.code,), check=_check
)
