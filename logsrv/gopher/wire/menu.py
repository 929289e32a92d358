"""Menus (RFC 1436, section 3.4), as lenient as real servers need. Sans-IO.

    TYPE DISPLAY TAB SELECTOR TAB HOST TAB PORT [TAB GOPHER+] CRLF        and at the end:  . CRLF

An error in one line never affects another line:

- LF ends a line, CRs before it are removed; the last line may lack both. Close ends a menu, too.
- A line without TAB is information; so is one without a type.
- A missing port means 70, a missing host the server of the menu. An item with an invalid port or host
  is shown and cannot be followed.
- A line over the limit is cut and cannot be followed; the bytes cut are counted.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from functools import lru_cache
from typing import NamedTuple

from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.limits import LONGEST_LINE, MOST_ITEMS
from logsrv.gopher.wire.text import decode_line
from logsrv.gopher.wire.url import DEFAULT_PORT, GopherURL
from logsrv.kit.text.escape import one_line
from logsrv.value import Value

_TERMINATOR = b"."

# These links may be passed to other programs unchanged, after a question to the user.
_WEB_LINK = rb"/?(?:URL|url):/?([A-Za-z][A-Za-z0-9+.-]{0,30}:[!-~\x80-\xff]+)"
_WEB_SIGNS = (b"URL:", b"url:", b"/URL:", b"/url:")
_LOGIN_SCHEMES = {"8": "telnet", "T": "tn3270"}
_LOGIN_NAME = rb"[A-Za-z0-9._][A-Za-z0-9._-]{0,63}"


class MenuItem(Value):
    """A line of a menu. The bytes are the server's: decode and escape them to show them.

    item_type: one character, U+0000 to U+00FF.
    host: b"" if the line has none.
    port: 1 to 65535; None if it is invalid, then the item is never followed.
    plus: the field after the port: b"+" and b"?" (has a form to fill in) mean Gopher+, b"" does not.
    """

    __slots__ = ("display", "host", "item_type", "plus", "port", "selector")

    def __init__(
        self,
        item_type: str,
        display: bytes,
        selector: bytes = b"",
        host: bytes = b"",
        port: int | None = DEFAULT_PORT,
        plus: bytes = b"",
    ) -> None:
        self.item_type = item_type
        self.display = display
        self.selector = selector
        self.host = host
        self.port = port
        self.plus = plus

    @property
    def is_link(self) -> bool:
        """Return true if it counts as a link of its menu: it is neither information nor an error."""
        return self.item_type not in ("i", "3")

    @property
    def tag(self) -> str:
        """Return a word of at most four letters for the kind of item.

        `link` for a `URL:` selector, whatever the type says, else the tag of its type.
        """
        kind = item_type(self.item_type)
        return "link" if kind.transfer is not None and self._web_link() is not None else kind.tag

    def text(self, charset: str | None = None) -> str:
        """Return the text of the line, not yet escaped."""
        return decode_line(self.display, charset)

    def url(self, menu: GopherURL) -> GopherURL | None:
        """Return the URL of the item, None if it cannot be fetched; `menu` is the URL of the menu.

        An item on the menu's own server uses TLS if the menu did; others never do.
        """
        if self.port is None:
            return None
        start = _url_without_selector(
            (self.item_type, self.host, self.port, menu.host, menu.port, menu.tls)
        )
        if start is None or self._web_link() is not None:
            return None
        try:
            return start.at(self.selector)
        except BadURL:
            return None

    def link(self) -> str | None:
        """Return the link out of Gopher: the URL of a `URL:` selector, or a `telnet:` or `tn3270:` URL.

        A stranger wrote it: ask the user first, and pass it to a program only as one separate argument.
        """
        if (web_link := self._web_link()) is not None:
            return web_link
        scheme = _LOGIN_SCHEMES.get(self.item_type)
        if scheme is None or self.port is None:
            return None
        try:
            server = GopherURL(self.host.decode("utf-8"), self.port)
        except (BadURL, UnicodeDecodeError):
            return None
        login = f"{self.selector.decode()}@" if re.fullmatch(_LOGIN_NAME, self.selector) else ""
        return f"{scheme}://{login}{server.address}/"

    @property
    def host_text(self) -> str:
        """Return the host, safe to show."""
        return one_line(decode_line(self.host).strip(), 253)

    def _web_link(self) -> str | None:
        if not self.selector.startswith(_WEB_SIGNS):
            return None
        found = re.fullmatch(_WEB_LINK, self.selector)
        return None if found is None else decode_line(found[1])


def link_of_url(url: GopherURL) -> str | None:
    """Return the link out of Gopher that `url` stands for, as `MenuItem.link` of a line with it."""
    return MenuItem(url.item_type, b"", url.selector, url.host.encode(), url.port).link()


@lru_cache(1024)
def _url_without_selector(parts: tuple[str, bytes, int, str, int, bool]) -> GopherURL | None:
    """Return the URL of an item without its selector, None if it cannot be fetched.

    parts: item type, host and port of the item; host, port and TLS of the menu. Cached, because most lines
    of a menu have them in common.
    """
    letter, host, port, menu_host, menu_port, menu_tls = parts
    if item_type(letter).transfer is None:
        return None
    try:
        if not host:
            return GopherURL(menu_host, menu_port, letter, tls=menu_tls)
        # A host with bytes beyond ASCII is an IDN in UTF-8; in another encoding it cannot be reached.
        url = GopherURL(host.decode("utf-8").strip(), port, letter)
    except (BadURL, UnicodeDecodeError):
        return None
    return url.replace(tls=menu_tls and (url.host, url.port) == (menu_host, menu_port))


class Menu(NamedTuple):
    """A whole menu. dropped: bytes cut from lines that were too long."""

    url: GopherURL
    items: tuple[MenuItem, ...]
    terminated: bool
    dropped: int = 0


def parse_menu_line(line: bytes) -> MenuItem:
    """Parse one line, without its line ending. Never fails."""
    head, *fields = line.split(b"\t")
    if len(fields) == 3 and head:
        return MenuItem(chr(head[0]), head[1:], fields[0], fields[1], _parse_port(fields[2]))
    if not fields:
        # People write `iText` without fields by hand, and plain text seldom begins with an i.
        return MenuItem("i", head[1:] if head[:1] == b"i" else head, port=None)
    if not head:
        return MenuItem("i", fields[0], port=None)
    selector, host, port, plus = (*fields, b"", b"", b"", b"")[:4]
    return MenuItem(chr(head[0]), head[1:], selector, host, _parse_port(port), plus)


def encoded_line(item: MenuItem, host: bytes, port: int) -> bytes:
    """Return the line of `item` in a menu. host, port: of the server, for items without a host.

    An item that cannot be followed gets a dummy host. CRs in the line are replaced: they would end it.
    """
    letter = item.item_type.encode("latin-1")
    selector, display = item.selector, item.display
    if item.item_type in "i3" or item.port is None:
        host, port, selector, letter = b"error.host", 1, b"", b"3" if letter == b"3" else b"i"
    elif item.host:
        host, port = item.host, item.port
    fields = b"%s%s\t%s\t%s\t%d" % (letter, display, selector, host, port)
    return fields.replace(b"\r", b" ").replace(b"\0", b" ") + b"\r\n"


@lru_cache(256)
def _parse_port(field: bytes) -> int | None:
    field = field.strip()
    if not field:
        return DEFAULT_PORT
    if not field.isdigit() or len(field) > 5 or not 1 <= int(field) <= 65535:
        return None
    return int(field)


class MenuParser:
    """Takes bytes in pieces of any size, returns items. Bytes after the terminator are ignored.

    terminated: the terminator was received. dropped: bytes cut from lines that were too long. is_full:
    there were more lines than `most_items`, and the rest is left out.
    """

    def __init__(self, longest_line: int = LONGEST_LINE, most_items: int = MOST_ITEMS) -> None:
        """longest_line: in bytes; most_items: lines of any type."""
        self._longest_line = longest_line
        self._most_items = most_items
        # An incomplete line, and the number of bytes cut from it.
        self._begun = b""
        self._cut = 0
        self._items = 0
        self.terminated = False
        self.is_full = False
        self.dropped = 0

    def feed(self, data: bytes) -> list[MenuItem]:
        """Return the items whose lines are complete now. Never fails."""
        *whole, rest = (self._begun + data).split(b"\n")
        items: list[MenuItem] = []
        for line in whole:
            # Nearly every line skips this: it is short enough, and too long to be the terminator.
            if self._cut or self.terminated or not 4 < len(line) <= self._longest_line:
                self._end_line(items, line)
            else:
                self._add_item(items, line.rstrip(b"\r"))
        self._begun = self._cut_long_line(rest)
        return items

    def finish(self) -> list[MenuItem]:
        """Return the item of a last line without a line ending, if there is one: the server has closed."""
        items: list[MenuItem] = []
        if self._begun:
            self._end_line(items, self._begun)
            self._begun = b""
        return items

    def _cut_long_line(self, line: bytes) -> bytes:
        self._cut += max(0, len(line) - self._longest_line)
        return line[: self._longest_line]

    def _end_line(self, items: list[MenuItem], line: bytes) -> None:
        line = self._cut_long_line(line).rstrip(b"\r")
        cut, self._cut = self._cut, 0
        if self.terminated or self.is_full:
            return
        if line == _TERMINATOR and not cut:
            self.terminated = True
            return
        self._add_item(items, line)
        if cut and not self.is_full:
            self.dropped += cut
            items[-1] = items[-1].replace(port=None)

    def _add_item(self, items: list[MenuItem], line: bytes) -> None:
        if not self._items:
            line = line.removeprefix(BOM_UTF8)
        self._items += 1
        if self._items > self._most_items:
            self.is_full = True
        else:
            items.append(parse_menu_line(line))
