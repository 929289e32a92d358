"""Records of several lines: which lines go on with the record of an earlier line, such as a stack trace.

A line that a container's runtime has cut goes on in the next one of its stream, whatever that looks like.

A sender without frames sends a record as many lines, and those of other senders come in between. So each
stream of lines (a source, and in it a host, a program, a process, a container) is looked at for itself.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime
from enum import Enum, auto

from logsrv.linelog.fields.container_prefix import parse_container_prefix
from logsrv.linelog.fields.level import RANK, level_in_text
from logsrv.linelog.fields.parts import is_cut, part_of_record
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stored_line import decode_stored, to_stored_bytes

MOST_LINES = 1000
"""Lines of one record; the next line begins another one."""
MOST_BYTES = 256 << 10
"""Bytes of one record's lines."""
MOST_SECONDS = 10.0
"""Seconds from a line to the next one of its record."""
MOST_STREAMS = 10_000
"""Streams that are remembered; the one silent for the longest is forgotten."""

_STREAM_FIELDS = ("hostname", "app", "pid", "container_id")
_MESSAGES = ("message", "msg", "event", "short_message", "MESSAGE", "log", "body", "text")


class _State(Enum):
    """The part of a trace that the last line of a stream belongs to."""

    PLAIN = auto()
    TRACEBACK = auto()  # Python's, before the line with the exception
    RAISED = auto()  # after that line
    CHAINED = auto()  # after the sentence between two of them
    GOROUTINES = auto()  # Go's, after a panic


class _Kind(Enum):
    """The shape of a line, by the beginning of its text."""

    BLANK = auto()
    PART = auto()  # goes on with any record
    TRACEBACK = auto()
    GROUP = auto()  # Python's group of exceptions: a trace that is indented as a whole
    EXCEPTION = auto()  # the name of its class, with the package or namespace
    RUST_ERROR = auto()  # what a main function has returned, before a blank line and its causes
    CHAIN = auto()
    PANIC = auto()
    GOROUTINE = auto()
    OTHER = auto()


_KINDS = re.compile(
    b"|".join(
        b"(?P<%s>%s)" % (kind.name.encode(), pattern)
        for kind, pattern in (
            (_Kind.BLANK, rb"\s*\Z"),
            (_Kind.GROUP, rb"\s*\+ Exception Group Traceback \(most recent call last\):"),
            (
                _Kind.PART,
                (
                    rb"[ \t]|#011|Caused by:|Suppressed:|Wrapped by:"
                    rb"|\.\.\. ?[0-9]+ (?:more|common|frames?|lines?)\b"
                    # Frames of Java and JavaScript without their tab.
                    rb"|at [^\s(]{1,300} ?\((?:[^()]{1,300}:[0-9]{1,9}"
                    rb"|Native Method|Unknown Source|<[^()<>]{1,100}>)\)"
                    rb"|--- End of |---> |--- <exception caught here> ---"
                    rb"|(?:PHP )?Stack trace:|PHP +[0-9]+\. "
                    rb"|#[0-9]+ +(?:/|0x|\{main|\[internal|phar:|[A-Za-z]:\\)"
                    rb"|[Ss]tack backtrace:|note: (?:run with `RUST_|Some details are omitted)"
                    # Ruby's, without their tab.
                    rb"|from [^\s:]{1,300}:[0-9]{1,9}:in "
                    rb"|[^\s:]{1,300}:[0-9]{1,9}:in [`'][^`']{1,300}'\s*\Z"
                    # The end of an object that Node shows with an error.
                    rb"|[}\])]+[,;]?\s*\Z"
                ),
            ),
            (_Kind.TRACEBACK, rb"Traceback \(most recent call last\):"),
            (
                _Kind.EXCEPTION,
                (
                    rb"(?:[A-Za-z_\x80-\xff][\w$\x80-\xff]{0,60}\.){1,12}(?=[A-Z\x80-\xff])(?:"
                    rb"[\w$\x80-\xff]{0,100}(?:Exception|Error|Throwable|ThreadDeath)\b"
                    rb"|[\w$\x80-\xff]{1,100}(?::\s|:?\s*\Z))"
                ),
            ),
            (_Kind.CHAIN, rb"During handling of the above exc|The above exception was the direct"),
            (_Kind.PANIC, rb"panic: |fatal error: "),
            (_Kind.GOROUTINE, rb"goroutine [0-9]+ (?:gp=\S+ [^\[]{0,60})?\["),
            (_Kind.RUST_ERROR, rb"Error: "),
        )
    )
)
_GO_ON = {
    (_State.TRACEBACK, _Kind.EXCEPTION): _State.RAISED,
    (_State.PLAIN, _Kind.GROUP): _State.RAISED,
    (_State.TRACEBACK, _Kind.GROUP): _State.RAISED,
    (_State.CHAINED, _Kind.GROUP): _State.RAISED,
    (_State.RAISED, _Kind.GROUP): _State.RAISED,
    (_State.RAISED, _Kind.BLANK): _State.RAISED,
    (_State.RAISED, _Kind.CHAIN): _State.CHAINED,
    (_State.CHAINED, _Kind.BLANK): _State.CHAINED,
    (_State.CHAINED, _Kind.TRACEBACK): _State.TRACEBACK,
    (_State.GOROUTINES, _Kind.BLANK): _State.GOROUTINES,
    (_State.GOROUTINES, _Kind.GOROUTINE): _State.GOROUTINES,
}
"""The state after a line that goes on with the record; `_Kind.PART` does so in each, and changes none."""
_BEGIN = {
    _Kind.TRACEBACK: _State.TRACEBACK,
    _Kind.GROUP: _State.RAISED,
    _Kind.RUST_ERROR: _State.RAISED,
    _Kind.PANIC: _State.GOROUTINES,
    _Kind.GOROUTINE: _State.GOROUTINES,
}
"""The state after a line that begins a record, if not PLAIN."""
# Python's line with the exception may have these shapes too.
_UNKNOWN = (_Kind.OTHER, _Kind.RUST_ERROR)
# A line with a level of at least this has its exception in the following lines.
_FAULT = RANK["warning"]
# Python's sentences before a traceback.
_ANNOUNCES = re.compile(
    rb"Exception (?:ignored )?in |Unhandled (?:Error|exception)|Task exception was never retr"
    rb"|--- Logging error ---"
)
# Python's line with the exception; it may have no message.
_RAISED = re.compile(rb"[A-Za-z_][\w.]{0,200}(?::|\s*\Z)")
_GO_LINE = re.compile(
    rb"created by |exit status [0-9]|runtime stack:|\[signal |\[originating from "
)


class _Stream:
    """The present record of a stream. first, last: its lines at the ends.

    is_cut: whether the next line goes on in the middle of the last one. is_begun: whether there is only its
    first line, which may have several parts. ends_without_header: whether the last line has no header,
    unlike the first.
    """

    def __init__(self, record: Record, state: _State) -> None:
        self.first = self.last = record
        self.state = state
        self.is_begun = True
        self.ends_without_header = False
        self.lines, self.size = 1, len(record.body)
        self.is_cut = is_cut(record)

    def has_room(self, record: Record) -> bool:
        if self.lines >= MOST_LINES or self.size + len(record.body) > MOST_BYTES:
            return False
        return is_soon(self.last, record)

    def state_within(self, record: Record, text: bytes, kind: _Kind) -> _State | None:
        """Return the state after a line that goes on with the record; None if it does not."""
        state = _state_within(self, text, kind)
        return state if self.has_room(record) else None

    def add(self, record: Record, state: _State) -> None:
        self.is_begun &= self.is_cut
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
        self.ended: Record | None = None
        self.is_rest = False
        self._most_streams = most_streams or MOST_STREAMS
        self._streams: OrderedDict[Hashable, _Stream] = OrderedDict()
        # By source, the stream of its last line.
        self._last: dict[str | None, Hashable] = {}

    def first_line(self, record: Record, stream: Hashable = None) -> Record:
        """Return the first line of the record to which a line belongs: itself if it begins one.

        Call it for every line, in the order of the store. stream: its stream if that is known.
        """
        key = self.stream_of(record) if stream is None else stream
        self._last[record.source] = key
        text = text_of_record(record)
        kind = _kind_of_text(text)
        present = self._streams.get(key)
        own = stream_of_record(record)
        if present is not None:
            self._streams.move_to_end(key)
            # Lines with a header stand behind others of their stream, and before those without.
            is_parted = present.is_cut if key != own else present.ends_without_header
            state = None if is_parted else _state_within(present, text, kind)
            if state is not None and present.has_room(record):
                self.ended, self.is_rest = None, present.is_cut
                present.add(record, state)
                present.ends_without_header = key != own
                return present.first
        if key != own:
            # A line without a header that does not go on is no line of a stream with one.
            self._last[record.source] = key = own
            present = self._streams.get(key)
        self.ended, self.is_rest = present.first if present is not None else None, False
        begun = _BEGIN.get(kind, _State.PLAIN)
        self._streams[key] = _Stream(record, begun)
        if len(self._streams) > self._most_streams:
            self._streams.popitem(last=False)
        if len(self._last) > self._most_streams:
            del self._last[next(iter(self._last))]
        return record

    def stream_of(self, record: Record) -> Hashable:
        """Return the stream of the next line: one without a header goes on with its source's last line."""
        own = stream_of_record(record)
        return self._last.get(record.source, own) if own == record.source else own

    def pass_over(self, record: Record) -> None:
        """Note a line whose record is not asked for: it may have parted others of its source."""
        self._last[record.source] = stream_of_record(record)

    def knows(self, stream: Hashable) -> bool:
        """Return whether a stream had a line, and is not forgotten."""
        return stream in self._streams


def may_continue(record: Record) -> bool:
    """Return whether a line goes on with a record if the lines before it allow that."""
    text = text_of_record(record)
    kind = _kind_of_text(text)
    if kind is _Kind.OTHER:
        return bool(_RAISED.match(text)) or _is_of_goroutine(text)
    return kind is not _Kind.PANIC


def has_known_shape(record: Record) -> bool:
    """Return whether the beginning of a line alone shows that it is part of a trace."""
    return _kind_of_text(text_of_record(record)) is not _Kind.OTHER


def stream_of_record(record: Record) -> Hashable:
    """Return what the lines of one sender have in common; lines with another value are never joined."""
    part = part_of_record(record)
    if part is not None:
        # Its text is no whole line yet, so it tells nothing.
        said = record.header.fields if record.header else {}
        return (record.source, *(said.get(name) for name in _STREAM_FIELDS), part.stream)
    if record.header is None and not record.content.startswith(b"{"):
        return record.source
    return (record.source, *(str(record.get(name)) for name in _STREAM_FIELDS))


def has_own_header(record: Record) -> bool:
    """Return whether a line says for itself what it is: by a header, or as a JSON object."""
    return record.header is not None or record.content.startswith(b"{")


def text_of_record(record: Record) -> bytes:
    """Return a message without its headers, and of a JSON object the text that a program has written."""
    content = record.content
    if record.header is not None and (prefix := parse_container_prefix(content)):
        content = content[prefix.at :] if prefix.stream else content
    if content.startswith(b"{") and record.kind == "json":
        for name in _MESSAGES:
            value = record.get(f"fields.{name}")
            if isinstance(value, str):
                return to_stored_bytes(value).rstrip(b"\r\n")
    return content


def is_soon(last: Record, record: Record) -> bool:
    """Return whether a line came so soon after the last one that both may be of one record."""
    before, after = last.time, record.time
    if before is None or after is None or before[:19] == after[:19]:
        return True
    try:
        passed = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    except ValueError:
        return False
    return abs(passed.total_seconds()) <= MOST_SECONDS


def _state_within(stream: _Stream, text: bytes, kind: _Kind) -> _State | None:
    """Return the state after a line that goes on with the stream's record; None if it does not."""
    state = stream.state
    if kind is _Kind.PART or stream.is_cut:
        return state
    if kind in (_Kind.TRACEBACK, _Kind.EXCEPTION) and state is _State.PLAIN:
        return _BEGIN.get(kind, state) if stream.is_begun and _tells_fault(stream.first) else None
    if kind is _Kind.GOROUTINE and state is _State.PLAIN:
        is_panic = stream.is_begun and b"panic" in text_of_record(stream.first)
        return _State.GOROUTINES if is_panic else None
    if state is _State.TRACEBACK and kind in _UNKNOWN and _RAISED.match(text):
        kind = _Kind.EXCEPTION
    if state is _State.GOROUTINES and kind is _Kind.OTHER and _is_of_goroutine(text):
        return state
    return _GO_ON.get((state, kind))


def _tells_fault(record: Record) -> bool:
    """Return whether a line has a level of a fault, in its text too: a sender may frame all lines alike.

    The name of an exception is no such line: the next name is that of another exception.
    """
    text = text_of_record(record)[:4096]
    if _kind_of_text(text) is _Kind.EXCEPTION:
        return False
    if _ANNOUNCES.match(text):
        return True
    found = (record.level, level_in_text(decode_stored(text)))
    return any(RANK[one] >= _FAULT for one in found if one)


def _kind_of_text(text: bytes) -> _Kind:
    found = _KINDS.match(text)
    return _Kind[found.lastgroup] if found and found.lastgroup else _Kind.OTHER


def _is_of_goroutine(text: bytes) -> bool:
    """Return whether a line is a call such as `net/http.(*conn).serve(0xc0)`, or one of Go's notes."""
    if _GO_LINE.match(text):
        return True
    if text.startswith((b"panic(", b"...additional frames elided")):
        return True
    called = text.partition(b"(")[0]
    return text.endswith(b")") and b"." in called and b" " not in called


Kind, State, Stream, kind_of_text = _Kind, _State, _Stream, _kind_of_text
BEGINNINGS = (
    *(b" ", b"\t", b"\r", b"\f", b"\v", b"#", b".", b"+", b"}", b"]", b")", b"at "),
    *(b"Caused by:", b"Suppressed:", b"Wrapped by:", b"--- End of ", b"---> ", b"PHP "),
    *(b"Stack trace:", b"Stack backtrace:", b"stack backtrace:", b"note: ", b"from "),
    *(b"Traceback ", b"During handling", b"The above exception", b"panic: ", b"fatal error: "),
    *(b"goroutine ", b"Error: "),
)


def may_go_on_with_any(text: bytes) -> bool:
    """Return whether a line that looks like nothing known may follow in the record of this one."""
    kind = _kind_of_text(text)
    return kind not in (_Kind.OTHER, _Kind.BLANK) or _is_of_goroutine(text)


def state_after_begin(kind: _Kind) -> _State:
    return _BEGIN.get(kind, _State.PLAIN)
