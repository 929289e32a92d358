"""The scope of a mirror: which items belong to it, and the reason why others do not. Sans-IO.

The server has its say by `robots.txt` (RFC 9309, with selectors instead of paths, and the older
`Crawl-delay`). Its `caps.txt`, whose one use was another delimiter than `/` in paths, is not read any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

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


def item_key(url: GopherURL) -> Key:
    """Return the identity of an item: host, port and selector.

    Not the type, because menus may give different types for one item. `/` counts as the empty selector:
    every server has the same menu at both.
    """
    return url.host, url.port, b"" if url.selector == b"/" else url.selector


class ItemKeys:
    """Decides which URLs are the same item: `/many` and `/many/` are one item if both are menus;
    a text `/many` and a menu `/many/` may be two.
    """

    def __init__(self) -> None:
        self._menus: dict[Key, Key] = {}

    def key(self, url: GopherURL) -> Key:
        """Return the key of an item; for a menu, the key by which it was found first."""
        key = item_key(url)
        if not is_menu(url):
            return key
        host, port, selector = key
        return self._menus.setdefault((host, port, selector.removesuffix(b"/")), key)


class MirrorScope:
    """Decides for each item of a menu whether it belongs to the mirror.

    root: where the mirror begins. robots: the rules of its server, once they are known.
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
        """depth: most menus from the root to an item. aliases: other names of the root's host; addresses:
        its IP addresses.
        """
        self.root = root
        self._span = span
        self._depth = depth
        self._names = {root.host, *aliases, *addresses}
        if any(each == "::1" or each.startswith("127.") for each in addresses):
            self._names.add("localhost")
        self.robots = RobotRules()
        selector = root.selector.rstrip(b"/")
        self._inside = selector + b"/" if selector else b""

    def is_on_root_server(self, url: GopherURL) -> bool:
        """Return true if `url` is on the root's server."""
        return url.port == self.root.port and url.host in self._names

    def url_of_line(self, item: MenuItem, menu: GopherURL) -> GopherURL | None:
        """Return the URL of a line of a menu, with the root's host name for all names of its server."""
        url, root = item.url(menu), self.root
        if (
            url is None
            or (url.host == root.host and url.tls == root.tls)
            or not self.is_on_root_server(url)
        ):
            return url
        return url.replace(host=root.host, tls=root.tls)

    def reason_left_out(self, url: GopherURL, depth: int) -> str | None:
        """Return why an item does not belong to the mirror; None if it does.

        depth: menus from the root to it.
        """
        if url.item_type == "7":
            return SEARCH
        if not self.is_on_root_server(url):
            if self._span != "everywhere":
                return OTHER_HOST
        elif not self.robots.allows(url.selector):
            return FORBIDDEN
        elif self._span == "path" and not self._is_below_root(url.selector):
            return OTHER_PATH
        if self._depth is not None and depth > self._depth:
            return TOO_DEEP
        return None

    def _is_below_root(self, selector: bytes) -> bool:
        return selector.startswith(self._inside) or selector == self.root.selector


def is_menu(url: GopherURL) -> bool:
    return url.item_type in MENUS


AGENT = b"logsrv"
# Seconds. A longer delay counts as this one: nobody would wait for the end of the mirror.
LONGEST_DELAY = 60.0
_MOST_RULES = 10_000


class RobotRules(NamedTuple):
    """The rules for us. delay: seconds between requests.

    rules: beginnings of selectors, each with whether they are allowed; the longest match counts.
    """

    rules: tuple[tuple[bytes, bool], ...] = ()
    delay: float = 0.0

    def allows(self, selector: bytes) -> bool:
        """Return true if the rules allow `selector`, with or without a slash at its beginning."""
        if not self.rules:
            return True
        found = [
            (len(begin), allowed)
            for begin, allowed in self.rules
            if selector.startswith(begin) or (b"/" + selector).startswith(begin)
        ]
        return max(found)[1] if found else True


def parse_robots(content: bytes) -> RobotRules:
    """Return the rules for us: of the group that names us, else of the group for all. Never fails."""
    groups: dict[bytes, list[tuple[bytes, bytes]]] = {}
    agents: list[bytes] = []
    in_rules = False
    for name, value in _parse_fields(content):
        if name == b"user-agent":
            if in_rules:
                agents, in_rules = [], False
            agents.append(value.lower())
        else:
            in_rules = True
            for agent in agents:
                rules = groups.setdefault(agent, [])
                if len(rules) < _MOST_RULES:
                    rules.append((name, value))
    return _rules_from_fields(groups.get(AGENT) or groups.get(b"*") or [])


def _rules_from_fields(fields: list[tuple[bytes, bytes]]) -> RobotRules:
    delay = 0.0
    rules = []
    for name, value in fields:
        if name == b"crawl-delay":
            whole, dot, part = value.partition(b".")
            if whole.isdigit() and part.isdigit() == bool(dot) and len(value) < 20:
                delay = min(float(value), LONGEST_DELAY)
        elif name in (b"allow", b"disallow") and value:
            rules.append((value, name == b"allow"))
    return RobotRules(tuple(rules), delay)


def _parse_fields(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in content.replace(b"\r", b"\n").split(b"\n"):
        name, colon, value = line.partition(b"#")[0].partition(b":")
        name = name.strip(b" \t")
        if colon and name.replace(b"-", b"a").isalpha():
            yield name.lower(), value.strip(b" \t")
