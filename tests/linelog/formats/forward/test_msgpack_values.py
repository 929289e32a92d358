"""MessagePack cut into values: as msgpack itself would, and without unpacking anything."""

import tracemalloc
from typing import Any

import msgpack
import pytest

from logsrv.linelog.formats.forward.msgpack_values import (
    DEEPEST,
    PIECE,
    MsgpackValueFramer,
    array_header,
    begins_text,
    has_more_values,
    text_content,
    value_end,
    value_ends,
)


def framed(data: bytes, size: int, most: int = 1 << 20) -> tuple[list[bytes], MsgpackValueFramer]:
    framer = MsgpackValueFramer(most)
    found: list[bytes] = []
    for at in range(0, len(data), size):
        found += map(bytes, framer.receive(data[at : at + size]))
    return found, framer


def test_long_arrays_and_maps_are_found_whole():
    values = [list(range(70_000)), dict.fromkeys(range(70_000)), [0] * 20]
    packed = [msgpack.packb(value) for value in values]
    assert framed(b"".join(packed), 9999)[0] == packed


@pytest.mark.parametrize(
    "header", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"]
)
def test_a_header_that_promises_too_much(header):
    """Refused at once, at the cost of nothing."""
    tracemalloc.start()
    _, framer = framed(b"\x92" + header, 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert framer.fault == "a value is longer than 1048576 bytes"
    assert peak < 100_000
    assert list(framer.receive(b"\x01")) == []


def test_never_holds_more_than_the_limit():
    _, framer = framed(b"\xc6\x00\x10\x00\x00" + b"x" * 2_000_000, 1000, most=1000)
    assert (framer.fault, framer.unfinished_bytes) == ("a value is longer than 1000 bytes", 0)
    assert framed(b"\xc4\x03abc", 1, most=5)[0] == [b"\xc4\x03abc"]


def test_a_value_nested_too_deeply_stops_the_framer():
    found, framer = framed(b"\x91" * (DEEPEST - 1) + b"\x01", 100)
    assert len(found) == 1 and not framer.fault
    _, framer = framed(b"\x91" * 100_000, 100)
    assert framer.fault == "a value is nested too deeply"


def test_crowded_counts_the_values_inside_a_value():
    value = msgpack.packb([[1, 2], "x" * 1000])
    assert not has_more_values(value, 5)
    assert has_more_values(value, 4)
    with pytest.raises(ValueError, match="no MessagePack"):
        has_more_values(b"\x91\xc1", 5)


@pytest.mark.parametrize("data", [b"\xc1", b"\x91" * 5000])
def test_the_ends_of_damaged_values_raise_value_error(data):
    with pytest.raises(ValueError, match="damaged"):
        value_ends(data)


def test_other_values_have_no_array_header():
    assert array_header(memoryview(b"\x81\x01\x02")) is None
    assert array_header(memoryview(b"\x90")) == (0, 1)


def test_whole_values_before_an_unfinished_one():
    assert value_ends(b"\x01\x92\x01\x02\xa5ab") == [1, 4]
    assert value_ends(b"\x01\xa5abc") == [1] and value_ends(b"\x92\x01") == []
    assert value_ends(b"\x01\x02\x03", 2) == [1, 2]


def test_the_end_of_a_long_value():
    value = msgpack.packb(["x" * PIECE, list(range(PIECE))])
    assert value_end(memoryview(b"\x92" + value + b"\x01"), 1) == 1 + len(value)
    with pytest.raises(ValueError, match="damaged"):
        value_end(memoryview(value[:-1]), 0)


def test_a_long_value_is_not_held_twice():
    long, short = msgpack.packb("x" * (1 << 20)), msgpack.packb([1])
    framer = MsgpackValueFramer(1 << 21)
    found = list(framer.receive(long + short + long[:10]))
    assert list(map(bytes, found)) == [long, short] and framer.unfinished_bytes == 10
    assert list(map(bytes, framer.receive(long[10:]))) == [long]


def test_texts_and_their_contents_are_found():
    for size in (0, 31, 32, 255, 256, 65_535, 65_536):
        for value in ("x" * size, b"x" * size):
            whole = memoryview(msgpack.packb(value))
            assert begins_text(whole[0]) and text_content(whole) == b"x" * size
    others: list[Any] = [1, [], {}, None, msgpack.ExtType(1, b"x")]
    assert not any(begins_text(msgpack.packb(value)[0]) for value in others)
