"""Candidates leave out most lines, and none that matches (which test_match.py tests, too)."""

import pytest

from logsrv.linelog.query.candidates import candidate_of_query, levels_satisfying
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.text_search.engine import compile_search
from logsrv.linelog.query.text_search.literals import Literal, pattern_of_candidate


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


@pytest.mark.parametrize("op", ["=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("bound", [0, 7, 10, 99, 500, 1000])
def test_lines_with_a_fitting_integer_are_candidates(op, bound):
    ordered = {"=": "__eq__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}[op]
    lines = '{"n":%s}', '{"n" : "%s"}', "n=%s a=1", 'n="0%s" a=1', '{"n":%s.0}'
    for number in [*range(0, 1200, 7), bound - 1, bound, bound + 1, 99999, -5, -5000]:
        if getattr(number, ordered)(bound):
            assert all(is_candidate(f"n{op}{bound}", line % number) for line in lines)


@pytest.mark.parametrize(
    ("op", "value", "levels"),
    [
        ("=", "warn", {"warning"}),
        ("!=", "DEBUG", {"info", "notice", "warning", "error", "critical", "alert", "emergency"}),
        (">=", "crit", {"critical", "alert", "emergency"}),
        (">", "crit", {"alert", "emergency"}),
        ("<", "info", {"debug"}),
        ("<=", "info", {"debug", "info"}),
        (":", "er", {"alert", "emergency", "error"}),
        (":", "fatal", {"critical"}),
        ("~", "^(e|al)", {"error", "emergency", "alert"}),
        ("=", "banana", set()),
    ],
)
def test_a_comparison_names_its_levels(op, value, levels):
    assert levels_satisfying(op, value) == levels


@pytest.mark.parametrize("query", ["app=*", "hostname!=x", "syslog.pid>1", "fields.timestamp=*"])
@pytest.mark.parametrize("time", ["Nov 20 06:18:42", "2026-11-20T06:18:42.123456+01:00"])
def test_syslog_headers_without_a_priority_are_candidates(query, time):
    assert is_candidate(query, f"{time} web su[12]: failed")
    assert not is_candidate(query, "2026-11-20T06:18:42.123456Z tcp:10.0.0.1:514 failed")


_HAPROXY = (
    "10.0.1.2:333 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 503 2750 - - ----"
    ' 1/1/1/1/0 0/0 "GET /index.html HTTP/1.1"'
)


@pytest.mark.parametrize(
    ("query", "line"),
    [
        *((query, _HAPROXY) for query in ("status>=500", "bytes>1000", "path=*", "frontend=http-in",
                                          "duration_ms>100", "client:10.0.1", "client_port=333")),
        *((query, "Failed password for bob from 1.2.3.4 port 22 ssh2")
          for query in ("user=bob", "user=*", "client=1.2.3.4", "client_port>20")),
        ("duration=*", "2026-11-20 06:00:00 UTC [7] LOG:  duration: 12.345 ms"),
        ("user=bob", "user=bob, id=5"),
        *((query, line) for query in ("status_class=5xx", "status_class=5XX", "status_class!=4xx",
                                      "status_class:5", "status_class=*", "status_class~/^5/")
          for line in (_HAPROXY, '{"status": 500}', '{"a": [], "st\\u0061tus": "500"}', "a=1 status=599",
                       '::1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 503 7',
                       "a=1 status_class=5xx", "a=1 status=200 status_class=5xx")),
    ],
)  # fmt: skip
def test_fields_of_access_and_server_logs_are_found(query, line):
    stored = f"2026-11-20T06:18:42.123456Z tcp:10.0.0.1:514 {line}\n".encode()
    assert is_candidate(query, line)
    assert list(Matcher(parse(query)).find(stored)) == [(0, len(stored) - 1)]
