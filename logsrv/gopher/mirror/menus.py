"""The menus of a mirror, written when all is there that they lead to, and before if that takes long."""

from __future__ import annotations

from logsrv.gopher.mirror.folders import OF_A_NAME, Folders, LinkInTheWay
from logsrv.gopher.mirror.journal import Done
from logsrv.gopher.mirror.names import GOPHERMAP, INDEX
from logsrv.gopher.mirror.pages import CopyPath, Line, gophermap, index
from logsrv.gopher.mirror.scope import Item, Key
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_LINES_AT_ONCE = 64


class Reading:
    """A menu that is gone through. keys: of what its lines lead to, None if to nothing that is wanted; as
    far as they were.
    """

    __slots__ = ("item", "keys", "lines", "menu")

    def __init__(self, menu: Done, item: Item, lines: list[MenuItem]) -> None:
        self.menu = menu
        self.item = item
        self.keys: list[Key | None] = []
        self.lines = lines

    @property
    def is_over(self) -> bool:
        """Return true if all lines were given."""
        return len(self.keys) == len(self.lines)

    def next_lines(self) -> list[MenuItem]:
        """Return some more of its lines."""
        return self.lines[len(self.keys) : len(self.keys) + _LINES_AT_ONCE]


class Unfinished:
    """The menus that have items which are still to come; `write` is called for each when the last of
    these has been settled.
    """

    def __init__(self, write: Callable[[Done], None]) -> None:
        self._write = write
        self._missing: dict[CopyPath, int] = {}
        self._waiting: dict[Key, list[Done]] = {}

    def came(self, menu: Done, missing: Collection[Key]) -> None:
        """A menu is there, some of its items are not: those of the keys `missing`, each once."""
        if missing:
            self._missing[menu.path] = len(missing)
        for key in missing:
            self._waiting.setdefault(key, []).append(menu)

    def has(self, menu: Done) -> bool:
        """Return true if some of its items are still to come."""
        return menu.path in self._missing

    def settled(self, key: Key) -> None:
        """An item is there, or will never be."""
        for menu in self._waiting.pop(key, ()):
            self._missing[menu.path] -= 1
            if not self._missing[menu.path]:
                del self._missing[menu.path]
                self._write(menu)

    def leave(self) -> None:
        """Write the menus that still wait for something: it will not come."""
        menus = {menu.path: menu for waiting in self._waiting.values() for menu in waiting}
        self._waiting.clear()
        for path in self._missing:
            self._write(menus[path])
        self._missing.clear()


class MenuFiles:
    """Writes menus into their directories, and one into the root where the mirror has none for it."""

    def __init__(self, folders: Folders, root: GopherURL, charset: str | None) -> None:
        self._folders = folders
        self._root = root
        self._charset = charset
        self._paths: set[CopyPath] = set()

    def came(self, menu: Done) -> None:
        """A menu is there, and will be written: those below it lead up to it."""
        self._paths.add(menu.path)

    def write(self, menu: Done, lines: list[Line]) -> None:
        """Raises OSError."""
        self.came(menu)
        if () not in self._paths and menu.url == self._root:
            self.write_root(Line(_item(self._root), menu.path, True, str(self._root)))
        self._write(menu.path, lines, str(menu.url))

    def write_root(self, start: Line) -> None:
        """Write a menu for the directory itself, which leads to where the mirror begins."""
        title = MenuItem("i", f"A mirror of {self._root}".encode(), port=None)
        self._write((), [Line(title, None, False, None), start], str(self._root))

    def write_root_for(self, copy: CopyPath) -> None:
        """Write that menu for a mirror that begins with a file."""
        self.write_root(Line(_item(self._root), copy, False, str(self._root)))

    def _write(self, path: CopyPath, lines: list[Line], title: str) -> None:
        above = (path[:end] for end in range(len(path) - 1, 0, -1))
        up = next((each for each in above if each in self._paths), ())
        try:
            self._folders.write((*path, GOPHERMAP), gophermap(lines))
            page = index(lines, path, title, self._charset, up if path else None)
            self._folders.write((*path, INDEX), page)
        except (LinkInTheWay, OSError) as error:
            # Its items have failed for what lies in the way, and are reported.
            if isinstance(error, OSError) and error.errno not in OF_A_NAME:
                raise

    def remove(self, path: CopyPath) -> None:
        """A menu is gone."""
        for name in (GOPHERMAP, INDEX):
            self._folders.remove((*path, name))


def _item(root: GopherURL) -> MenuItem:
    name = root.selector.rstrip(b"/").rpartition(b"/")[2] or root.host.encode()
    return MenuItem(root.item_type, name, root.selector, root.host.encode(), root.port)
