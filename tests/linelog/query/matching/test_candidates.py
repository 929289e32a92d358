"""Candidates leave out most lines, and none that matches (which test_match.py tests, too)."""

import pytest

from logsrv.linelog.query.language.engine import compile_search
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.candidates import candidate_of_query
from logsrv.linelog.query.matching.literals import pattern_of_candidate
from logsrv.linelog.query.matching.needs import Literal


def is_candidate(query: str, line: str) -> bool:
    found = candidate_of_query(parse(query))
    if found is None:
        return True
    pattern = pattern_of_candidate(found)
    assert pattern is not None
    text = line.encode()
    return compile_search(pattern)(text, 0, len(text))[0] >= 0


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("status>=500", '{"status":200}'),
        ("status>=500", 'x "GET /" 404 12'),
        ("status=500", "status=5000 x=1"),
        ("user=*", "no such field"),
        ("level>=error", '{"level":"info"}'),
        ("level>=error", "<14>x"),
        ("app=sshd", "<14>app: x"),
        ("timeout OR reset", "nothing"),
        ("rare /x+y/", "xxy"),
    ],
)
def test_lines_without_a_candidate_need_not_be_read(query, line):
    assert not is_candidate(query, line)


def test_the_longest_literal_is_looked_for():
    assert candidate_of_query(parse("ab timeout status>5")) == (Literal(b"timeout", True),)
    assert candidate_of_query(parse(r"/\btimeout\b/")) == (Literal(b"timeout", True),)
    ann = Literal(b"user=ann status=", True)
    assert candidate_of_query(parse(r"/\d user=(ann|eve) status=\d+ took=\d+\b/")) == (
        Literal(b" user=ann status=", True),
        Literal(b" user=eve status=", True),
    )
    # RE2 finds by itself what begins with a text, and looks at the rest in the same pass.
    assert isinstance(candidate_of_query(parse(r"/user=(ann|eve) status=\d+/")), str)
    assert candidate_of_query(parse("/user=ann status=/")) == (ann,)
    assert candidate_of_query(parse(r"/(a|b)\d timeout/")) == (Literal(b" timeout", True),)
    assert candidate_of_query(parse("ab OR NOT b")) is None
    assert isinstance(candidate_of_query(parse("a1 OR b2 OR c3 OR d4 OR e5")), str)
