"""Saving what a server sends: under a name that does no harm, whole or not at all."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from io import SEEK_END

from logsrv.errors import ConfigurationError
from logsrv.gopher.command.show import View
from logsrv.gopher.fetch.progress import Progress, size_text
from logsrv.gopher.fetch.wholefile import end_text, whole_file
from logsrv.gopher.local.fileurl import ItemURL, name_to_save
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.paths import checked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, TextIO


def target(url: ItemURL, output: str | None, *, force: bool) -> str:
    """Return where to save `url`: as `output`, or, if that is a directory or not given, under its own name.

    Raises ConfigurationError if that would replace a file, without `force`.
    """
    # As text: `pathlib` and what it needs take as long to load as all of the client.
    path = output or ""
    path = path.rstrip("/") or path
    if not path or os.path.isdir(path):
        path = os.path.join(path, checked(name_to_save(url)))
    if os.path.isdir(path):
        raise ConfigurationError(f"{_shown(path)} is a directory; give a name with --output FILE")
    if os.path.lexists(path) and not force:
        raise ConfigurationError(
            f"{_shown(path)} is there already; --force replaces it, --output FILE saves under "
            "another name"
        )
    return path


def _shown(path: str) -> str:
    return one_line(path, 4096)


@contextmanager
def _device(path: str) -> Iterator[BinaryIO]:
    """A device or a pipe, open for writing. Its errors name it."""
    try:
        with open(path, "wb") as file:
            yield file
    except OSError as error:
        error.filename = path
        raise


class SaveView(View):
    """Writes an answer to `path`, which appears, or is replaced, when it is whole."""

    def __init__(self, path: str, notes: TextIO, progress: Progress, *, force: bool) -> None:
        """`notes`: where to say what was saved."""
        self.into = self
        self._path = path
        self._notes = notes
        self._progress = progress
        self._size = 0
        self._stack = ExitStack()
        # A device or a pipe is written to; to put a file in its place is never meant.
        self._special = os.path.exists(path) and not os.path.isfile(path)
        self._file: BinaryIO = self._stack.enter_context(
            _device(path) if self._special else whole_file(path, replace=force)
        )

    def feed(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self.passed(len(data))

    def descriptor(self) -> int | None:
        """Return that of the file, if it is one."""
        self._file.flush()
        return None if self._special else self._file.fileno()

    def passed(self, size: int) -> None:
        """So many bytes went into the file by themselves."""
        self._size += size
        self._progress.bytes(self._size, self.length)

    def finish(self) -> None:
        if not self._special:
            if self.stuffed:
                end_text(self._file)
            self._size = self._file.seek(0, SEEK_END)
        self._stack.close()
        self._progress.clear()
        self._notes.write(f"saved as {_shown(self._path)} ({size_text(self._size)})\n")

    def fail(self, error: BaseException) -> None:
        self._progress.clear()
        self._stack.__exit__(type(error), error, error.__traceback__)
        if self._size:
            self._notes.write(
                f"gopher: the first {size_text(self._size)} were not kept: Gopher cannot resume, so "
                "the next try starts at the beginning\n"
            )
