"""Pickles cut out of a connection, those that are too long passed over."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.framing.events.python_frames import PickleFramer


def framed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


@given(st.lists(st.binary(max_size=20), max_size=10), st.integers(1, 30))
def test_pickles_after_one_that_is_too_long_are_found(pickles, size):
    """However they are cut; and of that one nothing is kept."""
    framer = PickleFramer(10, 100)
    data = b"".join(map(framed, pickles))
    found = []
    for at in range(0, len(data), size):
        found += framer.receive(data[at : at + size])
        assert framer.unfinished_bytes <= 14
    assert found == [one for one in pickles if len(one) <= 10]
    assert framer.passed_over == len(pickles) - len(found)
    assert framer.unfinished_bytes == 0 and not framer.fault


def test_an_impossible_length_stops_the_framer():
    framer = PickleFramer(10, 100)
    assert framer.receive(framed(b"one") + b"GET / HTTP/1.1\r\n") == [b"one"]
    assert framer.fault == "a frame of 1195725856 bytes is longer than 100 bytes"
    assert framer.receive(framed(b"two")) == []
