"""Check converted rows as a whole: what is missing, out of range, or unlike its entity."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from cobranca import schema
from cobranca.sources.cleaning.bounds import FIRST_DAY, LAST_DAY, Bounds
from cobranca.sources.cleaning.values import rows_where

NOTHING = pa.scalar(Decimal(0), schema.MONEY)


@dataclass
class RowChecks:
    """The checks of one chunk of one entity.

    ``arrays`` holds the converted columns, of which some are corrected in place. ``bad`` maps rows
    to the column and the reason that send them to quarantine; the first reason stays. ``notes`` and
    ``repairs`` count what was made null and what was written differently. ``refused_rates`` maps
    rows to the names of the rates that were made null.
    """

    entity: str
    arrays: dict[str, pa.Array]
    bad: dict[int, tuple[str, str]]
    notes: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    refused_rates: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    def check(self, bounds: Bounds, creditor: str | None) -> None:
        """Run every check; ``bounds`` are those of the policy, ``creditor`` is the source's own."""
        self._check_required()
        if self.entity == "customers":
            return
        if self.entity == "payments":
            self._turn_reversals()
        self._check_creditor(creditor)
        self._refuse("amount", "not_positive", pc.less_equal(self.arrays["amount"], NOTHING))
        self._check_dates()
        if bounds.largest_amount is not None:
            too_large = pc.greater(self.arrays["amount"], pa.scalar(bounds.largest_amount))
            self._refuse("amount", "too_large", too_large)
        if self.entity == "receivables":
            due, issued = self.arrays["due_date"], self.arrays["issue_date"]
            # A debt without an issue date is collected as any other; one out of sight is forgotten.
            self._empty("issue_date", "due_before_issue", pc.less(due, issued))
            self._refuse("due_date", "due_too_far", pc.greater(due, bounds.latest_due))
            for name, highest in bounds.highest_rates:
                self._check_rate(name, highest)
            self._name_refused_rates()

    def _check_rate(self, name: str, highest: Decimal) -> None:
        """Make rates above the highest null: no contract has them, so the unit was misread."""
        too_high = pc.greater(self.arrays[name], pa.scalar(highest))
        for row in self._empty(name, "rate_too_high", too_high):
            self.refused_rates[row].append(name)

    def _name_refused_rates(self) -> None:
        if self.refused_rates:
            count = len(self.arrays["refused_rates"])
            names = {row: ",".join(sorted(found)) for row, found in self.refused_rates.items()}
            self.arrays["refused_rates"] = pa.array(map(names.get, range(count)), schema.TEXT)

    def _empty(self, name: str, reason: str, mask: pa.Array) -> list[int]:
        """Make the values of an optional column null where the mask is true; returns their rows."""
        rows = rows_where(mask)
        if rows:
            self.notes[f"{name} {reason}"] += len(rows)
            array = self.arrays[name]
            self.arrays[name] = pc.if_else(
                pc.fill_null(mask, False), pa.scalar(None, array.type), array
            )
        return rows

    def _refuse(self, name: str, reason: str, mask: pa.Array) -> None:
        for row in rows_where(mask):
            self.bad.setdefault(row, (name, reason))

    def _check_required(self) -> None:
        instead = schema.OR_ELSE.get(self.entity, {})
        for name in schema.REQUIRED[self.entity]:
            missing = pc.is_null(self.arrays[name])
            if other := instead.get(name):
                missing = pc.and_(missing, pc.is_null(self.arrays[other]))
            self._refuse(name, "missing", missing)
        for name in (*schema.REQUIRED[self.entity], *instead.values()):
            if name.endswith("_id"):
                length = pc.utf8_length(self.arrays[name])
                self._refuse(name, "too_long", pc.greater(length, schema.LONGEST_ID))

    def _check_creditor(self, own: str | None) -> None:
        """Whose money it is; a payment of a receivable is its receivable's creditor's."""
        named = self.arrays["creditor"]
        missing = pc.is_null(named)
        if self.entity == "payments":
            missing = pc.and_(missing, pc.is_null(self.arrays["receivable_id"]))
        if own is None:
            self._refuse("creditor", "missing", missing)
        self.arrays["creditor"] = pc.if_else(missing, pa.scalar(own, schema.TEXT), named)

    def _turn_reversals(self) -> None:
        """Make the amounts of reversals positive.

        Some systems store a reversal negative, some positive. Landed amounts are positive; the kind
        has the sign.
        """
        kind, amount = self.arrays["kind"], self.arrays["amount"]
        turned = pc.and_(pc.equal(kind, "reversal"), pc.less(amount, NOTHING))
        turned = pc.fill_null(turned, False)
        if count := pc.sum(turned).as_py():
            self.repairs["amount sign_turned"] += count
        self.arrays["amount"] = pc.if_else(turned, pc.negate(amount), amount).cast(schema.MONEY)

    def _check_dates(self) -> None:
        for one in schema.ENTITIES[self.entity]:
            if one.type != schema.DATE:
                continue
            array = self.arrays[one.name]
            outside = pc.or_(pc.less(array, FIRST_DAY), pc.greater(array, LAST_DAY))
            if one.name in schema.REQUIRED[self.entity]:
                self._refuse(one.name, "out_of_range", outside)
            else:
                self._empty(one.name, "out_of_range", outside)
