"""Records of several lines: which lines go on with the record of an earlier line, such as a stack trace.

A line that a container's runtime has cut goes on in the next one of its stream, whatever that looks like.

A sender without frames sends a record as many lines, and those of other senders come in between. So each
stream of lines (a source, and in it a host, a program, a process, a container) is looked at for itself.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from datetime import datetime
from typing import NamedTuple

from logsrv.kit.text.colours import without_colours
from logsrv.linelog.fields.continuations.parts import is_cut, part_of_record
from logsrv.linelog.fields.continuations.trace_shapes import (
    ANNOUNCES,
    BEGINNINGS,
    BEGINS_ANOTHER,
    BEHIND_FAULT,
    FIRST_SAYS,
    TRACEBACKS,
    WITH_NOTES,
    LineKind,
    TraceState,
    doubt_about,
    first_state,
    is_any_text,
    is_call,
    is_unknown,
    kind_of_text,
    next_state,
)
from logsrv.linelog.fields.forms.container.one import parse_container_prefix
from logsrv.linelog.fields.level.one import level_in_text
from logsrv.linelog.fields.level_names import RANK
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stored_line import decode_stored, to_stored_bytes

MOST_LINES = 1000
"""Lines of one record; the next line begins another one."""
MOST_BYTES = 256 << 10
"""Bytes of one record's lines."""
MOST_SECONDS = 10.0
"""Seconds from a line to the next one of its record."""
_AT_ONCE = 0.1
"""Seconds from a line to the next one if a program has written both in one piece."""
MOST_DOUBT = 18
"""The sum of `doubt_about` the lines in a row of one record: six lines of any text, for example.

Each line of a search leads back so far at most, to know whether it is one of them.
"""
MOST_STREAMS = 10_000
"""Streams that are remembered; the one silent for the longest is forgotten."""

_STREAM_FIELDS = ("hostname", "app", "pid", "container_id")
MESSAGES = ("message", "msg", "event", "short_message", "MESSAGE", "log", "body", "text")
"""The keys that may hold the message of a record of JSON or logfmt, the first that is there."""


# A line with a level of at least this has its exception in the following lines.
_FAULT = RANK["warning"]


class Stream:
    """The present record of a stream. first, last: its lines at the ends.

    has_head: whether its first line begins with a time or a level. takes_notes: whether a line after its
    message without these is the rest of it. is_cut: whether the next line goes on in the middle of the last
    one. is_begun: whether there is only its first line, which may have several parts. doubt: about the
    lines since the last one that only a trace has. ends_without_header: whether the last line has no
    header, unlike the first.
    """

    def __init__(
        self, record: ParsedLine, state: TraceState, kind: LineKind, takes_notes: bool
    ) -> None:
        self.first = self.last = record
        self.state = state
        self.has_head = kind is LineKind.HEADED
        self.takes_notes = takes_notes
        self.doubt = 0
        self.is_begun = True
        self.ends_without_header = False
        self.lines, self.size = 1, len(record.body)
        self.is_cut = is_cut(record)

    def has_room(self, record: ParsedLine, kind: LineKind) -> bool:
        if not self.is_cut and (doubt := doubt_about(kind)) and self.doubt + doubt > MOST_DOUBT:
            return False
        if self.lines >= MOST_LINES or self.size + len(record.body) > MOST_BYTES:
            return False
        return is_soon(self.last, record)

    def state_within(self, record: ParsedLine, text: bytes, kind: LineKind) -> TraceState | None:
        """Return the state after a line that goes on with the record; None if it does not."""
        state = _state_within(self, record, text, kind)
        return state if state is not None and self.has_room(record, kind) else None

    def add(self, record: ParsedLine, state: TraceState, kind: LineKind) -> None:
        if not self.is_cut:
            self.is_begun = False
            doubt = doubt_about(kind)
            self.doubt = self.doubt + doubt if doubt else 0
        self.state, self.last = state, record
        self.lines += 1
        self.size += len(record.body)
        self.is_cut = is_cut(record)


class Joiner:
    """Finds the records of lines, which it gets one after the other.

    most_streams: with 1, a line of another stream ends a record. ended: the first line of the record that
    the last line has ended, as it begins another one. is_rest: whether the last line goes on in the middle
    of the line before it.
    """

    def __init__(self, most_streams: int | None = None) -> None:
        self.ended: ParsedLine | None = None
        self.is_rest = False
        self._most_streams = most_streams or MOST_STREAMS
        self._streams: OrderedDict[Hashable, Stream] = OrderedDict()
        # By source, the stream of its last line.
        self._last: dict[str | None, Hashable] = {}

    def first_line(self, record: ParsedLine, stream: Hashable = None) -> ParsedLine:
        """Return the first line of the record to which a line belongs: itself if it begins one.

        Call it for every line, in the order of the store. stream: its stream if that is known.
        """
        key = self.stream_of(record) if stream is None else stream
        # At the end, so that the source silent for the longest is forgotten.
        self._last.pop(record.source, None)
        self._last[record.source] = key
        text = text_of_record(record)
        kind = kind_of_text(text)
        present = self._streams.get(key)
        own = stream_of_record(record)
        if present is not None:
            self._streams.move_to_end(key)
            # Lines with a header stand behind others of their stream, and before those without.
            is_parted = present.is_cut if key != own else present.ends_without_header
            state = None if is_parted else present.state_within(record, text, kind)
            if state is not None:
                self.ended, self.is_rest = None, present.is_cut
                present.add(record, state, kind)
                present.ends_without_header = key != own
                return present.first
        before = present
        if key != own:
            # A line without a header that does not go on is no line of a stream with one.
            self._last[record.source] = key = own
            present = self._streams.get(key)
        self.ended, self.is_rest = present.first if present is not None else None, False
        self._streams[key] = begin_stream(before, record, kind)
        if len(self._streams) > self._most_streams:
            self._streams.popitem(last=False)
        if len(self._last) > self._most_streams:
            del self._last[next(iter(self._last))]
        return record

    def stream_of(self, record: ParsedLine) -> Hashable:
        """Return the stream of the next line: one without a header goes on with its source's last line."""
        own = stream_of_record(record)
        return self._last.get(record.source, own) if own == record.source else own

    def pass_over(self, record: ParsedLine) -> None:
        """Note a line whose record is not asked for: it may have parted others of its source."""
        self._last[record.source] = stream_of_record(record)

    def knows(self, stream: Hashable) -> bool:
        """Return whether a stream had a line, and is not forgotten."""
        return stream in self._streams


def first_line_after(earlier: Iterable[ParsedLine], record: ParsedLine) -> ParsedLine:
    """Return the first line of a line's record, by the lines before it: itself if it begins one."""
    joiner = Joiner()
    for one in earlier:
        joiner.first_line(one)
    return joiner.first_line(record)


class Lead(NamedTuple):
    """The way in which a line leads back to those before it.

    continues: whether it goes on with a record if the lines before it allow that. doubt: see MOST_DOUBT.
    is_unknown: whether the line before it has to be near. is_any_text: whether both were written in one
    piece.
    """

    continues: bool
    doubt: int
    is_unknown: bool
    is_any_text: bool


def lead_of_record(record: ParsedLine) -> Lead:
    text = text_of_record(record)
    kind = kind_of_text(text)
    continues = kind not in BEGINNINGS
    return Lead(continues, doubt_about(kind), is_unknown(kind), is_any_text(kind, text))


def stream_of_record(record: ParsedLine) -> Hashable:
    """Return what the lines of one sender have in common; lines with another value are never joined."""
    part = part_of_record(record)
    if part is not None:
        # Its text is no whole line yet, so it tells nothing.
        said = record.header.fields if record.header else {}
        return (record.source, *(said.get(name) for name in _STREAM_FIELDS), part.stream)
    # A term of Erlang begins with a brace too.
    is_object = record.content.startswith(b"{") and record.kind == "json"
    if record.header is None and not is_object:
        return record.source
    return (record.source, *(str(record.get(name)) for name in _STREAM_FIELDS))


def has_own_header(record: ParsedLine) -> bool:
    """Return whether a line says for itself what it is: by a header, or as a JSON object."""
    return record.header is not None or (record.content.startswith(b"{") and record.kind == "json")


def is_blank(record: ParsedLine) -> bool:
    """Return whether a line has no text; colours are none."""
    return not without_colours(record.body).strip()


def text_of_record(record: ParsedLine) -> bytes:
    """Return a message without its headers, and of a JSON object the text that a program has written."""
    content = record.content
    if record.header is not None and (prefix := parse_container_prefix(content)):
        content = content[prefix.at :] if prefix.stream else content
    if content.startswith(b"{") and record.kind == "json":
        for name in MESSAGES:
            value = record.get(f"fields.{name}")
            if isinstance(value, str):
                return to_stored_bytes(value).rstrip(b"\r\n")
    return content


def is_soon(last: ParsedLine, record: ParsedLine) -> bool:
    """Return whether a line came so soon after the last one that both may be of one record."""
    before, after = last.time, record.time
    if before is None or after is None or before[:19] == after[:19]:
        return True
    return _is_within(MOST_SECONDS, before, after)


def is_at_once(last: ParsedLine, record: ParsedLine) -> bool:
    """Return whether a line came so soon after the last one that both were written in one piece."""
    before, after = last.time, record.time
    return before is None or after is None or before == after or _is_within(_AT_ONCE, before, after)


def _is_within(most: float, before: str, after: str) -> bool:
    try:
        passed = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    except ValueError:
        return False
    return abs(passed.total_seconds()) <= most


def _state_within(
    stream: Stream, record: ParsedLine, text: bytes, kind: LineKind
) -> TraceState | None:
    """Return the state after a line that goes on with the stream's record; None if it does not."""
    state = stream.state
    if stream.is_cut:
        return state
    if kind in BEGINNINGS or (is_unknown(kind) and re.match(BEGINS_ANOTHER, text)):
        return None
    found = next_state(state, kind, text)
    if found is None and state in WITH_NOTES and is_unknown(kind):
        has_notes = stream.has_head if state is TraceState.NAMED else stream.takes_notes
        found = state if has_notes and is_at_once(stream.last, record) else None
    if found is None and stream.is_begun:
        found = _state_behind_first(stream, text, kind)
    if found is None or not is_any_text(kind, text):
        return found
    return found if is_at_once(stream.last, record) else None


def _state_behind_first(stream: Stream, text: bytes, kind: LineKind) -> TraceState | None:
    """Return the state after the second line of a record; None if it does not go on with the first one."""
    if kind is LineKind.OTHER:
        is_stack = stream.state in (TraceState.PLAIN, TraceState.RAISED) and _is_first_call(
            text, stream.first
        )
        return TraceState.CALLS if is_stack else None
    if stream.state is not TraceState.PLAIN:
        return None
    if kind is LineKind.GOROUTINE:
        return TraceState.GOROUTINES if b"panic" in text_of_record(stream.first) else None
    found = BEHIND_FAULT.get(kind)
    if found is None or FIRST_SAYS.get(kind, b"") not in text_of_record(stream.first):
        return None
    return found if _tells_fault(stream.first) else None


def _is_first_call(text: bytes, first: ParsedLine) -> bool:
    """Return whether a line is the first call of Go behind an error, not the name of a file or a host."""
    if not is_call(text):
        return False
    return text.startswith(b"main.") or b".(*" in text or (b"/" in text and _tells_fault(first))


def _takes_notes(before: Stream | None, record: ParsedLine, kind: LineKind) -> bool:
    """Return whether the message at the end of a trace may go on in lines of any text.

    If the program begins its records with a time or a level, a line without them is no record: this one
    begins so, or it is a traceback with a header, or the record before it begins so, as far as is known.
    """
    if kind is LineKind.HEADED:
        return True
    if kind not in TRACEBACKS:
        return False
    if before is None or has_own_header(record):
        return True
    return before.takes_notes or not is_soon(before.last, record)


def _tells_fault(record: ParsedLine) -> bool:
    """Return whether a line has a level of a fault, in its text too: a sender may frame all lines alike.

    The name of an exception is no such line: the next name is that of another exception.
    """
    text = text_of_record(record)[:4096]
    if kind_of_text(text) is LineKind.EXCEPTION:
        return False
    if re.match(ANNOUNCES, text):
        return True
    found = (record.level, level_in_text(decode_stored(text)))
    return any(RANK[one] >= _FAULT for one in found if one)


def begin_stream(before: Stream | None, record: ParsedLine, kind: LineKind) -> Stream:
    """Return the stream of a line that begins a record, behind another one of its sender."""
    return Stream(record, first_state(kind), kind, _takes_notes(before, record, kind))
