"""The journal of a mirror, one file that only grows: a line of JSON for each item, written when its file
has its final name. The next run reads it and continues after these items.

    {"mirror": 1, "url": …, "span": …}                 first line: the root of the mirror
    {"url": …, "path": […], "size": …}                 a file
    {"url": …, "path": […], "menu": …}                 a menu, its bytes as Latin-1
    {"url": …, "failed": …}                            for people: an error of some run
    {"update": 1}                                      an update begins: request all items above again

A last line without a newline was cut by a crash, and does not count; nor does an update line with no line
after it. At the end of an update a new file replaces this one: it has the lines after the update line, and
the lines above it only of copies that stay although they were not requested.
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
from logsrv.value import Value

_VERSION = 1
_UPDATE = b'{"update": 1}\n'
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


class JournalContents(Value):
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
        self._is_beginning = False
        try:
            self._lock()
            if anew:
                self._file.truncate(0)
            # An offset, and the unwritten lines that belong there. One assignment replaces both, so that
            # offsets are right even if an exception interrupts this thread.
            self._unwritten = (self._cut_unfinished(), bytearray())
            self.is_new = not self._end_offset()
            self._check_or_write_root(str(root), span)
        except BaseException:
            self._file.close()
            raise

    def read(self) -> JournalContents:
        """Read the journal. Raises ConfigurationError for a line that is not from `gopher mirror`."""
        self.flush()
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
        return JournalContents([], done) if self._is_beginning else JournalContents(done, old)

    def begin_update(self) -> None:
        """Begin an update: all items count as old now. The update line is written with the next item."""
        self._is_beginning = True

    def end_update(self, kept: Iterable[ItemCopy] = ()) -> None:
        """End the update: drop all old items except `kept`. Afterwards nothing can be added or read."""
        self.flush()
        with open(self._path, "rb") as file, whole_file(self._path) as new:
            new.write(file.readline())
            # Kept items are written first, because of two lines with the same URL the later one counts.
            for done in sorted(kept, key=lambda done: done.offset):
                file.seek(done.offset)
                new.write(file.readline())
            file.seek(self._updating)
            shutil.copyfileobj(file, new)

    def add_file(self, url: GopherURL, path: CopyPath, size: int) -> None:
        self._add_item({"url": str(url), "path": path, "size": size})

    def add_menu(self, url: GopherURL, path: CopyPath, content: bytes) -> ItemCopy:
        """Add a menu; return the copy with which `read_menu` finds it again."""
        menu = content.decode("latin-1")
        return ItemCopy(
            url, path, None, self._add_item({"url": str(url), "path": path, "menu": menu})
        )

    def add_failure(self, url: GopherURL, sentence: str) -> None:
        self._add_line({"url": str(url), "failed": sentence})

    def flush(self) -> None:
        """Write the added lines, all with two system calls."""
        begin, lines = self._unwritten
        if not lines:
            return
        end = begin + len(lines)
        file = self._file.fileno()
        # The size of the file says how much was written, even if Ctrl-C interrupts this loop.
        try:
            while (left := end - os.fstat(file).st_size) > 0:
                os.write(file, lines[-left:])
        except OSError as error:
            # The system's error for a full disk names no file.
            error.filename = self._path
            raise
        self._unwritten = (end, bytearray())

    def read_menu(self, done: ItemCopy) -> bytes:
        self.flush()
        with open(self._path, "rb") as file:
            file.seek(done.offset)
            content: str = json.loads(file.readline())["menu"]
        return content.encode("latin-1")

    def close(self) -> None:
        try:
            self.flush()
        finally:
            self._file.close()

    def _add_item(self, item: dict[str, object]) -> int:
        """Add the line of an item; return its offset."""
        if self._is_beginning:
            self._is_beginning = False
            self._add_line({"update": 1})
            self._updating = self._end_offset()
        offset = self._end_offset()
        self._add_line(item)
        return offset

    def _add_line(self, value: dict[str, object]) -> None:
        lines = self._unwritten[1]
        lines += json.dumps(value).encode("ascii") + b"\n"

    def _end_offset(self) -> int:
        begin, lines = self._unwritten
        return begin + len(lines)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another gopher mirror is running in {self.directory}"
            ) from None

    def _cut_unfinished(self) -> int:
        """Cut off an incomplete last line, and an update line at the end; return the length in bytes."""
        file = self._file.fileno()
        end = os.fstat(file).st_size
        while end:
            begin = max(0, end - 65536)
            newline = os.pread(file, end - begin, begin).rfind(b"\n")
            if newline >= 0:
                end = begin + newline + 1
                break
            end = begin
        before = end - len(_UPDATE)
        if before > 0 and os.pread(file, len(_UPDATE), before) == _UPDATE:
            end = before
        self._file.truncate(end)
        return end

    def _check_or_write_root(self, url: str, span: str) -> None:
        wanted: dict[str, object] = {"mirror": _VERSION, "url": url, "span": span}
        if not self._end_offset():
            self._add_line(wanted)
            self.flush()
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
