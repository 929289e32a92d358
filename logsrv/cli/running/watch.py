"""A watch over saved files: looked at by `stat`, for a few files now and then costs nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable

Mark = tuple[int, int, int]


class Watched:
    """Files, and how they looked when `begin` was called."""

    def __init__(self, files: Iterable[str]) -> None:
        self.files = set(files)
        self._began: dict[str, Mark | None] = {}
        self._before: dict[str, Mark | None] = {}
        self.begin()

    def begin(self) -> None:
        """Remember what the files look like now; `saved` compares with that."""
        self._began = self._before = self._look()

    def add(self, files: Iterable[str]) -> None:
        """Watch these as well, from now on."""
        for file in set(files) - self.files:
            self.files.add(file)
            self._began[file] = self._before[file] = _mark(file)

    def saved(self) -> bool:
        """Return true if one was saved since `begin`, and nothing more happened since the last call.

        Editors save in several steps: in the midst of them a file may be missing or empty.
        """
        now = self._look()
        is_calm = now == self._before
        self._before = now
        return is_calm and now != self._began and all(now.values())

    def _look(self) -> dict[str, Mark | None]:
        return {file: _mark(file) for file in self.files}


def _mark(file: str) -> Mark | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
