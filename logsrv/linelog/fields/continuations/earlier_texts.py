"""The texts before a text: a reader that takes one text after the other need not read them again.

The first lines of some continuation lines stand there (`first_lines.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.continuations.first_lines import first_lines
from logsrv.linelog.fields.continuations.way_back import Earlier, EarlierLines, WaysBack
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import REACH, FirstLines


class EarlierTexts:
    """The last texts of a series, from which the next one may go on with records.

    before: is called for what stands before the series, if that may matter.
    """

    def __init__(self, before: Earlier = tuple) -> None:
        self._before = before
        self._texts: deque[_LinesBySource] = deque()
        self._size = 0

    def add(self, lines: StampedLines) -> None:
        """Add a text."""
        self._texts.append(_LinesBySource(lines))
        self._size += len(lines.text)
        while self._size - self._texts[0].size >= REACH:
            self._size -= self._texts.popleft().size

    def __call__(self) -> Iterator[tuple[int, EarlierLines]]:
        """Yield the texts, the last first, each with the bytes from its beginning to the next text."""
        distance = 0
        for text in reversed(self._texts):
            distance += text.size
            yield distance, text
        if distance < REACH:
            for far, lines in self._before():
                yield distance + far, lines


class LastTexts:
    """The last texts in which continuation lines were looked for, as the next one mostly follows them."""

    def __init__(self) -> None:
        self._end: object = None
        self._texts = EarlierTexts()

    def before(self, begin: object) -> Iterator[tuple[int, EarlierLines]]:
        """Yield the last texts, as `Earlier` does, if they end at a begin."""
        return self._texts() if self._end == begin else iter(())

    def first_lines(self, text: bytes, begin: object, end: object, earlier: Earlier) -> FirstLines:
        """Return the first lines for the continuation lines of a text with such bounds in the store."""
        lines = StampedLines(text if text.endswith(b"\n") else text + b"\n")
        found = first_lines(lines, earlier)
        if self._end != begin:
            self._texts = EarlierTexts()
        self._texts.add(lines)
        # After a line without an end stands nothing yet.
        self._end = end if lines.text is text else None
        return found


class _LinesBySource:
    """The lines of a text, of which those of a source are found without a look at the others."""

    def __init__(self, lines: StampedLines) -> None:
        self.size = len(lines.text)
        self._lines = lines
        self._order: tuple[Array, Array] | None = None

    def follow(self, ways: WaysBack, distance: int) -> None:
        codes, known = self._lines.coded_sources()
        if self._order is None:
            rows = numpy.argsort(codes, kind="stable")
            self._order = rows, numpy.searchsorted(codes[rows], numpy.arange(len(known) + 1))
        rows, begins = self._order
        for source in [source for source in ways.of_sources if source in known]:
            code = known[source]
            for row in reversed(rows[begins[code] : begins[code + 1]]):
                far = distance - int(self._lines.starts[row])
                if not ways.add(source, self._lines.line(row), far):
                    break
