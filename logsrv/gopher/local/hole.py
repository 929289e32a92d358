"""The directory that is served ("gopherhole"): the one way from a selector to a file, and its menus.

No selector leads out of the directory, by `..` or by a symbolic link, and none to a hidden file. A path
is opened name by name, each below the descriptor of the one before and never through a link, so that
nothing changes between a check and its use; links that stay inside are resolved before.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logsrv.errors import ConfigurationError, PeerError
from logsrv.gopher.wire.filetypes import ENOUGH_TO_TELL, letter_by_name, letter_of
from logsrv.gopher.wire.gophermap import FILE, Gophermap, parse_gophermap
from logsrv.gopher.wire.menu import MenuItem
from logsrv.kit.text.escape import one_line

LARGEST_MAP = 4 * 1024 * 1024
MOST_LISTED = 10_000
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
# Errors of one name; others are the operator's, and logged.
_NOT_THERE = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP),
    *(errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO, errno.EILSEQ),
)
_CONTROLS = re.compile(rb"[\0-\x1f\x7f]")


class NotThere(PeerError):
    """A selector for which there is nothing, or nothing that is shown."""


class Hole:
    """The files below `directory`. Raises ConfigurationError if there is no such directory."""

    def __init__(self, directory: Path) -> None:
        self._root = os.path.realpath(os.fsencode(directory))
        if not os.path.isdir(self._root):
            raise ConfigurationError(
                f"there is no directory {one_line(str(directory), 500)} to serve; --directory names it"
            )

    @contextmanager
    def open(self, selector: bytes) -> Iterator[int]:
        """The descriptor of a regular file or a directory. Raises NotThere, OSError."""
        try:
            descriptor = self._open(selector)
        except OSError as error:
            if error.errno in _NOT_THERE:
                raise NotThere("there is nothing of that name here") from error
            raise
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _open(self, selector: bytes) -> int:
        wanted = _names(selector)
        real = os.path.realpath(os.path.join(self._root, *wanted))
        base = self._root.rstrip(b"/") + b"/"
        if not (real + b"/").startswith(base):
            raise NotThere("there is nothing of that name here")
        descriptor = os.open(self._root, _FLAGS | os.O_DIRECTORY)
        try:
            for name in _names(real[len(base) :]):
                inner = os.open(name, _FLAGS, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            mode = os.fstat(descriptor).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise NotThere("there is nothing of that name here")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def menu(self, selector: bytes, descriptor: int) -> Iterator[MenuItem]:
        """Yield the items of a directory: its gophermap, or its files. Those of ours have no host."""
        place = b"/" + b"".join(name + b"/" for name in _names(selector))
        gophermap = self._map(place)
        yield from gophermap.items
        if gophermap.lists:
            yield from self._listing(place, descriptor, gophermap.hidden)

    def _map(self, place: bytes) -> Gophermap:
        try:
            with (
                self.open(place + FILE.encode()) as descriptor,
                open(descriptor, "rb", closefd=False) as file,
            ):
                return parse_gophermap(file.read(LARGEST_MAP), place)
        except (NotThere, IsADirectoryError):
            return Gophermap((), lists=True)

    def _listing(
        self, place: bytes, descriptor: int, hidden: frozenset[bytes]
    ) -> Iterator[MenuItem]:
        names = sorted(
            name
            for name in map(os.fsencode, os.listdir(descriptor))
            if name[:1] != b"." and name != FILE.encode() and name not in hidden
            # No selector could have these.
            if not re.search(rb"[\t\r\n]", name)
        )
        found = [
            (letter, name) for name in names[:MOST_LISTED] if (letter := self._letter(place, name))
        ]
        for letter, name in sorted(found, key=lambda each: each[0] != "1"):
            slash = b"/" if letter == "1" else b""
            yield MenuItem(letter, _CONTROLS.sub(b"?", name), place + name + slash)
        if len(names) > MOST_LISTED:
            yield MenuItem("i", b"(and %d more)" % (len(names) - MOST_LISTED), port=None)
        if not found:
            yield MenuItem("i", b"(empty)", port=None)

    def _letter(self, place: bytes, name: bytes) -> str | None:
        """Return the item type of a file in a menu, None for what is not shown."""
        try:
            with self.open(place + name) as descriptor:
                if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                    return "1"
                known = letter_by_name(name)
                return known or letter_of(name, os.read(descriptor, ENOUGH_TO_TELL))
        except NotThere:
            return None


def _names(selector: bytes) -> list[bytes]:
    """Return the names that a selector is made of. Raises NotThere for one that may not be asked for."""
    names = [name for name in selector.split(b"/") if name]
    if any(name[:1] == b"." or b"\0" in name for name in names):
        raise NotThere("there is nothing of that name here")
    return names
