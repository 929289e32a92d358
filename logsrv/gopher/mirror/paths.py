"""Paths below the mirror's directory for selectors, unique on any file system, and its directories on disk.

The slashes of a selector make it a path. Two selectors may need the same path: `sel` and `sel/`, names
that differ only in case or normal form, and names that had to be changed. The later one gets a `~2`.

No write or removal follows a symbolic link in the mirror. Files are replaced by renaming, which replaces a
link and does not follow it.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from hashlib import sha256
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO

from logsrv.descriptor import Descriptor
from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.wholefile import is_partial_file, write_whole
from logsrv.gopher.mirror.scope import is_menu
from logsrv.gopher.serve.gopherhole import GOPHERMAP
from logsrv.gopher.wire.fileurl import decode_gophernicus_name
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.paths import checked_name, safe_name

CopyPath = tuple[str, ...]
INDEX = "index.html"


_RESERVED = frozenset({GOPHERMAP, INDEX})
# A selector with more bytes or parts gets a digest as its path: a whole path must be shorter than 4096
# bytes.
_LONGEST_SELECTOR = 1024
_MOST_PARTS = 40


class PathAssigner:
    """Assigns paths to URLs.

    home: the server whose copy is in the mirror's directory itself; other servers get a directory each.
    """

    def __init__(self, home: GopherURL) -> None:
        self._home = (home.host, home.port)
        self._taken: set[tuple[CopyPath, str]] = set()
        self._next: dict[tuple[CopyPath, str], int] = {}
        self._directories: dict[tuple[bytes, ...], CopyPath] = {(): ()}
        self._menus: set[CopyPath] = set()

    def assign_path(self, url: GopherURL) -> CopyPath:
        """Return a new path for `url`, that of a directory for a menu. Call it once for each selector."""
        parts = self._path_parts(url)
        if not is_menu(url):
            parent = self._directory_path(parts[:-1])
            return (*parent, self._take_unused_name(parent, parts[-1] if parts else b""))
        path = self._directory_path(parts)
        if path in self._menus:
            path = (*path[:-1], self._take_unused_name(path[:-1], parts[-1] if parts else b"menu"))
        self._menus.add(path)
        return path

    def reserve_path(self, url: GopherURL, path: CopyPath) -> None:
        """Reserve the path that an earlier run assigned to `url`."""
        parts = self._path_parts(url)
        for length in range(1, len(path) + 1):
            self._taken.add((path[: length - 1], _collision_key(path[length - 1])))
        directory = path if is_menu(url) else path[:-1]
        raw = parts if is_menu(url) else parts[:-1]
        if is_menu(url):
            self._menus.add(path)
        while raw and len(raw) == len(directory) and raw not in self._directories:
            self._directories[raw] = directory
            raw, directory = raw[:-1], directory[:-1]

    def _path_parts(self, url: GopherURL) -> tuple[bytes, ...]:
        server = (url.host, url.port)
        # No selector has a NUL, so no directory of the home server can have this name.
        first = () if server == self._home else (b"\0" + url.address.encode(),)
        parts = tuple([decode_gophernicus_name(part) for part in url.selector.split(b"/") if part])
        if len(url.selector) > _LONGEST_SELECTOR or len(parts) > _MOST_PARTS:
            digest = sha256(url.selector).hexdigest().encode()
            parts = (b"\0long", digest + b"." + parts[-1].rpartition(b".")[2][:16])
        return first + parts

    def _directory_path(self, parts: tuple[bytes, ...]) -> CopyPath:
        known = self._directories.get(parts)
        if known is None:
            parent = self._directory_path(parts[:-1])
            known = (*parent, self._take_unused_name(parent, parts[-1]))
            self._directories[parts] = known
        return known

    def _take_unused_name(self, parent: CopyPath, part: bytes) -> str:
        name = safe_name(part.removeprefix(b"\0"))
        key = (parent, _collision_key(name))
        if key not in self._taken and key[1] not in _RESERVED:
            self._taken.add(key)
            return name
        stem, dot, ending = name.rpartition(".")
        if not dot:
            stem, ending = name, ""
        number = self._next.get(key, 2)
        while (parent, _collision_key(f"{stem}~{number}{dot}{ending}")) in self._taken:
            number += 1
        self._next[key] = number + 1
        name = f"{stem}~{number}{dot}{ending}"
        self._taken.add((parent, _collision_key(name)))
        return name


def _collision_key(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", name).casefold()


_CHUNK = 256 * 1024
# Errors that concern the name of one file, not the disk: the run goes on without that file.
OF_A_NAME = (
    *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ),
    # A file is where a directory should be, or the other way round.
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
)


class LinkInTheWay(LogsrvError):
    """A directory of the mirror is a symbolic link."""


class MirrorFolders:
    """The directories below `directory`; checked ones are remembered."""

    def __init__(self, directory: Path | str) -> None:
        self._directory = directory
        self._known: dict[CopyPath, str] = {(): str(directory)}

    def checked_path(self, names: CopyPath) -> str:
        """Return the path of a file or directory, which need not exist yet.

        Raises LinkInTheWay if a directory above it is a link.
        """
        if not names:
            return self._known[names]
        above = self._known.get(names[:-1]) or self._checked_directory(names[:-1])
        return f"{above}/{checked_name(names[-1])}"

    def _checked_directory(self, names: CopyPath) -> str:
        path = self.checked_path(names)
        if stat.S_ISDIR(_mode_unless_link(path)):
            self._known[names] = path
        return path

    def check_no_link(self, names: CopyPath) -> None:
        """Check again, just before writing: raise LinkInTheWay if a directory above has become a link."""
        path = str(self._directory)
        for name in names[:-1]:
            path = f"{path}/{name}"
            _mode_unless_link(path)

    def has_whole_file(self, names: CopyPath, size: int) -> bool:
        """Return true if there is a file of that size, and no directory above it is a link."""
        try:
            found = os.lstat(self.checked_path(names))
        except (OSError, LinkInTheWay):
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size

    def write_file(self, names: CopyPath, content: bytes) -> None:
        """Write a small file, unless it has this content already. Raises LinkInTheWay, OSError."""
        path = self.checked_path(names)
        self.check_no_link(names)
        if has_same_content(path, BytesIO(content)):
            return
        write_whole(path, content)

    def remove_partial_files(self) -> None:
        """Remove the incomplete files of a run that was killed."""
        for folder, _, files in os.walk(self._directory):
            for name in filter(is_partial_file, files):
                os.unlink(os.path.join(folder, name))


def _mode_unless_link(path: str) -> int:
    """Return the mode of the file at `path`, 0 if there is none. Raises LinkInTheWay for a link."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return 0
    if stat.S_ISLNK(mode):
        raise LinkInTheWay(
            f"{one_line(path, 500)} is a symbolic link, and a mirror is not written through "
            "one; remove it or put a directory in its place"
        )
    return mode


def has_same_content(path: str, new: BinaryIO) -> bool:
    """Return true if there is a file (not a link) at `path` with the content of `new`."""
    try:
        old = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with Descriptor(old):
        found = os.fstat(old)
        if not stat.S_ISREG(found.st_mode) or found.st_size != new.seek(0, SEEK_END):
            return False
        new.seek(0)
        while chunk := new.read(_CHUNK):
            if os.read(old, len(chunk)) != chunk:
                return False
        return True
