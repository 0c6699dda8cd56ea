"""What arrived of one entity of one source, as the gate judges it."""

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True)
class Stated:
    """What a source itself counted and added in the landing's own moment, in currency units.

    ``total`` is ``None`` where it has no amounts, or cannot add them exactly. ``lost`` is the part
    of it that no landed column can hold (finer than a cent, too large). Of payments every amount is
    taken as positive, as they land.
    """

    rows: int
    total: Decimal | None = None
    lost: Decimal = Decimal(0)


@dataclass(frozen=True)
class Arrival:
    """One landed entity of one source, with what the previous landing had of it.

    ``declared`` and ``previous_totals`` are control totals by name (``amount BRL``) in currency
    units; ``repairs`` counts the values that cleaning wrote differently, by column and rule
    (``phone normalised``), ``emptied`` the optional ones that it could not use. ``stated`` is by
    currency, under an empty one for customers and payments. ``reading`` says how it was read, as
    the manifest does: ``changes``, ``whole`` with a reason, or nothing; ``changed`` how many rows
    were read then, ``left`` how many were gone, ``swept`` whether all keys were compared.
    """

    source: str
    entity: str
    view: str
    quarantine_view: str
    rows_declared: int
    declared: dict[str, Decimal] = field(default_factory=dict)
    previous_rows: int | None = None
    previous_totals: dict[str, Decimal] = field(default_factory=dict)
    repairs: dict[str, int] = field(default_factory=dict)
    emptied: dict[str, int] = field(default_factory=dict)
    stated: dict[str, Stated] = field(default_factory=dict)
    reading: str = ""
    changed: int | None = None
    left: int = 0
    swept: bool = False

    @property
    def subject(self) -> str:
        return f"{self.source}.{self.entity}"
