"""A whole result as columns of text, at a speed that rows of Python objects never reach.

PostgreSQL copies a query's result out as CSV; MariaDB and MySQL are asked to write each row as one CSV line, whose
packets are taken off the connection in blocks. Both run inside the snapshot's own transaction, so nothing is ever read
from another moment, and every value arrives as the database itself prints it, so no number is rounded.

Column types that print otherwise than their driver reads them (binary, JSON, arrays, MariaDB's floats) are not
covered: :func:`open_bulk` then answers ``None`` and the rows come through SQLAlchemy.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 16_384
CHUNK_BYTES = 8 << 20

# How a column's text becomes the value that its driver would have given.
_VALUES: dict[str, Callable[[str], object]] = {
    "text": str,
    "whole": int,
    "decimal": Decimal,
    "float": float,
    "flag": lambda text: text == "t",
}
# PostgreSQL's type numbers (pg_type.dat). Dates come as text on the general path too.
_POSTGRES_KINDS = {
    20: "whole", 21: "whole", 23: "whole", 26: "whole", 1700: "decimal", 700: "float", 701: "float", 16: "flag",
    18: "text", 19: "text", 25: "text", 1042: "text", 1043: "text", 1082: "text", 1114: "text", 1184: "text", 2950: "text",
}  # fmt: skip
# MariaDB's and MySQL's (field types of the client protocol).
_MYSQL_WHOLE = {1, 2, 3, 8, 9}
_MYSQL_DECIMAL = {0, 246}
_MYSQL_DATES = {7, 10, 12, 14}
_MYSQL_TEXTS = {15, 249, 250, 251, 252, 253, 254}
_MYSQL_NULL = 6
_ZEROFILL = 64
_BINARY_CHARSET = 63
_LARGEST_PACKET = 0xFFFFFF
_HEADER = struct.Struct("<I").unpack_from


class Damaged(OSError):
    """What came over the connection is no result of this query. Its text holds nothing of a row."""


@dataclass(frozen=True)
class TextColumn:
    """One column as the database printed it, and the kind of value that its driver would have read from it."""

    kind: str
    array: "pa.Array"

    def values(self) -> list:
        """The values as the general path gives them."""
        read = _VALUES[self.kind]
        return [None if text is None else read(text) for text in self.array.to_pylist()]


@dataclass(frozen=True)
class TextTable:
    """Some rows of a result, column by column."""

    kinds: dict[str, str]
    table: "pa.Table"

    def __len__(self) -> int:
        return self.table.num_rows

    @cached_property
    def longest(self) -> dict[str, int]:
        """Bytes of the longest value of each column."""
        import pyarrow.compute as pc

        return {name: pc.max(pc.binary_length(self.table[name])).as_py() or 0 for name in self.kinds}

    def columns(self) -> dict[str, TextColumn]:
        return {name: TextColumn(kind, self.table[name].combine_chunks()) for name, kind in self.kinds.items()}


@dataclass
class Bulk:
    """Lower-case column names, and the rows on their way."""

    columns: tuple[str, ...]
    tables: Iterator[TextTable]


def open_bulk(connection: sa.Connection, query: str) -> Bulk | None:
    """Start reading a query in bulk; ``None`` where the engine, its driver or a column's type has no such way.

    Raises:
        SQLAlchemyError: the database refuses the query. While rows are read also :class:`Damaged`.
    """
    if (connection.dialect.name, connection.dialect.driver) == ("postgresql", "psycopg"):
        return _open_postgres(connection, query)
    if (connection.dialect.name, connection.dialect.driver) == ("mysql", "pymysql"):
        return _open_mysql(connection, query)
    return None


def _described(connection: sa.Connection, query: str) -> sa.CursorResult:
    described = f"select * from (\n{query}\n) q limit 0"
    return connection.exec_driver_sql(described, execution_options={"no_parameters": True})


def _names(result: sa.CursorResult) -> tuple[str, ...]:
    return tuple(item[0].lower() for item in result.cursor.description)


def _open_postgres(connection: sa.Connection, query: str) -> Bulk | None:
    driver = connection.connection.driver_connection
    result = _described(connection, query)
    kinds = [_postgres_kind(driver, item.type_code) for item in result.cursor.description]
    columns = _names(result)
    result.close()
    if None in kinds or driver.info.encoding != "utf-8" or len(set(columns)) < len(columns):
        return None
    copied = _as_driver_errors(connection, _copied(driver, f"copy (\n{query}\n) to stdout (format csv)"))
    return Bulk(columns, _tables(copied, b"", dict(zip(columns, kinds, strict=True))))


def _postgres_kind(driver, type_code: int) -> str | None:
    from psycopg.pq import Format

    # An enum or another type of the company's own, which psycopg gives as the text it is printed as.
    own = type_code >= 16_384 and driver.adapters.get_loader(type_code, Format.TEXT) is None
    return "text" if own else _POSTGRES_KINDS.get(type_code)


def _copied(driver, statement: str) -> Iterator[list[bytes]]:
    with driver.cursor() as cursor, cursor.copy(statement):
        ended = False
        while not ended:
            lines, ended = driver.wait(_some_lines(driver.pgconn))
            yield lines


def _some_lines(pgconn) -> Iterator:
    """Lines of a running COPY, as a generator in psycopg's manner: it yields whenever the connection is to be waited for.

    ``Copy.read`` itself waits and returns line by line, which takes longer than everything else that is done to a row.
    """
    from psycopg.waiting import Wait

    lines, size = [], 0
    while size < CHUNK_BYTES and len(lines) < CHUNK_ROWS:
        length, line = pgconn.get_copy_data(1)
        if length > 0:
            lines.append(line)
            size += length
        elif length == 0:
            while not (yield Wait.R):
                continue
            pgconn.consume_input()
        else:
            yield from _end(pgconn)
            return lines, True
    return lines, False


def _end(pgconn) -> Iterator:
    """Take what the server says at the end of a COPY, as a generator in psycopg's manner.

    Raises:
        psycopg.Error: the server broke off.
    """
    from psycopg.errors import error_from_result
    from psycopg.pq import ExecStatus
    from psycopg.waiting import Wait

    failed = None
    while True:
        while pgconn.is_busy():
            while not (yield Wait.R):
                continue
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            break
        if result.status == ExecStatus.FATAL_ERROR:
            failed = result
    if failed is not None:
        raise error_from_result(failed)


def _as_driver_errors(connection: sa.Connection, lines: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """The driver's own errors as SQLAlchemy wraps them, so that they are explained like those of the general path."""
    dbapi = connection.dialect.dbapi
    try:
        yield from lines
    except dbapi.Error as error:
        lost = connection.dialect.is_disconnect(error, connection.connection.driver_connection, None)
        raise sa.exc.DBAPIError.instance(
            None, None, error, dbapi.Error, hide_parameters=True, connection_invalidated=lost, dialect=connection.dialect
        ) from None


def _open_mysql(connection: sa.Connection, query: str) -> Bulk | None:
    driver = connection.connection.driver_connection
    if driver.charset not in ("utf8mb4", "utf8mb3", "utf8"):
        return None
    try:
        result = _described(connection, query)
    except sa.exc.DBAPIError as error:
        if error.orig.args and error.orig.args[0] == 1060:  # a column that comes twice is the general path's to tell
            return None
        raise
    fields = result.cursor._result.fields
    columns = _names(result)
    result.close()
    kinds = [_mysql_kind(field) for field in fields]
    if None in kinds or len(columns) < 2:
        return None
    written = ", ".join(_mysql_csv(field.name, kind, field.type_code) for field, kind in zip(fields, kinds, strict=True))
    packets = _packets(driver, f"select concat_ws(',', {written}) from (\n{query}\n) q")
    return Bulk(columns, _tables(_as_driver_errors(connection, packets), b"\n", dict(zip(columns, kinds, strict=True))))


def _mysql_kind(field) -> str | None:
    if field.type_code in _MYSQL_WHOLE:
        return None if field.flags & _ZEROFILL else "whole"
    if field.type_code in _MYSQL_DECIMAL:
        return None if field.flags & _ZEROFILL else "decimal"
    if field.type_code in _MYSQL_DATES or field.type_code == _MYSQL_NULL:
        return "text"
    if field.type_code in _MYSQL_TEXTS and field.charsetnr != _BINARY_CHARSET:
        return "text"
    return None


def _mysql_csv(name: str, kind: str, type_code: int) -> str:
    """One value as CSV writes it: NULL as nothing, text in quotes."""
    column = f"`{name.replace('`', '``')}`"
    if kind != "text" or type_code in _MYSQL_DATES:
        return f"ifnull({column}, '')"
    return f"""ifnull(concat('"', replace({column}, '"', '""'), '"'), '')"""


def _packets(driver, statement: str) -> Iterator[list[bytes]]:
    """The one column of each row, as bytes; the client protocol's packets are cut by their length headers only.

    pymysql builds an object for each packet and each value, which takes longer than everything else that is done to a
    row; so its buffered reader is read in blocks here, until the packet that ends the result.
    """
    from pymysql.cursors import SSCursor
    from pymysql.protocol import MysqlPacket

    cursor = driver.cursor(SSCursor)
    cursor.execute(statement)
    result, reader = cursor._result, driver._rfile
    # From here on the connection is out of step until the last packet; nothing else may read from it.
    rest, last = b"", None
    while last is None:
        block = reader.read1(1 << 18)
        if not block:
            result.unbuffered_active = False
            driver._force_close()
            raise driver.OperationalError(2013, "Lost connection to MySQL server during query")
        lines, used, last = _cut(rest + block if rest else block)
        rest = (rest + block if rest else block)[used:]
        if lines:
            yield lines
    result.unbuffered_active = False
    packet = MysqlPacket(last, driver.encoding)
    if packet.is_error_packet():
        packet.raise_for_error()
    result.connection = None


def _cut(buffer: bytes) -> tuple[list[bytes], int, bytes | None]:
    """Whole packets of a buffer: the rows' text, how many bytes they took, and the packet that ends the result."""
    lines, at, end = [], 0, len(buffer)
    while at + 5 <= end:
        size = _HEADER(buffer, at)[0] & 0xFFFFFF
        after = at + 4 + size
        if size == _LARGEST_PACKET:
            raise Damaged("a row of more than 16 MB")
        if after > end:
            break
        first = buffer[at + 4]
        if first < 0xFB:
            lines.append(buffer[at + 5 : after])
        elif first == 0xFC:
            lines.append(buffer[at + 7 : after])
        elif first == 0xFD:
            lines.append(buffer[at + 8 : after])
        elif first == 0xFE and size >= 9:
            lines.append(buffer[at + 13 : after])
        elif first == 0xFB:
            raise Damaged("a row that is larger than the server's max_allowed_packet")
        else:
            return lines, after, buffer[at + 4 : after]
        at = after
    return lines, at, None


def _tables(blocks: Iterator[Sequence[bytes]], separator: bytes, kinds: dict[str, str]) -> Iterator[TextTable]:
    waiting: list[bytes] = []
    size = 0
    for lines in blocks:
        waiting += lines
        size += sum(map(len, lines))
        if len(waiting) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield _table(waiting, separator, kinds)
            waiting, size = [], 0
    if waiting:
        yield _table(waiting, separator, kinds)


def _table(lines: list[bytes], separator: bytes, kinds: dict[str, str]) -> TextTable:
    import pyarrow as pa
    from pyarrow import csv

    body = separator.join(lines)
    try:
        table = csv.read_csv(
            pa.py_buffer(body),
            read_options=csv.ReadOptions(column_names=list(kinds), block_size=len(body) + 1),
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(kinds, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowException:
        table = None  # its text quotes the row
    if table is None or table.num_rows != len(lines):
        raise Damaged("rows that are not what the query returns")
    return TextTable(kinds, table)
