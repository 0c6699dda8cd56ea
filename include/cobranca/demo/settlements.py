"""How the demo company's receivables are paid, disputed, agreed anew and written off."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cobranca.calendar import effective_due_date, is_bank_day
from cobranca.demo.history_tables import (
    BOLETO,
    CARD,
    CREDIT_NOTE,
    DAYS,
    DISCOUNT,
    ERP,
    OTHER,
    PAYMENT,
    PIX,
    REVERSAL,
    WRITE_OFF,
    BoolArray,
    IntArray,
    Movements,
    Titles,
    day_number,
    day_of,
)
from cobranca.demo.payers import NEVER, DemoPayer

_MAX_DAYS_AFTER = 4 * 366  # calendar tables reach this far past the last day


def _delays(
    rng: np.random.Generator, profile: npt.NDArray[np.str_], late_default: BoolArray
) -> IntArray:
    """Days from the effective due date to the payment of each title.

    Negative for early, ``NEVER`` for never.
    """
    count = len(profile)
    early = -rng.choice([0, 0, 0, 0, 1, 1, 2, 3, 5, 9], count)
    draw, few, more, long = (
        rng.random(count),
        rng.integers(2, 7, count),
        rng.integers(7, 16, count),
        rng.integers(15, 61, count),
    )
    delay = early.copy()

    def where(name: str, low: float, high: float, values: IntArray) -> None:
        chosen = (profile == name) & (draw >= low) & (draw < high)
        delay[chosen] = values[chosen]

    where("pontual", 0.985, 1.0, rng.integers(1, 4, count))
    where("habitual", 0.0, 0.80, few)
    where("habitual", 0.80, 0.86, more)
    where("irregular", 0.0, 0.20, few)
    where("irregular", 0.20, 0.52, rng.integers(7, 24, count))
    where("irregular", 0.52, 0.62, long)
    where("irregular", 0.62, 0.63, np.full(count, NEVER))
    where("seldom", 0.0, 0.06, rng.integers(52, 79, count))
    where("newcomer", 0.0, 0.16, few)
    where("newcomer", 0.16, 0.24, more)
    where("newcomer", 0.24, 0.29, long)
    where("newcomer", 0.29, 0.30, np.full(count, NEVER))
    where("defaulter", 0.0, 0.20, few)
    where("defaulter", 0.20, 0.35, more)
    late_draw = rng.random(count)
    gone = late_default & (late_draw < 0.62)
    slow = late_default & (late_draw >= 0.62)
    delay[slow] = rng.integers(25, 240, count)[slow]
    delay[gone] = NEVER
    return delay


def draw_settlements(
    rng: np.random.Generator, people: list[DemoPayer], titles: Titles, pays_like: str | None = None
) -> tuple[Titles, Movements]:
    """Draw what becomes of each title."""
    count = len(titles)
    profile = np.array([p.profile for p in people])[titles.payer]
    if pays_like is not None:
        profile = np.full(count, pays_like)
    defaults_from = np.array([p.defaults_from for p in people])[titles.payer]
    late_default = (titles.due_on >= defaults_from) & (pays_like is None)
    effective, next_bank_day = bank_calendar()
    due = effective[titles.due_on]
    delay = _delays(rng, profile, late_default)
    early = np.minimum(0, delay)
    pay_day = np.where(
        delay > 0, due + delay, np.maximum(titles.issued_on + 1, titles.due_on + early)
    )
    pay_day = np.where(delay >= NEVER, NEVER, pay_day)
    # part of the good payers use the weekend's grace
    pay_day = np.where(
        (delay == 0) & (due > titles.due_on) & (rng.random(count) < 0.7), due, pay_day
    )

    cancelled = rng.random(count) < 0.008
    titles.cancelled_on = np.where(cancelled, titles.issued_on + rng.integers(1, 12, count), NEVER)
    pay_day = np.where(cancelled, NEVER, pay_day)

    disputed = (rng.random(count) < np.where(delay > 9, 0.035, 0.0012)) & ~cancelled
    titles.disputed_from = np.where(disputed, titles.due_on + rng.integers(-6, 12, count), NEVER)
    titles.disputed_from = np.where(
        disputed, np.maximum(titles.disputed_from, titles.issued_on), NEVER
    )
    settled_dispute = disputed & (rng.random(count) < 0.75)
    titles.disputed_to = np.where(
        settled_dispute, titles.disputed_from + rng.integers(12, 70, count), NEVER
    )

    movements = _movements(rng, titles, pay_day, delay, next_bank_day, pays_like is not None)
    left = titles.cents - _settled_cents(movements, count)
    written_off = (left > 0) & ~cancelled & (rng.random(count) < 0.94)
    titles.written_off_on = np.where(
        written_off, titles.due_on + rng.integers(150, 270, count), NEVER
    )
    # half of what is written off is also booked as a movement
    booked = np.flatnonzero(written_off & (rng.random(count) < 0.5) & (titles.system == ERP))
    day, other = titles.written_off_on[booked], np.full(len(booked), OTHER)
    off = Movements(booked, day, day, left[booked], np.full(len(booked), WRITE_OFF), other)
    return titles, Movements.joined([movements, off])


def _settled_cents(movements: Movements, titles: int) -> IntArray:
    """What the movements settle of each title, reversals taken off."""
    total = np.zeros(titles, dtype=np.int64)
    np.add.at(
        total,
        movements.title,
        np.where(movements.kind == REVERSAL, -movements.cents, movements.cents),
    )
    return total


def _movements(
    rng: np.random.Generator,
    titles: Titles,
    pay_day: IntArray,
    delay: IntArray,
    next_bank_day: IntArray,
    agreed: bool,
) -> Movements:
    count = len(titles)
    rows = np.arange(count)
    paid = pay_day < NEVER
    parts: list[Movements] = []

    def add(
        title: IntArray,
        day: IntArray,
        cents: IntArray,
        kind: int,
        method: IntArray | None = None,
    ) -> None:
        how = np.full(len(title), OTHER) if method is None else method
        credited = np.where(
            how == BOLETO, next_bank_day[np.minimum(day, len(next_bank_day) - 1)], day
        )
        parts.append(Movements(title, day, credited, cents, np.full(len(title), kind), how))

    # credit notes come before the payment and lower it; a few return the whole amount
    noted = paid & (rng.random(count) < 0.012) & (pay_day - titles.issued_on > 4)
    whole = noted & (rng.random(count) < 0.08)
    note_cents = np.where(
        whole, titles.cents, (titles.cents * rng.uniform(0.05, 0.25, count)).astype(np.int64)
    )
    note_day = titles.issued_on + rng.integers(1, 4, count)
    add(rows[noted], note_day[noted], note_cents[noted], CREDIT_NOTE)
    rest = titles.cents - np.where(noted, note_cents, 0)
    paid &= ~whole

    # a discount for paying early, on the day of payment
    discounted = paid & (delay < -1) & (titles.system == ERP) & (rng.random(count) < 0.06)
    discount = (rest * rng.uniform(0.01, 0.04, count)).astype(np.int64)
    discounted &= discount > 0
    add(rows[discounted], pay_day[discounted], discount[discounted], DISCOUNT)
    rest = rest - np.where(discounted, discount, 0)

    method = rng.choice([BOLETO, PIX, CARD], count, p=[0.62, 0.33, 0.05])
    # late payers sometimes pay in two parts, and sometimes never the second
    halved = paid & (delay > 4) & (rng.random(count) < (0.05 if agreed else 0.10))
    first = np.where(halved, (rest * rng.uniform(0.3, 0.7, count)).astype(np.int64), rest)
    add(rows[paid], pay_day[paid], first[paid], PAYMENT, method[paid])
    second = halved & (rng.random(count) < 0.8)
    second_day = pay_day + rng.integers(12, 46, count)
    add(rows[second], second_day[second], (rest - first)[second], PAYMENT, method[second])

    # a payment that bounces is taken back; most are paid again
    bounced = paid & ~halved & (rng.random(count) < 0.004)
    back_day = pay_day + rng.integers(2, 9, count)
    add(rows[bounced], back_day[bounced], first[bounced], REVERSAL, method[bounced])
    again = bounced & (rng.random(count) < 0.7)
    again_day = back_day + rng.integers(3, 26, count)
    add(rows[again], again_day[again], first[again], PAYMENT, np.full(count, PIX)[again])
    return Movements.joined(parts)


def draw_agreements(rng: np.random.Generator, titles: Titles, movements: Movements) -> Titles:
    """Some defaulted ERP titles are replaced by an agreement of two to four new ones."""
    settled = np.zeros(len(titles), dtype=bool)
    settled[movements.title] = True
    chosen = (
        ~settled
        & (titles.system == ERP)
        & (titles.cancelled_on >= NEVER)
        & (rng.random(len(titles)) < 0.18)
    )
    titles.agreed_on = np.where(chosen, titles.due_on + rng.integers(25, 150, len(titles)), NEVER)
    titles.written_off_on = np.where(chosen, NEVER, titles.written_off_on)
    source = np.flatnonzero(chosen)
    terms = rng.integers(2, 5, len(source))
    repeated, numbers = (
        np.repeat(source, terms),
        np.concatenate([np.arange(t) for t in terms] or [np.array([], dtype=int)]),
    )
    new = titles.take(repeated)
    count = len(new)
    term = np.repeat(terms, terms)
    new.sale = new.sale + int(titles.sale.max()) if count else new.sale
    new.installment, new.installments = numbers + 1, term
    new.issued_on = titles.agreed_on[repeated]
    new.due_on = new.issued_on + 10 + numbers * 30
    part = titles.cents[repeated] // term
    new.cents = np.where(numbers == 0, titles.cents[repeated] - part * (term - 1), part)
    new.agreed_on, new.written_off_on = np.full(count, NEVER), np.full(count, NEVER)
    new.disputed_from, new.disputed_to = np.full(count, NEVER), np.full(count, NEVER)
    new.is_agreement = np.ones(count, dtype=bool)
    return new


@lru_cache(maxsize=1)
def bank_calendar() -> tuple[IntArray, IntArray]:
    """By day: the day itself or the next bank day, and the next bank day strictly after it."""
    days = DAYS + _MAX_DAYS_AFTER
    effective = np.empty(days, dtype=np.int64)
    following = np.empty(days, dtype=np.int64)
    last = day_number(effective_due_date(day_of(days)))
    for number in range(days - 1, -1, -1):
        following[number] = last
        if is_bank_day(day_of(number)):
            last = number
        effective[number] = last
    return effective, following
