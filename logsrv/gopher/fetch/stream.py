"""The body of an answer, taken piece by piece from any loop; and the one rule for repeating requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.wire.errors import Refused, TimedOut, Truncated
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.url import GopherURL


class DownloadFile(Protocol):
    """A file that is written. descriptor: its own, or None; all that came before is in it by then.
    passed: so many bytes went there by themselves.
    """

    def descriptor(self) -> int | None: ...
    def passed(self, size: int) -> None: ...


MOST_RETRIES = 3
_FIRST_PAUSE = 0.2
# Only a gateway ever asks more hosts.
_MOST_HOSTS = 1000


class Retries:
    """Decides by the error whether to ask again, and remembers which hosts have answered.

    A request is repeated, after a pause that doubles, where another try may go better: a server with more
    connections than it takes resets them before the first byte, refuses them, or leaves them waiting.
    """

    def __init__(self, most: int = MOST_RETRIES) -> None:
        self._most = most
        self._answered: dict[str, None] = {}

    def answered(self, host: str) -> None:
        """Remember that `host` is there."""
        self._answered.pop(host, None)
        self._answered[host] = None
        if len(self._answered) > _MOST_HOSTS:
            del self._answered[next(iter(self._answered))]

    def pause(
        self, url: GopherURL, error: Exception, tries: int, *, afresh: bool = False
    ) -> float | None:
        """Return how many seconds to wait before asking again after `tries` times; None: not again.

        afresh: what had come is thrown away, so it may have begun.
        """
        if isinstance(error, Truncated):
            may_pass = afresh or error.received == 0
        else:
            is_connecting = isinstance(error, TimedOut) and error.phase == "connect"
            may_pass = url.host in self._answered and (isinstance(error, Refused) or is_connecting)
        return _FIRST_PAUSE * (1 << tries - 1) if may_pass and tries <= self._most else None


HIGH_WATER = 512 * 1024


def _nobody() -> None:
    pass


class Stream:
    """A sink that keeps what came until it is taken; past HIGH_WATER bytes the server has to wait.

    It tries again by itself, after a pause, where that may go better.

    wake: called when there is something new; at_end: when the connection is no longer needed.
    """

    def __init__(
        self, transfers: Transfers, url: GopherURL, retries: Retries | None = None, **how: Any
    ) -> None:
        """retries: which hosts have answered, if somebody remembers. how: what `Transfers.start` takes."""
        self._transfers = transfers
        self.url = url
        self._how = how
        self._retries = retries or Retries()
        self._tries = 0
        self._queue: list[bytes] = []
        self._queued = 0
        self._into: DownloadFile | None = None
        self.descriptor: int | None = None
        self.wake: Callable[[], None] = _nobody
        self.at_end: Callable[[], None] = _nobody
        self._start()

    def _start(self, after: float = 0.0) -> None:
        self._tries += 1
        self.ended = False
        self._transfer = self._transfers.start(self.url, self, after=after, **self._how)

    @property
    def reader(self) -> ResponseReader:
        """Return what knows how much has come, and what the server told of it."""
        return self._transfer.reader

    @property
    def received(self) -> int:
        """Return how many bytes have come."""
        return self.reader.received

    @property
    def begun(self) -> bool:
        """Return true if some of it is content."""
        return bool(self.reader.passed_on)

    @property
    def length(self) -> int | None:
        """Return how many bytes it will have, where the server told (Gopher+)."""
        return self.reader.length

    @property
    def has_header(self) -> bool:
        """Return true if a Gopher+ header came before it; then a text has no terminator."""
        return self.reader.header is not None

    @property
    def cut(self) -> bool:
        """Return true if TLS ended without its close, and that was accepted."""
        return self._transfer.cut

    def is_certain(self) -> bool:
        """Return true once it is certain that there is content, maybe none.

        Raises the error if there is none: what came before one is worth reading.
        """
        if self.ended and not self._queue and not self.begun and self._tries_again():
            return False
        return self.ended or self.reader.is_certain

    def take(self) -> bytes | None:
        """Return what has come, b"" at the end, None as long as nothing is there.

        Raises what ended the answer too early, after everything that came before it.
        """
        if self._queue:
            piece = b"".join(self._queue)
            self._queue.clear()
            self._queued = 0
            if self._transfer.paused:
                self._transfers.resume(self._transfer)
            return piece
        return None if not self.ended or self._tries_again() else b""

    def close(self) -> None:
        """Let go of the connection; what was not taken by then is still there."""
        self._transfers.stop(self._transfer)
        self._end()

    def pass_to(self, into: DownloadFile) -> None:
        """Let the rest go into a file by itself, if nothing is to be taken and nobody has to look at it."""
        if not self._queue and self._transfer.verbatim:
            self._into = into
            self.descriptor = into.descriptor()

    # The sink, which `Transfers` calls.

    def passed(self, size: int) -> None:
        if self._into is not None:
            self._into.passed(size)

    def feed(self, data: bytes) -> bool:
        self._queue.append(data)
        self._queued += len(data)
        if self._queued > HIGH_WATER and not self._transfer.paused:
            self._transfers.pause(self._transfer)
        self.wake()
        return False

    def finish(self, has_header: bool) -> None:
        self._end()

    def abort(self) -> None:
        self._end()

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            self.at_end()
            self.wake()

    def _tries_again(self) -> bool:
        """Return true if another try may help, which has begun then. Raises why there is no more of it."""
        error = self._transfer.error
        if error is None:
            return False
        # A form may have come to the server before the connection broke.
        once = isinstance(error, Truncated) and self._how.get("request") is not None
        seconds = None if once else self._retries.pause(self.url, error, self._tries)
        if seconds is None:
            raise error
        self._start(seconds)
        return True
