"""``negotiation.csv``: how far agents may go, by level and days past due."""

from itertools import pairwise
from typing import Annotated

from pydantic import Field

from cobranca.policy.agents import AGENTS
from cobranca.policy.config_file import Line, Reading, csv_file
from cobranca.policy.types import EVERY_LEVEL, Frozen, Rate, Text


class NegotiationLimit(Frozen):
    """What agents of one level may offer in one band of days past due.

    The level ``*`` is every level. A band without ``to_day`` has no end. An agent's own limit
    counts where it is lower.
    """

    level: Text
    """Level of agents, or `*` for all without a row of their own in the band."""
    from_day: Annotated[int, Field(ge=1)]
    """First day past due of the band."""
    to_day: Annotated[int, Field(ge=1)] | None = None
    """Last day past due of the band; empty has no end."""
    max_discount_rate: Rate
    """Highest discount for payment at once."""
    max_installments: Annotated[int, Field(ge=1, le=120)]
    """Most instalments."""


def check_negotiation(rows: list[Line[NegotiationLimit]], reading: Reading) -> None:
    """Refuse unknown levels, and bands of one level that overlap."""
    agents = reading.part(AGENTS)
    levels = {agent.level for agent in agents or ()} | {EVERY_LEVEL}
    for line, row in rows:
        if agents and row.level not in levels:
            known = ", ".join(sorted(levels))
            reading.refuse(
                line, f"no agent has the level '{row.level[:40]}'", f"use one of: {known}"
            )
        if row.to_day is not None and row.to_day < row.from_day:
            reading.refuse(line, "the band ends before it starts", "put from_day before to_day")
    _refuse_overlaps(rows, reading)


def _refuse_overlaps(rows: list[Line[NegotiationLimit]], reading: Reading) -> None:
    bands: dict[str, list[Line[NegotiationLimit]]] = {}
    for line, row in rows:
        bands.setdefault(row.level, []).append((line, row))
    for level, found in bands.items():
        found.sort(key=lambda band: band[1].from_day)
        for (first, lower), (second, upper) in pairwise(found):
            if lower.to_day is None or upper.from_day <= lower.to_day:
                reading.refuse(
                    max(first, second),
                    f"the band overlaps the one on line {min(first, second)} for level '{level}'",
                    "let one end on the day before the other starts",
                )


NEGOTIATION = csv_file("negotiation.csv", NegotiationLimit, check=check_negotiation)
