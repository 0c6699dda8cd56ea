"""From what a driver returns to the canonical columns of :mod:`cobranca.schema`, exactly.

A chunk is converted column by column at Arrow's speed; only a column that holds something unusual is read value
by value. What cannot be read is treated by how much depends on it:

- a key, a required date or any amount that is missing or unreadable sends the row to quarantine, and so does a key that is
  too long: with the reason and never with the value;
- a date, rate, tax id, e-mail, phone or state that is optional becomes null, and is counted as a note;
- a flag that cannot be read counts as set, since every flag means "leave this person alone".

Money comes as decimal, as whole number or as text. A float is read by its shortest decimal form (what the person
typed who entered it) and refused when that has more than two places: 0.1 is exact, 0.30000000000000004 is not.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field as default
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from babel.numbers import list_currencies

from cobranca import schema
from cobranca.calendar import FIRST_YEAR, LAST_YEAR
from cobranca.money import parse_money
from cobranca.sources import people, quick
from cobranca.sources.bulk import BulkColumn, BulkTable
from cobranca.sources.problem import SourceProblem

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
FIRST_DAY, LAST_DAY = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
CENT, RATE_STEP = Decimal("0.01"), Decimal("0.000001")
DIGITS = 200  # no database returns a longer number, so no sum is ever rounded
LARGEST_DIGIT = 15  # decimal(18,2) has 16 digits before the comma

_PERSONAL: dict[str, Callable[[str], str | None]] = {
    "tax_id": people.tax_id,
    "email": people.first_email,
    "phone": people.first_phone,
    "state": people.state,
}
# The same answers for the plain cases, a whole column at a time.
_SURE: dict[str, Callable[[pa.Array], pa.Array]] = {
    "tax_id": quick.tax_ids,
    "email": lambda array: quick.emails(array, people.first_email),
    "phone": quick.phones,
}
_YES = frozenset({"1", "s", "sim", "y", "yes", "t", "true", "v", "verdadeiro"})
_NO = frozenset({"0", "n", "nao", "não", "no", "f", "false", "falso"})
_EMPTY_DATES = frozenset({"", "00000000", "0", "0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00"})
_DATE_TEXT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:$|[T ]\d{2}:\d{2})|(\d{4})(\d{2})(\d{2})$")
_COMPACT = re.compile(r"\s*(?!0{8})\d{8}\s*$")
_WITH_ZONE = re.compile(r"\d{2}:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$")
# A zone that is not São Paulo's own, which PostgreSQL's session prints.
_ELSEWHERE = r"\d{2}:\d{2}.*(Z|\+\d{2}(:?\d{2})?|-(0[0-24-9]|1\d)(:?\d{2})?)$"
_DATE_VECTOR = r"^\d{4}-\d{2}-\d{2}($|[T ]\d{2}:\d{2})"
# The codes by which control totals are kept; what is no known code counts under UNREADABLE.
GROUPED = {"customers": (), "receivables": ("currency", "status"), "payments": ("kind",)}
# The same with the date that decides most: where rows are kept from another night, a date moved silently must be noticed.
DATED = {"customers": (), "receivables": ("currency", "status", "due_date"), "payments": ("kind", "paid_on")}
UNREADABLE = "?"
_CONTROL = r"[\x00-\x1f\x7f]"


class NoNumber(str):
    """Text in a money column that its reader has found to be no number: part of no sum, neither there nor here."""


class Unreadable(ValueError):
    """One value cannot be read; ``reason`` is its code, and ``number`` the amount that it holds all the same."""

    def __init__(self, reason: str, number: Decimal | None = None):
        super().__init__(reason)
        self.reason, self.number = reason, number


@dataclass
class Column:
    """One converted column; ``bad`` maps row positions to reason codes, and there the value is null.

    ``repaired`` counts by rule how many values were written differently than they land.
    """

    values: pa.Array
    bad: dict[int, str]
    repaired: Counter[str] = default(default_factory=Counter)


@dataclass
class Group:
    """Control totals of the rows that share their codes: how many, their amounts' sum, and the sum of their sizes.

    The sum of sizes takes every amount as positive, as a reversal lands. ``lost`` and ``lost_size`` are the parts of both
    that no landed column can hold: finer than a cent, or too large.
    """

    rows: int = 0
    amount: Decimal = Decimal(0)
    size: Decimal = Decimal(0)
    lost: Decimal = Decimal(0)
    lost_size: Decimal = Decimal(0)


@dataclass(frozen=True)
class Bounds:
    """What a source may plausibly hold; a later due date or a larger amount (in currency units) is a mistake."""

    latest_due: date = LAST_DAY
    largest_amount: Decimal | None = None


ANY = Bounds()


@dataclass
class Cleaned:
    rows: pa.Table
    quarantine: pa.Table


def checked_columns(source: str, entity: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The query's columns, when each is known, none comes twice and none that is required is missing.

    Raises:
        SourceProblem: otherwise, naming source, entity, column and cure.
    """
    where = f"source '{source}', {entity}"
    known = [name for name in schema.ENTITIES[entity].names if name not in schema.OURS]
    for name in columns:
        if name not in known:
            cure = f"rename it in the query or leave it out (known: {', '.join(known)})"
            raise SourceProblem(where, f"unknown column '{name}'", cure)
        if list(columns).count(name) > 1:
            raise SourceProblem(where, f"column '{name}' comes twice", "keep one of them in the query")
    for name in schema.REQUIRED[entity]:
        if name not in columns:
            raise SourceProblem(where, f"required column '{name}' is missing", f"have the query return it (... as {name})")
    return tuple(columns)


class Cleaner:
    """Cleans one entity of one source, chunk by chunk, and keeps the counts that its manifest entry needs.

    ``groups`` holds control totals for each combination of the columns ``by`` (:data:`GROUPED`). ``amount_read`` is the exact
    sum of all finite amounts that came in, good rows or not, in currency units; both can be held against the database's own
    sums where :attr:`adds_exactly` (neither floats nor text came, nor NaN).
    """

    def __init__(
        self,
        source: str,
        entity: str,
        columns: Sequence[str],
        cents: Sequence[str] = (),
        bounds: Bounds = ANY,
        by: Sequence[str] | None = None,
    ):
        self.source, self.entity = source, entity
        self.by = tuple(GROUPED[entity] if by is None else by)
        self.columns, self._cents = tuple(columns), frozenset(cents)
        self._bounds = bounds
        self._key = schema.KEYS[entity]
        self.rows_read = 0
        self.notes: Counter[str] = Counter()
        self.repairs: Counter[str] = Counter()
        self.amount_read = Decimal(0)
        self.amount_exact = True
        self.amount_finite = True
        self.groups: dict[tuple[str, ...], Group] = {}
        self._lost: dict[int, Decimal] = {}
        self._codes: dict[tuple[str, object], str] = {}

    @property
    def adds_exactly(self) -> bool:
        """Whether the database adds this entity's amounts as exactly as it is done here."""
        return self.amount_exact and self.amount_finite

    def clean(self, chunk: Sequence[Sequence] | BulkTable) -> Cleaned:
        """Convert one chunk of rows; its good rows and its quarantined ones add up to it."""
        with localcontext(prec=DIGITS):
            return self._clean(chunk)

    def _clean(self, chunk: Sequence[Sequence] | BulkTable) -> Cleaned:
        count = len(chunk)
        self.rows_read += count
        if isinstance(chunk, BulkTable):
            raw: dict[str, Sequence | BulkColumn] = chunk.columns()
        else:
            raw = dict(zip(self.columns, zip(*chunk, strict=True), strict=True)) if chunk else {}
        bad: dict[int, tuple[str, str]] = {}
        arrays = {}
        for field in schema.ENTITIES[self.entity]:
            if field.name == "source":
                arrays["source"] = pa.repeat(self.source, count).cast(field.type)
            elif field.name in raw:
                arrays[field.name] = self._convert(field, raw[field.name], bad)
            else:
                arrays[field.name] = _absent(self.entity, field, count)
        self._count(arrays)
        self._check_rows(arrays, bad)
        table = pa.table(arrays, schema=schema.ENTITIES[self.entity])
        if not bad:
            return Cleaned(table, schema.QUARANTINE.empty_table())
        keep = pc.invert(pc.is_in(pa.array(range(count)), pa.array(list(bad), pa.int64())))
        return Cleaned(table.filter(keep), self._quarantined(arrays, bad))

    def keys(self, chunk: Sequence[Sequence] | BulkTable) -> pa.Array:
        """The canonical key of each row of a chunk."""
        at = self.columns.index(self._key)
        values = chunk.columns()[self._key] if isinstance(chunk, BulkTable) else [row[at] for row in chunk]
        return texts(values).values

    def code(self, name: str, value) -> str:
        """How ``groups`` calls one value of one of its columns."""
        if name not in self.columns:
            return schema.DEFAULTS[self.entity][name]
        if (name, value) not in self._codes:
            with localcontext(prec=DIGITS):
                is_date = schema.ENTITIES[self.entity].field(name).type == schema.DATE
                found = (dates([value]) if is_date else self._text(name, [value])).values[0].as_py()
            self._codes[name, value] = UNREADABLE if found is None else str(found)
        return self._codes[name, value]

    def _count(self, arrays: dict[str, pa.Array]) -> None:
        """Add one chunk, as it came in, to the control totals."""
        codes = [pc.fill_null(arrays[name].cast(schema.TEXT), UNREADABLE) for name in self.by]
        amounts = arrays.get("amount", pa.nulls(len(arrays[self._key]), schema.MONEY)).cast(pa.decimal128(38, 2))
        table = pa.table([*codes, amounts, pc.abs(amounts)], names=[*self.by, "amount", "size"])
        counted = table.group_by(list(self.by)).aggregate([([], "count_all"), ("amount", "sum"), ("size", "sum")])
        for row in counted.to_pylist():
            label = tuple(row[name] for name in self.by)
            group = self.groups.setdefault(label, Group())
            group.rows += row["count_all"]
            group.amount += row["amount_sum"] or 0
            group.size += row["size_sum"] or 0
        for row, number in self._lost.items():
            group = self.groups[tuple(array[row].as_py() for array in codes)]
            group.amount += number
            group.size += abs(number)
            group.lost += number
            group.lost_size += abs(number)
        self._lost = {}

    def _convert(self, field: pa.Field, values: Sequence | BulkColumn, bad: dict[int, tuple[str, str]]) -> pa.Array:
        name = field.name
        if field.type == schema.MONEY:
            column = self._money(name, values)
        elif field.type == schema.TEXT:
            column = self._text(name, values)
        else:
            column = {
                schema.DATE: dates, schema.TIME: times, schema.FLAG: flags, schema.RATE: rates,
            }[field.type](values)  # fmt: skip
        stops = field.type == schema.MONEY or name in schema.REQUIRED[self.entity] or name in ("status", "kind", "currency")
        for row, reason in column.bad.items():
            if stops:
                bad.setdefault(row, (name, reason))
            else:
                self.notes[f"{name} {reason}"] += 1
        for rule, count in column.repaired.items():
            self.repairs[f"{name} {rule}"] += count
        return column.values

    def _text(self, name: str, values: Sequence | BulkColumn) -> Column:
        column = texts(values, line_break=";" if name == "phone" else " ")
        if name in _PERSONAL:
            return _personal(name, column)
        if name == self._key or name.endswith("_id"):
            return column
        if name == "currency":
            return _one_of(pc.utf8_upper(column.values), "unknown_currency", _currencies(), "BRL", column.repaired)
        allowed = schema.ALLOWED.get(self.entity, {}).get(name)
        if allowed:
            default = schema.DEFAULTS[self.entity][name]
            result = _one_of(pc.utf8_lower(column.values), f"unknown_{name}", pa.array(allowed), default, column.repaired)
            if self.entity == "customers":
                # The one choice that is safe to fill in: a consumer is charged less and protected more.
                result.values = pc.fill_null(result.values, default)
            return result
        if name == "preferred_channel":
            return Column(pc.utf8_lower(column.values), column.bad, column.repaired)
        if quick.is_plain(column.values):
            return column
        composed = pc.utf8_normalize(column.values, form="NFC")
        return Column(composed, column.bad, column.repaired + _changed("normalised", column.values, composed))

    def _money(self, name: str, values: Sequence | BulkColumn) -> Column:
        in_cents = name in self._cents
        quickly = quick.money(values, in_cents) if isinstance(values, BulkColumn) else None
        exact = isinstance(values, BulkColumn) and values.kind in ("whole", "decimal")
        lost, finite = {}, True
        if quickly is not None:
            column = Column(quickly, {})
        else:
            values = _listed(values)
            kinds = set(map(type, values)) - {type(None)}
            exact = kinds <= {int, Decimal, NoNumber}
            try:
                column = Column(_money_vector(values, kinds, in_cents), {})
            except (pa.ArrowException, ValueError, TypeError, OverflowError):
                column, lost, finite = _money_slow(values, in_cents)
        if name == "amount":
            self.amount_finite &= finite
            self.amount_exact &= exact or column.values.null_count == len(column.values)
            self.amount_read += _total(column.values) + sum(lost.values())
            self._lost = lost
        else:
            _flag(column.bad, pc.less(column.values, pa.scalar(Decimal(0), schema.MONEY)), "negative")
        return column

    def _check_rows(self, arrays: dict[str, pa.Array], bad: dict[int, tuple[str, str]]) -> None:
        def refuse(name: str, reason: str, mask: pa.Array) -> None:
            for row in _where(mask):
                bad.setdefault(row, (name, reason))

        for name in schema.REQUIRED[self.entity]:
            refuse(name, "missing", pc.is_null(arrays[name]))
            if name.endswith("_id"):
                refuse(name, "too_long", pc.greater(pc.utf8_length(arrays[name]), schema.LONGEST_ID))
        if self.entity == "customers":
            return
        if self.entity == "payments":
            # Some systems store a reversal negative, some positive; landed amounts are positive, the kind has the sign.
            turned = pc.and_(pc.equal(arrays["kind"], "reversal"), pc.less(arrays["amount"], pa.scalar(Decimal(0), schema.MONEY)))
            turned = pc.fill_null(turned, False)
            self._repaired("amount sign_turned", pc.sum(turned).as_py())
            arrays["amount"] = pc.if_else(turned, pc.negate(arrays["amount"]), arrays["amount"]).cast(schema.MONEY)
        refuse("amount", "not_positive", pc.less_equal(arrays["amount"], pa.scalar(Decimal(0), schema.MONEY)))
        for name in [field.name for field in schema.ENTITIES[self.entity] if field.type == schema.DATE]:
            outside = pc.or_(pc.less(arrays[name], FIRST_DAY), pc.greater(arrays[name], LAST_DAY))
            rows = _where(outside)
            if not rows:
                continue
            if name in schema.REQUIRED[self.entity]:
                refuse(name, "out_of_range", outside)
            else:
                self.notes[f"{name} out_of_range"] += len(rows)
                arrays[name] = pc.if_else(pc.fill_null(outside, False), pa.scalar(None, schema.DATE), arrays[name])
        if self._bounds.largest_amount is not None:
            refuse("amount", "too_large", pc.greater(arrays["amount"], pa.scalar(self._bounds.largest_amount)))
        if self.entity == "receivables":
            refuse("due_date", "due_before_issue", pc.less(arrays["due_date"], arrays["issue_date"]))
            refuse("due_date", "due_too_far", pc.greater(arrays["due_date"], self._bounds.latest_due))

    def _repaired(self, rule: str, count: int | None) -> None:
        if count:
            self.repairs[rule] += count

    def _quarantined(self, arrays: dict[str, pa.Array], bad: dict[int, tuple[str, str]]) -> pa.Table:
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


def texts(values: Sequence | BulkColumn, line_break: str = " ") -> Column:
    """Trimmed text, blank as null; ``line_break`` stands for line breaks and other control characters."""
    array, bad = quick.text(values) if isinstance(values, BulkColumn) else None, {}
    if array is None:
        values = _listed(values)
        kinds = set(map(type, values)) - {type(None)}
        try:
            if kinds <= {str}:
                array = pa.array(values, schema.TEXT)
            elif kinds == {int}:
                return Column(pa.array(values, pa.int64()).cast(schema.TEXT), {})
            else:
                raise TypeError
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            array, bad = _each(values, _text_of, schema.TEXT)
    repaired: Counter[str] = Counter()
    if not quick.is_plain(array):
        before = array
        if pc.any(pc.match_substring_regex(array, _CONTROL)).as_py():
            array = pc.replace_substring_regex(array, _CONTROL, line_break)
        array = pc.utf8_trim_whitespace(array)
        repaired = _changed("trimmed", before, array)
    return Column(pc.if_else(pc.equal(array, ""), pa.scalar(None, schema.TEXT), array), bad, repaired)


def dates(values: Sequence | BulkColumn) -> Column:
    """Dates from date, datetime, ISO text (its first ten characters) or ``YYYYMMDD``; 0000-00-00 is null.

    A time that names its zone is of the day it is in São Paulo: 02:30 UTC is still yesterday there.
    """
    if isinstance(values, BulkColumn):
        quickly = quick.day(values)
        if quickly is not None:
            return Column(quickly, {})
        if values.kind in ("text", "whole"):
            with suppress(pa.ArrowException, ValueError):
                return _dates_column(texts(values))
        values = values.values()
    kinds = set(map(type, values)) - {type(None)}
    try:
        if kinds <= {date}:
            return Column(pa.array(values, schema.DATE), {})
        if kinds == {datetime} and all(value is None or value.tzinfo is None for value in values):
            return Column(pa.array([value and value.date() for value in values], schema.DATE), {})
        if kinds <= {str} or kinds == {int}:
            return _dates_column(texts(values))
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        pass
    array, bad = _each(values, _date_of, schema.DATE)
    compact = sum(bool(_COMPACT.match(str(value))) for row, value in enumerate(values) if row not in bad)
    return Column(array, bad, Counter(reformatted=compact) if compact else Counter())


def times(values: Sequence | BulkColumn) -> Column:
    """Points in time as UTC without a zone; a time that has no zone is taken as it is."""
    if isinstance(values, BulkColumn):
        quickly = quick.time(values)
        if quickly is not None:
            return Column(quickly, {})
        values = values.values()
    kinds = set(map(type, values)) - {type(None)}
    try:
        if kinds <= {datetime} and all(value is None or value.tzinfo is None for value in values):
            return Column(pa.array(values, schema.TIME), {})
        if kinds <= {str}:
            array = texts(values).values
            array = pc.replace_substring_regex(array, r"(\+00(:?00)?|Z)$", "")
            array = pc.if_else(pc.is_in(array, pa.array(_EMPTY_DATES)), pa.scalar(None, schema.TEXT), array)
            return Column(array.cast(schema.TIME), {})
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        pass
    return Column(*_each(values, _time_of, schema.TIME))


def flags(values: Sequence | BulkColumn) -> Column:
    """Flags from bool, 0/1, S/N, sim/não, true/false; null is false, and what cannot be read counts as set."""
    if isinstance(values, BulkColumn):
        quickly = quick.codes(values, _flag_of, schema.FLAG)
        if quickly is not None:
            return Column(pc.fill_null(quickly, False), {})
        values = values.values()
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {bool}:
        array, bad = pa.array(values, schema.FLAG), {}
    else:
        array, bad = _each(values, _flag_of, schema.FLAG)
    if bad:
        unreadable = pc.is_in(pa.array(range(len(array))), pa.array(list(bad), pa.int64()))
        array = pc.if_else(unreadable, True, array)
    return Column(pc.fill_null(array, False), bad)


def rates(values: Sequence | BulkColumn) -> Column:
    """Fractions between 0 and 1, rounded half up to six places; 2 (instead of 0.02) is refused."""
    if isinstance(values, BulkColumn):
        quickly = quick.codes(values, _rate_of, schema.RATE)
        if quickly is not None:
            return Column(quickly, {})
        values = values.values()
    return Column(*_each(values, lru_cache(maxsize=1024)(_rate_of), schema.RATE))


def _listed(values: Sequence | BulkColumn) -> Sequence:
    return values.values() if isinstance(values, BulkColumn) else values


@lru_cache(maxsize=64)
def _absent(entity: str, field: pa.Field, count: int) -> pa.Array:
    default = schema.DEFAULTS.get(entity, {}).get(field.name)
    if default is not None:
        return pa.repeat(default, count).cast(field.type)
    if field.type == schema.FLAG:
        return pa.repeat(False, count)
    return pa.nulls(count, field.type)


def _each(values: Sequence, read: Callable, kind: pa.DataType) -> tuple[pa.Array, dict[int, str]]:
    found, bad = [], {}
    for row, value in enumerate(values):
        try:
            found.append(None if value is None else read(value))
        except Unreadable as error:
            found.append(None)
            bad[row] = error.reason
    return pa.array(found, kind), bad


def _where(mask: pa.Array) -> list[int]:
    return pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist()


def _flag(bad: dict[int, str], mask: pa.Array, reason: str) -> None:
    for row in _where(mask):
        bad.setdefault(row, reason)


def _changed(rule: str, before: pa.Array, after: pa.Array) -> Counter[str]:
    """How many values differ and are not blank now."""
    count = pc.sum(pc.and_(pc.not_equal(before, after), pc.not_equal(after, ""))).as_py()
    return Counter({rule: count}) if count else Counter()


def _personal(name: str, column: Column) -> Column:
    """Apply the rule of :mod:`cobranca.sources.people` once per different text; what it refuses is null and counted as invalid.

    The plain cases among them are answered all at once.
    """
    array, read, sure = column.values, _PERSONAL[name], _SURE.get(name)
    encoded = array.dictionary_encode()
    read_once = pa.nulls(len(encoded.dictionary), schema.TEXT) if sure is None else sure(encoded.dictionary)
    rules = pc.if_else(pc.not_equal(read_once, encoded.dictionary), "normalised", pa.scalar(None, schema.TEXT))
    undecided = pc.is_null(read_once)
    asked = encoded.dictionary.filter(undecided).to_pylist()
    answers = [read(text) for text in asked]
    how = [people.repair(name, text, answer) for text, answer in zip(asked, answers, strict=True)]
    read_once = pc.replace_with_mask(read_once, undecided, pa.array(answers, schema.TEXT))
    rules = pc.replace_with_mask(rules, undecided, pa.array(how, schema.TEXT))
    result = read_once.take(encoded.indices)
    lost = pc.and_(pc.is_valid(array), pc.is_null(result))
    repaired = Counter({row["values"]: row["counts"] for row in rules.take(encoded.indices).value_counts().to_pylist()})
    del repaired[None]
    return Column(result, dict.fromkeys(_where(lost), "invalid"), column.repaired + repaired)


def _one_of(array: pa.Array, reason: str, allowed: pa.Array, default: str, repaired: Counter[str]) -> Column:
    if array.null_count:
        repaired = repaired + Counter(defaulted=array.null_count)
    array = pc.fill_null(array, default)
    known = pc.is_in(array, allowed)
    bad = dict.fromkeys(_where(pc.invert(known)), reason)
    return Column(pc.if_else(known, array, pa.scalar(None, schema.TEXT)) if bad else array, bad, repaired)


@lru_cache(maxsize=1)
def _currencies() -> pa.Array:
    return pa.array(sorted(list_currencies()), schema.TEXT)


def _total(array: pa.Array) -> Decimal:
    return pc.sum(array.cast(pa.decimal128(38, 2))).as_py() or Decimal(0)


def _money_vector(values: Sequence, kinds: set[type], in_cents: bool) -> pa.Array:
    if in_cents:
        if kinds - {int}:
            raise TypeError
        return quick.cents(pa.array(values, pa.int64()))
    if kinds - {int, Decimal}:
        raise TypeError
    return pa.array(values, schema.MONEY)


def _money_slow(values: Sequence, in_cents: bool) -> tuple[Column, dict[int, Decimal], bool]:
    """Value by value; also the numbers that were refused, by row, and whether all were finite."""
    found, bad, lost, finite = [], {}, {}, True
    for row, value in enumerate(values):
        try:
            found.append(None if value is None else _money_of(value, in_cents))
        except Unreadable as error:
            found.append(None)
            bad[row] = error.reason
            if error.number is not None:
                lost[row] = error.number
            finite &= error.reason != "not_finite"
    return Column(pa.array(found, schema.MONEY), bad), lost, finite


def _money_of(value, in_cents: bool) -> Decimal | None:
    number = _number_of(value)
    if number is None:
        return None
    if in_cents:
        if number != number.to_integral_value():
            raise Unreadable("not_whole_cents", number / 100)
        number = number / 100
    if number and number.adjusted() > LARGEST_DIGIT:
        raise Unreadable("too_large", number)
    exact = number.quantize(CENT)
    if exact != number:
        raise Unreadable("too_many_decimals", number)
    return exact


def _number_of(value) -> Decimal | None:
    """A finite number, exactly; blank text is null."""
    if isinstance(value, bool):
        raise Unreadable("unreadable")
    if isinstance(value, float):
        number = Decimal(repr(value))
    elif isinstance(value, (int, Decimal)):
        number = Decimal(value)
    else:
        text = _text_of(value).strip()
        if not text:
            return None
        if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            raise Unreadable("not_finite")
        try:
            number = parse_money(text)
        except ValueError:
            raise Unreadable("unreadable") from None
    if not number.is_finite():
        raise Unreadable("not_finite")
    return number


def _rate_of(value) -> Decimal | None:
    number = _number_of(value)
    if number is not None and not 0 <= number < 1:
        raise Unreadable("out_of_range")
    return None if number is None else number.quantize(RATE_STEP, rounding=ROUND_HALF_UP)


def _text_of(value) -> str:
    if isinstance(value, str):
        # A lone surrogate has no UTF-8 form and would stop the file.
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (float, Decimal)):
        # A key in a numeric column: 123.00 and 123.0 are the key 123.
        number = Decimal(repr(value)) if isinstance(value, float) else value
        if not number.is_finite():
            raise Unreadable("not_finite")
        return f"{number:f}".rstrip("0").rstrip(".") if "." in f"{number:f}" else f"{number:f}"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value)


def _dates_column(column: Column) -> Column:
    """Dates from text; raises like Arrow's casts where one has no usual form."""
    found = _dates_from_text(column.values)
    compact = pc.sum(pc.and_(pc.equal(pc.utf8_length(column.values), 8), pc.is_valid(found))).as_py()
    return Column(found, {}, Counter(reformatted=compact) if compact else Counter())


def _dates_from_text(array: pa.Array) -> pa.Array:
    array = pc.replace_substring_regex(array, r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")
    array = pc.if_else(pc.is_in(array, pa.array(_EMPTY_DATES)), pa.scalar(None, schema.TEXT), array)
    if not pc.all(pc.match_substring_regex(array, _DATE_VECTOR), min_count=0).as_py():
        raise ValueError
    if pc.any(pc.match_substring_regex(array, _ELSEWHERE)).as_py():
        raise ValueError
    return pc.utf8_slice_codeunits(array, 0, 10).cast(schema.DATE)


def _date_of(value) -> date | None:
    if isinstance(value, datetime):
        return (value.astimezone(SAO_PAULO) if value.tzinfo else value).date()
    if isinstance(value, date):
        return value
    text = _text_of(value).strip()
    if text in _EMPTY_DATES or text.startswith("0000-00-00"):
        return None
    found = _DATE_TEXT.match(text)
    if not found:
        raise Unreadable("unreadable")
    if _WITH_ZONE.search(text):
        try:
            return datetime.fromisoformat(text).astimezone(SAO_PAULO).date()
        except (ValueError, OverflowError):
            raise Unreadable("unreadable") from None
    year, month, day = (int(part) for part in found.groups() if part)
    try:
        return date(year, month, day)
    except ValueError:
        raise Unreadable("unreadable") from None


def _time_of(value) -> datetime | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        text = _text_of(value).strip()
        if text in _EMPTY_DATES or text.startswith("0000-00-00"):
            return None
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            raise Unreadable("unreadable") from None
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _flag_of(value) -> bool | None:
    if isinstance(value, bytes) and len(value) == 1 and value[0] in (0, 1):  # MariaDB's BIT(1)
        return bool(value[0])
    text = _text_of(value).strip().lower()
    if not text:
        return None
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise Unreadable("unreadable")
