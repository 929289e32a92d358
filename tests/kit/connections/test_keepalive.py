"""A peer that vanished without a word: what the system is told to ask of connections, and when."""

import array
import asyncio
import contextlib
import socket
import struct
import sys
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.web.client import Agent

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch import transfers
from logsrv.kit import LineProtocol
from logsrv.kit.connections import _guarded_factory as guarded_factory
from logsrv.kit.connections import keepalive as keepalive_module
from logsrv.kit.connections._guarded_factory import GuardedFactory
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.connections.keepalive import (
    KEEPALIVE,
    QUESTIONS,
    keep_alive,
    longest_unheard,
    set_keepalive,
)
from logsrv.kit.net._ports import SO_ATTACH_FILTER
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.options.usage import usage_options
from logsrv.kit.testing import serve
from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.web.access import web_guard_policy
from logsrv.kit.web.http_client import limited_head_pool
from tests.parts.certificates import certificate_file
from tests.parts.listening import NotingFactory, Policy, port_of
from tests.parts.own_sockets import connected_sockets
from tests.parts.reactor import REACTOR, until

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
IDLE = getattr(socket, "TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE")
OFF = None


def asked(sock: Any) -> tuple[int, int, int] | None:
    """Seconds before the first question and between two, and how many there are; None for never."""
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE):
        return OFF
    first, between, most = (
        sock.getsockopt(socket.IPPROTO_TCP, number)
        for number in (IDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    return first, between, most


USUAL = (120, 30, 4)


def test_a_peer_that_vanished_is_found_within_ten_minutes():
    first, between, most = USUAL
    assert (first, between, most) == (KEEPALIVE, KEEPALIVE / QUESTIONS, QUESTIONS)
    assert first + between * most < 600


def settings(*arguments: str) -> GuardPolicy:
    options = usage_options(GuardPolicy, name="test", version="1")()
    options.parseOptions(arguments)
    found: GuardPolicy = options.settings
    return found


@pytest.mark.parametrize(
    ("text", "seconds", "questions"),
    [
        ("120", 120, USUAL),
        ("1", 1, (1, 1, 4)),
        ("10s", 10, (10, 2, 4)),
        ("5m", 300, (300, 75, 4)),
        ("32767", 32767, (32767, 8192, 4)),
        ("0", None, OFF),
        ("0s", None, OFF),
        ("off", None, OFF),
    ],
)
def test_keepalive_is_a_time_or_off(text, seconds, questions):
    found = settings("--keepalive", text)
    assert found.keepalive == seconds
    with socket.socket() as sock:
        set_keepalive(sock, found.keepalive)
        assert asked(sock) == questions


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("500ms", "less than a second"),
        ("0.9", "less than a second"),
        ("32768", "more than 32767 s"),
        ("10h", "more than 32767 s"),
        ("-1", "not a length of time"),
        ("yes", "not a length of time"),
        ("", "not a length of time"),
    ],
)
def test_a_wrong_time_is_told(text, why):
    with pytest.raises(ConfigurationError, match=why):
        settings("--keepalive", text)


def test_it_is_on_by_default_and_the_web_has_it_too():
    assert settings().keepalive == KEEPALIVE
    assert web_guard_policy(GuardPolicy(keepalive=7.0), 5).keepalive == 7
    assert web_guard_policy(GuardPolicy(keepalive=None), 5).keepalive is None


async def one_socket(**of: int) -> socket.socket:
    """Wait for a connection of this process; return a copy of its socket."""
    found: list[list[socket.socket]] = [[]]

    def is_there() -> bool:
        found[0] = connected_sockets(**of)
        return bool(found[0])

    await until(is_there, "the connection")
    [sock] = found[0]
    return sock


@pytest.mark.parametrize("keepalive", [KEEPALIVE, 8.0, None], ids=["usual", "8s", "off"])
@pytest.mark.parametrize("scheme", ["tcp", "tcp6", "ssl", "haproxy", "haproxy-ssl", "clientca"])
async def test_each_accepted_connection_is_asked_about(scheme, keepalive, site, tmp_path):
    file = certificate_file(tmp_path / "server.pem", "localhost")
    endpoint = {
        "tcp": "tcp:0:interface=127.0.0.1",
        "tcp6": r"tcp6:0:interface=\:\:1",
        "ssl": f"ssl:0:interface=127.0.0.1:privateKey={file}",
        "haproxy": "haproxy:tcp:0:interface=127.0.0.1",
        "haproxy-ssl": f"haproxy:ssl:0:interface=127.0.0.1:privateKey={file}",
        "clientca": f"ssl:0:interface=127.0.0.1:privateKey={file}:clientca={file}",
    }[scheme]
    listener = site.start(endpoint, keepalive=keepalive)
    host = "::1" if scheme == "tcp6" else "127.0.0.1"
    with socket.create_connection((host, port_of(listener)), PATIENCE):
        sock = await one_socket(ours=port_of(listener))
        questions = {KEEPALIVE: USUAL, 8.0: (8, 2, 4), None: OFF}
        assert asked(sock) == questions[keepalive]
        # After a reload, connections that are open go by the new rules.
        listener.apply(Policy(keepalive=12.0))
        assert asked(sock) == (12, 3, 4)
        listener.apply(Policy(keepalive=None))
        assert asked(sock) is OFF
        sock.close()


async def test_peers_before_and_after_a_change_of_the_rules_are_asked_by_the_new_ones(site):
    """The system gives new sockets the options of the listening one; not those that wait already."""
    listener = site.start("tcp:0:interface=127.0.0.1", keepalive=KEEPALIVE)
    place = "127.0.0.1", port_of(listener)
    with contextlib.ExitStack() as stack:
        for number, rules in enumerate((None, Policy(keepalive=12.0), Policy(keepalive=8.0))):
            questions = (USUAL, (12, 3, 4), (8, 2, 4))[number]
            # The first of these waits in the system when the rules change.
            stack.enter_context(socket.create_connection(place, PATIENCE))
            if rules is not None:
                listener.apply(rules)
            await until(lambda: len(listener.protocols) == 1 + 2 * number, "the first")  # noqa: B023
            stack.enter_context(socket.create_connection(place, PATIENCE))
            await until(lambda: len(listener.protocols) == 2 + 2 * number, "the second")  # noqa: B023
            found = connected_sockets(ours=place[1])
            assert [asked(sock) for sock in found] == [questions] * (2 + 2 * number)
            no_delay = socket.IPPROTO_TCP, socket.TCP_NODELAY
            assert all(sock.getsockopt(*no_delay) for sock in found)
            for sock in found:
                sock.close()


def vanish(peer: socket.socket) -> None:
    """Let the system drop all that comes for a peer, as a NAT that has forgotten it."""
    drop_all = array.array("B", struct.pack("=HBBI", 0x06, 0, 0, 0))
    peer.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, drop_all.buffer_info()[0])
    )


@pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux lets the peer vanish")
@pytest.mark.slow
@pytest.mark.parametrize("written", [b"", b"an answer"], ids=["silent", "with an answer"])
@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
async def test_only_a_peer_that_vanished_is_closed(written, gone, site, monkeypatch):
    """Also one that has not acknowledged an answer: then Linux does not ask, and would wait for long."""
    monkeypatch.setattr(keepalive_module, "LEAST_UNHEARD", 2.0 if written else 600.0)
    listener = site.start("tcp:0:interface=127.0.0.1", keepalive=1.0)
    with socket.create_connection(("127.0.0.1", port_of(listener)), PATIENCE) as peer:
        await until(lambda: site.factory.made, "the connection")
        if gone:
            vanish(peer)
        site.factory.made[0].transport.write(written)
        if gone:
            await until(lambda: site.factory.lost, "the end")
        else:
            await deferLater(REACTOR, 4)
        assert bool(site.factory.lost) is gone
    await until(lambda: site.factory.lost, "the end")


@pytest.mark.parametrize(
    ("keepalive", "unheard", "ends"),
    [
        (120.0, 299, False),
        (120.0, 301, True),
        (300.0, 599, False),
        (300.0, 601, True),
        (1.0, 299, False),
    ],
)
async def test_the_longest_silence_of_a_system_is_within_ten_minutes(
    keepalive, unheard, ends, site, monkeypatch
):
    """A reload changes it; with keepalive off nobody is asked, and nobody is gone."""
    stack = contextlib.ExitStack()
    monkeypatch.setattr(guarded_factory, "seconds_unheard", lambda transport: unheard)
    clock = Clock()
    guarded = GuardedFactory(
        NotingFactory(), label="in", policy=GuardPolicy(), clock=clock, metrics=Metrics()
    )
    guarded.apply(GuardPolicy(keepalive=None))
    connection: Any = guarded.buildProtocol(None)
    transport = AbortableTransport()
    transport.socket = stack.enter_context(socket.socket())
    connection.makeConnection(transport)
    clock.advance(1000)
    assert clock.getDelayedCalls() == [] and not transport.aborted
    guarded.apply(GuardPolicy(keepalive=keepalive))
    clock.pump([longest_unheard(keepalive) / 8] * 2)
    assert transport.aborted is ends
    connection.connectionLost(Failure(ConnectionDone()))
    clock.advance(1000)
    assert clock.getDelayedCalls() == []
    stack.close()


def test_a_peer_that_is_gone_is_noticed_soon_after_a_reload_with_a_shorter_time(monkeypatch):
    """Not first at the end of the wait that the longer time had begun."""
    monkeypatch.setattr(guarded_factory, "seconds_unheard", lambda transport: 301)
    clock, long, short = Clock(), GuardPolicy(keepalive=30_000.0), GuardPolicy(keepalive=120.0)
    guarded = GuardedFactory(
        NotingFactory(), label="in", policy=long, clock=clock, metrics=Metrics()
    )
    connection: Any = guarded.buildProtocol(None)
    transport = AbortableTransport()
    with socket.socket() as transport.socket:
        connection.makeConnection(transport)
        clock.advance(1000)
        assert not transport.aborted
        guarded.apply(short)
        clock.advance(longest_unheard(120.0) / 8)
        assert transport.aborted
    connection.connectionLost(Failure(ConnectionDone()))
    clock.advance(1000)
    assert clock.getDelayedCalls() == []


def test_a_peer_that_is_gone_is_noticed_while_others_keep_connecting(monkeypatch):
    """New connections, more often than the search for gone peers, do not put it off."""
    monkeypatch.setattr(guarded_factory, "seconds_unheard", lambda transport: transport.unheard)
    clock = Clock()
    guarded = GuardedFactory(
        NotingFactory(), label="in", policy=GuardPolicy(), clock=clock, metrics=Metrics()
    )
    transports = []
    with contextlib.ExitStack() as stack:
        for number in range(6):
            connection: Any = guarded.buildProtocol(None)
            transport = AbortableTransport()
            transport.socket = stack.enter_context(socket.socket())
            transport.unheard = 0 if number else 301
            connection.makeConnection(transport)
            transports.append(transport)
            clock.advance(longest_unheard(KEEPALIVE) / 16)
    assert [one.aborted for one in transports] == [True, False, False, False, False, False]


class AbortableTransport(StringTransport):
    """Notes that it was aborted. unheard: the seconds since its peer was heard."""

    aborted = False
    unheard = 0
    socket: Any = None

    def abortConnection(self) -> None:
        self.aborted = True


class Quiet(LineProtocol):
    """Says nothing."""


@pytest.mark.parametrize(
    ("arguments", "questions"),
    [((), USUAL), (("--keepalive", "8s"), (8, 2, 4)), (("--keepalive", "0"), OFF)],
)
async def test_each_dialled_connection_of_a_plugin_is_asked_about(arguments, questions):
    async with serve(Quiet) as other, serve(Quiet, *arguments) as ours:
        place = f"tcp:127.0.0.1:{other.port}"
        linked = await ours.service.connect(place, Quiet).when_connected()
        dialled = await ours.service.dial(place)
        assert asked(linked.transport.socket) == questions
        assert asked(dialled.transport.socket) == questions


async def test_what_has_no_socket_of_tcp_is_left_alone(site, tmp_path):
    place = tmp_path / "socket"
    site.start(f"unix:{place}")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(place))
        await until(lambda: site.factory.made, "the connection")
        set_keepalive(peer, 5)
        assert not peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    keep_alive(None)
    keep_alive(object())


async def test_connections_of_asyncio_and_of_our_http_clients_are_asked_about(site):
    port = port_of(site.start("tcp:0:interface=127.0.0.1"))

    async def dial() -> tuple[int, int, int] | None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        keep_alive(writer)
        found = asked(writer.get_extra_info("socket"))
        writer.close()
        return found

    assert await deferToThread(lambda: asyncio.run(dial())) == USUAL
    port = port_of(site.start("tcp:0:interface=127.0.0.1"))
    request = Agent(REACTOR, pool=limited_head_pool(REACTOR)).request(
        b"GET", b"http://127.0.0.1:%d/" % port
    )
    with await one_socket(theirs=port) as sock:
        # The kernel has connected it before its protocol sets it.
        await until(lambda: asked(sock) == USUAL, "questions to the peer")
    request.addErrback(lambda _: None)
    request.cancel()
    # The client of Gopher makes its sockets itself.
    assert vars(transfers)["set_keepalive"] is set_keepalive
