"""Lines that a target will never take: kept in `ship/NAME.refused`, for people to look at.

The file has the lines as they are stored, each with its LF. When it has LARGEST bytes it becomes
NAME.refused.old, in the place of the one before: so the last 8 to 16 MiB are kept. A line that was
refused just before a power cut may be there twice, or, if the disk was full, not at all: it is counted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from logsrv.linelog.cursors.folder import PlaceFolder

LARGEST = 8 << 20


class RefusedLines:
    """The refused lines of the shipper with this name."""

    def __init__(self, folder: PlaceFolder, name: str) -> None:
        self._folder = folder
        self._name = name + ".refused"
        self._fd = -1
        self._dirty = False

    @property
    def path(self) -> str:
        """The path of the file, for people to read."""
        return self._folder.path(self._name)

    def add(self, lines: Sequence[bytes]) -> None:
        """Keep lines, which have no LFs. Raises OSError."""
        disk = self._folder.disk
        if self._fd < 0:
            try:
                self._fd = disk.open(self._name, os.O_WRONLY | os.O_APPEND)
            except FileNotFoundError:
                self._fd = disk.create(self._name)
        self._dirty = True
        for line in lines:
            # The beginning of a line that alone is larger.
            disk.write(self._fd, line[: LARGEST - 1] + b"\n")
            if os.fstat(self._fd).st_size >= LARGEST:
                self._begin_anew()

    def _begin_anew(self) -> None:
        self.sync()
        disk = self._folder.disk
        disk.rename(self._name, self._name + ".old")
        fd, self._fd = self._fd, disk.create(self._name)
        self._dirty = True
        os.close(fd)

    def sync(self) -> None:
        """Return when all is on the medium. Raises OSError."""
        if self._dirty:
            self._folder.disk.fdatasync(self._fd)
            self._folder.disk.sync_directory()
            self._dirty = False

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
