"""The way back from a line to the beginning of its record, over the lines of its source before it.

It is apart from `first_lines.py`, which asks for all lines of a text at once and needs NumPy: a search that
shows few lines asks for these alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Protocol, TypeAlias

from logsrv.kit.text.colours import without_colours
from logsrv.linelog.fields.continuations.joiner import (
    MOST_BYTES,
    MOST_DOUBT,
    MOST_LINES,
    Lead,
    first_line_after,
    has_own_header,
    is_at_once,
    is_blank,
    is_soon,
    lead_of_record,
)
from logsrv.linelog.fields.continuations.trace_shapes import (
    BEGINS_ANOTHER,
    goes_on_anywhere,
    kind_of_text,
)
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stored_line import REACH, STAMP, TIME_LENGTH, source_of_line

NEAR = 64 << 10
"""Bytes from a line to the next of its record, if only the line before shows that it is one."""

Earlier: TypeAlias = "Callable[[], Iterable[tuple[int, EarlierLines]]]"
"""Whole lines before a text, the nearest piece first, up to REACH; each with its bytes up to the text."""


class EarlierLines(Protocol):
    """Whole lines, in which the ways back from a later text are followed."""

    def follow(self, ways: WaysBack, distance: int) -> None:
        """Add the lines of each source, the last first, while they may matter.

        distance: the bytes from the first of them to the later text.
        """


# Within a trace, nearly any text goes on.
_MAY_GO_ON = re.compile(rb"^(?:[^ \n]+ [^ \n]+ )?(?!%b)[^\n]" % BEGINS_ANOTHER, re.MULTILINE)
# The next is part of a record whatever stands before it.
_IS_PART = re.compile(STAMP.pattern + rb"[ \t]+[^\s+|^]")
_PART = Lead(continues=True, doubt=0, is_unknown=False, is_any_text=False)
_SECONDS = len("2026-11-20T06:18:42")
# Bytes of text whose lines are looked at together: at first few, as most ways back are short.
_SHORT, _LONG = 4096, 1 << 20


def may_be_continuation(line: bytes) -> bool:
    """Return whether a line may go on with a record, as nearly each may without a header of its own."""
    return _MAY_GO_ON.match(line) is not None


def may_have_continuations(text: bytes) -> bool:
    """Return whether a line of a text may go on with a record."""
    return _MAY_GO_ON.search(text) is not None


def first_line_of(line: bytes, pieces: Iterable[tuple[int, EarlierLines]]) -> bytes | None:
    """Return the first line of the record that a line goes on with; None if it begins one.

    pieces: as `Earlier` returns them, of the text before the line.
    """
    source = source_of_line(line)
    record = ParsedLine(line)
    if has_own_header(record) or is_blank(record) or (way := WayBack(line)).is_over:
        return None
    before, _ = lines_of_sources({source: way}, pieces)
    first = first_line_after((ParsedLine(earlier) for _, earlier in before), record)
    is_part = goes_on_anywhere(kind_of_text(without_colours(first.body)))
    return None if first is record or is_part or is_blank(first) else first.line


def lines_of_sources(
    ways_back: Mapping[bytes, WayBack], pieces: Iterable[tuple[int, EarlierLines]]
) -> tuple[list[tuple[int, bytes]], bool]:
    """Return the last lines of some sources that tell which of their records go on, in order.

    ways_back: of each source, that from its first line in the text. Each line has the bytes from its
    beginning to the text. Of each source they begin with a line that surely begins a record, or where no
    record can go on. False: the text before ended too soon.
    """
    ways = WaysBack(ways_back)
    for distance, lines in pieces:
        lines.follow(ways, distance)
        if ways.are_over(distance):
            break
    return sorted(ways.found, reverse=True), not ways.of_sources


class WaysBack:
    """The ways back of some sources.

    of_sources: those that are not over, by their sources. found: the lines that may matter, each with the
    bytes from its beginning to the text.
    """

    def __init__(self, of_sources: Mapping[bytes, WayBack]) -> None:
        self.of_sources = {**of_sources}
        self.found: list[tuple[int, bytes]] = []

    def add(self, source: bytes, line: bytes, distance: int) -> bool:
        """Add the line before the last one of a source; return whether the one before it may matter."""
        way = self.of_sources[source]
        if way.add(line, distance):
            self.found.append((distance, line))
        if way.is_over:
            del self.of_sources[source]
        return not way.is_over

    def are_over(self, distance: int) -> bool:
        """Return whether no line that begins farther away from the text may matter."""
        of_sources = self.of_sources.items()
        self.of_sources = {source: way for source, way in of_sources if way.limit >= distance}
        return not self.of_sources


class EarlierText:
    """Whole lines that are read only as far as the ways back lead."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def follow(self, ways: WaysBack, distance: int) -> None:
        for far, text in _stretches(distance, self._text):
            lines = text.removesuffix(b"\n").split(b"\n")
            rows = _rows_of_sources(lines, ways.of_sources)
            starts = [*accumulate(map(len, lines), initial=0)] if rows else []
            for row in reversed(rows):
                source = source_of_line(lines[row])
                if source in ways.of_sources:
                    ways.add(source, lines[row], far - starts[row] - row)
            if ways.are_over(far):
                return


def _stretches(distance: int, text: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield whole lines of a text, the last first, each time more, with their distance."""
    size, stop = _SHORT, len(text)
    while stop > 0:
        begin = text.rfind(b"\n", 0, max(stop - size, 0)) + 1
        yield distance - begin, text[begin:stop]
        stop, size = begin, min(2 * size, _LONG)


def _rows_of_sources(lines: list[bytes], sources: Container[bytes]) -> list[int]:
    """Return the numbers of the lines that may be of some sources; b"" is that of lines without a stamp."""
    if b"" in sources:
        return [*range(len(lines))]
    at = TIME_LENGTH
    return [row for row, line in enumerate(lines) if line[at : line.find(b" ", at)] in sources]


class WayBack:
    """The lines of a source from a text on backwards, up to one that begins a record.

    limit: the bytes before the text within which another line may matter. is_over: whether none may.
    """

    def __init__(self, line: bytes) -> None:
        self._lines = self._size = self._doubt = 0
        self.is_over = False
        self._lead = self._look(line, 0)

    def _look(self, line: bytes, distance: int) -> Lead:
        self._record = ParsedLine(line)
        lead = lead_of_record(self._record)
        self._doubt = self._doubt + lead.doubt if lead.doubt else 0
        self.limit = min(REACH, distance + NEAR) if lead.is_unknown else REACH
        self.is_over |= has_own_header(self._record) or not lead.continues
        self.is_over |= self._doubt > MOST_DOUBT
        return lead

    def add(self, line: bytes, distance: int) -> bool:
        """Look at the line before; return whether it may matter."""
        if (
            not self._lead.is_any_text
            and distance <= self.limit
            and line[:_SECONDS] == self._record.line[:_SECONDS]
            and (part := _IS_PART.match(line))
        ):
            self._record = ParsedLine(line)
            self._doubt = 0
            self.limit = REACH
            self._lead = _PART
            return self._has_added(len(line) - part.end(2) - 1)
        record = ParsedLine(line)
        is_any_text = self._lead.is_any_text and not is_blank(self._record)
        is_apart = is_any_text and not is_at_once(record, self._record)
        if is_apart or distance > self.limit or not is_soon(record, self._record):
            self.is_over = True
            return False
        self._lead = self._look(line, distance)
        return self._has_added(len(record.body))

    def _has_added(self, size: int) -> bool:
        self._lines += 1
        self._size += size
        self.is_over |= self._lines > MOST_LINES or self._size > MOST_BYTES
        return True
