"""Carriage returns: which ones go, which stay, and which wait for the next chunk."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logsrv.linelog.lines.framer import HeldReturn, without_returns

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
