"""A watch over a few files, by `stat` at intervals, which costs nearly nothing."""

from __future__ import annotations

from collections.abc import Iterable

from logsrv.kit.options.files import Mark, mark_of

# A file that is missing for so many looks is deleted, not just being saved.
MISSING_LOOKS = 7


class WatchedFiles:
    """Files, and their state when `begin` was called.

    main: the plugin file, without which nothing can be started.
    """

    def __init__(self, main: str) -> None:
        self.main = main
        self.files = {main}
        # The number of looks since the last change.
        self._calm = 0
        self._began: dict[str, Mark | None] = {}
        self._before: dict[str, Mark | None] = {}
        self.begin()

    def begin(self) -> None:
        """Remember the files' present state; `saved` compares with it."""
        self._began = self._before = self._marks()

    def add(self, files: Iterable[str]) -> None:
        """Watch further files from now on."""
        for file in set(files) - self.files:
            self.files.add(file)
            self._began[file] = self._before[file] = mark_of(file)

    def saved(self) -> bool:
        """Return whether a file was saved since `begin`, and nothing has changed since the last call.

        Editors save in several steps; between them a file may be missing or empty.
        """
        now = self._marks()
        self._calm = self._calm + 1 if now == self._before else 0
        self._before = now
        is_whole = all(now.values()) or (now[self.main] and self._calm >= MISSING_LOOKS)
        return bool(self._calm and is_whole) and now != self._began

    @property
    def is_gone(self) -> bool:
        """True if `main` has been missing for a while, at the last call of `saved`."""
        return self._before[self.main] is None and self._calm >= MISSING_LOOKS

    def _marks(self) -> dict[str, Mark | None]:
        return {file: mark_of(file) for file in self.files}
