"""MariaDB's and MySQL's rows as Arrow columns, read from the client protocol's own packets.

The text protocol sends each row as one packet, and in it each value with its length before it. Here
the packets are found one by one; then the first value of all rows is found at once, from its end
the second, and so on, column by column.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from cobranca.sources.drivers.arrow_columns import (
    Bulk,
    BulkTable,
    ProtocolError,
    as_driver_errors,
    describe_query,
)
from cobranca.sources.drivers.dialects import driver_connection

BLOCK_BYTES = 2 << 20
# Less room than this in a block, and the next one is begun.
_ROOM = 64 << 10
# Field types of the client protocol.
_WHOLE = {1, 2, 3, 8, 9}
_DECIMAL = {0, 246}
_FLOAT = {4, 5}
_DATES = {7, 10, 12, 14}
_TEXTS = {15, 249, 250, 251, 252, 253, 254}
_NOTHING = 6
_ZEROFILL = 64
_BINARY_CHARSET = 63
_LARGEST_PACKET = 0xFFFFFF
_HEADER = struct.Struct("<I").unpack_from
# The byte before a value: its length up to 250, NULL, or that the length is in the next 2, 3 or 8
# bytes.
_NULL, _LONG = 0xFB, {0xFC: 2, 0xFD: 3, 0xFE: 8}
_END, _ERROR = 0xFE, 0xFF


def open_mysql(connection: sa.Connection) -> "MysqlReader | None":
    """A reader on this very connection; ``None`` where it speaks no UTF-8."""
    known = driver_connection(connection).charset in ("utf8mb4", "utf8mb3", "utf8")
    return MysqlReader(connection) if known else None


class MysqlReader:
    """Reads one result after the other from the snapshot's own connection."""

    def __init__(self, connection: sa.Connection):
        self._connection = connection

    def read(self, query: str) -> Bulk | None:
        try:
            result = describe_query(self._connection, query)
        except sa.exc.DBAPIError as error:
            # A column that comes twice is the general path's to tell.
            if error.orig is not None and error.orig.args[:1] == (1060,):
                return None
            raise
        described: Any = result.cursor
        fields = described._result.fields
        found = {field.name.lower(): _kind(field) for field in fields}
        kinds = {name: kind for name, kind in found.items() if kind is not None}
        result.close()
        if len(kinds) < len(fields):
            return None
        driver = driver_connection(self._connection)
        tables = _tables(driver, query, kinds)
        return Bulk(
            kinds,
            as_driver_errors(self._connection, tables, driver.Error, _is_lost),
            lambda: _cut(driver),
        )

    def close(self) -> None:
        """Nothing of its own is open."""


def _cut(driver: Any) -> None:
    """Wake the thread that waits for the server's next bytes."""
    with suppress(OSError, AttributeError):  # it may have been closed meanwhile
        driver._sock.shutdown(socket.SHUT_RDWR)


def _is_lost(error: Exception) -> bool:
    return bool(error.args) and error.args[0] in (2006, 2013, 2014, 2045, 2055)


def _kind(field: Any) -> str | None:
    if field.type_code in _WHOLE or field.type_code in _DECIMAL:
        kind = "whole" if field.type_code in _WHOLE else "decimal"
        return None if field.flags & _ZEROFILL else kind
    if field.type_code in _FLOAT:
        return None if field.flags & _ZEROFILL else "float"
    if field.type_code in _DATES or field.type_code == _NOTHING:
        return "text"
    return "text" if field.type_code in _TEXTS and field.charsetnr != _BINARY_CHARSET else None


def _tables(driver: Any, query: str, kinds: dict[str, str]) -> Iterator[BulkTable]:
    """The rows of a query, read past pymysql's own reader.

    That one makes an object for each packet and each value.
    """
    from pymysql.cursors import SSCursor
    from pymysql.protocol import MysqlPacket

    cursor = driver.cursor(SSCursor)
    cursor.execute(query)
    last = None
    try:
        for block, starts, ending in _blocks(driver):
            last = ending
            if starts:
                yield BulkTable(
                    kinds, pa.table(dict(zip(kinds, _columns(block, starts, kinds), strict=True)))
                )
    finally:
        cursor._result.unbuffered_active = False  # pymysql itself has nothing more to read
        if last is None:  # and where the next answer would begin cannot be found out
            driver._force_close()
    packet = MysqlPacket(last, driver.encoding)
    if packet.is_error_packet():
        packet.raise_for_error()
    cursor._result.connection = None


def _blocks(driver: Any) -> Iterator[tuple[bytearray, list[int], bytes | None]]:
    """Blocks of whole rows: the bytes, where each row begins, and at the end the last packet."""
    block, filled, at = bytearray(BLOCK_BYTES), 0, 0
    starts: list[int] = []
    while True:
        filled += _read(block, filled, driver)
        size = 0
        while at + 5 <= filled:
            size = _HEADER(block, at)[0] & 0xFFFFFF
            after = at + 4 + size
            if size == _LARGEST_PACKET:
                raise ProtocolError("a row of more than 16 MB")
            if after > filled:
                break
            first = block[at + 4]
            if first == _ERROR or (first == _END and size < 9):
                yield block, starts, bytes(block[at + 4 : after])
                return
            starts.append(at + 4)
            at = after
        if len(block) - filled < _ROOM:
            yield block, starts, None
            rest = block[at:filled]
            block = bytearray(max(BLOCK_BYTES, size + 2 * _ROOM))
            filled, at, starts = len(rest), 0, []
            block[:filled] = rest


def _read(block: bytearray, filled: int, driver: Any) -> int:
    """Put what the server has sent into the rest of a block; returns how many bytes those are."""
    reader, why = driver._rfile, "the server closed it"
    try:
        # What pymysql has read already comes first; its buffer of 8 KiB would then only be in the
        # way.
        if found := reader.peek() if filled == 0 else b"":
            found = reader.read1(len(found))
            block[: len(found)] = found
            return len(found)
        with memoryview(block) as view, view[filled:] as room:
            if count := reader.raw.readinto(room):
                return int(count)
    except OSError as error:
        why = str(error)
    raise driver.OperationalError(2013, f"Lost connection to MySQL server during query ({why})")


def _columns(block: bytearray, starts: list[int], kinds: dict[str, str]) -> Iterator[pa.Array]:
    data, buffer = np.frombuffer(block, np.uint8), pa.py_buffer(block)
    at, rows = np.array(starts, np.int64), np.arange(len(starts)) * 2
    for kind in kinds.values():
        start, length, null = _values_at(data, at)
        at = start + length
        # Every second value of this array is ours; between two lies what belongs to other columns.
        offsets = np.column_stack([start, at]).astype(np.int32)
        between = pa.StringArray.from_buffers(2 * len(starts) - 1, pa.py_buffer(offsets), buffer)
        column = between.take(pa.array(rows, mask=null if null.any() else None))
        if kind == "text":
            _check_text(column)
        yield column


def _values_at(data: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where values begin, how long they are, and which of them are NULL."""
    first = data[at]
    length, start = first.astype(np.int64), at + 1
    null = first == _NULL
    length[null] = 0
    for mark, size in _LONG.items():
        long = np.flatnonzero(first == mark)
        if long.size:
            places = at[long, None] + np.arange(1, size + 1)
            length[long] = (data[places].astype(np.int64) << (8 * np.arange(size))).sum(axis=1)
            start[long] += size
    return start, length, null


def _check_text(column: pa.Array) -> None:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        pass  # its text quotes the value
    else:
        return
    raise ProtocolError("text that is not UTF-8")
