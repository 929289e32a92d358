"""The journal of a mirror, one file that only grows: a line of JSON for each item, written when its file
has its final name. The next run reads it and continues after these items.

    {"mirror": 1, "url": …, "span": …}                 first line: the root of the mirror
    {"url": …, "path": […], "size": …}                 a file
    {"url": …, "path": […], "menu": …}                 a menu, its bytes as Latin-1
    {"url": …, "failed": …}                            for people: an error of some run
    {"update": 1}                                      an update begins: request all items above again

A last line without a newline was cut by a crash, and does not count. At the end of an update a new
file replaces this one: it has the lines after the update line, and the lines above it only of copies that
stay although they were not requested.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.local import MIRROR_JOURNAL
from logsrv.gopher.fetch.wholefile import whole_file
from logsrv.gopher.mirror.paths import CopyPath
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.paths import checked_name

_VERSION = 1
# Exceptions from parsing a line that is not from `gopher mirror`; deeply nested lists raise RecursionError.
_WRONG = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


class ItemCopy(NamedTuple):
    """The copy of a finished item.

    size: bytes of its file, None for a menu. offset: where its line begins in the journal.
    """

    url: GopherURL
    path: CopyPath
    size: int | None
    offset: int


class JournalContents(NamedTuple):
    """The contents of a journal, in the order of the lines.

    done: finished items; during an update, only those that it has finished. old: items finished before the
    current update; None without an update.
    """

    done: list[ItemCopy]
    old: list[ItemCopy] | None


class MirrorJournal:
    """The journal of the mirror in `directory`, locked until it is closed. is_new: it was empty or missing.

    Raises ConfigurationError if another process has it open, or if it is of another root or span; OSError.
    """

    def __init__(
        self, directory: Path | str, root: GopherURL, span: str, *, anew: bool = False
    ) -> None:
        """anew: whether to delete the earlier contents, whatever mirror they are of."""
        self.directory = directory
        self._path = os.path.join(directory, MIRROR_JOURNAL)
        self._file = _open_journal(self._path)
        self._updating = 0
        try:
            self._lock()
            if anew:
                self._file.truncate(0)
            self.is_new = self._cut_unfinished()
            self._check_or_write_root(str(root), span)
        except BaseException:
            self._file.close()
            raise

    def read(self) -> JournalContents:
        """Read the journal. Raises ConfigurationError for a line that is not from `gopher mirror`."""
        done: list[ItemCopy] = []
        old: list[ItemCopy] | None = None
        with open(self._path, "rb") as file:
            offset = len(file.readline())
            for number, line in enumerate(file, 2):
                try:
                    value = json.loads(line)
                    if "path" in value:
                        done.append(_copy_of_line(value, offset))
                    elif "update" in value:
                        old, done = [*(old or ()), *done], []
                        self._updating = offset + len(line)
                except _WRONG as error:
                    raise self._damage_error(number) from error
                offset += len(line)
        return JournalContents(done, old)

    def begin_update(self) -> None:
        """Begin an update: all items count as old now."""
        self._add_line({"update": 1})

    def end_update(self, kept: Iterable[ItemCopy] = ()) -> None:
        """End the update: drop all old items except `kept`. Afterwards nothing can be added or read."""
        with open(self._path, "rb") as file, whole_file(self._path) as new:
            new.write(file.readline())
            # Kept items are written first, because of two lines with the same URL the later one counts.
            for done in sorted(kept, key=lambda done: done.offset):
                file.seek(done.offset)
                new.write(file.readline())
            file.seek(self._updating)
            shutil.copyfileobj(file, new)

    def add_file(self, url: GopherURL, path: CopyPath, size: int) -> None:
        self._add_line({"url": str(url), "path": path, "size": size})

    def add_menu(self, url: GopherURL, path: CopyPath, content: bytes) -> ItemCopy:
        """Add a menu; return the copy with which `read_menu` finds it again."""
        menu = content.decode("latin-1")
        offset = self._add_line({"url": str(url), "path": path, "menu": menu})
        return ItemCopy(url, path, None, offset)

    def add_failure(self, url: GopherURL, sentence: str) -> None:
        self._add_line({"url": str(url), "failed": sentence})

    def read_menu(self, done: ItemCopy) -> bytes:
        with open(self._path, "rb") as file:
            file.seek(done.offset)
            content: str = json.loads(file.readline())["menu"]
        return content.encode("latin-1")

    def close(self) -> None:
        self._file.close()

    def _add_line(self, value: dict[str, object]) -> int:
        """Write a line; return its offset. Nothing of it stays if that fails, or is interrupted."""
        line = json.dumps(value).encode("ascii") + b"\n"
        file = self._file.fileno()
        offset = os.fstat(file).st_size
        try:
            while line := line[os.write(file, line) :]:
                pass
        except BaseException as error:
            os.ftruncate(file, offset)
            if isinstance(error, OSError):
                # The system's error for a full disk names no file.
                error.filename = self._path
            raise
        return offset

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another gopher mirror is running in {self.directory}"
            ) from None

    def _cut_unfinished(self) -> bool:
        """Cut off an incomplete last line; return true if nothing is left."""
        file = self._file.fileno()
        end = os.fstat(file).st_size
        while end:
            begin = max(0, end - 65536)
            newline = os.pread(file, end - begin, begin).rfind(b"\n")
            if newline >= 0:
                end = begin + newline + 1
                break
            end = begin
        self._file.truncate(end)
        return not end

    def _check_or_write_root(self, url: str, span: str) -> None:
        wanted: dict[str, object] = {"mirror": _VERSION, "url": url, "span": span}
        if self.is_new:
            self._add_line(wanted)
        with open(self._path, "rb") as file:
            try:
                found = json.loads(file.readline())
                others_url, others_span = one_line(found["url"]), one_line(found["span"])
                is_mirror = found["mirror"] == _VERSION
            except _WRONG as error:
                raise self._damage_error(1) from error
        if not is_mirror or found != wanted:
            raise ConfigurationError(
                f"{self.directory} is a mirror of {others_url} (--span {others_span}) "
                "already; take another directory, or remove it"
            )

    def _damage_error(self, number: int) -> ConfigurationError:
        return ConfigurationError(
            f"line {number} of {self._path} is not what gopher mirror writes; remove the file, and "
            "everything is fetched again"
        )


def _open_journal(path: str) -> FileIO:
    """Open a journal. Raises OSError; ConfigurationError for a symbolic link."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return FileIO(os.open(path, flags, 0o666), "a+b")
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise ConfigurationError(f"{one_line(path, 500)} is a symbolic link; remove it") from None


def _copy_of_line(value: dict[str, Any], offset: int) -> ItemCopy:
    path = tuple(value["path"])
    for name in path:
        checked_name(name)
    size = value.get("size")
    if size is None:
        value["menu"].encode("latin-1")
    elif not isinstance(size, int):
        raise TypeError("neither a file nor a menu")
    return ItemCopy(GopherURL.parse(value["url"]), path, size, offset)
