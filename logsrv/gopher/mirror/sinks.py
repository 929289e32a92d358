"""Sinks for the bytes of an answer: a menu goes into memory, everything else into a file that appears when
it is whole.
"""

from __future__ import annotations

import os
from io import SEEK_END, BytesIO
from stat import S_ISREG
from typing import BinaryIO

from logsrv.gopher.fetch.wholefile import end_text, whole_file, write_new
from logsrv.gopher.mirror.folders import same_content
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.text import TextParser

# Bytes of a file that is written at once, and not as it comes.
_SMALL = 256 * 1024


class _InMemory:
    descriptor: int | None = None

    def passed(self, size: int) -> None:
        """Do nothing: all bytes go through memory."""

    def abort(self) -> None:
        """Do nothing: there is no file to remove."""


class MenuSink(_InMemory):
    """A menu: its bytes in `content`, its `items` as well."""

    def __init__(self) -> None:
        self._parser = MenuParser()
        self._pieces: list[bytes] = []
        self.items: list[MenuItem] = []

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)

    @property
    def terminated(self) -> bool:
        """Return true if the full stop has come."""
        return self._parser.terminated

    @property
    def is_torn(self) -> bool:
        """Return true if it ends within a line."""
        return not self.content.endswith(b"\n")

    def feed(self, data: bytes) -> bool:
        self._pieces.append(data)
        self.items += self._parser.feed(data)
        return self._parser.terminated

    def finish(self, has_header: bool) -> None:
        self.items += self._parser.finish()


class MemorySink(_InMemory):
    """A small file that only we read."""

    def __init__(self) -> None:
        self.content = b""
        self.ended = False

    def feed(self, data: bytes) -> bool:
        self.content += data
        return False

    def finish(self, has_header: bool) -> None:
        parser = TextParser()
        self.content = parser.feed(self.content) + parser.finish()
        self.ended = True

    def abort(self) -> None:
        self.content = b""
        self.ended = True


class FileSink:
    """A file at `path`, whose directory is made when it is needed; `size` in bytes when finished.

    changed: whether it was written; one that was there with the same content is left as it is.
    """

    # Defaults in the class need not be set for each of ten thousand.
    changed = True
    size = 0
    descriptor: int | None = None
    _content = b""
    _whole: whole_file | None = None
    _file: BinaryIO | None = None

    def __init__(self, path: str, *, text: bool, known: bool = False) -> None:
        """text: it may have a terminator to take off; known: there may be one of before."""
        self._path = path
        self._text = text
        self._known = known

    def feed(self, data: bytes) -> bool:
        self.size += len(data)
        if self._file is not None:
            self._file.write(data)
            # The next bytes may go to `descriptor`, and must not overtake a short piece in the buffer.
            self._file.flush()
            return False
        self._content = self._content + data if self._content else data
        if self.size > _SMALL:
            self._file = self._open()
            self._file.write(self._content)
            self._file.flush()
            self.descriptor = self._file.fileno()
            self._content = b""
        return False

    def finish(self, has_header: bool) -> None:
        self._text = self._text and not has_header

    def passed(self, size: int) -> None:
        self.size += size

    @property
    def is_missing(self) -> bool:
        """Return true if nothing at all came for a file that is there and not empty."""
        if self.size:
            return False
        try:
            found = os.lstat(self._path)
        except OSError:
            return False
        return S_ISREG(found.st_mode) and found.st_size > 0

    def store(self) -> None:
        """Let the file appear. Raises OSError."""
        if self._file is not None:
            if self._text:
                end_text(self._file)
            self.size = self._file.seek(0, SEEK_END)
            if self._known and same_content(self._path, self._file):
                self.changed = False
                self.abort()
            else:
                assert self._whole is not None
                self._whole.__exit__(None, None, None)
            return
        content = self._content
        # Most have no line that begins with a dot.
        if self._text and (content[:1] == b"." or b"\n." in content):
            parser = TextParser()
            content = parser.feed(content) + parser.finish()
        self.size = len(content)
        if self._known and same_content(self._path, BytesIO(content)):
            self.changed = False
            return
        try:
            write_new(self._path, content)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            write_new(self._path, content)

    def abort(self) -> None:
        self._content = b""
        if self._whole is not None:
            self._whole.abort()

    def _open(self) -> BinaryIO:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        whole = whole_file(self._path)
        file = whole.__enter__()
        self._whole = whole
        return file
