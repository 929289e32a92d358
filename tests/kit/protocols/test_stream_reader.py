"""Lines and bytes of one stream in turns, whatever the cuts."""

from __future__ import annotations

import pytest

from logsrv.kit import Connection, LineTooLong
from logsrv.kit.testing import MemoryService


async def one_line_then_bytes(connection: Connection) -> None:
    """A header with a length, then so many bytes as they are, again and again."""
    async for header in connection:
        body = b""
        while len(body) < int(header):
            body += await connection.read(int(header) - len(body))
        connection.write(body[::-1])


@pytest.mark.parametrize(
    "body", [b"abc", b"a\nb\n\n", b"\xff\xfd\x03", b"\xff\xff", b"\r\0\r\n", b"1\n2\n3\n"]
)
def test_bytes_behind_a_line_are_as_they_were_sent(body: bytes) -> None:
    """Line ends, NULs and what Telnet would take for a command too."""
    message = b"%d\r\n%b" % (len(body), body)
    service = MemoryService(one_line_then_bytes)
    assert service.answer(message * 3) == body[::-1] * 3


def test_telnet_before_a_line_and_bytes_behind_it() -> None:
    """What stands before the end of the line is a command; what stands behind it is not."""
    service = MemoryService(one_line_then_bytes)
    assert service.answer(b"\xff\xfb\x182\r\n\xff\xfb") == b"\xff\xfe\x18\xfb\xff"


def test_an_unfinished_line_can_be_read_as_bytes() -> None:
    """After a time-out for a line, what there is of it is not lost."""

    async def impatient(connection: Connection) -> None:
        with pytest.raises(TimeoutError):
            await connection.read_line(timeout=1)
        connection.write(await connection.read())

    service = MemoryService(impatient)
    peer = service.connect()
    peer.feed(b"no end")
    service.clock.advance(1)
    assert peer.received() == b"no end"


def test_who_handles_a_long_line_reads_on_behind_it() -> None:
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


def test_bytes_instead_of_lines_before_a_long_one() -> None:
    """Bytes are asked for when a long line is known already: they come as they were sent."""

    async def first(connection: Connection) -> None:
        await connection.read_line()
        connection.write(await connection.read())

    peer = MemoryService(first, "--max-line", "5").connect()
    peer.feed(b"a\nb\nxxxxxxxxx\nc")
    assert peer.received() == b"b\nxxxxxxxxx\nc"


def test_encoding_of_the_function() -> None:
    """Both ways it is what the function says before it reads."""

    async def western(connection: Connection) -> None:
        connection.encoding = "latin-1"
        async for line in connection:
            connection.send_line(line.upper())

    assert MemoryService(western).answer("ä\n".encode("latin-1")) == "Ä\r\n".encode("latin-1")


def test_answers_to_one_chunk_leave_in_one_write() -> None:
    """As with a LineProtocol; the transport is asked once."""

    async def shout(connection: Connection) -> None:
        async for line in connection:
            connection.send_line(line.upper())

    peer = MemoryService(shout).connect()
    written: list[bytes] = []
    peer.transport.write = written.append  # type: ignore[method-assign,assignment]
    peer.feed(b"a\nb\nc\n")
    assert written == [b"A\r\nB\r\nC\r\n"]
