"""``agents.csv``: who calls."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from cobranca.policy.config_file import Line, Reading, csv_file
from cobranca.policy.types import Frozen, Rate, State, Text, parse_states

RESERVE = "reserva"
"""The list of the cases that no agent has room for."""


class Agent(Frozen):
    """One person who calls. Without ``states`` every state is served."""

    agent_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$")]
    """Short id; it is part of the workbook's name."""
    name: Text
    """Name of the agent."""
    level: Text
    """Level that `negotiation.csv` refers to."""
    daily_capacity: Annotated[int, Field(ge=0, le=1000)]
    """Cases a day."""
    states: Annotated[tuple[State, ...], BeforeValidator(parse_states)] = ()
    """States served; none means all."""
    max_discount_rate: Rate
    """Highest discount for payment at once."""
    max_installments: Annotated[int, Field(ge=1, le=120)]
    """Most instalments."""


def _check(agents: list[Line[Agent]], reading: Reading) -> None:
    for line, agent in agents:
        if agent.agent_id == RESERVE:
            reading.refuse(
                line,
                f"'{RESERVE}' is the name of the list that no agent has room for",
                "choose another agent_id",
            )


AGENTS = csv_file(
    "agents.csv", Agent, key_name="agent", key=lambda agent: (agent.agent_id,), check=_check
)
