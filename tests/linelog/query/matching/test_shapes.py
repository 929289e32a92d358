"""Candidates of fields leave out no line that matches, and levels are known by all their names."""

import pytest

from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import Matcher
from logsrv.linelog.query.matching.shapes import levels_satisfying
from tests.linelog.query.matching.test_candidates import is_candidate


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
