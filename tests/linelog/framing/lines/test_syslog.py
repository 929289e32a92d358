"""Syslog frames: cut as the contract says, wherever the network cuts, whatever comes in between."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.framing.clean import escaped
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, Oversize
from logsrv.linelog.framing.lines.syslog import SyslogFramer
from tests.examples import more

PIECES = st.lists(
    st.sampled_from(
        [
            b"<13>x", b"\n", b"\0", b"\r", b"\r\n", b"5 <1>ab", b"6 <1>ab\n", b"7 ", b"12", b"<", b"<1",
            b"<123>", b"text", b"2026-11-20 x\n", b"<13>a\nb\0", b"3 <x\n4 <y\0\n", b"\xc3\xa9\xff",
            b"<34>Oct 11 22:14:15 mymachine su: x\n", b"0 <1>", b"9 <1>in\n<1>x",
        ]
    ),
    max_size=12,
)  # fmt: skip


def slowly(data: bytes) -> list[bytes]:
    """The frames of a connection that has ended, frame by frame, as the contract's sentences go."""
    found = []
    at, behind_nul = 0, False
    while at < len(data):
        header = re.compile(rb"([1-9]\d{0,8}) <").match(data, at)
        if header:
            begin = header.end() - 1
            end = begin + int(header[1])
            found.append(without_one_ending(data[begin:end]))
            at = end + (data[end : end + 1] == b"\n")
            behind_nul = False
            continue
        glued = behind_nul and data[at : at + 1] == b"<"
        end = at
        while end < len(data):
            if data[end] == 0:
                break
            if data[end] == 10 and (not glued or re.match(rb"<\d{1,3}>", data[end + 1 :])):
                break
            end += 1
        behind_nul = data[end : end + 1] == b"\0"
        frame = data[at:end]
        if data[end : end + 1] == b"\n":
            frame = frame.removesuffix(b"\r")
        elif glued:
            frame = without_one_ending(frame) if behind_nul else frame
        elif not behind_nul:
            frame = frame.removesuffix(b"\r")
        if glued and end == len(data):
            frame = without_one_ending(data[at:])
        found.append(frame)
        at = end + 1
    return found


def without_one_ending(frame: bytes) -> bytes:
    if frame.endswith(b"\r\n"):
        return frame[:-2]
    return frame[:-1] if frame[-1:] in (b"\n", b"\0") and frame else frame


def framed(pieces: list[bytes], **rules: object) -> list[bytes]:
    return counted_and_framed(pieces, **rules)[1]


def counted_and_framed(pieces: list[bytes], **rules: object) -> tuple[int, list[bytes]]:
    """How many empty frames were left out, and the lines."""
    counts = LineCounts()
    framer = SyslogFramer(LineRules(**rules), counts)  # type: ignore[arg-type]
    blocks = [*map(framer.receive, pieces), framer.finish()]
    text = b"".join(bytes(block) for block in blocks if block is not None)
    assert not text or text.endswith(b"\n")
    return counts.empty, text.split(b"\n")[:-1]


def as_line(frame: bytes) -> bytes:
    return escaped(frame.replace(b"\n", rb"\x0a"))


@more(4)
@given(PIECES.map(b"".join), st.integers(1, 40))
@example(b"<13>x\0<13>a\n\0<1>b\r\n\0", 3)
@example(b"<13>x\0<13>a\r\n<1>b\n", 40)
@example(b"5 <1>ab\n\n6 <1>ab\n\n\n", 7)
def test_as_the_contract_says_at_every_cut(data: bytes, size: int) -> None:
    frames = slowly(data)
    expected = frames.count(b""), [as_line(frame) for frame in frames if frame]
    assert counted_and_framed([data]) == expected
    assert (
        counted_and_framed([data[at : at + size] for at in range(0, len(data), size)]) == expected
    )


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"5 <1>ab<13>plain\n5 <1>cd", [b"<1>ab", b"<13>plain", b"<1>cd"]),
        (b"7 minutes later\n5 <1>ab", [b"7 minutes later", b"<1>ab"]),
        (b"6 <1>ab\n\n6 <1>cd\n", [b"<1>ab", b"<1>cd"]),
        (b"<12>one\0<12>two\nlines\0<12>three\0", [b"<12>one", rb"<12>two\x0alines", b"<12>three"]),
        (b"<12>one\0<12>two\n<13>three\nfour\n", [b"<12>one", b"<12>two", b"<13>three", b"four"]),
        (b"\n\r\n\0\0\n<1>a\n\n", [b"<1>a"]),
        (b"20 <1>unfinished", [b"<1>unfinished"]),
    ],
)
def test_examples(data: bytes, lines: list[bytes]) -> None:
    assert framed([data]) == lines


def test_a_count_beyond_the_limit_is_consumed_as_counted() -> None:
    long = b"<1>" + b"x" * 100
    data = b"103 " + long + b"5 <1>ab"
    for size in (1, 7, 200):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert b"".join(framed(pieces, max_line=40)) == long + b"<1>ab"
        assert framed(pieces, max_line=40)[-1] == b"<1>ab"
        cut = framed(pieces, max_line=40, oversize=Oversize.TRUNCATE)
        assert cut == [long[:40], b"<1>ab"]


@more(2)
@given(PIECES.map(b"".join), st.integers(1, 40))
@example(b"ab\rcdefgh\0", 1)
@example(b"\0<13>x\r", 1)
@example(b"\r\rtext\r\r\r", 1)
@example(b"6 <\n\n\n", 1)
def test_too_long_ones_are_cut_alike_wherever_the_network_cuts(data: bytes, size: int) -> None:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert counted_and_framed(pieces, max_line=6) == counted_and_framed([data], max_line=6)


def test_what_is_unfinished_is_stored_though_its_escapes_make_it_long() -> None:
    data = b"16 <13>a\nb\nc\nd"
    assert b"".join(framed([data], max_line=16)) == rb"<13>a\x0ab\x0ac\x0ad"


def test_a_count_beyond_the_limit_closes() -> None:
    framer = SyslogFramer(LineRules(max_line=10, oversize=Oversize.CLOSE), LineCounts())
    block = framer.receive(b"100 <1>" + b"x" * 97 + b"5 <1>ab")
    assert block is not None and bytes(block) == b"<1>xxxxxxx\n"
    assert framer.closing == "a line is longer than 10 bytes"


def test_giant_counts_hold_nothing() -> None:
    framer = SyslogFramer(LineRules(max_line=1000), LineCounts())
    assert framer.receive(b"999999999 <1>") is None
    for _ in range(100):
        framer.receive(b"x" * 1000)
    assert len(framer._held) + len(framer._lines._rest) <= 1000


def test_many_tiny_frames_behind_nuls_do_not_take_a_chunk_squared() -> None:
    def seconds(number: int) -> float:
        framer = SyslogFramer(LineRules(), LineCounts())
        began = time.process_time()
        framer.receive(b"\0<\0a" * number)
        return time.process_time() - began

    assert min(seconds(64_000) for _ in range(3)) < 2.5 * 4 * min(seconds(16_000) for _ in range(3))
