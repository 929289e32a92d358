"""The first lines of records: a continuation line has the level and the header of its record's first line.

`continuation.py` says which line goes on with which record, one line after the other, and every record is
put together by it. This module asks the same of a whole text at once, and only about lines without a header
of their own: nearly all texts have few that begin like the inside of a stack trace, or none, and then a
few passes over the beginnings of the lines are all. Every reader of levels gets its first lines from here:
`Record` for a line, `StampedLines` for many.

A line that begins with a priority, a header or a JSON object says for itself what it is; it never has
another first line. A line without goes on with the last line of its source, whatever that looks like.

A first line is at most REACH bytes before its continuation, and is no continuation by its shape: so it is
the same line for each reader, wherever a text begins. Of a record with more lines than one may have, the
lines beyond have no first line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import numpy

from logsrv.linelog.fields.byte_places import Array, byte_membership_table, rows_at
from logsrv.linelog.fields.continuation import (
    BEGINNINGS,
    MOST_BYTES,
    MOST_LINES,
    MOST_SECONDS,
    Kind,
    State,
    Stream,
    has_own_header,
    kind_of_text,
    may_continue,
    may_go_on_with_any,
    state_after_begin,
)
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.stored_line import (
    NO_FIRST_LINES,
    REACH,
    STAMP,
    TIME_LENGTH,
    FirstLines,
)

NEAR = 64 << 10
"""Bytes from a line to the next of its record, if only the line before shows that it is one."""

Earlier: TypeAlias = Callable[[], Iterable[tuple[int, bytes]]]
"""Whole lines before a text, the nearest piece first, up to REACH; each with its bytes up to the text."""

_LF = 0x0A
_WHITE = byte_membership_table(b" \t")
_SPACES = byte_membership_table(b" \t\r\f\v")
_TOKEN = byte_membership_table(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$." + bytes(range(128, 256))
)
_DOT = ord(".")
# Bytes of a name with dots that are looked at; a longer one is asked one by one.
_NAME = 32
_BEGINS_NAME = byte_membership_table(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_" + bytes(range(128, 256))
)
# By the first two bytes, as a little-endian number.
_BEGINS_SHAPE: Array = numpy.zeros(1 << 16, bool)
for _one in BEGINNINGS:
    if len(_one) == 1:
        _BEGINS_SHAPE[_one[0] :: 256] = True
    else:
        _BEGINS_SHAPE[int.from_bytes(_one[:2], "little")] = True
_PADDING = bytes(64)
# Bytes. Nearly all sources are shorter.
_SOURCE = 40
_SECOND = 1_000_000
_PART, _SPECIAL = 1, 2


class Continuations(NamedTuple):
    """The continuation lines of a text.

    reach_back: whether the first line of one stands before the text. are_sure: false if the text before was
    too short to tell.
    """

    first_lines: FirstLines
    reach_back: bool
    are_sure: bool


class EarlierTexts:
    """The last texts of a series, from which the next one may go on with records."""

    def __init__(self) -> None:
        self._texts: deque[bytes] = deque()
        self._size = 0

    def add(self, text: bytes) -> None:
        """Add a text, which is whole lines."""
        self._texts.append(text)
        self._size += len(text)
        while self._size - len(self._texts[0]) >= REACH:
            self._size -= len(self._texts.popleft())

    def __call__(self) -> Iterator[tuple[int, bytes]]:
        """Yield the texts, the last first, each with the bytes from its beginning to the next text."""
        distance = 0
        for text in reversed(self._texts):
            distance += len(text)
            yield distance, text


def first_lines(lines: StampedLines, earlier: Earlier | None = None) -> FirstLines:
    """Return the first lines for the continuation lines among whole lines.

    earlier: is called if the first line of one may stand before the text.
    """
    return find_continuations(lines, earlier).first_lines


def find_continuations(lines: StampedLines, earlier: Earlier | None) -> Continuations:
    """Return the same, and how it depends on the text before."""
    candidates = _candidates(lines)
    found = _Sources(lines, candidates) if candidates else None
    unknown: set[bytes] = set()
    are_sure = True
    if earlier is not None:
        unknown = found.sources_begun_before() if found is not None else unknown
        if likely := _sources_that_may_go_on(lines) - unknown:
            in_traces, are_sure = _sources_in_traces(likely, earlier())
            unknown |= in_traces
    before: list[tuple[int, bytes]] = []
    if unknown and earlier is not None:
        before, all_found = _lines_of_sources(unknown, earlier())
        are_sure &= all_found
    if not before:
        own = found.first_lines() if found is not None else NO_FIRST_LINES
        return Continuations(own, False, are_sure)
    text = b"".join([line + b"\n" for _, line in before])
    size = len(text)
    whole = StampedLines(text + lines.text)
    moved = numpy.array([size - distance for distance, _ in before], numpy.int64)
    at = numpy.concatenate((moved, whole.starts[len(before) :]))
    candidates = _candidates(whole)
    if not candidates:
        return Continuations(NO_FIRST_LINES, False, are_sure)
    sources = _Sources(whole, candidates, at)
    both = {start - size: line for start, line in sources.first_lines(size).items()}
    return Continuations(both, sources.reach_back, are_sure)


def _lines_of_sources(
    sources: set[bytes], pieces: Iterable[tuple[int, bytes]]
) -> tuple[list[tuple[int, bytes]], bool]:
    """Return the last lines of some sources that tell which of their records go on, in order.

    Each with the bytes from its beginning to the text. Of each source they begin with a line that surely
    begins a record, or where no record can go on. False: the text before ended too soon.
    """
    wanted = {source: _Backwards() for source in sources}
    found: list[tuple[int, bytes]] = []
    seen = 0
    for distance, piece in pieces:
        seen = distance
        end = len(piece) - piece.endswith(b"\n")
        while end > 0 and wanted:
            start = piece.rfind(b"\n", 0, end) + 1
            line = piece[start:end]
            stamp = STAMP.match(line)
            source = stamp[2] if stamp else b""
            if source in wanted:
                if not wanted[source].add(line):
                    del wanted[source]
                found.append((distance - start, line))
            end = start - 1
        if not wanted:
            break
    return found[::-1], not wanted or seen >= REACH


def _sources_that_may_go_on(lines: StampedLines) -> set[bytes]:
    """Return the sources whose first line near the beginning goes on if it stands behind a trace."""
    raw: Array = numpy.frombuffer(lines.text + _PADDING, numpy.uint8)
    many = int(numpy.searchsorted(lines.starts, NEAR))
    named = _BEGINS_NAME[raw[lines.messages[:many]]]
    if not named.any():
        return set()
    seen: set[bytes] = set()
    found = set()
    for row, is_named in enumerate(named.tolist()):
        start, message = int(lines.starts[row]), int(lines.messages[row])
        source = lines.text[start + TIME_LENGTH : max(start, message - 1)]
        text = lines.text[message : lines.ends[row]]
        if source in seen or not text.strip():
            continue
        seen.add(source)
        if is_named and may_continue(Record.of_message(text)):
            found.add(source)
    return found


def _sources_in_traces(
    sources: set[bytes], pieces: Iterable[tuple[int, bytes]]
) -> tuple[set[bytes], bool]:
    """Return those of some sources whose last line before a text, if near, may be of a trace.

    False: the text before ended too soon.
    """
    left, found = set(sources), set[bytes]()
    for distance, piece in pieces:
        end = len(piece) - piece.endswith(b"\n")
        while end > 0 and left:
            start = piece.rfind(b"\n", 0, end) + 1
            if distance - start > NEAR:
                return found, True
            stamp = STAMP.match(piece, start, end)
            source = stamp[2] if stamp else b""
            text = piece[stamp.end() if stamp else start : end]
            if source in left and text.strip():
                left.discard(source)
                if may_go_on_with_any(text):
                    found.add(source)
            end = start - 1
        if not left:
            break
    return found, not left


class _Backwards:
    """The lines of a source from a text on backwards, up to one that begins a record."""

    def __init__(self) -> None:
        self._lines = self._size = 0

    def add(self, line: bytes) -> bool:
        """Add the line before; return whether the lines before that one may matter."""
        record = Record(line)
        self._lines += 1
        self._size += len(record.body)
        if self._lines > MOST_LINES or self._size > MOST_BYTES:
            return False
        return not has_own_header(record) and may_continue(record)


def _candidates(lines: StampedLines) -> dict[int, Kind]:
    """Return the numbers of the lines whose beginning alone may be part of a record, and their kinds."""
    if not len(lines):
        return {}
    text, messages, ends = lines.text, lines.messages, lines.ends
    raw: Array = numpy.frombuffer(text + _PADDING, numpy.uint8)
    first = raw[messages]
    pairs: Array = numpy.ndarray((len(raw) - 1,), "<u2", raw, 0, (1,))
    chosen = _BEGINS_SHAPE[pairs[messages]]
    names = numpy.flatnonzero(_BEGINS_NAME[first] & ~chosen)
    if len(names):
        rows = rows_at(raw, messages[names], _NAME)
        others = ~_TOKEN[rows]
        size = numpy.where(others.any(1), others.argmax(1), _NAME)
        dotted = ((rows == _DOT) & (numpy.arange(_NAME) < size[:, None])).any(1)
        chosen[names[dotted]] = True
    places = _places_of(text, b":in ")
    if places:
        chosen[numpy.searchsorted(ends, places)] = True
    chosen &= messages < ends
    found: dict[int, Kind] = {}
    rows_ = numpy.flatnonzero(chosen)
    white = _WHITE[first[rows_]]
    # Most are indented, and few of these are blank or begin with another mark than a word.
    heads = rows_at(raw, messages[rows_], 16)
    solid = ~_SPACES[heads]
    known = white & solid.any(1)
    at = solid.argmax(1)
    mark = heads[numpy.arange(len(rows_)), at]
    known &= (mark != ord("+")) & (mark != _LF)
    for row, is_part in zip(rows_.tolist(), known.tolist(), strict=True):
        if is_part:
            found[row] = Kind.PART
            continue
        kind = kind_of_text(text[messages[row] : ends[row]])
        if kind is not Kind.OTHER and kind is not Kind.BLANK:
            found[row] = kind
    return found


def _places_of(text: bytes, word: bytes) -> list[int]:
    found = []
    at = text.find(word)
    while at >= 0:
        found.append(at)
        at = text.find(word, at + 1)
    return found


class _Sources:
    """The lines of sources that have candidates, in order, source by source.

    rows: their numbers in the text. at: where each line of the text begins in the store, from any place on.
    """

    def __init__(
        self, lines: StampedLines, candidates: Mapping[int, Kind], at: Array | None = None
    ) -> None:
        self._lines = lines
        self._at = lines.starts if at is None else at
        codes, names = _codes_of_sources(lines)
        needed = numpy.unique(codes[[*candidates]])
        rows = numpy.flatnonzero(numpy.isin(codes, needed))
        self._rows: Array = rows[numpy.argsort(codes[rows], kind="stable")]
        self._codes = codes[self._rows]
        self._names = names
        kinds = numpy.zeros(len(lines), numpy.int8)
        kinds[[*candidates]] = _SPECIAL
        kinds[[row for row, kind in candidates.items() if kind is Kind.PART]] = _PART
        self._kinds = kinds[self._rows]
        self._of_rows = candidates
        self._sizes: Array = (lines.ends - lines.messages)[self._rows]
        self._behind: Array = numpy.cumsum(self._sizes)
        self._is_soon = _are_soon(lines, self._rows)
        self._is_soon[0:1] = False
        self._is_soon[1:] &= self._codes[1:] == self._codes[:-1]
        # A byte for each line: what looks for the last 0 in it is much quicker than NumPy.
        self._goes_on = bytearray((self._kinds == _PART) & self._is_soon)
        self._blank: list[int] = []
        self._find_others()

    def sources_begun_before(self) -> set[bytes]:
        """Return the sources whose first line here may go on with a record, with others behind it."""
        begins = numpy.flatnonzero(
            numpy.concatenate(([True], self._codes[1:] != self._codes[:-1]))[: len(self._rows)]
        )
        found = set()
        ends = [*begins.tolist()[1:], len(self._rows)]
        for place, end in zip(begins.tolist(), ends, strict=True):
            while place < end and not self._record(place).body.strip():
                place += 1
            if place == end:
                continue
            follows = place + 1 < end and self._goes_on[place + 1]
            if not self._kinds[place] and not follows:
                continue
            record = self._record(place)
            if not has_own_header(record) and may_continue(record):
                found.add(self._names[self._codes[place]])
        return found

    def _record(self, place: int) -> Record:
        return Record(self._lines.line(int(self._rows[place])))

    def _kind(self, place: int) -> tuple[bytes, Kind]:
        row = int(self._rows[place])
        text = self._lines.text[self._lines.messages[row] : self._lines.ends[row]]
        known = self._of_rows.get(row)
        return text, kind_of_text(text) if known is None else known

    def _find_others(self) -> None:
        """Find which lines go on besides those that do so with any record."""
        done = 0
        for place in numpy.flatnonzero(self._kinds == _SPECIAL).tolist():
            if place >= done:
                done = self._follow(place)

    def _follow(self, place: int) -> int:
        """Find whether a line goes on, and the lines behind it, until a record begins as most do.

        Return the place of the first line that was not looked at.
        """
        stream = self._stream_before(place)
        while place < len(self._rows):
            text, kind = self._kind(place)
            if kind is Kind.BLANK:
                self._blank.append(place)
            record = self._record(place)
            state = None
            if (
                stream is not None
                and not stream.is_cut
                and self._is_soon[place]
                and not has_own_header(record)
                and (self._kinds[place] or self._is_near(place))
            ):
                state = stream.state_within(record, text, kind)
            self._goes_on[place] = int(state is not None)
            if state is not None and stream is not None:
                stream.add(record, state)
            else:
                state = state_after_begin(kind) if not has_own_header(record) else State.PLAIN
                stream = Stream(record, state)
            place += 1
            if state is State.PLAIN:
                break
        return place

    def _is_near(self, place: int) -> bool:
        row, before = int(self._rows[place]), int(self._rows[place - 1])
        return bool(self._at[row] - self._at[before] <= NEAR)

    def _stream_before(self, place: int) -> Stream | None:
        """Return the record that the line before belongs to."""
        if not self._is_soon[place]:
            return None
        first = self._goes_on.rfind(0, max(0, place - MOST_LINES - 1), place)
        if first < 0:
            return None
        stream = Stream(self._record(first), State.PLAIN)
        if first + 1 < place:
            stream.is_begun, stream.lines = False, place - first
            stream.size += int(self._behind[place - 1] - self._behind[first])
            stream.last = self._record(place - 1)
        return stream

    def first_lines(self, begin: int = 0) -> FirstLines:
        """Return the first line for each line that has one and begins at a place of the text or after it.

        Then `reach_back` tells whether one of these first lines stands before that place.
        """
        places, behind = numpy.arange(len(self._rows)), self._behind
        # A line that would go on with a record, but for its size, is no first line of others.
        would_go_on: Array = numpy.frombuffer(self._goes_on, bool)
        goes_on = would_go_on.copy()
        while True:
            first = numpy.maximum.accumulate(numpy.where(goes_on, 0, places))
            size = behind - behind[first] + self._sizes[first]
            beyond = goes_on & ((places - first >= MOST_LINES) | (size > MOST_BYTES))
            if not beyond.any():
                break
            # The first line beyond of each record begins another one.
            at = numpy.flatnonzero(beyond)
            at = at[numpy.unique(first[at], return_index=True)[1]]
            goes_on[at] = False
        starts, at_ = self._lines.starts[self._rows], self._at[self._rows]
        good = goes_on & ~would_go_on[first] & (self._kinds[first] != _PART)
        good &= at_ - at_[first] <= REACH
        # An empty line tells nothing.
        good[self._blank] = False
        good &= starts >= begin
        self.reach_back = bool((starts[first[good]] < begin).any())
        found: dict[int, bytes] = {}
        heads: dict[int, bytes] = {}
        for start, head in zip(
            starts[good].tolist(), self._rows[first[good]].tolist(), strict=True
        ):
            line = heads.get(head)
            if line is None:
                line = heads[head] = self._lines.line(head)
            found[start] = line
        empty = {line for line in heads.values() if not Record(line).body.strip()}
        return {start: line for start, line in found.items() if line not in empty}


def _codes_of_sources(lines: StampedLines) -> tuple[Array, list[bytes]]:
    """Return the code of each line's SOURCE, and the different ones; b"" for lines without a stamp."""
    codes: Array = numpy.zeros(len(lines), numpy.int32)
    stamped = lines.stamped
    names = [b""]
    if not len(stamped):
        return codes, names
    starts = lines.starts[stamped] + TIME_LENGTH
    sizes = lines.messages[stamped] - 1 - starts
    known = {b"": 0}
    if sizes.max() <= _SOURCE:
        raw: Array = numpy.frombuffer(lines.text + _PADDING, numpy.uint8)
        kept: Array = numpy.tri(_SOURCE + 1, _SOURCE, -1, numpy.uint8) * numpy.uint8(255)
        words = (rows_at(raw, starts, _SOURCE) & kept[sizes]).view("<u8")
        differs = (words[1:] != words[:-1]).any(1)
        begins = numpy.concatenate(([True], differs))
    else:
        begins = numpy.ones(len(stamped), bool)
    runs = numpy.flatnonzero(begins)
    text = lines.text
    bounds = zip(starts[runs].tolist(), sizes[runs].tolist(), strict=True)
    sources = [text[start : start + size] for start, size in bounds]
    for source in dict.fromkeys(sources):
        known[source] = len(names)
        names.append(source)
    of_runs = numpy.array([known[source] for source in sources], numpy.int32)
    codes[stamped] = numpy.repeat(of_runs, numpy.diff(numpy.append(runs, len(stamped))))
    return codes, names


def _are_soon(lines: StampedLines, rows: Array) -> Array:
    """Return whether each line came so soon after the one before that both may be of one record."""
    moments = lines.moments()[rows]
    soon: Array = numpy.ones(len(rows), bool)
    before, after = moments[:-1], moments[1:]
    known = (before != NO_TIME) & (after != NO_TIME)
    near = numpy.abs(numpy.where(known, after - before, 0)) <= MOST_SECONDS * _SECOND
    same_second = numpy.where(known, after // _SECOND == before // _SECOND, False)
    soon[1:] = near | same_second
    for place in (numpy.flatnonzero(~known) + 1).tolist():
        one, other = (lines.line(int(rows[at])) for at in (place - 1, place))
        soon[place] = _is_soon_as_text(one, other)
    return soon


def _is_soon_as_text(one: bytes, other: bytes) -> bool:
    is_stamped = STAMP.match(one) and STAMP.match(other)
    return not is_stamped or one[:19] == other[:19]
