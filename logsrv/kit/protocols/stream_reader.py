"""The bytes of one peer, given out as lines or as bytes, whichever is asked for next."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout

from logsrv.errors import PeerError
from logsrv.kit.framing.lines import LF, LineSplitter
from logsrv.kit.protocols.connection import PeerConnection
from logsrv.kit.protocols.states import AWAIT, FINISH

IAC = b"\xff"
# Nothing more is read from the peer while this much waits for the author.
READ_AHEAD = 64 * 1024


class LineTooLong(PeerError):
    """The peer sent a line longer than `max_line`. Unhandled, it is told so and dismissed.

    The rest of that line is skipped by whoever handles it and reads on.
    """


class StreamReader:
    """Keeps bytes as they came until lines are asked for, and can make bytes of lines again."""

    __slots__ = ("_block", "_connection", "_given", "_lines", "_raw", "_splitter", "_waiting")

    def __init__(self, connection: PeerConnection) -> None:
        self._connection = connection
        self._raw = bytearray()
        self._splitter: LineSplitter | None = None
        # Bytes that were split into lines, of which so many were given out.
        self._block = b""
        self._given = 0
        self._lines: Iterator[str] = iter(())
        self._waiting: Deferred[None] | None = None

    @property
    def ended(self) -> bool:
        """Return true if nothing more will come."""
        return self._connection.ended

    def received(self, data: bytes) -> None:
        self._raw += data
        if self._connection.state.ready:
            self._connection.call(self.advance, "handle")

    def advance(self) -> None:
        """Wake who waits for more. What is left then may be enough for now."""
        if self._raw or self.ended:
            self.wake()
        self._weigh()

    def lost(self) -> None:
        self.wake()

    def wake(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    async def more(self, deadline: float | None) -> None:
        """Wait until something came, or the end. Raises TimeoutError."""
        if self._waiting is not None:
            raise RuntimeError("two readers wait for one connection")
        self._weigh()
        self._waiting = waiting = Deferred[None]()
        if deadline is None:
            await waiting
            return
        clock = self._connection.author.factory.service.clock
        waiting.addTimeout(max(0.0, deadline - clock.seconds()), clock)
        try:
            await waiting
        except DeferredTimeout:
            self._waiting = None
            raise TimeoutError(f"{self._connection.author.peer} sent nothing in time") from None

    def take(self, most: int) -> bytes:
        """Take one to `most` bytes, if there are any."""
        if self._splitter is not None:
            self._go_back(self._splitter)
        data = bytes(self._raw[:most])
        del self._raw[:most]
        self._weigh()
        return data

    def take_line(self, encoding: str, max_line: int) -> str | None:
        """The next line if it is there; at the end, the unfinished one. Raises LineTooLong."""
        splitter = self._splitter
        if splitter is None:
            line_format = self._connection.author.factory.line_format
            splitter = self._splitter = LineSplitter(
                attrs.evolve(line_format, encoding=encoding, max_line=max_line)
            )
        while True:
            for line in self._lines:
                self._given += 1
                return line
            self._block = b""
            if splitter.trouble is not None:
                splitter.trouble = None
                self._raw[:0] = splitter.take_rest()
                self._connection.author.factory.oversize_lines += 1
                raise LineTooLong(f"a line is longer than {max_line} bytes")
            if self._raw:
                self._split(splitter)
                continue
            last = splitter.finish() if self.ended else None
            if splitter.trouble is None:
                return last

    def _split(self, splitter: LineSplitter) -> None:
        raw = self._raw
        # With Telnet's commands in it, it has to be known what belongs to which line.
        single = splitter.answering or IAC in raw
        end = (raw.find(LF) if single else raw.rfind(LF)) + 1 or len(raw)
        self._block, self._given = bytes(raw[:end]), 0
        del raw[:end]
        self._lines = iter(splitter.receive(self._block))
        if splitter.answering:
            self._connection.write(splitter.take_answers())

    def _go_back(self, splitter: LineSplitter) -> None:
        """Make bytes again of what was split and not given out."""
        rest = splitter.take_rest()
        if self._block:
            rest = self._block.split(LF, self._given)[-1] or rest
        self._raw[:0] = rest
        self._block, self._lines, splitter.trouble = b"", iter(()), None

    def _weigh(self) -> None:
        """Have the peer wait while much is unread."""
        self._connection.tell(AWAIT if len(self._raw) >= READ_AHEAD else FINISH)
