"""A line on a terminal that tells how far a transfer is, replaced a few times a second."""

from __future__ import annotations

import os

from logsrv.kit.text.words import size_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO


_EVERY = 0.1
_BAR = 24


class Progress:
    """Writes to `stream` if that is a terminal, else nothing at all."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        """`clock`: seconds that only grow."""
        self._stream = stream
        self._clock = clock
        self._terminal = stream.isatty()
        self._begun = self._shown = clock()
        self._visible = False

    def due(self) -> bool:
        """Return true if it is time to show something new."""
        return self._terminal and self._clock() - self._shown >= _EVERY

    def bytes(self, size: int, length: int | None) -> None:
        """`size` bytes have come, of `length` if that is known."""
        if self.due():
            rate = size / max(self._clock() - self._begun, 0.001)
            text = f"{size_text(size)}, {size_text(rate)}/s"
            if length:
                done = min(_BAR, _BAR * size // length)
                text = f"[{'#' * done:<{_BAR}}] {100 * size // length} %, {text}"
            self.line(text)

    def line(self, text: str) -> None:
        """Show `text`, which has been escaped, in place of what was shown before."""
        if self._terminal:
            self._shown = self._clock()
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
