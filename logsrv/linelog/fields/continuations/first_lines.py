"""The first lines of records: a continuation line has the level and the header of its record's first line.

`continuation.py` says which line goes on with which record, one line after the other, and every record is
put together by it. This module asks the same of a whole text at once, and only about lines without a header
of their own: nearly all texts have few that begin like the inside of a stack trace, or none, and then a
few passes over the beginnings of the lines are all. Every reader of levels gets its first lines from here:
`Record` for a line, `StampedLines` for many.

A line that begins with a priority, a header or a JSON object says for itself what it is; it never has
another first line. A line without goes on with the record of its source's last line, or with none.

A first line is at most REACH bytes before its continuation, and is no continuation by its shape: so it is
the same line for each reader, wherever a text begins. Of a record with more lines than one may have, the
lines beyond have no first line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import NamedTuple

import numpy

from logsrv.kit.text.colours import has_colours, without_colours
from logsrv.kit.text.late_pattern import LatePattern
from logsrv.linelog.fields.byte_places import (
    Array,
    byte_membership_table,
    indexes_of_true,
    ranked,
    rows_at,
)
from logsrv.linelog.fields.coded_first_lines import CodedFirstLines
from logsrv.linelog.fields.continuations.joiner import (
    MOST_BYTES,
    MOST_LINES,
    MOST_SECONDS,
    Stream,
    begin_stream,
    has_own_header,
    is_blank,
    text_of_record,
)
from logsrv.linelog.fields.continuations.trace_shapes import (
    OPENING_MARKS,
    OPENING_WITHIN,
    OPENING_WORDS,
    TRACEBACKS,
    LineKind,
    TraceState,
    first_state,
    goes_on_anywhere,
    is_trace_opening,
    is_unknown,
    kind_of_text,
)
from logsrv.linelog.fields.continuations.way_back import (
    NEAR,
    Earlier,
    EarlierLines,
    WayBack,
    WaysBack,
    lines_of_sources,
)
from logsrv.linelog.fields.forms.syslog.one import FIRST_OF_HEADERS, IN_OTHER_HEADERS
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.stored_line import (
    REACH,
    STAMP,
    TIME_LENGTH,
    FirstLines,
    source_of_line,
)

_WHITE = byte_membership_table(b" \t")
_SPACES = byte_membership_table(b" \t\r\f\v")
# The first bytes of lines without a text; colours begin with ESC, or with a backslash where it is escaped.
_MAY_BE_EMPTY = byte_membership_table(b" \t\r\f\v\n\x1b\\")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_" + bytes(range(128, 256))
_BEGINS_NAME = byte_membership_table(_LETTERS)
_IN_NAME = byte_membership_table(_LETTERS + b"0123456789$./~%()*[]-")
_DOT = ord(".")
# Bytes of a name with dots that are looked at; a longer one is asked one by one.
_NAME = 16
# The first two bytes of such lines, as a little-endian number.
_BEGINS_SHAPE: Array = numpy.zeros(1 << 16, bool)
for _mark in OPENING_MARKS:
    _BEGINS_SHAPE[_mark::256] = True
for _letter in _LETTERS[:52]:
    # A drive of Windows before the name of a file.
    _BEGINS_SHAPE[_letter + (ord(":") << 8)] = True
for _word in OPENING_WORDS:
    _BEGINS_SHAPE[int.from_bytes(_word[:2], "little")] = True
# A mark behind white space with which the line is more than a part of any record.
_MORE_THAN_PARTS = byte_membership_table(b"+|^\n")
# Behind a header, each line that begins a trace has one of these, or a place at its end. The last is of
# JSON, in which each letter may be written so.
_IN_HEADERS = (
    *(b"Traceback", b"Exception", b"panic", b"goroutine", b"fatal error", b"Error: "),
    *(b"REPORT====", b"** (", b"\\u00"),
)
_BEGINS_HEADER = byte_membership_table(FIRST_OF_HEADERS + b"<{")
_PLACE = LatePattern(rb":[0-9]+\s*\Z")
_AT_END = byte_membership_table(b"0123456789 \t\r\f\v")
_LAST_BYTES = tuple(b"%c" % byte for byte in b"0123456789 \t\r\f\v")
# The number of lines from which on all text is searched at once.
_MANY = 1000
_DIGIT = byte_membership_table(b"0123456789")
_PADDING = bytes(64)
_SECOND = 1_000_000
_PART, _SPECIAL = 1, 2
_NO_NUMBERS: Array = numpy.zeros(0, numpy.intp)
_NONE = CodedFirstLines(_NO_NUMBERS, _NO_NUMBERS, [], _NO_NUMBERS)


class ContinuationLines(NamedTuple):
    """The continuation lines of a text. are_sure: false if the text before was too short to tell."""

    first_lines: CodedFirstLines
    are_sure: bool

    @property
    def reach_back(self) -> bool:
        """True if the first line of one stands before the text."""
        return bool((self.first_lines.begins < 0).any())


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

    def before(self, place: object) -> Iterator[tuple[int, EarlierLines]]:
        """Yield the last texts, as `Earlier` does, if they end at a place."""
        return self._texts() if self._end == place else iter(())

    def first_lines(self, text: bytes, place: object, end: object, earlier: Earlier) -> FirstLines:
        """Return the first lines for the continuation lines of a text between two places."""
        lines = StampedLines(text if text.endswith(b"\n") else text + b"\n")
        found = first_lines(lines, earlier)
        if self._end != place:
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


def first_lines(lines: StampedLines, earlier: Earlier | None = None) -> FirstLines:
    """Return the first lines for the continuation lines among whole lines.

    earlier: is called if the first line of one may stand before the text.
    """
    return find_continuations(lines, earlier).first_lines


def find_continuations(lines: StampedLines, earlier: Earlier | None) -> ContinuationLines:
    """Return the first lines, and how they depend on the text before."""
    plain = _without_colours(lines)
    candidates = _candidates(plain)
    before, are_sure = list[tuple[int, bytes]](), True
    if earlier is not None:
        before, are_sure = _lines_before(plain, candidates, earlier)
    at, sizes = lines.starts, lines.ends - lines.messages
    if before:
        others = StampedLines(b"".join([line + b"\n" for _, line in before]))
        plain_others = _without_colours(others)
        plain = plain.after(plain_others)
        candidates = candidates.after(_candidates(plain_others), len(others))
        distances: Array = numpy.array([distance for distance, _ in before], numpy.int64)
        at = numpy.concatenate((-distances, at))
        sizes = numpy.concatenate((others.ends - others.messages, sizes))
    candidates = candidates.with_headers(_headers_of_traces(plain, candidates))
    if not candidates:
        return ContinuationLines(_NONE, are_sure)
    rows, firsts = _Sources(plain, candidates, at, sizes).going_on(len(before))
    return ContinuationLines(_coded(lines, before, rows, firsts), are_sure)


def _coded(
    lines: StampedLines, before: list[tuple[int, bytes]], rows: Array, firsts: Array
) -> CodedFirstLines:
    """Return the first lines, those before the text first.

    rows, firsts: numbers of continuation lines, and of their first lines, the lines of `before` counted
    first.
    """
    order = numpy.argsort(rows)
    heads, codes = ranked(firsts[order])
    begins = heads - len(before)
    inside = begins >= 0
    texts = [before[head][1] for head in heads[~inside].tolist()]
    # An empty line tells nothing.
    told: Array = numpy.array([not is_blank(Record(line)) for line in texts], bool)
    told = numpy.concatenate((told, _have_text(lines, begins[inside])))
    texts += map(lines.line, begins[inside].tolist())
    begins[inside] = lines.starts[begins[inside]]
    starts = lines.starts[rows[order] - len(before)]
    if not told.all():
        chosen = told[codes]
        starts, codes = starts[chosen], (numpy.cumsum(told) - 1)[codes[chosen]]
        texts, begins = [*compress(texts, told)], begins[told]
    return CodedFirstLines(starts, codes, texts, begins)


def _have_text(lines: StampedLines, rows: Array) -> Array:
    """Return which of some lines are not blank."""
    raw: Array = numpy.frombuffer(lines.text, numpy.uint8)
    found = ~_MAY_BE_EMPTY[raw[lines.messages[rows]]]
    for place in numpy.flatnonzero(~found).tolist():
        found[place] = not is_blank(Record(lines.line(rows[place])))
    return found


def _without_colours(lines: StampedLines) -> StampedLines:
    """Return the same lines as they are read, without colours."""
    return StampedLines(without_colours(lines.text)) if has_colours(lines.text) else lines


def _lines_before(
    lines: StampedLines, candidates: _Candidates, earlier: Earlier
) -> tuple[list[tuple[int, bytes]], bool]:
    """Return lines before a text with whose records it may go on; False if there are too few to tell."""
    first = _sources_that_may_go_on(lines)
    surely = _sources_begun_before(lines, candidates) if candidates else {}
    if not (first or surely):
        return [], True
    found, are_sure = lines_of_sources({**first, **surely}, earlier())
    # Without a line of a trace, lines of any text do not go on.
    others = first.keys() - surely.keys()
    if others:
        others -= _sources_with_traces(found)
        found = [one for one in found if source_of_line(one[1]) not in others]
    return found, are_sure


def _sources_with_traces(lines: Iterable[tuple[int, bytes]]) -> set[bytes]:
    """Return the sources with a line that may begin a trace."""
    found = set()
    for _, line in lines:
        text = text_of_record(Record(line))
        if is_trace_opening(kind_of_text(text), text):
            found.add(source_of_line(line))
    return found


def _sources_that_may_go_on(lines: StampedLines) -> dict[bytes, WayBack]:
    """Return the sources whose first line near the beginning goes on if it stands in a trace.

    With the ways back from these lines.
    """
    raw: Array = numpy.frombuffer(lines.text + _PADDING, numpy.uint8)
    many = int(numpy.searchsorted(lines.starts, NEAR))
    named = ~_begin_another(raw, lines.messages[:many], lines.ends[:many])
    if not named.any():
        return {}
    seen: set[bytes] = set()
    found, empty = dict[bytes, WayBack](), dict[bytes, bytes]()
    for row, is_named in enumerate(named.tolist()):
        start, message = int(lines.starts[row]), int(lines.messages[row])
        source = lines.text[start + TIME_LENGTH : max(start, message - 1)]
        line = lines.line(row)
        if source in seen:
            continue
        if not line[message - start :].strip():
            # An empty line ends no record: the way back begins with it.
            empty.setdefault(source, line)
            continue
        seen.add(source)
        if is_named and not (way := WayBack(line)).is_over:
            found[source] = WayBack(empty[source]) if source in empty else way
    return found


def _begin_another(raw: Array, messages: Array, ends: Array) -> Array:
    """Return which lines begin as `BEGINS_ANOTHER` says, but for objects with white space at their ends."""
    first, second = raw[messages], raw[messages + 1]
    is_object = (first == ord("{")) & ((second == ord('"')) | (second == ord("}")))
    is_object &= raw[ends - 1] == ord("}")
    found: Array = _DIGIT[first] | ((first == ord("<")) & _DIGIT[second]) | is_object
    return found


class _Candidates(NamedTuple):
    """Lines that go on with any record, or may begin or go on with a trace.

    parts: the numbers of those with white space before their text, which go on with any record. others: the
    kinds of the others. headers: the kinds of those with a header of their own, which begin a trace.
    """

    parts: Array
    others: dict[int, LineKind]
    headers: dict[int, LineKind] = {}

    def __bool__(self) -> bool:
        return bool(len(self.parts) or self.others or self.headers)

    def with_headers(self, headers: dict[int, LineKind]) -> _Candidates:
        return self._replace(headers=headers)

    def after(self, before: _Candidates, rows: int) -> _Candidates:
        """Return these together with those of some rows before."""
        others = {row + rows: kind for row, kind in self.others.items()}
        return _Candidates(
            numpy.concatenate((before.parts, self.parts + rows)), before.others | others
        )


def _candidates(lines: StampedLines) -> _Candidates:
    text, messages, ends = lines.text, lines.messages, lines.ends
    raw: Array = numpy.frombuffer(text, numpy.uint8)
    # Rows of bytes would end behind the text: the last lines are asked one by one.
    last = int(numpy.searchsorted(messages, len(text) - _NAME))
    at_end = {
        row: kind
        for row in range(last, len(messages))
        if (kind := _kind_if_opening(text[messages[row] : ends[row]])) is not None
    }
    messages, ends = messages[:last], ends[:last]
    if not last:
        return _Candidates(ends, at_end)
    first = raw[messages]
    pairs: Array = numpy.ndarray((len(raw) - 1,), "<u2", raw, 0, (1,))
    chosen = _BEGINS_SHAPE[pairs[messages]]
    names = numpy.flatnonzero(_BEGINS_NAME[first] & ~chosen)
    if len(names):
        rows = rows_at(raw, messages[names], _NAME)
        others = ~_IN_NAME[rows]
        every, size = numpy.arange(len(names)), others.argmax(1)
        size[~others[every, size]] = _NAME
        dotted = ((rows == _DOT) & (numpy.arange(_NAME) < size[:, None])).any(1)
        # Ruby's `Rakefile:3:in …`.
        numbered = rows[every, numpy.minimum(size, _NAME - 1)] == ord(":")
        chosen[names[dotted | (size == _NAME) | numbered]] = True
    if places := _places_of(text, OPENING_WITHIN):
        numbers = numpy.searchsorted(ends, places)
        chosen[numbers[numbers < last]] = True
    chosen &= messages < ends
    numbers = numpy.flatnonzero(chosen)
    # Most are indented, and few of these are more than a part.
    heads = rows_at(raw, messages[numbers], _NAME)
    solid = ~_SPACES[heads]
    every, at = numpy.arange(len(numbers)), solid.argmax(1)
    parts = _WHITE[first[numbers]] & solid[every, at] & ~_MORE_THAN_PARTS[heads[every, at]]
    found = {
        row: kind
        for row in numbers[~parts].tolist()
        if (kind := _kind_if_opening(text[messages[row] : ends[row]])) is not None
    }
    return _Candidates(numbers[parts], found | at_end)


def _headers_of_traces(lines: StampedLines, candidates: _Candidates) -> dict[int, LineKind]:
    """Return the lines with a header that begin a trace which goes on in a line without one."""
    raw: Array = numpy.frombuffer(lines.text + _PADDING, numpy.uint8)
    begin_another = _begin_another(raw, lines.messages, lines.ends)
    if begin_another.all():
        return {}
    codes = lines.coded_sources().codes
    order = numpy.argsort(codes, kind="stable")
    is_known: Array = numpy.zeros(len(lines), bool)
    is_known[candidates.parts] = True
    is_known[[*candidates.others]] = True
    is_likely = (codes[order[1:]] == codes[order[:-1]]) & ~begin_another[order[1:]]
    is_likely &= ~is_known[order[:-1]]
    likely = order[:-1][is_likely]
    found = {}
    for row in _that_may_begin_traces(lines, likely[_may_have_headers(lines, likely)]):
        record = Record(lines.line(row))
        text = text_of_record(record)
        kind = kind_of_text(text)
        if has_own_header(record) and is_trace_opening(kind, text):
            found[row] = kind
    return found


def _may_have_headers(lines: StampedLines, rows: Array) -> Array:
    """Return which of some lines may have a header, or are objects."""
    raw: Array = numpy.frombuffer(lines.text + _PADDING, numpy.uint8)
    found = _BEGINS_HEADER[raw[lines.messages[rows]]]
    if found.all():
        return found
    of_text: Array = numpy.zeros(len(lines) + 1, bool)
    for mark in IN_OTHER_HEADERS:
        if mark in lines.text:
            of_text[numpy.searchsorted(lines.ends, indexes_of_true(raw == mark))] = True
    found |= of_text[rows]
    return found


def _that_may_begin_traces(lines: StampedLines, rows: Array) -> list[int]:
    """Return which of some lines have what each line has that begins a trace behind a header."""
    if len(rows) > _MANY:
        of_text: Array = numpy.zeros(len(lines), bool)
        for word in _IN_HEADERS:
            of_text[numpy.searchsorted(lines.ends, _places_of(lines.text, word))] = True
        raw: Array = numpy.frombuffer(lines.text, numpy.uint8)
        rows = rows[of_text[rows] | _AT_END[raw[lines.ends[rows] - 1]]]
    return [row for row in rows.tolist() if _may_begin_trace(lines.line(row))]


def _may_begin_trace(line: bytes) -> bool:
    # An expression of all of these takes ten times as long.
    for word in _IN_HEADERS:
        if word in line:
            return True
    return line.endswith(_LAST_BYTES) and _PLACE.search(line) is not None


def _kind_if_opening(message: bytes) -> LineKind | None:
    kind = kind_of_text(message)
    return kind if is_trace_opening(kind, message) else None


def _kind_of_record(record: Record) -> LineKind:
    return kind_of_text(text_of_record(record))


def _places_of(text: bytes, word: bytes) -> list[int]:
    """Return the first place of a word in each line."""
    found = []
    at = text.find(word)
    while at >= 0:
        found.append(at)
        behind = text.find(b"\n", at)
        at = text.find(word, behind) if behind >= 0 else -1
    return found


class _Places(NamedTuple):
    """The lines of sources that have candidates, source by source.

    rows: their numbers in the text. codes: of their sources. kinds: _PART for those that go on with any
    record, _SPECIAL for other candidates. begins: where the lines of each source begin.
    """

    rows: Array
    codes: Array
    kinds: Array
    begins: Array


def _places(lines: StampedLines, candidates: _Candidates) -> _Places:
    codes, known = lines.coded_sources()
    others = candidates.others
    needed: Array = numpy.zeros(len(known), bool)
    needed[codes[candidates.parts]] = True
    needed[codes[[*others, *candidates.headers]]] = True
    rows = numpy.flatnonzero(needed[codes])
    rows = rows[numpy.argsort(codes[rows], kind="stable")]
    kinds = numpy.zeros(len(lines), numpy.int8)
    kinds[candidates.parts] = _PART
    kinds[[*others, *candidates.headers]] = _SPECIAL
    kinds[[row for row, kind in others.items() if goes_on_anywhere(kind)]] = _PART
    of_rows = codes[rows]
    begins = numpy.concatenate(([True], of_rows[1:] != of_rows[:-1]))[: len(rows)]
    return _Places(rows, of_rows, kinds[rows], numpy.flatnonzero(begins))


def _sources_begun_before(lines: StampedLines, candidates: _Candidates) -> dict[bytes, WayBack]:
    """Return the sources whose first line here may go on with a record, with others behind it.

    With the way back from that line, or from an empty one before it.
    """
    rows, codes, kinds, begins = _places(lines, candidates)
    known = [*lines.coded_sources().codes_by_source]
    ends = numpy.append(begins[1:], len(rows))
    raw: Array = numpy.frombuffer(lines.text, numpy.uint8)
    is_empty = _MAY_BE_EMPTY[raw[lines.messages[rows[begins]]]]
    has_second = begins + 1 < ends
    second = kinds[numpy.where(has_second, begins + 1, begins)]
    chosen = is_empty | (kinds[begins] > 0) | (second > 0)
    found = {}
    for begin, end in zip(begins[chosen].tolist(), ends[chosen].tolist(), strict=True):
        place = begin
        while place < end and is_blank(Record(lines.line(rows[place]))):
            place += 1
        if place == end or not (kinds[place : min(place + 2, end)] > 0).any():
            continue
        way = WayBack(lines.line(rows[place]))
        if not way.is_over:
            source = known[int(codes[begin])]
            found[source] = way if place == begin else WayBack(lines.line(rows[begin]))
    return found


class _Sources:
    """The lines of sources that have candidates, in order, source by source.

    at: where each line of the text begins in the store, from any place on. sizes: of the messages.
    """

    def __init__(
        self, lines: StampedLines, candidates: _Candidates, at: Array, sizes: Array
    ) -> None:
        self._lines = lines
        self._at = at
        self._of_rows = candidates.others | candidates.headers
        self._rows, self._codes, self._kinds, _ = _places(lines, candidates)
        self._sizes: Array = sizes[self._rows]
        self._behind: Array = numpy.cumsum(self._sizes)
        self._is_soon = _are_soon(lines, self._rows)
        self._is_soon[0:1] = False
        self._is_soon[1:] &= self._codes[1:] == self._codes[:-1]
        # A byte for each line: what looks for the last 0 in it is much quicker than NumPy.
        self._goes_on = bytearray((self._kinds == _PART) & self._is_soon)
        self._blank: list[int] = []
        # The lines that begin records behind or within traces.
        self._takes_notes: dict[int, bool] = {}
        self._find_others()

    def _record(self, place: int) -> Record:
        return Record(self._lines.line(int(self._rows[place])))

    def _kind(self, place: int) -> tuple[bytes, LineKind]:
        row = int(self._rows[place])
        text = self._lines.text[self._lines.messages[row] : self._lines.ends[row]]
        known = self._of_rows.get(row)
        return text, kind_of_text(text) if known is None else known

    def _find_others(self) -> None:
        """Find which lines go on besides those that do so with any record."""
        special = numpy.flatnonzero(self._kinds == _SPECIAL)
        goes_on: Array = numpy.frombuffer(self._goes_on, numpy.uint8)
        # Behind further lines of a record, only these go on that do so in any.
        is_second = self._is_soon[special] & (goes_on[special - 1] == 0)
        done = 0
        for place, maybe_second in zip(special.tolist(), is_second.tolist(), strict=True):
            if place < done or (
                place > done and not maybe_second and self._first_state(place) is TraceState.PLAIN
            ):
                continue
            done = self._follow(place)

    def _first_state(self, place: int) -> TraceState:
        return first_state(self._of_rows[int(self._rows[place])])

    def _follow(self, place: int) -> int:
        """Find whether a line goes on, and the lines behind it, until a record begins as most do.

        Return the place of the first line that was not looked at.
        """
        text, kind = self._kind(place)
        is_second = self._is_soon[place] and not self._goes_on[place - 1]
        if not is_second and first_state(kind) is TraceState.PLAIN:
            return place + 1
        stream = self._stream_before(place) if is_second or kind in TRACEBACKS else None
        while place < len(self._rows):
            text, kind = self._kind(place)
            if kind is LineKind.BLANK:
                self._blank.append(place)
            record = self._record(place)
            is_apart = has_own_header(record)
            state = None
            if not self._is_of_same_source(place):
                stream = None
            elif (
                stream is not None
                and not stream.is_cut
                and self._is_soon[place]
                and not is_apart
                and (not is_unknown(kind) or self._is_near(place))
            ):
                state = stream.state_within(record, text, kind)
            self._goes_on[place] = int(state is not None)
            if state is not None and stream is not None:
                stream.add(record, state, kind)
            else:
                before = None if is_apart else stream
                stream = begin_stream(before, record, _kind_of_record(record))
                self._takes_notes[place] = stream.takes_notes
            place += 1
            if stream.state is TraceState.PLAIN:
                break
        return place

    def _is_of_same_source(self, place: int) -> bool:
        return place > 0 and bool(self._codes[place] == self._codes[place - 1])

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
        record = self._record(first)
        stream = begin_stream(None, record, _kind_of_record(record))
        stream.state = TraceState.PLAIN
        stream.takes_notes = self._takes_notes.get(first, stream.takes_notes)
        if first + 1 < place:
            stream.is_begun, stream.lines = False, place - first
            stream.size += int(self._behind[place - 1] - self._behind[first])
            stream.last = self._record(place - 1)
        return stream

    def going_on(self, begin: int) -> tuple[Array, Array]:
        """Return the numbers of the lines that have a first line, from a number on, and those of these."""
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
            excess = numpy.flatnonzero(beyond)
            goes_on[excess[numpy.unique(first[excess], return_index=True)[1]]] = False
        at = self._at[self._rows]
        good = goes_on & ~would_go_on[first] & (self._kinds[first] != _PART)
        good &= (at - at[first] <= REACH) & (self._sizes > 0)
        # An empty line tells nothing.
        good[self._blank] = False
        good &= self._rows >= begin
        return self._rows[good], self._rows[first[good]]


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
