"""The line reader: the bytes of one connection become calls of its author, a line at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from logsrv.kit.framing.lines import LineSplitter, Trouble
from logsrv.kit.protocols.connection import PeerConnection
from logsrv.kit.protocols.states import ENDED

# Has been gone through already, so all may share it.
NO_LINES: Iterator[str] = iter(())


class LineAuthor(Protocol):
    """The author of a protocol who is given the lines: a `LineProtocol`."""

    def line_received(self, line: str) -> object: ...

    def line_too_long(self, limit: int) -> object: ...

    def line_not_text(self) -> object: ...


class LineReader:
    """Splits what comes, and gives line after line as long as the author is ready for one."""

    __slots__ = ("_author", "_connection", "_late", "_lines", "_splitter")

    def __init__(self, author: LineAuthor, connection: PeerConnection) -> None:
        self._author = author
        self._connection = connection
        self._splitter = LineSplitter(connection.author.factory.line_format)
        self._lines: Iterator[str] = NO_LINES
        # Chunks that came while the author was not ready.
        self._late: list[bytes] | None = None

    def received(self, data: bytes) -> None:
        connection = self._connection
        if not connection.state.ready:
            self._late = [*(self._late or ()), data]
            return
        self._split(data)
        connection.call(self.advance, "line_received")

    def advance(self) -> None:
        connection, line_received = self._connection, self._author.line_received
        while True:
            for line in self._lines:
                result = line_received(line)
                if result is not None:
                    connection.wait_for(result, "line_received")
                if connection.state.held:
                    return
            self._lines = NO_LINES
            if not self._refill():
                return

    def lost(self) -> None:
        self._splitter.discard()
        late = sum(map(len, self._late or ()))
        self._connection.author.factory.dropped_bytes += self._splitter.dropped + late
        self._lines, self._late = NO_LINES, None

    def _split(self, data: bytes) -> None:
        splitter = self._splitter
        self._lines = iter(splitter.receive(data))
        if splitter.answering:
            self._connection.write(splitter.take_answers())

    def _refill(self) -> bool:
        """Get more lines, or deal with what there is instead of a line. Gives whether to go on."""
        splitter = self._splitter
        if splitter.trouble is not None:
            trouble, splitter.trouble = splitter.trouble, None
            self._in_trouble(trouble)
            if not self._connection.state.held:
                self._split(b"")
        elif self._late:
            data, self._late = b"".join(self._late), None
            self._split(data)
        elif self._connection.state.reading is ENDED:
            line = splitter.finish()
            if line is not None:
                self._lines = iter((line,))
            elif splitter.trouble is None:
                self._connection.close()
        else:
            return False
        return not self._connection.state.held

    def _in_trouble(self, trouble: Trouble) -> None:
        context = self._connection.author.factory
        if trouble is Trouble.TOO_LONG:
            context.oversize_lines += 1
            result = self._author.line_too_long(context.line_format.max_line)
        else:
            result = self._author.line_not_text()
        if result is not None:
            self._connection.wait_for(result, trouble.name)
