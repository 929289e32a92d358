"""The first lines of records for the lines of a text in a store, also where they stand before the text.

It is for everything that reads levels, and other fields of headers, of lines of a store: searches, counts,
views, alerts. A text without a line that begins like the inside of a stack trace costs one look at the
beginnings of its lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from logsrv.linelog.fields.continuations.way_back import (
    EarlierLines,
    EarlierText,
    first_line_of,
    may_have_continuations,
)
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, REACH, Choice, FirstLines
from logsrv.linelog.read.texts import SMALL_FOR_NUMPY, DamagedSegment, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.fields.continuations.earlier_texts import LastTexts

# Bytes of text in which the lines before a line are looked for at once.
_PIECE = 4096


class Continuations:
    """Finds the first lines of a store.

    open: the segment that its user reads at present, whose index may tell them.
    """

    def __init__(self, view: View) -> None:
        self.open: SegmentFrames | None = None
        self._view = view
        # The last answer: viewers and alerts with different queries ask for the same text.
        self._last: tuple[Position, int, FirstLines] | None = None
        self._texts: LastTexts | None = None

    def first_lines(
        self,
        position: Position,
        text: bytes,
        choose: Choice | None = None,
    ) -> FirstLines:
        """Return the first lines of the continuation lines in a text, which is whole lines.

        position: of the text's first byte. choose: lines that it does not return may be left out.
        """
        kept = self._kept(position, text, choose)
        if kept is not None:
            return kept
        # For less text, loading NumPy takes longer than this look.
        if not text or (len(text) < SMALL_FOR_NUMPY and not may_have_continuations(text)):
            return NO_FIRST_LINES
        # Imported here, because it loads NumPy.
        from logsrv.linelog.fields.continuations.earlier_texts import LastTexts

        self._texts = self._texts or LastTexts()
        end = position.beside(len(text))
        found = self._texts.first_lines(text, position, end, partial(self._earlier, position))
        self._last = position, len(text), found
        return found

    def first_line(self, position: Position, text: bytes, start: int, end: int) -> bytes | None:
        """Return the first line of the record that a line goes on with; None if it begins one.

        position: of the first byte of the text in which the line is.
        """
        kept = self._kept(position, text)
        if kept is not None:
            return kept.get(start)
        return first_line_of(text[start:end], self._before(position, text, start))

    def _kept(
        self, position: Position, text: bytes, choose: Choice | None = None
    ) -> FirstLines | None:
        """Return the first lines that are known: as the index tells them, or of the last text."""
        if self._last is not None and self._last[:2] == (position, len(text)):
            return self._last[2]
        if self.open is None or self.open.number != position.segment:
            return None
        found = self.open.kept_first_lines(position.offset, text, choose)
        if found is not None and choose is None:
            self._last = position, len(text), found
        return found

    def _before(
        self, position: Position, text: bytes, start: int
    ) -> Iterator[tuple[int, EarlierLines]]:
        """Yield the text before a line: in small pieces of its own text, then what stands before that."""
        stop = start
        while stop > 0:
            begin = text.rfind(b"\n", 0, max(stop - _PIECE, 0)) + 1
            yield start - begin, EarlierText(text[begin:stop])
            stop = begin
        for distance, piece in self._earlier(position):
            yield start + distance, piece

    def _earlier(self, position: Position) -> Iterator[tuple[int, EarlierLines]]:
        """Yield the text before a position, the nearest first, up to REACH, each with its distance."""
        numbers = {one.number for one in self._view.segments}
        number, stop, distance = position.segment, position.offset, 0
        known = 0
        for known, lines in self._texts.before(position) if self._texts is not None else ():
            yield known, lines
        distance += known
        stop -= known
        while distance < REACH and (number in numbers or number == position.segment):
            # A removed store is no damage, and has no lines before these.
            store = self._view.stores[position.store]
            gone = store.directory_removed
            # The first line of a record tells the level of a line that is seen, and is not shown itself.
            frames = None if gone else self._view.open_whole_segment(number)
            if frames is None:
                return
            with frames:
                stop = frames.size if number != position.segment else min(stop, frames.size)
                low = max(0, stop - (REACH - distance))
                try:
                    for start, text in pieces_before(frames, low, stop):
                        yield distance + stop - start, EarlierText(text)
                except (DamagedSegment, OSError):
                    # No record goes on over it. The reader of that frame's own lines reports it.
                    return
                distance += stop - low
            number -= 1


def pieces_before(frames: SegmentFrames, low: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Yield the text between two offsets by frames, the last first.

    Raises OSError, and DamagedSegment for a damaged frame.
    """
    frame = min(frames.frame_at(stop - 1), frames.count - 1) if stop > 0 else -1
    while frame >= 0:
        begin, end = frames.frame_bounds(frame)
        if end <= low:
            return
        yield from reversed(list(frames.lines_between(max(begin, low), min(end, stop))))
        frame -= 1
