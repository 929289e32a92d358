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


@pytest.mark.slow
def test_histogram_and_counts_agree_with_the_lines(server):
    client = client_of(server)
    histogram = client.ask("/api/histogram", q="user=*", buckets=3).json
    assert set(histogram) == {"since", "until", "step", "buckets"}
    assert sum(bucket["count"] for bucket in histogram["buckets"]) == 3
    assert len(histogram["buckets"]) <= 3
    levels: dict[str, int] = {}
    for bucket in histogram["buckets"]:
        for level, number in bucket["levels"].items():
            levels[level] = levels.get(level, 0) + number
    assert levels == {"error": 1, "info": 1, "warning": 1}
    top = client.ask("/api/top", field="user").json
    assert top["field"] == "user"
    assert {"value": "ann", "count": 2} in top["values"]
    assert top["total"] == sum(one["count"] for one in top["values"])
    fields = client.ask("/api/fields").json
    assert fields["sampled"] == 5
    assert {"name": "status", "lines": 1} in fields["fields"]
    (source,) = client.ask("/api/sources").json["sources"]
    assert source["source"].startswith("tcp:127.0.0.1:") and source["lines"] == 5
    stats = client.ask("/api/stats").json
    assert set(stats) == {
        "segments", "lines", "bytes", "compressed", "oldest", "newest", "position",
    }  # fmt: skip
    assert (stats["segments"], stats["lines"], stats["compressed"]) == (1, 5, 0)
    assert stats["oldest"] <= stats["newest"] == source["last"]
    assert stats["position"].endswith(f":{stats['bytes']}")


def test_show_returns_a_line_and_its_neighbours(server):
    client = client_of(server)
    places = [line["position"] for line in client.ask("/api/search").lines]
    shown = client.ask("/api/show", position=places[2], before=1, after=1).json["lines"]
    assert [line["position"] for line in shown] == places[1:4]
    assert [line.get("context", False) for line in shown] == [True, False, True]
    assert client.ask("/api/show", position="1:1").status == 404
    assert client.ask("/api/show", position="77:0").status == 404


def test_a_wrong_request_gets_a_status_and_a_sentence(server):
    client = client_of(server)

    def wrong(path: str, status: int, part: str, at: int | None = None) -> None:
        answer = client.ask(path)
        assert answer.status == status, (path, answer.body)
        assert answer.headers["content-type"] == "application/json"
        said = answer.json
        assert part in said["error"], said
        assert said.get("at") == at and set(said) <= {"error", "at"}

    for path in ("search", "tail", "histogram", "fields"):
        wrong(f"/api/{path}?q=status%3E%3D", 400, "", 9)
        wrong(f"/api/{path}?q=%C3%A4+level%3E%3Dbanana", 400, "banana", 10)
        wrong(f"/api/{path}?q=a+%2Fb(c%2F", 400, "missing )", 4)
        wrong(f"/api/{path}?q=%2F%5CpL%7B400%7DXX%2F", 400, "too large", 2)
    wrong("/api/top?field=app,level", 400, "one field")
    wrong("/api/search?limit=100001", 400, "limit")
    wrong("/api/search?limit=-1", 400, "limit")
    wrong("/api/search?since=tomorrowish", 400, "since")
    wrong("/api/search?before=17", 400, "before")
    wrong("/api/search?reverse=maybe", 400, "reverse")
    wrong("/api/search?q=%FF", 400, "UTF-8")
    wrong("/api/search?q=%zz", 400, "percent")
    wrong("/api/search?q=a&q=b", 400, "twice")
    wrong("/api/search?limits=1", 400, "did you mean limit")
    wrong("/api/top", 400, "field")
    wrong("/api/show", 400, "position")
    wrong("/api/show?position=x", 400, "position")
    wrong("/api/tail?after=x", 400, "after")
    wrong("/api/nothing", 404, "nothing")
    wrong("/static/../server.py", 404, "nothing")
    wrong("/static/%2e%2e/server.py", 404, "nothing")


def test_page(server):
    """The page loads nothing from other hosts, runs nothing inline, and cannot be framed."""
    client = client_of(server)
    page = client.ask("/?q=timeout&position=1:0")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert b'role="log"' in page.body and b'type="search"' in page.body
    style = client.ask("/static/style.css")
    assert style.status == 200 and style.headers["content-type"].startswith("text/css")
    again = client.ask("/static/style.css", {"If-None-Match": style.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_health_metrics_and_openapi_are_served(server):
    client = client_of(server)
    assert client.ask("/healthz").status == client.ask("/readyz").status == 200
    metrics = client.ask("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert b"logsrv_stored_bytes_total" in metrics.body
    api = client.ask("/openapi.json").json
    assert api["openapi"].startswith("3.") and "/api/search" in api["paths"]
    (limit,) = [
        one for one in api["paths"]["/api/search"]["get"]["parameters"] if one["name"] == "limit"
    ]
    assert limit["schema"]["maximum"] == 100_000


def test_requests_with_other_hosts_and_origins_are_refused(server):
    client = client_of(server)
    place = f"127.0.0.1:{client.place}"

    def status(path: str = "/api/stats", **headers: str) -> int:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.ask(path, given).status

    for host in (place, "localhost", f"localhost:{client.place}", "[::1]:99", "LOCALHOST."):
        assert status(Host=host) == 200
    for host in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "10.1.1.1",
        "",
        "a b",
    ):
        for path in ("/", "/api/stats", "/metrics", "/static/style.css", "/healthz"):
            assert status(path, Host=host) == 403
    assert status(Origin=f"http://{place}") == 200
    for origin in ("http://evil.example", "null", f"http://localhost:{client.place}"):
        assert status(Origin=origin) == 403
    assert status(Sec_Fetch_Site="same-origin") == status(Sec_Fetch_Site="none") == 200
    for site in ("cross-site", "same-site"):
        assert status(Sec_Fetch_Site=site) == 403
        # A navigation, as by a link in a mail or a ticket, is allowed.
        assert status("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate") == 200
        assert status("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors") == 403


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
