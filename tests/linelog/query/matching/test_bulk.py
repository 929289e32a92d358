"""NumPy finds a literal where a plain search does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.matching.bulk import (
    FixedWidthSearch,
    count_messages_with_hit,
    offsets_of_literals,
)
from logsrv.linelog.query.matching.line_spans import line_spans_at
from logsrv.linelog.query.matching.needs import Literal

# Few bytes, so that much is found; those that differ from others by the bit of case alone.
_BYTES = st.sampled_from(
    [b"a", b"A", b"b", b"{", b"[", b"0", b"\x10", b" ", b"\n", b"*", b"\xc3", b"\xe3"]
)
_TEXTS = st.lists(_BYTES, max_size=60).map(b"".join)
_NEEDLES = st.lists(_BYTES, min_size=1, max_size=20).map(b"".join)


def offsets(text: bytes, literals: tuple[Literal, ...]) -> list[int]:
    found: list[int] = offsets_of_literals(text, literals).tolist()
    return found


def places(text: bytes, needle: bytes) -> list[int]:
    return [at for at in range(len(text)) if text.startswith(needle, at)]


@given(_TEXTS, _NEEDLES, _TEXTS, st.booleans())
def test_a_literal_is_found_everywhere(before, needle, behind, fold):
    text = before + needle + behind + needle.swapcase() + before
    needle = needle.lower() if fold else needle
    expected = places(text.lower() if fold else text, needle)
    assert offsets(text, (Literal(needle, fold),)) == expected


@given(_TEXTS, st.lists(_NEEDLES, min_size=1, max_size=3))
def test_several_literals_are_found_in_order(text, needles):
    found = offsets(text, tuple(Literal(needle, False) for needle in needles))
    assert found == sorted(at for needle in needles for at in places(text, needle))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 100, 3 << 20])
def test_a_literal_at_the_very_end_is_found(size):
    for needle in (b"x", b"xy", b"timeout", b"a long literal of many words"):
        assert offsets(b"." * size + needle, (Literal(needle, True),)) == [size]


_LINES = st.lists(
    st.tuples(
        st.sampled_from(
            [b"", b"2026-11-20T06:18:42.123456Z needle@tcp:1 ", b"2026-11-20T06:18:42.123456Z x"]
        ),
        st.lists(st.sampled_from([b"needle", b" ", b"x", b"-" * 50]), max_size=6).map(b"".join),
    ).map(b"".join),
    max_size=8,
)


@given(_LINES, st.booleans(), st.sampled_from([b"needle", b"x", b"-", b" n"]))
def test_lines_are_counted_as_they_are_listed(some, ended, needle):
    """One with several places counts once, one with none but in its stamp not at all."""
    text = b"\n".join(some) + b"\n" * ended
    found = offsets_of_literals(text, (Literal(needle, False),))
    assert count_messages_with_hit(text, found) == len(
        list(line_spans_at(text, found.tolist(), in_message=True))
    )


@given(_TEXTS, _TEXTS)
def test_a_fixed_width_is_found_where_all_of_its_bytes_are_of_their_classes(text, behind):
    classes = (frozenset(b"ab"), frozenset(b"0"), frozenset(b" *"))
    text += b"a0*b0 " + behind
    expected = [
        at
        for at in range(len(text) - 2)
        if all(byte in allowed for byte, allowed in zip(text[at : at + 3], classes, strict=True))
    ]
    assert (
        FixedWidthSearch(classes, Literal(b"0", False), 1).match_offsets(text).tolist() == expected
    )
