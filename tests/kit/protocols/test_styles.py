"""What holds however an author writes it: with methods, with coroutines, by requests or as a stream."""

import pytest
from twisted.internet.defer import Deferred

from logsrv.kit import Connection, LineProtocol, RequestProtocol
from logsrv.kit.testing import MemoryService
from tests.parts.costs import allocated, doubled


def answer_to(line: str) -> str:
    if line == "fail":
        raise RuntimeError("a bug")
    return line.upper()


class Methods(LineProtocol):
    def line_received(self, line: str) -> None:
        self.send_line(answer_to(line))


class Coroutines(LineProtocol):
    async def line_received(self, line: str) -> None:
        self.send_line(answer_to(line))


class Requests(RequestProtocol):
    def request_received(self, request: str) -> str:
        return answer_to(request)


async def stream(connection: Connection) -> None:
    async for line in connection:
        connection.send_line(answer_to(line))


STYLES = pytest.mark.parametrize("style", [Methods, Coroutines, Requests, stream])


@STYLES
def test_lines_are_the_same_at_every_split(style):
    """LF and CR LF end a line, wherever the network cuts, and answers end in CR LF."""
    data = "\xfcber\r\nzwei\n\n".encode()
    assert MemoryService(style).answer(data) == "ÜBER\r\nZWEI\r\n\r\n".encode()


@STYLES
def test_telnet_negotiation_is_refused_and_no_part_of_a_line(style):
    answer = MemoryService(style).answer(b"\xff\xfd\x03\xff\xfb\x18he\xff\xf1llo\r\n")
    assert answer == b"\xff\xfc\x03\xff\xfe\x18HELLO\r\n"


@STYLES
def test_an_unfinished_last_line_is_answered_at_the_end_of_input(style):
    """`printf hello | nc` gets its answer, and then the connection is closed."""
    peer = MemoryService(style).connect()
    peer.feed(b"one\ntw")
    assert peer.received() == b"ONE\r\n"
    peer.half_close()
    assert peer.received() == b"TW\r\n"
    assert peer.closed


@STYLES
def test_answers_to_one_chunk_leave_in_one_write(style):
    peer = MemoryService(style).connect()
    written: list[bytes] = []
    peer.transport.write = written.append  # type: ignore[method-assign,assignment]
    peer.feed(b"a\nb\nc\n")
    assert written == [b"A\r\nB\r\nC\r\n"]


@pytest.mark.parametrize("style", [Methods, Coroutines, stream])
def test_an_error_of_the_author_closes_only_its_connection(style):
    """What was sent before arrives, and the lines behind it are not handled."""
    service = MemoryService(style)
    one, other = service.connect(), service.connect()
    one.feed(b"one\nfail\ntwo\n")
    assert one.received() == b"ONE\r\n"
    assert one.closed
    other.feed(b"still here\n")
    assert other.received() == b"STILL HERE\r\n"
    assert service.metric("connections_failed_total") == 1


# A line with a number, then so many bytes and CR LF, again and again.


class StoreOfMethods(LineProtocol):
    telnet = False
    max_line = 30

    async def line_received(self, line: str) -> None:
        if not line.isdigit():
            self.send_line(f"line {line}")
            return
        try:
            data = await self.read_bytes(int(line))
            self.write(b"<" + data + b">")
            await self.read_bytes(2)
        finally:
            self.service.state.ended += 1


async def store_of_stream(connection: Connection) -> None:
    connection.max_line = 30
    async for line in connection:
        if not line.isdigit():
            connection.send_line(f"line {line}")
            continue
        try:
            data = await connection.read_exactly(int(line))
            connection.write(b"<" + data + b">")
            await connection.read_exactly(2)
        finally:
            connection.service.state.ended += 1


STORES = pytest.mark.parametrize("style", [StoreOfMethods, store_of_stream])


class Ended:
    def __init__(self, service: object) -> None:
        self.ended = 0


@STORES
@pytest.mark.parametrize(
    "body",
    [
        b"abc",
        b"",
        b"a\nb\n\n",
        b"\xff\xfd\x03\xff",
        b"\xff\xff",
        b"\r\0\r\n",
        b"1\n2\n3\n",
        b"x" * 40 + b"\n",
    ],
)
def test_bytes_between_lines_are_read_as_they_are(style, body):
    """They are never taken for lines, not even for one that is too long, nor for Telnet commands."""
    message = b"a\r\n%d\r\n%b\r\nb\n" % (len(body), body)
    service = MemoryService(style, state=Ended)
    assert service.answer(message * 2) == (b"line a\r\n<" + body + b">line b\r\n") * 2
    peer = service.connect()
    peer.feed(message * 50)
    assert peer.received() == (b"line a\r\n<" + body + b">line b\r\n") * 50
    assert service.metric("oversize_lines_total") == service.metric("dropped_bytes_total") == 0


@STORES
@pytest.mark.parametrize("early", [True, False])
def test_a_peer_that_ends_within_the_bytes_is_no_failure_of_ours(style, early):
    """It is counted, and the author's cleanup runs."""
    service = MemoryService(style, state=Ended)
    peer = service.connect()
    peer.feed(b"5\r\nab")
    if early:
        peer.half_close()
    else:
        peer.disconnect()
    assert peer.closed
    assert service.service.state.ended == 1
    assert service.metric("connections_failed_total") == 0
    assert service.metric("connections_cut_total", reason="ended_early") == 1


def test_bytes_that_come_during_another_wait_are_read():
    work: Deferred[None] = Deferred()

    class Slow(StoreOfMethods):
        async def line_received(self, line: str) -> None:
            await work
            await super().line_received(line)

    peer = MemoryService(Slow, state=Ended).connect()
    peer.feed(b"3\r\na")
    assert not peer.reading
    work.callback(None)
    assert peer.reading
    peer.feed(b"bc\r\nnext\n")
    assert peer.received() == b"<abc>line next\r\n"


@pytest.mark.slow
@STORES
def test_many_short_messages_of_lines_and_bytes_are_not_copied_for_each(style):
    def copied(number: int) -> int:
        peer = MemoryService(style, state=Ended).connect()
        taken = allocated(lambda: peer.feed(b"3\r\nabc\r\n" * number))
        assert peer.received() == b"<abc>" * number
        return taken

    assert doubled(copied, 200) < 2.5
