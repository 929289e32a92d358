"""The web interface of the real daemon: every part of the contract, and misuse."""

import contextlib
import gzip
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
    assert client.search("timeout", reverse=1, limit=1, since="1h") == [LINES[3]]
    # A bidirectional control character is always escaped.
    assert b"\\u202e" in found.body and b"\x1b" not in found.body


@pytest.mark.slow
def test_an_answer_is_packed_for_a_browser(server):
    client = client_of(server)
    packed = client.ask("/api/search", {"Accept-Encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == client.ask("/api/search").body


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
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 20000 + b"\r\n\r\n", b"431"),
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
