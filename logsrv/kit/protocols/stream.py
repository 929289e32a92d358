"""A connection as a stream, for `async def handle(connection)`.

async def handle(connection):
    async for line in connection:
        connection.send_line(line.upper())
        await connection.drain()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from logsrv.errors import PeerError
from logsrv.kit.framing.lines import LF
from logsrv.kit.framing.telnet import TelnetFilter
from logsrv.kit.protocols.peer import PeerProtocol
from logsrv.kit.protocols.sending import CLOSING, WORKING

# Nothing more is read from the peer while this much waits for the plugin.
READ_AHEAD = 64 * 1024


class LineTooLong(PeerError):
    """The peer sent a line longer than `max_line`. Unhandled, it is told so and dismissed."""


class Connection:
    """One peer. When the function that got it returns, or raises, the connection is closed.

    encoding: of the lines, both ways; what is not text becomes U+FFFD.
    max_line: bytes a line may have; the operator's --max-line.
    """

    encoding = "utf-8"

    def __init__(self, protocol: StreamProtocol, max_line: int) -> None:
        self.max_line = max_line
        self._protocol = protocol
        # As received; and what was taken out of that for lines, without Telnet's commands.
        self._raw = bytearray()
        self._text = bytearray()
        self._scanned = 0
        self._telnet = TelnetFilter()
        self._waiting: Deferred[None] | None = None
        self._ended = False

    @property
    def peer(self) -> str:
        """Who it is: `tcp:127.0.0.1:51234`; printable ASCII without spaces."""
        return self._protocol.peer

    @property
    def service(self) -> Any:
        """The running service: `settings`, `state`, `metrics`, `clock`."""
        return self._protocol.service

    @property
    def clock(self) -> IReactorTime:
        return self._protocol.clock

    @property
    def log(self) -> Logger:
        """A Logger whose every message begins with the peer."""
        return self._protocol.log

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
        deadline = None if timeout is None else self.clock.seconds() + timeout
        while True:
            end = self._text.find(LF, self._scanned)
            if end < 0:
                # Not before: what waits unread in `_raw` is what holds the peer back.
                self._filter()
                end = self._text.find(LF, self._scanned)
            if end < 0 and self._ended:
                return self._last_line()
            if end - (self._text[end - 1 : end] == b"\r") > self.max_line or (
                end < 0 and len(self._text) > self.max_line + 1
            ):
                raise LineTooLong(f"a line is longer than {self.max_line} bytes")
            if end >= 0:
                return self._take_line(end)
            self._scanned = len(self._text)
            await self._more(deadline)

    async def read(self, most: int = READ_AHEAD, timeout: float | None = None) -> bytes:
        """One to `most` bytes as they come; b"" when the peer sends nothing more.

        Telnet's commands are taken out only of what `read_line` has looked at. Raises TimeoutError.
        """
        deadline = None if timeout is None else self.clock.seconds() + timeout
        while not (self._text or self._raw or self._ended):
            await self._more(deadline)
        source = self._text or self._raw
        data = bytes(source[:most])
        del source[:most]
        self._scanned = 0
        self._protocol.let_in(len(self._raw))
        return data

    def send_line(self, text: str) -> None:
        """Send `text` and CR LF. What is sent to a peer that has gone is dropped."""
        self._protocol.write(f"{text}\r\n".encode(self.encoding, "replace"))

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._protocol.write(data)

    async def drain(self) -> None:
        """Wait until the peer has read enough for more to be written.

        Raises PeerGone when it goes away instead; a function that does not handle that just ends.
        """
        await self._protocol.drain()

    def close(self, last_words: str | None = None) -> None:
        """Send `last_words`, if any, and all that was sent before, then close the connection."""
        self._protocol.close(last_words)
        self.end()

    def feed(self, data: bytes) -> int:
        """What the peer sent, from the protocol; gives how many bytes wait now."""
        self._raw += data
        self._wake()
        return len(self._raw)

    def end(self) -> None:
        """The peer sends nothing more, says the protocol."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    async def _more(self, deadline: float | None) -> None:
        if self._waiting is not None:
            raise RuntimeError("two readers wait for one connection")
        self._waiting = waiting = Deferred[None]()
        self._protocol.let_in(len(self._raw))
        if deadline is None:
            await waiting
            return
        waiting.addTimeout(max(0.0, deadline - self.clock.seconds()), self.clock)
        try:
            await waiting
        except DeferredTimeout:
            self._waiting = None
            raise TimeoutError(f"{self.peer} sent nothing in time") from None

    def _filter(self) -> None:
        """Move what was received to where lines are taken from."""
        if self._raw:
            text = self._telnet.receive(bytes(self._raw))
            self._raw.clear()
            self._text += text
            answers = self._telnet.take_answers()
            if answers:
                self._protocol.write(answers)
        if self._ended:
            self._text += self._telnet.finish()

    def _take_line(self, end: int) -> str:
        line = self._text[:end]
        del self._text[: end + 1]
        self._scanned = 0
        return self._decoded(line)

    def _last_line(self) -> str | None:
        line = bytes(self._text)
        self._text.clear()
        self._scanned = 0
        return self._decoded(line) if line else None

    def _decoded(self, line: bytes | bytearray) -> str:
        if b"\r" in line:
            line = line.replace(b"\r\0", b"").removesuffix(b"\r")
        return line.decode(self.encoding, "replace")


class StreamProtocol(PeerProtocol):
    """Gives a function its connection, and the connection its bytes."""

    def __init__(self, handle: Callable[[Connection], object]) -> None:
        self._handle = handle

    def connection_made(self) -> None:
        self._connection = Connection(self, self.factory.line_format.max_line)
        result = self._handle(self._connection)
        if result is None:
            self.close()
        else:
            self._awaited(result, "handle").addCallbacks(
                lambda _: self.close(), lambda failure: self._fail("handle", failure)
            )

    def dataReceived(self, data: bytes) -> None:
        self.factory.received_bytes += len(data)
        if not self._busy & CLOSING:
            self.let_in(self._connection.feed(data))

    def readConnectionLost(self) -> None:
        super().readConnectionLost()
        self._connection.end()

    def let_in(self, waiting: int) -> None:
        """So many bytes wait for the plugin: read on from the peer, or not."""
        if waiting >= READ_AHEAD:
            self._busy |= WORKING
        else:
            self._busy &= ~WORKING
        self._settle()

    def _lost(self) -> None:
        self._connection.end()
