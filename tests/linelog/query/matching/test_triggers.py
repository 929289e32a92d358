"""The literals by which a query is found among a thousand."""

from __future__ import annotations

import pytest
from hypothesis import given

from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.language.tree import Node
from logsrv.linelog.query.matching.triggers import trigger_choices, triggers_suffice
from tests.examples import more
from tests.linelog.query.reference import TREES, Line, is_true, stands_in, stored_lines


@more(1.5)
@given(TREES, stored_lines())
def test_a_line_that_matches_has_a_trigger_of_each_choice(node: Node, line: Line) -> None:
    for triggers in trigger_choices(node):
        if is_true(node, line):
            assert any(
                stands_in(one.literal, line.line if one.anywhere else line.message)
                for one in triggers
            )


@pytest.mark.parametrize(
    ("query", "literals"),
    [
        ("timeout", [["timeout"]]),
        ("Timeout login", [["Timeout"], ["login"]]),
        ("timeout OR reset", [["timeout", "reset"]]),
        ("(timeout OR reset) -login", [["timeout", "reset"]]),
        (r"/user=\d+ from/", [["user="], [" from"]]),
        ("host=web7", [["web7"]]),
        ("NOT timeout", []),
        ("timeout OR NOT reset", []),
        ("level>=error", []),
        (r"/\d+/", []),
        ('""', []),
    ],
)
def test_each_query_has_its_triggers(query: str, literals: list[list[str]]) -> None:
    found = trigger_choices(parse(query))
    assert [[one.literal.text.decode() for one in some] for some in found] == literals


@pytest.mark.parametrize("query", ["a", "a b", "(a OR b) c", "a OR (b OR c)"])
def test_words_need_no_test_of_the_line(query: str) -> None:
    assert triggers_suffice(parse(query))


@pytest.mark.parametrize("query", ["/a/", "a (b c OR d)", "x=a", 'a OR "b\nc"', "NOT a", "a -b"])
def test_queries_of_more_than_words_are_tested(query: str) -> None:
    assert not triggers_suffice(parse(query))
