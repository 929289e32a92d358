"""Handlers whose peer goes while they work: they are cancelled, clean up, and are no failure."""

import asyncio
import os
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost

from logsrv.kit import Connection, LineProtocol, PeerGone, RequestProtocol
from logsrv.kit.connections._drain import PAUSED_LOOK_SECONDS
from logsrv.kit.testing import MemoryService


class Notes:
    """What happened, and what is waited for."""

    def __init__(self) -> None:
        self.happened: list[Any] = []
        self.waiting: Deferred[None] = Deferred()

    async def work(self) -> None:
        try:
            await self.waiting
        except BaseException as error:
            self.happened.append(type(error))
            raise
        finally:
            self.happened.append("cleaned up")


@pytest.fixture
def notes() -> Notes:
    return Notes()


def service(kind: str, notes: Notes) -> MemoryService:
    """A handler of that kind works for the first line it gets."""

    class Lines(LineProtocol):
        async def line_received(self, line: str) -> None:
            await notes.work()

    class First(LineProtocol):
        async def connection_made(self) -> None:
            await notes.work()

    class Requests(RequestProtocol):
        async def request_received(self, request: str) -> str:
            await notes.work()
            return "done"

    async def handle(connection: Connection) -> None:
        await connection.read_line()
        await notes.work()

    kinds = {"lines": Lines, "first": First, "requests": Requests, "stream": handle}
    return MemoryService(kinds[kind])


KINDS = pytest.mark.parametrize("kind", ["lines", "first", "requests", "stream"])


@KINDS
def test_a_handler_whose_peer_goes_is_cancelled_and_cleans_up(kind, notes):
    here = service(kind, notes)
    peer = here.connect()
    peer.feed(b"begin\n")
    assert notes.happened == []
    peer.disconnect(ConnectionLost())
    assert notes.happened == [CancelledError, "cleaned up"]
    for name in ("connections_failed_total", "requests_failed_total", "connections_cut_total"):
        assert here.metric(name) == 0


@KINDS
@pytest.mark.parametrize("may_still_read", [False, True])
def test_a_half_close_cancels_a_handler_only_where_it_is_the_end(kind, notes, may_still_read):
    """As over a socket: within a second."""
    here = service(kind, notes)
    peer = here.connect()
    if kind != "first":
        peer.feed(b"begin\n")
    protocol: Any = peer.protocol
    protocol.half_close = may_still_read
    peer.half_close()
    here.clock.advance(PAUSED_LOOK_SECONDS)
    assert notes.happened == ([] if may_still_read else [CancelledError, "cleaned up"])
    assert peer.closed is not may_still_read


@pytest.mark.parametrize("may_still_read", [False, True])
@pytest.mark.parametrize("reads", ["line", "stream"])
def test_a_half_close_ends_what_is_still_to_be_sent_only_where_it_is_the_end(reads, may_still_read):
    """Output that nobody awaits keeps a connection no longer than a handler that awaits `drain`."""

    class Lines(LineProtocol):
        half_close = may_still_read

        def line_received(self, line: str) -> None:
            self.write(b"x" * 200_000)

    async def handle(connection: Connection) -> None:
        connection.half_close = may_still_read
        async for _ in connection:
            connection.write(b"x" * 200_000)

    here = MemoryService(Lines if reads == "line" else handle)
    peer = here.connect()
    peer.stop_reading()
    peer.feed(b"give\n")
    peer.half_close()
    here.clock.advance(PAUSED_LOOK_SECONDS)
    assert peer.closed is not may_still_read
    peer.start_reading()
    assert len(peer.received()) == (200_000 if may_still_read else 0)
    assert here.metric("connections_failed_total") == 0


def test_all_that_a_peer_has_sent_is_handled_before_its_half_close_ends_it():
    """Its earlier answer waits for it, and its later line for that."""

    class Lines(LineProtocol):
        half_close = False

        def line_received(self, line: str) -> None:
            lines.append(line)
            self.write(b"x" * 200_000)

    lines: list[str] = []
    here = MemoryService(Lines)
    peer = here.connect()
    peer.stop_reading()
    peer.feed(b"one\ntwo\n")
    peer.half_close()
    here.clock.advance(PAUSED_LOOK_SECONDS)
    assert lines == ["one"] and not peer.closed
    peer.start_reading()
    assert lines == ["one", "two"] and peer.closed


@KINDS
def test_an_error_in_the_clean_up_is_logged(kind, notes):
    """To the log and in a counter: that is our mistake, whoever has gone."""
    notes.waiting = Deferred(lambda waiting: waiting.errback(ZeroDivisionError()))
    here = service(kind, notes)
    peer = here.connect()
    peer.feed(b"begin\n")
    peer.disconnect()
    name = "requests_failed_total" if kind == "requests" else "connections_failed_total"
    assert here.metric(name) == 1


def test_asyncios_cancelled_error_is_no_failure(notes):
    """What awaits something of asyncio's is cancelled with asyncio's error; that is no failure either."""
    here = service("lines", notes)
    notes.waiting = Deferred(lambda waiting: waiting.errback(asyncio.CancelledError()))
    peer = here.connect()
    peer.feed(b"begin\n")
    peer.disconnect()
    assert notes.happened == [asyncio.CancelledError, "cleaned up"]
    assert here.metric("connections_failed_total") == 0


def test_a_draining_handler_gets_peer_gone():
    """It may go on: it is told once, and not cancelled on top of that."""
    happened: list[Any] = []
    afterwards: Deferred[str] = Deferred()

    async def pour(connection: Connection) -> None:
        try:
            while True:
                connection.write(b"x" * 10_000)
                await connection.drain()
        except PeerGone as error:
            happened.append(str(error))
        happened.append(await afterwards)

    peer = MemoryService(pour).connect(reads=False)
    peer.disconnect()
    assert happened == ["tcp:127.0.0.1:50000 has gone"]
    afterwards.callback("cleaned up")
    assert happened[1:] == ["cleaned up"]


def test_a_handler_that_closes_is_not_cancelled(notes):
    """What an author does after `close` is what the author wants."""

    class Lines(LineProtocol):
        async def line_received(self, line: str) -> None:
            self.close("bye")
            await notes.work()

    peer = MemoryService(Lines).connect()
    peer.feed(b"quit\n")
    assert peer.received() == b"bye\r\n"
    assert peer.closed
    notes.waiting.callback(None)
    assert notes.happened == ["cleaned up"]


class Socket:
    """Gives a transport in memory a socket whose other end is closed."""

    def __init__(self, protocol: Any) -> None:
        ours, self._theirs = os.pipe()
        os.close(ours)
        protocol.transport.fileno = lambda: self._theirs

    def close(self) -> None:
        os.close(self._theirs)


def test_the_departure_of_a_paused_peer_is_noticed(notes):
    """One line is worked on, so nothing is read; the kernel knows that the peer has gone."""
    here = service("lines", notes)
    peer = here.connect()
    end = Socket(peer.protocol)
    peer.feed(b"begin\n")
    here.clock.advance(PAUSED_LOOK_SECONDS)
    assert peer.closed
    end.close()
    assert notes.happened == [CancelledError, "cleaned up"]


def test_all_input_of_a_departed_peer_is_handled_first(notes):
    """Three lines and gone: only the last one is cancelled."""
    here = service("lines", notes)
    peer = here.connect()
    end = Socket(peer.protocol)
    peer.feed(b"one\ntwo\nthree\n")
    for _ in range(2):
        here.clock.advance(PAUSED_LOOK_SECONDS)
        assert not peer.closed
        waiting, notes.waiting = notes.waiting, Deferred()
        waiting.callback(None)
    here.clock.advance(PAUSED_LOOK_SECONDS)
    assert peer.closed
    end.close()
    assert notes.happened == ["cleaned up", "cleaned up", CancelledError, "cleaned up"]


def test_five_hundred_connections_may_close_one_another():
    """Each closes the next when it ends; all of them end, and none fails."""
    connections: list[Connection] = []

    async def handle(connection: Connection) -> None:
        connections.append(connection)
        try:
            await connection.read_line()
        finally:
            at = connections.index(connection)
            for other in connections[at + 1 : at + 2]:
                other.close()

    service = MemoryService(handle)
    peers = [service.connect() for _ in range(500)]
    peers[0].feed(b"go\n")
    service.clock.advance(0)
    assert all(peer.closed for peer in peers)
    assert service.metric("connections_failed_total") == 0
