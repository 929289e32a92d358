"""Answers to web requests: the gateway's own pages, and what is fetched for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

import attrs

from logsrv.gopher.fetch.client import GopherResponse
from logsrv.gopher.fetch.on_twisted import IClientReactor
from logsrv.gopher.gateway import pages
from logsrv.gopher.gateway.destinations import NotAllowed
from logsrv.gopher.gateway.fetching import Fetcher
from logsrv.gopher.gateway.listing import linked
from logsrv.gopher.gateway.media import ENOUGH_TO_TELL, MediaKind, disposition, media_type
from logsrv.gopher.gateway.paths import WebPlace, is_gopher_path, parse_query
from logsrv.gopher.gateway.settings import GopherSettings
from logsrv.gopher.gateway.visitors import RequestDenied
from logsrv.gopher.wire.errors import BadURL, GopherError, ServerError, TimedOut
from logsrv.gopher.wire.filename import file_name
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import typed_url
from logsrv.kit.text.escape import one_line

HTML = "text/html; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
A_DAY = 86400
HEADINGS = {
    400: "This address cannot be followed",
    403: "This gateway does not go there",
    404: "There is nothing here",
    405: "This gateway is for looking only",
    413: "This gateway takes no content",
    415: "This cannot be shown",
    421: "This is not the name of this gateway",
    429: "One moment, please",
    500: "The gateway has failed",
    502: "This server cannot be read",
    503: "One moment, please",
    504: "The server does not answer in time",
}


# The next try may go better; the server's own "not there" is often a lapse too.
AGAIN = (404, 429, 500, 502, 503, 504)


@attrs.frozen
class Answer:
    """A whole answer. `age`: seconds it may be kept, 0 for not at all."""

    body: bytes
    content_type: str = HTML
    status: int = 200
    age: int = 0
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Stream:
    """An answer that is handed on as it comes; `start` has been read from it."""

    response: GopherResponse
    start: bytes
    headers: Mapping[str, str]


def status_of(error: Exception) -> int:
    """The HTTP status that says what went wrong."""
    if isinstance(error, RequestDenied):
        return error.status
    statuses: dict[type[Exception], int] = {
        BadURL: 400,
        NotAllowed: 403,
        ServerError: 404,
        TimedOut: 504,
        GopherError: 502,
    }
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), 500)


class Answers:
    """Gives the answers, by one set of settings."""

    def __init__(self, settings: GopherSettings, reactor: IClientReactor) -> None:
        self._settings = settings
        self._age = int(settings.cache_time)
        self._fetcher = Fetcher(reactor, settings)

    @property
    def hits(self) -> int:
        """The number of answers that were remembered."""
        return self._fetcher.known.hits

    def own(self, path: bytes) -> Answer | None:
        """Return what is the gateway's own; None for what has to be fetched. Raises RequestDenied."""
        if path == b"/go" or is_gopher_path(path):
            return None
        if path == b"/":
            hosts = tuple(map(str, self._settings.allow_host))
            return Answer(pages.start_page(hosts), age=60)
        if path == b"/style.css":
            return Answer(pages.STYLE, "text/css; charset=utf-8", age=A_DAY)
        if path == b"/icon.svg":
            return Answer(pages.ICON, "image/svg+xml", age=A_DAY)
        if path == b"/robots.txt":
            return Answer(b"User-agent: *\nDisallow: /\n", PLAIN, age=A_DAY)
        raise RequestDenied(404, "there is no such page here; addresses begin with /gopher/")

    def go(self, query: bytes) -> Answer:
        """Return the way to where the address form leads. Raises BadURL."""
        typed = parse_query(query).get(b"url", b"")
        location = WebPlace(typed_url(typed).replace(plus=None)).path if typed.strip() else "/"
        return Answer(b"", status=303, headers={"Location": location})

    async def gopher(self, place: WebPlace) -> Answer | Stream:
        """Return what is at a place. Raises GopherError, RequestDenied."""
        url = place.url
        kind = item_type(url.item_type)
        link = MenuItem(url.item_type, b"", url.selector, url.host.encode(), url.port).link()
        if link is not None:
            row = linked(link, kind.name, one_line(link, 2000))
            return Answer(pages.link_page(place, row), age=self._age)
        if kind.transfer is None:
            raise BadURL("", f"an item of the type {kind.name} is nothing that could be fetched")
        if place.rendering == "file":
            return await self._file(place)
        if kind.name in get_args(MediaKind):
            media = cast(MediaKind, kind.name)
            if place.rendering == "media":
                return await self._media(place, media)
            self._settings.check(url)
            return Answer(pages.media_page(place, media), age=self._age)
        if place.rendering == "media":
            raise RequestDenied(415, "only images, sounds and videos can be shown in a page")
        if url.item_type == "7" and url.search is None:
            self._settings.check(url)
            return Answer(pages.search_page(place), age=self._age)
        if kind.transfer == "menu":
            menu = await self._fetcher.menu(url)
            return Answer(pages.menu_page(menu.content, place, _notice(menu.missing)), age=menu.age)
        if kind.transfer == "text" or kind.name == "html":
            text = await self._fetcher.text(url)
            notice = _notice(text.missing)
            if not notice and kind.name == "html":
                notice = "This is a page in HTML. It comes from elsewhere, so its source is shown."
            return Answer(pages.text_page(text.content, place, notice), age=text.age)
        return await self._file(place)

    async def _file(self, place: WebPlace) -> Stream:
        response = await self._fetcher.open(place.url)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": disposition(file_name(place.url)),
        }
        return Stream(response, b"", headers)

    async def _media(self, place: WebPlace, kind: MediaKind) -> Stream:
        response = await self._fetcher.open(place.url)
        try:
            start = await response.read(ENOUGH_TO_TELL)
            found = media_type(start, kind)
            if found is None:
                raise RequestDenied(
                    415, f"what the server sent is no {kind} that browsers can show"
                )
        except BaseException:
            response.close()
            raise
        return Stream(response, start, {"Content-Type": found})


def error_answer(error: GopherError | RequestDenied, place: WebPlace | None) -> Answer:
    """Return the page that says what went wrong, with `place` where that is known."""
    headers = error.headers if isinstance(error, RequestDenied) else {}
    status = status_of(error)
    # The reason without the address: that is the client's own input, and stays out of the page.
    said = error.reason if isinstance(error, BadURL) else str(error)
    again = status in AGAIN
    body = pages.error_page(HEADINGS[status], _sentence(said), place, again=again)
    return Answer(body, status=status, headers=headers)


def _sentence(said: str) -> str:
    said = said.rstrip(".")
    return said[:1].upper() + said[1:] + "."


def _notice(missing: str) -> str:
    return f"This is not all of it: {missing}." if missing else ""
