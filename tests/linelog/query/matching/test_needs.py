"""Needs are joined to what is certain of a line."""

from logsrv.linelog.query.matching.needs import (
    AllOf,
    AnyOf,
    Literal,
    has_ascii_capital,
    need_of_all,
    need_of_any,
    need_of_text,
)


def small(text: str) -> Literal:
    return Literal(text.encode(), True)


def test_needs_are_joined_without_repetition():
    a, b = small("a"), small("b")
    assert (
        need_of_all([]) is None
        and need_of_all([None, a]) == a
        and need_of_all([a, a, b]) == AllOf((a, b))
    )
    assert need_of_all([AllOf((a, b)), a]) == AllOf((a, b))
    assert need_of_any([]) is None and need_of_any([a, None]) is None and need_of_any([a, a]) == a
    assert len({AllOf((a, b)), AnyOf((a, b))}) == 2
    assert need_of_text("", ignore_case=True) is None


def test_only_ascii_capitals_count():
    assert all(map(has_ascii_capital, ("errorS", "A", "Z")))
    assert not any(map(has_ascii_capital, ("error 1 É", "[@", "")))
