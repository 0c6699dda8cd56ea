"""One fixed history of the demo company, drawn once from a seed.

It holds everything that is ever sold, invoiced, paid, disputed and written off. The sources of a
night are this history cut at a date, so the next night holds the same rows and that day's events
more.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from cobranca.demo.history_tables import (
    BILLING,
    DAYS,
    ERP,
    NEWCOMERS_FROM,
    IntArray,
    Movements,
    Titles,
)
from cobranca.demo.payers import DemoPayer, make_payers
from cobranca.demo.sales import draw_sales
from cobranca.demo.settlements import draw_agreements, draw_settlements


@dataclass
class History:
    """A company from its first to its last day.

    Titles are in order of issue, movements in order of payment.
    """

    seed: int
    payers: list[DemoPayer]
    titles: Titles
    movements: Movements

    @cached_property
    def title_number(self) -> IntArray:
        """The number of each title within its system, from 1, in order of issue."""
        return _numbered(self.titles.system)

    @cached_property
    def movement_number(self) -> IntArray:
        """The number of each movement within its system, from 1, in order of payment."""
        return _numbered(self.titles.system[self.movements.title])


@lru_cache(maxsize=2)
def make_history(seed: int, payers: int) -> History:
    """Draw the whole history; the same seed and number of payers always give the same one."""
    rng = np.random.default_rng([seed, payers])
    people = make_payers(rng, payers, DAYS, NEWCOMERS_FROM)
    titles = draw_sales(rng, people)
    titles, movements = draw_settlements(rng, people, titles)
    agreements = draw_agreements(rng, titles, movements)
    if len(agreements):
        agreements, more = draw_settlements(rng, people, agreements, pays_like="irregular")
        more.title = more.title + len(titles)
        titles, movements = Titles.joined([titles, agreements]), Movements.joined([movements, more])
    return _ordered(seed, people, titles, movements)


def _ordered(seed: int, people: list[DemoPayer], titles: Titles, movements: Movements) -> History:
    order = np.lexsort((titles.installment, titles.sale, titles.issued_on))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    titles = titles.take(order)
    movements.title = place[movements.title]
    movements = movements.take(np.lexsort((movements.kind, movements.title, movements.paid_on)))
    return History(seed, people, titles, movements)


def _numbered(system: IntArray) -> IntArray:
    numbers = np.empty(len(system), dtype=np.int64)
    for one in (ERP, BILLING):
        of_one = system == one
        numbers[of_one] = np.arange(1, of_one.sum() + 1)
    return numbers
