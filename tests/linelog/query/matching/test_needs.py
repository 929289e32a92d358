"""Needs are joined to what is certain of a line."""

from __future__ import annotations

from logsrv.linelog.query.matching.needs import (
    AllOf,
    AnyOf,
    Literal,
    both,
    either,
    has_capital,
    literal,
)


def small(text: str) -> Literal:
    return Literal(text.encode(), True)


def test_needs_are_joined_without_repetition() -> None:
    a, b = small("a"), small("b")
    assert both([]) is None and both([None, a]) == a and both([a, a, b]) == AllOf((a, b))
    assert both([AllOf((a, b)), a]) == AllOf((a, b))
    assert either([]) is None and either([a, None]) is None and either([a, a]) == a
    assert len({AllOf((a, b)), AnyOf((a, b))}) == 2
    assert literal("", ignore_case=True) is None


def test_only_ascii_capitals_count() -> None:
    assert all(map(has_capital, ("errorS", "A", "Z")))
    assert not any(map(has_capital, ("error 1 É", "[@", "")))
