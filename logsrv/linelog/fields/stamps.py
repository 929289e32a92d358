"""The stamps of all lines of a text as arrays: offsets of their parts, times, sources."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.fields.byte_arrays import (
    Array,
    indexes_of_true,
    rows_at,
    rows_with_nonzero,
)
from logsrv.linelog.fields.coded_first_lines import CodedFirstLines, GoingOn
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, TIME_LENGTH, FirstLines

NO_TIME = numpy.iinfo(numpy.int64).min
"""The moment of a line without a time, or with an invalid one."""

_LF, _SPACE = 0x0A, 0x20
_SHAPE = b"0000-00-00T00:00:00.000000Z "
_LEAST = numpy.frombuffer(_SHAPE, numpy.uint8)
# A digit may be up to nine more than the zero of the shape; other bytes must be equal.
_MORE = numpy.array([9 * (byte == ord("0")) for byte in _SHAPE], numpy.uint8)
_DATE = len("2026-11-20")
# Most sources are shorter; a longer one is searched by itself.
_SOURCE = 32
# Beginnings of words are kept so far.
_LONG_SOURCE = 40
_KEPT: Array = numpy.tri(_LONG_SOURCE + 1, _LONG_SOURCE, -1, numpy.uint8) * numpy.uint8(255)
_PARTS = ((11, 24, 3_600_000_000), (14, 60, 60_000_000), (17, 60, 1_000_000))


class CodedSources(NamedTuple):
    """The sources of lines as numbers; that of lines without a stamp is b"", which is 0."""

    codes: Array
    codes_by_source: dict[bytes, int]


class LineBounds:
    """The whole lines of a text, each with an LF.

    starts, ends: bounds of each line without its LF. first_lines: of the records that lines go on with, by
    where these begin in the text.
    """

    def __init__(
        self, text: bytes, first_lines: FirstLines = NO_FIRST_LINES, ends: Array | None = None
    ) -> None:
        self.text = text
        self.first_lines = first_lines
        self._going_on: tuple[FirstLines, GoingOn] | None = None
        self._bytes: Array = numpy.frombuffer(text, numpy.uint8)
        self.ends: Array = indexes_of_true(self._bytes == _LF) if ends is None else ends
        self.starts: Array = numpy.zeros_like(self.ends)
        self.starts[1:] = self.ends[:-1] + 1

    def __len__(self) -> int:
        return len(self.starts)

    def line(self, row: int) -> bytes:
        """Return a line without its LF."""
        return self.text[self.starts[row] : self.ends[row]]

    def first_line(self, row: int) -> bytes | None:
        """Return the first line of the record that a line goes on with; None if it begins one."""
        return self.first_lines.get(int(self.starts[row])) if self.first_lines else None

    def message_starts(self) -> Array | None:
        """Return where each message begins, -1 for a line without a stamp; None if that is not known."""
        return None

    def going_on(self) -> GoingOn:
        """Return the continuation lines, by their first lines."""
        if self._going_on is not None and self._going_on[0] is self.first_lines:
            return self._going_on[1]
        known = self.first_lines
        coded = known if isinstance(known, CodedFirstLines) else _coded(known)
        rows: Array = numpy.searchsorted(self.starts, coded.starts)
        found = GoingOn(rows, coded.codes, coded.lines, coded.begins)
        self._going_on = known, found
        return found


def _coded(first_lines: FirstLines) -> CodedFirstLines:
    """Return first lines as arrays; it is not known where they begin."""
    starts: Array = numpy.fromiter(first_lines, numpy.intp, len(first_lines))
    numbers: dict[bytes, int] = {}
    known = numbers.setdefault
    codes = [known(line, len(numbers)) for line in first_lines.values()]
    begins: Array = numpy.full(len(numbers), -1)
    return CodedFirstLines(starts, numpy.array(codes, numpy.intp), [*numbers], begins)


class StampedLines(LineBounds):
    """The whole lines of a text, each with an LF, and their stamps.

    messages: where each message begins: the start of the line if it has no stamp. stamped: numbers of the
    lines with a stamp.
    """

    def __init__(self, text: bytes, first_lines: FirstLines = NO_FIRST_LINES) -> None:
        super().__init__(text, first_lines)
        self._coded: CodedSources | None = None
        # The shortest stamp has a SOURCE of one byte and a space.
        self.stamped: Array = numpy.flatnonzero(self.ends - self.starts >= TIME_LENGTH + 2)
        # The bytes of each stamp's time minus those of the shape; a row for each stamped line.
        self._more: Array = rows_at(self._bytes, self.starts[self.stamped], TIME_LENGTH) - _LEAST
        self.messages: Array = self.starts.copy()
        self._find_stamped()

    def chosen(self, rows: Iterable[int]) -> StampedLines:
        """Return some of the lines, with the first lines of their records."""
        lines: list[bytes] = []
        first_lines: dict[int, bytes] = {}
        size = 0
        for row in rows:
            if (first := self.first_line(row)) is not None:
                first_lines[size] = first
            lines.append(self.line(row))
            size += len(lines[-1]) + 1
        return StampedLines(b"".join([line + b"\n" for line in lines]), first_lines)

    def messages_of(self, rows: Array | slice = slice(None)) -> list[bytes]:
        """Return the messages of the lines with these numbers; by default of all lines."""
        text = self.text
        bounds = zip(self.messages[rows].tolist(), self.ends[rows].tolist(), strict=True)
        return [text[start:end] for start, end in bounds]

    def message_starts(self) -> Array:
        found: Array = numpy.full(len(self), -1)
        found[self.stamped] = self.messages[self.stamped]
        return found

    def _find_stamped(self) -> None:
        """Find the lines that have a stamp."""
        self._keep_stamped(numpy.all(self._more <= _MORE, axis=1))
        sources = self.starts[self.stamped] + TIME_LENGTH
        spaces = self._first_spaces(sources)
        found = (spaces > sources) & (spaces < self.ends[self.stamped])
        self._keep_stamped(found)
        self.messages[self.stamped] = spaces[found] + 1

    def _keep_stamped(self, those: Array) -> None:
        if not those.all():
            self.stamped, self._more = self.stamped[those], self._more[those]

    def _first_spaces(self, sources: Array) -> Array:
        """Return the offset of the first space from the start of each source on, or the end of the text."""
        known = int(numpy.searchsorted(sources, len(self.text) - _SOURCE, side="right"))
        is_space = rows_at(self._bytes, sources[:known], _SOURCE) == _SPACE
        found = sources.copy()
        found[:known] += is_space.argmax(axis=1)
        for row in numpy.flatnonzero(self._bytes[found] != _SPACE).tolist():
            at = self.text.find(b" ", int(sources[row]))
            found[row] = at if at >= 0 else len(self.text)
        return found

    def moments(self) -> Array:
        """Return the time of each line in microseconds since 1970, or NO_TIME."""
        moments: Array = numpy.full(len(self), NO_TIME)
        digits = self._more.T.astype(numpy.int32)
        of_day: Array = numpy.zeros(len(self.stamped), numpy.int64)
        of_day += sum(digits[20 + digit] * 10 ** (5 - digit) for digit in range(6))
        right: Array = numpy.ones(len(self.stamped), bool)
        for at, below, worth in _PARTS:
            part = digits[at] * 10 + digits[at + 1]
            right &= part < below
            of_day += part * numpy.int64(worth)
        days = self._starts_of_days()
        moments[self.stamped] = numpy.where(right & (days != NO_TIME), days + of_day, NO_TIME)
        for line in self.stamped[~right].tolist():
            start = int(self.starts[line])
            second = _microseconds_of_second(self.text[start : start + 19])
            if second != NO_TIME:
                moments[line] = second + int(self.text[start + 20 : start + 26])
        return moments

    def _starts_of_days(self) -> Array:
        """Return the start of the day of each stamped line in microseconds since 1970, or NO_TIME."""
        dates = numpy.ascontiguousarray(self._more[:, :_DATE])
        changes = numpy.flatnonzero((dates[1:] != dates[:-1]).any(axis=1)) + 1
        firsts = [0, *changes.tolist()] if len(dates) else []
        starts = self.starts[self.stamped[firsts]].tolist()
        moments = [
            _microseconds_of_second(self.text[at : at + _DATE] + b"T00:00:00") for at in starts
        ]
        found: Array = numpy.repeat(
            numpy.array(moments, numpy.int64), numpy.diff([*firsts, len(dates)])
        )
        return found

    def coded_sources(self) -> CodedSources:
        """Return the SOURCE of each line as a number."""
        if self._coded is None:
            self._coded = self._code_sources()
        return self._coded

    def _code_sources(self) -> CodedSources:
        codes: Array = numpy.zeros(len(self), numpy.int32)
        starts = self.starts[self.stamped] + TIME_LENGTH
        sizes = self.messages[self.stamped] - 1 - starts
        known = {b"": 0}
        if not len(starts):
            return CodedSources(codes, known)
        begins: Array = numpy.ones(len(starts), bool)
        if sizes.max() <= _LONG_SOURCE:
            raw: Array = numpy.frombuffer(self.text + bytes(_LONG_SOURCE), numpy.uint8)
            words = (rows_at(raw, starts, _LONG_SOURCE) & _KEPT[sizes]).view("<u8")
            begins[1:] = rows_with_nonzero(words[1:] ^ words[:-1])
        runs = numpy.flatnonzero(begins)
        text = self.text
        bounds = zip(starts[runs].tolist(), sizes[runs].tolist(), strict=True)
        of_runs = [known.setdefault(text[at : at + size], len(known)) for at, size in bounds]
        lengths = numpy.diff(numpy.append(runs, len(starts)))
        codes[self.stamped] = numpy.repeat(numpy.array(of_runs, numpy.int32), lengths)
        return CodedSources(codes, known)

    def after(self, before: StampedLines) -> StampedLines:
        """Return these lines after others, without looking at them again."""
        made = StampedLines.__new__(StampedLines)
        size, rows = len(before.text), len(before)
        made.text = before.text + self.text
        made._bytes = numpy.frombuffer(made.text, numpy.uint8)
        made.first_lines, made._going_on = NO_FIRST_LINES, None
        for name, more in (("starts", size), ("ends", size), ("messages", size), ("stamped", rows)):
            joined = numpy.concatenate((getattr(before, name), getattr(self, name) + more))
            setattr(made, name, joined)
        made._more = numpy.concatenate((before._more, self._more))
        codes, known = self.coded_sources()
        known = {**known}
        others = before.coded_sources()
        of_others = [known.setdefault(source, len(known)) for source in others.codes_by_source]
        moved = numpy.array(of_others, numpy.int32)[others.codes]
        made._coded = CodedSources(numpy.concatenate((moved, codes)), known)
        return made

    def sources(self) -> list[bytes]:
        """Return the SOURCE of each stamped line."""
        text = self.text
        starts = (self.starts[self.stamped] + TIME_LENGTH).tolist()
        ends = (self.messages[self.stamped] - 1).tolist()
        return [text[start:end] for start, end in zip(starts, ends, strict=True)]


@lru_cache(maxsize=1000)
def _microseconds_of_second(text: bytes) -> int:
    try:
        return round(parse_rfc3339(f"{text.decode()}Z")) * 1_000_000
    except ValueError:
        return int(NO_TIME)
