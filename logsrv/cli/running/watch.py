"""Notices when one of a few files is saved, by `stat` at intervals, which costs almost no time."""

from __future__ import annotations

from collections.abc import Iterable

from logsrv.kit.options.files import FileFingerprint, file_fingerprint

# A missing file was deleted if no watched file has changed in this many checks in a row. Until then, an
# editor may be saving it.
MISSING_CHECKS = 7


class WatchedFiles:
    """Files, and their fingerprints (time, size, inode) when `remember_fingerprints` was called.

    main: the plugin file, without which nothing can be started.
    """

    def __init__(self, main: str) -> None:
        self.main = main
        self.files = {main}
        # The number of checks since the last change.
        self._calm = 0
        self._began: dict[str, FileFingerprint | None] = {}
        self._before: dict[str, FileFingerprint | None] = {}
        self.remember_fingerprints()

    def remember_fingerprints(self) -> None:
        """Remember the present fingerprints of the files; `saved` compares with them."""
        self._began = self._before = self._fingerprints()

    def add(self, files: Iterable[str]) -> None:
        """Watch further files from now on."""
        for file in set(files) - self.files:
            self.files.add(file)
            self._began[file] = self._before[file] = file_fingerprint(file)

    def saved(self) -> bool:
        """Return whether a file was saved since `remember_fingerprints`, and none since the last call.

        Editors save in several steps; between them a file may be missing or empty.
        """
        now = self._fingerprints()
        self._calm = self._calm + 1 if now == self._before else 0
        self._before = now
        is_whole = all(now.values()) or (now[self.main] and self._calm >= MISSING_CHECKS)
        return bool(self._calm and is_whole) and now != self._began

    @property
    def is_gone(self) -> bool:
        """True if `main` was missing in the last MISSING_CHECKS calls of `saved`."""
        return self._before[self.main] is None and self._calm >= MISSING_CHECKS

    def _fingerprints(self) -> dict[str, FileFingerprint | None]:
        return {file: file_fingerprint(file) for file in self.files}
