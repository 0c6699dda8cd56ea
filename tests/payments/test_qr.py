"""QR codes are module by module what another encoder makes, and so are their pictures."""

import struct
import zlib

import numpy as np
import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from cobranca.payments import pix, qr

CODE = pix.build(
    pix.PixCode(
        name="Ipê Amarelo", city="São Paulo", key="123e4567-e12b-12d1-a456-426655440000", txid="R1"
    )
)
VERSIONS = range(1, len(qr._BLOCKS) + 1)


def full(version: int) -> int:
    """How many bytes fill a version to the last."""
    return (8 * qr._capacity(version) - 4 - qr._length_bits(version)) // 8


def pixels(picture: bytes) -> np.ndarray:
    """The black pixels of a one-bit PNG."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, place = {}, 8
    while place < len(picture):
        length = struct.unpack_from(">I", picture, place)[0]
        kind, body = picture[place + 4 : place + 8], picture[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", picture, place + 8 + length)[0] == zlib.crc32(kind + body)
        chunks[kind], place = body, place + 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colour, width) == (1, 0, height)
    assert chunks[b"IHDR"][10:] == bytes(3), "deflate, the five filters, no interlace"
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"] and chunks[b"IEND"] == b""
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert set(rows[:, 0]) == {0, 2}, "no filter, or the difference from the row above"
    white = np.zeros_like(rows[:, 1:])
    for number, (kind, *row) in enumerate(rows):
        white[number] = np.array(row, np.uint8) + (white[number - 1] if kind == 2 else 0)
    return 1 - np.unpackbits(white, axis=1, count=width)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_module_is_the_one_another_encoder_sets(version):
    text = "".join(chr(33 + (7 * i + version) % 90) for i in range(full(version)))
    other = segno.make_qr(text, version=version, error="M", mask=0, mode="byte", boost_error=False)
    assert np.array_equal(qr.matrix(text), np.array([list(row) for row in other.matrix]))


@given(st.text("abcXYZ0189./-é", min_size=1, max_size=40))
def test_a_text_that_does_not_fill_the_code_is_padded_by_the_standard(text):
    content = text.encode()
    version = qr._smallest_version(len(content))
    found = qr._data_bytes(content, version).tobytes()
    bits = f"{int.from_bytes(found):0{8 * len(found)}b}"
    assert bits[:12] == f"0100{len(content):08b}" and len(found) == qr._capacity(version)
    assert int(bits[12 : 12 + 8 * len(content)], 2).to_bytes(len(content)) == content
    rest = found[2 + len(content) :]
    assert rest == bytes([0xEC, 0x11] * len(rest))[: len(rest)]


def test_the_smallest_code_that_fits_is_taken():
    for version in VERSIONS:
        assert qr._smallest_version(full(version)) == version
        if version < VERSIONS[-1]:
            assert qr._smallest_version(full(version) + 1) == version + 1


def test_the_picture_holds_the_code_with_its_white_margin():
    black, code = pixels(qr.png(CODE)), qr.matrix(CODE)
    edge = qr.QUIET * qr.SCALE
    assert black.shape[0] == (len(code) + 2 * qr.QUIET) * qr.SCALE
    assert np.array_equal(black[edge : -edge : qr.SCALE, edge : -edge : qr.SCALE], code)
    assert black.sum() == code.sum() * qr.SCALE**2


def test_the_same_text_gives_the_same_picture_and_others_another():
    assert qr.png(CODE) == qr.png(CODE) != qr.png(CODE.lower())


def test_a_text_too_long_is_refused():
    assert qr.matrix("x" * full(20)).shape == (97, 97)
    with pytest.raises(qr.QrTooLong, match="667 bytes"):
        qr.png("x" * (full(20) + 1))
