"""One fixed history: everything that is ever sold, invoiced, paid, disputed and written off, drawn once from a seed.

A night's sources are this history cut at a date, so the next night holds the same rows and that day's events more. Days
count from :data:`FIRST_DAY`; money is whole cents.
"""

from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cached_property, lru_cache

import numpy as np

from cobranca.calendar import effective_due_date, is_bank_day
from cobranca.demo.people import NEVER, Payer, make_payers

FIRST_DAY = date(2023, 12, 1)
LAST_DAY = date(2027, 3, 31)
DAYS = (LAST_DAY - FIRST_DAY).days + 1
NEWCOMERS_FROM = (date(2026, 8, 15) - FIRST_DAY).days
MONTH = 30.4

ERP, BILLING = 0, 1
PAYMENT, CREDIT_NOTE, DISCOUNT, WRITE_OFF, REVERSAL = range(5)
BOLETO, PIX, CARD, OTHER = range(4)

_INSTALMENTS = (1, 2, 3, 4, 6, 10, 12)
_INSTALMENT_SHARES = (0.34, 0.15, 0.20, 0.08, 0.13, 0.05, 0.05)
_MAX_DAYS_AFTER = 4 * 366  # calendar tables reach this far past the last day


@dataclass
class Titles:
    """Receivables of both systems, one array a column; ``*_on`` and ``*_from`` are days, ``NEVER`` where it does not happen."""

    system: np.ndarray
    payer: np.ndarray
    sale: np.ndarray  # the document that the instalments share
    installment: np.ndarray
    installments: np.ndarray
    issued_on: np.ndarray
    due_on: np.ndarray
    cents: np.ndarray
    cancelled_on: np.ndarray
    written_off_on: np.ndarray
    agreed_on: np.ndarray
    disputed_from: np.ndarray
    disputed_to: np.ndarray
    is_agreement: np.ndarray

    def __len__(self) -> int:
        return len(self.system)

    def take(self, chosen: np.ndarray) -> "Titles":
        return Titles(*(getattr(self, column.name)[chosen] for column in fields(self)))

    @staticmethod
    def joined(parts: list["Titles"]) -> "Titles":
        return Titles(*(np.concatenate([getattr(part, c.name) for part in parts]) for c in fields(Titles)))


@dataclass
class Movements:
    """What settles (or re-opens) a receivable, one array a column. ``title`` is a position in :class:`Titles`."""

    title: np.ndarray
    paid_on: np.ndarray
    credited_on: np.ndarray
    cents: np.ndarray
    kind: np.ndarray
    method: np.ndarray

    def __len__(self) -> int:
        return len(self.title)

    def take(self, chosen: np.ndarray) -> "Movements":
        return Movements(*(getattr(self, column.name)[chosen] for column in fields(self)))

    @staticmethod
    def joined(parts: list["Movements"]) -> "Movements":
        return Movements(*(np.concatenate([getattr(part, c.name) for part in parts]) for c in fields(Movements)))


@dataclass
class History:
    """A company from its first to its last day, titles in order of issue and movements in order of payment."""

    seed: int
    payers: list[Payer]
    titles: Titles
    movements: Movements

    @cached_property
    def title_number(self) -> np.ndarray:
        """The number of each title within its system, from 1, in order of issue."""
        return _numbered(self.titles.system)

    @cached_property
    def movement_number(self) -> np.ndarray:
        """The number of each movement within its system, from 1, in order of payment."""
        return _numbered(self.titles.system[self.movements.title])


@lru_cache(maxsize=2)
def make_history(seed: int, payers: int) -> History:
    """Draw the whole history; the same seed and number of payers give the same history, always."""
    rng = np.random.default_rng([seed, payers])
    people = make_payers(rng, payers, DAYS, NEWCOMERS_FROM)
    titles = _sold(rng, people)
    titles, movements = _settled(rng, people, titles)
    agreements = _renegotiated(rng, titles, movements)
    if len(agreements):
        agreements, more = _settled(rng, people, agreements, pays_like="irregular")
        more.title = more.title + len(titles)
        titles, movements = Titles.joined([titles, agreements]), Movements.joined([movements, more])
    return _ordered(seed, people, titles, movements)


def day_number(day: date) -> int:
    return (day - FIRST_DAY).days


def day_of(number: int) -> date:
    return FIRST_DAY + timedelta(days=int(number))


# What is sold ---------------------------------------------------------------------------------------------------------


def _sold(rng: np.random.Generator, people: list[Payer]) -> Titles:
    columns: list[tuple] = []
    sale = 0
    for payer in people:
        until = payer.defaults_from + 75 if payer.defaults_from < NEVER else DAYS
        until = min(until, DAYS)
        if payer.in_erp:
            sale = _erp_sales(rng, payer, until, sale, columns)
        if payer.in_billing:
            sale = _subscription(rng, payer, until, sale, columns)
    table = np.array(columns, dtype=np.int64)
    count = len(table)
    never = np.full(count, NEVER)
    return Titles(*table.T[:8], never, never.copy(), never.copy(), never.copy(), never.copy(), np.zeros(count, dtype=bool))


def _erp_sales(rng: np.random.Generator, payer: Payer, until: int, sale: int, columns: list[tuple]) -> int:
    """Sales at random times, paid in 1 to 12 monthly instalments, all of them issued with the sale."""
    months = max(0.0, (until - payer.since) / MONTH)
    count = rng.poisson(0.185 * months) + (1 if until > payer.since else 0)
    days = np.sort(rng.integers(payer.since, max(payer.since + 1, until), count))
    terms = rng.choice(_INSTALMENTS, count, p=_INSTALMENT_SHARES)
    base = 1_900_00 if payer.is_company else 380_00
    totals = base * payer.size * rng.lognormal(0.0, 0.55, count) * terms**0.55
    first_after = rng.choice([15, 21, 28, 30, 30, 45], count)
    for day, term, total, after in zip(days.tolist(), terms.tolist(), totals.tolist(), first_after.tolist(), strict=True):
        sale += 1
        cents = max(1500, int(total))
        part = cents // term
        for number in range(term):
            amount = cents - part * (term - 1) if number == 0 else part
            due = day + after + round(number * MONTH)
            columns.append((ERP, payer.number, sale, number + 1, term, day, due, amount))
    return sale


def _subscription(rng: np.random.Generator, payer: Payer, until: int, sale: int, columns: list[tuple]) -> int:
    """One invoice a month (or a quarter), 18 days before the same day of the month, until the subscription ends."""
    step = 3 if rng.random() < 0.3 else 1
    due_day = int(rng.choice([5, 10, 15, 20, 25])) if rng.random() < 0.35 else int(rng.integers(1, 29))
    end = min(until, payer.since + int(rng.exponential(1500)) + 60)
    price = (460_00 if payer.is_company else 95_00) * payer.size * step
    month = date.fromordinal(FIRST_DAY.toordinal() + payer.since).replace(day=1)
    while True:
        due = day_number(month.replace(day=due_day))
        issued = due - 18
        if issued > end:
            return sale
        if issued >= payer.since:
            sale += 1
            cents = max(990, int(price * (1 + 0.05 * ((month.year - FIRST_DAY.year) > 1)) * rng.uniform(0.98, 1.15)))
            columns.append((BILLING, payer.number, sale, 1, 1, issued, due, cents))
        month = _months_later(month, step)


def _months_later(month: date, months: int) -> date:
    index = month.year * 12 + month.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


# How it is paid -------------------------------------------------------------------------------------------------------


def _delays(rng: np.random.Generator, profile: np.ndarray, late_default: np.ndarray) -> np.ndarray:
    """Days after the effective due date on which each title is paid; negative for early, ``NEVER`` for never."""
    count = len(profile)
    early = -rng.choice([0, 0, 0, 0, 1, 1, 2, 3, 5, 9], count)
    draw, few, more, long = rng.random(count), rng.integers(2, 7, count), rng.integers(7, 16, count), rng.integers(15, 61, count)
    delay = early.copy()

    def where(name: str, low: float, high: float, values: np.ndarray) -> None:
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


def _settled(
    rng: np.random.Generator, people: list[Payer], titles: Titles, pays_like: str | None = None
) -> tuple[Titles, Movements]:
    """Draw what becomes of each title."""
    count = len(titles)
    profile = np.array([p.profile for p in people])[titles.payer]
    if pays_like is not None:
        profile = np.full(count, pays_like)
    defaults_from = np.array([p.defaults_from for p in people])[titles.payer]
    late_default = (titles.due_on >= defaults_from) & (pays_like is None)
    effective, next_bank_day = _calendar()
    due = effective[titles.due_on]
    delay = _delays(rng, profile, late_default)
    early = np.minimum(0, delay)
    pay_day = np.where(delay > 0, due + delay, np.maximum(titles.issued_on + 1, titles.due_on + early))
    pay_day = np.where(delay >= NEVER, NEVER, pay_day)
    # part of the good payers use the weekend's grace
    pay_day = np.where((delay == 0) & (due > titles.due_on) & (rng.random(count) < 0.7), due, pay_day)

    cancelled = rng.random(count) < 0.008
    titles.cancelled_on = np.where(cancelled, titles.issued_on + rng.integers(1, 12, count), NEVER)
    pay_day = np.where(cancelled, NEVER, pay_day)

    disputed = (rng.random(count) < np.where(delay > 9, 0.035, 0.0012)) & ~cancelled
    titles.disputed_from = np.where(disputed, titles.due_on + rng.integers(-6, 12, count), NEVER)
    titles.disputed_from = np.where(disputed, np.maximum(titles.disputed_from, titles.issued_on), NEVER)
    settled_dispute = disputed & (rng.random(count) < 0.75)
    titles.disputed_to = np.where(settled_dispute, titles.disputed_from + rng.integers(12, 70, count), NEVER)

    movements = _movements(rng, titles, pay_day, delay, next_bank_day, pays_like is not None)
    left = titles.cents - _settled_cents(movements, count)
    written_off = (left > 0) & ~cancelled & (rng.random(count) < 0.94)
    titles.written_off_on = np.where(written_off, titles.due_on + rng.integers(150, 270, count), NEVER)
    # half of what is written off is also booked as a movement
    booked = np.flatnonzero(written_off & (rng.random(count) < 0.5) & (titles.system == ERP))
    day, other = titles.written_off_on[booked], np.full(len(booked), OTHER)
    off = Movements(booked, day, day, left[booked], np.full(len(booked), WRITE_OFF), other)
    return titles, Movements.joined([movements, off])


def _settled_cents(movements: Movements, titles: int) -> np.ndarray:
    """What the movements settle of each title, reversals taken off."""
    total = np.zeros(titles, dtype=np.int64)
    np.add.at(total, movements.title, np.where(movements.kind == REVERSAL, -movements.cents, movements.cents))
    return total


def _movements(
    rng: np.random.Generator, titles: Titles, pay_day: np.ndarray, delay: np.ndarray, next_bank_day: np.ndarray, agreed: bool
) -> Movements:
    count = len(titles)
    everyone = np.arange(count)
    paid = pay_day < NEVER
    parts: list[Movements] = []

    def add(title: np.ndarray, day: np.ndarray, cents: np.ndarray, kind: int, method: np.ndarray | None = None) -> None:
        how = np.full(len(title), OTHER) if method is None else method
        credited = np.where(how == BOLETO, next_bank_day[np.minimum(day, len(next_bank_day) - 1)], day)
        parts.append(Movements(title, day, credited, cents, np.full(len(title), kind), how))

    # credit notes come before the payment and lower it; a few return the whole amount
    noted = paid & (rng.random(count) < 0.012) & (pay_day - titles.issued_on > 4)
    whole = noted & (rng.random(count) < 0.08)
    note_cents = np.where(whole, titles.cents, (titles.cents * rng.uniform(0.05, 0.25, count)).astype(np.int64))
    note_day = titles.issued_on + rng.integers(1, 4, count)
    add(everyone[noted], note_day[noted], note_cents[noted], CREDIT_NOTE)
    rest = titles.cents - np.where(noted, note_cents, 0)
    paid &= ~whole

    # a discount for paying early, on the day of payment
    discounted = paid & (delay < -1) & (titles.system == ERP) & (rng.random(count) < 0.06)
    discount = (rest * rng.uniform(0.01, 0.04, count)).astype(np.int64)
    discounted &= discount > 0
    add(everyone[discounted], pay_day[discounted], discount[discounted], DISCOUNT)
    rest = rest - np.where(discounted, discount, 0)

    method = rng.choice([BOLETO, PIX, CARD], count, p=[0.62, 0.33, 0.05])
    # late payers sometimes pay in two parts, and sometimes never the second
    halved = paid & (delay > 4) & (rng.random(count) < (0.05 if agreed else 0.10))
    first = np.where(halved, (rest * rng.uniform(0.3, 0.7, count)).astype(np.int64), rest)
    add(everyone[paid], pay_day[paid], first[paid], PAYMENT, method[paid])
    second = halved & (rng.random(count) < 0.8)
    second_day = pay_day + rng.integers(12, 46, count)
    add(everyone[second], second_day[second], (rest - first)[second], PAYMENT, method[second])

    # a payment that bounces is taken back; most are paid again
    bounced = paid & ~halved & (rng.random(count) < 0.004)
    back_day = pay_day + rng.integers(2, 9, count)
    add(everyone[bounced], back_day[bounced], first[bounced], REVERSAL, method[bounced])
    again = bounced & (rng.random(count) < 0.7)
    again_day = back_day + rng.integers(3, 26, count)
    add(everyone[again], again_day[again], first[again], PAYMENT, np.full(count, PIX)[again])
    return Movements.joined(parts)


def _renegotiated(rng: np.random.Generator, titles: Titles, movements: Movements) -> Titles:
    """Some defaulted ERP titles are replaced by an agreement of two to four new ones."""
    settled = np.zeros(len(titles), dtype=bool)
    settled[movements.title] = True
    chosen = ~settled & (titles.system == ERP) & (titles.cancelled_on >= NEVER) & (rng.random(len(titles)) < 0.18)
    titles.agreed_on = np.where(chosen, titles.due_on + rng.integers(25, 150, len(titles)), NEVER)
    titles.written_off_on = np.where(chosen, NEVER, titles.written_off_on)
    source = np.flatnonzero(chosen)
    terms = rng.integers(2, 5, len(source))
    repeated, numbers = np.repeat(source, terms), np.concatenate([np.arange(t) for t in terms] or [np.array([], dtype=int)])
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


# Order and calendar ---------------------------------------------------------------------------------------------------


def _ordered(seed: int, people: list[Payer], titles: Titles, movements: Movements) -> History:
    order = np.lexsort((titles.installment, titles.sale, titles.issued_on))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    titles = titles.take(order)
    movements.title = place[movements.title]
    movements = movements.take(np.lexsort((movements.kind, movements.title, movements.paid_on)))
    return History(seed, people, titles, movements)


def _numbered(system: np.ndarray) -> np.ndarray:
    numbers = np.empty(len(system), dtype=np.int64)
    for one in (ERP, BILLING):
        of_one = system == one
        numbers[of_one] = np.arange(1, of_one.sum() + 1)
    return numbers


@lru_cache(maxsize=1)
def _calendar() -> tuple[np.ndarray, np.ndarray]:
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
