"""PNG pictures of one colour, made for tests."""

import struct
import zlib


def png(width: int, height: int, filler: int = 0) -> bytes:
    """A white picture; ``filler`` bytes of a comment make the file larger."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * width) * height)
    chunks = ((b"IHDR", header), (b"tEXt", b"k\0" + b" " * filler), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
