"""Writing to a terminal: its width, a status line, colours, and output that nobody reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO


class StatusLine:
    """Writes a status line to a stream if the stream is a terminal, else nothing. wanted: whether the
    stream is a terminal.

    clock: returns seconds that only grow. every: the seconds between two texts.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float], every: float = 0.1) -> None:
        self.wanted = stream.isatty()
        self._stream = stream
        self._clock = clock
        self._every = every
        self._visible = False
        self._begun = self._shown = clock()

    @property
    def seconds(self) -> float:
        """Return the seconds since this object was made."""
        return self._clock() - self._begun

    @property
    def due(self) -> bool:
        """Return true if it is time to show a new text."""
        return self.wanted and self._clock() - self._shown >= self._every

    def show(self, text: str) -> None:
        """Replace the shown text by `text`, cut to the terminal's width. It must be escaped."""
        self._shown = self._clock()
        if self.wanted:
            self._visible = True
            self._stream.write(f"\r{text[: terminal_columns(self._stream) - 1]}\x1b[K")
            self._stream.flush()

    def clear(self) -> None:
        """Clear the line."""
        if self._visible:
            self._visible = False
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def terminal_columns(stream: TextIO | None) -> int:
    """Return the number of columns of a stream's terminal; 80 if the stream is closed or no terminal, or if
    the terminal does not know.
    """
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def has_colours(stream: object) -> bool:
    """Return true if a stream is a terminal with colours (TERM), and the user wants them (NO_COLOR)."""
    is_terminal = getattr(stream, "isatty", lambda: False)()
    # https://no-color.org
    return bool(is_terminal) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def discard_unwritten_output() -> None:
    """Drop the buffered output, because Python would try to write it again at exit, and print another
    error.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
