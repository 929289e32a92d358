"""Answers to web requests: the gateway's own pages, and pages and files from Gopher servers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

import attrs

from logsrv.gopher.fetch.client import GopherResponse, IClientReactor
from logsrv.gopher.gateway import pages
from logsrv.gopher.gateway.destinations import DestinationNotAllowed
from logsrv.gopher.gateway.fetching import Fetcher
from logsrv.gopher.gateway.gateway_settings import GopherSettings
from logsrv.gopher.gateway.paths import ItemView, is_gopher_path, parse_path, parse_query
from logsrv.gopher.gateway.visitors import RequestDenied
from logsrv.gopher.wire.errors import BadURL, GopherError, ServerError, TimedOut
from logsrv.gopher.wire.fileurl import file_name
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import link_of_url
from logsrv.gopher.wire.url import parse_typed_url
from logsrv.kit.observe.metrics import Metrics

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
# Statuses whose page offers another try. 404 is among them: a server's "not found" is often temporary.
AGAIN = (404, 429, 500, 502, 503, 504)
_STATUSES: dict[type[GopherError], int] = {
    BadURL: 400,
    DestinationNotAllowed: 403,
    ServerError: 404,
    TimedOut: 504,
    GopherError: 502,
}

# The number of bytes from the beginning of the content that `media_type` needs.
ENOUGH_TO_TELL = 16

# Media types by the name of an item type and the first bytes of the content, because the type in a menu may
# be wrong. No media type with active content (HTML, SVG, PDF) is among them.
MEDIA: dict[str, tuple[tuple[re.Pattern[bytes], str], ...]] = {
    "image": (
        (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
        (re.compile(rb"GIF8[79]a"), "image/gif"),
        (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
        (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
        (re.compile(rb"....ftypavif", re.DOTALL), "image/avif"),
        (re.compile(rb"BM"), "image/bmp"),
    ),
    "sound": (
        (re.compile(rb"ID3|\xff[\xe2-\xfb]"), "audio/mpeg"),
        (re.compile(rb"OggS"), "audio/ogg"),
        (re.compile(rb"RIFF....WAVE", re.DOTALL), "audio/wav"),
        (re.compile(rb"fLaC"), "audio/flac"),
        (re.compile(rb"....ftyp", re.DOTALL), "audio/mp4"),
    ),
    "video": (
        (re.compile(rb"....ftyp", re.DOTALL), "video/mp4"),
        (re.compile(rb"\x1aE\xdf\xa3"), "video/webm"),
        (re.compile(rb"OggS"), "video/ogg"),
    ),
}
_NOT_PLAIN = re.compile(r"[^\w .,()+@=-]", re.ASCII)


@attrs.frozen
class WebAnswer:
    """An answer to a web request.

    body: all of the content, or its beginning if `rest` has the rest. age: seconds that caches may keep it,
    0 for not at all.
    """

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    age: int = 0
    headers: Mapping[str, str] = attrs.field(factory=dict)
    rest: GopherResponse | None = None


_OWN = {
    b"/style.css": WebAnswer(pages.STYLE, "text/css; charset=utf-8", age=A_DAY),
    b"/icon.svg": WebAnswer(pages.ICON, "image/svg+xml", age=A_DAY),
    b"/robots.txt": WebAnswer(b"User-agent: *\nDisallow: /\n", PLAIN, age=A_DAY),
}


class AnswerMaker:
    """Makes the answers, with one set of settings."""

    def __init__(self, settings: GopherSettings, reactor: IClientReactor, metrics: Metrics) -> None:
        self.settings = settings
        self._age = int(settings.cache_time)
        self._fetcher = Fetcher(reactor, settings, metrics)

    def own_page(self, path: bytes) -> WebAnswer | None:
        """Return the gateway's own page or file at `path`, which needs no fetch; None if there is none."""
        if path == b"/":
            return WebAnswer(pages.start_page(self.settings.allow_host), age=60)
        return _OWN.get(path)

    def parse_target(self, target: bytes) -> ItemView | None:
        """Return the view that a request target stands for; None for the address form's `/go`.

        Raises BadURL, RequestDenied.
        """
        path = target.partition(b"?")[0]
        if path == b"/go":
            return None
        if not is_gopher_path(path):
            raise RequestDenied(404, "there is no such page here; addresses begin with /gopher/")
        view = parse_path(target)
        return attrs.evolve(view, charset=view.charset or self.settings.charset)

    def redirect_to_typed(self, target: bytes) -> WebAnswer:
        """Return the redirect to the address typed into the address form. Raises BadURL."""
        typed = parse_query(target.partition(b"?")[2]).get(b"url", b"")
        location = (
            ItemView(parse_typed_url(typed).replace(plus=None)).path if typed.strip() else "/"
        )
        return WebAnswer(b"", status=303, headers={"Location": location})

    async def answer_for(self, view: ItemView) -> WebAnswer:
        """Return the answer for a view. Raises GopherError, RequestDenied."""
        url = view.url
        kind = item_type(url.item_type)
        if (link := link_of_url(url)) is not None:
            return WebAnswer(pages.link_page(view, link), age=self._age)
        if kind.transfer is None:
            raise BadURL("", f"an item of the type {kind.name} cannot be fetched")
        if view.rendering == "media":
            return await self._media_answer(view, kind.name)
        if view.rendering == "file" or kind.uses.web == "file":
            return await self._download_answer(view)
        is_search = url.item_type == "7" and url.search is None
        if is_search or kind.uses.web == "media":
            self.settings.check_host_and_port(url)
            page = pages.search_page(view) if is_search else pages.media_page(view)
            return WebAnswer(page, age=self._age)
        content, missing = await self._fetcher.fetch_content(url)
        page = self._fetcher.cached_page(
            view, content, lambda: pages.content_page(content, view, missing)
        )
        return WebAnswer(page, age=0 if missing else self._age)

    async def _download_answer(self, view: ItemView) -> WebAnswer:
        response = await self._fetcher.open_stream(view.url)
        headers = {"Content-Disposition": content_disposition(file_name(view.url))}
        return WebAnswer(b"", "application/octet-stream", 200, self._age, headers, response)

    async def _media_answer(self, view: ItemView, kind: str) -> WebAnswer:
        if kind not in MEDIA:
            raise RequestDenied(415, "only images, sounds and videos can be shown in a page")
        response = await self._fetcher.open_stream(view.url)
        try:
            start = b""
            async for piece in response:
                start += piece
                if len(start) >= ENOUGH_TO_TELL:
                    break
            found = media_type(start, kind)
            if found is None:
                raise RequestDenied(
                    415, f"what the server sent is no {kind} that browsers can show"
                )
        except BaseException:
            response.close()
            raise
        return WebAnswer(start, found, age=self._age, rest=response)


def error_answer(error: GopherError | RequestDenied, view: ItemView | None) -> WebAnswer:
    """Return the page for an error; view: the requested view, if it is known."""
    if isinstance(error, RequestDenied):
        status, headers = error.status, error.headers
    else:
        status, headers = next(_STATUSES[kind] for kind in _STATUSES if isinstance(error, kind)), {}
    # The page must not repeat the client's own input, so a BadURL is shown without its address.
    said = (error.reason if isinstance(error, BadURL) else str(error)).rstrip(".")
    sentence = said[:1].upper() + said[1:] + "."
    body = pages.error_page(HEADINGS[status], sentence, view, again=status in AGAIN)
    return WebAnswer(body, status=status, headers=headers)


def failure_answer() -> WebAnswer:
    """Return the answer after an unexpected exception: a page, or plain text if the page fails too."""
    sentence = "The operator finds the reason in the log."
    try:
        return WebAnswer(pages.error_page(HEADINGS[500], sentence), status=500)
    except Exception:  # the template is broken or missing; the log has the first failure
        return WebAnswer(f"{HEADINGS[500]}. {sentence}\n".encode(), PLAIN, status=500)


def media_type(start: bytes, kind: str) -> str | None:
    """Return the media type of content that begins with `start`; None if browsers cannot show it."""
    return next((name for sign, name in MEDIA[kind] if sign.match(start)), None)


def content_disposition(name: str) -> str:
    """Return the Content-Disposition header that saves under `name` (RFC 6266, appendix D)."""
    plain = _NOT_PLAIN.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
