"""The Gopher client for programs with a reactor; the reactor watches one descriptor for all answers.

client = GopherClient(reactor)
menu = await client.menu("gopher://example.org/")          # or .addCallback(…): it is a Deferred
async with await client.open("gopher://example.org/9/big") as response:
    async for chunk in response: …
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.gopher.fetch.connection_options import ConnectionOptions, Trust
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.stream import MOST_RETRIES, AwaitedStream, RetryPolicy
from logsrv.gopher.fetch.transfers import (
    LOOK_AT_CLOCKS,
    AnswerSink,
    SocketTransfer,
    Transfers,
)
from logsrv.gopher.fetch.wholefile import unstuff_file, whole_file
from logsrv.gopher.wire.content import Content
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.itemtypes import AnswerKind, item_type
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.menu import Menu
from logsrv.gopher.wire.text import Text
from logsrv.gopher.wire.url import GopherURL
from logsrv.reactor import Timer


class IClientReactor(IReactorTime, IReactorFDSet):
    """A reactor with all that the client needs."""


@implementer(IReadDescriptor)
class ReactorTransfers(Transfers):
    """Transfers driven by the reactor, which watches them only while there are some."""

    def __init__(
        self,
        reactor: IClientReactor,
        options: ConnectionOptions,
        allow: Callable[[str, int], None] | None = None,
    ) -> None:
        """allow: see `Transfers`."""
        super().__init__(options, reactor.seconds, allow=allow)
        self._reactor = reactor
        self._timer = Timer(reactor)

    def start(
        self,
        url: GopherURL,
        sink: AnswerSink,
        kind: AnswerKind | None = None,
        after: float = 0.0,
    ) -> SocketTransfer:
        if not self._timer.running:
            self._reactor.addReader(self)
            self._timer.start(0, self._check_timeouts)
        return super().start(url, sink, kind, after)

    def stop(self, transfer: SocketTransfer) -> None:
        super().stop(transfer)
        self._unwatch_if_idle()

    def _check_timeouts(self) -> None:
        self._timer.start(LOOK_AT_CLOCKS, self._check_timeouts)
        self.doRead()

    def _unwatch_if_idle(self) -> None:
        if self._timer.running and not self.active:
            self._reactor.removeReader(self)
            self._timer.stop()

    # IReadDescriptor, which Twisted calls.

    def doRead(self) -> None:
        self.run_round(0)
        self._unwatch_if_idle()

    def connectionLost(self, reason: Failure) -> None:
        """Do nothing: Twisted calls this when the reactor ends, and all transfers end with it."""

    def logPrefix(self) -> str:
        return "gopher"


# pygopherd queues five connections; with more at once, some were lost in one run out of two.
CONNECTIONS_PER_HOST = 4

Progress = Callable[[int, int | None], None]


@attrs.define(frozen=True, slots=True)
class Download:
    """A file that was saved completely. size: its bytes on the disk."""

    url: GopherURL
    path: Path
    size: int


class GopherResponse(AwaitedStream):
    """The body of an answer, in pieces as they arrive: bytes as sent, without a Gopher+ header.

    Read it by `async for`; slow reading slows the server down. Errors of the connection are
    raised after all content received before them. It occupies one of the connections to its host until it
    has ended or is closed: use it in `async with`.
    """

    async def wait_for_content(self) -> None:
        """Wait until the answer is certainly content, which may be empty. Raises its error if it fails."""
        try:
            while not self.certain_or_raise():
                await self.wait_for_change()
        except BaseException:
            self.close()
            raise

    async def wait_for_change(self) -> None:
        changed: Deferred[None] = Deferred()
        self.wake = lambda: None if changed.called else changed.callback(None)
        await changed

    async def __aenter__(self) -> GopherResponse:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()


def _as_url(url: GopherURL | str) -> GopherURL:
    return url if isinstance(url, GopherURL) else GopherURL.parse(url)


class GopherClient:
    """Fetches from Gopher servers, with a few connections to each host at a time, in the order of requests.

    URLs are `GopherURL` or strings. Raises `GopherError` (the server or the network),
    `ConfigurationError` (settings) and OSError (local files).

    It repeats a request, after a pause that doubles, if the server cannot have begun to answer it: the
    connection was reset before the first byte, or refused or not accepted in time by a host that has
    answered before.
    """

    def __init__(
        self,
        reactor: IClientReactor,
        *,
        limits: Limits | None = None,
        trust: Trust | None = None,
        proxy: Proxy | None = None,
        connections_per_host: int = CONNECTIONS_PER_HOST,
        retries: int = MOST_RETRIES,
        charset: str | None = None,
        allow: Callable[[str, int], None] | None = None,
    ) -> None:
        """charset (see `checked_charset`): of the servers' error messages. allow: called with an address
        and a port; raises a GopherError if the client must not connect there.
        """
        self._limits = limits or Limits()
        options = ConnectionOptions(self._limits, trust or Trust(), proxy, charset)
        self._transfers = ReactorTransfers(reactor, options, allow)
        self._connections_per_host = connections_per_host
        self._retries = RetryPolicy(retries)
        self._slots: dict[str, DeferredSemaphore] = {}

    def open(self, url: GopherURL | str) -> Deferred[GopherResponse]:
        """Return the answer as a stream, as soon as it is certain that it is no error."""
        return Deferred.fromCoroutine(self._open(_as_url(url)))

    async def _open(self, url: GopherURL, kind: AnswerKind | None = None) -> GopherResponse:
        release = await self._acquire_slot(url.host)
        try:
            response = GopherResponse(self._transfers, url, kind, self._retries)
            await response.wait_for_content()
        except BaseException:
            release()
            raise
        self._retries.note_answered(url.host)
        response.at_end = release
        if response.ended:
            release()
        return response

    def menu(self, url: GopherURL | str) -> Deferred[Menu]:
        """Return a menu, or the answer to a search. An error's `partial` is the part received."""
        return Deferred.fromCoroutine(self._collect(_as_url(url), "menu"))

    def search(self, url: GopherURL | str, words: str | bytes) -> Deferred[Menu]:
        """Send `words` to a search (item type 7) and return its menu; a string is sent as UTF-8."""
        return self.menu(_as_url(url).searching(words))

    def text(self, url: GopherURL | str) -> Deferred[Text]:
        """Return a text. An error's `partial` is the part received."""
        return Deferred.fromCoroutine(self._collect(_as_url(url), "text"))

    async def _collect(self, url: GopherURL, kind: AnswerKind) -> Any:
        content = Content(kind, self._limits)
        try:
            async with await self._open(url, kind) as response:
                async for chunk in response:
                    if content.feed(chunk):
                        break
        except GopherError as error:
            content.finish(has_header=True)
            error.partial = content.as_value(url)
            raise
        content.finish(response.has_header)
        return content.as_value(url)

    def download(
        self, url: GopherURL | str, path: Path, progress: Progress | None = None
    ) -> Deferred[Download]:
        """Save the content as `path`, which appears (or changes) only when it is complete.

        A text loses its terminator and stuffed dots; everything else is saved as received.
        `progress(bytes so far, bytes in all or None)` is called for each piece.
        """
        return Deferred.fromCoroutine(self._download(_as_url(url), path, progress))

    async def _download(self, url: GopherURL, path: Path, progress: Progress | None) -> Download:
        size = 0
        async with await self._open(url) as response:
            with whole_file(path) as file:
                async for chunk in response:
                    size += file.write(chunk)
                    if progress is not None:
                        progress(size, response.length)
                if item_type(url.item_type).transfer == "text" and not response.has_header:
                    unstuff_file(file)
                size = file.seek(0, 2)
        return Download(url, path, size)

    async def _acquire_slot(self, host: str) -> Callable[[], None]:
        slots = self._slots.setdefault(host, DeferredSemaphore(self._connections_per_host))
        await slots.acquire()

        def release() -> None:
            slots.release()
            if slots.tokens == slots.limit:
                self._slots.pop(host, None)

        return release
