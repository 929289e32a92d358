"""The access logs of nginx, Apache and HAProxy, and the words of sshd and PostgreSQL."""

from __future__ import annotations

import pytest

from logsrv.linelog.fields.access import parse_access, parse_words

_COMMON = b'10.0.0.1 - bob [20/Nov/2026:06:18:42 +0000] "%b" 404 %b'


def test_combined() -> None:
    line = _COMMON % (b"GET /a?b=1 HTTP/1.1", b"12") + b' "https://x/" "curl \\"8\\""'
    assert parse_access(line.decode()) == {
        "client": "10.0.0.1",
        "user": "bob",
        "method": "GET",
        "path": "/a?b=1",
        "protocol": "HTTP/1.1",
        "status": "404",
        "bytes": "12",
        "referer": "https://x/",
        "agent": 'curl "8"',
    }


@pytest.mark.parametrize(
    ("request_line", "size", "fields"),
    [
        (b"GET / HTTP/1.0", b"-", {"method": "GET", "path": "/", "protocol": "HTTP/1.0"}),
        (
            b"GET /a b HTTP/1.0",
            b"0",
            {"method": "GET", "path": "/a b", "protocol": "HTTP/1.0", "bytes": "0"},
        ),
        (b"GET /old", b"0", {"method": "GET", "path": "/old", "bytes": "0"}),
        (b"-", b"0", {"bytes": "0"}),
        (b"\\x16\\x03", b"0", {"bytes": "0"}),
        (b"", b"0", {"bytes": "0"}),
    ],
)
def test_common_with_requests_of_all_kinds(
    request_line: bytes, size: bytes, fields: dict[str, str]
) -> None:
    common = {"client": "10.0.0.1", "user": "bob", "status": "404"}
    assert parse_access((_COMMON % (request_line, size)).decode()) == common | fields


def test_dashes_are_missing_and_empty_texts_are_there() -> None:
    found = parse_access(
        ((_COMMON % (b"GET / HTTP/1.1", b"1")).replace(b"bob", b"-") + b' "-" "" 0.12').decode()
    )
    assert found is not None and found["agent"] == ""
    assert "user" not in found and "referer" not in found


@pytest.mark.parametrize(
    "line", [b"", b"GET / HTTP/1.1", _COMMON % (b"GET /", b"x"), b'a - - [x] "y" 200 1']
)
def test_other_lines(line: bytes) -> None:
    assert parse_access(line.decode()) is None


_HAPROXY = (
    "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in~ static/srv1 10/0/30/69/109 200 2750"
    " - - ---- 1/1/1/1/0 0/0"
)


@pytest.mark.parametrize("captured", ["", " {1wt.eu}", " {a b|} {x}"])
def test_haproxy(captured: str) -> None:
    assert parse_access(f'{_HAPROXY}{captured} "GET /a HTTP/1.1"') == {
        "client": "10.0.1.2",
        "client_port": "33317",
        "frontend": "http-in~",
        "backend": "static",
        "server": "srv1",
        "duration_ms": "109",
        "status": "200",
        "bytes": "2750",
        "termination": "----",
        "method": "GET",
        "path": "/a",
        "protocol": "HTTP/1.1",
    }


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
def test_logins_by_sshd(text: str, fields: tuple[str | None, ...]) -> None:
    wanted = zip(("user", "client", "client_port"), fields, strict=True)
    expected = {name: value for name, value in wanted if value is not None}
    assert parse_words(text, "sshd") == parse_words(text, None) == expected
    assert parse_words(text, "cron") == {}


def test_durations_of_postgresql() -> None:
    text = "2026-11-20 06:00:00.123 UTC [7] a@b LOG:  duration: 12.345 ms  statement: SELECT 1"
    assert parse_words(text, "postgres") == {"duration": "12.345 ms"}
    assert parse_words("the duration: 5 ms", None) == {}
