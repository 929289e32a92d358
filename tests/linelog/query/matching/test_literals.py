"""Literals become expressions that find just them."""

from __future__ import annotations

from logsrv.linelog.query.language.engine import compiled
from logsrv.linelog.query.matching.literals import literals_of, of_need, pattern_of, quoted
from logsrv.linelog.query.matching.needs import AllOf, AnyOf, Literal

A, B = Literal(b"a.b", True), Literal(b"c", False)


def test_an_expression_finds_what_its_literals_are() -> None:
    pattern = pattern_of((A, B))
    assert pattern is not None
    search = compiled(pattern)
    assert [search(text, 0, len(text)) for text in (b"xA.b", b"C", b"axb")] == [
        (1, 4),
        (-1, -1),
        (-1, -1),
    ]
    assert quoted("k", ignore_case=True) == "[Kk]"


def test_bytes_that_are_no_text_have_no_expression() -> None:
    assert pattern_of((Literal(b"\xff", True),)) is None


def test_literals_that_are_needed_in_any_case() -> None:
    assert literals_of(AllOf((A, AnyOf((A, B)), B))) == [A, B]
    assert literals_of(AnyOf((A, B))) == literals_of(None) == []
    assert of_need(A) == (A,) and of_need(AllOf((A, B))) is None
