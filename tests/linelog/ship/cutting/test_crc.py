"""The CRC-32 of texts by their own is what zlib makes of all of them."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.ship.cutting.crc import combined


@given(st.binary(), st.binary())
def test_it_is_that_of_both_together(first: bytes, second: bytes) -> None:
    assert combined(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(
        first + second
    )


@given(st.binary(max_size=40), st.integers(1, 1 << 20), st.integers(0, 255))
def test_of_large_ones_too(first: bytes, size: int, byte: int) -> None:
    second = bytes([byte]) * size
    assert combined(zlib.crc32(first), zlib.crc32(second), size) == zlib.crc32(first + second)


def test_several_come_one_behind_the_other() -> None:
    texts = [b"a line\n", b"", b"another\n" * 9999, b"\0" * (1 << 20), b"the last\n"]
    crc = 0
    for text in texts:
        crc = combined(crc, zlib.crc32(text), len(text))
    assert crc == zlib.crc32(b"".join(texts))
