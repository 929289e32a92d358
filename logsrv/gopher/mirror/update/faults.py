"""The faults of a menu that came in an update, found by the one of before: an old menu that is whole stands
rather than a new one that may not be. Sans-IO.

Links that were added, changed or removed are no fault by themselves. A menu that lacks links of before is
not taken if there is another sign that it is not whole, or not the menu that was asked for.
"""

from __future__ import annotations

from logsrv.gopher.mirror.disk.sinks import MenuSink
from logsrv.gopher.wire.errors import GopherError, ServerError, Truncated
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

_Link = tuple[bytes, bytes, int | None]


class LostLinks(GopherError, code="lost-links", exit_status=12):
    """A menu came that cannot be the one which was asked for."""


def read_menu(content: bytes) -> MenuSink:
    """Return a menu of before, by its bytes."""
    menu = MenuSink()
    menu.feed(content)
    menu.finish(has_header=False)
    return menu


def fault(
    url: GopherURL, menu: MenuSink, before: MenuSink | None, root: bytes | None
) -> GopherError | None:
    """Return why `menu` does not take the place of what was at `url` before, None if it does.

    before: None if that was no menu; root: what is the menu of the root now, unless this is the root.
    """
    if not menu.content and (before is None or before.content):
        return Truncated(url.address, 0, "nothing came, and there was something before")
    links = _links(menu)
    had = None if before is None else _links(before)
    if had is not None and had <= links:
        return None
    if not links:
        # Words, as of a server that is being repaired, or a directory that is empty.
        return LostLinks("no line of this menu leads anywhere now")
    if before is None:
        return None
    if _is_cut(menu, before):
        return Truncated(url.address, len(menu.content), "the end of the menu is missing")
    if menu.content == root:
        return LostLinks("the server answers with the menu that the mirror begins with")
    if (error := _error(menu)) is not None and _error(before) is None:
        return ServerError(error.text())
    return None


def may_be_cut(menu: MenuSink, before: MenuSink) -> bool:
    """Return true if nobody can tell whether links at the end were removed or did not come: there is no
    full stop.
    """
    last = [_link(item) for item in before.items if item.is_link][-1:]
    return not menu.terminated and not _links(menu).issuperset(last)


def _is_cut(menu: MenuSink, before: MenuSink) -> bool:
    if menu.terminated:
        return False
    return before.terminated or (menu.is_torn and not before.is_torn)


def _links(menu: MenuSink) -> set[_Link]:
    return {_link(item) for item in menu.items if item.is_link}


def _link(item: MenuItem) -> _Link:
    return item.selector, item.host, item.port


def _error(menu: MenuSink) -> MenuItem | None:
    return next((item for item in menu.items if item.item_type == "3"), None)
