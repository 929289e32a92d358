"""The web interface of the real daemon: every row of the contract, and those who misuse it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from logsrv.kit.testing import wait_until
from tests.end_to_end.conftest import LOOPBACK, Logger, Start
from tests.end_to_end.test_reload import reload
from tests.end_to_end.web import Client, Response
from tests.gopher.servers import certificate_file
from tests.ports import free_port

HTTP = ("--http", LOOPBACK)
TOKEN = "correct-horse-battery"
BOTH_LENGTHS = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
)


def client_of(server: Logger) -> Client:
    """A client of its web listener, which is its last."""
    return Client(server.ports()[-1])


def send(server: Logger, *lines: str) -> None:
    """Send lines and wait until they are in the store."""
    before = lines_in(server)
    server.send("".join(f"{line}\n" for line in lines).encode())
    server.wait_until(lambda: lines_in(server) >= before + len(lines), "the lines in the store")


def lines_in(server: Logger) -> int:
    return len(server.messages())


@pytest.fixture(scope="module")
def lines() -> tuple[str, ...]:
    return (
        "first timeout user=ann status=500 level=error",
        '{"level": "info", "user": "bob"}',
        '{"level": "warning", "user": "ann", "n": 7}',
        "a Timeout with a capital",
        "last \x1b[31mred\u202e",
    )


@pytest.fixture
def server(logger: Start, lines: tuple[str, ...]) -> Logger:
    """A daemon that has five lines."""
    server = logger(*HTTP)
    send(server, *lines)
    return server


def test_search(server: Logger, lines: tuple[str, ...]) -> None:
    client = client_of(server)
    found = client.ask("/api/search")
    assert found.status == 200 and found.headers["content-type"] == "application/x-ndjson"
    assert [line["message"] for line in found.lines] == [*lines[:4], "last \\x1b[31mred\u202e"]
    first = found.lines[0]
    assert set(first) == {"position", "time", "source", "message", "level", "fields"}
    assert first["level"] == "error" and first["fields"]["user"] == "ann"
    assert client.search("timeout") == [lines[0], lines[3]]
    assert client.search("user=ann level=warning") == [lines[2]]
    assert client.search(limit=2) == list(lines[:2])
    assert client.search(limit=0) == []
    assert client.search("user=*", reverse=1, limit=1) == [lines[2]]
    positions = [line["position"] for line in found.lines]
    assert client.search(after=positions[1], before=positions[3]) == [lines[2]]
    assert client.search(until="2020-01-01") == []
    assert len(client.search(since="1h")) == 5
    assert client.search(source="udp:*") == []
    # Empty is not given; a bidirectional control never comes as it is.
    assert len(client.ask("/api/search?q=&since=&until=&limit=&reverse=&before=&after=").lines) == 5
    assert b"\\u202e" in found.body and b"\x1b" not in found.body


def test_numbers(server: Logger) -> None:
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


def test_show(server: Logger, lines: tuple[str, ...]) -> None:
    client = client_of(server)
    places = [line["position"] for line in client.ask("/api/search").lines]
    shown = client.ask("/api/show", position=places[2], before=1, after=1).json["lines"]
    assert [line["position"] for line in shown] == places[1:4]
    assert [line.get("context", False) for line in shown] == [True, False, True]
    assert client.ask("/api/show", position="1:1").status == 404
    assert client.ask("/api/show", position="77:0").status == 404


def test_wrong_requests(server: Logger) -> None:
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


def test_what_another_tool_would_mean_is_said_beside_the_answer(server: Logger) -> None:
    client = client_of(server)
    for path in ("search", "histogram", "fields"):
        answer = client.ask(f"/api/{path}?q=%C3%A4+and+app%3D%3D%C3%A4")
        assert answer.status == 200
        assert answer.headers["logsrv-hint"] == (
            "and is a word here; the operator is AND, in capitals; "
            r"app==\xe4 asks for a value that begins with =; write app=\xe4"
        )
    assert "logsrv-hint" not in client.ask("/api/search?q=a+b").headers


def test_methods(server: Logger) -> None:
    client = client_of(server)
    for path in ("/", "/api/search", "/api/tail", "/api/stats", "/healthz", "/openapi.json"):
        head = client.ask(path, method="HEAD")
        assert (head.status, head.body) == (200, b"")
        refused = client.ask(path, method="POST", body="x")
        assert refused.status == 405 and refused.headers["allow"] == "GET, HEAD"
    assert client.ask("/login").headers["allow"] == "POST"
    assert client.ask("/", method="BREW").status == 405
    assert client.ask("/api/stats", body="x").status == 413


def test_page(server: Logger) -> None:
    """It loads nothing from elsewhere, runs nothing inline, and cannot be framed."""
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


def test_monitoring(server: Logger) -> None:
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


def figure(client: Client, name: str) -> float:
    """The value of a metric without labels; 0 if it is not there."""
    found = re.search(rf"^logsrv_{name} (\S+)$", client.ask("/metrics").body.decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_live(server: Logger) -> None:
    """Lines come as they are written, to each viewer what it looks for."""
    client = client_of(server)
    with client.watch("good") as some, client.watch() as every:
        send(server, "good 1", "bad 2", "good 3")
        assert some.lines(2) == ["good 1", "good 3"]
        assert every.lines(3) == ["good 1", "bad 2", "good 3"]
        assert some.response.getheader("Content-Type") == "text/event-stream"
        event = client.ask("/api/search", q="good", limit=1).lines[0]
        send(server, "good 4")
        assert some.next() == ("line", client.ask("/api/search", q='"good 4"').lines[0])
        assert event["message"] == "good 1"


def test_resume(server: Logger, lines: tuple[str, ...]) -> None:
    """A client that was away has what it missed, and nothing twice."""
    client = client_of(server)
    with client.watch() as events:
        send(server, "a", "b")
        assert events.lines(2) == ["a", "b"]
        last = events.last_id
    send(server, *map(str, range(100)))
    with client.watch(headers={"Last-Event-ID": last}, after="1:0") as events:
        assert events.lines(50) == [str(number) for number in range(50)]
        send(server, "live")
        assert events.lines(51) == [*map(str, range(50, 100)), "live"]
    # A filter holds for what was missed as well.
    with client.watch("user=ann", after="1:0") as events:
        assert events.lines(1) == [lines[2]]
    # Where the next line will begin, there is none yet that one could have.
    with client.watch(after=client.ask("/api/stats").json["position"]) as events:
        send(server, "next")
        assert events.lines(1) == ["next"]


def test_resume_across_segments(logger: Start) -> None:
    """Rotation, compression and retention between two visits: what is kept comes, the rest is said."""
    server = logger(*HTTP, "--rotate-size", "20KiB", "--keep-bytes", "40KiB")
    client = client_of(server)
    sent = [f"{number} {os.urandom(20).hex()}" for number in range(200)]
    with client.watch() as events:
        send(server, *sent[:100])
        assert events.lines(100) == sent[:100]
        first = client.ask("/api/search", limit=1).lines[0]["position"]
        middle = events.last_id
        for start in range(100, 200, 20):
            server.send("".join(f"{line}\n" for line in sent[start : start + 20]).encode())
            assert events.lines(20) == sent[start : start + 20]
    with client.watch(after=middle) as events:
        assert events.lines(100) == sent[100:]
    more = [f"{number} {os.urandom(300).hex()}" for number in range(300)]
    for start in range(0, 300, 20):
        server.send("".join(f"{line}\n" for line in more[start : start + 20]).encode())
    server.wait_until(
        lambda: client.ask("/api/show", position=first).status != 200, "retention", 30
    )
    with client.watch(after=first) as events:
        name, said = events.next() or ("", {})
        assert name == "missed" and said["lines"] is None
        oldest = client.ask("/api/search", limit=1).lines[0]
        event = events.next()
        while event is not None and event[0] == "missed":
            # Retention goes on meanwhile.
            assert event[1]["lines"] is None
            said, event = event[1], events.next()
        assert event is not None and event[0] == "line"
        assert event[1]["position"] == said["from"]
        assert event[1]["time"] <= oldest["time"]


def test_no_line_is_lost_or_doubled_between_catching_up_and_going_on(logger: Start) -> None:
    server = logger(*HTTP)
    client = client_of(server)
    send(server, "0")
    numbers = iter(range(1, 10**9))
    stop = threading.Event()

    def write() -> None:
        with server.connect() as connection:
            while not stop.is_set():
                connection.sendall(b"".join(b"%d\n" % next(numbers) for _ in range(10)))
                stop.wait(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            with client.watch(after="1:0") as events:
                wanted = 1
                # Well into what was written after the request.
                goal = lines_in(server) + 500
                while wanted < goal:
                    event = events.next()
                    assert event is not None
                    assert event == ("line", event[1]) and event[1]["message"] == str(wanted)
                    wanted += 1
    finally:
        stop.set()
        writer.join()


def stalled(server: Logger, count: int) -> list[socket.socket]:
    """Viewers that ask and never read."""
    found = []
    for _ in range(count):
        viewer = socket.socket()
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.connect(("127.0.0.1", server.ports()[-1]))
        viewer.sendall(b"GET /api/tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found.append(viewer)
    return found


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.long
def test_stalled_viewers(logger: Start) -> None:
    """Two hundred that do not read cost a little memory each, and nobody else notices."""
    server = logger(*HTTP)
    client = client_of(server)
    viewers = stalled(server, 200)
    line = "x" * 500
    try:
        with client.watch("marker") as events:
            server.wait_until(lambda: figure(client, "http_viewers") == 201, "all viewers")
            for round_ in range(20):
                send(server, *[line] * 200, f"marker {round_}")
                assert events.lines(1) == [f"marker {round_}"]
            before = memory(server.pid)
            for round_ in range(20, 60):
                send(server, *[line] * 200, f"marker {round_}")
                assert events.lines(1) == [f"marker {round_}"]
            # 5 MB more were written, which 200 viewers would have kept 200 times.
            assert memory(server.pid) - before < 30 << 20
            assert figure(client, "tap_missed_lines_total")
    finally:
        for viewer in viewers:
            viewer.close()


def test_one_that_reads_again_hears_what_it_missed(logger: Start) -> None:
    server = logger(*HTTP)
    (viewer,) = stalled(server, 1)
    client = client_of(server)
    viewer.settimeout(30)
    send(server, "y")
    # From now on it has lines as they come; before, those that it does not read would wait for it.
    seen = b""
    while b'"message":"y"' not in seen:
        seen += viewer.recv(1)
    sent = 0
    while not figure(client, "tap_missed_lines_total"):
        send(server, *["y" * 1000] * 200)
        sent += 200
    shown = missed = 0
    with viewer.makefile("rb") as stream:
        while shown + missed < sent:
            text = stream.readline()
            assert text
            if text.startswith(b"event: line"):
                shown += 1
            elif text.startswith(b'data: {"lines":'):
                missed += json.loads(text[6:])["lines"]
    assert missed and shown + missed == sent
    viewer.close()


def test_hosts_and_origins(server: Logger) -> None:
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
        # A link in a mail or a ticket.
        assert status("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate") == 200
        assert status("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors") == 403


def test_other_names(logger: Start) -> None:
    server = logger(*HTTP, "--http-host", "logs.example.org")
    client = client_of(server)
    assert client.ask("/api/stats", {"Host": "logs.example.org:8080"}).status == 200
    assert client.ask("/api/stats", {"Host": "example.org"}).status == 403


def raw(port: int, data: bytes) -> bytes:
    """All that comes back for some bytes."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
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
def test_rubbish(server: Logger, request_: bytes, status: bytes) -> None:
    answer = raw(server.ports()[-1], request_)
    assert answer[:12] in (b"HTTP/1.1 " + status, b""), answer[:200]


def test_no_smuggling(server: Logger) -> None:
    """A body is no second request."""
    hidden = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = raw(
        server.ports()[-1],
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(hidden)
        + hidden,
    )
    assert answer.count(b"HTTP/1.1 ") == 1


def test_token(logger: Start, tmp_path: Path) -> None:
    """Without it nothing is told; with it, or logged in, everything."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    server = logger(*HTTP, "--http-token-file", str(tmp_path / "token"))
    client = client_of(server)
    for path in ("/api/search", "/api/tail", "/api/stats", "/metrics", "/openapi.json", "/nope"):
        answer = client.ask(path)
        assert answer.status == 401 and set(answer.json) == {"error"}
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert client.ask("/healthz").status == client.ask("/readyz").status == 200
    assert client.ask("/api/stats", {"Authorization": f"Bearer {TOKEN}"}).status == 200
    assert client.ask("/api/stats", {"Authorization": f"bearer {TOKEN}"}).status == 200
    assert client.ask("/api/stats", {"Authorization": f"Bearer {TOKEN}x"}).status == 401
    assert client.ask(f"/api/stats?token={TOKEN}", {}).status == 401
    door = client.ask("/")
    assert door.status == 401 and b'name="token"' in door.body
    assert client.ask("/static/style.css").status == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    wrong = client.ask("/login", form, "POST", "token=nonsense")
    assert wrong.status == 401 and b'name="token"' in wrong.body
    right = client.ask("/login", form, "POST", f"token={TOKEN}")
    assert right.status == 303 and right.headers["location"] == "/"
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
    assert "Secure" not in cookie
    known = {"Cookie": cookie.partition(";")[0]}
    assert b'role="log"' in client.ask("/", known).body
    assert client.ask("/api/stats", known).status == 200
    scripted = client.ask("/login", form | {"Accept": "application/json"}, "POST", f"token={TOKEN}")
    assert scripted.status == 204 and scripted.headers["set-cookie"] == cookie
    assert (
        client.ask("/logout", known, "POST")
        .headers["set-cookie"]
        .startswith(cookie.partition("=")[0] + "=;")
    )
    evil = form | {"Origin": "http://evil.example"}
    assert client.ask("/login", evil, "POST", f"token={TOKEN}").status == 403


def test_a_link_still_shows_what_it_names_behind_the_log_in(logger: Start) -> None:
    """The query goes through the form; whatever is put there, it leads to this page only."""
    server = logger(*HTTP, "--http-token", TOKEN)
    client = client_of(server)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    view = "q=level%3E%3Derror&position=1:0"
    door = client.ask(f"/?{view}")
    assert b'name="view" type="hidden" value="q=level%3E%3Derror&amp;position=1:0"' in door.body
    carried = quote(view)
    wrong = client.ask("/login", form, "POST", f"token=nonsense&view={carried}")
    assert b'value="q=level%3E%3Derror&amp;position=1:0"' in wrong.body
    right = client.ask("/login", form, "POST", f"token={TOKEN}&view={carried}")
    assert right.headers["location"] == f"/?{view}"
    for evil in ("x%0d%0aSet-Cookie:y", "%20", "%C3%A9", "x" * 2000):
        answer = client.ask("/login", form, "POST", f"token={TOKEN}&view={evil}")
        assert answer.headers["location"] == "/"


# What a service has whose user may not run its Python.
NO_PYTHON = """
import sys
sys.executable = sys.argv[1]
del sys.argv[1:5]
from twisted.scripts.twistd import run
run()
"""


def test_processes_that_cannot_be_started(logger: Start, tmp_path: Path) -> None:
    """The log says once what does not work; lines are stored."""
    python = tmp_path / "python"
    python.touch(mode=0o644)
    server = logger(*HTTP, prefix=(sys.executable, "-c", NO_PYTHON, str(python)))
    server.send(b"a line\n")
    server.wait_for_messages(1)
    assert client_of(server).ask("/api/search?q=line").status == 503
    said = server.log()
    assert said.count(f"may not execute {python}") == 1
    assert said.index("there are no searches or live views") < said.index("logsrv is ready")


def test_guessing(logger: Start) -> None:
    """Some wrong tokens shut out nobody who has the right one, from whatever address they come."""
    server = logger(*HTTP, "--http-token", TOKEN)
    client = client_of(server)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    cookie = client.ask("/login", form, "POST", f"token={TOKEN}").headers["set-cookie"]
    answers = [
        client.ask("/api/stats", {"Authorization": f"Bearer guess{number}"}) for number in range(12)
    ]
    assert [answer.status for answer in answers[:10]] == [401] * 10
    assert answers[-1].status == 429 and int(answers[-1].headers["retry-after"]) >= 1
    for path in ("/api/stats", "/metrics"):
        assert client.ask(path, {"Authorization": f"Bearer {TOKEN}"}).status == 200
    assert client.ask("/login", form, "POST", f"token={TOKEN}").status == 303
    assert client.ask("/login", form, "POST", "token=guess").status == 429
    assert client.ask("/api/stats", {"Cookie": cookie.partition(";")[0]}).status == 200


@pytest.mark.complains("cannot start")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--http", "tcp:0"], "can be reached by others: give --http-token-file"),
        (["--http", "udp:0"], "takes no connections"),
        (["--http", LOOPBACK, "--http-token-file", "/nowhere"], "no such file"),
        (["--http", LOOPBACK, "--http-token-file", "/dev/null"], "has no token in it"),
        (["--http", LOOPBACK, "--http-token", "a", "--http-token-file", "/x"], "take one"),
        (["--http", LOOPBACK, "--http-token", "a b"], "not a token"),
        (["--http", LOOPBACK, "--http-host", "a:80"], "not a name"),
        (["--http", LOOPBACK, "--http", LOOPBACK], "twice"),
    ],
)
def test_wrong_options(logger: Start, options: list[str], said: str) -> None:
    server = logger(*options, wait=False)
    assert server.wait() == 1
    assert said in server.log() and "Traceback" not in server.log()


def test_public_with_a_token(logger: Start) -> None:
    """A wildcard answers to addresses, which nobody's DNS can forge, and to the names it was given."""
    server = logger("--http", "tcp:0", "--http-token", TOKEN)
    client = client_of(server)
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert client.ask("/api/stats", known).status == 200
    assert client.ask("/api/stats", known | {"Host": "evil.example"}).status == 403


def test_unix_socket(logger: Start, tmp_path: Path) -> None:
    server = logger("--http", f"unix:{tmp_path}/web")
    send(server, "hello")
    client = Client(f"{tmp_path}/web")
    assert client.search() == ["hello"]
    with client.watch(after="1:0") as events:
        send(server, "more")
        assert events.lines(1) == ["more"]


def test_tls(logger: Start, tmp_path: Path) -> None:
    """The cookie never leaves without TLS, and streams are as slow as their client there too."""
    files = certificate_file(tmp_path / "pem")
    endpoint = f"ssl:0:privateKey={files}:certKey={files}:interface=127.0.0.1"
    server = logger("--http", endpoint, "--http-token", TOKEN)
    client = Client(server.ports()[-1], tls=True)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    cookie = client.ask("/login", form, "POST", f"token={TOKEN}").headers["set-cookie"]
    assert cookie.endswith("; Secure")
    known = {"Cookie": cookie.partition(";")[0]}
    sent = [f"{number} {'x' * 1000}" for number in range(500)]
    send(server, *sent)
    assert [line["message"] for line in client.ask("/api/search", known).lines] == sent
    with client.watch(after="1:0", headers=known) as events:
        assert events.lines(499) == sent[1:]
        send(server, "live")
        assert events.lines(1) == ["live"]


def test_reload(logger: Start, tmp_path: Path) -> None:
    """--http comes, changes and goes; live views elsewhere stay, a wrong change changes nothing."""
    config = tmp_path / "c.toml"
    first, second = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)

    def write(*ports: int, more: str = "") -> None:
        places = ", ".join(f'"tcp:{port}:interface=127.0.0.1"' for port in ports)
        config.write_text(f"http = [{places}]\n{more}\n")

    write()
    server = logger("--config", str(config))
    write(first)
    reload(server)
    client = Client(first)
    with client.watch() as events:
        send(server, "one")
        assert events.lines(1) == ["one"]
        write(first, second)
        reload(server)
        send(server, "two")
        assert events.lines(1) == ["two"]
        assert Client(second).search() == ["one", "two"]
        config.write_text('http = ["tcp:0"]\n')
        reload(server, "can be reached by others")
        write(first, more=f'http-token = "{TOKEN}"')
        reload(server)
        assert client.ask("/api/stats").status == 401
        # Whoever has the new token comes back by himself.
        assert events.next() == ("problem", {"error": "the token is another one now"})
        write()
        reload(server)
        with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
            while events.next() is not None:
                pass
    with pytest.raises(OSError):
        client.ask("/api/stats")


def test_stop_with_open_streams(server: Logger) -> None:
    """Live views, searches and the process that stands ready end with the daemon, and at once."""
    client = client_of(server)
    with client.watch() as events:
        client.search()
        started = server.wait_until(lambda: server.children(), "the process that stands ready")
        (silent,) = stalled(server, 1)
        server.stop(deadline=10)
        assert (events.next() or ("", {}))[0] == "problem"
        assert events.next() is None
        silent.close()
    assert "Traceback" not in server.log() and "given up" not in server.log()
    for child in started:
        wait_until(lambda child=child: not Path(f"/proc/{child}").exists() or None, "its end")  # type: ignore[misc]


VIEWING = "linelog.http.viewing"


def test_the_process_of_live_views_dies(server: Logger) -> None:
    """Who watches is told, comes back, and has missed nothing; lines were taken in as ever."""
    client = client_of(server)
    with client.watch() as events:
        send(server, "before")
        assert events.lines(1) == ["before"]
        last = events.last_id
        died = server.wait_until(lambda: server.child(VIEWING), "it")
        os.kill(died, signal.SIGKILL)
        name, said = events.next() or ("", {})
        assert name == "problem" and "live views have failed" in said["error"]
        assert events.next() is None
    send(server, "meanwhile")

    def served() -> bool:
        events = client.watch()
        events.close()
        return events.response.status == 200

    server.wait_until(served, "the next one")
    with client.watch(headers={"Last-Event-ID": last}) as events:
        assert events.lines(1) == ["meanwhile"]
        send(server, "after")
        assert events.lines(1) == ["after"]
    assert server.child(VIEWING) != died
    assert "the process of the live views has ended" in server.log()


def test_children_end_with_a_killed_daemon(server: Logger) -> None:
    client = client_of(server)
    client.search()
    with client.watch() as events:
        send(server, "seen")
        assert events.lines(1) == ["seen"]
        server.wait_until(lambda: len(server.children()) == 2, "both processes")
        started = server.children()
        assert server.child(VIEWING) in started
        server.stop(signal.SIGKILL)
    for child in started:
        wait_until(lambda child=child: not Path(f"/proc/{child}").exists() or None, "its end")  # type: ignore[misc]


@pytest.fixture
def large(logger: Start) -> Logger:
    """A daemon with more lines than a search gets through at once."""
    server = logger(*HTTP, "--http-searches", "2", "--http-search-time", "2s")
    text = b"".join(
        b"line %d level=info user=u%d some=more text=here\n" % (n, n) for n in range(20000)
    )
    with server.connect() as connection:
        for _ in range(30):
            connection.sendall(text)
    client = client_of(server)
    server.wait_until(lambda: client.ask("/api/stats").json["lines"] == 600_000 or None, "them", 60)
    return server


def slow(server: Logger) -> socket.socket:
    """A search whose client does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.ports()[-1]))
    client.sendall(b"GET /api/search?limit=100000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


@pytest.mark.long
def test_limits(large: Logger) -> None:
    """Too many at once, too long, a client that does not read: each has its answer, or its end."""
    client = client_of(large)
    before = memory(large.pid)
    held = [slow(large), slow(large)]
    large.wait_until(lambda: figure(client, "http_searches") == 2 or None, "two searches")
    refused = client.ask("/api/search")
    assert refused.status == 429 and int(refused.headers["retry-after"]) >= 1
    assert "searches" in refused.json["error"]
    send(large, "received as before")
    assert memory(large.pid) - before < 20 << 20
    for one in held:
        one.close()
    # Their places are free again, and their processes gone.
    large.wait_until(lambda: figure(client, "http_searches") == 0 or None, "their end")
    large.wait_until(lambda: len(large.children()) <= 1 or None, "their processes' end")
    # This takes longer than it may, and has nothing to send before.
    answer = client.ask("/api/histogram", q="user=* some=* -nothing")
    assert answer.status == 503 and "2 s" in answer.json["error"]


@pytest.mark.long
def test_a_search_that_is_broken_off_says_so(large: Logger) -> None:
    client = client_of(large)
    answer: list[Response] = []
    asking = threading.Thread(
        target=lambda: answer.append(client.ask("/api/search", q="user=*", limit=100_000))
    )
    asking.start()
    large.wait_until(lambda: figure(client, "http_searches") == 1 or None, "the search")
    asking.join(60)
    assert answer[0].status == 200
    last: Any = answer[0].lines[-1]
    assert "error" in last or len(answer[0].lines) == 100_000
