"""The framer of syslog over connections: the start of a frame decides its end (RFC 6587, and NUL; sans-IO).

    begins with COUNT and ` <`          it has COUNT bytes (section 3.4.1); a BOM may stand before the `<`
    begins with COUNT and a space       the same, directly after such a frame or if it fits (`fits.py`)
    begins with `<` right after a NUL   it ends at the next NUL, or at an LF that `<PRI>` follows
    begins otherwise                    it ends at the first LF or NUL (section 3.4.2)

A BOM before the `<` of a frame is left out first. Each frame is judged anew, so a sender that mixes the
ways loses nothing. One LF, CR LF or NUL at the end of a message does not belong to it; if nothing else is
left, the frame is empty and makes no line.

A chunk of lines only goes through LineFramer. Other chunks are turned into lines in pieces, a new piece
whenever the way of ending frames changes. A sender can force a change every three bytes, at 10 µs each: a
caller with other peers to serve limits the pieces of one call with `most`.
"""

from __future__ import annotations

import enum
import re
from codecs import BOM_UTF8

import attrs
import numpy as np

from logsrv.linelog.batch import Block
from logsrv.linelog.formats.syslog.counted import (
    COUNT,
    HEADER,
    MAY_BECOME_HEADER,
    MAY_BECOME_NEXT,
    NEXT_COUNT,
    cut_counted_frames,
)
from logsrv.linelog.formats.syslog.fits import (
    CountVerdict,
    NextBytes,
    judge_count,
    longest_line_span,
    looks_counted,
    may_be_counted,
    missing_bytes,
)
from logsrv.linelog.lines.bom import BEFORE_PRIORITY, without_bom, without_boms
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.records import escape_line_ends, without_ending
from logsrv.linelog.lines.rules import LineCounts, LineRules, for_frames

_LF, _CR, _LESS_THAN, _ONE, _NINE = 10, 13, 60, 49, 9
_DIGITS = b"0123456789"
# Counted frames are split all at once while a run of them is at least 1/8 of the rest of the chunk.
_MANY = 8
_MAY_BE_ENDING = re.compile(rb"(?:\r?\n|\r|\0)\Z")
_NOTHING = re.compile(rb"(?:\0+|(?:\r?\n)+)+")
_EMPTY_LINES = re.compile(rb"(\n)(?:\r?\n)+")
_EMPTY_FRAMES = re.compile(rb"([\n\0])(?:\r?\n|\0)+")
# Matches before the next frame that may end in another way than a line.
_OTHERWISE = re.compile(rb"\0(?:\xef\xbb\xbf)?<|[\n\0]([1-9][0-9]{0,8}) ")
# For a frame after a NUL: its end; a possible end; and the end of a chunk that only the next bytes can
# judge.
_NO_LONGER = re.compile(rb"\0(?!<)|\n(?=(?:\xef\xbb\xbf)?<[0-9]{1,3}>)")
_MAY_BE_NO_LONGER = re.compile(rb"\n|\0(?!<)")
_UNDECIDED = re.compile(rb"\r?\n(?:(?:\xef\xbb\xbf)?<[0-9]{0,3}|\xef\xbb?\xbf?)?\Z|\r\Z")
_ENDING_BEFORE_NUL = re.compile(rb"\r?\n\0")


class _FrameState(enum.Enum):
    """The part of the stream to which the next byte belongs."""

    FIRST = enum.auto()
    """Nothing has arrived yet."""
    START = enum.auto()
    """A frame begins."""
    AFTER_COUNTED = enum.auto()
    """Directly after a counted frame: another frame begins, or comes after the LF that some senders add."""
    AFTER_NUL = enum.auto()
    """A frame begins after a NUL; if it begins with `<`, an LF alone does not end it."""
    LINE = enum.auto()
    """Inside a line, whose beginning LineFramer has."""
    COUNTED = enum.auto()
    """Inside a counted frame that is too long to be kept in memory."""
    UNTIL_NUL = enum.auto()
    """Inside a frame that began with `<` after a NUL."""


_STARTS = (_FrameState.FIRST, _FrameState.START, _FrameState.AFTER_NUL)
_LINES = (_FrameState.FIRST, _FrameState.START, _FrameState.LINE)


@attrs.define(eq=False)
class SyslogFramer:
    """The framer of one connection: `receive`, `receive_silence` and `finish` turn bytes into Blocks.

    most: pieces made in one call; None for no limit. While `more` is true, call `receive(b"")` again,
        also before `finish`.
    more: whether part of a chunk waits for the next call.
    waits: () unless a second of silence decides about bytes; then it changes with each byte that comes.
    closing: one sentence why the connection must be closed, or None.
    merged: whether a stored line looked like several counted frames; after one such line none is checked.
    """

    answering = False

    _rules: LineRules
    _counts: LineCounts
    _most: int | None = None
    # The rest of a chunk after `most` pieces.
    _later: bytes = b""
    _raw: bool = attrs.field(init=False)
    _limit: int = attrs.field(init=False)
    # It gets every frame as a line, keeps the beginning of an unfinished line, and splits or shortens
    # over-long lines.
    _lines: LineFramer = attrs.field(init=False)
    _state: _FrameState = _FrameState.FIRST
    # The first bytes, while they may be the beginning of a BOM; then None.
    _start: bytes | None = b""
    # The bytes after those that have arrived, as far as they are known.
    _following: NextBytes = NextBytes.BYTES
    waits: tuple[int, ...] = ()
    _waited: int = 0
    merged: bool = False
    # The beginning of a counted frame, or of a frame whose kind the next bytes decide.
    _held: bytes | bytearray = b""
    # At least this many bytes must come before `_held` can be judged, unless an LF or NUL comes.
    _missing: int = 0
    # Bytes still to come of a counted frame too long to be kept.
    _to_come: int = 0
    # A hint for cutting the next counted frame of a chunk: few of them follow.
    _few_counted: bool = False

    def __attrs_post_init__(self) -> None:
        self._raw, self._limit = self._rules.raw, self._rules.max_line
        self._lines = LineFramer(for_frames(self._rules), self._counts, start=None)

    @property
    def more(self) -> bool:
        return bool(self._later)

    @property
    def closing(self) -> str | None:
        return self._lines.closing

    def take_answers(self) -> bytes:
        """Return b"": syslog has no answers."""
        return b""

    def receive(self, chunk: bytes) -> Block | None:
        """Return the frames that `chunk` completes as lines, or None. It never raises, for any bytes."""
        if self._later:
            chunk, self._later = self._later + chunk, b""
            return self._frame_lines(b"".join(self._frames_as_lines(chunk)))
        if self._start is not None:
            self._start, chunk = without_bom(self._start + chunk, self._counts)
        self._few_counted = False
        if self._missing > len(chunk) and b"\n" not in chunk and b"\0" not in chunk:
            # A bytearray grows in place; joining `bytes` for each chunk would cost quadratic time.
            if isinstance(self._held, bytes):
                self._held = bytearray(self._held)
            self._held += chunk
            self._missing -= len(chunk)
            if self.waits:
                self._begin_wait()
            return None
        data = self._take_held() + chunk if self._held else chunk
        if self._state in _LINES and data and self._has_only_lines(data):
            data = self._without_later_boms(self._hold_undecided_end(data))
            if data:
                self._state = _FrameState.START if data[-1] == _LF else _FrameState.LINE
            return self._frame_lines(data)
        return self._frame_lines(b"".join(self._frames_as_lines(data)))

    def receive_silence(self) -> Block | None:
        """Return the frames that a second of silence completes as lines, or None."""
        if not self.waits:
            return None
        self._following = NextBytes.SILENCE
        lines = self._frames_as_lines(self._take_held())
        self._following = NextBytes.BYTES
        return self._frame_lines(b"".join(lines))

    def finish(self) -> Block | None:
        """Return the unfinished rest as lines, or None. An unfinished counted frame loses its count.

        Call it at the end of the stream.
        """
        self._following = NextBytes.END
        data, self._start = self._start or self._take_held(), None
        lines: list[bytes] = []
        if self._state in _STARTS and COUNT.match(data):
            self._later = data
            while self._later:
                data, self._later = self._later, b""
                lines += self._frames_as_lines(data)
            data = self._take_held()
        after_counted = self._state is _FrameState.AFTER_COUNTED
        header = (NEXT_COUNT if after_counted else HEADER).match(data)
        empty = False
        in_line = self._state is _FrameState.LINE
        if self._state in (_FrameState.UNTIL_NUL, _FrameState.COUNTED):
            data = self._escape_line_ends(without_ending(data))
        elif header and not in_line:
            data = self._escape_line_ends(without_ending(data[header.end() :]))
            data = self._without_boms(data)
            empty = not data
        elif not in_line:
            empty = data == b"\r"
            data = data.rstrip(b"\r")
        text = b"".join([*lines, data])
        begun = self._frame_lines(text) if text else None
        last = self._lines.finish()
        if last is not None and bytes(last) == b"\n":
            # The line consisted of one CR.
            empty, last = True, None
        self._counts.empty += empty
        self._note_merged(last)
        if begun is None or last is None:
            return last if begun is None else begun
        # Escapes made the frame longer than a line may be, so `begun` has its beginning.
        return Block.of(bytes(begun) + bytes(last))

    def _frame_lines(self, lines: bytes) -> Block | None:
        """Return the complete lines, and check the one that began in an earlier chunk for merged frames."""
        block = self._lines.receive(lines)
        if block is not None and block.head:
            self._note_merged(block)
        return block

    def _note_merged(self, block: Block | None) -> None:
        """Set `merged` if the first line of a block looks like several counted frames."""
        if block is not None and not self.merged:
            line = block.head or block.body[block.start : block.stop]
            self.merged = looks_counted(line, 0, len(line))

    def _has_only_lines(self, data: bytes) -> bool:
        """Tell, in one pass, whether `data` has only lines, none of them empty."""
        if b"\0" in data or (
            self._state is not _FrameState.LINE
            and (data[0] in b"\r\n" or self._judge_count(data, 0) is not CountVerdict.NONE)
        ):
            return False
        codes = np.frombuffer(data, np.uint8)
        # Line ends are rare among the bytes, so what follows works only on the bytes after them.
        ends = np.flatnonzero(codes[:-1] == np.uint8(_LF))
        after_ends = codes[1:][ends]
        if ((after_ends == _LF) | (after_ends == _CR)).any():
            return False
        digits = (after_ends - np.uint8(_ONE)) < _NINE
        if digits.any() and (
            may_be_counted(codes, ends, digits, self._limit)
            or self._judge_count(data, int(ends[-1]) + 1) is CountVerdict.FITS
        ):
            return False
        if not self.merged:
            self.merged = looks_counted(data, *longest_line_span(ends, len(data)))
        return True

    def _judge_count(self, data: bytes, at: int) -> CountVerdict:
        first = at == 0 and self._state is _FrameState.FIRST
        return judge_count(data, at, self._limit, first=first, following=self._following)

    def _hold_undecided_end(self, lines: bytes) -> bytes:
        """Return lines without the end that only the next bytes can judge; keep that end."""
        begin = len(lines) - self._undecided_length(lines)
        if begin < len(lines):
            self._hold_number(lines, begin)
        return lines[:begin]

    def _undecided_length(self, data: bytes) -> int:
        """Return how many bytes at the end of an unfinished line only the next bytes can judge.

        They may become a counted frame, or are a CR that an LF or NUL may follow.
        """
        start = max(data.rfind(b"\n"), data.rfind(b"\0")) + 1
        if start == 0 and self._state is _FrameState.LINE:
            return int(data.endswith(b"\r"))
        if (
            MAY_BECOME_HEADER.match(data, start)
            or BOM_UTF8.startswith(data[start:])
            or self._judge_count(data, start) is CountVerdict.OPEN
        ):
            return len(data) - start
        return int(data.endswith(b"\r"))

    def _drop_empty_lines(self, lines: bytes) -> bytes:
        """Remove the empty lines; the first line is not empty."""
        # A search for one byte is the faster one.
        empty = _EMPTY_FRAMES if b"\0" in lines else _EMPTY_LINES
        kept, runs = empty.subn(rb"\1", lines)
        if runs:
            ends = (text.count(b"\n") + text.count(b"\0") for text in (lines, kept))
            self._counts.empty += next(ends) - next(ends)
        return kept

    def _escape_line_ends(self, part: bytes) -> bytes:
        return escape_line_ends(part, self._raw)

    def _frames_as_lines(self, data: bytes) -> list[bytes]:
        """Return the frames as lines, in at most `most` pieces."""
        lines: list[bytes] = []
        at = pieces = 0
        while at < len(data):
            if pieces == self._most:
                self._later = data[at:]
                break
            pieces += 1
            if self._state is _FrameState.COUNTED:
                at = self._take_rest_of_counted(data, at, lines)
            elif self._state is _FrameState.LINE:
                at = self._take_rest_of_line(data, at, lines)
            elif self._state is _FrameState.UNTIL_NUL:
                at = self._take_until_nul(data, at, lines)
            elif self._state is _FrameState.AFTER_COUNTED:
                at = self._take_after_counted(data, at, lines)
            elif not self._raw and data.startswith(BEFORE_PRIORITY, at):
                self._counts.dropped_bom += len(BOM_UTF8)
                at += len(BOM_UTF8)
            elif BOM_UTF8.startswith(data[at : at + len(BEFORE_PRIORITY)]):
                at = self._hold_from(data, at)
            elif data[at] in _DIGITS:
                at = self._take_from_digit(data, at, lines)
            elif data[at] == _CR and at == len(data) - 1:
                at = self._hold_from(data, at)
            elif self._state is _FrameState.AFTER_NUL and data[at] == _LESS_THAN:
                self._state = _FrameState.UNTIL_NUL
            else:
                self._state = _FrameState.START
                at = self._take_lines(data, at, lines)
        return lines

    def _without_boms(self, lines: bytes) -> bytes:
        return lines if self._raw else without_boms(lines, self._counts)

    def _without_later_boms(self, lines: bytes) -> bytes:
        """Return lines without BOMs; the first one may have begun in an earlier chunk."""
        if self._state is not _FrameState.LINE:
            return self._without_boms(lines)
        begin = lines.find(b"\n") + 1 or len(lines)
        later = self._without_boms(lines[begin:])
        return lines if len(later) == len(lines) - begin else lines[:begin] + later

    def _hold_from(self, data: bytes, at: int, missing: int = 0) -> int:
        """Keep bytes that cannot be judged until `missing` more bytes, or an LF or NUL, arrive."""
        self._held, self._missing = data[at:], missing
        return len(data)

    def _hold_number(self, data: bytes, at: int) -> int:
        """Keep a number that may be a count, or a CR."""
        if self._judge_count(data, at) is CountVerdict.OPEN:
            following, self._following = self._following, NextBytes.SILENCE
            if self._judge_count(data, at) is not CountVerdict.OPEN:
                self._begin_wait()
            self._following = following
        return self._hold_from(data, at, missing_bytes(data, at, self._limit))

    def _begin_wait(self) -> None:
        self._waited += 1
        self.waits = (self._waited,)

    def _take_held(self) -> bytes:
        held, self._held, self._missing, self.waits = bytes(self._held), b"", 0, ()
        return held

    def _take_after_counted(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Take the bytes directly after a counted frame."""
        if data[at] in _DIGITS:
            if NEXT_COUNT.match(data, at):
                return self._take_counted_frames(data, at, lines)
            if MAY_BECOME_NEXT.match(data, at):
                return self._hold_from(data, at)
        self._state = _FrameState.START
        return at + (data[at] == _LF)

    def _take_from_digit(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Take a counted frame, or lines, that begin with a digit."""
        count = self._judge_count(data, at)
        if count is CountVerdict.FITS:
            return self._take_counted_frames(data, at, lines)
        if count is CountVerdict.OPEN or MAY_BECOME_HEADER.match(data, at):
            return self._hold_number(data, at)
        self._state = _FrameState.START
        return self._take_lines(data, at, lines)

    def _take_rest_of_line(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Take the rest of the line whose beginning LineFramer has."""
        ends = [end for end in (data.find(b"\n", at), data.find(b"\0", at)) if end >= 0]
        if not ends:
            stop = len(data) - data.endswith(b"\r")
            lines.append(data[at:stop])
            self._held = data[stop:]
            return len(data)
        end = min(ends)
        self._state = _state_after_end(data[end] == 0)
        line = data[at:end]
        if data[end] == 0 and line.endswith(b"\r"):
            # A CR before a NUL belongs to the message.
            line = line[:-1] + self._escape_line_ends(b"\r")
        lines += line, b"\n"
        return end + 1

    def _take_counted_frames(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Take complete counted frames; hold one that is incomplete, and begin one that is too long."""
        cut = cut_counted_frames(data, at, self._limit, self._raw, few=self._few_counted)
        if cut is not None:
            self._few_counted = cut.after - at < (len(data) - at) // _MANY
            self._counts.empty += cut.empty
            lines.append(self._without_boms(cut.lines))
            self._state = _state_after_counted(cut.end, cut.after)
            return cut.after
        header = NEXT_COUNT.match(data, at)
        assert header is not None
        begin, length = header.end(), int(header[1])
        if length <= self._limit:
            return self._hold_from(data, at, begin + length - len(data))
        if not self._raw and length > len(BEFORE_PRIORITY):
            start = data[begin : begin + len(BEFORE_PRIORITY)]
            if start == BEFORE_PRIORITY:
                begin, length = begin + len(BOM_UTF8), length - len(BOM_UTF8)
                self._counts.dropped_bom += len(BOM_UTF8)
            elif BEFORE_PRIORITY.startswith(start):
                return self._hold_from(data, at)
        self._to_come, self._state = length, _FrameState.COUNTED
        return begin

    def _take_rest_of_counted(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Take more of a counted frame that is too long: LineFramer gets it as one line."""
        part = data[at : at + self._to_come]
        self._to_come -= len(part)
        at += len(part)
        if self._to_come:
            # Hold a possible ending back: if the connection ends here, it is no part of the message.
            ending = _MAY_BE_ENDING.search(part, len(part) - 2 if len(part) > 2 else 0)
            if ending is not None:
                self._held = ending[0]
                self._to_come += len(ending[0])
                part = part[: ending.start()]
            lines.append(self._escape_line_ends(part))
            return at
        lines += self._escape_line_ends(without_ending(part)), b"\n"
        after = at + (data[at : at + 1] == b"\n")
        self._state = _state_after_counted(at, after)
        return after

    def _take_lines(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Take lines that end with LF or NUL, up to a frame of another kind."""
        none = _NOTHING.match(data, at)
        if none is not None:
            self._state = _state_after_end(none[0].endswith(b"\0"))
            self._counts.empty += none[0].count(b"\0") + none[0].count(b"\n")
            return none.end()
        stop = self._next_other_frame(data, at)
        some = data[at:stop]
        if stop == len(data):
            some = self._hold_undecided_end(some)
        self._state = _state_after_end(some.endswith(b"\0"))
        some = self._drop_empty_lines(some)
        if b"\0" in some:
            # A CR before a NUL belongs to the message.
            some = some if self._raw else some.replace(b"\r\0", rb"\x0d" + b"\n")
            some = some.replace(b"\0", b"\n")
        if not some.endswith(b"\n"):
            self._state = _FrameState.LINE
        lines.append(self._without_boms(some))
        return stop

    def _next_other_frame(self, data: bytes, at: int) -> int:
        """Return where the next frame after `at` begins that may end in another way than a line."""
        for found in _OTHERWISE.finditer(data, at):
            begin, text = found.start() + 1, found.end()
            if found[1] is not None and data[text : text + 1] not in (b"<", b"\xef"):
                # Most candidates are lines; this finds out at half the cost of `_judge_count`.
                count = int(found[1])
                end = text + count
                if count > self._limit or data.find(b"\n", text, end - 1) >= 0:
                    continue
                if end < len(data) and data[end] not in _DIGITS:
                    continue
            if found[1] is None or self._judge_count(data, begin) is not CountVerdict.NONE:
                return begin
        return len(data)

    def _take_until_nul(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Take frames that end with NUL, and may contain LFs."""
        # One search for an LF or the end at a NUL, whichever comes first: a search for one of them might
        # pass over the whole chunk for each frame.
        first = _MAY_BE_NO_LONGER.search(data, at)
        if first is None or first[0] == b"\0":
            stop = first.end() if first else len(data)
            unfinished = stop == len(data) and data[-1] != 0
            self._state = _FrameState.UNTIL_NUL if unfinished else _FrameState.AFTER_NUL
            part = data[at:stop]
            if unfinished and part.endswith(b"\r"):
                self._held, part = b"\r", part[:-1]
            lines.append(self._escape_line_ends(part).replace(b"\0", b"\n"))
            return stop
        end = _NO_LONGER.search(data, at)
        stop = end.end() if end else len(data)
        part = data[at:stop]
        if end is None and (undecided := _UNDECIDED.search(part)):
            self._held = undecided[0]
            part = part[: undecided.start()]
        self._state = (
            _FrameState.UNTIL_NUL if end is None else _state_after_end(part.endswith(b"\0"))
        )
        last = b""
        if self._state is _FrameState.START:
            # The LF before `<PRI>` ends the frame.
            part, last = part[:-1].removesuffix(b"\r"), b"\n"
        part = _ENDING_BEFORE_NUL.sub(b"\0", part)
        text = self._escape_line_ends(part).replace(b"\0", b"\n") + last
        lines.append(self._drop_empty_lines(text))
        return stop


def _state_after_end(nul: bool) -> _FrameState:
    return _FrameState.AFTER_NUL if nul else _FrameState.START


def _state_after_counted(end: int, after: int) -> _FrameState:
    return _FrameState.AFTER_COUNTED if after == end else _FrameState.START
