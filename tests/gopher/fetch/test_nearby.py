"""A server that has answered already costs no round through the selector, and is read just the same."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest

from logsrv.gopher.fetch.nearby import Nearby
from logsrv.gopher.fetch.ready import Selector
from logsrv.gopher.fetch.settings import ConnectionOptions, Timeouts
from logsrv.gopher.mirror.sinks import MemorySink
from logsrv.gopher.wire.errors import NotGopher, Refused, ServerError, TooBig, Truncated
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.conftest import Serve
from tests.gopher.servers import LOOPBACK, reset


@pytest.fixture
def fetcher() -> Iterator[Nearby]:
    made = Nearby(ConnectionOptions(Timeouts(5, 5, 5)), time.monotonic)
    yield made
    made.close()


class Answered:
    """A server that has answered, and closed, before anybody looks."""

    def __init__(self, serve: Serve, answer: bytes, *, broken: bool = False) -> None:
        self._answer = answer
        self._broken = broken
        self._closed = threading.Event()
        self.url = GopherURL.parse(serve(self._serve).url("/0/x"))

    def _serve(self, connection: socket.socket, _: bytes) -> None:
        if self._answer:
            connection.sendall(self._answer)
        if self._broken:
            reset(connection)
        else:
            connection.close()
        self._closed.set()

    def ask(self, fetcher: Nearby, sink: MemorySink, most_bytes: int | None = None) -> None:
        fetcher.ask(self.url, sink, most_bytes)
        assert self._closed.wait(10)


def error_of(
    fetcher: Nearby, answered: Answered, most_bytes: int | None = None
) -> Exception | None:
    answered.ask(fetcher, MemorySink(), most_bytes)
    found = fetcher.wait(0)
    while not found:
        found = fetcher.wait(1)
    assert not fetcher.active
    return found[0].error


@pytest.mark.parametrize("content", [b"text\r\n", b"x" * 200_000, b""])
def test_an_answer_is_handed_over(serve: Serve, fetcher: Nearby, content: bytes) -> None:
    sink = MemorySink()
    Answered(serve, content).ask(fetcher, sink)
    found = fetcher.wait(0)
    while not found:
        found = fetcher.wait(1)
    assert found[0].error is None
    assert sink.content == content
    assert fetcher.received == len(content)
    assert not fetcher.active


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"3not there\t\terror.host\t1\r\n.\r\n", ServerError),
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", NotGopher),
    ],
)
def test_what_is_no_content_is_recognised(
    serve: Serve, fetcher: Nearby, answer: bytes, kind: type[Exception]
) -> None:
    assert isinstance(error_of(fetcher, Answered(serve, answer)), kind)


def test_the_limit_counts(serve: Serve, fetcher: Nearby) -> None:
    assert error_of(fetcher, Answered(serve, b"x" * 10), 10) is None
    assert isinstance(error_of(fetcher, Answered(serve, b"x" * 11), 10), TooBig)


def test_a_connection_that_breaks(serve: Serve, fetcher: Nearby) -> None:
    assert isinstance(error_of(fetcher, Answered(serve, b"", broken=True)), Truncated)


def test_nobody_is_there(fetcher: Nearby) -> None:
    with socket.create_server((LOOPBACK, 0)) as listening:
        port = listening.getsockname()[1]
    fetcher.ask(GopherURL(LOOPBACK, port, "0", b"/x"), MemorySink())
    assert isinstance(fetcher.wait(0)[0].error, Refused)


def test_a_request_larger_than_what_is_taken_at_once(serve: Serve, fetcher: Nearby) -> None:
    selector = b"/" + b"x" * 20_000_000
    server = serve(lambda connection, request: connection.sendall(b"%d" % len(request)))
    sink = MemorySink()
    fetcher.ask(GopherURL(LOOPBACK, server.port, "0", selector), sink)
    while not sink.ended:
        assert fetcher.active
        fetcher.wait(1)
    assert sink.content == b"%d" % (len(selector) + 2)


def test_nothing_is_left_of_what_nobody_waited_for(serve: Serve, fetcher: Nearby) -> None:
    released = threading.Event()
    server = serve(lambda *_: released.wait(20) and None)
    sink = MemorySink()
    fetcher.ask(GopherURL(LOOPBACK, server.port, "0", b"/x"), sink)
    assert fetcher.active == 1
    fetcher.close()
    released.set()
    assert fetcher.active == 0
    assert sink.ended


def test_answers_that_are_there_cost_no_round_through_the_selector(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round for each of ten thousand small files would take longer than to read them."""
    # Its clock stands still, so it is never time to look at the clocks of others.
    fetcher = Nearby(ConnectionOptions(Timeouts(5, 5, 5)), lambda: 100.0)
    rounds: list[float] = []
    ready = Selector.ready

    def counted(selector: Selector, seconds: float) -> list[Any]:
        rounds.append(seconds)
        return ready(selector, seconds)

    monkeypatch.setattr(Selector, "ready", counted)
    costs = []
    try:
        for _ in range(20):
            rounds.clear()
            assert error_of(fetcher, Answered(serve, b"text")) is None
            costs.append(len(rounds))
    finally:
        fetcher.close()
    # Now and then the system is slow to tell that the server has closed.
    assert 0 in costs


def test_a_forked_process_lets_go_of_what_is_under_way(serve: Serve) -> None:
    """A server would wait for the end of a connection that is still open there."""
    ends: Queue[bytes] = Queue()

    def silent(connection: socket.socket, _: bytes) -> None:
        ends.put(connection.recv(1))

    server = serve(silent)
    fetcher = Nearby(ConnectionOptions(Timeouts(5, 5, 5)), time.monotonic)
    url = GopherURL(LOOPBACK, server.port, "0", b"/x")
    fetcher.ask(url, MemorySink())
    # Past the time in which an answer is near, it is looked after by the selector.
    time.sleep(0.01)
    fetcher.wait(0)
    fetcher.ask(url, MemorySink())
    other = fetcher.forked()
    try:
        assert [ends.get(timeout=20) for _ in range(2)] == [b"", b""]
        assert other.active == 0
        with pytest.raises(ValueError, match="closed"):
            fetcher.fileno()
    finally:
        other.close()
