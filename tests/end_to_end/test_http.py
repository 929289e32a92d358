"""The web interface of the real daemon: every part of the contract, and misuse."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.web_daemon import HTTP, LINES, client_of, send
from tests.parts.daemon_logs import check_log
from tests.parts.daemons import Logger, starting

BOTH_LENGTHS = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logger]:
    """A daemon with five lines, shared by all tests of this file: they only read."""
    with starting(tmp_path_factory.mktemp("asked")) as start:
        server = start(*HTTP)
        send(server, *LINES)
        yield server
    check_log(server.log_path)


@pytest.mark.slow
def test_a_search_returns_lines_with_their_fields(server):
    client = client_of(server)
    found = client.ask("/api/search")
    assert found.status == 200 and found.headers["content-type"] == "application/x-ndjson"
    assert [line["message"] for line in found.lines] == [*LINES[:4], "last \\x1b[31mred\u202e"]
    first = found.lines[0]
    assert set(first) == {"position", "time", "source", "message", "level", "fields"}
    assert first["level"] == "error" and first["fields"]["user"] == "ann"
    assert client.search("timeout") == [LINES[0], LINES[3]]
    assert client.search("user=ann level=warning") == [LINES[2]]
    assert client.search(limit=2) == list(LINES[:2])
    assert client.search(limit=0) == []
    assert client.search("user=*", reverse=1, limit=1) == [LINES[2]]
    positions = [line["position"] for line in found.lines]
    assert client.search(after=positions[1], before=positions[3]) == [LINES[2]]
    assert client.search(until="2020-01-01") == []
    assert len(client.search(since="1h")) == 5
    assert client.search(source="udp:*") == []
    # An empty parameter counts as absent; a bidirectional control character is always escaped.
    assert len(client.ask("/api/search?q=&since=&until=&limit=&reverse=&before=&after=").lines) == 5
    assert b"\\u202e" in found.body and b"\x1b" not in found.body


def raw(port: int, data: bytes) -> bytes:
    """Send some bytes; return the whole answer."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(data)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 20000 + b"\r\n\r\n", b"431"),
        (b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n", b"413"),
        (BOTH_LENGTHS, b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", b"400"),
        (b"rubbish\r\n\r\n", b"400"),
    ],
)
def test_a_malformed_request_is_refused(server, request_, status):
    answer = raw(server.ports()[-1], request_)
    assert answer[:12] in (b"HTTP/1.1 " + status, b""), answer[:200]


def test_a_request_inside_a_body_is_not_answered(server):
    """A request inside a body is not read as a second request."""
    hidden = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = raw(
        server.ports()[-1],
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(hidden)
        + hidden,
    )
    assert answer.count(b"HTTP/1.1 ") == 1
