"""Expressions whose search may read far behind a match, told from those that cannot."""

import pytest

from logsrv.linelog.query.text_search.expression import compile_expression
from logsrv.linelog.query.text_search.far_looks import may_look_far


@pytest.mark.parametrize(
    "pattern",
    [
        r"\b\d{16}\b",
        r"\b(\d[ -]?){13,16}\b",
        "password=[^ ]+",
        r"[\w.]+@[\w.-]+\.\w+",
        r"user (?P<name>\w+) from (?P<ip>[\d.]+)",
        r'"password": *"(?P<secret>[^"]*)"',
        r"pin=\d{4}|password=\S+",
        r"(?i)authorization: (basic|bearer) .*",
        r"secret(=\S+)?",
        "(ab)+",
        "é+",
        "a.*b",
        "s.*?x",
        r"\Qa|b\E+",
        "x{3,}",
        "(?:a)+b",
        "(a|b)+c",
    ],
)
def test_expressions_that_read_a_text_once(pattern):
    assert not may_look_far(compile_expression(pattern).exact)


@pytest.mark.parametrize(
    "pattern",
    [
        "a(.*b)?",
        "a.*x|b",
        "b|a.*x",
        "(a|b.*c)",
        "a(.*b|)",
        "a(.*b){0,1}",
        "(a.*b)+",
        "a((b+)c)*",
        r'token=("[^"]*"|\S+)',
        "a(?:.{2,}b)??",
        "((ab)+c)?d",
    ],
)
def test_expressions_that_may_read_far_behind_a_match(pattern):
    assert may_look_far(compile_expression(pattern).exact)
