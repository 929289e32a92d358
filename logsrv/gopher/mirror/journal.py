"""The journal of a mirror, one file that only grows: a line of JSON for each item, written when its file
has its final name. The next run reads it and goes on from there.

    {"mirror": 1, "url": …, "span": …}                 first line: what this is a mirror of
    {"url": …, "path": […], "size": …}                 a file
    {"url": …, "path": […], "menu": …}                 a menu, its bytes as Latin-1
    {"url": …, "failed": …}                            for people: what went wrong in some run

A line without its newline was cut by a crash, and counts as not written.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from logsrv.errors import ConfigurationError
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.paths import inside

FILE = ".gopher-mirror"
_VERSION = 1


@attrs.define(frozen=True, slots=True)
class Done:
    """A finished item. size: of its file; for a menu None, and `offset` is where its line begins."""

    url: GopherURL
    path: tuple[str, ...]
    size: int | None
    offset: int


class Journal:
    """The journal of the mirror in `directory`, locked as long as this object is open.

    Raises ConfigurationError if another mirror has it, or it is of something else; OSError.
    """

    def __init__(self, directory: Path, root: GopherURL, span: str) -> None:
        self._path = directory / FILE
        self._file = open(self._path, "a+b", buffering=0)  # noqa: SIM115
        self._lines: list[bytes] = []
        try:
            self._lock()
            self._end = self._cut_torn_line()
            self._check({"mirror": _VERSION, "url": str(root), "span": span})
        except BaseException:
            self._file.close()
            raise

    def done(self) -> Iterator[Done]:
        """Yield what is finished, in the order in which it was."""
        offset = 0
        with open(self._path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    value = json.loads(line)
                    if "path" in value:
                        yield _done(value, offset)
                except (ValueError, TypeError, KeyError, BadURL) as error:
                    raise self._damaged(number) from error
                offset += len(line)

    def add_file(self, url: GopherURL, path: tuple[str, ...], size: int) -> None:
        self._add({"url": str(url), "path": path, "size": size})

    def add_menu(self, url: GopherURL, path: tuple[str, ...], content: bytes) -> Done:
        """Returns what `menu` needs to find it again."""
        done = Done(url, path, None, self._end)
        self._add({"url": str(url), "path": path, "menu": content.decode("latin-1")})
        return done

    def add_failure(self, url: GopherURL, sentence: str) -> None:
        self._add({"url": str(url), "failed": sentence})

    def flush(self) -> None:
        """Write what was added; whatever is added together costs one system call."""
        if self._lines:
            left = memoryview(b"".join(self._lines))
            self._lines.clear()
            while left:
                left = left[self._file.write(left) :]

    def menu(self, done: Done) -> bytes:
        """The bytes of a menu."""
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

    def _add(self, value: dict[str, Any]) -> None:
        line = json.dumps(value).encode("ascii") + b"\n"
        self._lines.append(line)
        self._end += len(line)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another gopher mirror is at work in {self._path.parent}"
            ) from None

    def _cut_torn_line(self) -> int:
        """The length of the file without its unfinished last line, which is cut off."""
        end = os.fstat(self._file.fileno()).st_size
        while end:
            begin = max(0, end - 65536)
            newline = os.pread(self._file.fileno(), end - begin, begin).rfind(b"\n")
            if newline >= 0:
                end = begin + newline + 1
                break
            end = begin
        self._file.truncate(end)
        return end

    def _check(self, wanted: dict[str, Any]) -> None:
        if not self._end:
            self._add(wanted)
            self.flush()
            return
        with open(self._path, "rb") as file:
            try:
                found = json.loads(file.readline())
                url = one_line(found["url"])
                is_mirror = found["mirror"] == _VERSION
            except (ValueError, TypeError, KeyError) as error:
                raise self._damaged(1) from error
        if not is_mirror or found != wanted:
            raise ConfigurationError(
                f"{self._path.parent} is a mirror of {url} (--span {one_line(str(found['span']))}) "
                "already; take another directory, or remove it"
            )

    def _damaged(self, number: int) -> ConfigurationError:
        return ConfigurationError(
            f"line {number} of {self._path} is not what gopher mirror writes; remove the file, and "
            "everything is fetched again"
        )


def _done(value: dict[str, Any], offset: int) -> Done:
    path = tuple(value["path"])
    inside(Path(), *path)
    size = value.get("size")
    if not (size is None and isinstance(value["menu"], str)) and not isinstance(size, int):
        raise ValueError("neither a file nor a menu")
    return Done(GopherURL.parse(value["url"]), path, size, offset)
