"""The Gopher client for programs with a reactor.

client = GopherClient(reactor)
menu = await client.menu("gopher://example.org/")          # or .addCallback(…): it is a Deferred
async with await client.open("gopher://example.org/9/big") as response:
    async for chunk in response: …
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.task import deferLater

from logsrv.gopher.fetch.on_twisted import IClientReactor, ReactorTransfers
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.retries import MOST, Retries
from logsrv.gopher.fetch.settings import ConnectionOptions, Limits, Timeouts
from logsrv.gopher.fetch.stream import Stream
from logsrv.gopher.fetch.trust import Trust
from logsrv.gopher.fetch.wholefile import end_text, whole_file
from logsrv.gopher.wire.errors import GopherError, Truncated
from logsrv.gopher.wire.gopherplus import Attributes, form_request, parse_attributes
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import Menu, MenuItem, MenuParser
from logsrv.gopher.wire.text import Text, TextParser
from logsrv.gopher.wire.url import GopherURL

# pygopherd lets five connections wait; more at once were lost in one run out of two.
CONNECTIONS_PER_HOST = 4
_LIMITS = Limits()

Progress = Callable[[int, int | None], None]


@attrs.define(frozen=True, slots=True)
class Download:
    """A file that was saved whole; `size` in bytes on disk."""

    url: GopherURL
    path: Path
    size: int


class GopherResponse(Stream):
    """The body of an answer, in pieces as they come: bytes as sent, without a Gopher+ header.

    `async for` or `read`; slow reading slows the server down. Errors of the connection are raised
    behind everything that came before them. It occupies one of the connections to its host until it
    has ended or is closed: use it in `async with`.
    """

    def __init__(self, transfers: ReactorTransfers, url: GopherURL, **how: Any) -> None:
        """how: what `Stream` takes."""
        self._reactor_transfers = transfers
        self._rest: bytes | None = None
        super().__init__(transfers.transfers, url, **how)

    def start(self) -> None:
        super().start()
        self._reactor_transfers.watch()

    @property
    def has_header(self) -> bool:
        """Return true if a Gopher+ header came before the body; then a text has no terminator."""
        return not self.stuffed

    async def begin(self) -> None:
        """Return when there is content for certain, maybe none. Raises the error if there is none."""
        while not self.opened():
            await self._change()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk, self._rest = self._rest, None
        while chunk is None and (chunk := self.take()) is None:
            await self._change()
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def _change(self) -> None:
        changed: Deferred[None] = Deferred()
        self.wake = lambda: None if changed.called else changed.callback(None)
        await changed

    async def read(self, size: int = -1) -> bytes:
        """`size` bytes, fewer only at the end; all that is left if it is negative."""
        pieces: list[bytes] = []
        missing = size
        while missing:
            try:
                chunk = await anext(self)
            except StopAsyncIteration:
                break
            if 0 < missing < len(chunk):
                chunk, self._rest = chunk[:missing], chunk[missing:]
            missing -= len(chunk) if size > 0 else 0
            pieces.append(chunk)
        return b"".join(pieces)

    def close(self) -> None:
        """Let go of the connection; what has not been read is lost."""
        super().close()
        self._reactor_transfers.rest()

    async def __aenter__(self) -> GopherResponse:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()


class GopherClient:
    """Fetches from Gopher servers, a few connections to each host at a time, in order of asking.

    URLs are given as `GopherURL` or text. Everything it raises is a `GopherError` (what the server
    or the network did), a `ConfigurationError` (how it was set up) or an OSError (local files).

    A request is repeated, after a pause that doubles, where the server cannot have begun to answer
    it: reset before the first byte, or refused by a host that has answered before. Never a form.
    """

    def __init__(
        self,
        reactor: IClientReactor,
        *,
        timeouts: Timeouts | None = None,
        limits: Limits = _LIMITS,
        trust: Trust | None = None,
        proxy: Proxy | None = None,
        connections_per_host: int = CONNECTIONS_PER_HOST,
        retries: int = MOST,
        charset: str | None = None,
        allow: Callable[[str, int], None] | None = None,
    ) -> None:
        """charset (see `checked_charset`): of what servers say in errors. allow: raises a GopherError
        for an address and a port that must not be connected to.
        """
        self._reactor = reactor
        self._options = ConnectionOptions(timeouts, trust, proxy)
        self._limits = limits
        self._transfers = ReactorTransfers(reactor, self._options, allow)
        self._connections_per_host = connections_per_host
        self._retries = Retries(retries)
        self._charset = charset
        self._slots: dict[str, DeferredSemaphore] = {}

    def open(
        self, url: GopherURL | str, *, most_bytes: int | None = None, answers: Sequence[bytes] = ()
    ) -> Deferred[GopherResponse]:
        """The answer as a stream, once it is certain that it is content.

        most_bytes: TooBig past that; else `Limits.download`. answers: what was filled into the form
        of a Gopher+ item.
        """
        if most_bytes is None:
            most_bytes = self._limits.download
        return Deferred.fromCoroutine(self._open(_as_url(url), most_bytes, answers))

    def menu(self, url: GopherURL | str) -> Deferred[Menu]:
        """A menu, or the answer to a search."""
        return Deferred.fromCoroutine(self._menu(_as_url(url)))

    def search(self, url: GopherURL | str, words: str | bytes) -> Deferred[Menu]:
        """The menu that an item of type 7 answers `words` with; text is sent as UTF-8."""
        return Deferred.fromCoroutine(self._menu(_as_url(url).searching(words)))

    def text(self, url: GopherURL | str) -> Deferred[Text]:
        """A text."""
        return Deferred.fromCoroutine(self._text(_as_url(url)))

    def download(
        self, url: GopherURL | str, path: Path, progress: Progress | None = None
    ) -> Deferred[Download]:
        """Save the content as `path`, which appears (or changes) only when it is whole.

        A text loses its terminator and stuffed dots; everything else is saved as it came.
        `progress(bytes so far, bytes in all or None)` is called for each piece.
        """
        return Deferred.fromCoroutine(self._download(_as_url(url), path, progress))

    def attributes(
        self, url: GopherURL | str, *, whole_menu: bool = False
    ) -> Deferred[tuple[Attributes, ...]]:
        """Fetch what Gopher+ tells about an item, or each item of a menu; () if the server has none."""
        asked = _as_url(url).replace(plus=b"$" if whole_menu else b"!")
        return Deferred.fromCoroutine(self._attributes(asked))

    async def _menu(self, url: GopherURL) -> Menu:
        parser = MenuParser(self._limits.line, self._limits.items)
        items: list[MenuItem] = []
        try:
            async with await self._whole(url, self._limits.menu) as response:
                async for chunk in response:
                    items += parser.feed(chunk)
                    if parser.terminated:
                        break
        except GopherError as error:
            items += parser.finish()
            error.partial = Menu(url, tuple(items), parser.terminated, parser.dropped)
            raise
        items += parser.finish()
        return Menu(url, tuple(items), parser.terminated, parser.dropped)

    async def _text(self, url: GopherURL) -> Text:
        pieces: list[bytes] = []
        try:
            async with await self._whole(url, self._limits.text) as response:
                async for chunk in response:
                    pieces.append(chunk)
        except GopherError as error:
            error.partial = Text(url, b"".join(pieces), terminated=False)
            raise
        content = b"".join(pieces)
        if response.has_header:
            return Text(url, content, terminated=False)
        parser = TextParser(self._limits.text)
        content = parser.feed(content) + parser.finish()
        return Text(url, content, parser.terminated)

    async def _download(self, url: GopherURL, path: Path, progress: Progress | None) -> Download:
        size = 0
        async with await self._open(url, self._limits.download) as response:
            with whole_file(path) as file:
                async for chunk in response:
                    size += file.write(chunk)
                    if progress is not None:
                        progress(size, response.length)
                if item_type(url.item_type).transfer == "text" and not response.has_header:
                    end_text(file)
                size = file.seek(0, 2)
        return Download(url, path, size)

    async def _attributes(self, url: GopherURL) -> tuple[Attributes, ...]:
        async with await self._whole(url, self._limits.menu) as response:
            if not response.has_header:
                return ()
            return parse_attributes(await response.read())

    async def _whole(self, url: GopherURL, most_bytes: int) -> GopherResponse:
        response = await self._open(url, most_bytes)
        response.limit(self._options.timeouts.whole)
        return response

    async def _open(
        self, url: GopherURL, most_bytes: int | None, answers: Sequence[bytes] = ()
    ) -> GopherResponse:
        request = form_request(url, answers) if answers else url.request()
        release = await self._slot(url.host)
        try:
            response = GopherResponse(
                self._transfers,
                url,
                retries=self._retries,
                request=request,
                most_bytes=most_bytes,
                charset=self._charset,
            )
            await self._begun(response, is_form=bool(answers))
        except BaseException:
            release()
            raise
        self._retries.answered(url.host)
        response.at_end = release
        if response.ended:
            release()
        return response

    async def _begun(self, response: GopherResponse, *, is_form: bool) -> None:
        while True:
            try:
                return await response.begin()
            except GopherError as error:
                if is_form and isinstance(error, Truncated):
                    raise
                await deferLater(self._reactor, response.retry_after(error))
                response.start()
            except BaseException:
                response.close()
                raise

    async def _slot(self, host: str) -> Callable[[], None]:
        slots = self._slots.setdefault(host, DeferredSemaphore(self._connections_per_host))
        await slots.acquire()

        def release() -> None:
            slots.release()
            if slots.tokens == slots.limit:
                self._slots.pop(host, None)

        return release


def _as_url(url: GopherURL | str) -> GopherURL:
    return url if isinstance(url, GopherURL) else GopherURL.parse(url)
