"""Who is connected to a service, and what is said to all of them."""

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport

from logsrv.kit import Connection, LineProtocol
from logsrv.kit._protocol_plugin.peers import Peers
from logsrv.kit.framing._own_framing import OwnFraming
from logsrv.kit.testing import TelnetSession
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.reactor import until

pytest_plugins = ["logsrv.kit.testing.fixtures"]

LOOPBACK = "tcp:0:interface=127.0.0.1"


class Room(LineProtocol):
    def line_received(self, line: str) -> None:
        if line == "count":
            self.send_line(f"{len(self.service.peers)}, with you: {self in self.service.peers}")
        else:
            self.service.broadcast(line, but=self)

    def connection_lost(self, reason: str) -> None:
        self.service.broadcast(f"one left, {len(self.service.peers)} stay")


async def room(connection: Connection) -> None:
    async for line in connection:
        if line == "count":
            peers = connection.service.peers
            connection.send_line(f"{len(peers)}, with you: {connection in peers}")
        else:
            connection.service.broadcast(line, but=connection)
    connection.close()
    connection.service.broadcast("one left, 1 stay", but=connection)


@pytest.mark.parametrize("kind", [Room, room])
async def test_a_broadcast_reaches_all_peers_but_one(kind, serving):
    running = serving(kind)

    def script(one: TelnetSession) -> None:
        with TelnetSession(running.port) as other:
            other.send("count")
            other.expect("2, with you: True")
            other.send("hello")
            one.expect("hello")
        one.expect("one left, 1 stay")

    await running.converse(script)


async def test_the_peers_are_those_of_all_listeners(serving, tmp_path):
    """A peer that is refused is none; nor is one that has gone, or who looks at the metrics."""
    path = str(tmp_path / "socket")
    running = serving(
        Room, "--listen", f"unix:{path}", "--listen", LOOPBACK, "--max-connections-per-peer", "1",
        "--metrics", LOOPBACK,
    )  # fmt: skip
    peers = running.service.peers
    _, port = running.addresses[1].rsplit(":", 1)
    with socket.socket(socket.AF_UNIX) as local:
        local.connect(path)
        scraper = ("127.0.0.1", int(running.addresses[2].rpartition(":")[2]))
        with (
            socket.create_connection(("127.0.0.1", int(port)), PATIENCE) as remote,
            socket.create_connection(scraper, PATIENCE),
        ):
            await until(lambda: len(peers) == 2, "two peers")
            with socket.create_connection(("127.0.0.1", int(port)), PATIENCE):
                await until(
                    lambda: running.service.metrics.value("connections_refused_total"), "no"
                )
            assert sorted(peer.peer.partition(":")[0] for peer in peers) == ["tcp", "unix"]
            remote.shutdown(socket.SHUT_RDWR)
        await until(lambda: len(peers) == 1, "one peer")


class Framed:
    factory = SimpleNamespace(listener_name="")

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.framing: Any = None
        self.transport: StringTransport | None = None

    def send_frame(self, frame: bytes) -> None:
        self.sent.append(frame)


def test_a_broadcast_skips_peers_that_are_closing():
    """A stop would else have each of thousands hear of each other's end."""
    stays, leaves = Framed(), Framed()
    stays.transport, leaves.transport = StringTransport(), StringTransport()
    leaves.transport.loseConnection()
    Peers(lambda: [stays, leaves]).broadcast(b"bytes")
    assert (stays.sent, leaves.sent) == ([b"bytes"], [])


def test_a_broadcast_of_a_wrong_type_is_refused():
    """In a sentence, whoever is connected; bytes are sent as a frame where there are frames."""
    framed = Framed()
    peers = Peers(lambda: [framed])
    for wrong in (None, 5, ["text"]):
        with pytest.raises(TypeError, match="broadcast takes str or bytes, not"):
            peers.broadcast(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Framed has no way to send str"):
        peers.broadcast("text")
    peers.broadcast(b"bytes")
    assert framed.sent == [b"bytes"]
    silent: Any = Protocol()
    silent.factory, silent.connected = Framed.factory, 1
    with pytest.raises(TypeError, match="Protocol has no way to send bytes"):
        Peers(lambda: [silent]).broadcast(b"bytes")


@pytest.mark.parametrize("text", ["text", [5]])
def test_a_broadcast_that_one_cannot_be_sent_reaches_nobody(text):
    class Plain(Framed):
        """A protocol of Twisted's own, with a method of its author's."""

        send_line = Framed.send_frame

    first, last = Plain(), Framed()
    first.framing = OwnFraming(lambda most: None) if text == [5] else None
    with pytest.raises(TypeError):
        Peers(lambda: [first, last]).broadcast(text)
    assert first.sent == []


class Channel(LineProtocol):
    """Joins the members, says each line to them, and tells them when it goes."""

    def line_received(self, line: str) -> None:
        if line == "join":
            self.service.state.members.add(self)
        else:
            self.service.broadcast(line, but=self, to=self.service.state.members)

    def connection_lost(self, reason: str) -> None:
        self.service.state.members.discard(self)
        self.service.broadcast("one has left", to=self.service.state.members)


def members(service: Any) -> SimpleNamespace:
    return SimpleNamespace(members=set())


def test_a_broadcast_to_some_reaches_these(in_memory):
    service = in_memory(Channel, state=members)
    asks, member, other = (service.connect() for _ in range(3))
    member.feed(b"join\n")
    asks.feed(b"hello\n")
    assert [peer.received() for peer in (asks, member, other)] == [b"", b"hello\r\n", b""]


@pytest.mark.slow
def test_a_broadcast_while_two_hundred_of_two_thousand_vanish_reaches_the_others(in_memory):
    """Each that vanishes is announced to the rest, so broadcasts begin within a broadcast."""
    service = in_memory(Channel, state=members)
    peers = [service.connect() for _ in range(2000)]
    for peer in peers:
        peer.feed(b"join\n")
    left, stay = peers[::10], [peer for at, peer in enumerate(peers) if at % 10]
    for peer in left[:3]:
        peer.disconnect(ConnectionResetError())
    for peer in left[3:]:
        service.service.state.members.discard(peer.protocol)
    stay[0].feed(b"hello\n")
    assert stay[1].received() == b"one has left\r\n" * 3 + b"hello\r\n"
    assert stay[-1].received().endswith(b"hello\r\n")


async def channel(connection: Connection) -> None:
    everyone = connection.service.state.members
    everyone.add(connection)
    async for line in connection:
        connection.service.broadcast(line, to=everyone)


def test_a_connection_that_has_gone_is_skipped(in_memory):
    """The author has not taken it out of the set."""
    service = in_memory(channel, state=members)
    gone, stays = service.connect(), service.connect()
    gone.disconnect()
    stays.feed(b"hello\n")
    assert stays.received() == b"hello\r\n"
    assert len(service.service.state.members) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"to": [None]}, "to= takes peers, not None$"),
        ({"to": "monitor"}, "to= takes peers, not 'monitor'$"),
        ({"to": {"ada": 1}}, "to= takes peers, not 'ada'$"),
        ({"but": [1]}, r"but takes a peer, not \[1\]$"),
        ({"but": "ada"}, "but takes a peer, not 'ada'$"),
    ],
)
def test_anything_but_a_peer_is_refused(in_memory, arguments, said):
    service = in_memory(Channel, state=members)
    peer = service.connect()
    with pytest.raises(TypeError, match=f"^{said}"):
        service.service.broadcast("hello", **arguments)
    assert peer.received() == b""


@pytest.mark.parametrize("kind", [Channel, channel])
def test_a_peer_that_is_named_twice_is_sent_to_once(in_memory, kind):
    service = in_memory(kind, state=members)
    peer = service.connect()
    [one] = service.service.peers
    service.service.broadcast("hello", to=iter([one, one]))
    assert peer.received() == b"hello\r\n"
