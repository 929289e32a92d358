"""The sink for the bytes of a file, which appears when it is complete."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, suppress
from io import SEEK_END, BytesIO
from stat import S_ISREG
from typing import BinaryIO

from logsrv.gopher.fetch.wholefile import create_or_replace, unstuff_file, whole_file
from logsrv.gopher.mirror.paths import has_same_content
from logsrv.gopher.wire.text import unstuffed

# Bytes: a smaller file is written when all of it has arrived, a larger one while it arrives.
_SMALL = 256 * 1024


class FileSink:
    """A file at `path`; `store` writes it, and makes its directory if needed. size: bytes, when stored.

    changed: false if there was a file with the same content, which is not written again.
    """

    # Defaults of the class: setting them for each of ten thousand files takes time.
    changed = True
    size = 0
    _content = b""
    _whole: AbstractContextManager[BinaryIO] | None = None
    _file: BinaryIO | None = None

    def __init__(self, path: str, *, text: bool, known: bool = False) -> None:
        """text: whether a terminator and stuffed dots are removed. known: whether there may be an earlier
        copy.
        """
        self._path = path
        self._text = text
        self._known = known

    def feed(self, data: bytes) -> bool:
        self.size += len(data)
        if self._file is not None:
            self._file.write(data)
            return False
        self._content = self._content + data if self._content else data
        if self.size > _SMALL:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._whole = whole_file(self._path)
            self._file = self._whole.__enter__()
            self._file.write(self._content)
            self._content = b""
        return False

    def finish(self, has_header: bool) -> None:
        self._text = self._text and not has_header

    @property
    def became_empty(self) -> bool:
        """Return true if the answer is empty, but the earlier copy is not."""
        if self.size:
            return False
        try:
            found = os.lstat(self._path)
        except OSError:
            return False
        return S_ISREG(found.st_mode) and found.st_size > 0

    def store(self) -> None:
        """Give the file its name. Raises OSError."""
        if self._file is not None:
            if self._text:
                unstuff_file(self._file)
            self.size = self._file.seek(0, SEEK_END)
            if self._known and has_same_content(self._path, self._file):
                self.changed = False
                self.abort()
            else:
                assert self._whole is not None
                self._whole.__exit__(None, None, None)
            return
        content = self._content
        # Most texts have no line that begins with a dot, and need no parsing.
        if self._text and (content[:1] == b"." or b"\n." in content):
            content, _ = unstuffed(content)
        self.size = len(content)
        if self._known and has_same_content(self._path, BytesIO(content)):
            self.changed = False
            return
        try:
            create_or_replace(self._path, content)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            create_or_replace(self._path, content)

    def abort(self) -> None:
        self._content = b""
        if self._whole is not None:
            # The error makes it remove the incomplete file, whose last bytes a full disk may refuse.
            with suppress(OSError):
                self._whole.__exit__(OSError, OSError(), None)
