"""The stream API: what `async def handle(connection)` reads, sends, and is told."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit import Connection, EndOfStream, LineTooLong, PeerError, PeerTimeout
from logsrv.kit.testing import MemoryService


def test_a_function_without_async_closes_when_it_returns():
    """A function without `async` may speak, and the connection closes when it returns."""

    def greet(connection: Connection) -> None:
        connection.send_line(f"hello {connection.peer}")

    peer = MemoryService(greet).connect()
    assert peer.received() == b"hello tcp:127.0.0.1:50000\r\n"
    assert peer.closed


def test_read_line_raises_peer_timeout_and_can_go_on():
    """`read_line(timeout=…)` raises PeerTimeout by the service's clock; then reading can go on."""
    happened: list[object] = []

    async def patient(connection: Connection) -> None:
        try:
            await connection.read_line(timeout=5)
        except PeerTimeout as error:
            happened.append(str(error))
        happened.append(await connection.read_line())

    service = MemoryService(patient)
    peer = service.connect()
    service.clock.advance(4.9)
    assert happened == []
    service.clock.advance(0.2)
    peer.feed(b"late\n")
    assert happened == ["tcp:127.0.0.1:50000 sent nothing in time", "late"]


async def shout(connection: Connection) -> None:
    async for line in connection:
        connection.send_line(line.upper())


def test_a_line_too_long_that_nobody_catches_dismisses_the_peer():
    """It is told, and it is no failure of ours."""
    service = MemoryService(shout, "--max-line", "10")
    peer = service.connect()
    peer.feed(b"0123456789\r\n")
    assert peer.received() == b"0123456789\r\n"
    peer.feed(b"01234567890")
    peer.feed(b"1\r\n")
    assert peer.received().decode() == "a line is longer than 10 bytes\r\n"
    assert peer.closed
    assert service.metric("connections_failed_total") == 0
    assert service.metric("connections_cut_total", reason="peer_error") == 1


def test_a_slow_function_slows_its_peer():
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
    assert service.metric("received_bytes_total") == len("begin\n") + 20 * 1001 * 10


def test_drain_waits_for_a_peer_that_does_not_read():
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


def test_a_function_can_finish_after_its_peer_has_gone():
    """Reading gives the end, writing is dropped; the function can finish what it began."""
    finished: list[Any] = []

    async def thorough(connection: Connection) -> None:
        first = await connection.read_line()
        rest = await connection.read_line()
        connection.send_line("nobody reads this")
        finished.append((first, rest, await connection.read_some()))

    peer = MemoryService(thorough).connect()
    peer.feed(b"first\n")
    peer.disconnect()
    assert finished == [("first", None, b"")]


def test_a_function_that_catches_a_long_line_reads_on_after_it():
    """The lines before it and behind it come, however the network cuts; it is counted once."""

    async def lenient(connection: Connection) -> None:
        while True:
            try:
                line = await connection.read_line()
            except LineTooLong:
                line = "too long"
            if line is None:
                return
            connection.send_line(line)

    service = MemoryService(lenient, "--max-line", "5")
    data = b"a\n" + b"x" * 9 + b"\nb\nc\n"
    assert service.answer(data) == b"a\r\ntoo long\r\nb\r\nc\r\n"
    assert service.metric("oversize_lines_total") == len(data) + 1


def test_a_paused_peer_is_read_again_for_a_larger_read():
    """The peer was made to wait; who wants more than there is gets it read."""
    work: Deferred[None] = Deferred()

    async def slow(connection: Connection) -> None:
        await work
        connection.send_line(str(len(await connection.read_exactly(300_000))))

    peer = MemoryService(slow).connect()
    peer.feed(b"x" * 100_000)
    peer.feed(b"x" * 200_000)
    assert not peer.reading
    work.callback(None)
    assert peer.received() == b"300000\r\n"


def test_read_until_returns_the_bytes_with_the_separator():
    async def parts(connection: Connection) -> None:
        head = await connection.read_until(b"\r\n\r\n")
        connection.write(b"[" + head + b"]" + await connection.read_exactly(2))

    assert MemoryService(parts).answer(b"a\r\n\xff\r\n\r\nbc") == b"[a\r\n\xff\r\n\r\n]bc"


def test_read_until_raises_when_the_separator_does_not_come():
    """What is behind it can be read by who lives with it; else the peer is told and dismissed."""

    async def lenient(connection: Connection) -> None:
        with pytest.raises(LineTooLong, match=r"there is no b';' within 4 bytes"):
            await connection.read_until(b";", limit=4)
        connection.write(await connection.read_exactly(2))

    assert MemoryService(lenient).answer(b"abcdefg;hi") == b"hi"

    async def strict(connection: Connection) -> None:
        await connection.read_until(b";")

    service = MemoryService(strict, "--max-line", "4")
    assert service.answer(b"abcdefg;hi") == b"there is no b';' within 4 bytes\r\n"
    assert service.metric("connections_cut_total", reason="peer_error")


@pytest.mark.parametrize("read", ["exactly", "until"])
def test_a_peer_that_ends_too_early_raises_end_of_stream(read):
    """EndOfStream has what there was; unhandled, it ends the function, and is no failure of ours."""
    partial: list[bytes] = []

    async def handle(connection: Connection) -> None:
        try:
            if read == "exactly":
                await connection.read_exactly(5)
            await connection.read_until(b";")
        except EndOfStream as error:
            partial.append(error.partial)
            raise

    service = MemoryService(handle)
    peer = service.connect()
    peer.feed(b"abc")
    peer.half_close()
    assert partial == [b"abc"]
    assert peer.closed
    assert peer.received() == b""
    assert service.metric("connections_failed_total") == 0
    assert service.metric("connections_cut_total", reason="ended_early") == 1
    service.connect().half_close()
    assert partial == [b"abc", b""]
    assert service.metric("connections_cut_total", reason="ended_early") == 1


def test_a_peer_that_is_too_slow_is_told():
    """Unhandled, a time-out is the peer's fault, whoever catches it as what."""

    async def impatient(connection: Connection) -> None:
        await connection.read_exactly(5, timeout=3)

    service = MemoryService(impatient)
    peer = service.connect()
    peer.feed(b"abc")
    service.clock.advance(3)
    assert peer.received() == b"tcp:127.0.0.1:50000 sent nothing in time\r\n"
    assert peer.closed
    assert service.metric("connections_failed_total") == 0
    assert issubclass(PeerTimeout, PeerError) and issubclass(PeerTimeout, TimeoutError)


@pytest.mark.parametrize("sent", [b"", b"bad", b"much too long"])
def test_a_peer_that_reads_no_text_is_told_nothing(sent):
    """Its fault is in the log and counted, and it is dismissed; our own last bytes still reach it."""

    async def binary(connection: Connection) -> None:
        connection.tell_errors = False
        connection.write(b"\x20\x02\x00\x00")
        if await connection.read_until(b"d", 4, timeout=3):
            raise PeerError("mind your bytes")

    service = MemoryService(binary)
    peer = service.connect()
    with capturedLogs() as events:
        peer.feed(sent)
        service.clock.advance(3)
    assert peer.received() == b"\x20\x02\x00\x00"
    assert peer.closed
    said = [formatEvent(event) for event in events]
    assert any("tcp:127.0.0.1:50000" in line and "cut off: " in line for line in said), said
    assert service.metric("connections_cut_total", reason="peer_error") == 1


def test_closed_is_true_after_either_side_has_closed():
    """By either side; a peer that sends nothing more may still be sent something."""
    seen: list[bool] = []

    async def look(connection: Connection) -> None:
        await connection.read_some()
        seen.append(connection.closed)
        await connection.read_some()
        seen.append(connection.closed)
        connection.close()
        seen.append(connection.closed)

    peer = MemoryService(look).connect()
    peer.feed(b"x")
    peer.half_close()
    assert seen == [False, False, True]
    peer = MemoryService(look).connect()
    peer.disconnect()
    assert seen[3:] == [True, True, True]


def test_without_telnet_commands_stay_in_lines():
    async def plain(connection: Connection) -> None:
        connection.telnet, connection.encoding = False, "latin-1"
        async for line in connection:
            connection.send_line(line)

    assert MemoryService(plain).answer(b"\xff\xfd\x03\n") == b"\xff\xfd\x03\r\n"


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (
            lambda connection: connection.read_exactly(-1),
            "read_exactly takes a number of bytes, not -1",
        ),
        (lambda connection: connection.read_some(0), "read_some takes one byte or more, not 0"),
        (lambda connection: connection.read_until(b""), "read_until takes a separator of one byte"),
    ],
)
def test_impossible_reads_raise_value_error(mistake, sentence):
    refused: list[str] = []

    async def wrong(connection: Connection) -> None:
        try:
            await mistake(connection)
        except ValueError as error:
            refused.append(str(error))

    MemoryService(wrong).connect()
    assert sentence in refused[0]
