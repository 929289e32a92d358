"""The patterns of the lines that a search finds, with their numbers, in bounded memory.

Templates that differ only in some words are merged at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

import numpy

from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.stored_line import INHERITED, TIME_LENGTH
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.read.figures.aggregate import Aggregate, FoundLines, Part, add_lines
from logsrv.linelog.read.figures.counted_values import counted_column, joined_text
from logsrv.linelog.read.figures.frequent_keys import FrequentKeys
from logsrv.linelog.read.figures.text_values import column_reader
from logsrv.linelog.read.hits import Hit, text_of_hits
from logsrv.linelog.read.patterns.line_patterns import LinePatterns, PatternKey
from logsrv.linelog.read.patterns.merge import merge_templates
from logsrv.linelog.read.search import Search
from logsrv.linelog.store.segment import Position

MOST_TEMPLATES = 50_000
"""At twice as many, the rarest templates are forgotten, so that this many are kept."""

_OffsetOf: TypeAlias = Callable[[StampedLines, int], int]
"""Tells the offset of a line by its number."""


class Pattern(NamedTuple):
    """A pattern.

    app, level: of its lines, "" if unknown. template: the text with placeholders. lines: how many have it.
    position, time: of the first of them; no time for a line without one. is_text_shared: whether lines of
    another level have the same text. value: of the field by which patterns are told apart, too.
    """

    app: str
    template: str
    lines: int
    position: Position
    time: str | None
    level: str = ""
    is_text_shared: bool = False
    value: str | None = None


class Patterns(NamedTuple):
    """Patterns, the most frequent first.

    lines: how many of those that were read match the query; with `new_since`, since that time. forgotten:
    how many lines have patterns that were too many to keep. since: None if all were read, else the earliest
    time of those that match.
    """

    patterns: list[Pattern]
    lines: int
    forgotten: int
    since: str | None = None


def find_patterns(
    search: Search,
    new_since: str = "",
    by: str = "",
    extractions: Sequence[Extraction] = (),
    most: int | None = None,
) -> Patterns:
    """Return the patterns of the lines that a search finds.

    new_since: a TIME of the store; only patterns that no matching line before it has; "" for all.
    by: a field, maybe an extracted one; lines with different values have different patterns. most: of more
    lines, about as many of the newest are read; None for all lines.
    """
    table = PatternTable(new_since, by, extractions)
    return add_lines(search, table, None if most is None else partial(table.cut_at, most)).rows()


class PatternTable(Aggregate):
    """The templates of all lines.

    A part has, for the lines of a text before and since the time: the segment, the earliest TIME,
    whether they are earlier, how many are left out, and of each template its key, number of lines, offset
    in the segment and TIME of the first line.
    """

    def __init__(
        self, new_since: str = "", by: str = "", extractions: Sequence[Extraction] = ()
    ) -> None:
        self._by = by
        self._read = column_reader([by], extractions) if by else None
        self._since = round(parse_rfc3339(new_since) * 1e6) if new_since else None
        self._patterns = LinePatterns()
        self._frequent: FrequentKeys[PatternKey] = FrequentKeys(_characters, MOST_TEMPLATES)
        self._counts: dict[PatternKey, _Counts] = {}
        self._lines = self._unknown = 0
        self._earliest: str | None = None
        self._is_cut = False

    def cut_at(self, lines: int) -> bool:
        """Return whether so many lines were added, so that those before are left out."""
        self._is_cut = self._lines >= lines
        return self._is_cut

    def count(self, lines: FoundLines) -> Part:
        segment = lines.task.segment
        return [
            (segment, *counted)
            for found, offset_of in _found_texts(lines)
            for counted in self._counted(found, offset_of)
        ]

    def _counted(
        self, stamps: StampedLines, offset_of: _OffsetOf
    ) -> Iterator[tuple[str | None, bool, int, list[Any]]]:
        values: Iterable[str | None] = repeat(None)
        if self._read is not None:
            values = [joined_text(one) for one in counted_column(self._read(stamps)[self._by])]
        earliest = _earliest_of(stamps)
        for is_earlier, rows in self._split(stamps):
            patterns, unknown = self._patterns.count(stamps, rows, values)
            listed = [
                (*key, lines, offset_of(stamps, row), _time_of(stamps, row))
                for key, lines, row in patterns
            ]
            yield earliest, is_earlier, unknown, listed

    def _split(self, stamps: StampedLines) -> Iterator[tuple[bool, Array]]:
        """Yield the rows before and since the time. Without a time all rows are since then."""
        if self._since is None:
            yield False, numpy.arange(len(stamps))
            return
        is_earlier = stamps.moments() < self._since
        for part in (True, False):
            rows = numpy.flatnonzero(is_earlier == part)
            if len(rows):
                yield part, rows

    def merge(self, part: Part) -> None:
        for segment, earliest, is_earlier, unknown, listed in part:
            self._earliest = min(filter(None, (earliest, self._earliest)), default=None)
            self._unknown += unknown
            self._lines += 0 if is_earlier else unknown
            added: dict[PatternKey, int] = {}
            for *names, lines, offset, time in listed:
                key = PatternKey(*names)
                counts = self._counts.setdefault(key, _Counts())
                since = 0 if is_earlier else lines
                counts.add(lines - since, since, Position(segment, offset), time)
                self._lines += since
                added[key] = lines
            if self._frequent.add(added):
                self._counts = {
                    key: counts for key, counts in self._counts.items() if key in self._frequent
                }

    def rows(self) -> Patterns:
        """Return the merged patterns; with a time only those without earlier lines."""
        merged: dict[PatternKey, _Counts] = {}
        for key, pattern in merge_templates(list(self._counts)).items():
            counts = self._counts[key]
            merged.setdefault(pattern, _Counts()).add(
                counts.earlier, counts.since, counts.position, counts.time
            )
        texts = Counter(key[:2] for key in {key._replace(value=None) for key in merged})
        patterns = [
            Pattern(
                key.app,
                key.template,
                counts.since,
                counts.position,
                counts.time,
                key.level,
                is_text_shared=texts[key[:2]] > 1,
                value=key.value,
            )
            for key, counts in merged.items()
            if counts.since and not (self._since is not None and counts.earlier)
        ]
        patterns.sort(
            key=lambda one: (-one.lines, one.app, one.template, one.level, one.value or "")
        )
        since = self._earliest if self._is_cut else None
        return Patterns(patterns, self._lines, self._unknown + self._frequent.left_out, since)


def _characters(keys: Iterable[PatternKey]) -> int:
    return sum(len(key.app) + len(key.template) + len(key.value or "") for key in keys)


def _found_texts(lines: FoundLines) -> Iterator[tuple[StampedLines, _OffsetOf]]:
    """Yield the matching lines of each text, and what tells their offsets."""
    if lines.task.group:
        for some in lines.search.columns.lines(lines.task):
            yield StampedLines(*text_of_hits(some)), partial(_offset_in_list, some)
        return
    for offset, text, found, first_lines in lines.texts(INHERITED):
        yield StampedLines(found, first_lines), partial(_offset_in_text, offset, text)


def _offset_in_list(lines: Sequence[Hit], _: StampedLines, row: int) -> int:
    return lines[row].position.offset


def _offset_in_text(begin: int, text: bytes, stamps: StampedLines, row: int) -> int:
    """Return the offset of a line that comes from the text at an offset."""
    if len(stamps.text) == len(text):
        return begin + int(stamps.starts[row])
    line = stamps.line(row) + b"\n"
    at = text.find(line)
    while at > 0 and text[at - 1 : at] != b"\n":
        at = text.find(line, at + 1)
    return begin + at


def _time_of(stamps: StampedLines, row: int) -> str | None:
    start = int(stamps.starts[row])
    if stamps.messages[row] == start:
        return None
    return stamps.text[start : start + TIME_LENGTH - 1].decode()


def _earliest_of(stamps: StampedLines) -> str | None:
    moments = stamps.moments()
    known = moments[moments != NO_TIME]
    return rfc3339(int(known.min()) / 1e6) if len(known) else None


class _Counts:
    """The lines of a template so far. earlier: before the time. position, time: of the first one since."""

    def __init__(self) -> None:
        self.earlier = self.since = 0
        self.position = Position(0, 0)
        self.time: str | None = None

    def add(self, earlier: int, since: int, position: Position, time: str | None) -> None:
        """Add numbers of lines. position, time: of the first line since, if there is one."""
        is_first = position < self.position
        if position.store != self.position.store:
            is_first = (time or "") < (self.time or "")
        if since and (is_first or not self.since):
            self.position, self.time = position, time
        self.earlier += earlier
        self.since += since
