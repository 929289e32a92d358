"""Lines of HAProxy, sshd and PostgreSQL are found among many, and few others with them."""

import numpy
import pytest

from logsrv.linelog.fields.servers import ServerLineSearch
from logsrv.linelog.fields.stamps import StampedLines

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
LINES = (
    b"10.0.1.2:333 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 503 2750",
    b"Failed password for bob from 1.2.3.4 port 22 ssh2",
    b"Nov 20 06:18:42 web sshd[77]: Failed password for bob from 1.2.3.4 port 22 ssh2",
    b"2026-11-20 06:00:00.123 UTC [1234] LOG:  duration: 12.345 ms",
    b"Nov 20 06:18:42 web cron[77]: x",
    b"plain",
)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("status", {0}), ("frontend", {0}), ("user", {0, 1, 2}), ("duration", {3}), ("app", set())],
)
def test_lines_with_fields_of_servers_are_found(name, rows):
    stamps = StampedLines(b"".join(STAMP + line + b"\n" for line in LINES))
    assert ServerLineSearch([name]).find_rows(stamps, numpy.array([2, 4])) == rows
