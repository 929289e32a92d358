"""The base class for protocols of lines over a connection.

class Shout(LineProtocol):
    def line_received(self, line):
        self.send_line(line.upper())
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from operator import length_hint

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout

from logsrv.kit.framing.incoming import LEAST_AT_ONCE, MOST_AT_ONCE
from logsrv.kit.framing.lines import LineFormat, LineSplitter, Trouble
from logsrv.kit.protocols.connection.connection import GATHERED, PeerConnection
from logsrv.kit.protocols.connection.context import Settings, State
from logsrv.kit.protocols.connection.faults import EndOfStream, PeerGone, PeerTimeout
from logsrv.kit.protocols.connection.mistakes import check_text
from logsrv.kit.protocols.connection.states import AWAIT, ENDED, FINISH, OPEN
from logsrv.kit.protocols.protocol import PeerProtocol

# Has been gone through already, so all may share it.
NO_LINES: Iterator[str] = iter(())
# A line was the answer to a question.
ANSWERED = object()


class LineProtocol(PeerProtocol[Settings, State]):
    """Lines in, lines out, as str; one object per connection.

    `LineProtocol[Options, Room]` tells type checkers what `self.service.settings` and
    `self.service.state` are.

    Override `line_received`, and `connection_made` and `connection_lost` if need be. Each of the
    three may be `async def`; then the next line waits for it, and so does the peer: nothing more is
    read.

    max_line: bytes a line may have, and the most that --max-line can be; None: as --max-line says.
    delimiter: ends a line that is received; with LF a CR before it belongs to the ending.
    errors: "replace" puts U+FFFD where a line is not text in `encoding`, "reject" dismisses the peer.
    telnet: whether Telnet's commands are taken out of what is received, and answered.
    """

    max_line: int | None = None
    delimiter = b"\n"
    errors = "replace"
    telnet = True

    def line_received(self, line: str) -> object:
        """The peer sent a line; `line` is without its ending.

        When the peer sends nothing more, an unfinished last line comes as a line too.
        """
        raise NotImplementedError(f"{type(self).__name__} has no line_received")

    def line_too_long(self, limit: int) -> object:
        """The peer sent a line of more than `limit` bytes; they are dropped.

        Unless this is overridden, the peer is told so and the connection is closed.
        """
        (self._connection or self._connected()).dismiss(
            "line_too_long", f"a line is longer than {limit} bytes; closing the connection"
        )
        return None

    def line_not_text(self) -> object:
        """The peer sent a line that is not text in `encoding`; only with `errors = "reject"`.

        Unless this is overridden, the peer is told so and the connection is closed.
        """
        (self._connection or self._connected()).dismiss(
            "not_text", f"a line is not {self.encoding}; closing the connection"
        )
        return None

    @classmethod
    def make_line_format(cls, max_line: int) -> LineFormat:
        """Return what a line is, with the operator's `max_line`. Raises ValueError for what can't be."""
        return LineFormat(
            max_line=min(max_line, cls.max_line or max_line),
            delimiter=cls.delimiter,
            encoding=cls.encoding,
            errors=cls.errors,
            telnet=cls.telnet,
        )

    def send_line(self, text: str) -> None:
        """Send `text` and a line ending. What is sent to a peer that has gone is dropped."""
        connection = self._connection
        if connection is None or (lines := connection.lines) is None or type(text) is not str:
            (connection or self._connected()).send_line(text)
            return
        # As there; one call less for each line is a tenth of what a line costs.
        connection.gathered += len(text)
        lines.append(text)
        if connection.gathered > GATHERED:
            connection.flush()

    async def ask(self, prompt: str = "", timeout: float | None = None) -> str:
        """Send `prompt` without a line ending, and return the next line, which nobody else gets.

        Raises PeerGone, which needs no handling, when the peer sends no more; with `timeout`,
        PeerTimeout after so many seconds.
        """
        connection = self._connection or self._connected()
        connection.send_text(prompt)
        return await self._reader(connection).next_line(timeout)

    def close(self, last_words: str | None = None) -> None:
        """Send `last_words`, if any, and all that was sent before, then close the connection.

        Nothing more is given to the plugin but `connection_lost`.
        """
        if last_words is not None:
            check_text(last_words, "close")
        (self._connection or self._connected()).close(last_words)

    def read_bytes(self, number: int) -> Deferred[bytes]:
        """Read so many bytes as they come, from behind the line that was received last.

        Await it in `async def line_received`; the next line is that behind the bytes. They all wait in
        memory: if the peer says how many it sends, look at the number first. Fails with EndOfStream
        when the peer sends fewer, which needs no handling. Only for a class with `telnet = False`.
        """
        if self.telnet:
            raise RuntimeError(
                f"read_bytes needs telnet = False in {type(self).__name__}: "
                "or bytes that look like Telnet's commands would be taken out"
            )
        if number < 0:
            raise ValueError(f"read_bytes takes a number of bytes, not {number}")
        return self._reader(self._connection or self._connected()).read_bytes(number)

    def dataReceived(self, data: bytes) -> None:
        connection = self._connection or self._connected()
        if connection.reader is None:
            connection.reader = self._new_reader(connection)
        connection.received(data)

    def _new_reader(self, connection: PeerConnection) -> LineReader:
        return LineReader(self, connection)

    def _reader(self, connection: PeerConnection) -> LineReader:
        """Return the reader, for one who wants something of it now."""
        if connection.reader is None:
            connection.reader = self._new_reader(connection)
        if connection.reader.waiting or not isinstance(connection.reader, LineReader):
            raise RuntimeError("two readers wait for one connection")
        return connection.reader


class LineReader:
    """Splits what comes, and gives line after line as long as the author is ready for one."""

    __slots__ = (
        "_at", "_at_once", "_author", "_connection", "_count", "_format", "_late", "_lines", "_splitter",
        "_wanted", "_whole",
    )  # fmt: skip

    def __init__(self, author: LineProtocol, connection: PeerConnection) -> None:
        self._author = author
        self._connection = connection
        self._format = author.factory.line_format
        # None until something comes that is more, or less, than whole lines.
        self._splitter: LineSplitter | None = None
        self._lines: Iterator[str] = NO_LINES
        # So many of them were made of the last chunk, which this is if it was whole lines.
        self._count = 0
        self._whole = b""
        # Bytes that came while the author was not ready, those from `_at` on.
        self._late = b""
        self._at = 0
        # So many of them are split at once; 0 for all.
        self._at_once = 0
        # Where the next line goes, if the author has asked for it.
        self._wanted: Deferred[str] | None = None

    @property
    def waiting(self) -> bool:
        return self._wanted is not None

    @property
    def exhausted(self) -> bool:
        return self._at == len(self._late) and not length_hint(self._lines)

    def received(self, data: bytes) -> None:
        connection = self._connection
        if not connection.state.ready:
            self._late, self._at = self._late[self._at :] + data, 0
            return
        if self._late:
            self._late, self._at = self._late[self._at :] + data, 0
        else:
            self._split(data)
        connection.call(self.advance, "line_received")

    async def next_line(self, timeout: float | None) -> str:
        """Return the next line instead of giving it to `line_received`."""
        connection = self._connection
        if connection.state.sending is not OPEN:
            raise PeerGone(f"{self._author.peer} has gone")
        self._wanted = wanted = Deferred[str](self._given_up)
        if timeout is not None:
            wanted.addTimeout(timeout, self._author.clock)
        # Who asks is not done, but can be given something.
        connection.tell(FINISH)
        try:
            return await wanted
        except DeferredTimeout:
            raise PeerTimeout(self._author.peer) from None

    def _answered(self) -> Deferred[str]:
        """Return who asked, who works on from now; the next line is no answer."""
        wanted, self._wanted = self._wanted, None
        assert wanted is not None
        if self._connection.work is not None:
            self._connection.tell(AWAIT)
        return wanted

    def _given_up(self, wanted: Deferred[str]) -> None:
        self._answered()

    def _answer(self, line: str) -> object:
        self._answered().callback(line)
        return ANSWERED

    def advance(self) -> None:
        connection, line_received = self._connection, self._receiver
        while True:
            for line in self._lines:
                result = line_received(line)
                if result is not None:
                    if result is not ANSWERED:
                        connection.wait_for(result, "line_received")
                    line_received = self._receiver
                if connection.state.held:
                    return
            self._lines = NO_LINES
            if not self._refill():
                return
            line_received = self._receiver

    @property
    def ahead(self) -> bool:
        return not self.exhausted or (self._splitter is not None and self._splitter.holds_some)

    @property
    def _receiver(self) -> Callable[[str], object]:
        return self._author.line_received if self._wanted is None else self._answer

    @property
    def spent(self) -> bool:
        if self._lines is not NO_LINES or self._late or self._wanted is not None:
            return False
        return self._splitter is None or self._splitter.spent

    def lost(self) -> None:
        if self._wanted is not None:
            self._answered().errback(PeerGone(f"{self._author.peer} has gone"))
        dropped = len(self._late) - self._at
        if self._splitter is not None:
            self._splitter.discard()
            dropped += self._splitter.dropped
        self._connection.author.factory.dropped_bytes += dropped
        self._lines, self._late, self._at = NO_LINES, b"", 0

    def read_bytes(self, number: int) -> Deferred[bytes]:
        """Read so many bytes from behind the line that was given last, and go on with lines then."""
        self._unsplit()
        # Little by little: or a chunk of many short messages would be split anew for each.
        self._at_once = LEAST_AT_ONCE
        end = self._at + number
        data, connection = self._late[self._at : end], self._connection
        if len(data) == number:
            self._at = end
            return succeed(data)
        self._late, self._at = b"", 0
        if connection.ended:
            return fail(ended_early(connection, number, data))
        connection.reader = reader = ByteReader(connection, self, number, data)
        connection.tell(FINISH)
        return reader.read

    def go_on(self, data: bytes) -> None:
        """Read lines again, from what came behind the bytes."""
        self._late, self._at = data, 0

    def _unsplit(self) -> None:
        """Make bytes again of what came behind the line that was given last."""
        given = self._count - length_hint(self._lines)
        if self._whole:
            rest = self._whole.split(self._format.delimiter, given)[-1]
        elif self._splitter is not None and self._splitter.chunk:
            rest = self._splitter.unread(given)
        else:
            return
        # Whoever goes through them is to find none.
        deque(self._lines, 0)
        self._let_go()
        if self._late:
            self._at -= len(rest)
        else:
            self._late = rest

    def _let_go(self) -> None:
        self._whole = b""
        if self._splitter is not None:
            self._splitter.chunk = b""

    def _split(self, data: bytes) -> None:
        splitter = self._splitter
        if splitter is None:
            lines = self._format.split_whole(data)
            if lines is not None:
                self._lines, self._count, self._whole = iter(lines), len(lines), data
                return
            splitter = self._splitter = LineSplitter(self._format)
            self._whole = b""
        lines = splitter.receive(data)
        self._lines, self._count = iter(lines), len(lines)
        if splitter.answering:
            self._connection.write(splitter.take_answers())

    def _refill(self) -> bool:
        """Get more lines, or deal with what there is instead of a line. Gives whether to go on."""
        splitter = self._splitter
        if splitter is not None and splitter.trouble is not None:
            trouble, splitter.trouble = splitter.trouble, None
            # What is behind the line that is refused; from there on it is read like new.
            rest = splitter.take_rest()
            self._in_trouble(trouble)
            if not self._connection.state.held:
                self._split(rest)
            else:
                self._late, self._at = rest + self._late[self._at :], 0
        elif self._at < len(self._late):
            self._split(self._take_late())
        elif self._connection.state.reading is ENDED and self._connection.reader is self:
            self._let_go()
            line = None if splitter is None else splitter.finish()
            if line is not None:
                self._lines = iter((line,))
            elif self._wanted is not None:
                self._answered().errback(PeerGone(f"{self._author.peer} sends nothing more"))
            elif splitter is None or splitter.trouble is None:
                self._connection.close()
        else:
            self._late, self._at, self._whole = b"", 0, b""
            if splitter is not None:
                splitter.chunk = b""
            return False
        return not self._connection.state.held

    def _take_late(self) -> bytes:
        if not self._at_once:
            data, self._late, self._at = self._late[self._at :], b"", 0
            return data
        data = self._late[self._at : self._at + self._at_once]
        self._at += len(data)
        self._at_once = 4 * self._at_once if self._at_once < MOST_AT_ONCE else 0
        return data

    def _in_trouble(self, trouble: Trouble) -> None:
        context = self._connection.author.factory
        if trouble is Trouble.TOO_LONG:
            context.oversize_lines += 1
            result = self._author.line_too_long(context.line_format.max_line)
        else:
            result = self._author.line_not_text()
        if result is not None:
            self._connection.wait_for(result, trouble.name)


class ByteReader:
    """Waits for bytes in the place of the LineReader, which goes on behind them.

    read: fires with them, or fails with EndOfStream; who cancels it has lines of what came.
    """

    __slots__ = ("_connection", "_data", "_number", "_then", "read")

    def __init__(
        self, connection: PeerConnection, then: LineReader, number: int, data: bytes
    ) -> None:
        self.read: Deferred[bytes] = Deferred(self._given_up)
        self._connection = connection
        self._then = then
        self._number = number
        self._data = bytearray(data)

    @property
    def spent(self) -> bool:
        return False

    @property
    def waiting(self) -> bool:
        return True

    @property
    def exhausted(self) -> bool:
        return False

    @property
    def ahead(self) -> bool:
        return False

    def received(self, data: bytes) -> None:
        self._data += data
        if len(self._data) >= self._number and self._connection.state.ready:
            self._connection.call(self.advance, "read_bytes")

    def advance(self) -> None:
        connection = self._connection
        if len(self._data) >= self._number:
            self.read.callback(self._end(self._number))
        elif connection.ended:
            self.lost()
        else:
            return
        if connection.reader is self._then and not connection.state.held:
            self._then.advance()

    def lost(self) -> None:
        data = self._end(len(self._data))
        self.read.errback(ended_early(self._connection, self._number, data))

    def _given_up(self, _: object) -> None:
        self._end(0)
        self._connection.later(0, self._resume)

    def _resume(self) -> None:
        if self._connection.state.ready:
            self._connection.call(self._then.advance, "line_received")

    def _end(self, number: int) -> bytes:
        """Let lines be read from what is behind `number` bytes; gives those."""
        connection = self._connection
        data = bytes(self._data[:number])
        connection.reader = self._then
        self._then.go_on(bytes(self._data[number:]))
        if connection.work is not None:
            connection.tell(AWAIT)
        return data


def ended_early(connection: PeerConnection, number: int, partial: bytes) -> EndOfStream:
    return EndOfStream(connection.author.peer, str(number), partial)
