"""What a peer meets that the guard refuses, or that falls silent; and what the operator reads."""

import socket
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, ILoggingContext
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.connections._guarded_connection import guarded_connection_of
from logsrv.kit.connections._guarded_factory import GuardedFactory
from logsrv.kit.connections.guard import MOST_KEPT, Guard, GuardPolicy
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.kept import kept
from tests.parts.listening import Noted, NotingFactory, Policy
from tests.parts.reactor import logged

DONE = Failure(ConnectionDone())


class Quitting(Noted):
    """Ends its connection in the same turn when it is told to quit."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        connection = guarded_connection_of(self)
        if b"quit" in data and connection is not None:
            connection.connectionLost(DONE)


class Site:
    """A guarded factory with a clock, and peers that connect to it."""

    def __init__(self, *, layered: bool = False, refuses_tls: bool = False, **policy: Any) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.inner = NotingFactory()
        self.guarded = GuardedFactory(
            self.inner,
            label="in",
            policy=Policy(**policy),
            clock=self.clock,
            metrics=self.metrics,
            layered=layered,
            refuses_tls=refuses_tls,
        )
        self.guarded.doStart()

    def connect(self, host: str = "10.0.0.1", descriptor: int = 10) -> tuple[Any, Any]:
        """The protocol and the transport of a new connection."""
        peer = IPv4Address("TCP", host, 5)
        protocol = self.guarded.buildProtocol(peer)
        transport: Any = StringTransport(peerAddress=peer)
        transport.fileno = lambda: descriptor
        transport.protocol = protocol
        if protocol is not None:
            protocol.makeConnection(transport)
        return protocol, transport

    def refused(self, reason: str) -> float:
        return self.metrics.value("connections_refused_total", reason=reason)


def test_what_a_connection_says_comes_to_the_input():
    site = Site(max_connections=3)
    connection, transport = site.connect()
    [protocol] = site.guarded.protocols
    assert protocol.transport is transport
    connection.dataReceived(b"x")
    connection.connectionLost(DONE)
    assert (site.inner.data, site.inner.lost) == (b"x", [protocol])
    assert site.metrics.value("connections_total") == 1
    assert site.metrics.value("connections_open") == 0


def test_the_protocol_is_left_as_its_author_made_it():
    """Nothing is put into it but the transport, which is the real one."""
    plain: Any = NotingFactory().buildProtocol(None)
    plain.makeConnection(StringTransport())
    site = Site()
    site.connect()
    [protocol] = site.guarded.protocols
    assert vars(protocol).keys() == vars(plain).keys()
    assert type(protocol) is type(plain)


def test_a_transport_finds_the_interfaces_and_the_names_of_the_protocol():
    """Twisted asks for some of them: for the half-closing of one, say, and for its name in the log."""

    @implementer(IHalfCloseableProtocol)
    class HalfCloseable(Noted):
        def logPrefix(self) -> str:
            return "mine"

        def readConnectionLost(self) -> None: ...

        def writeConnectionLost(self) -> None: ...

    site = Site()
    plain, _ = site.connect()
    assert IHalfCloseableProtocol(plain, None) is None
    site.inner.protocol = HalfCloseable
    connection, _ = site.connect()
    assert IHalfCloseableProtocol(connection, None) is connection
    assert ILoggingContext.providedBy(connection)
    assert connection.logPrefix() == "mine"


def test_the_guarded_connection_of_a_protocol_is_found():
    site = Site()
    connection, transport = site.connect()
    [protocol] = site.guarded.protocols
    assert guarded_connection_of(protocol) is connection
    transport.protocol = protocol
    assert guarded_connection_of(protocol) is None


def test_an_address_may_connect_again_when_its_connections_have_ended():
    site = Site(max_connections_per_peer=2)
    for number in range(10):
        first, second, third = (site.connect(f"10.0.0.{number // 5}")[0] for _ in range(3))
        assert third is None
        second.connectionLost(DONE)
        first.connectionLost(DONE)
    assert kept(site.guarded.guard) == kept(Guard(site.guarded.guard.policy))


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_peer_that_begins_tls_where_there_is_none_is_closed_with_an_alert(size):
    site = Site(refuses_tls=True)
    connection, transport = site.connect()
    hello = b"\x16\x03\x01\x02\x00\x01" + b"x" * 90
    with logged() as lines:
        for at in range(0, len(hello), size):
            connection.dataReceived(hello[at : at + size])
    connection.connectionLost(DONE)
    assert transport.value() == b"\x15\x03\x01\x00\x02\x02\x28" and transport.disconnecting
    assert (site.inner.data, site.inner.lost) == (b"", site.inner.made)
    assert site.refused("tls") == 1
    assert site.metrics.value("dropped_bytes_total", reason="tls") == len(hello)
    [line] = lines
    assert "in refused 10.0.0.1: it speaks TLS; this listener does not" in line


@pytest.mark.parametrize(
    "said", [b"\x16", b"\x16\x04\x03", b"\x03\x16", b"hello\x16\x03", b"\x16\x16\x03"]
)
def test_what_is_not_tls_comes_to_the_protocol_whole(said):
    for size in (1, len(said)):
        site = Site(refuses_tls=True, peer_lines=1000)
        connection, transport = site.connect()
        for at in range(0, len(said), size):
            connection.dataReceived(said[at : at + size])
        connection.connectionLost(DONE)
        assert site.inner.data == said and not transport.disconnecting
        assert site.inner.lost == site.inner.made


def test_tls_may_come_where_it_may_be_what_is_served():
    site = Site()
    site.connect()[0].dataReceived(b"\x16\x03\x01")
    assert site.inner.data == b"\x16\x03\x01"


def test_nothing_is_said_in_plain_text_below_tls():
    site = Site(layered=True, max_connections=1, tell_refused=True)
    site.connect()
    _, transport = site.connect()
    assert transport.disconnected
    assert transport.value() == b""
    assert len(site.inner.made) == 1


def test_refusals_are_logged_once_a_minute_per_peer_and_all_are_counted():
    site = Site(deny=(ip_network("10.0.0.0/8"),))
    with logged() as messages:
        for _ in range(5):
            site.connect("10.0.0.1")
        site.clock.advance(60)
        site.connect("10.0.0.1")
    assert [message for message in messages if "refused" in message] == [
        "in refused 10.0.0.1: its network is denied",
        "in refused 10.0.0.1: its network is denied; 5 refused since this was last logged",
    ]
    assert site.refused("denied") == 6


def test_a_factory_that_wants_no_connection_leaves_no_trace():
    site = Site(max_connections=1)
    site.inner.buildProtocol = lambda addr: None  # type: ignore[method-assign]
    assert site.connect()[0] is None
    assert site.guarded.guard.open == 0


def test_descriptors_are_left_for_the_store_when_connections_flood_in(monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda which: (1024, 1024))
    site = Site()
    site.connect(descriptor=1023 - MOST_KEPT)
    with logged() as messages:
        protocol, transport = site.connect(descriptor=1024 - MOST_KEPT)
    assert transport.disconnected
    assert site.refused("descriptors") == 1
    assert messages == [
        (
            "in refused connections: the limit of open files is near (1024, the last 128 are kept; "
            "LimitNOFILE=2048 in its unit or ulimit -n 2048 before its start allows more)"
        )
    ]
    protocol.connectionLost(DONE)
    assert (len(site.inner.made), site.inner.lost) == (1, [])
    assert site.guarded.guard.open == 1
    # A connection has ended, and with it the scarcity.
    assert site.connect(descriptor=1023 - MOST_KEPT)[0] is not None


def test_descriptors_that_peers_may_not_have_are_there_for_who_asks_how_it_is(monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda which: (1024, 1024))
    site = Site()
    site.guarded.apply(Policy())
    web = GuardedFactory(
        site.inner,
        label="web",
        policy=GuardPolicy(oversees=True),
        clock=site.clock,
        metrics=site.metrics,
    )
    site.guarded, peers = web, site.guarded
    assert not site.connect(descriptor=1024 - MOST_KEPT)[1].disconnected
    assert site.connect(descriptor=1024 - MOST_KEPT // 2)[1].disconnected
    site.guarded = peers
    assert site.connect(descriptor=1024 - MOST_KEPT)[1].disconnected


def test_a_limit_that_was_raised_meanwhile_counts(monkeypatch):
    limits = [1024]
    monkeypatch.setattr("resource.getrlimit", lambda which: (limits[0], limits[0]))
    site = Site()
    limits[0] = 4096
    assert not site.connect(descriptor=2000)[1].disconnected


def test_a_silent_connection_is_closed_after_the_time_out_and_a_talking_one_is_not():
    site = Site(idle_timeout=8.0)
    talking, talking_transport = site.connect()
    _, silent_transport = site.connect()
    with logged() as messages:
        for _ in range(12):
            site.clock.advance(1)
            talking.dataReceived(b".")
    assert (silent_transport.disconnecting, talking_transport.disconnecting) == (True, False)
    assert site.metrics.value("connections_idle_total") == 1
    assert site.inner.data == b"." * 12
    assert "in closes 1 connection: nothing was received for 8 s" in messages


def test_a_peer_that_was_closed_as_idle_has_as_long_again_to_take_its_last_bytes():
    site = Site(idle_timeout=8.0)
    _, transport = site.connect()
    transport.abortConnection = lambda: aborted.append(site.clock.seconds())
    aborted: list[float] = []
    site.clock.pump([1.0] * 10)
    assert transport.disconnecting and not aborted
    closed = site.clock.seconds()
    site.clock.pump([1.0] * 20)
    assert len(aborted) == 2 and aborted[0] - closed > 6 and aborted[1] - aborted[0] == 8


def test_after_a_drain_nothing_is_left_to_be_done():
    """A reload may take a listener out while the server goes on."""
    site = Site(idle_timeout=8.0, keepalive=30.0)
    with socket.socket() as ours:
        transport: Any = StringTransport(peerAddress=IPv4Address("TCP", "10.0.0.1", 5))
        transport.socket, transport.fileno = ours, lambda: 10
        protocol = transport.protocol = site.guarded.buildProtocol(transport.getPeer())
        protocol.makeConnection(transport)
        drained = Deferred.fromCoroutine(site.guarded.drain(1))
        protocol.connectionLost(DONE)
        site.clock.pump([1.0] * 3)
    assert drained.called and not site.clock.getDelayedCalls()


def test_bytes_that_wait_to_be_received_are_no_silence():
    """Its input takes nothing for now, as while a disk is full; it is closed once all is taken."""
    site = Site(idle_timeout=8.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _, transport = site.connect(descriptor=ours.fileno())
        theirs.sendall(b"hello")
        for _ in range(40):
            site.clock.advance(1)
        assert not transport.disconnecting and site.guarded.idle_closed == 0
        ours.settimeout(PATIENCE)
        ours.recv(100)
        for _ in range(12):
            site.clock.advance(1)
        assert transport.disconnecting and site.guarded.idle_closed == 1


def test_a_peer_that_waits_for_our_answer_is_not_silent():
    """It waits as long as our disk is full; the time-out begins with the answer."""
    site = Site(idle_timeout=8.0)
    connection, transport = site.connect()
    connection.protocol.peer_waits = True
    site.clock.pump([1.0] * 40)
    assert not transport.disconnecting and site.guarded.idle_closed == 0
    connection.protocol.peer_waits = False
    site.clock.pump([1.0] * 7)
    assert not transport.disconnecting
    site.clock.pump([1.0] * 5)
    assert transport.disconnecting and site.guarded.idle_closed == 1


def test_lines_that_wait_for_their_rate_are_no_silence():
    """The time-out begins when the last one is handed on."""
    site = Site(idle_timeout=8.0, peer_lines=1)
    connection, transport = site.connect()
    connection.dataReceived(b".\n" * 20)
    for seconds in range(1, 20):
        site.clock.advance(1)
        assert site.inner.data == b".\n" * (1 + seconds)
    for _ in range(7):
        site.clock.advance(1)
    assert not transport.disconnecting and site.guarded.idle_closed == 0
    for _ in range(3):
        site.clock.advance(1)
    assert transport.disconnecting and site.guarded.idle_closed == 1


def test_a_silent_peer_that_does_not_read_either_is_cut_off_one_time_out_later():
    site = Site(idle_timeout=8.0)
    _, transport = site.connect()
    for _ in range(17):
        site.clock.advance(1)
    assert transport.disconnected
    assert site.guarded.idle_closed == 1


def test_a_reload_is_whole_though_what_was_held_back_ends_connections():
    site = Site(peer_lines=1)
    site.inner.protocol = Quitting
    connected = [site.connect(f"10.0.0.{number}") for number in range(5)]
    for connection, _ in connected[1:]:
        connection.dataReceived(b"a\nquit\n")
    site.guarded.apply(Policy(peer_lines=2, idle_timeout=8.0))
    (staying, transport), *gone = connected
    assert site.guarded.connections == {staying}
    assert len(site.inner.lost) == 4
    assert not any("pauseProducing" in vars(each) for _, each in gone)
    site.inner.data = b""
    staying.dataReceived(b"a\n" * 3)
    assert site.inner.data == b"a\n" * 2
    for _ in range(12):
        site.clock.advance(1)
    assert transport.disconnecting


def test_a_stop_drains_all_though_what_was_held_back_ends_connections():
    """Otherwise the stop would wait no longer for the lines of the others."""
    site = Site(peer_lines=1)
    site.inner.protocol = Quitting
    connected = [site.connect(f"10.0.0.{number}") for number in range(5)]
    for connection, _ in connected:
        connection.dataReceived(b"a\nquit\n")
    cut = Deferred.fromCoroutine(site.guarded.drain(1))
    site.clock.advance(1)
    assert cut.result == 0 and len(site.inner.lost) == 5
    assert site.inner.data.count(b"quit") == 5


def test_idle_connections_that_end_at_once_are_all_closed():
    site = Site(idle_timeout=8.0)
    connected = [site.connect(f"10.0.0.{number}") for number in range(5)]
    for connection, transport in connected:
        transport.loseConnection = partial(connection.connectionLost, DONE)
    for _ in range(12):
        site.clock.advance(1)
    assert len(site.inner.lost) == 5 and not site.guarded.connections
    assert site.guarded.idle_closed == 5


def test_a_reload_leaves_alone_who_was_ended_by_what_another_sent():
    site = Site(peer_lines=1)
    connected = [site.connect(f"10.0.0.{number}") for number in range(5)]

    class EndingAll(Noted):
        def dataReceived(self, data: bytes) -> None:
            if b"quit" in data:
                for connection in list(site.guarded.connections):
                    connection.connectionLost(DONE)

    site.inner.protocol = EndingAll
    connection, transport = site.connect()
    connection.dataReceived(b"a\nquit\n")
    site.guarded.apply(Policy(peer_lines=2))
    assert site.guarded.connections == set()
    transports = [transport, *(each for _, each in connected)]
    assert not any("pauseProducing" in vars(each) for each in transports)


def test_nothing_is_left_ticking_after_the_end():
    site = Site(idle_timeout=8.0)
    assert site.clock.getDelayedCalls()
    Deferred.fromCoroutine(site.guarded.drain(0))
    assert site.clock.getDelayedCalls() == []


def test_an_error_in_the_input_is_counted_but_a_peer_that_goes_away_is_not():
    site = Site()
    # An alert sees an increase only of what was there before.
    assert "connections_failed_total" in {metric.name for metric, _, _ in site.metrics.read()}
    first, _ = site.connect()
    second, _ = site.connect()
    first.connectionLost(DONE)
    second.connectionLost(Failure(ZeroDivisionError()))
    assert site.metrics.value("connections_failed_total") == 1


def test_an_idle_connection_costs_little_more_than_without_a_guard():
    import tracemalloc

    def cost(build: Any) -> float:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        kept = []
        for number in range(2000):
            protocol = build(IPv4Address("TCP", f"10.0.{number // 250}.{number % 250}", 5))
            protocol.makeConnection(None)
            kept.append(protocol)
        used = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        return used / len(kept)

    site = Site(idle_timeout=60.0, max_connections_per_peer=5)
    site.inner.protocol = Protocol
    assert cost(site.guarded.buildProtocol) - cost(site.inner.buildProtocol) < 512


class Failing(Noted):
    """Fails in its second chunk."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if b"bad" in data:
            raise RuntimeError("bad data")


def failing_site() -> tuple[Site, Any, Any]:
    """Return a site, and a connection with a line that is held back and will fail."""
    site = Site(peer_lines=1)
    site.inner.protocol = Failing
    protocol, transport = site.connect()
    protocol.dataReceived(b"a\nbad\n")
    return site, protocol, transport


def test_what_was_held_back_may_fail_at_the_end_of_a_connection():
    """The place of the connection is free all the same, and its protocol hears the end."""
    site, protocol, _ = failing_site()
    with logged() as messages:
        protocol.connectionLost(DONE)
    assert not site.guarded.connections
    assert site.inner.lost == [protocol.protocol]
    assert messages == ["a protocol failed with data that had waited because of a rate limit"]


def test_what_was_held_back_may_fail_in_a_reload():
    """It ends that connection, as an error in a transport's call does, and the others get their rules."""
    site, _, transport = failing_site()
    _, silent = site.connect()
    with logged():
        site.guarded.apply(Policy(idle_timeout=8.0))
    assert transport.disconnecting
    for _ in range(12):
        site.clock.advance(1)
    assert silent.disconnecting


def test_a_silent_peer_that_sends_once_more_and_reads_nothing_is_cut_off():
    """Nothing is read after a close is asked for, so what it sent stays unread for ever."""
    site = Site(idle_timeout=8.0)
    _, transport = site.connect()
    for _ in range(12):
        site.clock.advance(1)
    assert transport.disconnecting
    transport.unread = lambda: 1
    transport.abortConnection = lambda: aborted.append(transport)
    aborted: list[Any] = []
    for _ in range(12):
        site.clock.advance(1)
    assert aborted
