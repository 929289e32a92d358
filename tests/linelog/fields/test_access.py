"""The access logs of nginx, Apache and HAProxy."""

import pytest

from logsrv.linelog.fields.access import parse_access

_COMMON = b'10.0.0.1 - bob [20/Nov/2026:06:18:42 +0000] "%b" 404 %b'


def test_a_line_of_a_combined_access_log_has_its_fields():
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
def test_common_with_requests_of_all_kinds(request_line, size, fields):
    common = {"client": "10.0.0.1", "user": "bob", "status": "404"}
    assert parse_access((_COMMON % (request_line, size)).decode()) == common | fields


def test_dashes_are_missing_and_empty_texts_are_there():
    found = parse_access(
        ((_COMMON % (b"GET / HTTP/1.1", b"1")).replace(b"bob", b"-") + b' "-" "" 0.12').decode()
    )
    assert found is not None and found["agent"] == ""
    assert "user" not in found and "referer" not in found


@pytest.mark.parametrize(
    "line", [b"", b"GET / HTTP/1.1", _COMMON % (b"GET /", b"x"), b'a - - [x] "y" 200 1']
)
def test_lines_that_are_no_access_log_have_no_fields(line):
    assert parse_access(line.decode()) is None


_HAPROXY = (
    "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in~ static/srv1 10/0/30/69/109 200 2750"
    " - - ---- 1/1/1/1/0 0/0"
)


@pytest.mark.parametrize("captured", ["", " {1wt.eu}", " {a b|} {x}"])
def test_a_line_of_haproxy_has_its_fields(captured):
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
