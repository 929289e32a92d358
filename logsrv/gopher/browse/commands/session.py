"""A run of the browser, without a screen: the places visited, back and forward, their pages while there is
room, and all else that it remembers and keeps.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from logsrv.gopher.browse.commands.downloads import Downloads, download_directory
from logsrv.gopher.browse.commands.load import Loading
from logsrv.gopher.browse.content.layout import ScrollPosition
from logsrv.gopher.browse.content.page import Page
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.trust import PinStore, Trust, data_directory, pins_path
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.gopher.follow.following import Following
from logsrv.gopher.serve.fileurl import FileURL, ItemURL
from logsrv.gopher.wire.url import GopherURL


class InternalPage(StrEnum):
    """The browser's own pages."""

    START = "Start page"
    NEWS = "What is new"


Place = ItemURL | InternalPage
MOST_VISITS = 1000
MOST_CACHED = 64 * 1024 * 1024


@dataclass(eq=False)
class Visit:
    """A place, and the position in it that going back to it returns to."""

    place: Place
    position: ScrollPosition | None = None


class History:
    """A row of visits with one of them current, as every browser has it."""

    def __init__(self, most: int = MOST_VISITS) -> None:
        self._visits: list[Visit] = []
        self._at = -1
        self._most = most

    def arrive(self, place: Place, step: int | None = None) -> None:
        """Make the visit `step`s further the current one; None: a new visit to `place`, which comes
        behind the current one, and what was forward of that is forgotten.
        """
        if step is not None:
            self._at += step
            return
        del self._visits[self._at + 1 :]
        self._visits.append(Visit(place))
        del self._visits[: -self._most]
        self._at = len(self._visits) - 1

    def neighbour(self, step: int) -> Visit | None:
        """The visit that many steps further (negative: back; 0: the current one), if there is one."""
        at = self._at + step
        return self._visits[at] if 0 <= at < len(self._visits) else None

    def steps(self) -> list[tuple[int, Visit]]:
        """All visits, the newest first, each with how many steps away it is."""
        return [(at - self._at, visit) for at, visit in reversed(list(enumerate(self._visits)))]

    def addresses(self) -> list[str]:
        """The URLs visited, the newest last, each once."""
        places = (visit.place for visit in reversed(self._visits))
        seen = dict.fromkeys(str(each) for each in places if not isinstance(each, InternalPage))
        return list(reversed(seen))


class PageCache:
    """Pages of this session, as many as fit; the one unused for longest goes first."""

    def __init__(self, most_bytes: int = MOST_CACHED) -> None:
        """`most_bytes` of answers as received."""
        self._most_bytes = most_bytes
        self._pages: OrderedDict[ItemURL, Page] = OrderedDict()

    def get(self, url: ItemURL) -> Page | None:
        page = self._pages.get(url)
        if page is not None:
            self._pages.move_to_end(url)
        return page

    def put(self, page: Page) -> None:
        """Keep a page, unless it has an error, is larger than the cache, or is of a local file, which may
        be edited meanwhile.
        """
        self._pages.pop(page.url, None)
        if isinstance(page.url, FileURL) or page.error or page.received > self._most_bytes:
            return
        self._pages[page.url] = page
        kept = sum(each.received for each in self._pages.values())
        while kept > self._most_bytes:
            kept -= self._pages.popitem(last=False)[1].received


class BrowsingSession:
    """History, cache, bookmarks, followed menus, downloads, whom to trust; `environ` says where and how."""

    def __init__(
        self,
        environ: Mapping[str, str],
        options: ConnectionOptions | None = None,
        charset: str | None = None,
    ) -> None:
        """The trust of `options` is for servers without a pin; charset: of what they send."""
        data = Path(data_directory(environ))
        self._options = options or ConnectionOptions()
        self._pins = PinStore(pins_path(environ))
        self.environ = environ
        self.history = History()
        self.cache = PageCache()
        self.following = Following(data)
        self.bookmarks = Bookmarks(data / "gopher-bookmarks")
        self.downloads = Downloads(download_directory(environ))
        self.charset = charset
        # Servers whose certificate the user decided to trust: the next one they show is pinned.
        self.newly_trusted: set[str] = set()

    def options_for(self, url: ItemURL, *, accept_cut: bool = False) -> ConnectionOptions:
        """Return the way to connect to `url`: with trust by pin where the user decided so, else as for all.

        Raises ConfigurationError, OSError.
        """
        trust = self._options.trust
        if (
            isinstance(url, GopherURL)
            and url.tls
            and (url.address in self.newly_trusted or self._pins.knows(url.address))
        ):
            trust = Trust(pins=self._pins)
        if accept_cut:
            trust = trust.replace(accept_cut=True)
        return ConnectionOptions(self._options.timeouts, trust, self._options.proxy)

    def loading(self, url: ItemURL) -> Loading:
        """The page of `url`, to be loaded."""
        options = partial(self.options_for, url, accept_cut=True)
        return Loading(url, options, charset=self.charset)
