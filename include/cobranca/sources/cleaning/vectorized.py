"""The clean values of a column that came in bulk, converted at Arrow's speed.

Each function here either gives exactly what the rules of :mod:`cobranca.sources.cleaning.columns`
and :mod:`cobranca.contact_data` give for the same values, or declines with ``None``, and then those
rules decide value by value. So nothing is decided here; the tests hold both ways equal.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cobranca import schema
from cobranca.contact_data import MAILBOX
from cobranca.sources.drivers.arrow_columns import BulkColumn

# More different values than this are no codes: nothing is gained by reading each of them once.
MOST_DIFFERENT = 5_000

_ANY_WHOLE = pa.decimal128(21, 2)
# Arrow casts longer ones without noticing that they overflow: one and 130 zeros would become 0.00.
_LONGEST_NUMBER = 100
_NUMBER = r"^-?\d{1,30}(\.\d{1,30})?$"
_BRAZILIAN_PHONE = r"^\(?([1-46-9][1-9])\)?[ -]?(9\d{4}|[2-5]\d{3})[ .-]?(\d{4})$"
_NOT_PERSONAL_KINDS = (
    "toll_free",
    "premium_rate",
    "shared_cost",
    "uan",
    "voicemail",
    "personal_number",
    "pager",
    "voip",
)


def is_plain(array: pa.Array) -> bool:
    """Whether every character is visible ASCII: nothing to trim, to normalise or to take out."""
    _, offsets, data = array.buffers()
    if data is None or len(array) == 0:
        return True
    first, last = (
        int(place)
        for place in np.frombuffer(offsets, np.int32)[[array.offset, array.offset + len(array)]]
    )
    found = np.frombuffer(data, np.uint8)[first:last]
    return bool(found.size == 0 or (found.min() > 0x20 and found.max() < 0x7F))


def text(column: BulkColumn) -> pa.Array | None:
    """What becomes text: texts and whole numbers as they are, decimals without last zeros."""
    if column.kind == "whole" or (column.kind == "text" and column.is_text):
        return column.array.cast(schema.TEXT)
    if column.kind != "decimal" or not _all_match(column.array, _NUMBER):
        return None
    short = pc.replace_substring_regex(column.array, r"\.0+$", "")
    return pc.replace_substring_regex(short, r"(\.\d*[1-9])0+$", r"\1")


def money(column: BulkColumn, in_cents: bool) -> pa.Array | None:
    """Exact amounts of at most two places."""
    if column.kind not in ("whole", "decimal", "text"):
        return None
    if column.kind == "text" and not (column.is_text and _all_match(column.array, _NUMBER)):
        return None
    if column.is_text and (pc.max(pc.binary_length(column.array)).as_py() or 0) > _LONGEST_NUMBER:
        return None
    try:
        if in_cents:
            return cents(column.array.cast(pa.int64())) if column.kind == "whole" else None
        number = column.array if column.is_text else column.array.cast(_ANY_WHOLE)
        return number.cast(schema.MONEY)
    except (pa.ArrowException, OverflowError):
        return None


def cents(whole: pa.Array) -> pa.Array:
    """The same integers read as hundredths: exact, and no division.

    Raises:
        OverflowError: one is too large for an amount.
    """
    if pc.any(pc.or_(pc.greater_equal(whole, 10**18), pc.less_equal(whole, -(10**18)))).as_py():
        raise OverflowError
    digits = whole.cast(pa.decimal128(19, 0))
    return pa.Array.from_buffers(
        schema.MONEY, len(digits), digits.buffers(), digits.null_count, digits.offset
    )


def day(column: BulkColumn) -> pa.Array | None:
    """Dates in Arrow's own type or as ISO text, of years that Python knows."""
    if column.array.type not in (schema.DATE, schema.TEXT):
        return None
    return _known(column.array, schema.DATE, date)


def time(column: BulkColumn) -> pa.Array | None:
    """Times without a zone as they are, times with one as UTC."""
    if column.array.type == schema.TIME:
        return _known(column.array, schema.TIME, datetime)
    if column.kind != "text" or not column.is_text:
        return None
    for kind in (schema.TIME, pa.timestamp("us", "UTC")):
        try:
            return column.array.cast(kind).cast(schema.TIME)
        except pa.ArrowException:
            continue
    return None


def _known(array: pa.Array, kind: pa.DataType, limits: type[date]) -> pa.Array | None:
    try:
        found = array.cast(kind)
    except pa.ArrowException:
        return None
    ends = pc.min_max(found.cast(pa.int64() if kind == schema.TIME else pa.int32()))
    first, last = (pa.scalar(limit, kind).value for limit in (limits.min, limits.max))
    return (
        found
        if ends["min"].as_py() is None
        or first <= ends["min"].as_py() <= ends["max"].as_py() <= last
        else None
    )


def codes(
    column: BulkColumn, read: Callable[[object], object], kind: pa.DataType
) -> pa.Array | None:
    """A column of few different values, each read once.

    ``None`` when there are many, or one cannot be read.
    """
    encoded = column.array.dictionary_encode()
    if len(encoded.dictionary) > MOST_DIFFERENT:
        return None
    try:
        found = [read(value) for value in BulkColumn(column.kind, encoded.dictionary).values()]
    except ValueError:
        return None
    return pa.array(found, kind).take(encoded.indices)


def emails(array: pa.Array, read: Callable[[str], str | None]) -> pa.Array:
    """Plain lower-case addresses of a domain that ``read`` accepts.

    Null where the rule has to decide.
    """
    parts = pc.extract_regex(array, MAILBOX)
    domains = pc.struct_field(parts, "domain").dictionary_encode()
    known = pa.array(
        [read(f"a@{domain}") == f"a@{domain}" for domain in domains.dictionary.to_pylist()],
        pa.bool_(),
    )
    sure = pc.fill_null(known.take(domains.indices), False)
    return pc.if_else(sure, array, pa.scalar(None, schema.TEXT))


def phones(array: pa.Array) -> pa.Array:
    """Brazilian numbers with area code as most people write them, in E.164.

    Null where the rule has to decide.
    """
    usual = pc.match_substring_regex(array, _BRAZILIAN_PHONE)
    digits = pc.replace_substring_regex(array, r"[() .-]", "")
    good, refused = _phone_patterns()
    sure = pc.and_(usual, pc.match_substring_regex(digits, good))
    sure = pc.and_(sure, pc.invert(pc.match_substring_regex(digits, refused)))
    e164 = pc.binary_join_element_wise(pa.scalar("+55"), digits, "")
    return pc.if_else(sure, e164, pa.scalar(None, schema.TEXT))


def tax_ids(array: pa.Array) -> pa.Array:
    """CPF and CNPJ whose check digits are right, without punctuation.

    Null where the rule has to decide.
    """
    plain = pc.replace_substring_regex(array, r"[ ./-]", "")
    result = pa.nulls(len(array), schema.TEXT)
    for pattern, length in ((r"^\d{11}$", 11), (r"^[0-9A-Z]{12}\d{2}$", 14)):
        shaped = pc.fill_null(pc.match_substring_regex(plain, pattern), False)
        rows = pc.indices_nonzero(shaped)
        if len(rows) == 0:
            continue
        candidates = plain.take(rows)
        right = pa.array(_digits_are_right("".join(candidates.to_pylist()).encode(), length))
        mask = np.zeros(len(array), bool)
        mask[rows.to_numpy()[right.to_numpy(zero_copy_only=False)]] = True
        result = pc.if_else(pa.array(mask), plain, result)
    return result


def _digits_are_right(joined: bytes, length: int) -> np.ndarray:
    """Which tax ids have right check digits: modulo 11 over the characters' codes less 48.

    That is the rule of the Receita Federal, for the alphanumeric CNPJ too.
    """
    signs = np.frombuffer(joined, np.uint8).reshape(-1, length).astype(np.int64) - 48
    # A CPF weighs its digits by 10, 9, ... 2; a CNPJ by 2, 3, ... 9, 2, ... from the right.
    span = 100 if length == 11 else 8
    right: np.ndarray = np.ptp(signs, axis=1) > 0
    for place in (length - 2, length - 1):
        weights = 2 + np.arange(place - 1, -1, -1) % span
        rest = (signs[:, :place] * weights).sum(axis=1) % 11
        right &= signs[:, place] == np.where(rest < 2, 0, 11 - rest)
    return right


def _all_match(array: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(array, pattern), min_count=0).as_py())


@cache
def _phone_patterns() -> tuple[str, str]:
    """What makes a Brazilian number valid, and what makes it no person's, by the library's data."""
    from phonenumbers import PhoneMetadata

    brazil = PhoneMetadata.metadata_for_region("BR")

    def any_of(kinds: Sequence[str]) -> str:
        patterns = [
            getattr(brazil, kind).national_number_pattern
            for kind in kinds
            if getattr(brazil, kind) is not None
        ]
        return (
            "^(?:" + "|".join(re.sub(r"\s", "", pattern) for pattern in patterns if pattern) + ")$"
        )

    return any_of(("fixed_line", "mobile")), any_of(_NOT_PERSONAL_KINDS)
