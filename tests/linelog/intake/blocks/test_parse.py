"""Blocks and their frames: read as they were written, unpacked as they promise, refused in a sentence."""

import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.intake.blocks.parse import (
    LONGEST_STAMP,
    MOST_FRAMES,
    check_and_count_lines,
    split_frames,
    unpack_frames,
)
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.rules import LineCounts, LineRules, for_frames
from logsrv.linelog.store.packed_block import (
    LARGEST_TEXT,
    block_from_headers,
    check_block_text,
)
from logsrv.linelog.store.segment import Position
from tests.parts.blocks import block_of, packed
from tests.parts.strangers import at_most


def unpack(data: bytes, size: int) -> bytes:
    return b"".join(unpack_frames(split_frames(data, size)))


def frame(text: bytes, *, checksum: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=checksum).compress(text)


@given(st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=5), st.booleans())
def test_frames_one_behind_the_other_are_one_text(texts, long):
    texts = [1000 * text if long else text for text in texts]
    text = b"".join(texts)
    assert unpack(b"".join(map(packed, texts)), len(text)) == text


@pytest.mark.parametrize(
    ("data", "size", "why"),
    [
        (frame(b"abc"), 4, "other sizes"),
        (frame(b"abc"), 2, "other sizes"),
        (frame(b"abc") + frame(b"de"), 3, "other sizes"),
        (frame(b"abc", checksum=False), 3, "a checksum"),
        (zstandard.ZstdCompressor(write_checksum=True).compressobj().flush(), 0, "checksum"),
        (frame(b"abc")[:-1], 3, "breaks off"),
        (frame(b"abc")[:5], 3, "breaks off"),
        (frame(b"abc") + b"behind", 3, "not made of"),
        (b"\x50\x2a\x4d\x18\x01\0\0\0x" + frame(b"abc"), 3, "not made of"),
        (b"", 3, "other sizes"),
        (frame(b"abc")[:-4] + b"0000", 3, "damaged"),
    ],
)
def test_each_fault_of_a_frame_has_its_sentence(data, size, why):
    with pytest.raises(ValueError, match=why):
        unpack(data, size)


def test_a_block_with_too_many_frames_is_refused():
    with pytest.raises(ValueError, match=f"at most {MOST_FRAMES}"):
        split_frames(frame(b"x") * (MOST_FRAMES + 1), MOST_FRAMES + 1)
    assert unpack(frame(b"x") * MOST_FRAMES, MOST_FRAMES) == b"x" * MOST_FRAMES


def test_a_bomb_takes_no_more_memory_than_it_promises():
    """Its header says a thousand bytes, and its blocks become 256 MiB."""
    bomb, small = frame(bytes(256 << 20)), frame(bytes(1000))
    body = small[: zstandard.frame_header_size(small)] + bomb[zstandard.frame_header_size(bomb) :]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"damaged|breaks off"):
            unpack(body, 1000)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


STAMP = b"2026-11-20T06:18:42.123456Z tcp:10.0.0.7:51234 "


def number(text: bytes, *, raw: bool = False) -> int:
    return sum(check_and_count_lines(text, raw=raw))


@given(st.binary(), st.booleans())
def test_whatever_our_own_framing_stores_is_fine(data, raw):
    framer = LineFramer(for_frames(LineRules(raw=raw)), LineCounts())
    for block in framer.receive(data + b"\n"), framer.finish():
        if block is not None:
            text = b"".join(Batch(block, "name@tcp:[::1]:7", 1.8e9).stored())
            assert number(text, raw=raw) == text.count(b"\n")


@given(st.binary(max_size=300).map(lambda data: data.split(b"\n")))
def test_a_line_that_a_store_without_raw_would_change_is_refused(lines):
    text = b"".join(STAMP + line + b"\n" for line in lines)
    framer = LineFramer(for_frames(LineRules()), LineCounts())
    block = framer.receive(b"".join(line + b"\n" for line in lines))
    assert block is not None
    same = bytes(block) == b"".join(line + b"\n" for line in lines)
    if same:
        assert number(text) == len(lines)
    elif not any(b"\r" in line for line in lines):
        with pytest.raises(ValueError, match="no UTF-8, or control"):
            number(text)
    assert number(text, raw=True) == len(lines)


@pytest.mark.parametrize("before", [0, 3, 30_000])
@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "a TIME and a SOURCE"),
        (b"no stamp", "a TIME and a SOURCE"),
        (STAMP[:-1], "a TIME and a SOURCE"),
        (b"2026-11-20T06:18:42.123456Z  no source", "a TIME and a SOURCE"),
        (b"2026-02-30T06:18:42.123456Z tcp:1 no day", "a TIME and a SOURCE"),
        (b"2026-11-20T25:18:42.123456Z tcp:1 no hour", "a TIME and a SOURCE"),
        (b"2026-11-20T06:18:42.12345Z tcp:1 no time", "a TIME and a SOURCE"),
        (b"2026-11-20T06:18:42.123456Z \xc3\xa4:1 source", "printable ASCII"),
        (b"2026-11-20T06:18:42.123456Z tcp:\t1 source", "printable ASCII"),
        (b"2026-11-20T06:18:42.123456Z " + b"x" * LONGEST_STAMP + b" source", "longer than"),
        (STAMP + b"\x1b[31m", "control characters"),
        (STAMP + b"\xc2\x85", "control characters"),
        (STAMP + b"\xff", "control characters"),
        (STAMP + b"a\rb", "control characters"),
        (STAMP + b"\0", "control characters"),
    ],
)
def test_one_wrong_line_among_many_is_found(line, why, before):
    fine = STAMP + b"fine, \xc3\xa4\tand so on\n"
    text = before * fine + line + b"\n" + fine
    with pytest.raises(ValueError, match=why):
        number(text)
    assert number(before * fine + fine) == before + 1


def test_raw_messages_are_theirs_and_stamps_are_not():
    assert number(STAMP + b"\xff\0\x1b\n", raw=True) == 1
    with pytest.raises(ValueError, match="printable ASCII"):
        number(b"2026-11-20T06:18:42.123456Z tcp:\x1b[31m1 source\n", raw=True)


def test_a_line_longer_than_a_piece_is_one_line():
    assert number(STAMP + b"x" * (3 << 20) + b"\n" + STAMP + b"y\n") == 2


def test_an_empty_message_is_a_line():
    assert number(STAMP + b"\n") == 1
    assert bytes(Block.of(STAMP + b"\n")) == STAMP + b"\n"


@pytest.mark.parametrize("odd", [b"\xff", b"\x01", "\x85".encode()])
def test_a_long_line_is_not_escaped_to_know_that_it_is_wrong(odd):
    """311 bytes, packed, took a second of a centre and 500 MB."""
    text = b"2026-01-01T00:00:00.000000Z a " + odd * ((4 << 20) // len(odd)) + b"\n"
    with at_most(24 << 20), pytest.raises(ValueError, match="no UTF-8, or control"):
        list(check_and_count_lines(text, raw=False))


TEXT = b"2026-11-20T06:18:42.123456Z tcp:1 a line\n"
BLOCK = block_of(32 * "0", TEXT, Position(17, 0), Position(16, 7), "12")


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
