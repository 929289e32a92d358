"""Records become lines; over-long lines are found, cut by the rule, and counted once each."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.lines.records import frame_records, without_ending
from logsrv.linelog.lines.rules import (
    CutLines,
    LineCounts,
    LineRules,
    Oversize,
    cut_oversize,
    next_oversize,
)


def lines(records: list[bytes], **rules: object) -> list[bytes]:
    block, _ = frame_records(records, LineRules(**rules), LineCounts())  # type: ignore[arg-type]
    return bytes(block).split(b"\n")[:-1] if block else []


def test_empty_records_make_no_lines():
    assert lines([]) == lines([b""]) == lines([b"", b""]) == []
    assert lines([b"", b"x", b""]) == [b"x"]


def test_too_long_ones_go_on_in_the_next_line():
    counts = LineCounts()
    block, closing = frame_records([b"abcdef", b"x"], LineRules(max_line=4), counts)
    assert block and bytes(block) == b"abcd\nef\nx\n"
    assert (counts.oversize_lines, closing) == (1, None)


@pytest.mark.parametrize("oversize", Oversize)
def test_a_record_is_not_too_long_for_the_escapes_of_its_newlines(oversize):
    """Neither alone nor beside one that is."""
    counts = LineCounts()
    rules = LineRules(max_line=6, oversize=oversize)
    block, closing = frame_records([b"a\nb\nc"], rules, counts)
    assert block and bytes(block) == rb"a\x0ab\x0ac" + b"\n"
    assert (closing, counts) == (None, LineCounts())
    block, closing = frame_records([b"a\nb\nc", b"too long"], rules, counts)
    assert block and bytes(block).startswith(rb"a\x0ab\x0ac" + b"\ntoo lo\n")
    assert counts.oversize_lines == 1


def test_too_long_ones_close_the_connection():
    counts = LineCounts()
    rules = LineRules(max_line=4, oversize=Oversize.CLOSE)
    block, closing = frame_records([b"ok", b"abcdef", b"x"], rules, counts)
    assert block and bytes(block) == b"ok\nabcd\n"
    assert closing == "a record is longer than 4 bytes"
    assert counts.dropped_closed == len(b"efx")


@pytest.mark.parametrize(
    ("record", "rest"),
    [
        (b"x\n", b"x"),
        (b"x\r\n", b"x"),
        (b"x\0", b"x"),
        (b"x\n\n", b"x\n"),
        (b"x\r", b"x\r"),
        (b"x\n\0", b"x\n"),
        (b"\n", b""),
        (b"", b""),
    ],
)
def test_one_ending_is_taken_off(record, rest):
    assert without_ending(record) == rest


SPLIT = LineRules(max_line=4)
TRUNCATE = attrs.evolve(SPLIT, oversize=Oversize.TRUNCATE)
CLOSE = attrs.evolve(SPLIT, oversize=Oversize.CLOSE)


@given(st.lists(st.integers(0, 12), max_size=30), st.integers(1, 8), st.booleans())
def test_the_first_over_long_line_is_found(lengths, limit, ended):
    """Looking at one newline in a while finds what looking at each would find."""
    lines = [b"x" * length for length in lengths]
    data = b"\n".join(lines) + (b"\n" if ended else b"")
    starts = [sum(lengths[:i]) + i for i in range(len(lines))]
    long = [start for start, length in zip(starts, lengths, strict=True) if length > limit]
    assert next_oversize(data, 0, limit) == (long[0] if long else -1)


@pytest.mark.parametrize(
    ("rules", "data", "oversize", "expected", "counts"),
    [
        (SPLIT, b"abcdefghi\nab", False, CutLines(b"abcd\nefgh\ni\n", b"ab", False), (1, 0, 0)),
        (SPLIT, b"abcdef", False, CutLines(b"abcd\n", b"ef", True), (1, 0, 0)),
        (SPLIT, b"efghij", True, CutLines(b"efgh\n", b"ij", True), (0, 0, 0)),
        (SPLIT, b"ef\nabcdef\n", True, CutLines(b"ef\nabcd\nef\n", b"", False), (1, 0, 0)),
        (TRUNCATE, b"ab\nabcdef\nab", False, CutLines(b"ab\nabcd\n", b"ab", False), (1, 2, 0)),
        (TRUNCATE, b"abcdef", False, CutLines(b"abcd\n", b"", True), (1, 2, 0)),
        (TRUNCATE, b"ghijkl", True, CutLines(b"", b"", True), (0, 6, 0)),
        (TRUNCATE, b"gh\nab\nc", True, CutLines(b"ab\n", b"c", False), (0, 2, 0)),
        (CLOSE, b"a\nabcdef\nab\n", False, CutLines(b"a\nabcd\n", b"", True), (1, 0, 4)),
        (CLOSE, b"ab\ncd", True, CutLines(b"", b"", True), (0, 0, 4)),
    ],
)
def test_each_oversize_rule_cuts_long_lines(rules, data, oversize, expected, counts):
    """SPLIT keeps all, TRUNCATE the beginning, CLOSE the beginning and nothing more."""
    counted = LineCounts()
    assert cut_oversize(data, oversize, rules, counted) == expected
    found = counted.oversize_lines, counted.dropped_truncated, counted.dropped_closed
    assert found == counts


@pytest.mark.parametrize("character", ["é", "€", "🙂"])
def test_a_piece_ends_between_characters(character):
    """Split text stays readable, unless a character alone is longer than the limit."""
    text = ("x" + character * 9).encode()
    for limit in range(4, 12):
        pieces = cut_oversize(text + b"\n", False, LineRules(max_line=limit), LineCounts()).lines
        assert "".join(pieces.decode().splitlines()) == "x" + character * 9
        assert max(map(len, pieces.split(b"\n"))) <= limit
    assert cut_oversize(text, False, LineRules(max_line=1), LineCounts()).lines.replace(b"\n", b"")


def test_raw_bytes_are_cut_at_the_limit():
    rules = attrs.evolve(SPLIT, raw=True)
    assert (
        cut_oversize("abc€\n".encode(), False, rules, LineCounts()).lines == b"abc\xe2\n\x82\xac\n"
    )


def test_bytes_that_are_no_character_are_cut_at_the_limit():
    """There is no reason to back off where a character is complete, or where none began."""
    for text in (b"ab\xc3\xa9\xa9z", b"ab\x80\x80\x80\x80", b"abc\xc0\x80z"):
        assert cut_oversize(text, False, SPLIT, LineCounts()).lines == text[:4] + b"\n"


def test_a_line_has_room_for_at_least_a_byte():
    with pytest.raises(ValueError, match="max_line is 0; it has to be 1 or more"):
        LineRules(max_line=0)
