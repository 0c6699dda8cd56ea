"""Clean one canonical column of a chunk.

Arrow's vectors do it where they are exact; elsewhere it is done value by value.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from babel.numbers import list_currencies

from cobranca import contact_data, schema
from cobranca.sources.cleaning import vectorized
from cobranca.sources.cleaning.values import (
    COMPACT_DATE,
    CONTROL_CHARACTERS,
    EMPTY_DATES,
    CleanColumn,
    UnreadableValue,
    date_of,
    dates_column,
    flag_of,
    money_of,
    percentage_of,
    rate_of,
    rows_where,
    text_of,
    time_of,
)
from cobranca.sources.drivers.arrow_columns import BulkColumn

# The values of one column as its driver gave them.
Values: TypeAlias = Sequence[object] | BulkColumn

PERSONAL_COLUMNS: dict[str, Callable[[str], str | None]] = {
    "tax_id": contact_data.tax_id,
    "email": contact_data.first_email,
    "phone": contact_data.first_phone,
    "state": contact_data.state,
}

# The same answers for the plain cases, a whole column at a time.
_SURE: dict[str, Callable[[pa.Array], pa.Array]] = {
    "tax_id": vectorized.tax_ids,
    "email": lambda array: vectorized.emails(array, contact_data.first_email),
    "phone": vectorized.phones,
}

# The codes by which control totals are kept; what is no known code counts under UNREADABLE.
GROUPED = {"customers": (), "receivables": ("currency", "status"), "payments": ("kind",)}

# The same with the date that decides most: where rows are kept from another night, a date moved
# silently must be noticed.
DATED = {
    "customers": (),
    "receivables": ("currency", "status", "due_date"),
    "payments": ("kind", "paid_on"),
}

UNREADABLE = "?"


def texts(values: Values, line_break: str = " ") -> CleanColumn:
    """Trimmed text, blank as null.

    ``line_break`` stands for line breaks and other control characters.
    """
    array = vectorized.text(values) if isinstance(values, BulkColumn) else None
    bad: dict[int, str] = {}
    if array is None:
        found = plain_values(values)
        kinds = set(map(type, found)) - {type(None)}
        try:
            if kinds <= {str}:
                array = pa.array(found, schema.TEXT)
            elif kinds == {int}:
                return CleanColumn(pa.array(found, pa.int64()).cast(schema.TEXT), {})
            else:
                raise TypeError
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            array, bad = _each(found, text_of, schema.TEXT)
    repaired: Counter[str] = Counter()
    if not vectorized.is_plain(array):
        before = array
        if pc.any(pc.match_substring_regex(array, CONTROL_CHARACTERS)).as_py():
            array = pc.replace_substring_regex(array, CONTROL_CHARACTERS, line_break)
        array = pc.utf8_trim_whitespace(array)
        repaired = count_changed("trimmed", before, array)
    return CleanColumn(
        pc.if_else(pc.equal(array, ""), pa.scalar(None, schema.TEXT), array), bad, repaired
    )


def dates(values: Values) -> CleanColumn:
    """Dates from date, datetime, ISO text (its first ten characters) or ``YYYYMMDD``.

    0000-00-00 is null. A time that names its zone is of the day it is in São Paulo: 02:30 UTC is
    still yesterday there.
    """
    if isinstance(values, BulkColumn):
        quickly = vectorized.day(values)
        if quickly is not None:
            return CleanColumn(quickly, {})
        if values.kind in ("text", "whole"):
            with suppress(pa.ArrowException, ValueError):
                return dates_column(texts(values))
        values = values.values()
    kinds = set(map(type, values)) - {type(None)}
    try:
        if kinds <= {date}:
            return CleanColumn(pa.array(values, schema.DATE), {})
        if kinds == {datetime} and not _name_zones(values):
            days = [value.date() if isinstance(value, datetime) else None for value in values]
            return CleanColumn(pa.array(days, schema.DATE), {})
        if kinds <= {str} or kinds == {int}:
            return dates_column(texts(values))
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        pass
    array, bad = _each(values, date_of, schema.DATE)
    compact = sum(
        bool(COMPACT_DATE.match(str(value))) for row, value in enumerate(values) if row not in bad
    )
    return CleanColumn(array, bad, Counter(reformatted=compact) if compact else Counter())


def times(values: Values) -> CleanColumn:
    """Points in time as UTC without a zone; a time that has no zone is taken as it is."""
    if isinstance(values, BulkColumn):
        quickly = vectorized.time(values)
        if quickly is not None:
            return CleanColumn(quickly, {})
        values = values.values()
    kinds = set(map(type, values)) - {type(None)}
    try:
        if kinds <= {datetime} and not _name_zones(values):
            return CleanColumn(pa.array(values, schema.TIME), {})
        if kinds <= {str}:
            array = texts(values).values
            array = pc.replace_substring_regex(array, r"(\+00(:?00)?|Z)$", "")
            array = pc.if_else(
                pc.is_in(array, pa.array(EMPTY_DATES)), pa.scalar(None, schema.TEXT), array
            )
            return CleanColumn(array.cast(schema.TIME), {})
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        pass
    return CleanColumn(*_each(values, time_of, schema.TIME))


def _name_zones(values: Sequence[object]) -> bool:
    """Whether one of these times names its zone."""
    return any(isinstance(value, datetime) and value.tzinfo is not None for value in values)


def flags(values: Values) -> CleanColumn:
    """Flags from bool, 0/1, S/N, sim/não, true/false.

    Null is false, and what cannot be read counts as set.
    """
    if isinstance(values, BulkColumn):
        if values.array.type == schema.FLAG:
            return CleanColumn(pc.fill_null(values.array, False), {})
        quickly = vectorized.codes(values, flag_of, schema.FLAG)
        if quickly is not None:
            return CleanColumn(pc.fill_null(quickly, False), {})
        values = values.values()
    kinds = set(map(type, values)) - {type(None)}
    bad: dict[int, str] = {}
    if kinds <= {bool}:
        array = pa.array(values, schema.FLAG)
    else:
        array, bad = _each(values, flag_of, schema.FLAG)
    if bad:
        unreadable = pc.is_in(pa.array(range(len(array))), pa.array(list(bad), pa.int64()))
        array = pc.if_else(unreadable, True, array)
    return CleanColumn(pc.fill_null(array, False), bad)


def rates(values: Values, *, is_percent: bool = False) -> CleanColumn:
    """Fractions from 0 to below 1, rounded half up to six places.

    A number is a fraction, or in per cent where the source says so: then 2 is 0.02, else it is
    refused.
    """
    read = percentage_of if is_percent else rate_of
    if isinstance(values, BulkColumn):
        quickly = vectorized.codes(values, read, schema.RATE)
        if quickly is not None:
            return CleanColumn(quickly, {})
        values = values.values()
    return CleanColumn(*_each(values, lru_cache(maxsize=1024)(read), schema.RATE))


def plain_values(values: Values) -> Sequence[object]:
    """The values as Python objects."""
    return values.values() if isinstance(values, BulkColumn) else values


def _each(
    values: Sequence[object], read: Callable[[Any], object], kind: pa.DataType
) -> tuple[pa.Array, dict[int, str]]:
    found: list[object] = []
    bad: dict[int, str] = {}
    for row, value in enumerate(values):
        try:
            found.append(None if value is None else read(value))
        except UnreadableValue as error:
            found.append(None)
            bad[row] = error.reason
    return pa.array(found, kind), bad


def count_changed(rule: str, before: pa.Array, after: pa.Array) -> Counter[str]:
    """How many values differ and are not blank now."""
    count = pc.sum(pc.and_(pc.not_equal(before, after), pc.not_equal(after, ""))).as_py()
    return Counter({rule: count}) if count else Counter()


def personal(name: str, column: CleanColumn) -> CleanColumn:
    """Apply the rule of :mod:`cobranca.contact_data` once per different text.

    What it refuses is null and counted as invalid. The plain cases are answered all at once.
    """
    array, read, sure = column.values, PERSONAL_COLUMNS[name], _SURE.get(name)
    encoded = array.dictionary_encode()
    read_once = (
        pa.nulls(len(encoded.dictionary), schema.TEXT) if sure is None else sure(encoded.dictionary)
    )
    rules = pc.if_else(
        pc.not_equal(read_once, encoded.dictionary), "normalised", pa.scalar(None, schema.TEXT)
    )
    undecided = pc.is_null(read_once)
    asked = encoded.dictionary.filter(undecided).to_pylist()
    answers = [read(text) for text in asked]
    how = [
        contact_data.repair(name, text, answer) for text, answer in zip(asked, answers, strict=True)
    ]
    read_once = pc.replace_with_mask(read_once, undecided, pa.array(answers, schema.TEXT))
    rules = pc.replace_with_mask(rules, undecided, pa.array(how, schema.TEXT))
    result = read_once.take(encoded.indices)
    lost = pc.and_(pc.is_valid(array), pc.is_null(result))
    repaired = Counter(
        {
            row["values"]: row["counts"]
            for row in rules.take(encoded.indices).value_counts().to_pylist()
        }
    )
    del repaired[None]
    return CleanColumn(
        result, dict.fromkeys(rows_where(lost), "invalid"), column.repaired + repaired
    )


def one_of(
    array: pa.Array, reason: str, allowed: pa.Array, default: str, repaired: Counter[str]
) -> CleanColumn:
    if array.null_count:
        repaired = repaired + Counter(defaulted=array.null_count)
    array = pc.fill_null(array, default)
    known = pc.is_in(array, allowed)
    bad = dict.fromkeys(rows_where(pc.invert(known)), reason)
    return CleanColumn(
        pc.if_else(known, array, pa.scalar(None, schema.TEXT)) if bad else array, bad, repaired
    )


@lru_cache(maxsize=1)
def currencies() -> pa.Array:
    return pa.array(sorted(list_currencies()), schema.TEXT)


def total(array: pa.Array) -> Decimal:
    """The exact sum; zero where there is nothing to add."""
    return pc.sum(array.cast(pa.decimal128(38, 2))).as_py() or Decimal(0)


def money_by_vector(values: Sequence[object], kinds: set[type], in_cents: bool) -> pa.Array:
    if in_cents:
        if kinds - {int}:
            raise TypeError
        return vectorized.cents(pa.array(values, pa.int64()))
    if kinds - {int, Decimal}:
        raise TypeError
    return pa.array(values, schema.MONEY)


def money_by_value(
    values: Sequence[object], in_cents: bool
) -> tuple[CleanColumn, dict[int, Decimal], bool]:
    """Value by value; also the numbers that were refused, by row, and whether all were finite."""
    found: list[Decimal | None] = []
    bad: dict[int, str] = {}
    lost: dict[int, Decimal] = {}
    finite = True
    for row, value in enumerate(values):
        try:
            found.append(None if value is None else money_of(value, in_cents))
        except UnreadableValue as error:
            found.append(None)
            bad[row] = error.reason
            if error.number is not None:
                lost[row] = error.number
            finite &= error.reason != "not_finite"
    return CleanColumn(pa.array(found, schema.MONEY), bad), lost, finite
