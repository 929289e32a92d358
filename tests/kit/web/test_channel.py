"""HTTP requests that drip, that are too large or that carry something."""

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.web.channel import (
    MOST_BODY,
    MOST_IN_A_TURN,
    REQUEST_SECONDS,
    WebFactory,
    WebRequest,
)
from tests.parts.reactor import logged

TOO_LARGE = b"the content of this request is longer than 64 KiB"


class Echo:
    """Answers each request with its method and path."""

    def __init__(self) -> None:
        self.requests: list[WebRequest] = []
        self.bodies: list[bytes] = []

    def handle(self, request: WebRequest) -> None:
        self.requests.append(request)
        self.bodies.append(request.content.read())  # type: ignore[union-attr]
        request.write(request.method + b" " + request.uri)
        request.finish()


class Peer:
    """A browser in memory."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.handler = Echo()
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 5))
        settings = GuardPolicy(log_connections=True)
        self.factory = WebFactory(self.handler.handle, self.clock, "web", settings)
        assert self.factory.connection_log is not None
        self.log = self.factory.connection_log
        self.channel: Any = self.factory.buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> bytes:
        """What came back for it."""
        self.channel.dataReceived(data)
        answer: bytes = self.transport.value()
        self.transport.clear()
        return answer


def test_a_long_pipeline_lets_others_have_their_turn():
    """So many are answered in a turn of the reactor; all are in the end, in order, unless the peer goes."""
    peer = Peer()
    requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(100))
    answer = peer.send(requests)
    assert answer.index(b"GET /0") < answer.index(b"GET /1")
    assert len(peer.handler.requests) == MOST_IN_A_TURN
    peer.clock.advance(0)
    assert [request.uri for request in peer.handler.requests] == [b"/%d" % n for n in range(100)]
    peer.send(requests)
    peer.channel.connectionLost(Failure(ConnectionDone()))
    before = len(peer.handler.requests)
    peer.clock.advance(0)
    assert len(peer.handler.requests) == before


def test_no_more_is_read_while_many_requests_wait():
    """Else memory fills with what a peer pipelines, a chunk for each answer."""
    peer = Peer()
    requests = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na" * 1000
    peer.send(requests)
    assert peer.transport.producerState == "paused"
    peer.clock.advance(0)
    assert len(peer.handler.requests) == 1000
    assert peer.transport.producerState == "producing"


@pytest.mark.parametrize(
    ("target", "uri", "path"),
    [(b"http://Logs.example:81/a?b=/c", b"/a?b=/c", b"/a"), (b"HTTPS://logs.example", b"/", b"/"),
     (b"http://logs.example?q=1", b"/?q=1", b"/"), (b"/http://x/", b"/http://x/", b"/http://x/")],
)  # fmt: skip
def test_an_absolute_form_names_the_host(target, uri, path):
    """Whoever asks as one asks a proxy gets the same, and is held to the host that it named there."""
    peer = Peer()
    assert b"GET " + uri in peer.send(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    [request] = peer.handler.requests
    assert request.path == path
    host = target.split(b"/")[2].partition(b"?")[0] if not target.startswith(b"/") else b"x"
    assert request.getHeader(b"host") == host


def test_a_request_that_comes_byte_by_byte_has_one_time_limit():
    """A request that comes byte by byte has the time of one request, not that for each byte."""
    peer = Peer()
    for _ in range(REQUEST_SECONDS - 1):
        peer.send(b"G")
        peer.clock.advance(1)
    assert not peer.transport.disconnecting
    peer.send(b"E")
    peer.clock.advance(1)
    assert peer.transport.disconnecting
    peer.clock.advance(60)
    assert peer.transport.disconnected or peer.transport.aborting


def test_an_idle_connection_is_closed():
    """A connection that asks for nothing is closed, and leaves no timer behind."""
    peer = Peer()
    peer.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
    peer.clock.advance(REQUEST_SECONDS)
    assert peer.transport.disconnecting
    peer.channel.connectionLost(Failure(ConnectionDone()))
    peer.clock.advance(0)
    assert not peer.clock.getDelayedCalls()


def test_a_small_body_is_dropped_and_the_handler_knows():
    """A small body is thrown away, and the handler knows of it."""
    peer = Peer()
    assert b"POST /" in peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
    assert peer.handler.requests[0].has_body
    peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert not peer.handler.requests[1].has_body


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (b"Content-Length: %d\r\n\r\n" % (MOST_BODY + 1), TOO_LARGE),
        (
            b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
            b"the Content-Length of this request has more than 20 digits",
        ),
        (
            b"Transfer-Encoding: chunked\r\n\r\n" + (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 6,
            TOO_LARGE,
        ),
    ],
)
def test_a_large_body_is_refused_at_once(request_, sentence):
    """A large one is refused at once and takes no memory; no file is made for it."""
    peer = Peer()
    answer = peer.send(b"POST / HTTP/1.1\r\nHost: x\r\n" + request_)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"\r\n\r\n" + sentence + b"\n")
    assert answer.count(b"HTTP/1.1") == 1
    assert peer.transport.disconnecting
    assert peer.handler.requests == []


@pytest.mark.parametrize(("path", "kept"), [(b"/file", 9000), (b"/file?x=1", 9000), (b"/form", 0)])
def test_only_paths_that_take_more_than_a_form_keep_a_long_body(path, kept):
    peer = Peer()
    peer.factory.whole_bodies = frozenset((b"/file",))
    # In one piece: of a longer body nothing is kept of that piece.
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n"
    assert peer.send(head + b"x" * 9000).startswith(b"HTTP/1.1 200 ")
    assert [len(body) for body in peer.handler.bodies] == [kept]


def test_headers_without_end_are_refused():
    """Headers without end are refused."""
    peer = Peer()
    answer = peer.send(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") or peer.transport.disconnecting
    assert peer.handler.requests == []


def test_a_too_long_address_is_answered():
    """It is answered, as a browser shows nothing of a connection that just ends."""
    for ending in (b"", b" HTTP/1.1\r\n\r\n"):
        peer = Peer()
        answer = peer.send(b"GET /" + b"a" * 100_000 + ending)
        assert answer.startswith(b"HTTP/1.1 431 ") and b"longer than 16 KiB" in answer
        assert peer.transport.disconnecting
        assert peer.handler.requests == []


def test_alpn_offers_http_1_1():
    """Inside TLS browsers ask what is spoken, and are told HTTP/1.1."""
    factory = WebFactory(Echo().handle, Clock(), "web", GuardPolicy())
    verifyObject(IProtocolNegotiationFactory, factory)
    assert factory.acceptableProtocols() == [b"http/1.1"]


def test_connects_and_disconnects_are_logged():
    """With --log-connections there is a line for each connect and disconnect."""
    peer = Peer()
    with logged() as messages:
        peer.channel.connectionLost(Failure(ConnectionDone()))
        peer.log.flush()
    connected, disconnected = messages[0].splitlines()
    assert connected.startswith("Got connection from tcp:192.0.2.1:5")
    assert disconnected.strip().startswith("Lost connection from tcp:192.0.2.1:5")


def test_a_form_is_kept_for_the_handler():
    """A form is kept for the handler; one of a few kilobytes is none any more."""
    peer = Peer()
    peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
    peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60000)
    assert peer.handler.bodies[0] == b"abc"
    assert len(peer.handler.bodies[1]) <= 4096


# The last two have several lines for Python's `str.splitlines`, which its parser of headers uses.
@pytest.mark.parametrize("type_", [b"multipart/form-data; boundary=\xff", b"a\x0bb", b"a\x85b"])
def test_any_content_type_is_left_to_the_handler(type_):
    peer = Peer()
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\nContent-Length: 3\r\n\r\n" % type_
    assert peer.send(head + b"abc").endswith(b"POST /a\r\n0\r\n\r\n")
    assert peer.handler.bodies == [b"abc"]
