"""The body of an answer, read in pieces on any event loop; and the rule for repeating requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.wire.errors import Refused, TimedOut, Truncated
from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.url import GopherURL

MOST_RETRIES = 3
_FIRST_PAUSE = 0.2
# After this many hosts all are forgotten: only a gateway has requests for more.
_MOST_HOSTS = 1000


class RetryPolicy:
    """Decides by the error whether to repeat a request, and remembers which hosts have answered.

    A request is repeated, after a pause that doubles, if the server may just be overloaded: such a server
    resets connections before the first byte, refuses them, or lets them wait.
    """

    def __init__(self, most: int = MOST_RETRIES) -> None:
        self._most = most
        self._answered: set[str] = set()

    def note_answered(self, host: str) -> None:
        """Remember that `host` has answered."""
        if host not in self._answered and len(self._answered) >= _MOST_HOSTS:
            self._answered.clear()
        self._answered.add(host)

    def pause_before_retry(
        self, url: GopherURL, error: Exception, tries: int, *, afresh: bool = False
    ) -> float | None:
        """Return the seconds to wait before the next try, after `tries` tries; None: do not repeat.

        afresh: whether the caller discards the part received, so an answer that broke off may be repeated
        too.
        """
        if isinstance(error, Truncated):
            may_pass = afresh or error.received == 0
        else:
            is_connecting = isinstance(error, TimedOut) and error.phase == "connect"
            may_pass = url.host in self._answered and (isinstance(error, Refused) or is_connecting)
        return _FIRST_PAUSE * (1 << tries - 1) if may_pass and tries <= self._most else None


HIGH_WATER = 512 * 1024


class AnswerStream:
    """A sink that queues the body for `take_received`; above HIGH_WATER bytes it stops receiving.

    It repeats the request by the rule of `RetryPolicy`. wake: called when there are new bytes, or the end.
    at_end: called when the connection is no longer needed.
    """

    def __init__(
        self,
        transfers: Transfers,
        url: GopherURL,
        kind: AnswerKind | None = None,
        retries: RetryPolicy | None = None,
    ) -> None:
        """kind: see `Transfer`. retries: the rule for repeating; streams that share it share what it knows
        of hosts.
        """
        self._transfers = transfers
        self.url = url
        self._kind = kind
        self._retries = retries or RetryPolicy()
        self._tries = 0
        self._queue: list[bytes] = []
        self._queued = 0
        self.wake: Callable[[], object] = lambda: None
        self.at_end: Callable[[], object] = lambda: None
        self._start_try()

    def _start_try(self, after: float = 0.0) -> None:
        self._tries += 1
        self.ended = False
        self._transfer = self._transfers.start(self.url, self, self._kind, after)

    @property
    def reader(self) -> ResponseReader:
        """Return the parser of the answer, which counts its bytes and has its header."""
        return self._transfer.reader

    @property
    def received(self) -> int:
        """Return the number of bytes received."""
        return self.reader.received

    @property
    def begun(self) -> bool:
        """Return true if some content was received."""
        return bool(self.reader.passed_on)

    @property
    def length(self) -> int | None:
        """Return the bytes of the whole answer if the server announced it (Gopher+), else None."""
        return self.reader.length

    @property
    def has_header(self) -> bool:
        """Return true if the answer has a Gopher+ header; then a text has no terminator."""
        return self.reader.has_header

    @property
    def cut(self) -> bool:
        """Return true if TLS ended without its close, and that was accepted."""
        return self._transfer.cut

    def certain_or_raise(self) -> bool:
        """Return true when it is certain that the answer is content, which may be empty.

        Raises the error of an answer that failed before any content; else `take_received` raises it at the
        end.
        """
        if self.ended and not self._queue and not self.begun and self._retry_or_raise():
            return False
        return self.ended or self.reader.is_certain

    def take_received(self) -> bytes | None:
        """Return the bytes received since the last call, b"" at the end, None if there are none yet.

        Raises the error of an answer that broke off, after all bytes received before it.
        """
        if self._queue:
            piece = b"".join(self._queue)
            self._queue.clear()
            self._queued = 0
            if self._transfer.paused:
                self._transfers.resume(self._transfer)
            return piece
        return None if not self.ended or self._retry_or_raise() else b""

    def close(self) -> None:
        """Close the connection; bytes already received can still be taken."""
        self._transfers.stop(self._transfer)
        self._set_ended()

    # The sink, which `Transfers` calls.

    def feed(self, data: bytes) -> bool:
        self._queue.append(data)
        self._queued += len(data)
        if self._queued > HIGH_WATER and not self._transfer.paused:
            self._transfers.pause(self._transfer)
        self.wake()
        return False

    def finish(self, has_header: bool) -> None:
        self._set_ended()

    def abort(self) -> None:
        self._set_ended()

    def _set_ended(self) -> None:
        if not self.ended:
            self.ended = True
            self.at_end()
            self.wake()

    def _retry_or_raise(self) -> bool:
        """If the answer failed, begin another try and return true; raise the error if that would not help.

        Return false for an answer without an error.
        """
        error = self._transfer.error
        if error is None:
            return False
        seconds = self._retries.pause_before_retry(self.url, error, self._tries)
        if seconds is None:
            raise error
        self._start_try(seconds)
        return True


class AwaitedStream(AnswerStream):
    """A stream for `async for`, on any event loop: a subclass says how to wait until `wake` is called."""

    async def wait_for_change(self) -> None:
        """Wait until there are new bytes, or the end."""
        raise NotImplementedError

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while (piece := self.take_received()) is None:
            await self.wait_for_change()
        if not piece:
            raise StopAsyncIteration
        return piece
