"""What a protocol does with peers that must go now, are silent, or do not read what they are sent."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from logsrv.errors import StartError
from logsrv.kit import FrameProtocol, LineProtocol, protocol_plugin
from logsrv.kit.testing import MemoryService, serve
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.reactor import until

heard: list[str] = []


class Aborting(LineProtocol):
    """Ends its connections as it is told."""

    def connection_made(self) -> None:
        heard.append("made")
        if self.listener == "at-once":
            self.abort()

    def line_received(self, line: str) -> Any:
        self.send_line("this is not sent")
        if line == "after close":
            self.close("last words")
        if line == "after an error":
            self.later(1, self.abort)
            raise ZeroDivisionError
        if line == "later":
            return self.wait_and_abort()
        self.abort()
        self.abort()
        self.send_line("nor is this")
        heard.append("aborted")
        return None

    async def wait_and_abort(self) -> None:
        self.later(1, self.abort)
        try:
            await self.ask("never answered")
        finally:
            heard.append("cancelled")

    def connection_lost(self, reason: str) -> None:
        heard.append("lost")
        self.abort()


@pytest.fixture(autouse=True)
def fresh() -> None:
    heard.clear()


@pytest.mark.parametrize(
    ("line", "received", "events"),
    [
        ("now", b"", ["made", "aborted", "lost"]),
        ("after close", b"", ["made", "aborted", "lost"]),
    ],
)
def test_an_aborted_connection_is_gone_at_once(line, received, events):
    service = MemoryService(Aborting)
    peer = service.connect()
    peer.feed(line.encode() + b"\n")
    service.clock.advance(0)
    assert (heard, peer.received(), peer.closed) == (events, received, True)
    assert len(service.service.peers) == 0


@pytest.mark.parametrize("line", ["after an error", "later"])
def test_a_connection_that_lingers_or_waits_can_be_aborted(line):
    service = MemoryService(Aborting)
    peer = service.connect(reads=False)
    peer.feed(line.encode() + b"\n")
    service.clock.advance(0.5)
    assert "lost" not in heard
    service.clock.advance(0.6)
    assert heard[-1] == "lost" or heard[-2:] == ["lost", "cancelled"]
    assert peer.closed
    if line == "later":
        assert "cancelled" in heard


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
@pytest.mark.parametrize("is_tls", [False, True])
async def test_a_connection_is_aborted_while_it_is_made(is_tls, certificate):
    """Over TLS it is aborted amid its handshake."""
    tls = f":privateKey={certificate}:certKey={certificate}" if is_tls else ""
    place = f"{'ssl' if is_tls else 'tcp'}:0:interface=127.0.0.1{tls}"
    plugin = protocol_plugin(
        "ender", LineProtocol, listeners={"at-once": Aborting}, listen="at-once:tcp:0"
    )
    running = serve(plugin, f"--listen=at-once:{place}")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def script() -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
                if is_tls:
                    context.wrap_socket(client)
                return client.recv(10)
        except OSError:
            return b""

    async with running:
        assert await deferToThread(script) == b""
        await until(lambda: "lost" in heard)
    assert heard == ["made", "lost"]


class Silent(LineProtocol):
    """Has another idle time for each connection, as its peer asks."""

    def line_received(self, line: str) -> None:
        self.idle_timeout = float(line) if line != "none" else None

    def idle_words(self) -> str:
        return "you are idle"

    def connection_lost(self, reason: str) -> None:
        heard.append("lost")


def test_each_connection_has_its_own_idle_time():
    service = MemoryService(Silent)
    short, long, endless = (service.connect() for _ in range(3))
    short.feed(b"8\n")
    long.feed(b"80\n")
    endless.feed(b"8\n")
    endless.feed(b"none\n")
    for _ in range(10):
        service.clock.advance(7)
        short.feed(b"8\n")
    assert not short.closed
    service.clock.advance(7.5)
    assert not short.closed
    service.clock.advance(2)
    assert (short.closed, short.received()) == (True, b"you are idle\r\n")
    assert not long.closed
    service.clock.advance(80)
    assert long.closed
    service.clock.advance(10_000)
    assert not endless.closed
    assert service.metric("connections_cut_total") == 2
    assert service.stop() == 0


def test_a_peer_that_sends_is_not_idle():
    """Its time is counted from its last input, not from the setting."""

    class Once(LineProtocol):
        def connection_made(self) -> None:
            self.idle_timeout = 8

        def line_received(self, line: str) -> None:
            pass

    service = MemoryService(Once)
    peer = service.connect()
    for _ in range(5):
        service.clock.advance(7)
        peer.feed(b"still here\n")
    assert not peer.closed
    service.clock.advance(10)
    assert peer.closed


def test_the_operators_idle_time_holds_as_well():
    service = MemoryService(Silent, "--idle-timeout", "8s")
    peer = service.connect()
    peer.feed(b"1000\n")
    service.clock.advance(10)
    assert peer.closed
    assert service.metric("connections_idle_total") == 1


def test_an_idle_peer_that_does_not_read_is_aborted():
    service = MemoryService(Silent)
    peer = service.connect(reads=False)
    peer.feed(b"8\n")
    service.clock.advance(9)
    assert not peer.closed
    service.clock.advance(9)
    assert heard == ["lost"]


def test_a_peer_that_waits_for_its_answer_is_not_idle():
    class Slow(LineProtocol):
        async def line_received(self, line: str) -> None:
            self.idle_timeout = 1
            done: Deferred[None] = Deferred()
            self.later(5, done.callback, None)
            await done
            self.send_line("the answer")

    service = MemoryService(Slow)
    peer = service.connect()
    peer.feed(b"ask\n")
    service.clock.advance(5.5)
    assert (peer.received(), peer.closed) == (b"the answer\r\n", False)
    service.clock.advance(1)
    assert peer.closed


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "60", [1]])
def test_an_impossible_idle_time_is_refused(wrong):
    class Wrong(LineProtocol):
        def connection_made(self) -> None:
            with pytest.raises(ValueError, match="it has to be a number above 0, or None"):
                self.idle_timeout = wrong
            heard.append("refused")

    MemoryService(Wrong).connect()
    assert heard == ["refused"]


def test_an_idle_time_of_a_class_is_refused():
    """It would replace the property, and nothing would look at it."""

    class Wrong(LineProtocol):
        idle_timeout = 60  # type: ignore[assignment]

    with pytest.raises(StartError, match=r"set self\.idle_timeout in connection_made"):
        MemoryService(Wrong)


class News(FrameProtocol):
    """Tells all others each frame of a peer, if they can take it."""

    def frame_received(self, frame: bytes) -> None:
        self.service.broadcast(frame, but=self, drop_above=int(frame[:6]))

    def connection_lost(self, reason: str) -> None:
        heard.append(f"{self.unsent_bytes} unsent")


def frame(limit: int, size: int) -> bytes:
    return (size + 6).to_bytes(4, "big") + b"%06d" % limit + bytes(size)


@pytest.mark.parametrize(("limit", "sent"), [(0, 1), (100_000, 1), (150_000, 2), (999_999, 8)])
def test_a_slow_peer_is_left_out_of_a_broadcast_and_counted(limit, sent):
    """None of the others waits for it, and it gets nothing twice or cut."""
    service = MemoryService(News, "--max-frame", "1MiB")
    sender, reader = service.connect(), service.connect()
    slow = service.connect(reads=False)
    message = frame(limit, 100_000)
    for _ in range(8):
        sender.feed(message)
        assert reader.received() == message
    slow.start_reading()
    assert slow.received() == message * sent
    assert service.metric("broadcasts_skipped_total") == 8 - sent
    sender.feed(message)
    assert slow.received() == message


@pytest.mark.parametrize("wrong", [-1, 1.5, "1", True])
def test_an_impossible_bound_for_slow_peers_is_refused(wrong):
    service = MemoryService(News)
    with pytest.raises(ValueError, match="it has to be 0 bytes or more"):
        service.service.broadcast(b"x", drop_above=wrong)


def test_a_protocol_knows_how_much_waits_for_its_peer():
    seen: list[int] = []

    class Counting(LineProtocol):
        def connection_made(self) -> None:
            seen.append(self.unsent_bytes)
            self.write(bytes(100))
            self.write(bytes(70_000))
            seen.append(self.unsent_bytes)

        def line_received(self, line: str) -> None:
            seen.append(self.unsent_bytes)

        def connection_lost(self, reason: str) -> None:
            seen.append(self.unsent_bytes)

    service = MemoryService(Counting)
    peer = service.connect(reads=False)
    peer.start_reading()
    peer.feed(b"now\n")
    peer.disconnect()
    assert seen == [0, 70_100, 0, 0]


class Flood(LineProtocol):
    """Sends much, and has an idle time of its own if it is asked for one."""

    def line_received(self, line: str) -> None:
        if line == "own":
            self.idle_timeout = 16
        self.write(bytes(100_000))


@pytest.mark.parametrize("arguments", [[], ["--idle-timeout", "16s"]], ids=["own", "operator's"])
def test_a_peer_that_reads_nothing_is_idle_although_it_has_sent_something(arguments):
    """What it sent is not read while it does not read: such as the last ping of a dead subscriber."""
    service = MemoryService(Flood, *arguments)
    dead, slow = service.connect(reads=False), service.connect(reads=False)
    for peer in (dead, slow):
        peer.feed(b"other\n" if arguments else b"own\n")
        peer.feed(b"ping\n")
        assert peer.unread
    for _ in range(8):
        service.clock.advance(5)
        slow.start_reading()
        slow.stop_reading()
        slow.feed(b"ping\n")
    assert not slow.closed
    assert len(service.service.peers) == 1


@pytest.mark.parametrize("is_property", [False, True])
async def test_a_fast_reader_gets_all_of_a_burst(is_property):
    """What is written in one turn waits for the next; but that makes nobody slow."""
    others: list[Any] = []

    class Burst(LineProtocol):
        def connection_made(self) -> None:
            others.append(self)

        def line_received(self, line: str) -> None:
            for _ in range(3000):
                if not is_property:
                    self.service.broadcast("x" * 98, but=self, drop_above=65536)
                elif others[0].unsent_bytes <= 65536:
                    others[0].send_line("x" * 98)

    running = serve(Burst)

    def script() -> int:
        address = ("127.0.0.1", running.port)
        with (
            socket.create_connection(address, PATIENCE) as reader,
            socket.create_connection(address, PATIENCE) as sender,
        ):
            sender.sendall(b"go\n")
            came = 0
            while came < 3000 * 100 and (data := reader.recv(1 << 16)):
                came += len(data)
            return came

    async with running:
        assert await deferToThread(script) == 300_000
        assert running.service.metrics.value("broadcasts_skipped_total") == 0
