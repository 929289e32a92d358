"""Lines by position: a line, and the lines before and after it, across frames and segments.

Hits with their neighbours come in groups of adjacent lines, as with grep.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from logsrv.linelog.fields.continuations.way_back import may_be_continuation
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.read.continuations import Continuations
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.texts import DamagedSegment, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

# The most frames that are kept unpacked; the oldest is dropped. The next hit's neighbours are mostly in the
# same frames.
_KEPT = 4
# Lines before a line in its frame that mostly tell its record.
_NEARBY = 50
# Lines that are asked for their first lines one by one.
_FEW = 4


class StoredLines:
    """The lines of an open store, by their positions.

    only: finds the lines that are there; others are not, whatever is asked. By default those of the view.
    """

    def __init__(self, view: View, only: Matcher | None = None) -> None:
        self._view = view
        if only is None and view.only is not None:
            only = make_matcher(view.only)
        self._only = only
        self._frames: OrderedDict[int, SegmentFrames | None] = OrderedDict()
        self._kept: OrderedDict[tuple[int, int, bool], list[tuple[int, bytes]]] = OrderedDict()
        self._continuations = Continuations(view)

    def close(self) -> None:
        while self._frames:
            self._close_oldest()

    def _close_oldest(self) -> None:
        frames = self._frames.popitem(last=False)[1]
        if frames is not None:
            frames.close()

    def line_at(self, position: Position) -> Hit | None:
        """Return the line that begins at `position`; None if no line begins there."""
        for hit in self.lines_from(position):
            return self.with_first_line(hit) if hit.position == position else None
        return None

    def with_first_line(self, hit: Hit) -> Hit:
        """Return a line with the first line of its record, if it goes on with one."""
        if hit.first_line is not None or not may_be_continuation(hit.line):
            return hit
        number, offset = hit.position
        for _, frames in self._open_each_segment([number]):
            lines = self._read_frame_lines(frames, frames.frame_at(offset), is_whole=True)
            index = bisect_left(lines, (offset,))
            text = b"".join([line + b"\n" for _, line in lines[max(0, index - _NEARBY) : index]])
            begin = hit.position.beside(-len(text))
            text += hit.line
            first = self._continuations.first_line(
                begin, text, len(text) - len(hit.line), len(text)
            )
            return hit._replace(first_line=first)
        return hit

    def lines_around(self, hit: Hit, before: int, after: int) -> list[Hit]:
        """Return a line with at most `before` lines before it and `after` lines after it, in order."""
        behind = hit.position.beside(1)
        found = [
            *reversed(list(islice(self.lines_before(hit.position), before))),
            hit,
            *islice(self.lines_from(behind), after),
        ]
        return self._with_first_lines(found)

    def _with_first_lines(self, hits: list[Hit]) -> list[Hit]:
        """Return lines in order with the first lines of their records; of many at once."""
        if sum(may_be_continuation(one.line) for one in hits) <= _FEW:
            return [*map(self.with_first_line, hits)]
        found: list[Hit] = []
        for run in _adjacent(hits):
            text = b"".join([one.line + b"\n" for one in run])
            first_lines = self._continuations.first_lines(run[0].position, text)
            begin = run[0].position.offset
            found += [
                one._replace(first_line=first_lines.get(one.position.offset - begin)) for one in run
            ]
        return found

    def lines_from(self, start: Position) -> Iterator[Hit]:
        """Yield the lines that begin at `start` or after it, in order."""
        numbers = [one.number for one in self._view.segments if one.number >= start.segment]
        for number, frames in self._open_each_segment(numbers):
            first = frames.frame_at(start.offset) if number == start.segment else 0
            for frame in range(first, frames.count):
                lines = self._read_frame_lines(frames, frame)
                index = bisect_left(lines, (start.offset,)) if number == start.segment else 0
                for offset, line in lines[index:]:
                    yield Hit(Position(number, offset), line)

    def lines_before(self, start: Position, *, to_gap: bool = False) -> Iterator[Hit]:
        """Yield the lines that begin before `start`, the nearest first.

        to_gap: end where a segment is missing; no record goes on over it, nor into another store.
        """
        numbers = [one.number for one in self._view.segments if one.number <= start.segment]
        following = start.segment
        for number, frames in self._open_each_segment(numbers[::-1]):
            if to_gap and following - number > 1:
                return
            following = number
            last = frames.count - 1
            if number == start.segment:
                last = min(last, frames.frame_at(start.offset))
            for frame in range(last, -1, -1):
                lines = self._read_frame_lines(frames, frame)
                if number == start.segment:
                    lines = lines[: bisect_left(lines, (start.offset,))]
                for offset, line in reversed(lines):
                    yield Hit(Position(number, offset), line)

    def lacks_segment(self, before: int, after: int) -> bool:
        """Return whether a segment between two others is missing: no record goes on over it."""
        there = sum(before < one.number < after for one in self._view.segments)
        return there < after - before - 1

    def _open_each_segment(self, numbers: list[int]) -> Iterator[tuple[int, SegmentFrames]]:
        """Yield each segment that can be opened."""
        for number in numbers:
            if number not in self._frames:
                while len(self._frames) >= _KEPT:
                    self._close_oldest()
                self._frames[number] = self._view.open_whole_segment(number)
            frames = self._frames[number]
            if frames is not None:
                yield number, frames

    def _read_frame_lines(
        self, frames: SegmentFrames, frame: int, *, is_whole: bool = False
    ) -> list[tuple[int, bytes]]:
        """Return the lines of a frame with their offsets in the segment's text.

        is_whole: whether to return also lines that are not to be shown.
        """
        only = None if is_whole else self._only
        key = frames.number, frame, only is None
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        lines: list[tuple[int, bytes]] = []
        try:
            for offset, text in frames.lines_between(*frames.frame_bounds(frame)):
                if only is not None:
                    lines += self._lines_seen(only, Position(frames.number, offset), text)
                    continue
                for line in text.removesuffix(b"\n").split(b"\n"):
                    lines.append((offset, line))
                    offset += len(line) + 1
        except (DamagedSegment, OSError) as error:
            self._view.report_damage(str(error))
        self._kept[key] = lines
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return lines

    def _lines_seen(
        self, only: Matcher, position: Position, text: bytes
    ) -> Iterator[tuple[int, bytes]]:
        first_lines = NO_FIRST_LINES
        if only.inherits:
            first_lines = self._continuations.first_lines(position, text)
        for start, end in only.find(text, position.in_text, first_lines):
            yield position.offset + start, text[start:end]


def _adjacent(hits: list[Hit]) -> list[list[Hit]]:
    """Return runs of lines of which each follows the one before it in the same segment."""
    runs: list[list[Hit]] = []
    behind = None
    for hit in hits:
        if hit.position != behind:
            runs.append([])
        runs[-1].append(hit)
        behind = hit.position.beside(len(hit.line) + 1)
    return runs


# A group with more lines comes in parts, so that not all of it is kept in memory.
LARGEST = 10_000


class LineContext(NamedTuple):
    """Numbers of lines to show before and after each hit."""

    before: int
    after: int


class LineGroup(NamedTuple):
    """Lines in the order of the store; True with a line means that the line is only a neighbour of a hit.

    goes_on: whether the lines are adjacent to the lines of the group before.
    """

    lines: list[tuple[Hit, bool]]
    goes_on: bool


def group_with_context(
    view: View, hits: Iterator[Hit], around: LineContext, *, reverse: bool = False
) -> Iterator[LineGroup]:
    """Yield hits with their neighbours, each line once. Adjacent lines are in one group.

    reverse: whether hits come newest first, and so do the groups; the lines of a group stay in the store's
    order.
    """
    with closing(StoredLines(view)) as lines:
        group: dict[Position, tuple[Hit, bool]] = {}
        goes_on = False
        first = last = None
        # The position of the last hit in the parts of the group that were yielded already. These parts have
        # the line of this hit, and all lines of the group before it, or with `reverse` after it.
        last_yielded: Position | None = None
        for hit in hits:
            window = lines.lines_around(hit, *around)
            if last_yielded is not None:
                window = [
                    one
                    for one in window
                    if one.position != last_yielded and (one.position < last_yielded) == reverse
                ]
            if first and last and not _is_adjacent_window(lines, first, last, window):
                yield _sorted_group(group, goes_on)
                group, goes_on, last_yielded = {}, False, None
                first = last = None
            for one in window:
                if one.position not in group or one.position == hit.position:
                    group[one.position] = one, one.position != hit.position
            if window:
                first = min(first or window[0], window[0], key=attrgetter("position"))
                last = max(last or window[-1], window[-1], key=attrgetter("position"))
            if len(group) >= LARGEST:
                # Lines after this hit, or with `reverse` before it, are not yielded yet: they may be hits.
                last_yielded = hit.position
                part = {
                    position: one
                    for position, one in group.items()
                    if position == last_yielded or (position > last_yielded) == reverse
                }
                yield _sorted_group(part, goes_on)
                group = {position: one for position, one in group.items() if position not in part}
                goes_on = True
        if group:
            yield _sorted_group(group, goes_on)


def _is_adjacent_window(lines: StoredLines, first: Hit, last: Hit, window: list[Hit]) -> bool:
    """Return whether `window` overlaps the lines from `first` to `last`, or is adjacent to them."""
    return not window or (
        (window[0].position <= last.position or _directly_follows(lines, last, window[0]))
        and (window[-1].position >= first.position or _directly_follows(lines, window[-1], first))
    )


def _directly_follows(lines: StoredLines, one: Hit, other: Hit) -> bool:
    behind = Position(one.position.segment, one.position.offset + len(one.line) + 1)
    if one.position.segment == other.position.segment or other.position.offset:
        return other.position == behind
    return any(hit.position == other.position for hit in islice(lines.lines_from(behind), 1))


def _sorted_group(group: dict[Position, tuple[Hit, bool]], goes_on: bool) -> LineGroup:
    return LineGroup([group[position] for position in sorted(group)], goes_on)
