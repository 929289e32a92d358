"""What comes while an author is at work, and bytes between lines; over connections in memory."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from logsrv.kit import LineProtocol, PeerError, PeerTimeout
from logsrv.kit.testing import MemoryService


class Slow(LineProtocol):
    def connection_made(self) -> None:
        self.got: list[str] = []
        self.work: Deferred[None] = Deferred()

    def line_received(self, line: str) -> object:
        self.got.append(line)
        self.work = Deferred()
        return self.work


def test_chunks_that_come_too_early_wait_in_order():
    """A transport may deliver what it had read already, after it was told to pause."""
    peer = MemoryService(Slow).connect()
    protocol: Any = peer.protocol
    peer.feed(b"one\n")
    protocol.dataReceived(b"tw")
    protocol.dataReceived(b"o\nthree\n")
    for known in (["one"], ["one", "two"], ["one", "two", "three"]):
        assert protocol.got == known
        protocol.work.callback(None)


def test_undelivered_bytes_are_counted_as_dropped():
    """Bytes of lines that were dropped when the connection ended, early chunks included."""
    service = MemoryService(Slow)
    peer = service.connect()
    peer.feed(b"one\nhalf")
    assert peer.protocol is not None
    peer.protocol.dataReceived(b"more")
    peer.disconnect()
    assert service.metric("dropped_bytes_total") == len("half") + len("more")


def test_bytes_after_close_are_counted_as_dropped():
    class Curt(LineProtocol):
        def connection_made(self) -> None:
            self.close("bye")

    service = MemoryService(Curt)
    peer = service.connect(reads=False)
    assert peer.protocol is not None
    peer.protocol.dataReceived(b"but\n")
    assert service.metric("dropped_bytes_total") == 4


def test_read_bytes_works_without_await():
    """The Deferred does as well; lines go on behind the bytes."""

    class Later(LineProtocol):
        telnet = False

        def line_received(self, line: str) -> None:
            self.send_line(line)
            if line == "2":
                self.read_bytes(2).addCallback(self.write)

    assert MemoryService(Later).answer(b"a\n2\n\n\nb\n") == b"a\r\n2\r\n\n\nb\r\n"


def test_read_bytes_works_before_the_first_line():
    class Greeted(LineProtocol):
        telnet = False

        async def connection_made(self) -> None:
            self.send_line((await self.read_bytes(3)).hex())

        def line_received(self, line: str) -> None:
            self.send_line(line)

    assert MemoryService(Greeted).answer(b"\xff\n\0one\n") == b"ff0a00\r\none\r\n"


def test_after_a_cancelled_read_the_bytes_are_lines():
    class Impatient(LineProtocol):
        telnet = False

        def line_received(self, line: str) -> None:
            self.send_line(line)
            if line == "9":
                reading = self.read_bytes(9).addTimeout(5, self.clock)  # type: ignore[arg-type]
                reading.addCallbacks(self.write, lambda _: self.send_line("too slow"))

    service = MemoryService(Impatient)
    peer = service.connect()
    peer.feed(b"9\nabc\n")
    service.clock.advance(5)
    service.clock.advance(0)
    assert peer.received() == b"9\r\ntoo slow\r\nabc\r\n"
    peer.feed(b"d\n")
    assert peer.received() == b"d\r\n"


def test_read_bytes_with_telnet_is_an_error():
    """Commands are taken out of whole chunks there; the sentence says what to change."""
    said: list[str] = []

    class Wrong(LineProtocol):
        def line_received(self, line: str) -> None:
            try:
                self.read_bytes(1)
            except RuntimeError as error:
                said.append(str(error))

    MemoryService(Wrong).connect().feed(b"a\n")
    assert said[0].startswith("read_bytes needs telnet = False in Wrong: ")


@pytest.mark.parametrize("caught", [False, True])
def test_a_read_of_bytes_ends_after_its_time(caught):
    """What has come of them is a line then, for a protocol that goes on."""

    class Values(LineProtocol):
        telnet = False

        async def line_received(self, line: str) -> None:
            try:
                self.send_line((await self.read_bytes(9, timeout=5)).decode())
            except PeerTimeout:
                if not caught:
                    raise
                self.send_line(f"no value of {line}")

    service = MemoryService(Values)
    peer = service.connect()
    peer.feed(b"one\n123456789two\n1234")
    service.clock.advance(4)
    peer.feed(b"56789three\n12")
    service.clock.advance(4.9)
    assert peer.received() == b"123456789\r\n123456789\r\n"
    service.clock.advance(0.2)
    assert peer.closed is not caught
    assert peer.received().startswith(
        b"no value of three\r\n" if caught else b"tcp:127.0.0.1:50000 sent nothing in time"
    )


def test_a_protocol_tells_errors_in_its_own_form():
    """As the reference shows: too long a line, and too little in time."""

    class Own(LineProtocol):
        max_line = 10

        def line_too_long(self, limit: int) -> None:
            raise PeerError("SERVER_ERROR line too long")

        async def line_received(self, line: str) -> None:
            try:
                await self.ask(timeout=5)
            except TimeoutError:
                raise PeerError("SERVER_ERROR timeout") from None

    service = MemoryService(Own)
    assert service.answer(b"a line of more bytes\n") == b"SERVER_ERROR line too long\r\n"
    peer = service.connect()
    peer.feed(b"one\n")
    service.clock.advance(5)
    assert peer.received() == b"SERVER_ERROR timeout\r\n"
    assert service.metric("connections_failed_total") == 0
