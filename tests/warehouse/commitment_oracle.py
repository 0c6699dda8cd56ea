"""How promises and agreements stand, by plain definition: lists, loops and cents."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from cobranca import calendar
from warehouse.drawn_ledgers import CENT, KEYS

SIGN = {"reversal": -1}
LOCAL_HOLIDAYS = {"SP": [date(2026, 7, 9)], "RJ": [date(2026, 4, 23)]}
KEPT_SHARE = Decimal("0.95")


class Receipt(NamedTuple):
    """Money that came in, and what no reversal took back."""

    paid_on: date
    source: str
    payment_id: str
    amount: Decimal
    lasting: Decimal


class Outcome(NamedTuple):
    """How a promise or an agreement stands."""

    state: str
    paid: Decimal


def next_bank_day(day: date, state: str = "") -> date:
    while (
        day.weekday() > 4
        or day in calendar.bank_holidays(day.year)
        or day in LOCAL_HOLIDAYS.get(state, ())
    ):
        day += timedelta(days=1)
    return day


def debt_of(row: dict) -> str:
    return f"{row['source']}:{row['receivable_id']}"


def payer_of(row: dict) -> str:
    return KEYS[row["source"], row["customer_id"]]


def booked_until(ledger: dict, night: date) -> list[dict]:
    """Every booking that is known, with its sign."""
    return [
        row | {"amount": row["amount"] * SIGN.get(row["kind"], 1)}
        for row in ledger["payments"]
        if row["paid_on"] <= night
    ]


def named(made: dict, made_on: date, ledger: dict, night: date) -> list[dict]:
    """The receivables that a promise or an agreement is about."""
    own = [
        row
        for row in ledger["receivables"]
        if payer_of(row) == made["customer_key"]
        and row["currency"] == made["currency"]
        and not (row["issue_date"] and row["issue_date"] > night)
    ]
    commitment = made.get("promise_id") or made["agreement_id"]
    items = [
        row["receivable_key"]
        for row in ledger.get("commitment_items", ())
        if row["commitment_id"] == commitment
    ]
    if items:
        return [row for row in own if debt_of(row) in items]
    bookings = booked_until(ledger, night)
    return [
        row
        for row in own
        if row["due_date"] <= made_on
        and row["amount"] > booked(row, [b for b in bookings if b["paid_on"] < made_on])
    ]


def booked(receivable: dict, bookings: Iterable[dict]) -> Decimal:
    return sum(
        (
            row["amount"]
            for row in bookings
            if row["receivable_id"] and debt_of(row) == debt_of(receivable)
        ),
        Decimal(0),
    )


def receipts(titles: list[dict], made: dict, ledger: dict, night: date) -> list[Receipt]:
    """Money for some receivables, and what came in for none by their payer, the oldest first."""
    bookings = booked_until(ledger, night)
    found = []
    for title in titles:
        of_title = [r for r in bookings if r["receivable_id"] and debt_of(r) == debt_of(title)]
        owed = title["status"] in ("open", "agreed") and title["amount"] > booked(title, bookings)
        found += lasting(of_title, is_owed=owed)
    advances = [
        row
        for row in bookings
        if not row["receivable_id"]
        and payer_of(row) == made["customer_key"]
        and (row["currency"] or "BRL") == made["currency"]
    ]
    return sorted(found + lasting(advances, is_owed=True))


def lasting(bookings: list[dict], *, is_owed: bool) -> list[Receipt]:
    """A reversal takes back the newest money before it, while the debt is open."""
    stack: list[list] = []
    money = [row for row in bookings if row["kind"] in ("payment", "reversal")]
    for row in sorted(
        money, key=lambda row: (row["paid_on"], -row["amount"], row["source"], row["payment_id"])
    ):
        if row["amount"] > 0:
            stack.append([row, row["amount"]])
            continue
        back = -row["amount"] if is_owed else Decimal(0)
        for entry in reversed(stack):
            taken = min(back, entry[1])
            entry[1], back = entry[1] - taken, back - taken
    return [
        Receipt(row["paid_on"], row["source"], row["payment_id"], row["amount"], left)
        for row, left in stack
    ]


def last_day(due: date, state: str) -> date:
    """Two days of grace after the bank day on which it is due, the last of them a bank day, too."""
    return next_bank_day(next_bank_day(due, state) + timedelta(days=2), state)


def is_over(due: date, state: str, ledger: dict, night: date) -> bool:
    known = last_day(due, state)
    for _ in range(ledger["policy_limits"][0]["clearing_bank_days"]):
        known = next_bank_day(known + timedelta(days=1))
    return known < night


def state_of(made: dict, ledger: dict) -> str:
    return next(
        customer["state"]
        for customer in ledger["customers"]
        if payer_of(customer) == made["customer_key"]
    )


def agreement(made: dict, ledger: dict, night: date) -> Outcome:
    """An agreement of a payer who has one at most."""
    first = made["agreed_on"] + timedelta(days=30)
    past = 0
    for number in range(made["installments"]):
        year, month = divmod(first.year * 12 + first.month - 1 + number, 12)
        # the last days of a month have no namesake in a shorter one: due on its last
        due = date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))
        past += is_over(due, state_of(made, ledger), ledger, night)
    owed = (made["amount"] * past / made["installments"]).quantize(CENT, "ROUND_HALF_UP")
    titles = named(made, made["agreed_on"], ledger, night)
    paid = sum(
        (
            receipt.lasting
            for receipt in receipts(titles, made, ledger, night)
            if receipt.paid_on >= made["agreed_on"]
        ),
        Decimal(0),
    )
    if paid >= made["amount"] * KEPT_SHARE:
        return Outcome("kept", paid)
    return Outcome("open" if paid >= owed * KEPT_SHARE else "broken", paid)


def promises(ledger: dict, night: date) -> dict[str, Outcome]:
    """Every promise, the one that ends first served first."""
    found = {}
    left: dict[tuple[str, str], Decimal] = {}
    known = [row for row in ledger["promises"] if row["made_on"] < night]
    for made in sorted(known, key=lambda row: _turn(row, ledger)):
        ends = last_day(made["promised_on"], state_of(made, ledger))
        titles = named(made, made["made_on"], ledger, night)
        in_time = [
            receipt
            for receipt in receipts(titles, made, ledger, night)
            if made["made_on"] <= receipt.paid_on <= ends
        ]
        paid = Decimal(0)
        for receipt in in_time:
            key = receipt.source, receipt.payment_id
            taken = min(left.setdefault(key, receipt.lasting), made["amount"] - paid)
            left[key], paid = left[key] - taken, paid + taken
        if titles and settled_by(titles, ends, ledger, night):
            paid = min(sum((receipt.amount for receipt in in_time), Decimal(0)), made["amount"])
        found[made["promise_id"]] = Outcome(
            _promise_state(
                made, paid, is_over(made["promised_on"], state_of(made, ledger), ledger, night)
            ),
            paid,
        )
    return found


def _turn(made: dict, ledger: dict) -> tuple:
    ends = last_day(made["promised_on"], state_of(made, ledger))
    return ends, made["made_on"], made["promise_id"]


def settled_by(titles: list[dict], day: date, ledger: dict, night: date) -> bool:
    """Whether nothing was owed of them by then, and is not tonight."""
    bookings = booked_until(ledger, night)
    in_time = [row for row in bookings if row["paid_on"] <= day]
    return all(
        min(booked(title, bookings), booked(title, in_time)) >= title["amount"] for title in titles
    )


def _promise_state(made: dict, paid: Decimal, over: bool) -> str:
    if paid >= made["amount"] * KEPT_SHARE:
        return "kept"
    if not over:
        return "open"
    return "partial" if paid else "broken"
