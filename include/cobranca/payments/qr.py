"""QR codes of Pix texts as PNG pictures, fast enough for every letter of a night.

One takes a fraction of a millisecond. Once version, error correction and mask are chosen, every
module of a QR code is a sum, modulo 2, of bits of its text (Reed-Solomon codes are linear). So each
version's pattern for every single bit is computed once, and a code is the fixed frame plus the
patterns of the bits that are set. Byte mode, level M (15 % may be unreadable), mask 0: readers
accept any mask, and choosing the prettiest of eight is what makes other encoders slow. ISO/IEC
18004:2015.
"""

import struct
import zlib
from functools import lru_cache

import numpy as np

from cobranca.errors import CobrancaError

SCALE, QUIET = 4, 4  # pixels a module, and modules of white around the code
# Level M, by version from 1: error-correction bytes a block, then (number of blocks, data bytes in
# each).
_BLOCKS = (
    (10, (1, 16)), (16, (1, 28)), (26, (1, 44)), (18, (2, 32)), (24, (2, 43)), (16, (4, 27)),
    (18, (4, 31)), (22, (2, 38), (2, 39)), (22, (3, 36), (2, 37)), (26, (4, 43), (1, 44)),
    (30, (1, 50), (4, 51)), (22, (6, 36), (2, 37)), (22, (8, 37), (1, 38)),
    (24, (4, 40), (5, 41)), (24, (5, 41), (5, 42)), (28, (7, 45), (3, 46)),
    (28, (10, 46), (1, 47)), (26, (9, 43), (4, 44)), (26, (3, 44), (11, 45)),
    (26, (3, 41), (13, 42)),
)  # fmt: skip
_FORMAT_M0 = 0b101010000010010  # level M, mask 0, with its own check bits


class QrTooLong(CobrancaError, ValueError):
    """The text does not fit into the largest version that is offered (20: 666 bytes)."""


def png(text: str) -> bytes:
    """A black-and-white picture of the text's QR code with its white margin.

    Raises:
        QrTooLong: more than 666 bytes of UTF-8.
    """
    code = matrix(text)
    light = np.ones([len(code) + 2 * QUIET] * 2, np.uint8)
    light[QUIET:-QUIET, QUIET:-QUIET] -= code
    line = np.packbits(np.repeat(light, SCALE, axis=1), axis=1)
    # A row begins with its filter. 0 is none; 2 counts from the row above, so that a repeated row
    # is all zeros.
    rows = np.zeros((len(line), SCALE, 1 + line.shape[1]), np.uint8)
    rows[:, 0, 1:], rows[:, 1:, 0] = line, 2
    header = struct.pack(">IIBBBBB", SCALE * len(light), SCALE * len(light), 1, 0, 0, 0, 0)
    # Level 3: a fifth larger than the smallest, five times as fast; a window of 4 KiB, because a
    # larger one takes longer to set up than to use.
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 3, 12)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def matrix(text: str) -> np.ndarray:
    """The code's modules, row by row: 1 is dark.

    Raises:
        QrTooLong: more than 666 bytes of UTF-8.
    """
    content = text.encode()
    version = _smallest_version(len(content))
    size = 17 + 4 * version
    frame, patterns = _patterns(version)
    bits = np.unpackbits(_data_bytes(content, version)).astype(bool)
    packed = np.bitwise_xor.reduce(patterns[bits], axis=0) ^ frame
    return np.unpackbits(packed.view(np.uint8), count=size * size).reshape(size, size)


@lru_cache
def _capacity(version: int) -> int:
    return sum(number * data for number, data in _BLOCKS[version - 1][1:])


def _length_bits(version: int) -> int:
    return 8 if version < 10 else 16


def _smallest_version(length: int) -> int:
    for version in range(1, len(_BLOCKS) + 1):
        if 4 + _length_bits(version) + 8 * length <= 8 * _capacity(
            version
        ) and length < 2 ** _length_bits(version):
            return version
    raise QrTooLong(
        f"a text of {length} bytes is too long for a QR code of this size; at most 666 fit."
    )


def _data_bytes(content: bytes, version: int) -> np.ndarray:
    """Mode, length, content, terminator and padding."""
    width = _length_bits(version)
    bits = (0b0100 << width | len(content)) << 8 * len(content) | int.from_bytes(content)
    capacity = _capacity(version)
    # Mode and length leave half a byte free, which the terminator's four zeros fill.
    whole = (bits << 4).to_bytes(1 + width // 8 + len(content))[:capacity]
    padding = bytes([0xEC, 0x11] * capacity)[: capacity - len(whole)]
    return np.frombuffer(whole + padding, np.uint8)


@lru_cache(maxsize=len(_BLOCKS))
def _patterns(version: int) -> tuple[np.ndarray, np.ndarray]:
    """The frame with the mask already in it, and for each data bit the modules that it turns.

    Both are packed into 64-bit words.
    """
    size = 17 + 4 * version
    frame, is_reserved = _frame(version)
    path = _path(is_reserved)
    rows, columns = np.divmod(path, size)
    frame = frame.ravel()
    frame[path] ^= ((rows + columns) % 2 == 0).astype(np.uint8)
    turned = np.zeros((8 * _capacity(version), size * size), np.uint8)
    codewords = np.unpackbits(_codewords(version), axis=1)
    turned[:, path[: codewords.shape[1]]] = codewords
    return _packed(frame[None])[0], _packed(turned)


def _packed(modules: np.ndarray) -> np.ndarray:
    width = -(-modules.shape[1] // 64) * 64
    return np.packbits(np.pad(modules, ((0, 0), (0, width - modules.shape[1]))), axis=1).view(
        np.uint64
    )


def _frame(version: int) -> tuple[np.ndarray, np.ndarray]:
    """Finder, timing and alignment patterns, format and version; and which modules they occupy."""
    size = 17 + 4 * version
    frame, is_reserved = np.zeros((size, size), np.uint8), np.zeros((size, size), bool)

    def put(row: int, column: int, modules: np.ndarray) -> None:
        area = np.s_[row : row + modules.shape[0], column : column + modules.shape[1]]
        frame[area], is_reserved[area] = modules, True

    timing = (np.arange(size) + 1) % 2
    put(6, 0, timing[None, :])
    put(0, 6, timing[:, None])
    centres = _alignment_centres(version)
    for row in centres:
        for column in centres:
            if (row, column) not in ((6, 6), (6, size - 7), (size - 7, 6)):
                put(row - 2, column - 2, _rings(5, dark=(0, 2)))
    finder = np.pad(_rings(7, dark=(0, 1, 3)), 1)
    put(0, 0, finder[1:, 1:])
    put(0, size - 8, finder[1:, :-1])
    put(size - 8, 0, finder[:-1, 1:])
    _put_format(frame, is_reserved)
    if version >= 7:
        bits = np.array([_version_bits(version) >> i & 1 for i in range(18)]).reshape(6, 3)
        put(0, size - 11, bits)
        put(size - 11, 0, bits.T)
    return frame, is_reserved


def _rings(size: int, dark: tuple[int, ...]) -> np.ndarray:
    """Squares within squares; ``dark`` are the distances from the centre that are black."""
    away = np.abs(np.arange(size) - size // 2)
    return np.isin(np.maximum(away[:, None], away[None, :]), dark).astype(np.uint8)


def _put_format(frame: np.ndarray, is_reserved: np.ndarray) -> None:
    size = len(frame)
    first = [(8, column) for column in (0, 1, 2, 3, 4, 5, 7, 8)] + [
        (row, 8) for row in (7, 5, 4, 3, 2, 1, 0)
    ]
    second = [(size - 1 - i, 8) for i in range(7)] + [(8, size - 8 + i) for i in range(8)]
    for places in (first, second):
        for i, place in enumerate(places):
            frame[place], is_reserved[place] = _FORMAT_M0 >> (14 - i) & 1, True
    frame[size - 8, 8], is_reserved[size - 8, 8] = 1, True


def _version_bits(version: int) -> int:
    """The version with its 12 check bits (a Golay code)."""
    rest = version << 12
    for shift in range(5, -1, -1):
        if rest >> (12 + shift) & 1:
            rest ^= 0b1111100100101 << shift
    return version << 12 | rest


def _alignment_centres(version: int) -> list[int]:
    """Spread evenly from 6 to the far edge, an even number of modules apart."""
    if version == 1:
        return []
    gaps = version // 7 + 1
    last = 10 + 4 * version
    step = -(-(last - 6) // (2 * gaps)) * 2
    return [6, *(last - step * i for i in range(gaps - 1, -1, -1))]


def _path(is_reserved: np.ndarray) -> np.ndarray:
    """The free modules in the order in which they are filled.

    That is two columns at a time, up and down, from the right.
    """
    size = len(is_reserved)
    order = []
    right_columns = [column for column in range(size - 1, 0, -2) if column > 6] + [5, 3, 1]
    for turn, right in enumerate(right_columns):
        rows = range(size) if turn % 2 else range(size - 1, -1, -1)
        order += [
            row * size + column
            for row in rows
            for column in (right, right - 1)
            if not is_reserved[row, column]
        ]
    return np.array(order)


def _codewords(version: int) -> np.ndarray:
    """For each single data bit the bytes of the whole message.

    Blocks are interleaved and error correction is appended.
    """
    correction, *groups = _BLOCKS[version - 1]
    lengths = [data for number, data in groups for _ in range(number)]
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    capacity = sum(lengths)
    # Where byte i of block b stands in the message: first all first bytes, then all second ones …
    places = {
        place: i
        for i, place in enumerate(
            (block, i) for i in range(max(lengths)) for block, n in enumerate(lengths) if i < n
        )
    }
    rows = np.zeros((8 * capacity, capacity + correction * len(lengths)), np.uint8)
    for block, length in enumerate(lengths):
        for i, remainder in enumerate(_remainders(length, correction)):
            for bit in range(8):
                value = 0x80 >> bit
                row = rows[8 * (starts[block] + i) + bit]
                row[places[block, i]] = value
                row[capacity + block :: len(lengths)] = [_times(value, byte) for byte in remainder]
    return rows


def _remainders(length: int, correction: int) -> list[list[int]]:
    """For each place of a block the error correction of a 1 there.

    That is ``x`` to a power, modulo the generator.
    """
    generator = [1]
    root = 1
    for _ in range(correction):
        shifted = [*generator, 0]
        generator = [a ^ _times(root, b) for a, b in zip(shifted, [0, *generator], strict=True)]
        root = _times(root, 2)
    found, current = [], [0] * (correction - 1) + [1]
    for _ in range(length + correction):
        found.append(current)
        first, *rest = current
        current = [a ^ _times(first, b) for a, b in zip([*rest, 0], generator[1:], strict=True)]
    # found[n] is x**n; the last data byte stands at x**correction.
    return found[correction : correction + length][::-1]


def _times(a: int, b: int) -> int:
    """Product in the field of 256 elements (x⁸ + x⁴ + x³ + x² + 1)."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11D
        b >>= 1
    return product
