"""A line on a terminal that tells how far a transfer is, replaced a few times a second."""

from __future__ import annotations

from logsrv.kit.text.status_line import StatusLine
from logsrv.kit.text.words import size_text

_BAR = 24


class Progress(StatusLine):
    """Writes to a stream if that is a terminal, else nothing at all."""

    def bytes(self, size: int, length: int | None) -> None:
        """`size` bytes have come, of `length` if that is known."""
        if self.due:
            rate = size / max(self.seconds, 0.001)
            text = f"{size_text(size)}, {size_text(rate)}/s"
            if length:
                done = min(_BAR, _BAR * size // length)
                text = f"[{'#' * done:<{_BAR}}] {100 * size // length} %, {text}"
            self.show(text)
