"""Invariants of every night of every history, checked against a simulated world, not the models."""

import functools
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from decisions.heard import heard_by, said_before
from decisions.world import REGUA, Night, World

# Together these histories meet each reason of note; a few of other seeds may not.
MEETS_MOST_RULES = (100,)
LEGAL = {
    regua: {step["offset"] for step in steps if step.get("legal_notice")}
    for regua, steps in REGUA["steps"].items()
}
OFFSETS = {regua: [step["offset"] for step in steps] for regua, steps in REGUA["steps"].items()}


@pytest.fixture(scope="session")
def checked(decision_path) -> Callable[[int], Counter]:
    """Live a seed's history, check each night; how often each decision and reason came."""

    @functools.cache
    def check(seed: int) -> Counter:
        world = World(seed)
        checker = Checker(world)
        for night in world.live(decision_path):
            checker.look_at(night)
        return checker.seen

    return check


@pytest.mark.seeds(few=1, many=100, kept=(*MEETS_MOST_RULES, 3873557803))
def test_no_history_breaks_a_promise(checked, seed):
    seen = checked(seed)
    assert seen["remind"] > 20 and seen["call"] > 5, (
        "a history in which nothing happens proves nothing"
    )


def test_the_kept_histories_meet_most_rules(checked):
    assert {
        "holdout",
        "superseded",
        "within_tolerance",
        "payment_scheduled",
        "sources_disagree",
        "awaiting_delivery",
        "frequency_cap",
        "regua_changed",
        "named",
        "moved",
    } <= set(sum(map(checked, MEETS_MOST_RULES), Counter()))


class Checker:
    """Looks at each night with what the world knows; the world's ledger holds only what happened
    before.
    """

    def __init__(self, world: World):
        self.world = world
        self.limits = world.policy.limits
        self.flags = world.flags()
        self.seen: Counter = Counter()
        self.first_run: list[dict] = []
        self.sent_keys: set[str] = set()
        # the steps decided for each debt and régua, in the order of their nights
        self.steps: dict[tuple[str, str], list[tuple[date, int]]] = defaultdict(list)

    def look_at(self, night: Night) -> None:
        if night.is_rerun:
            assert night.decisions == self.first_run, (
                "a rerun with the same ledger decides the same"
            )
            return
        self.first_run = night.decisions
        self.every_open_receivable_has_one_decision(night)
        contacts = self.one_contact_a_payer(night)
        for row in contacts:
            self.nobody_is_contacted_who_must_not_be(night, row)
            self.limits_hold(night, row)
            self.steps_go_forward(night, row)
        for row in night.decisions:
            if row["receivable_key"] == row["episode_key"]:
                self.it_has_heard_what_named_it(night, row)
            self.seen[row["decision"]] += 1
            self.seen[row["reason"]] += 1
            self.the_reason_is_true(night, row)

    # F14
    def every_open_receivable_has_one_decision(self, night: Night) -> None:
        owed = self.world.open_receivables(night.business_date)
        assert Counter(row["receivable_key"] for row in night.decisions) == Counter(owed.keys())
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for row in night.decisions:
            sums[row["currency"]] += row["open_amount"]
            assert row["reason"], row
        expected: dict[str, Decimal] = defaultdict(Decimal)
        for item in owed.values():
            expected[item.currency] += item.balance(night.business_date)
        assert sums == expected

    # F4, F9
    def one_contact_a_payer(self, night: Night) -> list[dict]:
        keys: dict[str, set] = defaultdict(set)
        for row in night.decisions:
            if row["decision"] in ("remind", "call"):
                keys[row["customer_key"]].add(
                    (row["message_key"], row["channel"], row["step"], row["episode_key"])
                )
        assert all(len(found) == 1 for found in keys.values()), (
            "one message or call a payer a night, with all items in it"
        )
        messages = {message for found in keys.values() for message, *_ in found}
        assert len(messages) == len(keys) and not messages & self.sent_keys
        self.sent_keys |= messages
        carriers = [
            row
            for row in night.decisions
            if row["decision"] in ("remind", "call") and row["receivable_key"] == row["episode_key"]
        ]
        assert len(carriers) == len(keys), "the carrying receivable is in its own message"
        return carriers

    # F8, F12 and what was paid
    def nobody_is_contacted_who_must_not_be(self, night: Night, row: dict) -> None:
        day, flags = night.business_date, self.flags[row["customer_key"]]
        assert day in self.world.contact_days
        assert not flags["deceased"]
        assert not self.world.is_stopped(row["customer_key"], row["creditor"], day), (
            "what was planned and stopped goes to a person, and is not planned again"
        )
        assert not flags["opt_out_email" if row["channel"] == "email" else "opt_out_phone"]
        for item in night.decisions:
            if item["message_key"] == row["message_key"]:
                owed = self.world.receivables[item["receivable_key"]]
                assert (
                    owed.balance(day) > 0
                    and not owed.disputed
                    and not self.world.is_held(owed, day)
                    and not self.world.is_settled_soon(owed, day)
                ), item
        if row["channel"] in ("whatsapp", "sms"):
            wishes = {
                (customer["preferred_channel"] or "").lower()
                for customer in self.world.customers
                if self.world.keys[customer["source"], customer["customer_id"]]
                == row["customer_key"]
            }
            assert row["channel"] in wishes, "a text only to who chose texts"

    # F6
    def limits_hold(self, night: Night, row: dict) -> None:
        day = night.business_date
        before = [on for on in self.world.reached(row["customer_key"]) if on < day]
        if before:
            assert (day - before[-1]).days >= self.limits.minimum_interval_days, row
        attempts = [on for on in self.world.attempts(row["customer_key"]) if on < day]
        for days, most in (
            (7, self.limits.maximum_per_7_days),
            (30, self.limits.maximum_per_30_days),
        ):
            assert sum(1 for on in attempts if on > day - timedelta(days=days)) + 1 <= most, row

    # F5, F9, F10
    def steps_go_forward(self, night: Night, row: dict) -> None:
        day, regua = night.business_date, row["regua"]
        engaged = [
            contact
            for contact in self.world.contacts
            if contact["business_date"] < day
            and contact["customer_key"] == row["customer_key"]
            and contact["episode_key"] == row["episode_key"]
            and contact["policy_version"] == row["policy_version"]
        ]
        done = [
            contact["step_offset"]
            for contact in engaged
            if contact["state"] in ("sent", "delivered")
        ]
        done += [
            held["step_offset"]
            for held in self.world.holdouts
            if held["business_date"] < day
            and held["customer_key"] == row["customer_key"]
            and held["episode_key"] == row["episode_key"]
            and held["policy_version"] == row["policy_version"]
        ]
        assert all(row["step_offset"] > offset for offset in done), (
            "a step done is never repeated, nor an earlier one taken"
        )
        same = [c for c in engaged if (c["step"], c["channel"]) == (row["step"], row["channel"])]
        assert not [c for c in same if c["state"] in ("sent", "delivered", "unknown", "sending")], (
            "the ledger would refuse it"
        )
        # what was not done in between is named, once, on the one contact that catches up
        if row["last_offset"] is not None and row["step_offset"] > 0 and row["last_offset"] > 0:
            in_doubt = {c["step_offset"] for c in engaged if c["state"] in ("unknown", "sending")}
            # a legal notice that others named over goes by what the debt heard itself
            unheard = {
                offset
                for offset in LEGAL[regua] & in_doubt
                if offset > max(done, default=offset - 1)
            }
            between = [
                offset
                for offset in OFFSETS[regua]
                if (row["last_offset"] < offset or offset in unheard)
                and offset < row["step_offset"]
            ]
            skipped = [
                int(step.removeprefix("d"))
                for step in (row["superseded_steps"] or "").split(",")
                if step
            ]
            assert skipped == between, row
            assert not set(skipped) & LEGAL[regua] - in_doubt, (
                "a legal notice is passed over only where it may have arrived"
            )
            assert (day - row["last_step_on"]).days >= row["step_offset"] - row["last_offset"], (
                "the clock runs from the last step"
            )

    # F5
    def it_has_heard_what_named_it(self, night: Night, row: dict) -> None:
        said = said_before(self.world, night.business_date)
        heard = heard_by(self.world, row, night.business_date, said)
        steps = [step for _, step, regua in heard if step <= 0 or regua == row["regua"]]
        assert row["last_step_on"] == max((day for day, _, _ in heard), default=None), row
        assert row["last_offset"] == max(steps, default=None), (row, heard)
        key = row["receivable_key"]
        self.seen["named"] += len(heard) > sum(each.episode_key == key for each in said)
        self.seen["moved"] += any(
            each.episode_key == key and each.customer_key != row["customer_key"] for each in said
        )

    # every reason for no contact is true, so no one is forgotten
    def the_reason_is_true(self, night: Night, row: dict) -> None:
        day, owed = night.business_date, self.world.receivables[row["receivable_key"]]
        check = getattr(self, f"_{row['reason']}", None)
        if row["reason"].startswith("hold_"):
            self._held(row, owed, day)
        elif check is not None:
            check(row, owed, day)
        else:
            assert row["decision"] in ("remind", "call") or row["reason"] in (
                "carried_by_other",
                "no_contact_data",
                "no_email",
                "invalid_email",
                "refused_email",
                "delivery_unknown",
                "opted_out",
            ), row

    def _held(self, row, owed, day):
        told = {
            outcome["code"]
            for outcome in self.world.outcomes
            if outcome["customer_key"] == row["customer_key"]
        }
        by_agents = {
            "hold_paid_claim": "PAGO_INFORMADO", "hold_dispute": "CONTESTA",
            "hold_refused": "RECUSA", "hold_promise": "PROMESSA",
        }  # fmt: skip
        assert (
            self.world.is_held(owed, day)
            or owed.disputed
            or self.flags[row["customer_key"]]["deceased"]
            or by_agents.get(row["reason"]) in told
        ), row

    def _sources_disagree(self, row, owed, day):
        assert row["decision"] == "escalate"
        assert self.world.is_stopped(row["customer_key"], row["creditor"], day)

    def _payment_scheduled(self, row, owed, day):
        assert self.world.is_settled_soon(owed, day)
        assert row["hold_until"] >= max(on for on, _ in owed.to_come(day))

    def _in_credit(self, row, owed, day):
        assert row["decision"] == "none"
        credit = self.world.overpaid(row["customer_key"], row["currency"], day)
        assert credit > self.limits.tolerance_amount

    def _not_due(self, row, owed, day):
        assert row["days_past_due"] < 0

    def _within_grace(self, row, owed, day):
        assert 0 < row["days_past_due"] <= 5

    def _within_tolerance(self, row, owed, day):
        left = owed.balance(day)
        assert left < owed.amount and (
            left <= self.limits.tolerance_amount
            or left <= owed.amount * self.limits.tolerance_share
        )

    def _waiting_interval(self, row, owed, day):
        left_word = [
            o
            for o in self.world.outcomes
            if o["customer_key"] == row["customer_key"] and o["code"] == "RECADO"
        ]
        before = [on for on in self.world.reached(row["customer_key"]) if on < day]
        assert left_word or (day - before[-1]).days < self.limits.minimum_interval_days

    def _frequency_cap(self, row, owed, day):
        attempts = [on for on in self.world.attempts(row["customer_key"]) if on < day]
        windows = ((7, self.limits.maximum_per_7_days), (30, self.limits.maximum_per_30_days))
        assert any(
            sum(1 for on in attempts if on > day - timedelta(days=days)) >= most
            for days, most in windows
        )

    def _awaiting_delivery(self, row, owed, day):
        states = {
            contact["state"]
            for contact in self.world.contacts
            if contact["customer_key"] == row["customer_key"]
            and day - timedelta(days=3) < contact["business_date"] < day
        }
        assert states & {"unknown", "sending"}

    def _no_contact_day(self, row, owed, day):
        assert day not in self.world.contact_days

    def _below_minimum(self, row, owed, day):
        assert row["considered_amount"] < row["required_amount"]

    def _preventive_not_needed(self, row, owed, day):
        assert row["days_past_due"] <= 0 and row["payer_class"] == "pontual"

    def _regua_of_carrier(self, row: dict) -> str:
        """The régua of the debt that carries the payer's cadence; another debt may have its own."""
        (carrier,) = (r for r in self.first_run if r["receivable_key"] == row["episode_key"])
        return carrier["regua"]

    def _waiting_next_step(self, row, owed, day):
        """No step of the régua is due: each is done, not reached, or its turn comes later."""
        age = row["days_past_due"]
        carrier = self.world.receivables[row["episode_key"]]
        age = next(r["days_past_due"] for r in self.first_run if r["receivable_key"] == carrier.key)
        last = row["last_offset"]
        for step in REGUA["steps"][self._regua_of_carrier(row)]:
            offset = step["offset"]
            if offset > age or (last is not None and offset <= last) or (age > 0 and offset <= 0):
                continue
            if offset > 0 and last is None and not step.get("entry"):
                continue
            assert (last or 0) > 0 and (day - row["last_step_on"]).days < offset - last, row

    def _holdout(self, row, owed, day):
        steps = REGUA["steps"][self._regua_of_carrier(row)]
        step = next(s for s in steps if s["offset"] == row["step_offset"])
        assert step.get("holdout_share") and not step.get("legal_notice")
        before = [
            h
            for h in self.world.holdouts
            if (h["customer_key"], h["episode_key"], h["step"])
            == (row["customer_key"], row["episode_key"], row["step"])
        ]
        assert before == [] or before[0]["business_date"] == day, (
            "a debt is held out of a step once"
        )

    def _end_of_regua(self, row, owed, day):
        last = max(OFFSETS[self._regua_of_carrier(row)])
        assert row["decision"] == "escalate" and row["last_offset"] == last

    def _regua_changed(self, row, owed, day):
        assert row["decision"] == "escalate"
        told = {
            c["policy_version"]
            for c in (*self.world.contacts, *self.world.outcomes, *self.world.holdouts)
            if c["customer_key"] == row["customer_key"]
        }
        assert told - {row["policy_version"]}

    def _escalated(self, row, owed, day):
        assert row["decision"] == "escalate"

    def _no_regua(self, row, owed, day):
        assert row["regua"] == "none"

    def _superseded(self, row, owed, day):
        actions = {
            r["decision"] for r in self.first_run if r["customer_key"] == row["customer_key"]
        }
        assert row["days_past_due"] <= 0 and actions & {"call", "escalate"}
