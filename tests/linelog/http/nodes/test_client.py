"""One node over HTTP: what it asks, and whoever else may listen at that address."""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.http.nodes import answer as answers_of_nodes
from logsrv.linelog.http.nodes import client, gather
from logsrv.linelog.http.nodes.address import parse_node_address
from logsrv.linelog.http.nodes.answer import (
    LATEST,
    NodeFailure,
    NodeLine,
    fetch_line_and_neighbours,
    fetch_lines,
    fetch_object,
    fetch_oldest_and_newest,
)
from logsrv.linelog.http.nodes.client import NodeAccess, NodeClient, node_tls_context
from logsrv.linelog.http.nodes.gather import AskedNodes
from logsrv.linelog.http.nodes.spans import (
    AnswerSize,
    NodeQuestion,
    SpanLines,
    TimeSpan,
    fetch_lines_by_time,
)
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.http.nodes.samples import BEGIN
from tests.parts.certificates import Authority
from tests.parts.commands import serving
from tests.parts.ports import free_port
from tests.parts.strangers import at_most, endless, stranger

ROOM = AnswerSize(100, 1 << 20)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/%s\r\n"
CHUNKED = HEAD % b"x-ndjson" + b"Transfer-Encoding: chunked\r\n\r\n"


def ok(body: bytes, kind: bytes = b"x-ndjson", more: int = 0) -> bytes:
    """A good answer. more: its head promises so many bytes that do not come."""
    return HEAD % kind + b"Content-Length: %d\r\n\r\n" % (len(body) + more) + body


def as_sent(text: str, moment: int = BEGIN) -> bytes:
    found = {
        "position": "1:0",
        "time": exact_rfc3339(moment),
        "source": "tcp:1.2.3.4:5",
        "message": text,
    }
    return json.dumps(found).encode() + b"\n"


def replying(*answers: bytes, asked: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    """A server for one request that sends these."""

    def handle(connection: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(65536)
        if asked is not None:
            asked.append(head)
        for answer in answers:
            connection.sendall(answer)

    return handle


def node(port: int, token: str | None = None, seconds: float = PATIENCE) -> NodeClient:
    return NodeClient(NodeAccess("b", parse_node_address(f"127.0.0.1:{port}"), token), seconds)


def lines(asked: NodeClient) -> list[NodeLine]:
    return [*fetch_lines(asked, {})]


def failure(*answers: bytes) -> str:
    """What is said about a node that answers so."""
    with serving(replying(*answers)) as port, pytest.raises(NodeFailure) as failed:
        lines(node(port))
    return str(failed.value)


def piece(port: int, room: AnswerSize, *, reverse: bool = False, **how: Any) -> SpanLines:
    question = NodeQuestion("a b", TimeSpan(BEGIN, LATEST), "tcp:*", reverse)
    return next(fetch_lines_by_time(node(port, **how), question, room, room))


def test_a_question_is_one_of_the_api():
    asked: list[bytes] = []
    with serving(replying(ok(as_sent("b", BEGIN + 1) + as_sent("a")), asked=asked)) as port:
        found = piece(port, ROOM, reverse=True, token="secret")
    (head,) = asked
    assert head.startswith(b"GET /api/search?q=a+b&source=tcp%3A%2A&limit=26&reverse=1&since=2025-")
    assert b"until" not in head and b"\r\nAuthorization: Bearer secret\r\n" in head
    assert [one.line.split()[-1] for one in found.lines] == [b"b", b"a"]


@pytest.mark.parametrize(
    ("sent", "room"),
    [(as_sent("x") * 150, ROOM), (as_sent("x" * 1000) * 5, AnswerSize(100, 2000))],
)
def test_an_answer_that_is_too_large_is_not_read_to_its_end(sent, room):
    """It is asked again for less; here nobody answers that."""
    with (
        serving(replying(ok(sent, more=1 << 20))) as port,
        pytest.raises(NodeFailure, match="said nothing"),
    ):
        piece(port, room, seconds=1.0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it does not speak HTTP"),
        (b"", "it does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>", "with text/html, not with lines"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://evil/\r\n\r\n", "it redirects (302)"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n<h1>", "it answers 404"),
        (b'HTTP/1.1 503 No\r\n\r\n{"error": "the server is\\u001b[2J being stopped"}',
         "it answers 503: the server is\\x1b[2J being stopped"),
        (b'HTTP/1.1 503 No\r\n\r\n{"error": ["busy"]}', "it answers 503"),
        (ok(b"<html>\n"), "its answer has a line that is no JSON"),
        (ok(b"[" * 100_000 + b"\n"), "its answer has a line that is no JSON"),
        (ok(b"[]\n"), "no line of a log"),
        (ok(b'{"error": "the search took \\u202etoo long"}\n'), "it says: the search took \\u202etoo long"),
        (ok(as_sent("x")[:-5]), "its answer broke off"),
        (ok(as_sent("x"), more=1), "its answer broke off"),
        (CHUNKED + b"5\r\nab", "its answer broke off"),
        (CHUNKED + b"%x\r\n%s\r\n" % (len(as_sent("x")), as_sent("x")), "its answer broke off"),
        (HEAD % b"x-ndjson" + b"\r\n" + as_sent("x"), "it does not say where its answer ends"),
    ],
)  # fmt: skip
def test_each_wrong_answer_has_its_reason(answer, said):
    assert said in failure(answer)


def test_a_line_without_an_end_is_not_kept(monkeypatch):
    monkeypatch.setattr(answers_of_nodes, "LONGEST_LINE", 1000)
    assert "a line longer than" in failure(ok(b"x" * 2000))


def test_a_silent_node_is_given_up():
    heard = threading.Event()

    def silent(connection: socket.socket) -> None:
        heard.wait(PATIENCE)

    with serving(silent) as port:
        with pytest.raises(NodeFailure, match=r"it said nothing for 0\.2 s"):
            lines(node(port, seconds=0.2))
        heard.set()


def test_who_does_not_begin_tls_is_not_waited_for(monkeypatch):
    """As the port of a page without TLS."""
    monkeypatch.setattr(client, "CONNECTING", 0.3)
    heard = threading.Event()

    def silent(connection: socket.socket) -> None:
        heard.wait(PATIENCE)

    with serving(silent) as port:
        asked = NodeClient(NodeAccess("b", parse_node_address(f"https://127.0.0.1:{port}")), 20.0)
        with pytest.raises(NodeFailure, match=r"it does not begin TLS within 0\.3 s"):
            fetch_oldest_and_newest(asked)
        heard.set()


def test_a_node_lives_if_it_answers_anything():
    for sent, lives in ((b"HTTP/1.1 503 No\r\n\r\n", True), (b"", False), (b"SSH-2.0\r\n", False)):
        with serving(replying(sent)) as port:
            assert node(port).is_responding() is lives
    assert not node(free_port()).is_responding()


def test_who_has_too_much_to_do_is_asked_again(monkeypatch):
    monkeypatch.setattr(client, "PAUSE", 0.0)
    busy = b"HTTP/1.1 429 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
    answers = [busy, busy, ok(as_sent("x"))]
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answer in answers:
                connection, _ = listening.accept()
                with connection:
                    replying(answer)(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listening.getsockname()[1]
        assert len(lines(node(port))) == 1
        thread.join()


def test_a_question_can_be_ended_from_outside():
    """Its socket is closed, and the other end sees that."""
    begun, ended = threading.Event(), threading.Event()

    def wait(connection: socket.socket) -> None:
        connection.recv(65536)
        begun.set()
        if connection.recv(1) == b"":
            ended.set()

    with serving(wait) as port:
        asked = node(port)
        failed: list[str] = []

        def ask() -> None:
            try:
                lines(asked)
            except NodeFailure as error:
                failed.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        assert begun.wait(PATIENCE)
        asked.stop_request()
        thread.join(PATIENCE)
        assert failed and ended.wait(PATIENCE)
    with pytest.raises(NodeFailure):
        lines(asked)


def test_a_refused_connection_to_a_node_is_reported():
    with pytest.raises(NodeFailure, match="it cannot be reached: connection refused"):
        fetch_oldest_and_newest(node(free_port()))


def test_the_times_and_neighbours_of_a_node_are_parsed():
    with serving(
        replying(
            ok(
                b'{"oldest": "%s", "newest": null}' % exact_rfc3339(BEGIN).encode(),
                b"json",
            )
        )
    ) as port:
        assert fetch_oldest_and_newest(node(port)) == (exact_rfc3339(BEGIN), "")
    for wrong in (b"[]", b'{"oldest": "soon", "newest": ""}', b'{"oldest": 7, "newest": 8}'):
        with serving(replying(ok(wrong, b"json"))) as port, pytest.raises(NodeFailure):
            fetch_oldest_and_newest(node(port))
    window = b'{"lines": [' + as_sent("x").strip() + b"]}"
    with serving(replying(ok(window, b"json"))) as port:
        assert len(fetch_line_and_neighbours(node(port), Position(1, 0), 5, 5)) == 1
    one = replying(ok(b'{"lines": [1]}', b"json"))
    with serving(one) as port, pytest.raises(NodeFailure, match="no line of a log"):
        fetch_line_and_neighbours(node(port), Position(1, 0), 5, 5)
    with serving(replying(b"HTTP/1.1 404 No\r\n\r\n")) as port:
        assert fetch_line_and_neighbours(node(port), Position(1, 0), 5, 5) == []


def test_numbers_and_lines_are_passed_on():
    with serving(replying(ok(b'{"step": 1}', b"json"))) as port:
        assert fetch_object(node(port), "histogram", {"buckets": 3}) == {"step": 1}
    for wrong in (b"[]", b"7", b"{", b"[" * 100_000):
        with serving(replying(ok(wrong, b"json"))) as port, pytest.raises(NodeFailure):
            fetch_object(node(port), "top", {})
    asked: list[bytes] = []
    with serving(replying(ok(as_sent("b") + as_sent("a", BEGIN + 1)), asked=asked)) as port:
        found = list(
            fetch_lines(node(port), {"q": "x", "since": "", "after": None, "before": "1:0"})
        )
    assert [one.line[-1:] for one in found] == [b"b", b"a"]
    assert asked[0].startswith(b"GET /api/search?q=x&before=1%3A0 ")


def test_a_certificate_of_strangers_is_refused(tmp_path):
    ours, theirs = Authority(tmp_path), (tmp_path / "other")
    theirs.mkdir()
    context = Authority(theirs, "another").server_context("localhost")
    with serving(replying(), tls=context) as port:
        address = parse_node_address(f"https://localhost:{port}")
        asked = NodeClient(NodeAccess("b", address, ca=str(ours.cafile)), 20.0)
        with pytest.raises(NodeFailure, match="its certificate is refused"):
            lines(asked)


def test_a_token_goes_nowhere_in_clear():
    with pytest.raises(ConfigurationError, match="write https://"):
        NodeAccess("b", parse_node_address("http://logs.example.org:80"), "x")


def test_authorities_that_cannot_be_read_are_told(tmp_path):
    with pytest.raises(ConfigurationError, match="--nodes-ca"):
        node_tls_context(tmp_path / "nowhere")


def test_a_node_that_begins_its_answer_for_ever_is_left(monkeypatch):
    """Also if it says so for ever that it lives."""
    monkeypatch.setattr(gather, "CHECK_AFTER", 0.1)
    said: dict[str, str] = {}
    with stranger(endless(b"HTTP/1.1 100 Continue\r\n\r\n")) as server:
        asked = AskedNodes([node(server.port, seconds=PATIENCE)], said.__setitem__)
        assert asked.ask_oldest_and_newest() == ("", "")
    assert said == {"b": "it said nothing for 0.2 s; its lines are missing"}


def test_an_answer_that_would_take_much_more_memory_than_its_bytes_is_refused():
    data = b'{"oldest":[' + b"[]," * 2_000_000 + b"[]]}"
    with (
        serving(replying(ok(data, b"json"))) as port,
        at_most(64 << 20),
        pytest.raises(NodeFailure, match="its answer is no JSON"),
    ):
        fetch_oldest_and_newest(node(port))
