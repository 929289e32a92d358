"""Finding a literal whatever its case: the same places as in the lowered text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.matching import caseless
from logsrv.linelog.query.matching.caseless import caseless_find

PIECES = st.lists(
    st.sampled_from([b"a", b"A", b"b", b"1", b"12", b"123", b"1a2", b"\xc3\xa4", b" "])
)


def places(find, needle: bytes, size: int, start: int = 0) -> list[int]:  # type: ignore[no-untyped-def]
    found = []
    while (at := find(needle, start, size)) >= 0:
        found.append(at)
        start = at + 1
    return found


@given(PIECES.map(b"".join), PIECES.filter(len).map(b"".join).map(bytes.lower), st.integers(0, 9))
def test_as_in_the_lowered_text(text: bytes, needle: bytes, start: int) -> None:
    for size in {len(text), len(text) // 2}:
        expected = places(text.lower().find, needle, size, start)
        assert places(caseless_find(text, needle), needle, size, start) == expected


def test_a_part_that_is_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no case may stand in every line; then the text is lowered after all."""
    monkeypatch.setattr(caseless, "_MOST_WRONG", 3)
    text = b"2026 x\n" * 10 + b"2026 A\n" + b"2026 x\n" * 10 + b"2026 a"
    assert places(caseless_find(text, b"2026 a"), b"2026 a", len(text)) == [70, 147]
