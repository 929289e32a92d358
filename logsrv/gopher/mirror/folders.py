"""The mirror's directory on disk: no write or removal follows a symbolic link in it.

Files are replaced by renaming, which replaces a link and does not follow it.
"""

from __future__ import annotations

import errno
import os
import stat
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO

from logsrv.descriptor import Descriptor
from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.wholefile import is_partial_file, write_whole
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.paths import checked_name

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
        self._known: dict[tuple[str, ...], str] = {(): str(directory)}

    def checked_path(self, names: tuple[str, ...]) -> str:
        """Return the path of a file or directory, which need not exist yet.

        Raises LinkInTheWay if a directory above it is a link.
        """
        if not names:
            return self._known[names]
        above = self._known.get(names[:-1]) or self._checked_directory(names[:-1])
        return f"{above}/{checked_name(names[-1])}"

    def _checked_directory(self, names: tuple[str, ...]) -> str:
        path = self.checked_path(names)
        if stat.S_ISDIR(_mode_unless_link(path)):
            self._known[names] = path
        return path

    def check_no_link(self, names: tuple[str, ...]) -> None:
        """Check again, just before writing: raise LinkInTheWay if a directory above has become a link."""
        path = str(self._directory)
        for name in names[:-1]:
            path = f"{path}/{name}"
            _mode_unless_link(path)

    def has_whole_file(self, names: tuple[str, ...], size: int) -> bool:
        """Return true if there is a file of that size, and no directory above it is a link."""
        try:
            found = os.lstat(self.checked_path(names))
        except (OSError, LinkInTheWay):
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size

    def has_name(self, names: tuple[str, ...]) -> bool:
        """Return true if the name exists, and no directory above it is a link."""
        try:
            return os.path.lexists(self.checked_path(names))
        except LinkInTheWay:
            return False

    def write_file(self, names: tuple[str, ...], content: bytes) -> None:
        """Write a small file, unless it has this content already. Raises LinkInTheWay, OSError."""
        path = self.checked_path(names)
        self.check_no_link(names)
        if has_same_content(path, BytesIO(content)):
            return
        write_whole(path, content)

    def remove_file(self, names: tuple[str, ...]) -> None:
        """Remove a file if it exists, and the directories that are empty then. Raises OSError."""
        try:
            path = self.checked_path(names)
            self.check_no_link(names)
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, LinkInTheWay):
            return
        for length in range(len(names) - 1, 0, -1):
            try:
                os.rmdir(os.path.join(self._directory, *map(checked_name, names[:length])))
            except OSError:
                return
            self._known.pop(names[:length], None)

    def remove_partial_files(self) -> None:
        """Remove the incomplete files of a run that was killed."""
        for place, _, files in os.walk(self._directory):
            for name in filter(is_partial_file, files):
                os.unlink(os.path.join(place, name))


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
