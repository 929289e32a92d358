"""Over-long lines: found where they are, cut by the rule, counted once each."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.framing.lines.oversize import CutLines, cut_oversize, next_oversize
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, Oversize

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
