"""Menus, texts and streams from Gopher servers, with a cache of menus and texts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import NoReturn, TypeVar

import attrs
from twisted.internet.defer import Deferred

from logsrv.gopher.fetch.cache import Cache
from logsrv.gopher.fetch.client import GopherClient, GopherResponse, IClientReactor
from logsrv.gopher.gateway.destinations import is_public_name
from logsrv.gopher.gateway.gateway_settings import GopherSettings
from logsrv.gopher.gateway.paths import ItemView
from logsrv.gopher.wire.errors import GopherError, TimedOut
from logsrv.gopher.wire.itemtypes import MENUS
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.menu import Menu
from logsrv.gopher.wire.text import Text
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.observe.metrics import Metrics

Result = TypeVar("Result")

# Shorter than the client's defaults: a person looks at an empty page meanwhile.
TIMES = Limits(connect=10, first_byte=20, between=20, whole=60)
# Seconds for a whole request, which includes the wait for a free connection to the host.
PATIENCE = 75.0
# More than the requests that one client may have open, so that it cannot block a host for all others.
CONNECTIONS_PER_HOST = 16
# Bytes of memory that Python needs for an item of a menu, in addition to the bytes of the item.
_ITEM_BYTES = 400


@attrs.frozen(eq=False)
class FetchedContent:
    """A menu or text in the cache. number: of the fetch, for the pages that are made from it."""

    content: Menu | Text
    number: int


class Fetcher:
    """Fetches everything that the gateway gets from servers, and applies the limits on destinations."""

    def __init__(
        self,
        reactor: IClientReactor,
        settings: GopherSettings,
        metrics: Metrics,
        times: Limits = TIMES,
    ) -> None:
        page = settings.max_page
        self._clock = reactor
        self._settings = settings
        self._metrics = metrics
        self._client = GopherClient(
            reactor,
            limits=times.replace(menu=page, text=page, download=settings.max_download),
            connections_per_host=CONNECTIONS_PER_HOST,
            retries=1,
            trust=settings.trust,
            proxy=settings.proxy,
            charset=settings.charset,
            # With a proxy, the proxy resolves names, and we connect only to the proxy's own address.
            allow=settings.check_address if settings.proxy is None else None,
        )
        # A menu of 20,000 lines fits, so that its parts come of one request.
        pages = (settings.cache_size or 0) // 4
        contents = 3 * pages
        keep, now = settings.cache_time, reactor.seconds
        self.remembered: Cache[GopherURL, FetchedContent] = Cache(contents, keep, now)
        self.pages: Cache[tuple[ItemView, int], bytes] = Cache(pages, keep, now)
        self._fetched = count()

    async def fetch_content(self, url: GopherURL) -> tuple[Menu | Text, str]:
        """Return a menu or text, and the reason why it is incomplete, "" if it is complete.

        Raises GopherError if nothing was received.
        """
        self._check_destination(url)
        if (known := self.remembered.get(url)) is not None:
            self._metrics.count("gateway_cache_hits_total")
            return known.content, ""
        content: Menu | Text
        try:
            if url.item_type in MENUS:
                content = await self._with_timeout(url, self._client.menu(url))
            else:
                content = await self._with_timeout(url, self._client.text(url))
        except GopherError as error:
            if isinstance(error.partial, Menu | Text) and _memory_size(error.partial):
                return error.partial, str(error)
            raise
        size = _ITEM_BYTES + _memory_size(content)
        self.remembered.put(url, FetchedContent(content, next(self._fetched)), size)
        return content, ""

    def cached_page(self, view: ItemView, content: Menu | Text, make: Callable[[], bytes]) -> bytes:
        """Return the cached HTML page of this content at a view, or make it by `make`."""
        known = self.remembered.get(view.url)
        if known is None or known.content is not content:
            return make()
        key = view, known.number
        page = self.pages.get(key)
        if page is None:
            page = make()
            self.pages.put(key, page, _ITEM_BYTES + len(page))
        return page

    async def open_stream(self, url: GopherURL) -> GopherResponse:
        """Return the answer to `url`, of any type, as a stream. Raises GopherError."""
        self._check_destination(url)
        return await self._with_timeout(url, self._client.open(url))

    def _check_destination(self, url: GopherURL) -> None:
        self._settings.check_host_and_port(url)
        if self._settings.proxy is not None and not is_public_name(url.host):
            self._settings.check_address(url.host, url.port)

    def _with_timeout(self, url: GopherURL, work: Deferred[Result]) -> Deferred[Result]:
        def give_up(result: object, seconds: float) -> NoReturn:
            raise TimedOut(url.address, "whole", seconds)

        return work.addTimeout(PATIENCE, self._clock, give_up)


def _memory_size(content: Menu | Text) -> int:
    """Return about how many bytes of memory the content takes; 0 if it is empty."""
    if isinstance(content, Text):
        return len(content.content)
    return sum(_ITEM_BYTES + len(item.display) + len(item.selector) for item in content.items)
