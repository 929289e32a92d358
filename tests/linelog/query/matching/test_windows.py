"""All places of many literals are found, whatever their size, case and number."""

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logsrv.linelog.query.matching import windows
from logsrv.linelog.query.matching.needs import Literal
from logsrv.linelog.query.matching.piece import TextPiece
from logsrv.linelog.query.matching.windows import LiteralWindows

BYTES = st.lists(st.sampled_from(list(b"azAZ@`{[\0 \xc3")), min_size=1, max_size=12).map(bytes)
LITERALS = st.builds(
    lambda text, folded: Literal(text.lower() if folded else text, folded), BYTES, st.booleans()
)


def places(literals: list[Literal], text: bytes) -> list[tuple[int, int]]:
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
def test_every_place_of_every_literal_is_found_once(literals, text):
    assert places(literals, text) == obvious(literals, text)


@pytest.mark.parametrize("letter", [b"a", b"m", b"z"])
def test_case_is_ignored_in_letters_from_the_first_to_the_last(letter):
    words = [letter * size for size in (1, 2, 4, 33)]
    literals = [Literal(word, folded) for word in words for folded in (True, False)]
    text = b" ".join([*words, *(word.upper() for word in words)])
    assert places(literals, text) == obvious(literals, text)


@pytest.mark.parametrize("sign", [b"@", b"[", b"`", b"{"])
def test_the_signs_beside_the_letters_have_no_case(sign):
    """`[` and `{`, `@` and backquote differ by the same bit as a letter and its capital."""
    other = bytes([sign[0] ^ 0x20])
    assert places([Literal(sign, True)], other + sign + other) == [(1, 0)]


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(0, 100), st.integers(0, 20))
def test_long_literals_are_compared_to_their_end(size, wrong, before):
    word = bytes(ord("a") + number % 26 for number in range(size))
    other = word[:wrong] + b"!" + word[wrong + 1 :]
    text = b" " * before + word + other[:size] + word
    literals = [Literal(word, False), Literal(word, True), Literal(word + b"a", False)]
    assert places(literals, text) == obvious(literals, text)


def test_a_flood_is_compared_in_bounded_parts():
    literals = [Literal(b"aaaa" + bytes([letter]), False) for letter in b"abcdefgh"]
    text = b"a" * 1000 + b"c"
    with patch.object(windows, "_MOST_PAIRS", 16):
        assert places(literals, text) == obvious(literals, text)
