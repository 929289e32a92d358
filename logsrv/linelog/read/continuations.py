"""The first lines of records for the lines of a text in a store, also where they stand before the text.

It is for everything that reads levels, and other fields of headers, of lines of a store: searches, counts,
views, alerts. A text without a line that begins like the inside of a stack trace costs one look at the
beginnings of its lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, REACH, FirstLines
from logsrv.linelog.fields.trace_shapes import OPENING_MARKS, OPENING_WITHIN, OPENING_WORDS
from logsrv.linelog.read.line_counts import SMALL
from logsrv.linelog.read.texts import DamagedSegment, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

_STAMP = rb"^(?:[^ \n]+ [^ \n]+ )?"
# What `first_lines.py` finds with NumPy, and more: no other line begins a trace or goes on with any record.
_MAY_OPEN = re.compile(
    rb"%b(?:[%b]|%b|[A-Za-z]:|[A-Za-z_\x80-\xff][\w$./~%%()*\[\]\x80-\xff-]*\.|[^\n]*(?:%b))"
    % (
        _STAMP,
        re.escape(OPENING_MARKS),
        b"|".join(map(re.escape, OPENING_WORDS)),
        b"|".join(map(re.escape, OPENING_WITHIN)),
    ),
    re.MULTILINE,
)
# Within a trace, nearly any text goes on.
_MAY_BE_WITHIN = re.compile(_STAMP + rb"[^0-9{<\n]", re.MULTILINE)


def may_be_continuation(line: bytes) -> bool:
    """Return whether a line may go on with a record; nearly no other lines are said to."""
    return _MAY_BE_WITHIN.match(line) is not None or _MAY_OPEN.match(line) is not None


# Bytes before a line with which its record is looked for.
_NEAR = 64 << 10


class Continuations:
    """Finds the first lines of a store."""

    def __init__(self, view: View) -> None:
        self._view = view
        # The last answer: viewers and alerts with different queries ask for the same text.
        self._last: tuple[Position, int, FirstLines] | None = None

    def first_lines(self, position: Position, text: bytes) -> FirstLines:
        """Return the first lines of the continuation lines in a text, which is whole lines.

        position: of the text's first byte.
        """
        # For less text, loading NumPy takes longer than this look.
        if not text or (
            len(text) < SMALL and not _MAY_BE_WITHIN.search(text) and not _MAY_OPEN.search(text)
        ):
            return NO_FIRST_LINES
        if self._last is not None and self._last[:2] == (position, len(text)):
            return self._last[2]
        from logsrv.linelog.fields.first_lines import first_lines
        from logsrv.linelog.fields.stamps import StampedLines

        lines = StampedLines(text if text.endswith(b"\n") else text + b"\n")
        found = first_lines(lines, partial(self._earlier, position))
        self._last = position, len(text), found
        return found

    def first_line(self, position: Position, line: bytes) -> bytes | None:
        """Return the first line of the record that a line goes on with; None if it begins one."""
        if not may_be_continuation(line):
            return None
        before = b""
        for _, piece in self._earlier(position):
            before = piece[piece.find(b"\n", max(0, len(piece) - _NEAR) - 1) + 1 :]
            break
        found = self.first_lines(position.beside(-len(before)), before + line + b"\n")
        return found.get(len(before))

    def _earlier(self, position: Position) -> Iterator[tuple[int, bytes]]:
        """Yield the text before a position, the nearest first, up to REACH, each with its distance."""
        numbers = {one.number for one in self._view.segments}
        number, stop, distance = position.segment, position.offset, 0
        while distance < REACH and (number in numbers or number == position.segment):
            # A removed store is no damage, and has no lines before these.
            frames = None if self._view.directory_removed else self._view.open_segment(number)
            if frames is None:
                return
            with frames:
                stop = frames.size if number != position.segment else min(stop, frames.size)
                low = max(0, stop - (REACH - distance))
                for start, text in pieces_before(frames, low, stop):
                    yield distance + stop - start, text
                distance += stop - low
            number -= 1


def pieces_before(frames: SegmentFrames, low: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Yield the text between two offsets by frames, the last first; a damaged frame ends it."""
    frame = min(frames.frame_at(stop - 1), frames.count - 1) if stop > 0 else -1
    while frame >= 0:
        begin, end = frames.frame_bounds(frame)
        if end <= low:
            return
        try:
            pieces = list(frames.lines_between(max(begin, low), min(end, stop)))
        except (DamagedSegment, OSError):
            # Whoever reads that frame for its own lines reports it.
            return
        yield from reversed(pieces)
        frame -= 1
