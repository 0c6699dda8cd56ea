"""Agents: every wrong row is refused with its line."""

import pytest

from policy.config_edits import append, problems

MISTAKES = {
    "duplicate agent": ("ana;Ana;senior;1;;0.1;1", "agent 'ana' is already on line 5"),
    "agent of unknown UF": (
        "zeca;Zeca;senior;1;SP XX;0.1;1",
        "states.1: unknown UF 'XX'; use one of: AC, AL",
    ),
    "agent beyond 100 %": (
        "zeca;Zeca;senior;1;SP;110 %;1",
        "max_discount_rate: 110 % is not between",
    ),
    "agent named as the reserve": (
        "reserva;Reserva;senior;1;SP;0.1;1",
        "'reserva' is the name of the list",
    ),
    "agent with a negative capacity": (
        "zeca;Zeca;senior;-1;SP;0.1;1",
        "daily_capacity: -1 is out of range",
    ),
    "too few values": ("zeca;Zeca;senior", "3 values for 7 columns; separate them with ';'"),
}


@pytest.mark.parametrize(("row", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, row, message):
    line = append(settings, "agents.csv", row)
    assert problems(settings)[0].startswith(f"agents.csv:{line}: {message}")
