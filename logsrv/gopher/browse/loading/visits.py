"""History and cache: the places visited, back and forward, and their pages while there is room."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum

from logsrv.gopher.browse.content.layout import ScrollPosition
from logsrv.gopher.browse.content.page import Page
from logsrv.gopher.local.fileurl import FileURL, ItemURL


class Own(StrEnum):
    """The browser's own pages."""

    START = "Start page"
    NEWS = "What is new"


Place = ItemURL | Own
MOST_VISITS = 1000
MOST_CACHED = 64 * 1024 * 1024


class Visit:
    """A place, and the position in it that going back to it returns to."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.position: ScrollPosition | None = None


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
        seen = dict.fromkeys(str(each) for each in places if not isinstance(each, Own))
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
