"""Values counted in many lines at once are those of the Records of each of them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logsrv.linelog.fields.record import Record
from logsrv.linelog.read.counting.values import LONGEST, counter, values_of
from tests.linelog.query.reference import Line, stored_lines

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
ACCESS = b'10.0.0.9 - bob [20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 200 5'
FIELDS = ("level", "source", "name", "host", "port", "status", "fields.path", "user", "app", "a", "b.c",
          "time", "message", "syslog.app", "severity", "x")  # fmt: skip


def slowly(field: str, lines: list[bytes]) -> tuple[int, Counter[str]]:
    found = [values_of(Record(line).get(field)) for line in lines]
    return sum(map(bool, found)), Counter(value for values in found for value in values)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(stored_lines(), min_size=1, max_size=8), st.sampled_from(FIELDS))
def test_any_lines(lines: list[Line], field: str) -> None:
    text = b"".join(line.line + b"\n" for line in lines)
    assert counter(field)(text) == slowly(field, [line.line for line in lines])


@pytest.mark.parametrize("field", FIELDS)
def test_lines_of_all_kinds(field: str) -> None:
    messages = [
        ACCESS, b"<11>shop[1]: " + ACCESS, b'{"a": [1, "1", 2], "b": {"c": "x"}, "status": 200}', b"",
        b'{"b.c": 5, "\\u0061": "y"}', b"a=1 b.c=2 status=500", b"status=404", b"<11>sshd[7]: ERROR no",
        b'{"a": "' + b"x" * 2 * LONGEST + b'"}', b"a=\xff b=1", b"ERROR none",
    ]  # fmt: skip
    lines = [stamp + message for message in messages for stamp in (STAMP, b"")]
    assert counter(field)(b"\n".join(lines) + b"\n") == slowly(field, lines)
