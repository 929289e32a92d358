"""Base classes for protocols of lines over a connection.

class Shout(LineProtocol):
    def line_received(self, line):
        self.send_line(line.upper())
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import TypeAlias

from twisted.python.failure import Failure

from logsrv.errors import PeerError
from logsrv.kit.framing.lines import LineFormat, LineSplitter, Trouble
from logsrv.kit.protocols.peer import PeerProtocol
from logsrv.kit.protocols.sending import CLOSING

Answer: TypeAlias = str | bytes | None


class LineProtocol(PeerProtocol):
    """Lines in, lines out, as str; one object per connection.

    Override `line_received`, and `connection_made` and `connection_lost` if need be. Each of the
    three may be `async def`; then the next line waits for it, and so does the peer: nothing more is
    read.

    max_line: bytes a line may have, None: as the operator says with --max-line.
    delimiter: ends a line that is received; with LF a CR before it belongs to the ending.
    errors: "replace" puts U+FFFD where a line is not text in `encoding`, "reject" dismisses the peer.
    telnet: whether Telnet's commands are taken out of what is received, and answered.
    """

    max_line: int | None = None
    delimiter = b"\n"
    errors = "replace"
    telnet = True

    _splitter: LineSplitter | None = None
    _lines: Iterator[str] = iter(())
    _late: list[bytes] | None = None

    def line_received(self, line: str) -> object:
        """The peer sent a line; `line` is without its ending.

        When the peer sends nothing more, an unfinished last line comes as a line too.
        """
        raise NotImplementedError(f"{type(self).__name__} has no line_received")

    def line_too_long(self, limit: int) -> object:
        """The peer sent a line of more than `limit` bytes; they are dropped.

        Unless this is overridden, the peer is told so and the connection is closed.
        """
        self._dismiss(
            "line_too_long", f"a line is longer than {limit} bytes; closing the connection"
        )
        return None

    def line_not_text(self) -> object:
        """The peer sent a line that is not text in `encoding`; only with `errors = "reject"`.

        Unless this is overridden, the peer is told so and the connection is closed.
        """
        self._dismiss("not_text", f"a line is not {self.encoding}; closing the connection")
        return None

    @classmethod
    def line_format(cls, max_line: int) -> LineFormat:
        """What a line is here, with the operator's `max_line`. Raises ValueError for what can't be."""
        return LineFormat(
            max_line=cls.max_line or max_line,
            delimiter=cls.delimiter,
            encoding=cls.encoding,
            errors=cls.errors,
            telnet=cls.telnet,
        )

    def dataReceived(self, data: bytes) -> None:
        self.factory.received_bytes += len(data)
        if self._busy or self._out is not None:
            if self._busy & CLOSING:
                self.factory.dropped_bytes += len(data)
            else:
                self._late = [*(self._late or ()), data]
            return
        splitter = self._splitter
        if splitter is None:
            splitter = self._splitter = LineSplitter(self.factory.line_format)
        self._lines = iter(splitter.receive(data))
        if splitter.answering:
            self.write(splitter.take_answers())
        self._run()

    def _advance(self) -> None:
        line_received = self.line_received
        while True:
            for line in self._lines:
                result = line_received(line)
                if result is not None:
                    self._work(result, "line_received")
                if self._busy:
                    return
            if not self._refill():
                return

    def _refill(self) -> bool:
        """Get more lines, or deal with what there is instead of a line. Gives whether to go on."""
        splitter = self._splitter
        if splitter is None:
            if self._late is None:
                return self._end()
            splitter = self._splitter = LineSplitter(self.factory.line_format)
        if splitter.trouble is not None:
            trouble, splitter.trouble = splitter.trouble, None
            self._in_trouble(trouble)
            if not self._busy:
                self._lines = iter(splitter.receive(b""))
            return not self._busy
        if self._late:
            data, self._late = b"".join(self._late), None
            self._lines = iter(splitter.receive(data))
            return True
        if not self._ended:
            return False
        line = splitter.finish()
        if line is None and splitter.trouble is None:
            return self._end()
        self._lines = iter(() if line is None else (line,))
        return True

    def _end(self) -> bool:
        """All that the peer has sent was dealt with."""
        if self._ended:
            self.close()
        return False

    def _in_trouble(self, trouble: Trouble) -> None:
        if trouble is Trouble.TOO_LONG:
            self.factory.oversize_lines += 1
            result = self.line_too_long(self.factory.line_format.max_line)
        else:
            result = self.line_not_text()
        if result is not None:
            self._work(result, trouble.name)

    def _lost(self) -> None:
        self._lines, self._late = iter(()), None
        if self._splitter is not None:
            self._splitter.discard()
            self.factory.dropped_bytes += self._splitter.dropped


class RequestError(PeerError):
    """Raise it in `request_received` for a request that cannot be answered; the sentence is sent."""


class RequestProtocol(LineProtocol):
    """One line is a request, and one its answer; pipelined requests are answered in their order.

    error_answer: what a request gets that made the plugin fail; the connection goes on.
    """

    error_answer = "error: the server failed to answer this"

    def request_received(self, request: str) -> Answer | Awaitable[Answer]:
        """The answer: str is sent as a line, bytes are sent as they are, None is no answer.

        May be `async def`. Raises RequestError: its sentence is sent as `error: SENTENCE`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no request_received")

    def line_received(self, line: str) -> object:
        try:
            answer = self.request_received(line)
            if answer is None or isinstance(answer, str | bytes):
                self._answer(answer)
                return None
            pending = self._awaited(answer, "request_received")
        except Exception:
            self._refuse(Failure())
            return None
        return pending.addCallbacks(self._answer, self._refuse)

    def _answer(self, answer: object) -> None:
        if isinstance(answer, str):
            self.send_line(answer)
        elif isinstance(answer, bytes):
            self.write(answer)
        elif answer is not None:
            self._refuse(Failure(TypeError(f"an answer is str or bytes, not {answer!r:.60}")))

    def _refuse(self, failure: Failure) -> None:
        if failure.check(RequestError):
            self.send_line(f"error: {failure.getErrorMessage()}")
            return
        self.factory.request_failed(self.peer, failure)
        self.send_line(self.error_answer)
