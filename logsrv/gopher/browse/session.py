"""The state of a run of the browser: history, cached pages, bookmarks, downloads, trust."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path

import attrs

from logsrv.gopher.browse.downloads import Downloads, download_directory
from logsrv.gopher.browse.layout import ScrollPosition
from logsrv.gopher.browse.page import Hyperlink, Page
from logsrv.gopher.browse.page_fetch import PageFetch
from logsrv.gopher.fetch.cache import Cache
from logsrv.gopher.fetch.connection_options import (
    ConnectionOptions,
    PinnedConnections,
    data_directory,
)
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.gopher.follow.following import FollowedStore
from logsrv.gopher.wire.fileurl import FileURL, ItemURL


class InternalPage(StrEnum):
    """The browser's own pages."""

    START = "Start page"
    NEWS = "What is new"


Destination = ItemURL | InternalPage
MOST_VISITS = 1000
MOST_CACHED = 64 * 1024 * 1024


@attrs.define(eq=False)
class Visit:
    """A destination, and the scroll position that going back restores."""

    destination: Destination
    position: ScrollPosition | None = None


class History:
    """A list of visits, one of which is current."""

    def __init__(self, most: int = MOST_VISITS) -> None:
        self._visits: list[Visit] = []
        self._at = -1
        self._most = most

    def record_arrival(self, destination: Destination, step: int | None = None) -> None:
        """Make the visit that is `step` steps away the current one.

        None: add a visit to `destination` after the current one, and forget the visits that were after it.
        """
        if step is not None:
            self._at += step
            return
        del self._visits[self._at + 1 :]
        self._visits.append(Visit(destination))
        del self._visits[: -self._most]
        self._at = len(self._visits) - 1

    def visit_at_step(self, step: int) -> Visit | None:
        """Return the visit that is `step` steps forward (negative: back), None if there is none."""
        at = self._at + step
        return self._visits[at] if 0 <= at < len(self._visits) else None

    def visits_by_step(self) -> list[tuple[int, Visit]]:
        """Return (steps from the current visit, visit) of all visits, the newest first."""
        return [(at - self._at, visit) for at, visit in reversed(list(enumerate(self._visits)))]

    def visited_urls(self) -> list[str]:
        """Return the URLs visited, each once, the newest last."""
        destinations = (visit.destination for visit in reversed(self._visits))
        seen = dict.fromkeys(
            str(each) for each in destinations if not isinstance(each, InternalPage)
        )
        return list(reversed(seen))


class BrowsingSession:
    """The history, cache, bookmarks, followed menus, downloads and trusted servers of a run.

    environ: names the directories for their files.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        options: ConnectionOptions | None = None,
        charset: str | None = None,
    ) -> None:
        """options: how to connect; its trust applies to servers without a pin. charset: of answers."""
        data = Path(data_directory(environ))
        self.environ = environ
        self.connections = PinnedConnections(environ, options)
        self.history = History()
        self.cache: Cache[ItemURL, Page] = Cache(MOST_CACHED, math.inf, time.monotonic)
        self.following = FollowedStore(data)
        self.bookmarks = Bookmarks(data / "gopher-bookmarks")
        self.downloads = Downloads(download_directory(environ))
        self.charset = charset
        # The links that are opened one after the other.
        self.tour: list[Hyperlink] = []

    def keep_page(self, page: Page) -> None:
        """Keep a page in the cache, unless it has an error, or is a local file, which the user may edit."""
        self.cache.forget(page.url)
        if page.error is None and not isinstance(page.url, FileURL):
            self.cache.put(page.url, page, page.received)

    def new_page_fetch(self, url: ItemURL) -> PageFetch:
        """Return the page of `url`, not yet requested."""
        options = partial(self.connections.options_for, url, accept_cut=True)
        return PageFetch(url, options, charset=self.charset)
