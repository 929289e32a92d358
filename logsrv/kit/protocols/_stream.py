"""A connection as a stream, for `async def handle(connection)`.

async def handle(connection):
    async for line in connection:
        connection.send_line(line.upper())
        await connection.drain()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

import attrs

from logsrv.kit.connections.transports import end_output
from logsrv.kit.framing._incoming import Incoming, LineTooLong
from logsrv.kit.protocols._awaiting import ReusableDeferred, working
from logsrv.kit.protocols._connection import FIRST_AT_ONCE, PeerConnection
from logsrv.kit.protocols._context import Settings, State
from logsrv.kit.protocols._protocol import PeerProtocol
from logsrv.kit.protocols._sending import GATHERED
from logsrv.kit.protocols._states import AWAIT, FINISH, OPEN, STUCK
from logsrv.kit.protocols.faults import EndOfStream, PeerGone, PeerTimeout, check_text

Result = TypeVar("Result")
# Nothing more is read from the peer while this much waits for the protocol.
READ_AHEAD = 64 * 1024


class Connection(PeerProtocol[Settings, State]):
    """A connection as a stream. It is closed when the function that got it returns or raises.

    half_close: as in `PeerProtocol`; but a function that waits for input is not cancelled.
    tell_errors: as in `PeerProtocol`. False is for protocols whose peers read no text.
    idle_words: the last line for a peer that --idle-timeout closes; None for none.

    Set these before the first `read_line`:
    encoding: of lines, both ways; bytes that are not text become U+FFFD.
    max_line: the most bytes of a line; by default the operator's --max-line.
    telnet: whether Telnet commands are removed from lines, and answered. Reads of bytes keep them.

    Bytes and lines may be read in any order; the results do not depend on how the network cut the
    bytes. With `timeout`, each read raises PeerTimeout after so many seconds of waiting for this peer.
    """

    telnet = True
    max_line: int
    idle_words: str | None = None  # type: ignore[assignment]

    # The same as `_connection`, but it stays after the end: the function may still read what has come.
    _peer_connection: PeerConnection

    def __init__(self, handle: Callable[[Connection], object]) -> None:
        self._handle = handle
        self._reads_lines = False
        # True while reading from the peer is paused, because too much is unread.
        self._holds_back = False
        # Until the next look at the clock.
        self._reads_left = FIRST_AT_ONCE
        # True if `advance` may wake the code that waits: input has come since, or it waits only until other
        # peers have room.
        self._news = False
        # Fires when there is more to read, or when the peers that had too much to read have room.
        self._waiting: ReusableDeferred | None = None
        self._wake_up = ReusableDeferred()

    def connection_made(self) -> None:
        """Begin the function. It asks for input itself."""
        self._peer_connection = connection = self._connection or self._ensure_connection()
        line_format = self.factory.line_format
        self.max_line = line_format.max_line
        self._incoming = Incoming(line_format)
        connection.reader = self
        result = self._handle(self)
        if result is None:
            connection.close()
        else:
            connection.await_handle(result)

    @property
    def closed(self) -> bool:
        """Return true if either side has closed the connection: nothing can be sent any more."""
        return self._peer_connection.state.sending is not OPEN

    def _words_when_idle(self) -> str | None:
        return self.idle_words

    async def ask(self, prompt: str = "", timeout: float | None = None) -> str:
        """Send `prompt` without a line ending, and return the next line.

        Raises PeerGone, which needs no handling, when the peer sends no more.
        """
        self._peer_connection.send_text(prompt)
        line = await self.read_line(timeout)
        if line is None:
            raise PeerGone(f"{self.peer} sends nothing more")
        return line

    def send_line(self, text: str) -> None:
        """Send `text` and CR LF. It is dropped if the peer has gone."""
        connection = self._peer_connection
        if (lines := connection.lines) is None or type(text) is not str:
            connection.send_line(text)
            return
        # The same as there, as in `LineProtocol`.
        connection.gathered += len(text) + 2
        lines.append(text)
        if connection.gathered > GATHERED:
            connection.write_gathered()

    async def drain(self) -> None:  # type: ignore[override]
        """Wait until this peer, and each other that the function wrote to, has room for more.

        Raises PeerGone, which needs no handling, if the peer goes away instead.
        """
        if not self._peer_connection.state.has_room:
            await self._peer_connection.drain()

    async def end_output(self) -> bool:
        """Send all output, then tell the peer that nothing more comes; it may still send.

        Return False where that cannot be told: over TLS, and by some transports of other packages. Raises
        PeerGone.
        """
        await self.drain()
        return end_output(self.transport)

    def read_always(self) -> None:
        """Read from the peer even while it does not take what is sent to it, as `relay` has to."""
        self._peer_connection.read_always()

    def close(self, last_words: str | None = None) -> None:
        """Send `last_words`, if any, after all earlier output, then close the connection."""
        if last_words is not None:
            check_text(last_words, "close")
        self._peer_connection.close(last_words)
        if working.get() is None:
            self._wake_reader()
        elif self._waiting is not None:
            # Other code closes a connection that waits, and its code may close the next: thousands in each
            # other's calls would exceed Python's limit.
            self.clock.callLater(0, self._wake_reader)

    # Reading: lines and bytes in any order, each as soon as it can be.

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        # The same as `read_line`: its coroutine and that of its wait would add two fifths to the cost of a
        # line.
        incoming, connection = self._incoming, self._peer_connection
        if not self._reads_lines or connection.state.others is STUCK:
            line = await self.read_line()
        elif (line := next(incoming.lines, None)) is not None:
            return line
        elif not incoming.is_spent():
            if connection.is_turn_over():
                await self._wait_for_turn(is_over=True)
            line = self._make_line()
        if line is None and not (incoming.ended or connection.state.ended):
            waiting = self._wake_up
            if self._waiting is None and not (waiting.called or self._holds_back):
                # The same as there.
                self._news = False
                self._waiting = waiting
                if connection.when_answered is not None:
                    connection.when_answered()
            else:
                waiting = self._wait_for_input()
            try:
                await waiting
            finally:
                if self._waiting is waiting:
                    self._waiting = None
            line = self._make_line()
        if line is None:
            line = await self._read_with_more_input(None, self._take_line)
        if line is None:
            raise StopAsyncIteration
        return line

    async def read_line(self, timeout: float | None = None) -> str | None:
        """Return the next line without its ending (LF or CR LF), or None at the end of input.

        An unfinished last line is a line. Raises LineTooLong for one of more than `max_line` bytes.
        """
        if not self._reads_lines:
            self._reads_lines = True
            self._incoming.format = attrs.evolve(
                self._incoming.format,
                encoding=self.encoding,
                max_line=self.max_line,
                telnet=self.telnet,
            )
        self._reads_left -= 1
        if not self._reads_left or self._peer_connection.state.others is STUCK:
            await self._wait_for_turn()
        line = self._take_line()
        return await self._read_with_more_input(timeout, self._take_line) if line is None else line

    async def read_exactly(self, number: int, timeout: float | None = None) -> bytes:
        """Read exactly `number` bytes. Raises EndOfStream when the peer sends fewer.

        They all wait in memory, so check a number that the peer gave.
        """
        if number < 0:
            raise ValueError(f"read_exactly takes a number of bytes, not {number}")
        self._reads_left -= 1
        if not self._reads_left or self._peer_connection.state.others is STUCK:
            await self._wait_for_turn()
        data = self._incoming.take_exactly(number)
        if data is None:
            data = await self._read_with_more_input(timeout, self._incoming.take_exactly, number)
            if data is None:
                raise self._end_error(f"{number} bytes")
        if self._holds_back:
            self._pause_if_unread()
        return data

    async def read_until(
        self, separator: bytes, limit: int | None = None, timeout: float | None = None
    ) -> bytes:
        """Read up to and including `separator`; later reads get the bytes after it.

        limit: the most bytes, with the separator; by default `max_line`. Raises LineTooLong when the
        separator is not among them, EndOfStream when the peer ends without it.
        """
        if not separator:
            raise ValueError("read_until takes a separator of one byte or more")
        most = self.max_line if limit is None else limit
        self._reads_left -= 1
        if not self._reads_left or self._peer_connection.state.others is STUCK:
            await self._wait_for_turn()
        data = self._incoming.take_until(separator, most)
        if data is None:
            data = await self._read_with_more_input(
                timeout, self._incoming.take_until, separator, most
            )
            if data is None:
                raise self._end_error(repr(separator))
        if self._holds_back:
            self._pause_if_unread()
        return data

    async def read_some(self, most: int = READ_AHEAD, timeout: float | None = None) -> bytes:
        """Read one to `most` bytes as they come; b"" when the peer sends nothing more."""
        if most < 1:
            raise ValueError(f"read_some takes one byte or more, not {most}")
        self._reads_left -= 1
        if not self._reads_left or self._peer_connection.state.others is STUCK:
            await self._wait_for_turn()
        data = self._incoming.take_some(most)
        if data is None:
            data = await self._read_with_more_input(timeout, self._incoming.take_some, most)
        if self._holds_back:
            self._pause_if_unread()
        return data or b""

    def take_rest(self) -> bytes:
        """Return what has come and was not read."""
        return self._incoming.take_all()

    # The methods of an `InputReader`, for the connection.

    waits_by_itself = True

    @property
    def waiting(self) -> bool:
        return self._waiting is not None

    @property
    def exhausted(self) -> bool:
        # The author's code may never ask for the rest.
        return True

    @property
    def discard_early_input(self) -> bool:
        # TLS begins: what came before it is dropped. A line that is skipped counts as well.
        return bool(self._incoming.take_all()) or self._incoming.skipping is not None

    def received(self, data: bytes) -> None:
        self._incoming.receive(data)
        self._news = True
        if self._peer_connection.state.ready:
            self._peer_connection.call_author(self.advance, "handle")

    def advance(self) -> None:
        """Wake a waiting read, and pause the peer again if too much stays unread."""
        waiting = self._waiting
        if waiting is not None and (self._news or self._peer_connection.state.ended):
            self._waiting = None
            if (waiter := waiting.waiter) is None:
                waiting.fire()
            else:
                # The same as there.
                waiting.waiter = None
                waiter.run_to_next_wait()
        if self._waiting is None or self._holds_back:
            self._pause_if_unread()

    def lost(self) -> None:
        self._wake_reader()

    def _new_reader(self, connection: PeerConnection) -> Connection[Settings, State]:
        """Read on with nothing of what came before TLS."""
        self._incoming = Incoming(self._incoming.format)
        self._holds_back = False
        return self

    def _wake_reader(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.fire()

    async def _read_with_more_input(
        self, timeout: float | None, take: Callable[..., Result | None], *wanted: Any
    ) -> Result | None:
        """Return the next result of `take(*wanted)`, which has given None; None at the end of input.

        Raises PeerTimeout.
        """
        incoming = self._incoming
        result = timer = waiting = None
        if timeout is not None:
            timer = self.clock.callLater(max(0.0, timeout), self._wake_reader)
        try:
            while result is None and not incoming.ended:
                if self._peer_connection.state.ended:
                    incoming.ended = True
                else:
                    waiting = self._wait_for_input()
                    await waiting
                    if timer is not None and not timer.active():
                        raise PeerTimeout(self.peer)
                result = take(*wanted)
        finally:
            if waiting is not None and self._waiting is waiting:
                self._waiting = None
            if timer is not None and timer.active():
                timer.cancel()
        return result

    async def _wait_for_turn(self, *, is_over: bool | None = None) -> None:
        """Wait until others have had their turn, and the peers that the protocol writes to have room.

        `patience` bounds the time. is_over: whether the turn is over, if that is known.
        """
        connection = self._peer_connection
        if is_over is None:
            is_over = connection.is_turn_over()
        self._reads_left = connection.at_once
        if is_over and connection.state.sending is OPEN:
            # `give_way` holds the input back as well.
            self._holds_back = False
            connection.give_way()
        elif is_over:
            # What has come may be read after the end, too.
            connection.turn_began = None
            self.clock.callLater(0, self._wake_reader)
            await self._wait_until_woken()
        while connection.state.sending is OPEN and (
            connection.gives_way or connection.state.others is STUCK
        ):
            await self._wait_until_woken()

    async def _wait_until_woken(self) -> None:
        waiting = self._wait_for_input(news=True)
        try:
            await waiting
        finally:
            if self._waiting is waiting:
                self._waiting = None

    def _wait_for_input(self, *, news: bool = False) -> ReusableDeferred:
        """Return an awaitable for more input, or its end. Raises RuntimeError if two wait.

        news: whether it returns as soon as the connection is not held back.
        """
        if self._waiting is not None:
            raise RuntimeError("two readers wait for one connection")
        self._news = news
        if self._wake_up.called:
            self._wake_up = ReusableDeferred()
        self._waiting = self._wake_up
        if self._holds_back:
            self._pause_if_unread()
        if self._peer_connection.when_answered is not None:
            self._peer_connection.when_answered()
        return self._wake_up

    def _take_line(self) -> str | None:
        """Return the next complete line; at the end, an unfinished one. Raises LineTooLong."""
        line = next(self._incoming.lines, None)
        return self._make_line() if line is None else line

    def _make_line(self) -> str | None:
        """Do the same, when all decoded lines were taken."""
        incoming = self._incoming
        line = None
        try:
            if incoming.make_lines(self._peer_connection.at_once):
                line = next(incoming.lines)
        except LineTooLong:
            self.factory.oversize_lines += 1
            raise
        if incoming.answers:
            answers, incoming.answers = incoming.answers, b""
            self._peer_connection.write(answers)
        return line

    def _end_error(self, wanted: str) -> EndOfStream:
        return EndOfStream(self.peer, wanted, self._incoming.take_all())

    def _pause_if_unread(self) -> None:
        """Pause reading from the peer while much is unread and no read waits."""
        much = len(self._incoming) >= READ_AHEAD and self._waiting is None
        if much is not self._holds_back:
            self._holds_back = much
            self._peer_connection.change_state(AWAIT if much else FINISH)
