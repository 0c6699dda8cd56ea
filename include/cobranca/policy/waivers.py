"""``waivers.csv``: charges that are not asked for."""

from datetime import date
from typing import Literal

from cobranca.policy.config_file import Line, Reading, csv_file
from cobranca.policy.types import Amount, Frozen, Rate, Text


class Waiver(Frozen):
    """A person's decision not to ask for a receivable's charges, from ``starts_on`` on.

    ``amount`` is in the receivable's currency, ``share`` a fraction; with neither the whole of
    ``kind`` is waived. An amount of ``all`` is taken from the fine first.
    """

    source: Text
    """The source of the receivable."""
    receivable_id: Text
    """Its id in that source."""
    kind: Literal["fine", "interest", "all"]
    """Which charges."""
    amount: Amount | None = None
    """Up to which amount, in the receivable's currency; of `all` the fine first."""
    share: Rate | None = None
    """Or which share of them. With neither all of it is waived."""
    reason: Text
    """Why."""
    author: Text
    """Who decided."""
    starts_on: date
    """First day on which it is not asked for."""


def _check(waivers: list[Line[Waiver]], reading: Reading) -> None:
    whole = {(row.source, row.receivable_id): line for line, row in waivers if row.kind == "all"}
    for line, row in waivers:
        other = whole.get((row.source, row.receivable_id))
        if row.kind != "all" and other is not None:
            reading.refuse(
                line,
                f"all charges of this receivable are waived on line {other}",
                "keep one of the two lines",
            )
        if row.amount is not None and row.share is not None:
            reading.refuse(
                line,
                "a waiver has an amount and a share",
                "keep one of them; with neither all of it is waived",
            )
        if row.amount == 0 or row.share == 0:
            reading.refuse(
                line, "the waiver waives nothing", "correct its amount or share, or remove the line"
            )


WAIVERS = csv_file(
    "waivers.csv",
    Waiver,
    key_name="waiver",
    key=lambda row: (row.kind, row.source, row.receivable_id),
    check=_check,
)
