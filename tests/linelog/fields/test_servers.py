"""Lines of HAProxy, sshd and PostgreSQL are found among many, and few others with them."""

import numpy
import pytest

from logsrv.linelog.fields.programs import parse_program_message
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


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Failed password for invalid user bob from 1.2.3.4 port 22 ssh2", ("bob", "1.2.3.4", "22")),
        ("Failed none for invalid user  from 1.2.3.4 port 22 ssh2", (None, "1.2.3.4", "22")),
        ("Failed x for a from 6.6.6.6 port 6 from ::1 port 2", ("a from 6.6.6.6 port 6", "::1", "2")),
        ("Accepted publickey for bob from fe80::1%e0 port 5 ssh2: RSA x", ("bob", "fe80::1%e0", "5")),
        ("Invalid user bob from 1.2.3.4", ("bob", "1.2.3.4", None)),
        ("Invalid user bob from 1.2.3.4 port 22", ("bob", "1.2.3.4", "22")),
        ("Connection reset by authenticating user a 1.2.3.4 port 22 [preauth]", ("a", "1.2.3.4", "22")),
        ("Disconnecting invalid user bob 1.2.3.4 port 22:14: Too many", ("bob", "1.2.3.4", "22")),
        ("Disconnected from user bob 1.2.3.4 port 22", ("bob", "1.2.3.4", "22")),
        ("Received disconnect from 1.2.3.4: 11: Bye Bye [preauth]", (None, "1.2.3.4", None)),
        ("Connection closed by peer", (None, None, None)),
        ("Failed to open a file", (None, None, None)),
    ],
)  # fmt: skip
def test_sshd_logins_have_user_and_client(text, fields):
    wanted = zip(("user", "client", "client_port"), fields, strict=True)
    expected = {name: value for name, value in wanted if value is not None}
    assert parse_program_message(text, "sshd") == parse_program_message(text, None) == expected
    assert parse_program_message(text, "cron") == {}


def test_durations_of_postgresql_are_a_field():
    text = "2026-11-20 06:00:00.123 UTC [7] a@b LOG:  duration: 12.345 ms  statement: SELECT 1"
    assert parse_program_message(text, "postgres") == {"duration": "12.345 ms"}
    assert parse_program_message("the duration: 5 ms", None) == {}
