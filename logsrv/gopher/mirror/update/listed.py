"""The items that the menus of an update list, fetched or not: copies of those stay. Sans-IO."""

from __future__ import annotations

from logsrv.gopher.mirror.disk.journal import Copy
from logsrv.gopher.mirror.scope import Items, Key, is_menu
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    # A text and a menu of one selector are two copies.
    _Listed = tuple[Key, bool]


class Listed:
    """Collects what menus list. root: where the mirror begins."""

    def __init__(self, root: GopherURL, items: Items) -> None:
        self._root = root
        self._items = items
        self._found: set[_Listed] = set()
        self._doubted: set[_Listed] = set()

    def add(self, url: GopherURL) -> None:
        """A menu lists `url`, which is fetched."""
        self._found.add(self._listed(url))

    def add_unwanted(self, url: GopherURL) -> None:
        """A menu lists `url`, which is left out: it may be the root's server by another name, as after
        an `--alias` was forgotten, or with a wrong port.
        """
        self._found.update(self._both(url))

    def add_nowhere(self, item: MenuItem) -> None:
        """A line of a menu leads nowhere, as one without a right port: it may be of the root's server."""
        if item.is_link and item.selector:
            try:
                here = self._root.replace(item_type=item.item_type, selector=item.selector)
            except BadURL:
                return
            self._found.add(self._listed(here))

    def doubt(self, url: GopherURL) -> None:
        """Maybe a menu still lists `url`."""
        self._doubted.update(self._both(url))

    def left_over(
        self,
        copies: Iterable[Copy],
        links: Callable[[Copy], Iterable[GopherURL]],
        *,
        for_sure: bool = False,
    ) -> list[Copy]:
        """Return those of `copies`, which this run did not fetch, that no menu lists. A copy of a menu
        stands for it, so what it lists is listed, if it is itself. links: of such a copy. for_sure: without
        those in doubt.
        """
        found = self._found | self._doubted if for_sure else self._found
        left: dict[_Listed, list[Copy]] = {}
        for copy in copies:
            left.setdefault(self._listed(copy.url), []).append(copy)
        waiting = [each for each in left if each in found]
        while waiting:
            for copy in left.pop(waiting.pop(), ()):
                if copy.size is None:
                    for url in links(copy):
                        waiting += [each for each in self._both(url) if each in left]
        return [copy for copies in left.values() for copy in copies]

    def _listed(self, url: GopherURL) -> _Listed:
        return self._items.key(url), is_menu(url)

    def _both(self, url: GopherURL) -> list[_Listed]:
        found = [self._listed(url)]
        root = self._root
        if (url.host, url.port) != (root.host, root.port):
            found.append(self._listed(url.replace(host=root.host, port=root.port)))
        return found
