"""Pages of the browser: content, an error, or both. And links: the action that follows an item of a menu,
or the reason why it cannot be followed.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

from logsrv.errors import LogsrvError
from logsrv.gopher.follow.bookmarks import title_of
from logsrv.gopher.serve.fileurl import FileURL, ItemURL, url_of
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL
from logsrv.gopher.wire.value import Value
from logsrv.kit.text.escape import one_line

Way = Literal["menu", "text", "html", "picture", "download"]
# The item types that are pages, by name. Of what is sent as text, BinHex and uuencode are for programs.
_WAYS: dict[str, Way] = {
    **dict.fromkeys(("menu", "search"), "menu"),
    **dict.fromkeys(("text", "mail", "calendar"), "text"),
    "html": "html",
    "image": "picture",
}


class MenuContent(Value):
    """The items of a menu; `dropped` bytes of its lines were too long to keep."""

    items: tuple[MenuItem, ...]
    dropped: int = 0


class Page(Value):
    """The answer to one request.

    content: a menu, or bytes for what `way` says, of a text without terminator and stuffed dots.
    error: what went wrong; `content` is then the part that had come, or None. note: a sentence that
    belongs above the content. received: bytes of the answer. seconds: how long it took.
    """

    url: ItemURL
    content: MenuContent | bytes | None
    error: LogsrvError | None = None
    note: str = ""
    received: int = 0
    seconds: float = 0.0

    @property
    def way(self) -> Way:
        """Return how it is shown."""
        return way_to_show(self.url)

    @property
    def certificate_refused(self) -> bool:
        """Return true if all that is wrong is that no authority vouches for the server's certificate."""
        if self.error is None or self.error.__cause__ is None:
            return False
        import ssl  # 6 ms, which pages without TLS need not wait for

        return isinstance(self.error.__cause__, ssl.SSLCertVerificationError)


def way_to_show(url: ItemURL) -> Way:
    """Return what the browser does with the answer to `url`."""
    return _WAYS.get(item_type(url.item_type).name, "download")


# show: a page of its own. search: the same, after asking for words. download: into a file. sound: the
# same, and played if there is a program for it. outside: for another program, after a question.
# session: explained. dead: the reason is told.
LinkKind = Literal["show", "search", "download", "sound", "outside", "session", "dead"]
# Schemes for the user's own programs; `file:` and `javascript:` would act on this machine.
_OUTSIDE = frozenset(
    (
        *("http", "https", "ftp", "ftps", "gemini", "spartan", "finger"),
        *("mailto", "news", "nntp", "irc", "ircs", "xmpp", "magnet"),
    )
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


class Hyperlink(Value):
    """A link, to where an item leads.

    url: for kinds show, search, download. address: safe to show on one line; for `outside` it is
    exactly what the other program gets, for `dead` it is the reason.
    """

    kind: LinkKind
    title: str
    address: str
    url: ItemURL | None = None
    item: MenuItem | None = None


def link_to(url: ItemURL, title: str = "") -> Hyperlink:
    """The link to something in Gopher, or to a local file; without `title` it has one that says where."""
    title = title or title_of(url)
    if isinstance(url, FileURL) and url.item_type == "7":
        return Hyperlink("dead", title, "cannot be followed: only a server can search")
    kind: LinkKind = "download" if way_to_show(url) == "download" else "show"
    if url.item_type == "7" and url.search is None:
        kind = "search"
    if item_type(url.item_type).name == "sound":
        kind = "sound"
    return Hyperlink(kind, title, str(url), url)


def link_of(item: MenuItem, menu: ItemURL, charset: str | None = None) -> Hyperlink | None:
    """The link of a line of the menu at `menu`; None for information, which leads nowhere."""
    kind = item_type(item.item_type)
    if kind.name == "information":
        return None
    title = one_line(item.text(charset).strip(), 300)
    if (outside := item.link()) is not None and kind.transfer is not None:
        link = _outside(outside, title)
    elif kind.name in ("phonebook", "telnet", "tn3270") and item.port is not None:
        host = one_line(item.host.decode("utf-8", "replace").strip(), 253)
        link = Hyperlink("session", title, f"{kind.name} {host} {item.port}")
    elif (url := url_of(item, menu)) is not None:
        link = link_to(url, title)
    else:
        link = Hyperlink("dead", title, _why_dead(item))
    return link.replace(item=item)


def _outside(address: str, title: str) -> Hyperlink:
    # The question shows exactly what the program gets: ASCII, so that no letter looks like another.
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
        return "an error that the server tells in its menu"
    if item.port is None:
        return "cannot be followed: its port is no number from 1 to 65535, or its line is too long"
    host = one_line(item.host.decode("utf-8", "replace"), 100)
    return f"cannot be followed: “{host}” cannot be a host"
