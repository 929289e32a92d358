"""The reader of a LineProtocol: gives the protocol line after line, and the bytes that it asks for.

Lines go to `line_received` while the protocol is ready. Code that waits in `ask` gets the next line
instead, and code that waits in `read_bytes` the next bytes.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.python.failure import Failure

from logsrv.errors import PeerError
from logsrv.kit.framing._incoming import Incoming, LineNotText, LineTooLong
from logsrv.kit.protocols._connection import PeerConnection
from logsrv.kit.protocols._context import AuthorProtocol
from logsrv.kit.protocols._states import AWAIT, ENDED, FINISH, OPEN
from logsrv.kit.protocols.faults import EndOfStream, PeerGone, PeerTimeout


class LineAuthor(AuthorProtocol, Protocol):
    """The protocol object that gets the lines."""

    unfinished_line: bool

    def line_received(self, line: str) -> object: ...

    def line_too_long(self, limit: int) -> object: ...

    def line_not_text(self) -> object: ...


class LineReader:
    """Makes lines of the bytes, and gives the protocol one after another when it is ready."""

    __slots__ = ("_author", "_connection", "_incoming", "_number", "_reads_left", "_wanted")
    waits_by_itself = False

    def __init__(self, author: LineAuthor, connection: PeerConnection) -> None:
        format = author.factory.line_format
        self._author = author
        self._connection = connection
        # `read_bytes` refuses to work with Telnet, so with Telnet only lines are read.
        self._incoming = Incoming(format, only_lines=format.telnet)
        # Fires with the input that the protocol waits for: `_number` bytes; the next line if that is None.
        self._wanted: Deferred[Any] | None = None
        self._number: int | None = None
        # Until the next look at the clock.
        self._reads_left = connection.at_once

    @property
    def waiting(self) -> bool:
        return self._wanted is not None

    @property
    def exhausted(self) -> bool:
        return self._incoming.exhausted

    @property
    def discard_early_input(self) -> bool:
        incoming = self._incoming
        return incoming.decoded + len(incoming) > 0 or incoming.skipping is not None

    def received(self, data: bytes) -> None:
        self._incoming.receive(data)
        if self._connection.state.ready:
            self._connection.call_author(self.advance, "line_received")

    def advance(self) -> None:
        connection, incoming = self._connection, self._incoming
        steps = 0
        while not connection.state.held:
            if self._wanted is not None:
                steps += 1
                if steps > connection.at_once:
                    steps = 1
                    if connection.is_turn_over():
                        connection.give_way()
                        continue
                if not self._finish_read():
                    return
                continue
            line_received = self._author.line_received
            for line in incoming.lines:
                result = line_received(line)
                if result is not None:
                    connection.hold_input_until(result, "line_received")
                    if self._wanted is not None:
                        break
                if connection.state.held:
                    return
            else:
                # At the end of input, `_make_lines` closes.
                if self._wanted is None:
                    if not connection.state.ended and incoming.is_spent():
                        return
                    if steps and connection.is_turn_over():
                        connection.give_way()
                    elif not self._make_lines():
                        return
                    steps = 1

    def lost(self) -> None:
        if self._wanted is not None:
            gone = self._end_error("has gone")
            self._end_waiting().errback(gone)
        incoming = self._incoming
        dropped = incoming.dropped + len(incoming)
        if dropped:
            self._author.factory.dropped_bytes += dropped

    async def next_line(self, timeout: float | None) -> str:
        """Return the next line instead of giving it to `line_received`."""
        if self._connection.state.sending is not OPEN:
            raise PeerGone(f"{self._author.peer} has gone")
        wanted: Deferred[str] = self._start_wait()
        if timeout is not None:
            wanted.addTimeout(timeout, self._author.factory.service.clock)
        # The author's code is not done, but can take input.
        self._connection.change_state(FINISH)
        try:
            return await wanted
        except DeferredTimeout:
            raise PeerTimeout(self._author.peer) from None

    def read_bytes(self, number: int, timeout: float | None = None) -> Deferred[bytes]:
        """Read `number` bytes, which follow the last line that the protocol got; then go on with lines."""
        connection = self._connection
        self._reads_left -= 1
        gives_way = False
        if self._reads_left <= 0 and len(self._incoming) + self._incoming.decoded:
            gives_way = connection.is_turn_over()
            self._reads_left = connection.at_once
        if not (gives_way and connection.state.sending is OPEN):
            data = self._incoming.take_exactly(number)
            if data is not None:
                return succeed(data)
            if connection.state.ended:
                self._number = number
                return fail(self._end_error(""))
        wanted: Deferred[bytes] = self._start_wait(number)
        if timeout is not None:
            wanted.addTimeout(timeout, self._author.factory.service.clock, self._time_out)
        if gives_way:
            connection.give_way()
        else:
            connection.change_state(FINISH)
        return wanted

    def _time_out(self, result: object, seconds: float) -> object:
        """Return the result of a read that was cancelled for its time, as `addTimeout` wants it."""
        if isinstance(result, Failure) and result.check(CancelledError):
            raise PeerTimeout(self._author.peer)
        return result

    def _start_wait(self, number: int | None = None) -> Deferred[Any]:
        self._number = number
        self._wanted = Deferred(self._end_cancelled_wait)
        return self._wanted

    def _end_waiting(self) -> Deferred[Any]:
        """Return the Deferred that was waited for; the author's code continues."""
        wanted, self._wanted = self._wanted, None
        assert wanted is not None
        if self._connection.work is not None:
            self._connection.change_state(AWAIT)
        return wanted

    def _end_cancelled_wait(self, _: object) -> None:
        """Make lines of the bytes that came, once the reader that gave up has returned."""
        self._end_waiting()
        if self._number is not None:
            self._connection.later(0, self.received, b"")

    def _finish_read(self) -> bool:
        """Fire a waiting read if it is complete, or fail it at the end. Return whether to continue."""
        if self._number is not None:
            found: object = self._incoming.take_exactly(self._number)
        else:
            found = next(self._incoming.lines, None)
            if found is None and self._make_lines():
                return True
        if found is not None:
            self._end_waiting().callback(found)
        elif self._connection.state.ended and self._wanted is not None:
            gone = self._end_error("sends nothing more")
            self._end_waiting().errback(gone)
        else:
            return False
        return True

    def _end_error(self, why: str) -> PeerError:
        """Return the error for a read that waits at the end."""
        peer = self._author.peer
        if self._number is None:
            return PeerGone(f"{peer} {why}")
        return EndOfStream(peer, str(self._number), self._incoming.take_all())

    def _make_lines(self) -> bool:
        """Make more lines, or handle an overlong or invalid one. Return whether to go on."""
        connection, incoming = self._connection, self._incoming
        ended = connection.state.reading is ENDED
        incoming.ended = ended and self._author.unfinished_line
        try:
            made = incoming.make_lines(connection.at_once)
        except LineTooLong:
            self._send_telnet_answers()
            self._author.factory.oversize_lines += 1
            self._hold_input_until(
                self._author.line_too_long(incoming.format.max_line), "line_too_long"
            )
            return True
        except LineNotText:
            self._send_telnet_answers()
            self._hold_input_until(self._author.line_not_text(), "line_not_text")
            return True
        if incoming.answers:
            self._send_telnet_answers()
        if not made and ended and self._wanted is None and connection.reader is self:
            connection.close()
        return made

    def _send_telnet_answers(self) -> None:
        if self._incoming.answers:
            answers, self._incoming.answers = self._incoming.answers, b""
            self._connection.write(answers)

    def _hold_input_until(self, result: object, doing: str) -> None:
        if result is not None:
            self._connection.hold_input_until(result, doing)
