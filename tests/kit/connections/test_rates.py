"""What a peer may send: at once and in the long run; one that sends more waits, and nothing is lost."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from logsrv.kit import LineProtocol
from logsrv.kit.connections.rates import REMEMBERED, PeerRateLimits, Throttle, TokenBuckets
from logsrv.kit.testing import MemoryService
from logsrv.reactor import Timer
from tests.parts.talking import Echo, echo


def rates(clock: Clock, lines: float | None = None, size: float | None = None) -> PeerRateLimits:
    made = PeerRateLimits(clock.seconds)
    made.apply(SimpleNamespace(peer_lines=lines, peer_bytes=size))
    return made


def test_without_limits_there_is_nothing_to_be_asked():
    assert not rates(Clock())
    assert rates(Clock(), lines=1) and rates(Clock(), size=1)


def test_lines_of_a_second_at_once_and_then_no_faster():
    """Whole lines; the rest when there is room for a tenth of a second's worth."""
    clock = Clock()
    limit = rates(clock, lines=20)
    data = b"line\n" * 100
    assert limit.take_allowed_bytes("peer", data) == (20 * 5, 0.0)
    end, wait = limit.take_allowed_bytes("peer", data)
    assert end == 0
    assert wait == 0.1
    clock.advance(wait)
    assert limit.take_allowed_bytes("peer", data) == (2 * 5, 0.0)
    clock.advance(3600)
    assert limit.take_allowed_bytes("peer", data) == (20 * 5, 0.0)


def test_half_a_line_is_no_line_yet():
    limit = rates(Clock(), lines=1)
    assert limit.take_allowed_bytes("peer", b"one\n") == (4, 0.0)
    assert limit.take_allowed_bytes("peer", b"tw") == (2, 0.0)
    assert limit.take_allowed_bytes("peer", b"o\n")[0] == 0


def test_bytes_of_a_second_pass_at_once_and_then_no_faster():
    clock = Clock()
    limit = rates(clock, size=1000)
    data = b"x" * 5000
    assert limit.take_allowed_bytes("peer", data) == (1000, 0.0)
    assert limit.take_allowed_bytes("peer", data) == (0, 0.1)
    clock.advance(0.5)
    assert limit.take_allowed_bytes("peer", data) == (500, 0.0)


def test_what_is_held_back_for_its_lines_costs_no_bytes():
    clock = Clock()
    limit = rates(clock, lines=1, size=100)
    assert limit.take_allowed_bytes("peer", b"a\nb\n") == (2, 0.0)
    for _ in range(10):
        assert limit.take_allowed_bytes("peer", b"b\n")[0] == 0
    clock.advance(1)
    assert limit.take_allowed_bytes("peer", b"x" * 98) == (98, 0.0)


def test_each_peer_has_its_own_rate():
    limit = rates(Clock(), lines=1)
    assert limit.take_allowed_bytes("one", b"\n")[0] == 1
    assert limit.take_allowed_bytes("other", b"\n")[0] == 1
    assert limit.take_allowed_bytes("one", b"\n")[0] == 0


def test_datagrams_above_a_rate_are_not_admitted():
    """Taken or not; one that is larger than a second's worth passes when nothing was before it."""
    clock = Clock()
    limit = rates(clock, lines=2, size=100)
    assert [limit.admit_datagram("peer", b"x") for _ in range(3)] == [True, True, False]
    clock.advance(1)
    assert limit.admit_datagram("peer", b"x" * 500)
    clock.advance(1)
    assert not limit.admit_datagram("peer", b"x")
    clock.advance(4)
    assert limit.admit_datagram("peer", b"x")


def test_a_burst_is_answered_and_then_so_many_a_second():
    clock = Clock()
    limit = TokenBuckets(clock.seconds)
    assert [limit.take_token("10.0.0.1", 2.0, 3) for _ in range(5)] == [True] * 3 + [False] * 2
    clock.advance(0.5)
    assert [limit.take_token("10.0.0.1", 2.0, 3) for _ in range(2)] == [True, False]
    clock.advance(3600)
    assert [limit.take_token("10.0.0.1", 2.0, 3) for _ in range(4)] == [True] * 3 + [False]


def test_a_flood_of_addresses_takes_no_more_memory_and_lets_a_busy_one_not_be_forgotten():
    """Two servers that answer each other are always busy: strangers do not fill their bucket."""
    limit = TokenBuckets(Clock().seconds, remembered=3)
    assert limit.take_token("busy", 1.0, 1)
    for number in range(100):
        assert limit.take_token(f"10.0.0.{number}", 1.0, 1)
        assert not limit.take_token("busy", 1.0, 1)
    # Those before the last two are forgotten, and their buckets full again.
    assert not limit.take_token("10.0.0.99", 1.0, 1)
    assert limit.take_token("10.0.0.97", 1.0, 1)


@given(st.lists(st.floats(0, 10), max_size=60))
def test_never_more_than_the_burst_and_what_came_since(pauses):
    clock = Clock()
    limit = TokenBuckets(clock.seconds)
    answered = 0
    for pause in pauses:
        clock.advance(pause)
        answered += limit.take_token("10.0.0.1", 0.5, 5)
        assert answered <= 5 + clock.seconds() * 0.5 + 1e-6


def test_a_clock_that_goes_back_takes_no_tokens():
    now = [100.0]
    buckets = TokenBuckets(lambda: now[0])
    assert buckets.take_token("a", 1.0, 5.0)
    now[0] = 50.0
    assert [buckets.take_token("a", 1.0, 5.0) for _ in range(5)] == [True] * 4 + [False]
    now[0] = 51.0
    assert buckets.take_token("a", 1.0, 5.0)


class Plain(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data.replace(b"\n", b"\r\n"))


OTHER = IPv4Address("TCP", "10.0.0.1", 5000)


@pytest.mark.parametrize("kind", [Echo, echo, Plain])
def test_lines_come_no_faster_than_allowed(kind):
    service = MemoryService(kind, "--peer-lines", "10")
    peer, other = service.connect(), service.connect(OTHER)
    peer.feed(b"line\n" * 30)
    assert peer.received() == b"line\r\n" * 10
    assert not peer.reading
    other.feed(b"hello\n")
    assert other.received() == b"hello\r\n"
    service.clock.advance(0.5)
    assert peer.received() == b"line\r\n" * 5
    for _ in range(20):
        service.clock.advance(0.1)
    assert peer.received() == b"line\r\n" * 15
    assert peer.reading
    assert service.metric("connections_slowed_total") > 0


def test_connections_of_one_address_share_its_rate():
    service = MemoryService(Echo, "--peer-lines", "10")
    one, two = service.connect(), service.connect()
    one.feed(b"line\n" * 10)
    two.feed(b"line\n")
    assert (one.received(), two.received()) == (b"line\r\n" * 10, b"")


def test_a_reload_changes_the_rates_of_open_connections():
    """Also for those who are waiting: they are let go, or wait from now on."""
    service = MemoryService(Echo, "--peer-lines", "1")
    peer = service.connect()
    peer.feed(b"line\n" * 5)
    assert peer.received() == b"line\r\n"
    service.reload(peer_lines=None)
    assert peer.received() == b"line\r\n" * 4
    peer.feed(b"line\n" * 5)
    assert peer.received() == b"line\r\n" * 5
    service.reload(peer_lines=2)
    service.clock.advance(1)
    peer.feed(b"line\n" * 5)
    assert peer.received() == b"line\r\n" * 2


def test_a_handler_that_is_busy_is_given_nothing_meanwhile():
    """The protocol wants its peer to wait as well; neither lets it go for the other."""
    work: Deferred[None] = Deferred()

    class Busy(LineProtocol):
        async def line_received(self, line: str) -> None:
            if line == "work":
                await work
            self.send_line(line)

    service = MemoryService(Busy, "--peer-lines", "2")
    peer = service.connect()
    peer.feed(b"work\none\ntwo\nthree\n")
    for _ in range(30):
        service.clock.advance(0.1)
    assert peer.received() == b""
    work.callback(None)
    for _ in range(30):
        service.clock.advance(0.1)
    assert peer.received() == b"work\r\none\r\ntwo\r\nthree\r\n"


@pytest.mark.parametrize("rate", [None, 50])
def test_a_protocol_that_wants_no_more_is_read_for_no_further_after_a_reload(rate):
    """What was held back comes at once, and may be too much: then the protocol pauses its peer."""

    class Full(Protocol):
        def dataReceived(self, data: bytes) -> None:
            if b"last" in data:
                transport: Any = self.transport
                transport.pauseProducing()

    service = MemoryService(Full, "--peer-lines", "1")
    peer = service.connect()
    peer.feed(b"first\nlast\n")
    service.reload(peer_lines=rate)
    assert not peer.reading
    peer.transport.resumeProducing()
    assert peer.reading


def test_throttled_data_is_not_lost_at_the_end():
    """Neither when the peer ends, nor at a stop: then it is all taken in at once."""
    service = MemoryService(Echo, "--peer-lines", "1")
    peer = service.connect()
    peer.feed(b"line\n" * 3)
    peer.half_close()
    for _ in range(30):
        service.clock.advance(0.1)
    assert peer.received() == b"line\r\n" * 3
    assert peer.closed
    peer = service.connect()
    peer.feed(b"line\n" * 5)
    service.stop()
    assert peer.received().endswith(b"line\r\n" * 4)


def test_without_limits_a_connection_has_no_throttle():
    peer = MemoryService(Plain).connect()
    assert "dataReceived" not in vars(peer.protocol)
    assert "pauseProducing" not in vars(peer.transport)


def test_rates_remember_a_limited_number_of_peers():
    limit = rates(Clock(), lines=1)
    for number in range(REMEMBERED + 1):
        limit.take_allowed_bytes(number, b"\n")
    assert limit.take_allowed_bytes(0, b"\n")[0] == 1
    assert limit.take_allowed_bytes(REMEMBERED, b"\n")[0] == 0


class Throttled:
    """A connection whose protocol pauses and goes on when a test says so, also while it is given data."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.reads = self.wants = True
        self.within: list[str] = []
        self.given = self.sent = b""
        self.is_given = False
        transport = SimpleNamespace()
        transport.pauseProducing = lambda: setattr(self, "reads", False)
        transport.resumeProducing = lambda: setattr(self, "reads", True)
        self.transport: Any = transport
        limit = rates(self.clock, lines=2)
        self.throttle = Throttle(
            limit, "peer", transport, Timer(self.clock), self._deliver, lambda: None
        )

    def _deliver(self, data: bytes) -> None:
        assert self.wants and not self.is_given, "it is busy"
        self.is_given = True
        self.given += data
        for what in self.within:
            self.act(what)
        self.is_given = False

    def act(self, what: str) -> None:
        if what == "send":
            for _ in range(3):
                self.sent += b"%d\n" % len(self.sent)
            self.throttle.received(self.sent[len(self.given) + len(self.throttle.kept) :])
        elif what == "advance":
            self.clock.advance(0.7)
        elif what in ("pause", "resume"):
            self.wants = what == "resume"
            getattr(self.transport, f"{what}Producing")()


@example(["send"], ["pause", "advance", "resume"])
@given(
    st.lists(st.sampled_from(("send", "advance", "pause", "resume")), max_size=20),
    st.sampled_from(([], ["pause"], ["resume"], ["pause", "advance", "resume"])),
)
def test_a_throttled_peer_is_heard_in_its_order_and_nobody_who_is_busy_hears_it(steps, within):
    """Whatever the protocol wants meanwhile; when the limits go it has all, and no timer is left."""
    one = Throttled()
    one.within = within
    for step in steps:
        one.act(step)
        assert one.given + one.throttle.kept == one.sent
        assert one.reads == (one.wants and not one.throttle.kept)
    one.wants, one.within = True, []
    one.transport.resumeProducing()
    one.throttle.deliver_all_and_detach()
    assert one.given == one.sent and one.reads
    assert one.clock.getDelayedCalls() == []
