"""Menus, texts and streams from Gopher servers: remembered for a while, or as far as they came."""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout

from logsrv.gopher.fetch.client import GopherClient, GopherResponse
from logsrv.gopher.fetch.on_twisted import IClientReactor
from logsrv.gopher.fetch.settings import Limits, Timeouts
from logsrv.gopher.gateway.cache import Cache
from logsrv.gopher.gateway.destinations import Destinations
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
    """The way to everything that the gateway gets from elsewhere, and so through `destinations`."""

    def __init__(
        self,
        reactor: IClientReactor,
        destinations: Destinations,
        *,
        most_page: int,
        most_download: int | None,
        cache_bytes: int,
        cache_seconds: float,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        """most_page: bytes of a menu or text. most_download: of a stream; None is any."""
        self._clock = reactor
        self._destinations = destinations
        self._seconds = int(cache_seconds)
        self._client = GopherClient(
            reactor,
            timeouts=timeouts,
            limits=Limits(menu=most_page, text=most_page, download=most_download, items=MOST_ITEMS),
            connections_per_host=CONNECTIONS_PER_HOST,
            retries=1,
            allow=lambda address, port: self._destinations.check_address(address, port),
        )
        self._menus: Cache[GopherURL, Menu] = Cache(
            cache_bytes // 2, cache_seconds, reactor.seconds
        )
        self._texts: Cache[GopherURL, Text] = Cache(
            cache_bytes // 2, cache_seconds, reactor.seconds
        )

    @property
    def hits(self) -> int:
        """The number of times something was remembered."""
        return self._menus.hits + self._texts.hits

    async def menu(self, url: GopherURL) -> Fetched[Menu]:
        """Raises GopherError when nothing of it came."""
        self._destinations.check(url)
        if (known := self._menus.get(url)) is not None:
            return Fetched(known, "", self._seconds)
        try:
            menu = await self._in_time(url, self._client.menu(url))
        except GopherError as error:
            if isinstance(error.partial, Menu) and error.partial.items:
                return Fetched(error.partial, str(error), 0)
            raise
        size = sum(_ITEM_BYTES + len(item.display) + len(item.selector) for item in menu.items)
        self._menus.put(url, menu, size)
        return Fetched(menu, "", self._seconds)

    async def text(self, url: GopherURL) -> Fetched[Text]:
        """Raises GopherError when nothing of it came."""
        self._destinations.check(url)
        if (known := self._texts.get(url)) is not None:
            return Fetched(known, "", self._seconds)
        try:
            text = await self._in_time(url, self._client.text(url))
        except GopherError as error:
            if isinstance(error.partial, Text) and error.partial.content:
                return Fetched(error.partial, str(error), 0)
            raise
        self._texts.put(url, text, _ITEM_BYTES + len(text.content))
        return Fetched(text, "", self._seconds)

    async def open(self, url: GopherURL) -> GopherResponse:
        """A stream, of anything. Raises GopherError."""
        self._destinations.check(url)
        return await self._in_time(url, self._client.open(url))

    async def _in_time(self, url: GopherURL, work: Deferred[Result]) -> Result:
        work.addTimeout(PATIENCE, self._clock)
        try:
            return await work
        except DeferredTimeout:
            raise TimedOut(url.address, "whole", PATIENCE) from None
