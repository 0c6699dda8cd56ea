"""Clean what a driver returns into the canonical columns of :mod:`cobranca.schema`, exactly.

A chunk is converted column by column at Arrow's speed; only a column that holds something unusual
is read value by value. What cannot be read is treated by how much depends on it:

- a key, a required date or any amount that is missing or unreadable sends the row to quarantine,
  and so does a key that is too long: with the reason and never with the value;
- a date, rate, tax id, e-mail, phone or state that is optional becomes null, and is counted as a
  note;
- a flag that cannot be read counts as set, since every flag means "leave this person alone".

Money comes as decimal, as whole number or as text. A float is read by its shortest decimal form
(what the person typed who entered it) and refused when that has more than two places: 0.1 is exact,
0.30000000000000004 is not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from cobranca import schema
from cobranca.sources.cleaning import vectorized
from cobranca.sources.cleaning.bounds import ANY, Bounds
from cobranca.sources.cleaning.columns import (
    GROUPED,
    PERSONAL_COLUMNS,
    UNREADABLE,
    Values,
    count_changed,
    currencies,
    dates,
    flags,
    money_by_value,
    money_by_vector,
    one_of,
    personal,
    plain_values,
    rates,
    texts,
    times,
    total,
)
from cobranca.sources.cleaning.control_groups import Groups, count_rows
from cobranca.sources.cleaning.row_checks import NOTHING, RowChecks
from cobranca.sources.cleaning.values import DIGITS, CleanColumn, add_reason, rows_where
from cobranca.sources.drivers.arrow_columns import BulkColumn, BulkTable
from cobranca.sources.drivers.stream import NoNumber, Rows

if TYPE_CHECKING:
    from cobranca.sources.mapping.model import SourceMapping


@dataclass(frozen=True)
class Cleaned:
    """The rows of one chunk that land, and those that go to quarantine."""

    rows: pa.Table
    quarantine: pa.Table


class Cleaner:
    """Clean one entity of one source, chunk by chunk, and count what its manifest entry needs.

    ``groups`` holds control totals for each combination of the columns ``by`` (:data:`GROUPED`).
    ``amount_read`` is the exact sum of all finite amounts that came in, good rows or not, in
    currency units; both can be held against the database's own sums where :attr:`adds_exactly`
    (neither floats nor text came, nor NaN).

    ``hundredths`` names the columns that hold a hundredth of what they land as: money in whole
    cents, rates in per cent. ``creditors`` are the ids that a row may name; what needs one and
    names none is of ``creditor``, and refused where that is ``None``.
    """

    creditors: Sequence[str] = (schema.PRINCIPAL,)
    creditor: str | None = schema.PRINCIPAL

    def __init__(
        self,
        source: str,
        entity: str,
        columns: Sequence[str],
        hundredths: Sequence[str] = (),
        bounds: Bounds = ANY,
        by: Sequence[str] | None = None,
    ):
        self.source, self.entity = source, entity
        self.by = tuple(GROUPED[entity] if by is None else by)
        self.columns, self._hundredths = tuple(columns), frozenset(hundredths)
        self._bounds = bounds
        self._key = schema.KEYS[entity]
        self.rows_read = 0
        self.notes: Counter[str] = Counter()
        self.repairs: Counter[str] = Counter()
        self.amount_read = Decimal(0)
        self.amount_exact = True
        self.amount_finite = True
        self.groups: Groups = {}
        self._lost: dict[int, Decimal] = {}
        self._codes: dict[tuple[str, object], str] = {}

    @classmethod
    def of(
        cls,
        mapping: "SourceMapping",
        entity: str,
        columns: Sequence[str],
        bounds: Bounds = ANY,
        by: Sequence[str] | None = None,
    ) -> "Cleaner":
        """The cleaner of one entity as its source's file says."""
        cleaner = cls(mapping.source, entity, columns, mapping.hundredths(entity), bounds, by)
        cleaner.creditors, cleaner.creditor = mapping.creditors, mapping.default_creditor
        return cleaner

    @property
    def adds_exactly(self) -> bool:
        """Whether the database adds this entity's amounts as exactly as it is done here."""
        return self.amount_exact and self.amount_finite

    def clean(self, chunk: Rows | BulkTable) -> Cleaned:
        """Convert one chunk of rows; its good rows and its quarantined ones add up to it."""
        with localcontext(prec=DIGITS):
            return self._clean(chunk)

    def _clean(self, chunk: Rows | BulkTable) -> Cleaned:
        count = len(chunk)
        self.rows_read += count
        raw: Mapping[str, Values] = {}
        if isinstance(chunk, BulkTable):
            raw = chunk.columns()
        elif chunk:
            raw = dict(zip(self.columns, zip(*chunk, strict=True), strict=True))
        bad: dict[int, tuple[str, str]] = {}
        arrays: dict[str, pa.Array] = {}
        checks = RowChecks(self.entity, arrays, bad, self.notes, self.repairs)
        for field in schema.ENTITIES[self.entity]:
            if field.name == "source":
                arrays["source"] = pa.repeat(self.source, count).cast(field.type)
            elif field.name in raw:
                arrays[field.name] = self._convert(field, raw[field.name], checks)
            else:
                arrays[field.name] = _absent(self.entity, field, count)
        count_rows(self.groups, self.by, arrays, count, self._lost)
        self._lost = {}
        checks.check(self._bounds, self.creditor)
        table = pa.table(arrays, schema=schema.ENTITIES[self.entity])
        if not bad:
            return Cleaned(table, schema.QUARANTINE.empty_table())
        keep = pc.invert(pc.is_in(pa.array(range(count)), pa.array(list(bad), pa.int64())))
        return Cleaned(table.filter(keep), self._quarantined(arrays, bad))

    def keys(self, chunk: Rows | BulkTable) -> pa.Array:
        """The canonical key of each row of a chunk."""
        at = self.columns.index(self._key)
        if isinstance(chunk, BulkTable):
            return texts(chunk.columns()[self._key]).values
        return texts([row[at] for row in chunk]).values

    def code(self, name: str, value: object) -> str:
        """How ``groups`` calls one value of one of its columns."""
        if name not in self.columns:
            return schema.DEFAULTS[self.entity][name]
        if (name, value) not in self._codes:
            with localcontext(prec=DIGITS):
                is_date = schema.ENTITIES[self.entity].field(name).type == schema.DATE
                found = (dates([value]) if is_date else self._text(name, [value])).values[0].as_py()
            self._codes[name, value] = UNREADABLE if found is None else str(found)
        return self._codes[name, value]

    def _convert(self, field: pa.Field, values: Values, checks: RowChecks) -> pa.Array:
        name = field.name
        if field.type == schema.MONEY:
            column = self._money(name, values)
        elif field.type == schema.TEXT:
            column = self._text(name, values)
        elif field.type == schema.RATE:
            column = rates(values, is_percent=name in self._hundredths)
            for row in column.bad:
                checks.refused_rates[row].append(name)
        else:
            column = {schema.DATE: dates, schema.TIME: times, schema.FLAG: flags}[field.type](
                values
            )
        stops = (
            field.type == schema.MONEY
            or name in schema.REQUIRED[self.entity]
            or name in ("status", "kind", "currency", "creditor")
        )
        for row, reason in column.bad.items():
            if stops:
                checks.bad.setdefault(row, (name, reason))
            else:
                self.notes[f"{name} {reason}"] += 1
        for rule, count in column.repaired.items():
            self.repairs[f"{name} {rule}"] += count
        return column.values

    def _text(self, name: str, values: Values) -> CleanColumn:
        column = texts(values, line_break=";" if name == "phone" else " ")
        if name in PERSONAL_COLUMNS:
            return personal(name, column)
        if name == self._key or name.endswith("_id"):
            return column
        if name == "currency":
            return one_of(
                pc.utf8_upper(column.values),
                "unknown_currency",
                currencies(),
                "BRL",
                column.repaired,
            )
        if name == "creditor":
            return self._named_creditors(column)
        allowed = schema.ALLOWED.get(self.entity, {}).get(name)
        if allowed:
            default = schema.DEFAULTS[self.entity][name]
            result = one_of(
                pc.utf8_lower(column.values),
                f"unknown_{name}",
                pa.array(allowed),
                default,
                column.repaired,
            )
            if self.entity == "customers":
                # The one choice that is safe to fill in: a consumer is charged less and protected
                # more.
                result.values = pc.fill_null(result.values, default)
            return result
        if name == "preferred_channel":
            return CleanColumn(pc.utf8_lower(column.values), column.bad, column.repaired)
        if vectorized.is_plain(column.values):
            return column
        composed = pc.utf8_normalize(column.values, form="NFC")
        return CleanColumn(
            composed,
            column.bad,
            column.repaired + count_changed("normalised", column.values, composed),
        )

    def _named_creditors(self, column: CleanColumn) -> CleanColumn:
        named = pc.utf8_lower(column.values)
        known = pc.is_in(named, pa.array(self.creditors, schema.TEXT))
        unknown = rows_where(pc.and_(pc.is_valid(named), pc.invert(known)))
        return CleanColumn(
            pc.if_else(known, named, pa.scalar(None, schema.TEXT)),
            column.bad | dict.fromkeys(unknown, "unknown_creditor"),
            column.repaired,
        )

    def _money(self, name: str, values: Values) -> CleanColumn:
        in_cents = name in self._hundredths
        quickly = vectorized.money(values, in_cents) if isinstance(values, BulkColumn) else None
        exact = isinstance(values, BulkColumn) and values.kind in ("whole", "decimal")
        lost: dict[int, Decimal] = {}
        finite = True
        if quickly is not None:
            column = CleanColumn(quickly, {})
        else:
            found = plain_values(values)
            kinds = set(map(type, found)) - {type(None)}
            exact = kinds <= {int, Decimal, NoNumber}
            try:
                column = CleanColumn(money_by_vector(found, kinds, in_cents), {})
            except (pa.ArrowException, ValueError, TypeError, OverflowError):
                column, lost, finite = money_by_value(found, in_cents)
        if name == "amount":
            self.amount_finite &= finite
            self.amount_exact &= exact or column.values.null_count == len(column.values)
            self.amount_read += total(column.values) + sum(lost.values())
            self._lost = lost
        else:
            add_reason(column.bad, pc.less(column.values, NOTHING), "negative")
        return column

    def _quarantined(
        self, arrays: dict[str, pa.Array], bad: dict[int, tuple[str, str]]
    ) -> pa.Table:
        rows = sorted(bad)
        at = pa.array(rows, pa.int64())

        def taken(name: str, kind: pa.DataType) -> pa.Array:
            return arrays[name].take(at) if name in arrays else pa.nulls(len(rows), kind)

        return pa.table(
            {
                "source": pa.repeat(self.source, len(rows)).cast(schema.TEXT),
                "entity": pa.repeat(self.entity, len(rows)).cast(schema.TEXT),
                "record_key": arrays[self._key].take(at),
                "column_name": pa.array([bad[row][0] for row in rows], schema.TEXT),
                "reason": pa.array([bad[row][1] for row in rows], schema.TEXT),
                "amount": taken("amount", schema.MONEY),
                "currency": taken("currency", schema.TEXT),
            },
            schema=schema.QUARANTINE,
        )


@lru_cache(maxsize=64)
def _absent(entity: str, field: pa.Field, count: int) -> pa.Array:
    default = schema.DEFAULTS.get(entity, {}).get(field.name)
    if default is not None:
        return pa.repeat(default, count).cast(field.type)
    if field.type == schema.FLAG:
        return pa.repeat(False, count)
    return pa.nulls(count, field.type)
