"""Pages of the browser (content, an error, or both), and links: how to open an item of a menu, or why it
cannot be opened. Also times and addresses as people read them.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

import attrs

from logsrv.errors import LogsrvError
from logsrv.gopher.follow.bookmarks import title_from_url
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.fileurl import FileURL, ItemURL, url_of_item
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem, link_of_url
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

Way = Literal["menu", "text", "picture", "download"]


@attrs.frozen
class MenuContent:
    """The items of a menu; `dropped` bytes of its lines were too long to keep."""

    items: tuple[MenuItem, ...]
    dropped: int = 0


@attrs.frozen
class Page:
    """The answer to one request.

    content: the items of a menu, or bytes. A text has neither its last line `.` nor doubled dots.
    error: why loading failed; `content` is then the part received, or None. note: a sentence to show above
    the content. received: bytes of the answer. seconds: how long it took.
    """

    url: ItemURL
    content: MenuContent | bytes | None
    error: LogsrvError | None = None
    note: str = ""
    received: int = 0
    seconds: float = 0.0

    @property
    def shown_as(self) -> Way:
        """Return how to show the page: as a menu, text, picture …."""
        return way_to_show(self.url)

    @property
    def certificate_refused(self) -> bool:
        """Return true if the page failed because the server's certificate was not accepted."""
        if self.error is None or self.error.__cause__ is None:
            return False
        import ssl  # 6 ms, which pages without TLS need not wait for

        return isinstance(self.error.__cause__, ssl.SSLCertVerificationError)


def way_to_show(url: ItemURL) -> Way:
    """Return how to show the answer to `url`, by its item type."""
    return item_type(url.item_type).uses.browser


# show: as a page. search: as a page, after a prompt for words. download: save to a file. outside: open with
# another program, after a question. session: explain. dead: cannot be opened; show the reason.
LinkKind = Literal["show", "search", "download", "outside", "session", "dead"]
# Schemes of links that the user's programs may open; `file:` and `javascript:` would act on this machine.
_OUTSIDE = frozenset((
    "http", "https", "ftp", "ftps", "gemini", "spartan", "finger", "mailto", "news", "nntp", "irc", "ircs",
    "xmpp", "magnet",
))  # fmt: skip
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


@attrs.frozen
class Hyperlink:
    """A link.

    url: for the kinds show, search and download. address: safe to show on one line; for `outside`
    exactly the text that the program gets, for `dead` the reason. item: the item of the menu, if any.
    """

    kind: LinkKind
    title: str
    address: str
    url: ItemURL | None = None
    item: MenuItem | None = None


def link_to(url: ItemURL, title: str = "") -> Hyperlink:
    """Return the link to a Gopher item or a local file; without `title` its title is made from the URL."""
    title = title or title_from_url(url)
    if isinstance(url, GopherURL) and (outside := link_of_url(url)) is not None:
        return _link_by_address(outside, title)
    if isinstance(url, FileURL) and url.item_type == "7":
        return Hyperlink("dead", title, "cannot be followed: only a server can search")
    kind: LinkKind = "download" if way_to_show(url) == "download" else "show"
    if url.item_type == "7" and url.search is None:
        kind = "search"
    return Hyperlink(kind, title, str(url), url)


def link_of(item: MenuItem, menu: ItemURL, charset: str | None = None) -> Hyperlink | None:
    """Return the link of an item in the menu at `menu`; None for a line of information."""
    kind = item_type(item.item_type)
    if kind.name == "information":
        return None
    title = one_line(item.text(charset).strip(), 300)
    if (outside := item.link()) is not None and kind.transfer is not None:
        link = _link_by_address(outside, title)
    elif kind.name in ("phonebook", "telnet", "tn3270") and item.port is not None:
        link = Hyperlink("session", title, f"{kind.name} {item.host_text} {item.port}")
    elif (url := url_of_item(item, menu)) is not None:
        link = link_to(url, title)
    else:
        link = Hyperlink("dead", title, _why_dead(item))
    return attrs.evolve(link, item=item)


def _link_by_address(address: str, title: str) -> Hyperlink:
    # Only ASCII, in which no letter looks like another: the question shows exactly what the program gets.
    address = quote(address, safe="!#$%&'()*+,/:;=?@[]~")
    found = _SCHEME.match(address)
    scheme = found[1].lower() if found else ""
    if scheme in ("gopher", "gophers"):
        try:
            return link_to(GopherURL.parse(address), title)
        except BadURL as error:
            return Hyperlink("dead", title, str(error))
    if scheme not in _OUTSIDE:
        return Hyperlink("dead", title, f"{scheme}: links are not opened: {address}")
    return Hyperlink("outside", title, address)


def _why_dead(item: MenuItem) -> str:
    kind = item_type(item.item_type)
    if kind.name == "error":
        return "this line is an error message of the server"
    if item.port is None:
        return (
            "cannot be followed: its port is not a number from 1 to 65535, or its line is too long"
        )
    return f"cannot be followed: “{item.host_text}” cannot be a host"


# The least characters for the end of an address; if a long host leaves fewer, the host is shortened too.
_LEAST_END = 8


def duration_text(seconds: float) -> str:
    """Write seconds as `0.3 s`, `12 s`, `3:05`, `1:02:03`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def shortened_address(address: str, width: int) -> str:
    """Shorten an address in its middle to `width` characters: its host and its end tell most."""
    if len(address) <= width:
        return address
    begin = address.find("/", address.find("//") + 2) + 1
    if not begin or begin + _LEAST_END >= width:
        begin = max(0, width // 2)
    return f"{address[:begin]}…{address[len(address) - max(0, width - begin - 1) :]}"


def failure_to_show(failure: Exception) -> LogsrvError:
    """Return the sentence about a defect of ours: it ends the page, not the browser."""
    said = one_line(f"{type(failure).__name__}: {failure}", 300)
    return LogsrvError(f"the browser has failed here, which is a defect of it ({said})")
