"""Syslog frames: cut as the contract says, wherever the network cuts, whatever comes in between."""

import re
from codecs import BOM_UTF8

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.formats.syslog.parse import SyslogFramer
from logsrv.linelog.lines.clean import escaped
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize
from tests.parts.costs import allocated, doubled
from tests.parts.examples import more

PIECES = st.lists(
    st.sampled_from(
        [
            b"<13>x", b"\n", b"\0", b"\r", b"\r\n", b"5 <1>ab", b"6 <1>ab\n", b"7 ", b"12", b"<", b"<1",
            b"<123>", b"text", b"2026-11-20 x\n", b"<13>a\nb\0", b"3 <x\n4 <y\0\n", b"\xc3\xa9\xff",
            b"<34>Oct 11 22:14:15 mymachine su: x\n", b"0 <1>", b"9 <1>in\n<1>x",
            b"2 {}", b"3 {}\n", b"7 {\n 1\n}\n", b"0 ", b"1 \n", b"8 packets\n", b"200 OK\n", b" 4 x",
            b"2 \r\n", b"\xef\xbb\xbf", b"9 \xef\xbb\xbf<13>ab",
            b"\n\xef\xbb\xbf<13>x", b"\xef", b"\0\xef\xbb\xbf<13>a\nb",
        ]
    ),
    max_size=12,
)  # fmt: skip
COUNT = re.compile(rb"([1-9]\d{0,8}) ")
NEXT_COUNT = re.compile(rb"(0|[1-9]\d{0,8}) ")


def slowly(data: bytes) -> list[bytes]:
    """The frames of a connection that has ended, frame by frame, as the contract's sentences go."""
    data = data.removeprefix(BOM_UTF8)
    found = []
    at, behind_nul, straight = 0, False, False
    while at < len(data):
        header = (NEXT_COUNT if straight else COUNT).match(data, at)
        if header and (straight or fits(data, at, header)):
            begin = header.end()
            end = begin + int(header[1])
            found.append(re.sub(rb"\A\xef\xbb\xbf(?=<)", b"", without_one_ending(data[begin:end])))
            at = end + (data[end : end + 1] == b"\n")
            behind_nul, straight = False, at == end
            continue
        straight = False
        if data.startswith(BOM_UTF8 + b"<", at):
            at += len(BOM_UTF8)
        glued = behind_nul and data[at : at + 1] == b"<"
        end = at
        while end < len(data):
            if data[end] == 0:
                break
            if data[end] == 10 and (
                not glued or re.match(rb"(\xef\xbb\xbf)?<\d{1,3}>", data[end + 1 :])
            ):
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


def fits(data: bytes, at: int, header: re.Match[bytes]) -> bool:
    """Tell whether a count that is not straight behind a frame is one."""
    begin = header.end()
    end = begin + int(header[1])
    if data[begin:].startswith((b"<", BOM_UTF8 + b"<")):
        return True
    if end > len(data):
        return False
    if re.compile(rb"[\n\0]").search(data, begin, max(begin, end - 1)) and (
        at > 0 or data[end - 1 : end] in (b" ", *(b"%d" % digit for digit in range(10)))
    ):
        return False
    second = COUNT.match(data, end)
    whole = second is not None and second.end() + int(second[1]) <= len(data)
    return end == len(data) or whole


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


def kept_bytes(framer: SyslogFramer) -> int:
    return len(framer._held) + len(framer._lines._rest)


def as_line(frame: bytes) -> bytes:
    return escaped(frame.replace(b"\n", rb"\x0a"))


@pytest.mark.slow
@more(4)
@given(PIECES.map(b"".join))
@example(b"<13>x\0<13>a\n\0<1>b\r\n\0")
@example(b"<13>x\0<13>a\r\n<1>b\n")
@example(b"5 <1>ab\n\n6 <1>ab\n\n\n")
@example(b"8 packets\nhello\n")
@example(b"8 packets\n9 is more")
@example(b"7 {\n 1\n}\n7 {\n 2\n}\n")
@example(b"<13>x\n200 OK\n\0\x002 {}2 {}")
def test_syslog_frames_are_cut_as_the_contract_says(data):
    """Wherever it is cut: tests/test_cuts.py."""
    frames = slowly(data)
    assert counted_and_framed([data]) == (
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
        (b"a line\n2 {}5 <13>", [b"a line", b"2 {}5 <13>"]),
        (b"a line\n5 abcde3 fgh", [b"a line", b"abcde", b"fgh"]),
        (b"a line\n5 abcde0 3 fgh", [b"a line", b"5 abcde0 3 fgh"]),
        (b"a line\n5 abcde3 fgh0 3 ijk", [b"a line", b"abcde", b"fgh", b"ijk"]),
        (b"a line\n2 {}70000 x", [b"a line", b"2 {}70000 x"]),
        # A BOM in front of the connection, and before a priority.
        (b"\xef\xbb\xbf<13>x\n\xef\xbb\xbf<13>y\n", [b"<13>x", b"<13>y"]),
        (
            b"<13>x\n" + b"\xef\xbb\xbf<13>y\r\n" * 3 + b"\xef\xbb\xbf<13>z",
            [b"<13>x", *[b"<13>y"] * 3, b"<13>z"],
        ),
        (
            b"\xef\xbb\xbf<1>a\0\xef\xbb\xbf<1>b\nc\0\xef\xbb\xbf<1>d\n\xef\xbb\xbf<1>e\n",
            [b"<1>a", rb"<1>b\x0ac", b"<1>d", b"<1>e"],
        ),
        (
            b"5 <1>ab\xef\xbb\xbf<1>c\n5 <1>de\n\xef\xbb\xbf<1>f\n8 \xef\xbb\xbf<1>gh",
            [b"<1>ab", b"<1>c", b"<1>de", b"<1>f", b"<1>gh"],
        ),
        # A BOM within a message, or before other text, stays.
        (
            b"<1>x \xef\xbb\xbf<1>y\n<1>1 - - - - - - \xef\xbb\xbfz\n",
            [b"<1>x \xef\xbb\xbf<1>y", b"<1>1 - - - - - - \xef\xbb\xbfz"],
        ),
        (
            b"<1>x\n\xef\xbb\xbftext\n\xef\xbb\n\xef\xbb\xbf",
            [b"<1>x", b"\xef\xbb\xbftext", rb"\xef\xbb", b"\xef\xbb\xbf"],
        ),
        (b"15 <1>a\n\xef\xbb\xbf<1>b\n", [b"<1>a\\x0a\xef\xbb\xbf<1>b"]),
        (b"<1>x\0<1>a\n\xef\xbb\xbf<x\0", [b"<1>x", b"<1>a\\x0a\xef\xbb\xbf<x"]),
        (b"\xef\xbb\xbf5 <1>ab8 \xef\xbb\xbf<1>cd", [b"<1>ab", b"<1>cd"]),
        (b"8 \xef\xbb\xbf<1>ab8 \xef\xbb\xbf<1>cd", [b"<1>ab", b"<1>cd"]),
        (b"\xef\xbb\xbf2 {}2 []", [b"{}", b"[]"]),
        (b"30 \xef\xbb\xbf<1>unfinished", [b"<1>unfinished"]),
        (b"\xef\xbb\xbf", []),
        (b"\xef\xbb", [rb"\xef\xbb"]),
        (b"8 packets\n", [b"packets"]),
        (b"7 {\n 1\n}\n2 {}", [rb"{\x0a 1\x0a}", b"{}"]),
        # So these are lines.
        (b"5 abcdefghij", [b"5 abcdefghij"]),
        (b"a line\n5 abcdefghij\n", [b"a line", b"5 abcdefghij"]),
        (b"3 little pigs", [b"3 little pigs"]),
        (b"a line\n12 digits first\n", [b"a line", b"12 digits first"]),
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
def test_syslog_frames_of_every_kind_become_lines(data, lines):
    assert framed([data]) == lines


def test_a_line_that_begins_with_a_number_waits_for_nothing():
    for data in (b"<13>x\n200 OK\n", b"10 packets\n11 packets\n" * 2, b"x\n5 abcdefghij\n"):
        block = SyslogFramer(LineRules(), LineCounts()).receive(data)
        assert block is not None and bytes(block) == data


def test_a_chunk_full_of_lines_that_begin_with_numbers():
    lines = [b"%d %s" % (number * 7 % 300, b"x" * (number % 50)) for number in range(20_000)]
    lines = [line for line in lines if int(line.split()[0]) not in range(1, len(line))]
    assert framed([b"\n".join(lines)]) == lines
    assert framed([b"\n".join([*lines, b"2 {}3 abc", *lines])]) == [*lines, b"{}", b"abc", *lines]


@pytest.mark.parametrize("pieces", [1, 5, 1000])
def test_frames_that_are_merged_are_noticed(pieces):
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


def test_the_pieces_of_a_call_are_bounded():
    framer = SyslogFramer(LineRules(), LineCounts(), 100)
    block = framer.receive(b"1 <9x\n" * 10_000)
    assert framer.more
    assert block is not None and block.number <= 100


def test_a_count_beyond_the_limit_is_consumed_as_counted():
    long = b"<1>" + b"x" * 100
    data = b"103 " + long + b"5 <1>ab"
    for size in (1, 7, 200):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert b"".join(framed(pieces, max_line=40)) == long + b"<1>ab"
        assert framed(pieces, max_line=40)[-1] == b"<1>ab"
        cut = framed(pieces, max_line=40, oversize=Oversize.TRUNCATE)
        assert cut == [long[:40], b"<1>ab"]


@pytest.mark.parametrize(
    ("data", "at_once", "after_a_second"),
    [
        (b"2 {}", b"", b"{}\n"),
        (b"12 digits first", b"", b"digits first\n"),
        (b"x\n8 packets\n", b"x\n", b"packets\n"),
        (b"x\n8 packets\0", b"x\n", b"packets\n"),
        (b"x\n5 plain", b"x\n", b"plain\n"),
        (b"7 {\n 1\n}\n", b"", b"{\\x0a 1\\x0a}\n"),
        # Not whole after a second: the lines of a sender of lines do not wait longer.
        (b"200 OK\n", b"", b"200 OK\n"),
        (b"1234 started\n8 packets\n", b"", b"1234 started\npackets\n"),
        # Nothing is decided: it waits for more bytes.
        (b"9 unfini", b"", b""),
        (b"x\n2 {}", b"x\n", b"{}\n"),
        (b"x\n2 {}5", b"x\n", b""),
        (b"x\n2 {}5 <1>a", b"x\n", b""),
        (b"x\n8 packets\n9 lives\n", b"x\n", b""),
        (b"12", b"", b""),
        (b"99999999 ", b"", b""),
        (b"20 <1>unfinished", b"", b""),
        (b"5 <1>ab9 unfini", b"<1>ab\n", b""),
        (b"unfinished\r", b"", b""),
    ],
)
def test_a_second_of_silence_decides_as_the_end_would(data, at_once, after_a_second):
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        framer = SyslogFramer(LineRules(), LineCounts())
        blocks = [framer.receive(piece) for piece in pieces]
        assert b"".join(bytes(block) for block in blocks if block) == at_once
        assert bool(framer.waits) == bool(after_a_second)
        assert bytes(framer.receive_silence() or b"") == after_a_second
        assert not framer.waits and framer.receive_silence() is None


def test_the_second_of_an_unproved_count_begins_anew_with_each_byte():
    framer = SyslogFramer(LineRules(), LineCounts())
    found = []
    for byte in b"500 OK\nmore\n":
        framer.receive(bytes((byte,)))
        found.append(framer.waits)
    assert found[:6] == [()] * 6 and len(set(found[6:])) == len(found) - 6


def test_a_byte_after_a_count_that_fits_shows_that_it_is_a_line():
    framer = SyslogFramer(LineRules(), LineCounts())
    assert framer.receive(b"5 plain") is None and framer.waits
    assert framer.receive(b" text") is None and not framer.waits
    assert bytes(framer.receive(b"\n") or b"") == b"5 plain text\n"


def test_the_bytes_that_wait_in_a_syslog_framer_are_bounded():
    """Two frames that are not proved yet, of a line's length each."""
    for start in (
        b"1000 ",
        b"x\n1000 ",
        b"1000 " + b"x" * 1000 + b"1000 ",
        b"999999999 ",
        b"1 x99999 ",
    ):
        framer = SyslogFramer(LineRules(max_line=1000), LineCounts())
        framer.receive(start)
        for _ in range(100):
            framer.receive(b"x" * 99)
            assert kept_bytes(framer) <= 2 * 1000 + 100


def test_what_is_unfinished_is_stored_though_its_escapes_make_it_long():
    data = b"16 <13>a\nb\nc\nd"
    assert b"".join(framed([data], max_line=16)) == rb"<13>a\x0ab\x0ac\x0ad"


def test_a_count_beyond_the_limit_closes():
    framer = SyslogFramer(LineRules(max_line=10, oversize=Oversize.CLOSE), LineCounts())
    block = framer.receive(b"100 <1>" + b"x" * 97 + b"5 <1>ab")
    assert block is not None and bytes(block) == b"<1>xxxxxxx\n"
    assert framer.closing == "a line is longer than 10 bytes"


def test_a_frame_with_a_giant_count_is_not_kept_in_memory():
    framer = SyslogFramer(LineRules(max_line=1000), LineCounts())
    assert framer.receive(b"999999999 <1>") is None
    for _ in range(100):
        framer.receive(b"x" * 1000)
    assert kept_bytes(framer) <= 1000


def test_many_tiny_frames_behind_nuls_do_not_copy_their_chunk_for_each():
    def copied(number: int) -> int:
        framer = SyslogFramer(LineRules(), LineCounts())
        return allocated(lambda: framer.receive((b"\0<\0" + b"a" * 100) * number))

    assert doubled(copied, 300) < 2.5
