"""Lines that may go on with a record or begin a trace, by their beginnings: few in nearly all texts.

It is apart from `source_lines.py`, which looks at these lines alone, one after the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy

from logsrv.kit.text.late_pattern import LatePattern
from logsrv.linelog.fields.byte_arrays import Array, byte_membership_table, indexes_of_true, rows_at
from logsrv.linelog.fields.continuations.joiner import has_own_header, text_of_record
from logsrv.linelog.fields.continuations.trace_shapes import (
    OPENING_MARKS,
    OPENING_WITHIN,
    OPENING_WORDS,
    LineKind,
    is_trace_opening,
    kind_of_text,
)
from logsrv.linelog.fields.forms.syslog.one import FIRST_OF_HEADERS, IN_OTHER_HEADERS
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import StampedLines

_WHITE = byte_membership_table(b" \t")
_SPACES = byte_membership_table(b" \t\r\f\v")
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


# Behind a header, each line that begins a trace has one of these, or a line number at its end. The last is
# of JSON, in which each letter may be written so.
_IN_HEADERS = (
    *(b"Traceback", b"Exception", b"panic", b"goroutine", b"fatal error", b"Error: "),
    *(b"REPORT====", b"** (", b"\\u00"),
)


_BEGINS_HEADER = byte_membership_table(FIRST_OF_HEADERS + b"<{")
_LINE_NUMBER = LatePattern(rb":[0-9]+\s*\Z")
_AT_END = byte_membership_table(b"0123456789 \t\r\f\v")
_LAST_BYTES = tuple(b"%c" % byte for byte in b"0123456789 \t\r\f\v")
# The number of lines from which on all text is searched at once.
_MANY = 1000


_PADDING = bytes(64)
_DIGIT = byte_membership_table(b"0123456789")


def begin_another_record(raw: Array, messages: Array, ends: Array) -> Array:
    """Return which lines begin as `BEGINS_ANOTHER` says, but for objects with white space at their ends."""
    first, second = raw[messages], raw[messages + 1]
    is_object = (first == ord("{")) & ((second == ord('"')) | (second == ord("}")))
    is_object &= raw[ends - 1] == ord("}")
    found: Array = _DIGIT[first] | ((first == ord("<")) & _DIGIT[second]) | is_object
    return found


class Candidates(NamedTuple):
    """Lines that go on with any record, or may begin or go on with a trace.

    parts: the numbers of those with white space before their text, which go on with any record. others: the
    kinds of the others. headers: the kinds of those with a header of their own, which begin a trace.
    """

    parts: Array
    others: dict[int, LineKind]
    headers: dict[int, LineKind] = {}

    def __bool__(self) -> bool:
        return bool(len(self.parts) or self.others or self.headers)

    def with_headers(self, headers: dict[int, LineKind]) -> Candidates:
        return self._replace(headers=headers)

    def after(self, before: Candidates, rows: int) -> Candidates:
        """Return these together with those of some rows before."""
        others = {row + rows: kind for row, kind in self.others.items()}
        return Candidates(
            numpy.concatenate((before.parts, self.parts + rows)), before.others | others
        )


def find_candidates(lines: StampedLines) -> Candidates:
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
        return Candidates(ends, at_end)
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
    if offsets := _first_offsets(text, OPENING_WITHIN):
        numbers = numpy.searchsorted(ends, offsets)
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
    return Candidates(numbers[parts], found | at_end)


def headers_of_traces(lines: StampedLines, candidates: Candidates) -> dict[int, LineKind]:
    """Return the lines with a header that begin a trace which goes on in a line without one."""
    raw: Array = numpy.frombuffer(lines.text + _PADDING, numpy.uint8)
    begin_another = begin_another_record(raw, lines.messages, lines.ends)
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
        record = ParsedLine(lines.line(row))
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
            of_text[numpy.searchsorted(lines.ends, _first_offsets(lines.text, word))] = True
        raw: Array = numpy.frombuffer(lines.text, numpy.uint8)
        rows = rows[of_text[rows] | _AT_END[raw[lines.ends[rows] - 1]]]
    return [row for row in rows.tolist() if _may_begin_trace(lines.line(row))]


def _may_begin_trace(line: bytes) -> bool:
    # An expression of all of these takes ten times as long.
    for word in _IN_HEADERS:
        if word in line:
            return True
    return line.endswith(_LAST_BYTES) and _LINE_NUMBER.search(line) is not None


def _kind_if_opening(message: bytes) -> LineKind | None:
    kind = kind_of_text(message)
    return kind if is_trace_opening(kind, message) else None


def _first_offsets(text: bytes, word: bytes) -> list[int]:
    """Return the first offset of a word in each line."""
    found = []
    at = text.find(word)
    while at >= 0:
        found.append(at)
        behind = text.find(b"\n", at)
        at = text.find(word, behind) if behind >= 0 else -1
    return found
