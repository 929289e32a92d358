"""LineProtocol as an author and a peer see it, over connections in memory."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from logsrv.kit import LineProtocol
from logsrv.kit.testing import MemoryService
from tests.parts.talking import Shout


class Scripted(LineProtocol):
    """Does what a line says; notes what happens."""

    happened: list[str]

    def connection_made(self) -> None:
        self.happened = []
        self.waiting: Deferred[None] = Deferred()

    def connection_lost(self, reason: str) -> None:
        self.happened.append(f"lost: {reason}")

    async def line_received(self, line: str) -> None:
        self.happened.append(line)
        if line == "wait":
            self.waiting = Deferred()
            await self.waiting
        elif line == "raise":
            raise RuntimeError("as asked")
        elif line == "close":
            self.close("bye")
        self.send_line(f"done {line}")


class Mixed(LineProtocol):
    """Answers with lines and bytes, at once or by a coroutine."""

    encoding = "latin-1"
    max_line = 10

    def line_received(self, line: str) -> object:
        if line == "close":
            self.write(b"bytes")
            self.close("ä")
            return None
        if line == "slow":
            return self.answer(line)
        self.send_line("ä" + line)
        self.write(b"\xff" + bytearray(b"\n"))
        self.write(b"")
        self.send_line("")
        return None

    async def answer(self, line: str) -> None:
        self.send_line("VALUE")
        self.write(b"bytes")
        await self.drain()
        self.send_line("END")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (b"x", b"\xe4x\r\n\xff\n\r\n"),
        (b"slow", b"VALUE\r\nbytesEND\r\n"),
        (b"close", b"bytes\xe4\r\n"),
    ],
)
def test_a_reply_of_lines_and_bytes_leaves_in_one_write(line, wanted):
    peer = MemoryService(Mixed).connect()
    written: list[bytes] = []
    peer.transport.write = written.append  # type: ignore[method-assign,assignment]
    peer.feed(line + b"\n")
    assert written == [wanted]


class Mail(LineProtocol):
    """Takes a mail up to a dot, as SMTP does."""

    unfinished_line = False

    async def line_received(self, line: str) -> None:
        while await self.ask() != ".":
            pass
        self.send_line("250 stored")


@pytest.mark.parametrize("read", [b"DATA\r\nhello\r\n.", b"DATA\r\nhello\r\n.\r", b"DAT"])
def test_an_unfinished_line_is_dropped_if_it_does_not_count(read):
    """A mail that was cut within "..x" is not stored. The peer's connection is closed as usual."""
    service = MemoryService(Mail)
    peer = service.connect()
    peer.feed(read)
    peer.half_close()
    assert (peer.received(), peer.closed) == (b"", True)
    assert service.metric("dropped_bytes_total") == len(read.rpartition(b"\n")[2])
    assert service.metric("connections_failed_total") == 0


def test_a_too_long_line_is_answered_and_ends_the_connection():
    """The lines before it are answered; it and what follows are dropped, and counted."""
    service = MemoryService(Shout, "--max-line", "10")
    peer = service.connect()
    peer.feed(b"short\n12345678901\nmore\n")
    assert peer.received() == b"SHORT\r\na line is longer than 10 bytes; closing the connection\r\n"
    assert peer.closed
    assert service.metric("oversize_lines_total") == 1
    assert service.metric("connections_cut_total", reason="line_too_long") == 1
    assert service.metric("dropped_bytes_total") == 11 + len("more\n")


def test_an_author_may_go_on_after_a_long_line():
    """With `line_too_long` overridden the rest of that line is skipped, and the next one comes."""

    class Patient(Shout):
        max_line = 5

        def line_too_long(self, limit: int) -> None:
            self.send_line(f"no more than {limit}, please")

    service = MemoryService(Patient)
    expected = b"A\r\nno more than 5, please\r\nB\r\n"
    assert service.answer(b"a\n" + b"x" * 20 + b"\r\nb\r\n") == expected


def test_bytes_that_are_no_text_are_replaced_or_refused():
    """By default they become U+FFFD; with `errors = "reject"` the peer is told and dismissed."""

    class Strict(Shout):
        errors = "reject"

    assert MemoryService(Shout).answer(b"a\xc3b\n") == "A\ufffdB\r\n".encode()
    service = MemoryService(Strict)
    expected = b"OK\r\na line is not utf-8; closing the connection\r\n"
    assert service.answer(b"ok\na\xc3b\n") == expected
    assert service.metric("connections_cut_total", reason="not_text") > 0


def test_another_delimiter_and_encoding_work():
    """An author's own delimiter, ending and encoding are used both ways."""

    class Records(LineProtocol):
        delimiter, ending, encoding = b"||", "||", "latin-1"

        def line_received(self, line: str) -> None:
            self.send_line(line[::-1])

    assert MemoryService(Records).answer(b"\xe4b||c\nd||") == b"b\xe4||d\nc||"


def test_next_line_waits_for_async_line_received():
    """While a coroutine works nothing more is read; then the lines go on, in order."""
    peer = MemoryService(Scripted).connect()
    peer.feed(b"wait\nnext\nwait\nlast\n")
    protocol: Any = peer.protocol
    assert protocol.happened == ["wait"]
    assert not peer.reading
    peer.feed(b"afterwards\n")
    protocol.waiting.callback(None)
    assert protocol.happened == ["wait", "next", "wait"]
    protocol.waiting.callback(None)
    assert peer.reading
    assert protocol.happened == ["wait", "next", "wait", "last", "afterwards"]
    assert (
        peer.received().split()
        == b"done wait done next done wait done last done afterwards".split()
    )


def test_lines_after_close_are_not_handled():
    """After `close` no further line is given to the plugin; the last words arrive."""
    peer = MemoryService(Scripted).connect()
    peer.feed(b"one\nclose\ntwo\n")
    protocol: Any = peer.protocol
    assert protocol.happened == ["one", "close", "lost: Connection was closed cleanly."]
    assert peer.received() == b"done one\r\nbye\r\n"


@pytest.mark.parametrize(
    "where", ["constructor", "connection_made", "line_received", "later", "connection_lost"]
)
def test_an_error_closes_only_its_connection(where):
    """An error in any callback ends its own connection, is counted, and harms no other."""

    class Fragile(LineProtocol):
        fails_in = ""

        def __init__(self) -> None:
            self.fail_in("constructor")

        def fail_in(self, place: str) -> None:
            if place == self.fails_in:
                raise RuntimeError("a bug")

        def connection_made(self) -> None:
            self.fail_in("connection_made")
            if self.fails_in:
                self.later(5, self.fail_in, "later")

        def line_received(self, line: str) -> None:
            self.fail_in("line_received")
            self.send_line(line)

        def connection_lost(self, reason: str) -> None:
            self.fail_in("connection_lost")

    service = MemoryService(Fragile)
    other = service.connect()
    Fragile.fails_in = where
    peer = service.connect()
    Fragile.fails_in = ""
    if peer.protocol is not None:
        peer.protocol.fails_in = where  # type: ignore[attr-defined]
    peer.feed(b"boom\n")
    service.clock.advance(5)
    if where == "connection_lost":
        peer.disconnect()
    assert peer.closed
    other.feed(b"still here\n")
    assert other.received() == b"still here\r\n"
    assert service.metric("connections_failed_total") == 1


def test_a_wrong_result_of_line_received_is_an_error_with_a_sentence():
    """A `line_received` that returns text, as of a RequestProtocol, is told so in the log."""

    class Confused(LineProtocol):
        def line_received(self, line: str) -> str:
            return line

    service = MemoryService(Confused)
    peer = service.connect()
    peer.feed(b"x\n")
    assert peer.closed
    assert service.metric("connections_failed_total") == 1


@pytest.mark.slow
def test_peer_that_never_reads_is_not_read_from():
    """Its answers pile up to about a buffer; then it is not read from, until it reads."""

    class Long(LineProtocol):
        def line_received(self, line: str) -> None:
            self.send_line("x" * 1000)

    peer = MemoryService(Long).connect()
    peer.stop_reading()
    for _ in range(100):
        peer.feed(b"\n" * 1000)
    assert not peer.reading
    assert len(peer.transport.buffer) < 300_000
    peer.start_reading()
    assert len(peer.received()) == 100 * 1000 * 1002
    assert peer.reading


def test_pushing_to_a_peer_that_never_reads_cuts_it_off():
    """A plugin that writes without being asked fills no memory: the peer is cut off, and counted."""
    service = MemoryService(Shout)
    peer = service.connect()
    peer.stop_reading()
    protocol: Any = peer.protocol
    for _ in range(3000):
        protocol.send_line("x" * 1000)
    peer.start_reading()
    assert peer.closed
    assert len(peer.transport.buffer) < 2_000_000
    assert service.metric("connections_cut_total", reason="unread") == 1
