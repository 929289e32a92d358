"""Menus, texts and streams from Gopher servers: remembered for a while, or as far as they came."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NoReturn, TypeVar

import attrs
from twisted.internet.defer import Deferred

from logsrv.gopher.fetch.client import GopherClient, GopherResponse, IClientReactor
from logsrv.gopher.fetch.connection_options import Limits, Timeouts
from logsrv.gopher.gateway.destinations import is_public_name
from logsrv.gopher.gateway.gateway_settings import GopherSettings
from logsrv.gopher.gateway.paths import WebPlace
from logsrv.gopher.wire.errors import GopherError, TimedOut
from logsrv.gopher.wire.itemtypes import MENUS
from logsrv.gopher.wire.menu import Menu
from logsrv.gopher.wire.text import Text
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.observe.metrics import Metrics

Result = TypeVar("Result")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

# Somebody looks at an empty page meanwhile: less than the client's own time-outs.
TIMEOUTS = Timeouts(connect=10, first_byte=20, between=20, whole=60)
# In all, with waiting for others who want something of the same host.
PATIENCE = 75.0
# Above what one client may have open, so that none can keep the others from a host.
CONNECTIONS_PER_HOST = 16
# Bytes of memory for an item of a menu, beside its own.
_ITEM_BYTES = 400


class Cache(Generic[Key, Value]):
    """The values used last: what was fetched a moment ago, bounded in bytes and in seconds.

    most_bytes: for all of them; one value may take a quarter of it. seconds: until one is forgotten.
    now: seconds that only grow.
    """

    def __init__(self, most_bytes: int, seconds: float, now: Callable[[], float]) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._now = now
        self._entries: OrderedDict[Key, tuple[Value, int, float]] = OrderedDict()
        self.size = 0

    def get(self, key: Key) -> Value | None:
        if key not in self._entries:
            return None
        value, _, until = self._entries[key]
        if until <= self._now():
            self.forget(key)
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: Key, value: Value, size: int) -> None:
        """Remember `value`, which takes about `size` bytes of memory."""
        self.forget(key)
        if size > self._most_bytes // 4:
            return
        self._entries[key] = value, size, self._now() + self._seconds
        self.size += size
        self._forget_oldest()

    def grow(self, key: Key, size: int) -> bool:
        """Count `size` more bytes for a value that is there. Return whether it may become so large."""
        value, before, until = self._entries[key]
        if before + size > self._most_bytes // 4:
            return False
        self._entries[key] = value, before + size, until
        self.size += size
        self._forget_oldest()
        return True

    def _forget_oldest(self) -> None:
        while self.size > self._most_bytes:
            self.forget(next(iter(self._entries)))

    def forget(self, key: Key) -> None:
        if key in self._entries:
            self.size -= self._entries.pop(key)[1]


@attrs.frozen(eq=False)
class FetchedContent:
    """A menu or text, with the pages that were made of it: they go when it does."""

    content: Menu | Text
    pages: dict[WebPlace, bytes] = attrs.field(factory=dict)


class Fetcher:
    """The way to everything that the gateway gets from elsewhere, and so where the settings let it go."""

    def __init__(
        self,
        reactor: IClientReactor,
        settings: GopherSettings,
        metrics: Metrics,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        page = settings.max_page
        self._clock = reactor
        self._settings = settings
        self._metrics = metrics
        self._client = GopherClient(
            reactor,
            timeouts=timeouts,
            limits=Limits(page, page, download=settings.max_download),
            connections_per_host=CONNECTIONS_PER_HOST,
            retries=1,
            trust=settings.trust,
            proxy=settings.proxy,
            charset=settings.charset,
            # A proxy looks names up by itself, and the only address that is connected to is its own.
            allow=settings.check_address if settings.proxy is None else None,
        )
        self.remembered: Cache[GopherURL, FetchedContent] = Cache(
            settings.cache_size or 0, settings.cache_time, reactor.seconds
        )

    async def content(self, url: GopherURL) -> tuple[Menu | Text, str]:
        """A menu, or else a text; and why it is not whole, "" if it is. Raises GopherError when nothing of
        it came.
        """
        self._check(url)
        if (known := self.remembered.get(url)) is not None:
            self._metrics.count("gateway_cache_hits_total")
            return known.content, ""
        content: Menu | Text
        try:
            if url.item_type in MENUS:
                content = await self._in_time(url, self._client.menu(url))
            else:
                content = await self._in_time(url, self._client.text(url))
        except GopherError as error:
            if isinstance(error.partial, Menu | Text) and _size(error.partial):
                return error.partial, str(error)
            raise
        self.remembered.put(url, FetchedContent(content), _ITEM_BYTES + _size(content))
        return content, ""

    def page(self, place: WebPlace, content: Menu | Text, make: Callable[[], bytes]) -> bytes:
        """Return the page that was made of this content at a place, or that `make` makes now."""
        known = self.remembered.get(place.url)
        if known is None or known.content is not content:
            return make()
        page = known.pages.get(place)
        if page is None:
            page = make()
            if self.remembered.grow(place.url, _ITEM_BYTES + len(page)):
                known.pages[place] = page
        return page

    async def open(self, url: GopherURL) -> GopherResponse:
        """A stream, of anything. Raises GopherError."""
        self._check(url)
        return await self._in_time(url, self._client.open(url))

    def _check(self, url: GopherURL) -> None:
        self._settings.check(url)
        if self._settings.proxy is not None and not is_public_name(url.host):
            self._settings.check_address(url.host, url.port)

    def _in_time(self, url: GopherURL, work: Deferred[Result]) -> Deferred[Result]:
        def give_up(result: object, seconds: float) -> NoReturn:
            raise TimedOut(url.address, "whole", seconds)

        return work.addTimeout(PATIENCE, self._clock, give_up)


def _size(content: Menu | Text) -> int:
    """Return about how many bytes of memory it takes; 0 if nothing is in it."""
    if isinstance(content, Text):
        return len(content.content)
    return sum(_ITEM_BYTES + len(item.display) + len(item.selector) for item in content.items)
