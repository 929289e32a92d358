"""Blocks: read from headers as they were written, and refused with a short sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.ship.encode.block import (
    LARGEST_TEXT,
    UNKNOWN,
    PackedBlock,
    block_from_headers,
    check_block_text,
)
from logsrv.linelog.store.segments.segment import Position
from tests.parts.blocks import block_of

TEXT = b"2026-11-20T06:18:42.123456Z tcp:1 a line\n"
BLOCK = block_of(32 * "0", TEXT, Position(17, 0), Position(16, 7), "12")


@given(
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.integers(1, 10**10 - 1),
    st.integers(0, 10**14),
    st.integers(1, LARGEST_TEXT),
    st.none() | st.integers(0, 10**14),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["", UNKNOWN, "0", "123"]),
)
def test_headers_are_read_as_they_were_written(store, segment, offset, size, before, crc, gap):
    start, end = Position(segment, offset), Position(segment, offset + size)
    after = None if before is None else min(Position(segment, before), start)
    block = PackedBlock(store, start, end, after, crc, b"packed", gap)
    assert block_from_headers(block.headers(), b"packed") == block
    assert block.text_size == size


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Logsrv-Format", "2"),
        ("Logsrv-Store", "../../etc"),
        ("Logsrv-Store", ""),
        ("Logsrv-From", "x"),
        ("Logsrv-From", "17:41"),
        ("Logsrv-To", "18:41"),
        ("Logsrv-To", f"17:{LARGEST_TEXT + 1}"),
        ("Logsrv-After", "17:1"),
        ("Logsrv-After", "\x1b[31m"),
        ("Logsrv-CRC", "1"),
        ("Logsrv-Gap", "-1"),
        ("Logsrv-Gap", "9" * 100),
    ],
)
def test_a_wrong_header_is_named(name, value):
    with pytest.raises(ValueError, match=r"Logsrv-|at most") as caught:
        block_from_headers({**BLOCK.headers(), name: value}, b"")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 120


def test_the_text_has_to_be_what_the_headers_say():
    check_block_text(BLOCK, TEXT)
    with pytest.raises(ValueError, match="has 40 bytes"):
        check_block_text(BLOCK, TEXT[:-1])
    with pytest.raises(ValueError, match="another checksum"):
        check_block_text(BLOCK, TEXT[:-2] + b"x\n")
    with pytest.raises(ValueError, match="does not end with an LF"):
        check_block_text(block_of(32 * "0", b"torn", Position(1, 0), None), b"torn")
