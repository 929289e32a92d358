"""A line on a terminal that is replaced by the next, and gone at the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO


class StatusLine:
    """Writes to a stream if that is a terminal, else nothing at all. wanted: whether it is one.

    clock: seconds that only grow. every: so many of them are between two lines.
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
        """The time since it was made."""
        return self._clock() - self._begun

    @property
    def due(self) -> bool:
        """True if it is time to show something new."""
        return self.wanted and self._clock() - self._shown >= self._every

    def show(self, text: str) -> None:
        """Show text, which has been escaped, in place of what was shown before, as far as it fits."""
        self._shown = self._clock()
        if self.wanted:
            self._visible = True
            self._stream.write(f"\r{text[: _columns(self._stream) - 1]}\x1b[K")
            self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._visible:
            self._visible = False
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80
