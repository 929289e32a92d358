"""Menus, texts and streams from Gopher servers: remembered for a while, or as far as they came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout

from logsrv.gopher.fetch.client import GopherClient, GopherResponse
from logsrv.gopher.fetch.on_twisted import IClientReactor
from logsrv.gopher.fetch.settings import Limits, Timeouts
from logsrv.gopher.gateway.cache import Cache
from logsrv.gopher.gateway.connecting import is_public_name
from logsrv.gopher.gateway.settings import GopherSettings
from logsrv.gopher.wire.errors import GopherError, TimedOut
from logsrv.gopher.wire.menu import Menu
from logsrv.gopher.wire.text import Text
from logsrv.gopher.wire.url import GopherURL

Content = TypeVar("Content", Menu, Text)
Result = TypeVar("Result")

# Somebody looks at an empty page meanwhile: less than the client's own time-outs.
TIMEOUTS = Timeouts(connect=10, first_byte=20, between=20, whole=60)
# In all, with waiting for others who want something of the same host.
PATIENCE = 75.0
# Above what one client may have open, so that none can keep the others from a host.
CONNECTIONS_PER_HOST = 16
MOST_ITEMS = 20_000
# Of one item of a menu in memory, beside its bytes.
_ITEM_BYTES = 400


@attrs.frozen
class Fetched(Generic[Content]):
    """A menu or text. `missing`: why it is not whole, "" if it is. `age`: seconds it may be kept."""

    content: Content
    missing: str
    age: int


class Fetcher:
    """The way to everything that the gateway gets from elsewhere, and so where the settings let it go."""

    def __init__(
        self, reactor: IClientReactor, settings: GopherSettings, timeouts: Timeouts = TIMEOUTS
    ) -> None:
        page = settings.max_page
        self._clock = reactor
        self._settings = settings
        self._seconds = int(settings.cache_time)
        self._client = GopherClient(
            reactor,
            timeouts=timeouts,
            limits=Limits(page, page, download=settings.max_download, items=MOST_ITEMS),
            connections_per_host=CONNECTIONS_PER_HOST,
            retries=1,
            trust=settings.trust,
            proxy=settings.proxy,
            charset=settings.charset,
            # A proxy looks names up by itself, and the only address that is connected to is its own.
            allow=settings.check_address if settings.proxy is None else None,
        )
        self.known: Cache[GopherURL, Menu | Text] = Cache(
            settings.cache_size or 0, settings.cache_time, reactor.seconds
        )

    async def menu(self, url: GopherURL) -> Fetched[Menu]:
        """Raises GopherError when nothing of it came."""
        return await self._fetched(url, Menu, self._client.menu)

    async def text(self, url: GopherURL) -> Fetched[Text]:
        """Raises GopherError when nothing of it came."""
        return await self._fetched(url, Text, self._client.text)

    async def _fetched(
        self, url: GopherURL, kind: type[Content], fetch: Callable[[GopherURL], Deferred[Content]]
    ) -> Fetched[Content]:
        self._check(url)
        if isinstance(known := self.known.get(url), kind):
            return Fetched(known, "", self._seconds)
        try:
            content = await self._in_time(url, fetch(url))
        except GopherError as error:
            if isinstance(error.partial, kind) and _size(error.partial):
                return Fetched(error.partial, str(error), 0)
            raise
        self.known.put(url, content, _ITEM_BYTES + _size(content))
        return Fetched(content, "", self._seconds)

    async def open(self, url: GopherURL) -> GopherResponse:
        """A stream, of anything. Raises GopherError."""
        self._check(url)
        return await self._in_time(url, self._client.open(url))

    def _check(self, url: GopherURL) -> None:
        self._settings.check(url)
        if self._settings.proxy is not None and not is_public_name(url.host):
            self._settings.check_address(url.host, url.port)

    async def _in_time(self, url: GopherURL, work: Deferred[Result]) -> Result:
        work.addTimeout(PATIENCE, self._clock)
        try:
            return await work
        except DeferredTimeout:
            raise TimedOut(url.address, "whole", PATIENCE) from None


def _size(content: Menu | Text) -> int:
    """Return about how many bytes of memory it takes; 0 if nothing is in it."""
    if isinstance(content, Text):
        return len(content.content)
    return sum(_ITEM_BYTES + len(item.display) + len(item.selector) for item in content.items)
