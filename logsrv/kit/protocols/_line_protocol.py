"""The base classes for protocols of lines, and of one-line requests and answers, over a connection.

class Shout(LineProtocol):
    def line_received(self, line):
        self.send_line(line.upper())

class Sums(RequestProtocol):
    def request_received(self, request):
        return str(sum(map(int, request.split())))
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeAlias

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from logsrv.errors import PeerError
from logsrv.kit.framing._line_format import LineFormat
from logsrv.kit.protocols._awaiting import CANCELLED, as_deferred
from logsrv.kit.protocols._connection import PeerConnection
from logsrv.kit.protocols._context import Settings, State
from logsrv.kit.protocols._line_reader import LineReader
from logsrv.kit.protocols._protocol import PeerProtocol
from logsrv.kit.protocols._sending import GATHERED
from logsrv.kit.protocols.faults import check_text, wrong_value_text

Answer: TypeAlias = str | bytes | None


class LineProtocol(PeerProtocol[Settings, State]):
    """Lines in, lines out, as str; one object per connection.

    `LineProtocol[Options, Room]` tells type checkers the types of `self.service.settings` and
    `self.service.state`.

    Override `line_received`, and `connection_made` and `connection_lost` if need be. Each of the
    three may be `async def`; until it ends, nothing more is read from the peer.

    max_line: the most bytes of a line, and the most that --max-line may be; None leaves it to --max-line.
    delimiter: ends a received line; with LF a CR before it belongs to the ending.
    errors: "replace" puts U+FFFD where a line is not text in `encoding`, "reject" dismisses the peer.
    telnet: whether Telnet commands are removed from the input, and answered.
    unfinished_line: whether a last line without an ending counts as a line, as `printf x | nc …` sends it.
    If not, it is dropped: SMTP's "..x" that was cut after one byte is no end of a mail.
    """

    max_line: int | None = None
    unfinished_line = True
    delimiter = b"\n"
    errors = "replace"
    telnet = True

    def line_received(self, line: str) -> object:
        """Take a line from the peer; `line` is without its ending.

        At the end of input, an unfinished last line comes as a line too, if `unfinished_line` is true.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method line_received")

    def line_too_long(self, limit: int) -> object:
        """Called after a line of more than `limit` bytes, which is dropped.

        The default tells the peer so and closes the connection.
        """
        (self._connection or self._ensure_connection()).dismiss(
            "line_too_long", f"a line is longer than {limit} bytes; closing the connection"
        )
        return None

    def line_not_text(self) -> object:
        """Called after a line that is not text in `encoding`; only with `errors = "reject"`.

        The default tells the peer so and closes the connection.
        """
        (self._connection or self._ensure_connection()).dismiss(
            "not_text", f"a line is not {self.encoding}; closing the connection"
        )
        return None

    @classmethod
    def make_line_format(cls, max_line: int) -> LineFormat:
        """Return the format of lines, with the operator's `max_line`. Raises ValueError if it is wrong."""
        return LineFormat(
            max_line=min(max_line, cls.max_line or max_line),
            delimiter=cls.delimiter,
            encoding=cls.encoding,
            errors=cls.errors,
            telnet=cls.telnet,
        )

    def send_line(self, text: str) -> None:
        """Send `text` and a line ending. It is dropped if the peer has gone."""
        connection = self._connection
        if connection is None or (lines := connection.lines) is None or type(text) is not str:
            (connection or self._ensure_connection()).send_line(text)
            return
        # The same as there: a call for each line would add a tenth to its cost.
        connection.gathered += len(text) + 2
        lines.append(text)
        if connection.gathered > GATHERED:
            connection.write_gathered()

    async def ask(self, prompt: str = "", timeout: float | None = None) -> str:
        """Send `prompt` without a line ending, and return the next line; `line_received` does not get it.

        Raises PeerGone, which needs no handling, when the peer sends no more; with `timeout`,
        PeerTimeout after so many seconds.
        """
        connection = self._connection or self._ensure_connection()
        connection.send_text(prompt)
        return await self._reader_for_read(connection).next_line(timeout)

    def close(self, last_words: str | None = None) -> None:
        """Send `last_words`, if any, after all earlier output, then close the connection.

        After this the plugin gets only `connection_lost`.
        """
        if last_words is not None:
            check_text(last_words, "close")
        (self._connection or self._ensure_connection()).close(last_words)

    def read_bytes(self, number: int, timeout: float | None = None) -> Deferred[bytes]:
        """Read exactly `number` bytes, which follow the last received line.

        Await it in `async def line_received`; the next line begins after the bytes. They all wait in
        memory, so check a number that the peer gave. Fails with EndOfStream, which needs no handling,
        when the peer sends fewer; with `timeout`, with PeerTimeout after so many seconds. Only for a class
        with `telnet = False`.
        """
        if self.telnet:
            raise RuntimeError(
                f"read_bytes needs telnet = False in {type(self).__name__}: "
                "with it, bytes that look like Telnet commands would be removed"
            )
        if number < 0:
            raise ValueError(f"read_bytes takes a number of bytes, not {number}")
        return self._reader_for_read(self._connection or self._ensure_connection()).read_bytes(
            number, timeout
        )

    def _new_reader(self, connection: PeerConnection) -> LineReader:
        return LineReader(self, connection)

    def _reader_for_read(self, connection: PeerConnection) -> LineReader:
        """Return the reader for a read. Raises RuntimeError if another read waits already."""
        if connection.reader is None:
            connection.reader = self._new_reader(connection)
        if connection.reader.waiting or not isinstance(connection.reader, LineReader):
            raise RuntimeError("two readers wait for one connection")
        return connection.reader


class RequestError(PeerError):
    """Raise it in `request_received` for a request that cannot be answered; the sentence is sent."""


class RequestProtocol(LineProtocol[Settings, State]):
    """A protocol of one-line requests and answers; pipelined requests are answered in their order.

    error_answer: the answer to a request on which the plugin failed; the connection stays open.
    """

    error_answer = "error: the server failed to answer this"

    def request_received(self, request: str) -> Answer | Awaitable[Answer]:
        """Return the answer: str is sent as a line, bytes unchanged, None sends nothing.

        It may be `async def`. Raise RequestError to send its sentence as `error: SENTENCE`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method request_received")

    def line_received(self, line: str) -> object:
        try:
            answer = self.request_received(line)
            if answer is None or isinstance(answer, str | bytes):
                self._send_answer(answer)
                return None
            pending = as_deferred(answer, "request_received", "str, bytes, None")
        except Exception:
            self._answer_failure(Failure())
            return None
        return pending.addCallbacks(self._send_answer, self._answer_failure)

    def _send_answer(self, answer: object) -> None:
        if isinstance(answer, str):
            self.send_line(answer)
        elif isinstance(answer, bytes):
            self.write(answer)
        elif answer is not None:
            self._answer_failure(
                Failure(TypeError(f"an answer is str or bytes, not {wrong_value_text(answer)}"))
            )

    def _answer_failure(self, failure: Failure) -> None:
        if failure.check(RequestError):
            self.send_line(f"error: {failure.getErrorMessage()}")
            return
        connection = self._connection
        theirs = connection is not None and connection.is_other_peers_failure(failure)
        if failure.check(PeerError) and not theirs:
            failure.raiseException()
        if connection is None and failure.check(*CANCELLED):
            failure.raiseException()
        self.factory.log_failure("request_received", self.peer, failure, "requests_failed_total")
        self.send_line(self.error_answer)
