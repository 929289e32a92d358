"""The menus of a mirror: read line by line, and written when each of their items is copied or given up.

A menu whose items take longer is written after `LATE` seconds too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from logsrv.gopher.mirror.fetching import FetchJob
from logsrv.gopher.mirror.folders import OF_A_NAME, LinkInTheWay, MirrorFolders
from logsrv.gopher.mirror.journal import ItemCopy
from logsrv.gopher.mirror.names import INDEX
from logsrv.gopher.mirror.pages import CopyPath, MenuLine, gophermap_bytes, index_page
from logsrv.gopher.serve.gopherhole import GOPHERMAP
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

_LINES_AT_ONCE = 64
# Seconds after which a menu is written although some of its items are missing.
LATE = 2.0


@dataclass(eq=False, slots=True)
class MenuInProgress:
    """A menu whose lines are being processed.

    depth: the depth of its items. jobs: one for each processed line, None if the item is not fetched.
    missing: the number of items that are neither copied nor given up; it is set when all lines are
    processed, and 0 before.
    """

    menu: ItemCopy
    depth: int
    lines: list[MenuItem]
    jobs: list[FetchJob | None] = field(default_factory=list)
    missing: int = 0

    @property
    def is_processed(self) -> bool:
        """Return true if all lines were processed."""
        return len(self.jobs) == len(self.lines)

    def take_next_lines(self) -> list[MenuItem]:
        """Return the next lines to process."""
        return self.lines[len(self.jobs) : len(self.jobs) + _LINES_AT_ONCE]


class MenusInProgress:
    """The menus with unprocessed lines, and those that wait for their items."""

    def __init__(self, write: Callable[[MenuInProgress], None], clock: Callable[[], float]) -> None:
        """write: called with each menu when all its items are copied or given up; if that takes more than
        `LATE` seconds, also after these.
        """
        self._write = write
        self._clock = clock
        self._unread: deque[MenuInProgress] = deque()
        self._waiting: dict[FetchJob, list[MenuInProgress]] = {}
        self._late: deque[tuple[float, MenuInProgress]] = deque()

    def add_menu(self, reading: MenuInProgress) -> None:
        self._unread.append(reading)

    def first_unprocessed(self) -> MenuInProgress | None:
        """Return the menu to process next."""
        return self._unread[0] if self._unread else None

    def end_first(self) -> None:
        """End the processing of the first menu: write it as soon as each item is copied or given up."""
        reading = self._unread.popleft()
        awaited = {job for job in reading.jobs if job is not None and not job.is_settled}
        if not awaited:
            self._write(reading)
            return
        reading.missing = len(awaited)
        self._late.append((self._clock() + LATE, reading))
        for job in awaited:
            self._waiting.setdefault(job, []).append(reading)

    def settle_job(self, job: FetchJob) -> None:
        """Note that `job` is copied or given up; write the menus that waited only for it."""
        job.is_settled = True
        for reading in self._waiting.pop(job, ()):
            reading.missing -= 1
            if not reading.missing:
                self._write(reading)

    def write_overdue(self) -> None:
        """Write the menus that have waited for `LATE` seconds, as they are now."""
        while self._late and self._late[0][0] <= self._clock():
            reading = self._late.popleft()[1]
            if reading.missing:
                self._write(reading)

    def write_all(self) -> None:
        """Write all menus at the end of a run: their missing items will not arrive."""
        waiting = (reading for readings in self._waiting.values() for reading in readings)
        for reading in dict.fromkeys((*self._unread, *waiting)):
            self._write(reading)
        self._unread.clear()
        self._waiting.clear()


class MenuFiles:
    """Writes menus into their directories, and a menu for the mirror's own directory if no copy is one."""

    def __init__(self, folders: MirrorFolders, root: GopherURL, charset: str | None) -> None:
        self._folders = folders
        self._root = root
        self._charset = charset
        self._paths: set[CopyPath] = set()

    def note_menu_path(self, menu: ItemCopy) -> None:
        """Note that a menu will be written, so that menus below it get a link up to it."""
        self._paths.add(menu.path)

    def write_menu(self, menu: ItemCopy, lines: list[MenuLine]) -> None:
        """Write a menu as gophermap and index.html. Raises OSError."""
        self.note_menu_path(menu)
        if () not in self._paths and menu.url == self._root:
            self.write_root_menu(menu.path, is_menu=True)
        self._write_files(menu.path, lines, str(menu.url))

    def write_root_menu(self, copy: CopyPath, *, is_menu: bool) -> None:
        """Write a menu for the mirror's own directory, with a link to the copy of the root."""
        root = self._root
        name = root.selector.rstrip(b"/").rpartition(b"/")[2] or root.host.encode()
        title = MenuItem("i", f"A mirror of {root}".encode(), port=None)
        start = MenuItem(root.item_type, name, root.selector, root.host.encode(), root.port)
        lines = [MenuLine(title, None, False, None), MenuLine(start, copy, is_menu, None)]
        self._write_files((), lines, str(root))

    def _write_files(self, path: CopyPath, lines: list[MenuLine], title: str) -> None:
        above = (path[:end] for end in range(len(path) - 1, 0, -1))
        up = next((each for each in above if each in self._paths), ())
        try:
            self._folders.write_file((*path, GOPHERMAP), gophermap_bytes(lines))
            page = index_page(lines, path, title, self._charset, up if path else None)
            self._folders.write_file((*path, INDEX), page)
        except (LinkInTheWay, OSError) as error:
            # No report here: the items of this menu have failed for the same reason, and are reported.
            if isinstance(error, OSError) and error.errno not in OF_A_NAME:
                raise

    def remove_menu(self, path: CopyPath) -> None:
        """Remove the files of a menu."""
        for name in (GOPHERMAP, INDEX):
            self._folders.remove_file((*path, name))
