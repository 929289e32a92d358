"""Telnet's commands are found all at once, in many bytes and in few, as one after the other would be."""

import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.framing._telnet_bulk import parse_telnet_commands
from logsrv.kit.framing._telnet_commands import (
    MAX_NAWS,
    MAX_SUBNEGOTIATION,
    parse_few_telnet_commands,
)
from tests.parts.examples import more
from tests.parts.reference_telnet import reference_telnet

PRESENCE = b"\r\n[yes]\r\n"
CHUNK = 64 * 1024
BYTES = st.sampled_from(
    [*[0xFF] * 5, 0xFA, 0xFA, 0xF0, 0xF0, 0xFC, 0xFD, 0xFB, 0xF6, 0xF9, 0xEB, 0xEC, 31, 10, 0, 65]
)
VALUES = st.builds(
    lambda option, byte, size, end: b"\xff\xfa" + option + byte * size + end,
    st.sampled_from([b"\x18", b"\x1f", b"\xff"]),
    st.sampled_from([b"x", b"\xff", b"\xff\xff", b"\n"]),
    st.sampled_from([1, 2, 3, 4, 7, 8, 9, 511, 512, 513, 1023, 1024, 1025]),
    st.sampled_from([b"\xff\xf0", b"\xff", b"\xff\xf1", b"y\xff\xf0", b""]),
)


@pytest.mark.slow
@more(6)
@given(st.lists(st.lists(BYTES, max_size=12).map(bytes) | VALUES, max_size=6).map(b"".join))
def test_the_result_is_the_same_as_byte_by_byte(chunk):
    """Runs of IACs, options that are IAC, values that end just in time or just too late."""
    if b"\xff" not in chunk:
        chunk += b"\xff\xf1"
    found = parse_telnet_commands(chunk)
    expected = reference_telnet(chunk, PRESENCE)
    assert found.data + found.unfinished == expected.data
    assert found.answers(PRESENCE, 1 << 20) == expected.answers
    assert parse_few_telnet_commands(chunk, PRESENCE) == (
        found.data, found.unfinished, expected.answers
    )  # fmt: skip


GARBAGE = [
    b"\xff", b"\xff\xfa", b"\xff\xfd\x07", b"\xff\xf6", b"\xff\xf1x", b"\xff\xfa\xff", b"\xffx",
    b"\xff\xfd\xff", b"\xff\xfa\xff\xff\n\xff", b"\xff\xfa\x18x\xff\xf0", b"\xff\xfax\n",
    b"\xff\xfa\x18" + b"\xff\xff" * 513,
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE)
def test_no_bytes_cost_more_calls_than_others(garbage):
    """Work is done per chunk, never per command: a peer that sends garbage keeps nobody waiting."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    chunk = (garbage * CHUNK)[:CHUNK]
    sys.setprofile(count)
    try:
        found = parse_telnet_commands(chunk)
        found.answers(PRESENCE, CHUNK)
    finally:
        sys.setprofile(None)
    assert calls < 400


@pytest.mark.slow
@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_chunk_of_random_bytes_gives_the_same_result(garbage):
    chunk = b"begin" + garbage * 3000
    found = parse_telnet_commands(chunk)
    expected = reference_telnet(chunk, PRESENCE)
    assert found.data + found.unfinished == expected.data
    assert found.answers(PRESENCE, 1 << 20) == expected.answers
    assert len(found.unfinished) <= 3 + max(MAX_SUBNEGOTIATION, MAX_NAWS) + 1


def test_answers_are_cut_between_commands():
    """What there is no room for is left out whole, so that the peer never gets half an answer."""
    found = parse_telnet_commands(b"\xff\xfd\xf6\xff\xf6\xff\xfb\x00\xff\xfd\x00\xff\xf6")
    answers = b"\xff\xfc\xf6" + PRESENCE + b"\xff\xfe\x00" + b"\xff\xfc\x00" + PRESENCE
    assert found.answers(PRESENCE, 100) == answers
    assert found.answers(PRESENCE, len(answers) - 1) == answers[: -len(PRESENCE)]
    assert found.answers(PRESENCE, 11) == answers[:3]
    assert found.answers(PRESENCE, 2) == b""
