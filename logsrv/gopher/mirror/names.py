"""Paths below the mirror's directory for selectors, unique on any file system. Sans-IO.

The delimiters of a selector make it a path. Two selectors may need the same path: `sel` and `sel/`, names
that differ only in case or normal form, and names that had to be changed. The later one gets a `~2`.
"""

from __future__ import annotations

import unicodedata
from hashlib import sha256

from logsrv.gopher.mirror.scope import is_menu
from logsrv.gopher.serve.gopherhole import GOPHERMAP
from logsrv.gopher.wire.fileurl import decode_gophernicus_name
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.paths import safe_name

INDEX = "index.html"

Path = tuple[str, ...]
_RESERVED = frozenset({GOPHERMAP, INDEX})
# A selector with more bytes or parts gets a digest as its path: a whole path must be shorter than 4096
# bytes.
_LONGEST_SELECTOR = 1024
_MOST_PARTS = 40


class PathAssigner:
    """Assigns paths to URLs.

    home: the server whose copy is in the mirror's directory itself; other servers get a directory each.
    """

    def __init__(self, home: GopherURL, delimiter: bytes = b"/") -> None:
        self._home = (home.host, home.port)
        self.delimiter = delimiter
        self._taken: set[tuple[Path, str]] = set()
        self._next: dict[tuple[Path, str], int] = {}
        self._directories: dict[tuple[bytes, ...], Path] = {(): ()}
        self._menus: set[Path] = set()

    def assign_path(self, url: GopherURL) -> Path:
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

    def reserve_path(self, url: GopherURL, path: Path) -> None:
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
        parts = tuple(
            [decode_gophernicus_name(part) for part in url.selector.split(self.delimiter) if part]
        )
        if len(url.selector) > _LONGEST_SELECTOR or len(parts) > _MOST_PARTS:
            digest = sha256(url.selector).hexdigest().encode()
            parts = (b"\0long", digest + b"." + parts[-1].rpartition(b".")[2][:16])
        return first + parts

    def _directory_path(self, parts: tuple[bytes, ...]) -> Path:
        known = self._directories.get(parts)
        if known is None:
            parent = self._directory_path(parts[:-1])
            known = (*parent, self._take_unused_name(parent, parts[-1]))
            self._directories[parts] = known
        return known

    def _take_unused_name(self, parent: Path, part: bytes) -> str:
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
