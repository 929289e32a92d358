"""Candidates of fields leave out no line that matches, and levels are known by all their names."""

from __future__ import annotations

import pytest

from logsrv.linelog.query.matching.shapes import levels_of
from tests.linelog.query.matching.test_candidates import is_candidate


@pytest.mark.parametrize("op", ["=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("bound", [0, 7, 10, 99, 500, 1000])
def test_integers_in_question(op: str, bound: int) -> None:
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
def test_levels(op: str, value: str, levels: set[str]) -> None:
    assert levels_of(op, value) == levels


@pytest.mark.parametrize("query", ["app=*", "hostname!=x", "syslog.pid>1", "fields.timestamp=*"])
@pytest.mark.parametrize("time", ["Nov 20 06:18:42", "2026-11-20T06:18:42.123456+01:00"])
def test_headers_without_a_priority(query: str, time: str) -> None:
    assert is_candidate(query, f"{time} web su[12]: failed")
    assert not is_candidate(query, "2026-11-20T06:18:42.123456Z tcp:10.0.0.1:514 failed")
