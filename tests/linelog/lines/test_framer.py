"""The framer: what a user sees of it, and that it agrees with the reference however bytes are cut."""

import random
import sys
import tracemalloc
from itertools import pairwise
from types import FrameType
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logsrv.linelog.lines.framer import HeldReturn, LineFramer, without_returns
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize
from tests.parts.costs import allocated
from tests.parts.examples import more
from tests.parts.reference_lines import Outcome, reference


def framed(chunks: list[bytes], rules: LineRules) -> Outcome:
    outcome = Outcome()
    framer = LineFramer(rules, outcome.counts)
    blocks = []
    for chunk in chunks:
        blocks.append(framer.receive(chunk))
        outcome.answers += framer.take_answers()
    blocks.append(framer.finish())
    for block in blocks:
        if block is not None:
            # Exactly as it is stored, without the stamps again.
            stamped = b"".join(block.stamped(b"<|stamp|>"))
            lines = stamped.removesuffix(b"\n").split(b"\n")
            assert all(line.startswith(b"<|stamp|>") for line in lines)
            assert stamped.replace(b"<|stamp|>", b"") == bytes(block)
            outcome.stored += bytes(block)
    outcome.answers += framer.take_answers()
    outcome.closed = framer.closing is not None
    return outcome


def cut_at(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


PIECES = st.sampled_from(
    [
        *[b"a", b"bc", b"\t", b"\\", b" ", b"\n", b"\n", b"\r", b"\r\n", b"\r\0", b"\0", b"\x1b"],
        *[b"\x7f", b"\x01", "é".encode(), "€".encode(), "🙂".encode(), "»".encode()],
        *[b"\xc2\x9b", b"\xc2", b"\x9b", b"\xe2\x82", b"\xf0\x9f", b"\x80", b"\xed\xa0\x80"],
        *["\u2027".encode(), "\u2028".encode(), "\u2029".encode(), b"\xe2\x80", b"\xa8"],
        *[b"\xff", b"\xff\xff", b"\xff\xfd\x01", b"\xff\xfb\x03", b"\xff\xfc\x0a", b"\xff\xfe\xff"],
        *[b"\xff\xf6", b"\xff\xf1", b"\xff\xfa", b"\xff\xf0", b"\xff\xfa\x18\0x\xff\xf0", b"\xfa"],
        *[b"\xff\xfa\x1f\0\x0a\0\x0a\xff\xf0", b"\xff\xfa\x1f", b"\xff\xef", b"\xff\xec", b"\x1f"],
    ]
)
RETURNS = st.sampled_from([b"\r", b"\0", b"\n", b"a", b"\xff\xf1"])
STREAMS = st.one_of(
    st.lists(PIECES | st.binary(max_size=2), max_size=30), st.lists(RETURNS, max_size=12)
).map(b"".join)
RULES = st.builds(
    LineRules,
    max_line=st.integers(1, 20),
    oversize=st.sampled_from(Oversize),
    raw=st.sampled_from([False, False, False, True]),
    telnet=st.sampled_from([True, True, False]),
)


@pytest.mark.slow
@more(6)
@given(STREAMS, st.lists(st.integers(0, 200), max_size=12), RULES)
@example(b"\r\r\0\0", [3], LineRules(max_line=5))
@example(b"\r\r\0\n", [1, 2], LineRules(max_line=5))
@example(b"aaaa\r\nb", [5], LineRules(max_line=4))
def test_same_result_however_the_bytes_are_cut(data, cuts, rules):
    """Where TCP cuts a stream changes neither what is stored nor answers, counts and closing."""
    expected = reference(data, rules)
    assert framed([data], rules) == expected
    assert framed(cut_at(data, cuts), rules) == expected
    assert framed([bytes([code]) for code in data], rules) == expected


@pytest.mark.parametrize("oversize", Oversize)
@pytest.mark.parametrize("length", [19, 20, 21, 22, 41])
def test_a_line_has_its_limit_also_if_it_comes_in_two_pieces(oversize, length):
    """Each of them is shorter than the limit, or than what is left of it."""
    rules = LineRules(max_line=20, oversize=oversize)
    data = b"x" * length + b"\nshort\n"
    expected = reference(data, rules)
    assert expected.counts.oversize_lines == (length > 20)
    for cut in range(len(data)):
        assert framed([data[:cut], data[cut:]], rules) == expected


@pytest.mark.slow
@given(st.integers(0, 2**32), st.integers(1, 3000), RULES, st.sampled_from([20, 1000, 50_000]))
def test_large_chunks_give_the_same(seed, longest, rules, max_line):
    """The ways for large chunks (NumPy) and for small ones agree with the reference."""
    pick = random.Random(seed)
    odd = [b"\r\n", "é»".encode(), b"\xc2\x9b", b"\x1b", b"\xff\xfd\x01", b"\r", b"\xe9", b"\n\n"]
    odd += [b"\xe2\x80\xa8", b"\xf0\x9f", "日本🙂".encode() * 20, b"\xe9" * 300, b"\xff\xf0"]
    used = pick.sample(odd, pick.randrange(len(odd)))
    data = b"".join(
        b"x" * pick.randrange(longest) + pick.choice([b"\n", *used])
        for _ in range(60_000 // longest + 20)
    )
    # No more than what can be answered at once.
    data = data[:60_000]
    rules = attrs.evolve(rules, max_line=max_line)
    expected = reference(data, rules)
    assert framed([data], rules) == expected
    size = pick.randrange(1, 40_000)
    assert framed([data[i : i + size] for i in range(0, len(data), size)], rules) == expected


def rules(**changes: Any) -> LineRules:
    return attrs.evolve(LineRules(), **changes)


def stored(*chunks: bytes, **changes: Any) -> bytes:
    return framed(list(chunks), rules(**changes)).stored


def test_crlf_and_bare_return_leave_no_trace():
    """What telnet and Windows programs end lines with does not show in the log."""
    assert stored(b"one\r\ntwo\r", b"\nth\r", b"\0ree\n") == b"one\ntwo\nthree\n"


def test_a_log_line_cannot_drive_a_terminal():
    """ESC, BEL, a lone CR and C1 controls are shown, not obeyed; text in any script is untouched."""
    assert stored(b"\x1b[2J\x07 a\rb \xc2\x9b1m\n") == b"\\x1b[2J\\x07 a\\x0db \\xc2\\x9b1m\n"
    text = "naïve « 21 °C » Привет 日本語 🙂 \\x41\ttab\n".encode()
    assert stored(text) == text


def test_a_line_is_a_line_for_every_reader():
    """Python, editors and browsers take U+2028 and U+2029 for line ends; they cannot forge one."""
    assert stored("a\u2028b\u2029c\x85d\n".encode()) == (
        b"a\\xe2\\x80\\xa8b\\xe2\\x80\\xa9c\\xc2\\x85d\n"
    )
    assert stored("a\u2028b\n".encode(), raw=True) == "a\u2028b\n".encode()


GARBAGE = [
    b"\xff\xfa", b"\xff\xff", b"\xff\xf6", b"\n", b"\0", b"\r", b"\r\0", b"\r\r\0\n", b"\x80", b"\xe9a",
    b"\xf0\x9f", "\u2028".encode(), b"\xc2\x9b", b"\x1ba", bytes(range(32)), bytes(range(256)),
    b"\xe9\n" + b"x" * 61, b"\xc2\x85" + b"x" * 61,
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE)
def test_no_bytes_cost_more_calls_than_others(garbage):
    """Work is done per chunk: a peer that sends garbage keeps nobody waiting."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    chunk = (garbage * 65536)[:65536]
    # Loads what they need.
    LineFramer(LineRules(), LineCounts()).receive(chunk)
    framer = LineFramer(LineRules(), LineCounts())
    sys.setprofile(count)
    try:
        framer.receive(chunk)
        framer.take_answers()
    finally:
        sys.setprofile(None)
    assert calls < 600


def test_telnet_negotiation_is_answered_and_not_stored():
    """A telnet client that wants to negotiate is refused in its own words."""
    counts = LineCounts()
    framer = LineFramer(LineRules(), counts)
    block = framer.receive(b"\xff\xfd\x03\xff\xfb\x18he\xff\xf1llo\r\n")
    assert block is not None and bytes(block) == b"hello\n"
    assert framer.take_answers() == b"\xff\xfc\x03\xff\xfe\x18"
    assert framer.take_answers() == b""
    assert counts.dropped_telnet == 8


def test_raw_lines_are_stored_byte_for_byte():
    data = bytes(range(256)) + b"\r\n\xff\xfd\x01\r\0\n"
    assert stored(data, raw=True) == data
    assert stored(b"\x1b", b"\xe9", raw=True) == b"\x1b\xe9\n"


def test_split_loses_nothing_and_cuts_no_character():
    line = "日本語のログ".encode()
    lines = stored(line + b"\n", max_line=7).splitlines()
    assert [piece.decode() for piece in lines] == ["日本", "語の", "ログ"]


def test_what_is_dropped_is_counted_as_it_comes():
    """The counter runs while the endless line does, and nothing of it is held."""
    counts = LineCounts()
    framer = LineFramer(rules(max_line=4, oversize=Oversize.TRUNCATE), counts)
    framer.receive(b"abcdef")
    framer.receive(b"gh")
    assert counts.dropped_truncated == 4


def test_close_tells_why_and_counts_the_rest():
    counts = LineCounts()
    framer = LineFramer(rules(max_line=4, oversize=Oversize.CLOSE), counts)
    block = framer.receive(b"ok\nabcdef\nmore\n")
    assert block is not None and bytes(block) == b"ok\nabcd\n"
    assert framer.closing == "a line is longer than 4 bytes"
    assert framer.receive(b"and more") is None
    assert counts == LineCounts(oversize_lines=1, dropped_closed=2 + 4 + 8)
    assert framer.finish() is None


@pytest.mark.parametrize("oversize", list(Oversize))
def test_endless_line_takes_bounded_memory(oversize):
    """A peer that never sends a newline does not fill our memory, whatever the rule."""
    limit = 100_000
    framer = LineFramer(rules(max_line=limit, oversize=oversize), LineCounts())
    chunk = b"x" * 64 * 1024
    tracemalloc.start()
    try:
        for _ in range(300):
            framer.receive(chunk)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < limit + len(chunk) + 4096


def test_a_line_that_comes_byte_by_byte_is_not_copied_for_each():
    framer = LineFramer(rules(max_line=1 << 20), LineCounts())
    framer.receive(b"x" * 100_000)
    # What is held is copied when it first grows, and maybe when it has to move.
    assert allocated(lambda: [framer.receive(b"x") for _ in range(100)]) < 500_000


def test_an_idle_connection_costs_a_few_hundred_bytes():
    rules_, counts = LineRules(), LineCounts()
    tracemalloc.start()
    try:
        framers = [LineFramer(rules_, counts) for _ in range(1000)]
        each = tracemalloc.get_traced_memory()[0] / len(framers)
    finally:
        tracemalloc.stop()
    assert each < 300


def test_a_clean_chunk_is_not_copied():
    """The hot path: what the socket delivered is what is stored, but for the parts at both ends."""
    chunk = b"end of a line\n" + b"x" * 99 + b"\nbeginning"
    framer = LineFramer(LineRules(), LineCounts())
    framer.receive(b"beginning and ")
    block = framer.receive(chunk)
    assert block is not None and block.body is chunk
    assert block.head == b"beginning and end of a line\n"
    assert bytes(block) == block.head + b"x" * 99 + b"\n"


def test_a_bom_in_front_of_the_lines_is_counted_as_dropped():
    found = framed([b"\xef\xbb", b"\xbfone\n"], LineRules())
    assert (found.stored, found.counts.dropped_bom) == (b"one\n", 3)


NONE, OPEN, NO_BARE, TWO = HeldReturn


@pytest.mark.parametrize(
    ("data", "held", "expected"),
    [
        (b"a\r\nb", NONE, (b"a\nb", NONE, 0)),
        (b"a\r\r\nb", NONE, (b"a\r\nb", NONE, 0)),
        (b"a\rb\n", NONE, (b"a\rb\n", NONE, 0)),
        (b"a\r\0b", NONE, (b"ab", NONE, 2)),
        (b"\0\r", NONE, (b"\0", OPEN, 0)),
        (b"\0", OPEN, (b"", NONE, 2)),
        (b"\n", OPEN, (b"\n", NONE, 0)),
        (b"x", OPEN, (b"\rx", NONE, 0)),
        (b"\r", OPEN, (b"", TWO, 0)),
        (b"\r\r\r", NONE, (b"\r", TWO, 0)),
        (b"\r", TWO, (b"\r", TWO, 0)),
        (b"\0", TWO, (b"", NO_BARE, 2)),
        (b"\n", TWO, (b"\r\n", NONE, 0)),
        (b"x", TWO, (b"\r\rx", NONE, 0)),
        (b"\r", NO_BARE, (b"", TWO, 0)),
        (b"", OPEN, (b"", OPEN, 0)),
        (b"\r\r\0", NONE, (b"", NO_BARE, 2)),
        (b"\0", NO_BARE, (b"\r\0", NONE, 0)),
        (b"\n", NO_BARE, (b"\n", NONE, 0)),
        (b"\r\0", NO_BARE, (b"", NO_BARE, 2)),
    ],
)
def test_only_stray_returns_stay(data, held, expected):
    """A line ending goes, a bare return goes and is counted, a stray CR stays to be escaped."""
    assert without_returns(data, held) == expected


@pytest.mark.parametrize("lines", [1, 5_000])
def test_one_stray_return_among_many_endings_stays(lines):
    """The quick way for large chunks does not swallow a CR that ends no line."""
    data = b"text\r\n" * lines
    assert without_returns(data, NONE)[0] == b"text\n" * lines
    assert without_returns(data + b"a\rb\r\n", NONE)[0] == b"text\n" * lines + b"a\rb\n"
    assert without_returns(data + b"\r\r\r", NONE)[0] == b"text\n" * lines + b"\r"


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"\r", b"\0", b"\n", b"a"]), max_size=12).map(b"".join))
def test_large_chunks_are_read_as_small_ones(odd):
    """All CR NUL go first, and then the CRs before LF, however many there are."""
    for data in (odd * 3_000, b"y" * 3_000 + odd):
        found, held, bare = without_returns(data, NONE)
        rest, _, more = without_returns(b"x", held)
        without_bare = (data + b"x").replace(b"\r\0", b"")
        assert found + rest == without_bare.replace(b"\r\n", b"\n")
        assert bare + more == len(data) + 1 - len(without_bare)
