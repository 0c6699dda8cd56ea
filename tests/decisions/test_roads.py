"""Every road ends at a person: within a bounded time whatever is overdue is contacted, held until a
day that is known, or on the list of cases.

The histories are those of the simulated world, with everything in them that stops a contact. The
bound is the longest wait that a régua can ask of anybody.
"""

import random
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from cobranca.policy.publish import policy_tables, step_rows
from cobranca.policy.regua import Regua
from cobranca.simulation.decision_path import DecisionPath
from decisions.world import REGUA, START, Night, World

# Every fourth night for three months, on each day of the week.
RUNS = tuple(range(0, 93, 4))
HEARD = ("CONTESTA", "FALECIDO", "PEDIDO", "NAO_LIGAR", "NUMERO_ERRADO")
# What the last steps ask for, so that a small debt has none of them and an old payer is left out.
ENDING = {
    "*": [
        {"offset": 50, "channel": "email", "template": "offer", "only_classes": ["viciado"]},
        {"offset": 60, "channel": "phone", "template": "call_offer", "minimum_amount": "300.00"},
    ],
    "empresas": [
        {"offset": 45, "channel": "phone", "template": "call_offer", "minimum_amount": "300.00"},
    ],
}
STEPS = {segment: [*steps, *ENDING[segment]] for segment, steps in REGUA["steps"].items()}
REASONS_OF_PEOPLE = {
    "below_minimum",
    "end_of_regua",
    "hold_deceased",
    "hold_dispute",
    "hold_legal",
    "hold_request",
    "hold_reversal",
    "no_contact_data",
    "no_regua",
    "no_step_left",
    "opted_out",
    "prescribed",
    "within_tolerance",
}


class Roads(World):
    """The world with every obstacle: trifles, old debts, deaths, wishes, requests, reversals."""

    def __init__(self, seed: int, payers: int = 100):
        super().__init__(seed, payers)
        obstacles = random.Random(seed + 1)
        regua = Regua.model_validate(REGUA | {"steps": STEPS})
        self.policy_rows["policy_steps"] = step_rows(regua, Decimal(0))
        # the years in which a claim ends
        self.policy_rows["policy_calendar"] = [
            row
            for row in policy_tables(self.policy)["policy_calendar"]
            if row["place"] == "BR" and date(2021, 6, 1) <= row["day"] <= date(2027, 1, 31)
        ]
        for customer in self.customers:
            customer["legal_hold"] = obstacles.random() < 0.03
            for name in ("email", "phone"):
                if obstacles.random() < 0.1:
                    customer[name] = None
            for name in ("opt_out_email", "opt_out_phone"):
                customer[name] |= obstacles.random() < 0.1
        for owed in self.receivables.values():
            chance = obstacles.random()
            if chance < 0.06:
                owed.amount = Decimal(obstacles.randrange(1, 800)) / 100
                owed.payments = []
            elif chance < 0.1:
                owed.due = START - timedelta(days=5 * 365 - obstacles.randrange(-30, 60))
                owed.issued = owed.due - timedelta(days=30)
            elif chance < 0.14:
                owed.payments = [(START + timedelta(days=obstacles.randrange(40)), -owed.amount)]
        self.obstacles = obstacles

    def _call(self, day: date, known: dict, row: dict) -> None:
        super()._call(day, known, row)
        if self.obstacles.random() < 0.15:
            self.outcomes[-1] |= {"code": self.obstacles.choice(HEARD), "follow_up_on": None}

    @property
    def longest_wait(self) -> int:
        """Days that may pass before somebody acts: the largest gap between two steps that every
        debt gets; a month where the limits of contacts bind; the interval; three days in which a
        message may still be confirmed; and the days between two nights on which people are
        contacted.
        """
        gaps: list[int] = []
        for segment, steps in STEPS.items():
            everybodys = [
                step["offset"]
                for step in steps
                if step["offset"] > 0
                and not {"only_classes", "minimum_amount", "minimum_share", "holdout_share"}
                & set(step)
            ]
            last = max(step["offset"] for step in STEPS[segment])
            days = [0, *everybodys, last]
            gaps += [later - earlier for earlier, later in pairwise(days)]
        nights = [offset for offset in RUNS if START + timedelta(days=offset) in self.contact_days]
        between = max(later - earlier for earlier, later in pairwise(nights))
        return max(gaps) + 30 + self.policy.limits.minimum_interval_days + 3 + between


class Roadmap:
    """When each overdue debt was last contacted, held until a day, or on the list."""

    def __init__(self, world: Roads):
        self.world, self.seen = world, {}
        self.reasons: Counter = Counter()

    def look_at(self, night: Night) -> None:
        day = night.business_date
        listed = {case["receivable_key"]: case for case in night.cases}
        assert len(listed) == len(night.cases)
        for row in night.decisions:
            key = row["receivable_key"]
            case = listed.pop(key, None)
            if row["days_past_due"] <= 0:
                assert case is None, "what is not overdue is no case"
                continue
            contacted = row["decision"] in ("remind", "call")
            assert not (contacted and case), "who is contacted is no case"
            if case:
                self.reasons[case["reason"]] += 1
                overdue_since = day - timedelta(days=row["days_past_due"] - 1)
                assert overdue_since <= case["since_on"] <= day, (case, row)
            held = row["hold_until"] is not None and row["hold_until"] >= day
            if contacted or case or held:
                self.seen[key] = day
            waited = (day - self.seen.setdefault(key, day)).days
            assert waited <= self.world.longest_wait, row
        assert not listed, "a case is about something open"


@pytest.fixture(scope="session")
def road_path(tmp_path_factory) -> DecisionPath:
    return DecisionPath.compile(
        tmp_path_factory.mktemp("road_path"), target="int_receivables__escalated"
    )


@pytest.mark.seeds(few=1, many=60, kept=(7,))
def test_whatever_is_overdue_is_contacted_held_or_in_the_list(road_path, seed):
    world = Roads(seed)
    roadmap = Roadmap(world)
    for night in world.live(road_path, RUNS):
        roadmap.look_at(night)
    if seed == 7:
        assert set(roadmap.reasons) >= REASONS_OF_PEOPLE
