"""The tables of the demo company's history: receivables and what settles them, as arrays.

Days count from :data:`FIRST_DAY`; money is whole cents.
"""

from dataclasses import dataclass, fields
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

FIRST_DAY = date(2023, 12, 1)
LAST_DAY = date(2027, 3, 31)
DAYS = (LAST_DAY - FIRST_DAY).days + 1
NEWCOMERS_FROM = (date(2026, 8, 15) - FIRST_DAY).days
MONTH = 30.4

ERP, BILLING = 0, 1
PAYMENT, CREDIT_NOTE, DISCOUNT, WRITE_OFF, REVERSAL = range(5)
BOLETO, PIX, CARD, OTHER = range(4)


def day_number(day: date) -> int:
    """The number of a day of the history; the first is 0."""
    return (day - FIRST_DAY).days


def day_of(number: int) -> date:
    """The day of a number."""
    return FIRST_DAY + timedelta(days=int(number))


@dataclass
class Titles:
    """Receivables of both systems, one array a column.

    ``*_on`` and ``*_from`` are days, ``NEVER`` where it does not happen.
    """

    system: IntArray
    payer: IntArray
    sale: IntArray  # the document that the instalments share
    installment: IntArray
    installments: IntArray
    issued_on: IntArray
    due_on: IntArray
    cents: IntArray
    cancelled_on: IntArray
    written_off_on: IntArray
    agreed_on: IntArray
    disputed_from: IntArray
    disputed_to: IntArray
    is_agreement: BoolArray

    def __len__(self) -> int:
        return len(self.system)

    def take(self, chosen: IntArray | BoolArray) -> "Titles":
        """The chosen rows, by position or by mask."""
        return Titles(*(getattr(self, column.name)[chosen] for column in fields(self)))

    @staticmethod
    def joined(parts: list["Titles"]) -> "Titles":
        """Several tables, one below the other."""
        return Titles(
            *(np.concatenate([getattr(part, c.name) for part in parts]) for c in fields(Titles))
        )


@dataclass
class Movements:
    """What settles (or re-opens) a receivable, one array a column.

    ``title`` is a position in :class:`Titles`.
    """

    title: IntArray
    paid_on: IntArray
    credited_on: IntArray
    cents: IntArray
    kind: IntArray
    method: IntArray

    def __len__(self) -> int:
        return len(self.title)

    def take(self, chosen: IntArray | BoolArray) -> "Movements":
        """The chosen rows, by position or by mask."""
        return Movements(*(getattr(self, column.name)[chosen] for column in fields(self)))

    @staticmethod
    def joined(parts: list["Movements"]) -> "Movements":
        """Several tables, one below the other."""
        return Movements(
            *(np.concatenate([getattr(part, c.name) for part in parts]) for c in fields(Movements))
        )
