"""Read CSV files exactly as their source's file describes them; refuse a file that is not."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from cobranca import schema
from cobranca.sources.drivers.stream import CHUNK_ROWS, LARGEST_VALUE, NoNumber
from cobranca.sources.mapping.model import FILE_COLUMNS, Csv

if TYPE_CHECKING:
    from _csv import Reader

    import pyarrow as pa


# What is handed on for text that the named decimal sign does not explain: cleaning calls it
# unreadable.
_UNREADABLE = NoNumber("?")

# At most as many digits as DuckDB adds exactly. Both Python and DuckDB understand these.
NUMBER_FORMATS = {
    ",": r"([-+]?)\s*(?:R\$)?\s*([-+]?)\s*(\d{1,3}(?:\.\d{3}){1,5}|\d{1,18})(?:,(\d{0,18}))?",
    ".": r"([-+]?)\s*(?:R\$)?\s*([-+]?)\s*(\d{1,3}(?:,\d{3}){1,5}|\d{1,18})(?:\.(\d{0,18}))?",
}


class BadLine(Exception):
    """A line that makes its whole file doubtful; the text holds nothing of it."""

    def __init__(self, line: int, problem: str):
        super().__init__(problem)
        self.line, self.problem = line, problem


def csv_tables(path: Path, how: Csv) -> Iterator[tuple[list[str], "pa.Table"]]:
    """Header and rows of one file, chunk by chunk; at least one chunk, which may be empty."""
    encoding = (
        "utf-8-sig" if how.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else how.encoding
    )
    _check_ended(path, how)
    csv.field_size_limit(LARGEST_VALUE)
    with path.open(encoding=encoding, newline="") as handle:
        reader = csv.reader(
            _without_zeros(handle), delimiter=how.delimiter, quotechar=how.quote, strict=True
        )
        records = _records(reader)
        header = list(how.columns) or _header(next(records, None))
        rows: list[list[str]] = []
        lines: list[int] = []
        sent = False
        for line, record in records:
            if len(record) != len(header):
                raise BadLine(line, f"it has {len(record)} fields instead of {len(header)}")
            lines.append(line)
            rows.append(record)
            if len(rows) == CHUNK_ROWS:
                yield header, _table(header, rows, lines, path)
                rows, lines, sent = [], [], True
        if rows or not sent:
            yield header, _table(header, rows, lines, path)


def _check_ended(path: Path, how: Csv) -> None:
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        if size == 0:
            raise BadLine(1, "the file is empty")
        handle.seek(max(0, size - 4))
        end = handle.read()
    # UTF-16 writes a zero byte next to each line end.
    if how.final_newline and not end.rstrip(b"\0").endswith((b"\n", b"\r")):
        raise BadLine(
            _lines_of(path),
            "it is not ended: the file is half written (or set final_newline: false)",
        )


def _lines_of(path: Path) -> int:
    with path.open("rb") as handle:
        return sum(1 for _ in handle)


def _without_zeros(handle: TextIO) -> Iterator[str]:
    for number, line in enumerate(handle, start=1):
        if "\0" in line:
            raise BadLine(
                number,
                "it holds zero bytes: the file is half written, or not in the encoding that was "
                "named",
            )
        yield line


def _records(reader: "Reader") -> Iterator[tuple[int, list[str]]]:
    """Records with the line on which each ends. Empty lines may only stand at the end."""
    empty = None
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # The csv module's texts speak of quotes, delimiters and limits, never of what stands
            # there.
            raise BadLine(max(1, reader.line_num), f"it is no well-formed CSV ({error})") from None
        if not record:
            empty = empty or reader.line_num
        elif empty is not None:
            raise BadLine(empty, "it is empty, and more follows")
        else:
            yield reader.line_num, record


def _header(first: tuple[int, list[str]] | None) -> list[str]:
    if first is None:
        raise BadLine(1, "there is no header")
    names = [name.strip() for name in first[1]]
    for position, name in enumerate(names, start=1):
        if not name:
            raise BadLine(first[0], f"column {position} of the header has no name")
        if (
            name.lower() in [other.lower() for other in names[: position - 1]]
            or name.lower() in FILE_COLUMNS
        ):
            raise BadLine(
                first[0],
                f"column {position} of the header has a name that another column has already",
            )
    return names


def _table(header: list[str], rows: list[list[str]], lines: list[int], path: Path) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    arrays = []
    for values in columns:
        array = pa.array(values, pa.string())
        arrays.append(pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array))
    names = [*header, *FILE_COLUMNS]
    origin = [pa.repeat(path.name, len(rows)).cast(pa.string()), pa.array(lines, pa.int64())]
    return pa.Table.from_arrays([*arrays, *origin], names=names)


def undecodable_line(path: Path, encoding: str) -> int:
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return number
    return 1


def cell_readers(
    entity: str, columns: Sequence[str], how: Csv
) -> dict[int, Callable[[object], object]]:
    """How the text of some columns is read, by their position.

    Money and rates are read by the decimal sign, dates by their pattern.
    """
    number = lru_cache(maxsize=4096)(lambda text: _number(text, how.decimal))
    moment = lru_cache(maxsize=65_536)(lambda text: _date(text, how.date_format or ""))
    found: dict[int, Callable[[object], object]] = {}
    for position, name in enumerate(columns):
        kind = (
            schema.ENTITIES[entity].field(name).type
            if name in schema.ENTITIES[entity].names
            else None
        )
        if kind in (schema.MONEY, schema.RATE):
            found[position] = lambda value: number(value) if isinstance(value, str) else value
        elif kind in (schema.DATE, schema.TIME) and how.date_format:
            found[position] = lambda value: moment(value) if isinstance(value, str) else value
    return found


def _number(text: str, sign: str) -> Decimal | str | None:
    text = text.replace("\u00a0", " ").strip()
    if not text:
        return None
    match = re.fullmatch(NUMBER_FORMATS[sign], text)
    if match is None or (match[1] and match[2]):
        # NaN and infinity keep their own reason.
        return text if text.lower().lstrip("+-") in ("nan", "inf", "infinity") else _UNREADABLE
    minus = "-" if "-" in (match[1], match[2]) else ""
    return Decimal(f"{minus}{re.sub('[.,]', '', match[3])}.{match[4] or '0'}")


def _date(text: str, pattern: str) -> date | datetime | str:
    text = text.strip()
    for tried in (pattern, f"{pattern} %H:%M:%S", f"{pattern} %H:%M"):
        try:
            found = datetime.strptime(text, tried)  # noqa: DTZ007 - a source's day has no zone
        except ValueError:
            continue
        return found.date() if tried == pattern and "%H" not in pattern else found
    return text
