"""Saving answers: under a safe name, complete or not at all."""

from __future__ import annotations

import os
import time
from io import SEEK_END
from typing import TextIO

from logsrv.errors import ConfigurationError
from logsrv.gopher.command.show import Ask
from logsrv.gopher.fetch.wholefile import unstuff_file, whole_file
from logsrv.gopher.wire.fileurl import ItemURL, name_to_save
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.paths import checked_name
from logsrv.kit.text.terminal import StatusLine
from logsrv.kit.text.words import size_text

_BAR = 24


class DownloadProgress(StatusLine):
    """The progress of a download, shown a few times a second, only on a terminal."""

    def show_bytes(self, size: int, length: int | None) -> None:
        """Show that `size` bytes were received, of `length` if that is known."""
        if self.due:
            rate = size / max(self.seconds, 0.001)
            text = f"{size_text(size)}, {size_text(rate)}/s"
            if length:
                done = min(_BAR, _BAR * size // length)
                text = f"[{'#' * done:<{_BAR}}] {100 * size // length} %, {text}"
            self.show(text)


def path_to_save(url: ItemURL, output: str | None, *, force: bool) -> str:
    """Return the path to save `url` to: `output`; if that is a directory or None, a name made from the URL.

    Raises ConfigurationError if the path is a directory, or a file while `force` is false.
    """
    # Not a `Path`, because importing `pathlib` takes 4 ms.
    path = output or ""
    path = path.rstrip("/") or path
    if not path or os.path.isdir(path):
        path = os.path.join(path, checked_name(name_to_save(url)))
    if os.path.isdir(path):
        raise ConfigurationError(
            f"{_escaped_path(path)} is a directory; give a name with --output FILE"
        )
    if os.path.lexists(path) and not force:
        raise ConfigurationError(
            f"{_escaped_path(path)} is there already; --force replaces it, --output FILE saves under "
            "another name"
        )
    return path


def _escaped_path(path: str) -> str:
    return one_line(path, 4096)


def save_answer(ask: Ask, path: str, notes: TextIO, *, is_text: bool, force: bool) -> None:
    """Write an answer to the file `path`, which appears or is replaced when the answer is complete.

    notes: gets the progress and the result. is_text: whether to remove the line `.` at the end and the dots
    that were doubled because of it. force: whether to replace a file.
    """
    # A device or a pipe is written to, never replaced by a file.
    special = os.path.exists(path) and not os.path.isfile(path)
    progress = DownloadProgress(notes, time.monotonic)
    size = 0
    try:
        with (
            open(path, "wb") if special else whole_file(path, replace=force) as file,
            ask() as answer,
        ):
            for piece in answer.pieces():
                size += file.write(piece)
                progress.show_bytes(size, answer.length)
            if not special:
                if is_text and not answer.has_header:
                    unstuff_file(file)
                size = file.seek(0, SEEK_END)
    except BaseException as error:
        progress.clear()
        if special and isinstance(error, OSError):
            error.filename = path
        if size and not special:
            notes.write(
                f"gopher: the first {size_text(size)} were not kept: Gopher cannot resume, so "
                "the next try starts at the beginning\n"
            )
        raise
    progress.clear()
    notes.write(f"saved as {_escaped_path(path)} ({size_text(size)})\n")
