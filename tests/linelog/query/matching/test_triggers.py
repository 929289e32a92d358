"""The literals by which a query is found among a thousand."""

import pytest

from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.triggers import trigger_choices, triggers_suffice


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
def test_each_query_has_its_triggers(query, literals):
    found = trigger_choices(parse(query))
    assert [[one.literal.text.decode() for one in some] for some in found] == literals


@pytest.mark.parametrize("query", ["a", "a b", "(a OR b) c", "a OR (b OR c)"])
def test_words_need_no_test_of_the_line(query):
    assert triggers_suffice(parse(query))


@pytest.mark.parametrize("query", ["/a/", "a (b c OR d)", "x=a", 'a OR "b\nc"', "NOT a", "a -b"])
def test_queries_of_more_than_words_are_tested(query):
    assert not triggers_suffice(parse(query))
