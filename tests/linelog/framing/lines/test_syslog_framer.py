"""Syslog frames: cut as the contract says, wherever the network cuts, whatever comes in between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.framing.lines.clean import escaped
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, Oversize
from logsrv.linelog.framing.lines.syslog_framer import SyslogFramer
from tests.costs import allocated, doubled
from tests.examples import more
from tests.linelog.framing.reference import where_a_cut_decides

PIECES = st.lists(
    st.sampled_from(
        [
            b"<13>x", b"\n", b"\0", b"\r", b"\r\n", b"5 <1>ab", b"6 <1>ab\n", b"7 ", b"12", b"<", b"<1",
            b"<123>", b"text", b"2026-11-20 x\n", b"<13>a\nb\0", b"3 <x\n4 <y\0\n", b"\xc3\xa9\xff",
            b"<34>Oct 11 22:14:15 mymachine su: x\n", b"0 <1>", b"9 <1>in\n<1>x",
            b"2 {}", b"3 {}\n", b"7 {\n 1\n}\n", b"0 ", b"1 \n", b"8 packets\n", b"200 OK\n", b" 4 x",
            b"2 \r\n",
        ]
    ),
    max_size=12,
)  # fmt: skip
COUNT = re.compile(rb"([1-9]\d{0,8}) ")
NEXT_COUNT = re.compile(rb"(0|[1-9]\d{0,8}) ")


def slowly(data: bytes, ends: Sequence[int] = ()) -> list[bytes]:
    """The frames of a connection that has ended, frame by frame, as the contract's sentences go.

    ends: of the chunks as they came.
    """
    found = []
    at, behind_nul, straight = 0, False, False
    while at < len(data):
        header = (NEXT_COUNT if straight else COUNT).match(data, at)
        if header and (straight or fits(data, at, header, ends or [len(data)])):
            begin = header.end()
            end = begin + int(header[1])
            found.append(without_one_ending(data[begin:end]))
            at = end + (data[end : end + 1] == b"\n")
            behind_nul, straight = False, at == end
            continue
        straight = False
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


def fits(data: bytes, at: int, header: re.Match[bytes], ends: Sequence[int]) -> bool:
    """Tell whether a count that is not straight behind a frame is one."""
    begin = header.end()
    end = begin + int(header[1])
    if data[begin : begin + 1] == b"<":
        return True
    inner = re.compile(rb"[\n\0]").search(data, begin, max(begin, end - 1))
    if not inner:
        return end in ends or COUNT.match(data, end) is not None
    seen = data[: min(each for each in ends if each > inner.start())]
    return at == 0 and end <= len(seen) and frames_follow(seen, end)


def frames_follow(data: bytes, at: int) -> bool:
    if data[at - 1 : at] in (b" ", *(b"%d" % digit for digit in range(10))):
        return False
    for _ in range(8):
        header = NEXT_COUNT.match(data, at)
        if header is None:
            return re.fullmatch(rb"(0|[1-9]\d{0,8})?", data[at:]) is not None
        at = header.end() + int(header[1])
    return True


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


@pytest.mark.slow
@more(4)
@given(PIECES.map(b"".join), st.integers(1, 40))
@example(b"<13>x\0<13>a\n\0<1>b\r\n\0", 3)
@example(b"<13>x\0<13>a\r\n<1>b\n", 40)
@example(b"5 <1>ab\n\n6 <1>ab\n\n\n", 7)
@example(b"8 packets\nhello\n", 10)
@example(b"8 packets\nhello\n", 11)
@example(b"8 packets\n9 is more", 1)
@example(b"7 {\n 1\n}\n7 {\n 2\n}\n", 9)
@example(b"7 {\n 1\n}\n7 {\n 2\n}\n", 5)
@example(b"<13>x\n200 OK\n\0\x002 {}2 {}", 3)
def test_as_the_contract_says_at_every_cut(data: bytes, size: int) -> None:
    for ends in ([len(data)], [*range(size, len(data), size), len(data)]):
        frames = slowly(data, ends)
        pieces = [data[begin:end] for begin, end in pairwise([0, *ends])]
        assert counted_and_framed(pieces) == (
            frames.count(b""),
            [as_line(frame) for frame in frames if frame],
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
        # Straight behind a counted frame, what begins with a count is one.
        (b"5 <1>ab7 {\n 1\n}\n3 {}\n", [b"<1>ab", rb"{\x0a 1\x0a}", b"{}"]),
        (b"5 <1>ab0 1 \n3 abc20 unfinished", [b"<1>ab", b"abc", b"unfinished"]),
        # Elsewhere its count has to fit.
        (b"2 {}", [b"{}"]),
        (b"2 {}3 {} 2 {}", [b"{}", b"{} ", b"{}"]),
        (b"a line\n2 {}4 <13>", [b"a line", b"{}", b"<13>"]),
        (b"8 packets\n", [b"packets"]),
        (b"7 {\n 1\n}\n2 {}", [rb"{\x0a 1\x0a}", b"{}"]),
        # So these are lines.
        (b"5 abcdefghij", [b"5 abcdefghij"]),
        (b"5 hello\n", [b"5 hello"]),
        (b"200 OK\n", [b"200 OK"]),
        (b"12 digits first\n", [b"12 digits first"]),
        (b"2026-11-20 plain text\n", [b"2026-11-20 plain text"]),
        (b"999999999 bottles", [b"999999999 bottles"]),
        (
            b"10 packets transmitted\n11 packets received\n0 lost\n",
            [b"10 packets transmitted", b"11 packets received", b"0 lost"],
        ),
        (b"12 34 56 78\n12 34 56 79\n" * 2, [b"12 34 56 78", b"12 34 56 79"] * 2),
        (b"text\n7 {\n 1\n}\n2 {}", [b"text", b"7 {", b" 1", b"}", b"{}"]),
        # What has begun to look like a frame is stored when the connection ends.
        (b"7 abc", [b"7 abc"]),
        (b"8 packets\n9", [b"8 packets", b"9"]),
        (b"5 <1>ab7 ", [b"<1>ab"]),
    ],
)
def test_syslog_frames_of_every_kind_become_lines(data: bytes, lines: list[bytes]) -> None:
    assert framed([data]) == lines


def test_a_line_that_begins_with_a_number_waits_for_nothing() -> None:
    for data in (b"200 OK\n", b"<13>x\n200 OK\n", b"10 packets\n11 packets\n"):
        block = SyslogFramer(LineRules(), LineCounts()).receive(data)
        assert block is not None and bytes(block) == data


def test_a_chunk_full_of_lines_that_begin_with_numbers() -> None:
    lines = [b"%d %s" % (number * 7 % 300, b"x" * (number % 50)) for number in range(20_000)]
    lines = [line for line in lines if int(line.split()[0]) not in range(1, len(line))]
    assert framed([b"\n".join(lines)]) == lines
    assert framed([b"\n".join([*lines, b"2 {}3 abc", *lines])]) == [*lines, b"{}", b"abc", *lines]


@pytest.mark.parametrize("pieces", [1, 5, 1000])
def test_frames_that_are_merged_are_noticed(pieces: int) -> None:
    frames = b"".join(b'%d {"n":%d}' % (len(b'{"n":%d}' % n), n) for n in range(100))
    for data, merged in (
        (b"stray " + frames + b"\n", True),
        (b"lines\n" * 10 + b"stray " + frames, True),
        (frames, False),
        (b"lines\n" * 10 + b"5 of 7 and 12 of 13 are 6 more\n", False),
    ):
        framer = SyslogFramer(LineRules(), LineCounts())
        size = len(data) // pieces + 1
        for at in range(0, len(data), size):
            framer.receive(data[at : at + size])
        framer.finish()
        assert framer.merged == merged


@given(PIECES.map(b"".join), st.integers(1, 40), st.integers(1, 3))
def test_a_chunk_is_taken_in_alike_in_several_calls(data: bytes, size: int, most: int) -> None:
    counts, found = LineCounts(), []
    framer = SyslogFramer(LineRules(max_line=30), counts, most)
    whole = SyslogFramer(LineRules(max_line=30), wholly := LineCounts())
    blocks = []
    for at in range(0, len(data), size):
        blocks.append(whole.receive(data[at : at + size]))
        found.append(framer.receive(data[at : at + size]))
        while framer.more:
            found.append(framer.receive(b""))
    blocks.append(whole.finish())
    found.append(framer.finish())
    together = [b"".join(bytes(one) for one in each if one is not None) for each in (found, blocks)]
    assert together[0] == together[1]
    assert counts == wholly


def test_the_pieces_of_a_call_are_bounded() -> None:
    framer = SyslogFramer(LineRules(), LineCounts(), 100)
    block = framer.receive(b"1 <9x\n" * 10_000)
    assert framer.more
    assert block is not None and block.number <= 100


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
    whole = counted_and_framed([data], max_line=6)
    never = where_a_cut_decides(data)
    places = [0, *(at for at in range(size, len(data), size) if at not in never), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(places)]
    assert counted_and_framed(pieces, max_line=6) == whole


def test_what_is_unfinished_is_stored_though_its_escapes_make_it_long() -> None:
    data = b"16 <13>a\nb\nc\nd"
    assert b"".join(framed([data], max_line=16)) == rb"<13>a\x0ab\x0ac\x0ad"


def test_a_count_beyond_the_limit_closes() -> None:
    framer = SyslogFramer(LineRules(max_line=10, oversize=Oversize.CLOSE), LineCounts())
    block = framer.receive(b"100 <1>" + b"x" * 97 + b"5 <1>ab")
    assert block is not None and bytes(block) == b"<1>xxxxxxx\n"
    assert framer.closing == "a line is longer than 10 bytes"


def test_a_frame_with_a_giant_count_is_not_kept_in_memory() -> None:
    framer = SyslogFramer(LineRules(max_line=1000), LineCounts())
    assert framer.receive(b"999999999 <1>") is None
    for _ in range(100):
        framer.receive(b"x" * 1000)
    assert len(framer._held) + len(framer._lines._rest) <= 1000


def test_many_tiny_frames_behind_nuls_do_not_copy_their_chunk_for_each() -> None:
    def copied(number: int) -> int:
        framer = SyslogFramer(LineRules(), LineCounts())
        return allocated(lambda: framer.receive((b"\0<\0" + b"a" * 100) * number))

    assert doubled(copied, 300) < 2.5
