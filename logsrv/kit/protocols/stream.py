"""A connection as a stream, for `async def handle(connection)`.

async def handle(connection):
    async for line in connection:
        connection.send_line(line.upper())
        await connection.drain()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from logsrv.kit.observe.peer_log import PeerLogger
from logsrv.kit.protocols.connection import PeerConnection, awaited
from logsrv.kit.protocols.protocol import PeerProtocol
from logsrv.kit.protocols.stream_reader import READ_AHEAD, LineTooLong, StreamReader

__all__ = ["Connection", "LineTooLong", "StreamProtocol"]


class Connection:
    """A peer, as a stream. When the function that got it returns, or raises, the connection is closed.

    encoding: of the lines, both ways; what is not text becomes U+FFFD.
    max_line: bytes a line may have; the operator's --max-line. Both are settled by the first
        `read_line`.
    """

    encoding = "utf-8"

    def __init__(self, connection: PeerConnection, reader: StreamReader) -> None:
        self.max_line = connection.author.factory.line_format.max_line
        self._connection = connection
        self._reader = reader
        self._log: Logger | None = None

    @property
    def peer(self) -> str:
        """The peer's name: `tcp:127.0.0.1:51234`; printable ASCII without spaces."""
        return self._connection.author.peer

    @property
    def service(self) -> Any:
        """The running service: `settings`, `state`, `metrics`, `clock`."""
        return self._connection.author.factory.service

    @property
    def clock(self) -> IReactorTime:
        return self._connection.author.factory.service.clock

    @property
    def log(self) -> Logger:
        """A Logger whose every message begins with the peer."""
        if self._log is None:
            self._log = PeerLogger(__name__, self.peer)
        return self._log

    def __aiter__(self) -> Connection:
        return self

    async def __anext__(self) -> str:
        line = await self.read_line()
        if line is None:
            raise StopAsyncIteration
        return line

    async def read_line(self, timeout: float | None = None) -> str | None:
        """The next line without its ending (LF or CR LF), or None when the peer sends nothing more.

        An unfinished last line is a line. Raises LineTooLong, and TimeoutError after `timeout`
        seconds without a whole line.
        """
        reader, deadline = self._reader, self._deadline(timeout)
        while (line := reader.take_line(self.encoding, self.max_line)) is None and not reader.ended:
            await reader.more(deadline)
        return line

    async def read(self, most: int = READ_AHEAD, timeout: float | None = None) -> bytes:
        """Read one to `most` bytes as they come; b"" when the peer sends nothing more.

        Telnet's commands are taken out only of what `read_line` has looked at. Raises TimeoutError.
        """
        reader, deadline = self._reader, self._deadline(timeout)
        while not (data := reader.take(most)) and not reader.ended:
            await reader.more(deadline)
        return data

    def send_line(self, text: str) -> None:
        """Send `text` and CR LF. What is sent to a peer that has gone is dropped."""
        self._connection.send_line(text)

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._connection.write(data)

    async def drain(self) -> None:
        """Wait until the peer has read enough for more to be written.

        Raises PeerGone when it goes away instead; a function that does not handle that just ends.
        """
        await self._connection.drain()

    def close(self, last_words: str | None = None) -> None:
        """Send `last_words`, if any, and all that was sent before, then close the connection."""
        self._connection.close(last_words)
        self._reader.wake()

    def _deadline(self, timeout: float | None) -> float | None:
        return None if timeout is None else self.clock.seconds() + timeout


class StreamProtocol(PeerProtocol):
    """Gives a function its connection."""

    def __init__(self, handle: Callable[[Connection], object]) -> None:
        self._handle = handle

    def connection_made(self) -> None:
        connection = self._connection or self._connected()
        connection.reader = reader = StreamReader(connection)
        self._stream = Connection(connection, reader)
        result = self._handle(self._stream)
        if result is None:
            connection.close()
        else:
            awaited(result, "handle").addCallbacks(
                lambda _: connection.close(), lambda failure: connection.fail("handle", failure)
            )

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding
