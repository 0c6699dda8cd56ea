"""Payers who owe several creditors: one of them speaks a day, limits hold across all, and money,
promises and steps stay between a payer and the creditor.
"""

import random
from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from decisions.test_invariants import Checker
from decisions.world import Night, World

CREDITORS = ("atacado", "principal", "varejo")
ACTS = ("remind", "call")
# What an agent hears that holds back the creditor of the call, and no other.
OF_ONE_CREDITOR = {
    "hold_promise": "PROMESSA",
    "hold_paid_claim": "PAGO_INFORMADO",
    "hold_refused": "RECUSA",
}


class Group(World):
    """A world in which most payers owe two or three creditors."""

    def __init__(self, seed: int, payers: int = 120):
        self.owed_to = random.Random(f"{seed} creditors")
        first = self.owed_to.choice(["oldest_debt", "largest_debt", "alternate"])
        super().__init__(seed, payers, first_creditor=first)

    def _owe(self, key: str, customer_id: str, customer_key: str) -> None:
        super()._owe(key, customer_id, customer_key)
        self.receivables[key].creditor = self.owed_to.choice(CREDITORS)


class GroupChecker:
    """Looks at each night of a group with what the world knows."""

    def __init__(self, world: Group):
        self.world, self.whole = world, Checker(world)
        self.seen: Counter = Counter()

    def look_at(self, night: Night) -> None:
        if night.is_rerun:
            return
        rows: dict[str, list[dict]] = defaultdict(list)
        for row in night.decisions:
            owed = self.world.receivables[row["receivable_key"]]
            assert row["creditor"] == owed.creditor
            rows[row["customer_key"]].append(row)
            self.seen[row["reason"]] += 1
            self.the_hold_is_of_the_creditor(row)
        for own in rows.values():
            leading = self.creditor_files_speaks(own)
            self.the_others_say_why(own, leading)
            self.credits_stay_with_their_creditor(night, own)
        for row in night.decisions:
            is_led = row["decision"] in ACTS and row["reason"] != "joined_call"
            if is_led and row["receivable_key"] == row["episode_key"]:
                self.whole.nobody_is_contacted_who_must_not_be(night, row)
                self.whole.limits_hold(night, row)
                self.whole.steps_go_forward(night, row)

    def creditor_files_speaks(self, own: list[dict]) -> str | None:
        speaking = [r for r in own if r["decision"] in ACTS]
        leading = {r["creditor"] for r in speaking if r["reason"] != "joined_call"} - {
            r["creditor"] for r in speaking if self._is_shared(r, own)
        }
        assert len(leading) <= 1, own
        assert len({r["message_key"] for r in speaking}) <= 1, "one message or call a payer a day"
        assert len({r["channel"] for r in speaking}) <= 1
        messages = {r["creditor"] for r in speaking if r["decision"] == "remind"}
        assert len(messages) <= 1, "no message names two creditors"
        return next(iter(leading), None)

    @staticmethod
    def _is_shared(row: dict, own: list[dict]) -> bool:
        """Whether the creditor of this row shares the call of another."""
        (carrier,) = (r for r in own if r["receivable_key"] == row["episode_key"])
        return carrier["reason"] == "joined_call"

    def the_others_say_why(self, own: list[dict], leading: str | None) -> None:
        age = {r["receivable_key"]: r["days_past_due"] for r in own}
        carriers = [r for r in own if r["receivable_key"] == r["episode_key"]]
        for row in carriers:
            if row["reason"] not in ("yielded_to_creditor", "joined_call"):
                continue
            assert leading is not None and leading != row["creditor"], row
            (first,) = (r for r in carriers if r["creditor"] == leading and r["decision"] in ACTS)
            assert (row["decision"] == "call") == (row["reason"] == "joined_call")
            if row["reason"] == "joined_call":
                assert first["decision"] == "call", "only calls are shared"
            order = self.world.policy.limits.first_creditor
            if order == "oldest_debt":
                assert age[first["episode_key"]] >= age[row["episode_key"]]
            elif order == "largest_debt":
                assert first["considered_amount"] >= row["considered_amount"]
            elif first["last_step_on"]:
                assert row["last_step_on"] and first["last_step_on"] <= row["last_step_on"]

    def the_hold_is_of_the_creditor(self, row: dict) -> None:
        if code := OF_ONE_CREDITOR.get(row["reason"]):
            assert any(
                (told["customer_key"], told["creditor"], told["code"])
                == (row["customer_key"], row["creditor"], code)
                for told in self.world.outcomes
            ), row

    def credits_stay_with_their_creditor(self, night: Night, own: list[dict]) -> None:
        applied: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in own:
            applied[row["creditor"], row["currency"]] += row["credit_applied"]
        for (creditor, currency), amount in applied.items():
            overpaid = sum(
                (
                    max(-owed.balance(night.business_date), Decimal(0))
                    for owed in self.world.receivables.values()
                    if (owed.customer_key, owed.creditor, owed.currency)
                    == (own[0]["customer_key"], creditor, currency)
                ),
                Decimal(0),
            )
            assert amount <= overpaid
            self.seen["credit"] += amount > 0


@pytest.mark.seeds(few=1, many=60, kept=(3,))
def test_what_a_payer_owes_several_creditors_stays_apart(decision_path, seed):
    world = Group(seed)
    checker = GroupChecker(world)
    for night in world.live(decision_path):
        checker.look_at(night)
    assert checker.seen["yielded_to_creditor"] > 5
    if seed == 3:
        assert {"joined_call", "credit", "hold_promise"} <= set(checker.seen)
