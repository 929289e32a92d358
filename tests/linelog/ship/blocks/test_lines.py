"""Lines of blocks: what our own framing would have stored, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.framing.lines.lines import LineFramer
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, for_frames
from logsrv.linelog.ship.blocks.lines import LONGEST_STAMP, check_lines
from tests.strangers import at_most

STAMP = b"2026-11-20T06:18:42.123456Z tcp:10.0.0.7:51234 "


def number(text: bytes, *, raw: bool = False) -> int:
    return sum(check_lines(text, raw=raw))


@given(st.binary(), st.booleans())
def test_whatever_our_own_framing_stores_is_fine(data: bytes, raw: bool) -> None:
    framer = LineFramer(for_frames(LineRules(raw=raw)), LineCounts())
    for block in framer.receive(data + b"\n"), framer.finish():
        if block is not None:
            text = b"".join(Batch(block, "name@tcp:[::1]:7", 1.8e9).stored())
            assert number(text, raw=raw) == text.count(b"\n")


@given(st.binary(max_size=300).map(lambda data: data.split(b"\n")))
def test_it_is_refused_if_a_store_without_raw_would_hold_something_else(lines: list[bytes]) -> None:
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
def test_one_wrong_line_among_many_is_found(line: bytes, why: str, before: int) -> None:
    fine = STAMP + b"fine, \xc3\xa4\tand so on\n"
    text = before * fine + line + b"\n" + fine
    with pytest.raises(ValueError, match=why):
        number(text)
    assert number(before * fine + fine) == before + 1


def test_raw_messages_are_theirs_and_stamps_are_not() -> None:
    assert number(STAMP + b"\xff\0\x1b\n", raw=True) == 1
    with pytest.raises(ValueError, match="printable ASCII"):
        number(b"2026-11-20T06:18:42.123456Z tcp:\x1b[31m1 source\n", raw=True)


def test_a_line_longer_than_a_piece_is_one_line() -> None:
    assert number(STAMP + b"x" * (3 << 20) + b"\n" + STAMP + b"y\n") == 2


def test_an_empty_message_is_a_line() -> None:
    assert number(STAMP + b"\n") == 1
    assert bytes(Block.of(STAMP + b"\n")) == STAMP + b"\n"


@pytest.mark.parametrize("odd", [b"\xff", b"\x01", "\x85".encode()])
def test_a_long_line_is_not_escaped_to_know_that_it_is_wrong(odd: bytes) -> None:
    """311 bytes, packed, took a second of a centre and 500 MB."""
    text = b"2026-01-01T00:00:00.000000Z a " + odd * ((4 << 20) // len(odd)) + b"\n"
    with at_most(24 << 20), pytest.raises(ValueError, match="no UTF-8, or control"):
        list(check_lines(text, raw=False))
