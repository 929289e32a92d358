"""The stream API: what `async def handle(connection)` reads, sends, and is told."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from logsrv.kit import Connection, LineTooLong
from logsrv.kit.testing import MemoryService

KNOWN = "a line is longer than 10 bytes\r\n"


async def shout(connection: Connection) -> None:
    async for line in connection:
        connection.send_line(line.upper())
        await connection.drain()


def test_lines_whatever_the_cuts() -> None:
    """Each line is answered, the same at every cut; the connection stays open for more."""
    service = MemoryService(shout)
    data = "\xfcber\r\nzwei\n\n".encode()
    assert service.answer(data) == "ÜBER\r\nZWEI\r\n\r\n".encode()


def test_end_of_input_ends_the_loop() -> None:
    """The unfinished last line is a line; then the function ends, and with it the connection."""
    peer = MemoryService(shout).connect()
    peer.feed(b"one\ntw")
    peer.half_close()
    assert peer.received() == b"ONE\r\nTW\r\n"
    assert peer.closed


def test_plain_function() -> None:
    """A function without `async` may speak, and the connection closes when it returns."""

    def greet(connection: Connection) -> None:
        connection.send_line(f"hello {connection.peer}")

    peer = MemoryService(greet).connect()
    assert peer.received() == b"hello tcp:127.0.0.1:50000\r\n"
    assert peer.closed


def test_bytes_behind_a_line() -> None:
    """A header line and then a number of bytes as they are, 0xFF too, whatever the cuts."""

    async def store(connection: Connection) -> None:
        length = int(await connection.read_line() or 0)
        body = b""
        while len(body) < length:
            body += await connection.read(length - len(body))
        connection.write(body[::-1])

    service = MemoryService(store)
    for at in range(1, 6):
        peer = service.connect()
        data = b"5\r\nab\xfdcd"
        peer.feed(data[:at])
        peer.feed(data[at:])
        assert peer.received() == b"dc\xfdba"
        assert peer.closed


def test_telnet_negotiation_is_no_text() -> None:
    """Between lines it is answered with refusals, and never seen by the function."""
    peer = MemoryService(shout).connect()
    peer.feed(b"\xff\xfd\x03he\xff\xf1llo\r\n")
    assert peer.received() == b"\xff\xfc\x03HELLO\r\n"


def test_timeout() -> None:
    """`read_line(timeout=…)` raises TimeoutError by the service's clock; then reading can go on."""
    happened: list[object] = []

    async def patient(connection: Connection) -> None:
        try:
            await connection.read_line(timeout=5)
        except TimeoutError as error:
            happened.append(str(error))
        happened.append(await connection.read_line())

    service = MemoryService(patient)
    peer = service.connect()
    service.clock.advance(4.9)
    assert happened == []
    service.clock.advance(0.2)
    peer.feed(b"late\n")
    assert happened == ["tcp:127.0.0.1:50000 sent nothing in time", "late"]


def test_line_too_long() -> None:
    """It can be caught; uncaught, the peer is told and dismissed, and it is no failure of ours."""
    service = MemoryService(shout, "--max-line", "10")
    peer = service.connect()
    peer.feed(b"0123456789\r\n")
    assert peer.received() == b"0123456789\r\n"
    peer.feed(b"01234567890")
    peer.feed(b"1\r\n")
    assert peer.received().decode() == KNOWN
    assert peer.closed
    assert service.metric("connections_failed_total") == 0
    assert service.metric("connections_cut_total", reason="peer_error") == 1

    async def lenient(connection: Connection) -> None:
        with pytest.raises(LineTooLong):
            await connection.read_line()
        connection.send_line("too long")

    peer = MemoryService(lenient, "--max-line", "10").connect()
    peer.feed(b"x" * 11 + b"\n")
    assert peer.received() == b"too long\r\n"


def test_error_closes_that_connection_only() -> None:
    """What was sent before arrives; the others go on; it is counted."""

    async def fragile(connection: Connection) -> None:
        async for line in connection:
            connection.send_line(str(100 // int(line)))

    service = MemoryService(fragile)
    one, two = service.connect(), service.connect()
    one.feed(b"4\n0\n5\n")
    assert one.received() == b"25\r\n"
    assert one.closed
    two.feed(b"50\n")
    assert two.received() == b"2\r\n"
    assert service.metric("connections_failed_total") == 1


def test_slow_function_slows_its_peer() -> None:
    """While the function does something else, no more than a buffer is read from the peer."""
    work: Deferred[None] = Deferred()
    lines = 0

    async def busy(connection: Connection) -> None:
        nonlocal lines
        await connection.read_line()
        await work
        async for _ in connection:
            lines += 1

    service = MemoryService(busy)
    peer = service.connect()
    peer.feed(b"begin\n")
    for _ in range(20):
        peer.feed(b"x" * 9 + b"\n" + (b"y" * 9 + b"\n") * 1000)
    assert not peer.reading
    assert service.metric("received_bytes_total") < 200_000
    work.callback(None)
    peer.half_close()
    assert peer.closed
    assert lines == 20 * 1001


def test_peer_that_does_not_read() -> None:
    """`drain` waits for it; when it goes away instead, the function just ends: no failure."""
    sent = 0

    async def pour(connection: Connection) -> None:
        nonlocal sent
        while True:
            connection.write(b"x" * 10_000)
            sent += 10_000
            await connection.drain()

    service = MemoryService(pour)
    # A peer that reads for ever would be poured to for ever: it stops before it connects.
    peer = service.connect(reads=False)
    assert sent < 100_000
    peer.disconnect()
    assert service.metric("connections_failed_total") == 0


def test_peer_that_has_gone() -> None:
    """Reading gives the end, writing is dropped; the function can finish what it began."""
    finished: list[Any] = []

    async def thorough(connection: Connection) -> None:
        first = await connection.read_line()
        rest = await connection.read_line()
        connection.send_line("nobody reads this")
        finished.append((first, rest, await connection.read()))

    peer = MemoryService(thorough).connect()
    peer.feed(b"first\n")
    peer.disconnect()
    assert finished == [("first", None, b"")]
