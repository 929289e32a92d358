"""The answers to what the reactor reads in one turn are sent one after the other."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from twisted.internet.defer import gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.threads import deferToThread

from logsrv.kit.connections import transports
from logsrv.kit.connections.streams import speed_up_epoll
from logsrv.kit.connections.transports import (
    COLLECTED_SECONDS,
    MOST_BYTES_COLLECTED,
    MOST_COLLECTED,
    send_at_once,
)
from logsrv.kit.net.ports import use_our_classes
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import certificate_file
from tests.parts.listening import unverified
from tests.parts.reactor import REACTOR, logged, until

pytestmark = pytest.mark.skipif(
    type(REACTOR).__module__ != "twisted.internet.epollreactor", reason="the reactor is not epoll's"
)


class Talk(Protocol):
    """Calls a function of the test with each chunk."""

    heard: Callable[[Talk, bytes], None]
    made: list[Talk]
    ended = False

    def connectionMade(self) -> None:
        self.made.append(self)

    def dataReceived(self, data: bytes) -> None:
        type(self).heard(self, data)

    def connectionLost(self, reason: object = None) -> None:
        self.ended = True

    def answer(self, data: bytes) -> None:
        """Send as the kit does."""
        left = send_at_once(self.transport, data)
        if left:
            self.transport.write(left)  # type: ignore[union-attr]


class Room:
    """A listener, and the sockets of its peers."""

    def __init__(self, *, ours: bool = True) -> None:
        Talk.made = []
        self.port = REACTOR.listenTCP(0, Factory.forProtocol(Talk), interface="127.0.0.1")
        if ours:
            use_our_classes(self.port, layered=True)
        speed_up_epoll(REACTOR)
        self.peers: list[socket.socket] = []

    async def fill(self, number: int, heard: Callable[[Talk, bytes], None]) -> list[socket.socket]:
        Talk.heard = heard
        for _ in range(number):
            self.peers.append(socket.create_connection(("127.0.0.1", self.port.getHost().port)))
            await until(lambda: len(Talk.made) == len(self.peers), "the connection")
        return self.peers

    async def close(self) -> None:
        for peer in self.peers:
            peer.close()
        await until(lambda: all(one.ended for one in Talk.made), "the end of the connections")
        self.port.stopListening()


@pytest.fixture
def room() -> Room:
    return Room()


def has_come(peer: socket.socket) -> bytes | None:
    """Return what a peer can read now; None if there is nothing, b"" at the end."""
    try:
        return peer.recv(MOST_BYTES_COLLECTED * 16, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None


async def got(peers: list[socket.socket], size: int) -> list[bytes]:
    """Return what each peer has got, once that is `size` bytes."""
    got = [b""] * len(peers)

    def whole() -> bool:
        for number, peer in enumerate(peers):
            got[number] += has_come(peer) or b""
        return all(len(one) >= size for one in got)

    await until(whole, f"{size} bytes for each")
    return got


async def test_peers_that_are_heard_in_one_turn_are_answered_after_the_last_of_them(room):
    before: list[bytes | None] = []

    def heard(talk: Talk, data: bytes) -> None:
        talk.answer(data.upper())
        before.extend(map(has_come, room.peers))

    peers = await room.fill(2, heard)
    peers[0].sendall(b"first")
    peers[1].sendall(b"second")
    await until(lambda: len(before) == 4, "both")
    assert before == [None] * 4
    assert await got(peers, 5) == [b"FIRST", b"SECOND"]
    await room.close()


async def test_a_peer_that_is_heard_alone_is_answered_at_once(room):
    before: list[bytes | None] = []

    def heard(talk: Talk, data: bytes) -> None:
        talk.answer(data.upper())
        before.append(has_come(peer))

    [peer] = await room.fill(1, heard)
    peer.sendall(b"alone")
    await until(lambda: before, "the answer")
    assert before == [b"ALONE"]
    await room.close()


async def test_an_answer_waits_for_one_slow_handler_and_not_for_all(room):
    answered: list[bytes | None] = []

    def heard(talk: Talk, data: bytes) -> None:
        end = REACTOR.seconds() + COLLECTED_SECONDS * 2
        talk.answer(data)
        answered.append(has_come(room.peers[0]))
        while REACTOR.seconds() < end:
            pass

    peers = await room.fill(3, heard)
    for peer in peers:
        peer.sendall(b"x")
    await until(lambda: len(answered) == 3, "all of them")
    assert answered[0] is None and b"x" in answered[1:]
    await room.close()


async def test_answers_of_one_turn_to_the_same_peer_keep_their_order(room):
    def heard(talk: Talk, data: bytes) -> None:
        for one in Talk.made:
            one.answer(data)

    peers = await room.fill(3, heard)
    for number, peer in enumerate(peers):
        peer.sendall(b"%d" % number)
    first, *others = await got(peers, 3)
    assert others == [first] * 2 and sorted(first) == sorted(b"012")
    await room.close()


async def test_more_than_a_system_takes_arrives_whole_and_before_what_is_written_next(room):
    much = b"m" * (MOST_BYTES_COLLECTED * 256)

    def heard(talk: Talk, data: bytes) -> None:
        talk.answer(much)
        talk.answer(b"then")
        talk.transport.write(b"last")  # type: ignore[union-attr]

    peers = await room.fill(2, heard)
    for peer in peers:
        peer.sendall(b"x")
    assert await got(peers, len(much) + 8) == [much + b"thenlast"] * 2
    await room.close()


async def test_an_answer_that_is_followed_by_the_end_arrives_before_it(room):
    def heard(talk: Talk, data: bytes) -> None:
        talk.answer(b"goodbye")
        talk.transport.loseConnection()  # type: ignore[union-attr]

    peers = await room.fill(2, heard)
    for peer in peers:
        peer.sendall(b"x")
    await until(lambda: all(one.ended for one in Talk.made), "the end of both")
    assert await got(peers, 7) == [b"goodbye"] * 2
    await until(lambda: all(has_come(peer) == b"" for peer in peers), "the end at both")
    await room.close()


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
async def test_an_answer_before_tls_is_not_encrypted(room, tmp_path):
    pem = PrivateCertificate.loadPEM(certificate_file(tmp_path / "pem").read_bytes())

    def heard(talk: Talk, data: bytes) -> None:
        if data == b"STARTTLS":
            talk.answer(b"go ahead")
            talk.transport.startTLS(pem.options())  # type: ignore[union-attr]
        else:
            talk.answer(b"secret")

    def upgraded(peer: socket.socket) -> tuple[bytes, bytes]:
        peer.settimeout(PATIENCE)
        before = peer.recv(8)
        with unverified().wrap_socket(peer) as secure:
            secure.sendall(b"x")
            return before, secure.recv(6)

    peers = await room.fill(2, heard)
    for peer in peers:
        peer.sendall(b"STARTTLS")
    both = await gatherResults([deferToThread(upgraded, peer) for peer in peers])
    assert both == [(b"go ahead", b"secret")] * 2
    await room.close()


async def test_a_protocol_that_raises_in_the_same_turn_costs_nobody_an_answer(room):
    def heard(talk: Talk, data: bytes) -> None:
        talk.answer(b"answer")
        if data == b"fail":
            raise SystemExit("asked for")

    peers = await room.fill(3, heard)
    with logged() as messages:
        for peer, word in zip(peers, (b"x", b"fail", b"x"), strict=True):
            peer.sendall(word)
        await until(lambda: any(one.ended for one in Talk.made), "the end of one")
    assert await got(peers, 6) == [b"answer"] * 3
    assert len(messages) == 1
    await room.close()


@pytest.mark.parametrize("ours", [True, False])
async def test_a_peer_that_ends_in_the_same_turn_gets_what_another_made_us_send(ours):
    room = Room(ours=ours)
    peers = await room.fill(2, lambda talk, data: Talk.made[1].answer(data))
    peers[0].sendall(b"for the other")
    peers[1].shutdown(socket.SHUT_WR)
    await until(lambda: Talk.made[1].ended, "the end of the other")
    assert await got(peers[1:], 13) == [b"for the other"]
    await room.close()


async def test_the_first_of_very_many_peers_does_not_wait_for_the_last(room, monkeypatch):
    heard_of: list[Talk] = []
    answered: list[int] = []

    monkeypatch.setattr(transports, "COLLECTED_SECONDS", PATIENCE)

    def heard(talk: Talk, data: bytes) -> None:
        heard_of.append(talk)
        talk.answer(data)
        if has_come(first_peer()) is not None:
            answered.append(len(heard_of))

    def first_peer() -> socket.socket:
        return room.peers[Talk.made.index(heard_of[0])]

    peers = await room.fill(MOST_COLLECTED + 10, heard)
    for peer in peers:
        peer.sendall(b"x")
    await until(lambda: len(heard_of) == len(peers), "all of them")
    assert answered == [MOST_COLLECTED + 1]
    await room.close()
