"""Requests to the gateway: who is answered, where it lets itself be sent, what it withstands."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer, IReactorTime
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from zope.interface import implementer
from zope.interface.verify import verifyObject

from logsrv.gopher.gateway import pages
from logsrv.gopher.gateway.gateway import STALLED_AFTER, ClientStalled, ResponseWriter
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import names
from tests.gopher.gateway.conftest import Web, gateway_service
from tests.parts.own_sockets import connected_sockets

MENU = b"0Text\t/t\tx.example\t70\r\n.\r\n"


async def until(look: Callable[[], object], clock: IReactorTime) -> None:
    """Returns when `look()` is true; fails after a while."""
    deadline = clock.seconds() + PATIENCE
    while not look():
        assert clock.seconds() < deadline, "waited in vain"
        await deferLater(clock, 0.01)


async def test_every_answer_has_strict_security_headers(visit):
    """Every answer, errors and streams too, tells the browser to be strict."""
    hole = visit(MENU)
    here = hole.path("")
    for path in (
        "/",
        "/style.css",
        here + "/1/x",
        here + "/9/x",
        "/nothing",
        "/gopher/127.0.0.1:1/",
    ):
        answer = await hole.web.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"].startswith("noindex")
        assert "set-cookie" not in answer.headers


async def test_other_methods_than_get_and_head_are_405(gateway):
    """Pages can be looked at, and nothing else."""
    web = gateway()
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"):
        answer = await web.get("/", method)
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD"
    assert (await web.get("/", "HEAD")).body == b""


async def test_a_host_name_that_is_not_the_gateways_is_421(visit):
    """A web page whose name was made to lead to loopback cannot read Gopher through the gateway."""
    hole = visit(MENU, "--host", "gw.lan")
    path = hole.path("/")
    for host in ("evil.example", f"evil.example:{hole.web.port}", "127.0.0.1.evil.example", ""):
        assert (await hole.web.get(path, Host=host)).status == 421, host
    assert hole.server.requests == []
    for host in ("localhost", f"127.0.0.1:{hole.web.port}", "[::1]:8070", "gw.lan"):
        assert (await hole.web.get(path, Host=host)).status == 200, host


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f000001", "0177.0.0.1",
     "127.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "%31%32%37.0.0.1",
     "LOCALHOST.", "①②⑦.0.0.1"],
)  # fmt: skip
async def test_addresses_of_the_own_network_are_403_in_every_spelling(
    gateway, serve, monkeypatch, host
):
    """By default nobody gets at servers of the operator's network, however the address is written."""
    from urllib.parse import quote

    server = serve(MENU)
    names(monkeypatch, ["127.0.0.1"])
    web = gateway()
    answer = await web.get(f"/gopher/{quote(host, safe='[]:%')}:{server.port}/")
    assert answer.status == 403
    assert server.requests == []
    assert server.most_open == 0


async def test_a_name_that_leads_into_the_own_network_is_refused(gateway, serve, monkeypatch):
    """Nor by a public name with a private address, also if the name changes between two looks."""
    server = serve(MENU)
    for addresses in (
        (["127.0.0.1"],),
        (["::1"],),
        (["::ffff:127.0.0.1"],),
        (["10.0.0.1"], ["127.0.0.1"]),
    ):
        names(monkeypatch, *addresses)
        web = gateway()
        for view in ("/1/x", "/9/x"):
            answer = await web.get(f"/gopher/public.example:{server.port}{view}")
            assert answer.status == 403
            # Whoever asks learns nothing about the addresses inside.
            assert "127." not in answer.page.text
    assert server.most_open == 0


async def test_a_hung_server_delays_one_client(gateway, serve, reactor):
    """A server that hangs keeps one client waiting; others are served, and going away ends it all."""
    let_go: list[bytes] = []

    def hang(connection: Any, request: bytes) -> None:
        try:
            connection.recv(1)
        finally:
            let_go.append(request)

    hanging = serve(hang)
    quick = serve(MENU)
    web = gateway("--allow-private")
    path = f"/gopher/127.0.0.1:{hanging.port}/1/x"
    waiting = [await deferToThread(web.connect, path) for _ in range(4)]
    await until(lambda: len(hanging.requests) == 4, reactor)
    assert web.value("gateway_requests_open") == 4
    assert (await web.get(f"/gopher/127.0.0.1:{quick.port}/")).status == 200
    assert let_go == []
    for connection in waiting:
        connection.close()
    await until(lambda: web.value("gateway_requests_open") == 0, reactor)
    await until(lambda: len(let_go) == 4, reactor)


@pytest.mark.parametrize("item", ["/0/x", "/1/x", "/7/x?q=words", "/9/x", "/I/x?as=media"])
@pytest.mark.parametrize("begin", [b"", b"\x89PNG", b"1One\t/1\r\n1Tw"])
async def test_a_visitor_who_leaves_lets_the_server_go(visit, serve, reactor, item, begin):
    """At once, also if too little of a picture has come to tell whether it is one."""
    began, ended = threading.Event(), threading.Event()

    def hang(connection: Any, request: bytes) -> None:
        connection.sendall(begin)
        began.set()
        ended.wait(PATIENCE)

    hole = visit(hang)
    try:
        connection = await deferToThread(hole.web.connect, hole.path(item))
        await until(began.is_set, reactor)
        # A whole answer after it: the gateway has read all that has come.
        quick = serve(MENU)
        assert (await hole.web.get(f"/gopher/127.0.0.1:{quick.port}/")).status == 200
        assert count_connections_to(hole.server.port) == 1
        connection.close()
        await until(lambda: hole.web.value("gateway_requests_open") == 0, reactor)
        assert count_connections_to(hole.server.port) == 0
    finally:
        ended.set()


def count_connections_to(port: int) -> int:
    """The number of connections that this process has made to a port."""
    found = connected_sockets(theirs=port)
    for one in found:
        one.close()
    return len(found)


async def test_one_client_has_a_limit_of_open_requests_and_of_requests_a_minute(
    gateway, serve, reactor
):
    """One client has so many requests at once, and so many in a minute; it is told when to go on."""
    hanging = serve(lambda connection, request: connection.recv(1))
    web = gateway("--allow-private", "--max-requests-per-client", "2", "--requests-per-minute", "4")
    path = f"/gopher/127.0.0.1:{hanging.port}/1/x"
    waiting = [await deferToThread(web.connect, path) for _ in range(2)]
    await until(lambda: web.value("gateway_requests_open") == 2, reactor)
    answer = await web.get(path)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0
    # Pages of the gateway itself cost nothing.
    assert (await web.get("/")).status == 200
    for connection in waiting:
        connection.close()
    await until(lambda: web.value("gateway_requests_open") == 0, reactor)
    statuses = [(await web.get("/go?url=a.example")).status for _ in range(3)]
    assert statuses == [303, 303, 429]


async def test_a_slow_browser_slows_the_server(visit, reactor):
    """A browser that does not read makes the server wait; when it goes away the server is let go."""
    sent = 0

    def endless(connection: Any, request: bytes) -> None:
        nonlocal sent
        while True:
            connection.sendall(b"x" * 65536)
            sent += 65536

    hole = visit(endless)
    connection = await deferToThread(hole.web.connect, hole.path("/9/endless"))
    before = -1
    while before != sent or not sent:
        before = sent
        await deferLater(reactor, 0.3)
    # What the buffers of four sockets hold, and no more.
    assert sent < 40 * 1024 * 1024
    assert (await hole.web.get("/")).status == 200
    connection.close()
    await until(lambda: not hole.server._open, reactor)
    assert hole.web.value("gateway_requests_open") == 0


async def test_download_that_breaks_off_seems_incomplete(visit):
    """A download that breaks off, or grows too large, does not end as if it were whole."""
    import http.client

    from tests.parts.gopher_servers import reset

    def script(connection: Any, request: bytes) -> None:
        connection.sendall(b"x" * 300_000)
        if request.startswith(b"/reset"):
            reset(connection)

    hole = visit(script, "--max-download", "200000")
    for selector in ("/reset", "/large"):
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            await hole.get(f"/9{selector}")
    assert hole.web.value("gateway_broken_total") == 2


async def test_a_reload_empties_the_cache(visit):
    """A reload forgets what was fetched before, which may be from where the gateway goes no more."""
    import attrs

    hole = visit(MENU)
    path = hole.path("/")
    assert (await hole.web.get(path)).status == 200
    assert (await hole.web.get(f"{path}?charset=cp437")).status == 200
    assert len(hole.server.requests) == 1
    hole.web.service.reloads.load = lambda: attrs.evolve(hole.web.service.settings, max_requests=7)
    hole.web.service.reload()
    assert (await hole.web.get(path)).status == 200
    assert len(hole.server.requests) == 2
    assert hole.web.value("gateway_cache_hits_total") == 1


async def test_open_requests_are_answered_at_stop(visit, reactor):
    """Whoever waits for an answer when the gateway is stopped still gets it; others are told."""
    from threading import Event

    go_on = Event()

    def script(connection: Any, request: bytes) -> None:
        go_on.wait(PATIENCE)
        connection.sendall(MENU)

    hole = visit(script)
    waiting = hole.get("/1/slow")
    await until(lambda: hole.web.value("gateway_requests_open") == 1, reactor)
    stopped = hole.web.service.stopping()
    late = await hole.get("/1/late")
    assert late.status == 503
    assert not stopped.called
    go_on.set()
    assert (await waiting).status == 200
    await stopped


async def test_idle_connections_delay_no_stop(reactor, monkeypatch):
    """A browser that keeps its connection open does not keep the gateway from stopping."""
    monkeypatch.setattr("logsrv.kit.service._stop.DRAIN_SECONDS", 600.0)
    service = gateway_service(reactor=reactor)
    service.startService()
    web = Web(service)
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE)

    def visit() -> bytes:
        connection.request("GET", "/")
        return connection.getresponse().read()

    with contextlib.closing(connection), capturedLogs() as events:
        assert await deferToThread(visit)
        await web.service.stopService().addTimeout(PATIENCE, reactor)
    assert [event["cut"] for event in events if "cut" in event] == [0]


async def test_rubbish_instead_of_http_harms_nobody(gateway):
    """Rubbish instead of HTTP harms nobody."""
    web = gateway()

    def send(data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", web.port), PATIENCE) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(100)

    for data in (
        b"/\r\n",
        b"\0" * 1000,
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        answer = await deferToThread(send, data)
        assert answer[:12] in (b"", b"HTTP/1.1 400"), data
    assert (await web.get("/")).status == 200


async def test_an_answer_comes_even_if_pages_cannot_be_made(gateway, monkeypatch):
    """A template that is broken breaks the page that would say so, too."""
    web = gateway("--allow-private")

    def broken(template: str, **values: object) -> bytes:
        raise LookupError("a broken template")

    monkeypatch.setattr(pages, "_render", broken)
    with capturedLogs() as events:
        for path in ("/", "/nothing", "/gopher/127.0.0.1:1/"):
            answer = await web.get(path)
            assert answer.status == 500
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert b"the log" in answer.body
    assert len(events) >= 3
    monkeypatch.undo()
    assert (await web.get("/")).status == 200


@implementer(IConsumer)
class Browser:
    """Takes `room` bytes and then says that it is full."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken = b""
        self.outflow: ResponseWriter | None = None

    def registerProducer(self, producer: object, streaming: bool) -> None:
        assert streaming
        assert isinstance(producer, ResponseWriter)
        verifyObject(IPushProducer, producer)
        self.outflow = producer

    def unregisterProducer(self) -> None:
        self.outflow = None

    def write(self, data: bytes) -> None:
        self.taken += data
        if len(self.taken) >= self.room:
            assert self.outflow is not None
            self.outflow.pauseProducing()


def test_sending_waits_until_the_browser_has_room():
    """Nothing more is sent until the browser has taken what it got."""
    browser, clock = Browser(5), Clock()
    outflow = ResponseWriter(browser, clock)
    assert Deferred.fromCoroutine(outflow.send(b"four")).called
    sending = Deferred.fromCoroutine(outflow.send(b"more"))
    assert not sending.called
    browser.room = 100
    outflow.resumeProducing()
    assert sending.called
    assert not clock.getDelayedCalls()
    assert outflow.sent == 8
    outflow.close()
    assert browser.outflow is None


@pytest_twisted.inlineCallbacks
def test_a_browser_that_takes_nothing_for_a_minute_is_given_up():
    """A browser that takes nothing for a minute is given up."""
    browser, clock = Browser(1), Clock()
    sending = Deferred.fromCoroutine(ResponseWriter(browser, clock).send(b"x"))
    clock.advance(STALLED_AFTER - 1)
    assert not sending.called
    clock.advance(1)
    with pytest.raises(ClientStalled):
        yield sending
