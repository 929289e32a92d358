"""The scope of a mirror: the items that belong to it, and the reason why others do not. Sans-IO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from logsrv.gopher.mirror.robots import Robots
from logsrv.gopher.wire.itemtypes import MENUS
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

Span = Literal["path", "host", "everywhere"]

Key = tuple[str, int, bytes]

NOT_FOLLOWED = "links out of Gopher, or nowhere"
SEARCH = "searches"
OTHER_HOST = "on other servers: --span everywhere"
OTHER_PATH = "outside of the path: --span host"
FORBIDDEN = "closed to robots: --ignore-robots"
TOO_DEEP = "deeper than --depth"


def key_of(url: GopherURL) -> Key:
    """Return what tells an item from others. The type is only what a menu says about it, and menus differ;
    and every server has the same menu at `/` as at no selector at all.
    """
    return url.host, url.port, b"" if url.selector == b"/" else url.selector


class Items:
    """Tells which items are the same. `/many` and `/many/` are, if both are menus; a text and a menu of
    such names may be two things.
    """

    def __init__(self) -> None:
        self._menus: dict[Key, Key] = {}

    def key(self, url: GopherURL) -> Key:
        """Return the key of an item, for a menu that by which it was found first."""
        key = key_of(url)
        if not is_menu(url):
            return key
        host, port, selector = key
        return self._menus.setdefault((host, port, selector.removesuffix(b"/")), key)


class MirrorScope:
    """Decides for each item of a menu.

    root: where it begins. skipped: how many items were left out, by reason. strangers: how many of them
    each other server has.
    """

    def __init__(
        self,
        root: GopherURL,
        span: Span,
        depth: int | None,
        *,
        aliases: Iterable[str] = (),
        addresses: Iterable[str] = (),
    ) -> None:
        """aliases: other names of the root's host; addresses: where it was found, as numbers."""
        self.root = root
        self._span = span
        self._depth = depth
        self._names = {root.host, *aliases, *addresses}
        if any(each == "::1" or each.startswith("127.") for each in addresses):
            self._names.add("localhost")
        self._robots = Robots()
        selector = root.selector.rstrip(b"/")
        self._inside = selector + b"/" if selector else b""
        self.skipped: Counter[str] = Counter()
        self.strangers: Counter[str] = Counter()

    def obey(self, robots: Robots) -> None:
        """Keep the rules of the root's server from now on."""
        self._robots = robots

    def is_home(self, url: GopherURL) -> bool:
        """Return true if `url` is on the root's server."""
        return url.port == self.root.port and url.host in self._names

    def leave_out(self, item: MenuItem) -> None:
        """Count a line of a menu that `url` has nothing for, unless it is only text."""
        if item.item_type not in "i3":
            self.skipped[NOT_FOLLOWED] += 1

    def wants(self, url: GopherURL, depth: int) -> bool:
        """Return true if what a menu leads to is to be fetched, else count it. depth: in menus."""
        reason = self._reason(url, depth)
        if reason is None:
            return True
        self.skipped[reason] += 1
        if reason == OTHER_HOST and (url.address in self.strangers or len(self.strangers) < 1000):
            self.strangers[url.address] += 1
        return False

    def url(self, item: MenuItem, menu: GopherURL) -> GopherURL | None:
        """Return where a line of a menu leads, the root's server under the name that the root has."""
        url, root = item.url(menu), self.root
        if url is None or (url.host == root.host and url.tls == root.tls) or not self.is_home(url):
            return url
        return url.replace(host=root.host, tls=root.tls)

    def links(self, items: Iterable[MenuItem], menu: GopherURL) -> Iterator[GopherURL]:
        """Yield where the lines of a menu lead, wanted or not."""
        for item in items:
            if (url := self.url(item, menu)) is not None:
                yield url

    def _reason(self, url: GopherURL, depth: int) -> str | None:
        if url.item_type == "7":
            return SEARCH
        if not self.is_home(url):
            if self._span != "everywhere":
                return OTHER_HOST
        elif not self._robots.allows(url.selector):
            return FORBIDDEN
        elif self._span == "path" and not self._below(url.selector):
            return OTHER_PATH
        if self._depth is not None and depth > self._depth:
            return TOO_DEEP
        return None

    def _below(self, selector: bytes) -> bool:
        return selector.startswith(self._inside) or selector == self.root.selector


def is_menu(url: GopherURL) -> bool:
    return url.item_type in MENUS
