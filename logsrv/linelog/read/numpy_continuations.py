"""The first lines of records for texts that follow each other in a store; apart, as it loads NumPy."""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.linelog.fields.first_lines import EarlierTexts, first_lines
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import FirstLines
from logsrv.linelog.fields.way_back import Earlier, EarlierLines
from logsrv.linelog.store.segment import Position


class LastTexts:
    """The last texts in which continuation lines were looked for, as the next one mostly follows them."""

    def __init__(self) -> None:
        self._end: Position | None = None
        self._texts = EarlierTexts()

    def before(self, position: Position) -> Iterator[tuple[int, EarlierLines]]:
        """Yield the last texts, as `Earlier` does, if they end at a position."""
        return self._texts() if self._end == position else iter(())

    def first_lines(self, position: Position, text: bytes, earlier: Earlier) -> FirstLines:
        """Return the first lines for the continuation lines of a text."""
        lines = StampedLines(text if text.endswith(b"\n") else text + b"\n")
        found = first_lines(lines, earlier)
        if self._end != position:
            self._texts = EarlierTexts()
        self._texts.add(lines)
        self._end = position.beside(len(lines.text))
        return found
