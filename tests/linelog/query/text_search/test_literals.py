"""Literals become expressions that find just them, and are found whatever their case."""

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logsrv.linelog.query import literal_windows
from logsrv.linelog.query.line_spans import line_spans_at
from logsrv.linelog.query.literal_windows import LiteralWindows, TextPiece
from logsrv.linelog.query.text_search import literals
from logsrv.linelog.query.text_search.engine import compile_search
from logsrv.linelog.query.text_search.literals import (
    AllOf,
    AnyOf,
    Literal,
    as_single_literal,
    expression_for_text,
    make_caseless_find,
    pattern_of_candidate,
    required_literals,
)
from logsrv.linelog.query.text_search.numpy_search import (
    FixedWidthSearch,
    count_messages_with_hit,
    offsets_of_literals,
)

A, B = Literal(b"a.b", True), Literal(b"c", False)
PIECES = st.lists(
    st.sampled_from([b"a", b"A", b"b", b"1", b"12", b"123", b"1a2", b"\xc3\xa4", b" "])
)


def test_an_expression_finds_what_its_literals_are():
    pattern = pattern_of_candidate((A, B))
    assert pattern is not None
    search = compile_search(pattern)
    assert [search(text, 0, len(text)) for text in (b"xA.b", b"C", b"axb")] == [
        (1, 4),
        (-1, -1),
        (-1, -1),
    ]
    assert expression_for_text("k", ignore_case=True) == "[Kk]"


def test_bytes_that_are_no_text_have_no_expression():
    assert pattern_of_candidate((Literal(b"\xff", True),)) is None


def test_a_need_has_the_literals_of_every_line():
    assert required_literals(AllOf((A, AnyOf((A, B)), B))) == [A, B]
    assert required_literals(AnyOf((A, B))) == required_literals(None) == []
    assert as_single_literal(A) == (A,) and as_single_literal(AllOf((A, B))) is None


def offsets_by_find(find, needle: bytes, size: int, start: int = 0) -> list[int]:  # type: ignore[no-untyped-def]
    found = []
    while (at := find(needle, start, size)) >= 0:
        found.append(at)
        start = at + 1
    return found


@given(PIECES.map(b"".join), PIECES.filter(len).map(b"".join).map(bytes.lower), st.integers(0, 9))
def test_a_caseless_find_is_as_in_lowered_text(text, needle, start):
    for size in {len(text), len(text) // 2}:
        expected = offsets_by_find(text.lower().find, needle, size, start)
        assert offsets_by_find(make_caseless_find(text, needle), needle, size, start) == expected


def test_a_part_that_is_everywhere_lowers_the_text(monkeypatch):
    """What has no case may stand in every line; then the text is lowered after all."""
    monkeypatch.setattr(literals, "_MOST_WRONG", 3)
    text = b"2026 x\n" * 10 + b"2026 A\n" + b"2026 x\n" * 10 + b"2026 a"
    assert offsets_by_find(make_caseless_find(text, b"2026 a"), b"2026 a", len(text)) == [70, 147]


BYTES = st.lists(st.sampled_from(list(b"azAZ@`{[\0 \xc3")), min_size=1, max_size=12).map(bytes)
LITERALS = st.builds(
    lambda text, folded: Literal(text.lower() if folded else text, folded), BYTES, st.booleans()
)


def windows_of(literals: list[Literal], text: bytes) -> list[tuple[int, int]]:
    found = LiteralWindows(literals).find(TextPiece(text, 0, len(text)))
    return sorted(zip(*(some.tolist() for some in found), strict=True))


def obvious(literals: list[Literal], text: bytes) -> list[tuple[int, int]]:
    return [
        (at, number)
        for at in range(len(text))
        for number, one in enumerate(literals)
        if (text.lower() if one.ignore_case else text).startswith(one.text, at)
    ]


@settings(deadline=None)
@given(st.lists(LITERALS, min_size=1, max_size=20), st.lists(BYTES, min_size=1).map(b"".join))
def test_every_offset_of_every_literal_is_found_once(literals, text):
    assert windows_of(literals, text) == obvious(literals, text)


@pytest.mark.parametrize("letter", [b"a", b"m", b"z"])
def test_case_is_ignored_in_letters_from_the_first_to_the_last(letter):
    words = [letter * size for size in (1, 2, 4, 33)]
    literals = [Literal(word, folded) for word in words for folded in (True, False)]
    text = b" ".join([*words, *(word.upper() for word in words)])
    assert windows_of(literals, text) == obvious(literals, text)


@pytest.mark.parametrize("sign", [b"@", b"[", b"`", b"{"])
def test_the_signs_beside_the_letters_have_no_case(sign):
    """`[` and `{`, `@` and backquote differ by the same bit as a letter and its capital."""
    other = bytes([sign[0] ^ 0x20])
    assert windows_of([Literal(sign, True)], other + sign + other) == [(1, 0)]


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(0, 100), st.integers(0, 20))
def test_long_literals_are_compared_to_their_end(size, wrong, before):
    word = bytes(ord("a") + number % 26 for number in range(size))
    other = word[:wrong] + b"!" + word[wrong + 1 :]
    text = b" " * before + word + other[:size] + word
    literals = [Literal(word, False), Literal(word, True), Literal(word + b"a", False)]
    assert windows_of(literals, text) == obvious(literals, text)


def test_a_flood_is_compared_in_bounded_parts():
    literals = [Literal(b"aaaa" + bytes([letter]), False) for letter in b"abcdefgh"]
    text = b"a" * 1000 + b"c"
    with patch.object(literal_windows, "_MOST_PAIRS", 16):
        assert windows_of(literals, text) == obvious(literals, text)


# Few bytes, so that much is found; those that differ from others by the bit of case alone.
_BYTES = st.sampled_from(
    [b"a", b"A", b"b", b"{", b"[", b"0", b"\x10", b" ", b"\n", b"*", b"\xc3", b"\xe3"]
)
_TEXTS = st.lists(_BYTES, max_size=60).map(b"".join)
_NEEDLES = st.lists(_BYTES, min_size=1, max_size=20).map(b"".join)


def offsets(text: bytes, literals: tuple[Literal, ...]) -> list[int]:
    found: list[int] = offsets_of_literals(text, literals).tolist()
    return found


def offsets_by_startswith(text: bytes, needle: bytes) -> list[int]:
    return [at for at in range(len(text)) if text.startswith(needle, at)]


@given(_TEXTS, _NEEDLES, _TEXTS, st.booleans())
def test_a_literal_is_found_everywhere(before, needle, behind, fold):
    text = before + needle + behind + needle.swapcase() + before
    needle = needle.lower() if fold else needle
    expected = offsets_by_startswith(text.lower() if fold else text, needle)
    assert offsets(text, (Literal(needle, fold),)) == expected


@given(_TEXTS, st.lists(_NEEDLES, min_size=1, max_size=3))
def test_several_literals_are_found_in_order(text, needles):
    found = offsets(text, tuple(Literal(needle, False) for needle in needles))
    assert found == sorted(at for needle in needles for at in offsets_by_startswith(text, needle))


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
    """One with several offsets_by_startswith counts once, one with none but in its stamp not at all."""
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
