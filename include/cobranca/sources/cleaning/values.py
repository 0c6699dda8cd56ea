"""Convert single values: money, rates, dates, times, flags and texts.

A value that cannot be read raises :class:`UnreadableValue` with the code of the reason.
"""

import re
from collections import Counter
from dataclasses import dataclass
from dataclasses import field as default
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal

import pyarrow as pa
import pyarrow.compute as pc

from cobranca import schema
from cobranca.money import parse_money
from cobranca.time_zone import TIME_ZONE

CENT, RATE_STEP = Decimal("0.01"), Decimal("0.000001")

DIGITS = 200  # no database returns a longer number, so no sum is ever rounded

LARGEST_DIGIT = 15  # decimal(18,2) has 16 digits before the comma

_YES = frozenset({"1", "s", "sim", "y", "yes", "t", "true", "v", "verdadeiro"})

_NO = frozenset({"0", "n", "nao", "não", "no", "f", "false", "falso"})

EMPTY_DATES = frozenset(
    {"", "00000000", "0", "0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00"}
)

_DATE_TEXT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:$|[T ]\d{2}:\d{2})|(\d{4})(\d{2})(\d{2})$")

COMPACT_DATE = re.compile(r"\s*(?!0{8})\d{8}\s*$")

_WITH_ZONE = re.compile(r"\d{2}:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$")

# A zone that may be another one than São Paulo's, which PostgreSQL's session prints: all but -03,
# and -03 too until 2019, when there was a summer time.
_ELSEWHERE = (
    r"\d{2}:\d{2}.*(Z|\+\d{2}(:?\d{2})?|-(0[0-24-9]|1\d)(:?\d{2})?|-03:?(0[1-9]|[1-9]\d))$"
    r"|^(1\d{3}|20[01]\d)-.*\d{2}:\d{2}.*-03(:?00)?$"
)

_DATE_VECTOR = r"^\d{4}-\d{2}-\d{2}($|[T ]\d{2}:\d{2})"

CONTROL_CHARACTERS = r"[\x00-\x1f\x7f]"


class UnreadableValue(ValueError):
    """One value cannot be read.

    ``reason`` is its code, and ``number`` the amount that the value holds all the same.
    """

    def __init__(self, reason: str, number: Decimal | None = None):
        super().__init__(reason)
        self.reason, self.number = reason, number


@dataclass
class CleanColumn:
    """One converted column.

    ``bad`` maps row positions to reason codes, and there the value is null.

    ``repaired`` counts by rule how many values were written differently than they land.
    """

    values: pa.Array
    bad: dict[int, str]
    repaired: Counter[str] = default(default_factory=Counter)


def rows_where(mask: pa.Array) -> list[int]:
    """The positions at which a mask is true."""
    rows: list[int] = pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist()
    return rows


def add_reason(bad: dict[int, str], mask: pa.Array, reason: str) -> None:
    """Give the rows of a mask a reason, where they have none yet."""
    for row in rows_where(mask):
        bad.setdefault(row, reason)


def money_of(value: object, in_cents: bool) -> Decimal | None:
    number = _number_of(value)
    if number is None:
        return None
    if in_cents:
        if number != number.to_integral_value():
            raise UnreadableValue("not_whole_cents", number / 100)
        number = number / 100
    if number and number.adjusted() > LARGEST_DIGIT:
        raise UnreadableValue("too_large", number)
    exact = number.quantize(CENT)
    if exact != number:
        raise UnreadableValue("too_many_decimals", number)
    return exact


def _number_of(value: object) -> Decimal | None:
    """A finite number, exactly; blank text is null."""
    if isinstance(value, bool):
        raise UnreadableValue("unreadable")
    if isinstance(value, float):
        number = Decimal(repr(value))
    elif isinstance(value, (int, Decimal)):
        number = Decimal(value)
    else:
        text = text_of(value).strip()
        if not text:
            return None
        if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            raise UnreadableValue("not_finite")
        try:
            number = parse_money(text)
        except ValueError:
            raise UnreadableValue("unreadable") from None
    if not number.is_finite():
        raise UnreadableValue("not_finite")
    return number


def rate_of(value: object) -> Decimal | None:
    """A rate as a fraction; text with a per cent sign is one of a hundred."""
    text = value.strip() if isinstance(value, str) else ""
    if text.endswith("%"):
        return percentage_of(text)
    return _fraction(_number_of(value))


def percentage_of(value: object) -> Decimal | None:
    """A rate in per cent, as a fraction: 2 is 0.02."""
    number = _number_of(value.removesuffix("%") if isinstance(value, str) else value)
    return _fraction(None if number is None else number / 100)


def _fraction(number: Decimal | None) -> Decimal | None:
    if number is None:
        return None
    if number < 0:
        raise UnreadableValue("negative")
    if number >= 1:
        raise UnreadableValue("rate_too_high")
    return number.quantize(RATE_STEP, rounding=ROUND_HALF_UP)


def text_of(value: object) -> str:
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
            raise UnreadableValue("not_finite")
        return f"{number:f}".rstrip("0").rstrip(".") if "." in f"{number:f}" else f"{number:f}"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value)


def dates_column(column: CleanColumn) -> CleanColumn:
    """Dates from text; raises like Arrow's casts where one has no usual form."""
    found = _dates_from_text(column.values)
    compact = pc.sum(
        pc.and_(pc.equal(pc.utf8_length(column.values), 8), pc.is_valid(found))
    ).as_py()
    return CleanColumn(found, {}, Counter(reformatted=compact) if compact else Counter())


def _dates_from_text(array: pa.Array) -> pa.Array:
    array = pc.replace_substring_regex(array, r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")
    array = pc.if_else(pc.is_in(array, pa.array(EMPTY_DATES)), pa.scalar(None, schema.TEXT), array)
    if not pc.all(pc.match_substring_regex(array, _DATE_VECTOR), min_count=0).as_py():
        raise ValueError
    if pc.any(pc.match_substring_regex(array, _ELSEWHERE)).as_py():
        raise ValueError
    return pc.utf8_slice_codeunits(array, 0, 10).cast(schema.DATE)


def date_of(value: object) -> date | None:
    if isinstance(value, datetime):
        return (value.astimezone(TIME_ZONE) if value.tzinfo else value).date()
    if isinstance(value, date):
        return value
    text = text_of(value).strip()
    if text in EMPTY_DATES or text.startswith("0000-00-00"):
        return None
    found = _DATE_TEXT.match(text)
    if not found:
        raise UnreadableValue("unreadable")
    if _WITH_ZONE.search(text):
        try:
            return datetime.fromisoformat(text).astimezone(TIME_ZONE).date()
        except (ValueError, OverflowError):
            raise UnreadableValue("unreadable") from None
    year, month, day = (int(part) for part in found.groups() if part)
    try:
        return date(year, month, day)
    except ValueError:
        raise UnreadableValue("unreadable") from None


def time_of(value: object) -> datetime | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    if isinstance(value, datetime):
        found = value
    else:
        text = text_of(value).strip()
        if text in EMPTY_DATES or text.startswith("0000-00-00"):
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise UnreadableValue("unreadable") from None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def flag_of(value: object) -> bool | None:
    if isinstance(value, bytes) and len(value) == 1 and value[0] in (0, 1):  # MariaDB's BIT(1)
        return bool(value[0])
    text = text_of(value).strip().lower()
    if not text:
        return None
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise UnreadableValue("unreadable")
