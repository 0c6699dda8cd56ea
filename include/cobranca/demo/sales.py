"""What the demo company sells: one-off sales in instalments, and subscriptions."""

from datetime import date
from typing import NamedTuple

import numpy as np

from cobranca.demo.history_tables import BILLING, DAYS, ERP, FIRST_DAY, MONTH, Titles, day_number
from cobranca.demo.payers import NEVER, DemoPayer

_INSTALMENTS = (1, 2, 3, 4, 6, 10, 12)
_INSTALMENT_SHARES = (0.34, 0.15, 0.20, 0.08, 0.13, 0.05, 0.05)


class _Sold(NamedTuple):
    """One receivable at its issue: the first columns of :class:`Titles`, in their order."""

    system: int
    payer: int
    sale: int
    installment: int
    installments: int
    issued_on: int
    due_on: int
    cents: int


def draw_sales(rng: np.random.Generator, people: list[DemoPayer]) -> Titles:
    """Everything that is ever sold, in the order in which it is drawn."""
    rows: list[_Sold] = []
    sale = 0
    for payer in people:
        until = payer.defaults_from + 75 if payer.defaults_from < NEVER else DAYS
        until = min(until, DAYS)
        if payer.in_erp:
            sale = _erp_sales(rng, payer, until, sale, rows)
        if payer.in_billing:
            sale = _subscription(rng, payer, until, sale, rows)
    table = np.array(rows, dtype=np.int64)
    never = np.full(len(table), NEVER)
    columns = {name: table[:, place] for place, name in enumerate(_Sold._fields)}
    return Titles(
        **columns,
        cancelled_on=never,
        written_off_on=never.copy(),
        agreed_on=never.copy(),
        disputed_from=never.copy(),
        disputed_to=never.copy(),
        is_agreement=np.zeros(len(table), dtype=bool),
    )


def _erp_sales(
    rng: np.random.Generator, payer: DemoPayer, until: int, sale: int, rows: list[_Sold]
) -> int:
    """Sales at random times, each paid in 1 to 12 monthly instalments that are issued with it."""
    months = max(0.0, (until - payer.since) / MONTH)
    count = rng.poisson(0.185 * months) + (1 if until > payer.since else 0)
    days = np.sort(rng.integers(payer.since, max(payer.since + 1, until), count))
    terms = rng.choice(_INSTALMENTS, count, p=_INSTALMENT_SHARES)
    base = 1_900_00 if payer.is_company else 380_00
    totals = base * payer.size * rng.lognormal(0.0, 0.55, count) * terms**0.55
    first_after = rng.choice([15, 21, 28, 30, 30, 45], count)
    for day, term, total, after in zip(
        days.tolist(), terms.tolist(), totals.tolist(), first_after.tolist(), strict=True
    ):
        sale += 1
        cents = max(1500, int(total))
        part = cents // term
        for number in range(term):
            amount = cents - part * (term - 1) if number == 0 else part
            due = day + after + round(number * MONTH)
            rows.append(_Sold(ERP, payer.number, sale, number + 1, term, day, due, amount))
    return sale


def _subscription(
    rng: np.random.Generator, payer: DemoPayer, until: int, sale: int, rows: list[_Sold]
) -> int:
    """One invoice a month (or a quarter) until the subscription ends.

    It is issued 18 days before the due date, which is the same day of each month.
    """
    step = 3 if rng.random() < 0.3 else 1
    due_day = (
        int(rng.choice([5, 10, 15, 20, 25])) if rng.random() < 0.35 else int(rng.integers(1, 29))
    )
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
            cents = max(
                990,
                int(
                    price
                    * (1 + 0.05 * ((month.year - FIRST_DAY.year) > 1))
                    * rng.uniform(0.98, 1.15)
                ),
            )
            rows.append(_Sold(BILLING, payer.number, sale, 1, 1, issued, due, cents))
        month = _months_later(month, step)


def _months_later(month: date, months: int) -> date:
    index = month.year * 12 + month.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
