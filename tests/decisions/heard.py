"""What each payer was told of a debt, reckoned day by day from a world's own records.

A contact about the debt tells it the contact's step. Any other contact with the payer that named it
tells it its own step of that day: the latest of its régua that it had reached.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from decisions.world import REGUA, World

OFFSETS = {regua: [step["offset"] for step in steps] for regua, steps in REGUA["steps"].items()}


@dataclass(frozen=True)
class Said:
    """A contact with a payer, or a step held out, and the debts that its message listed."""

    day: date
    customer_key: str
    episode_key: str
    step_offset: int
    regua: str
    listed: frozenset[str] = frozenset()
    is_told: bool = True
    is_holdout: bool = False


def said_before(world: World, day: date) -> list[Said]:
    """Every contact of earlier days, those that reached no one included."""
    codes = {code.code: code for code in world.policy.outcome_codes}
    listed = defaultdict(set)
    for row in world.items:
        listed[row["message_key"]].add(row["receivable_key"])
    found = [
        _said(
            row["business_date"],
            row,
            listed=frozenset(listed[row["message_key"]]),
            is_told=row["state"] in ("sent", "delivered"),
        )
        for row in world.contacts
    ]
    for row in world.outcomes:
        code = codes[row["code"]]
        is_told = code.is_effective_contact and code.effect != "wrong_number"
        found.append(_said(row["contacted_on"], row, is_told=is_told))
    found += [_said(row["business_date"], row, is_holdout=True) for row in world.holdouts]
    return [said for said in found if said.day < day]


def _said(day: date, row: dict, **known) -> Said:
    regua = row["policy_version"].partition("/")[2] or "*"
    return Said(day, row["customer_key"], row["episode_key"], row["step_offset"], regua, **known)


def heard_by(world: World, row: dict, night: date, said: list[Said]) -> list[tuple[date, int, str]]:
    """Day, step and régua of each contact that told the payer of a row of its debt."""
    due = night - timedelta(days=row["days_past_due"])
    others_until = max(
        (
            each.day
            for each in said
            if each.customer_key != row["customer_key"]
            and row["receivable_key"] in {each.episode_key, *each.listed}
        ),
        default=date.min,
    )
    found = []
    for each in said:
        if not each.is_told or each.customer_key != row["customer_key"]:
            continue
        step = _step(world, each, row, due, others_until)
        if step is not None:
            found.append((each.day, step, each.regua))
    return found


def _step(world: World, said: Said, row: dict, due: date, others_until: date) -> int | None:
    if said.episode_key == row["receivable_key"]:
        first = due + timedelta(days=said.step_offset if said.step_offset <= 0 else 1)
        return said.step_offset if said.day >= first else None
    if said.is_holdout:
        return None
    if said.listed:
        is_named = row["receivable_key"] in said.listed
    else:
        owed = world.receivables[row["receivable_key"]]
        is_named = (
            said.step_offset > 0
            and world.receivables[said.episode_key].currency == owed.currency
            and owed.is_open(said.day)
            and _cleared_on(world, due) < said.day
            and others_until < said.day
        )
    reached = [o for o in OFFSETS[row["regua"]] if due + timedelta(days=o) <= said.day]
    if not is_named or not reached or max(reached) <= 0 < row["days_past_due"]:
        return None
    return max(reached)


def _cleared_on(world: World, due: date) -> date:
    """The bank day on which a payment of the due date arrives; it is seen the night after."""
    day = due
    for _ in range(world.policy.limits.clearing_bank_days):
        day += timedelta(days=1)
        while day not in world.bank_days:
            day += timedelta(days=1)
    return day
