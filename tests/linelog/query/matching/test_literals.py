"""Literals become expressions that find just them, and are found whatever their case."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.language.engine import compile_search
from logsrv.linelog.query.matching import literals
from logsrv.linelog.query.matching.literals import (
    as_single_literal,
    expression_for_text,
    make_caseless_find,
    pattern_of_candidate,
    required_literals,
)
from logsrv.linelog.query.matching.needs import AllOf, AnyOf, Literal

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


def places(find, needle: bytes, size: int, start: int = 0) -> list[int]:  # type: ignore[no-untyped-def]
    found = []
    while (at := find(needle, start, size)) >= 0:
        found.append(at)
        start = at + 1
    return found


@given(PIECES.map(b"".join), PIECES.filter(len).map(b"".join).map(bytes.lower), st.integers(0, 9))
def test_a_caseless_find_is_as_in_lowered_text(text, needle, start):
    for size in {len(text), len(text) // 2}:
        expected = places(text.lower().find, needle, size, start)
        assert places(make_caseless_find(text, needle), needle, size, start) == expected


def test_a_part_that_is_everywhere_lowers_the_text(monkeypatch):
    """What has no case may stand in every line; then the text is lowered after all."""
    monkeypatch.setattr(literals, "_MOST_WRONG", 3)
    text = b"2026 x\n" * 10 + b"2026 A\n" + b"2026 x\n" * 10 + b"2026 a"
    assert places(make_caseless_find(text, b"2026 a"), b"2026 a", len(text)) == [70, 147]
