"""The framer of syslog over connections: each frame ends as its sender says (RFC 6587, and NUL; sans-IO).

    begins with COUNT and ` <`          it has so many bytes (section 3.4.1)
    begins with `<` right behind a NUL  it ends at the next NUL, or at a LF that `<PRI>` follows
    begins otherwise                    it ends at the first LF or NUL (section 3.4.2)

That is decided for each frame anew, never for a connection: what sends both ways loses nothing. One LF,
CR LF or NUL at the end of a message is no part of it; a frame that is empty then is none.

A chunk of nothing but lines goes through the framer that lines have. Other chunks are turned into lines
piece by piece, as few pieces as there are changes of the way in which frames end.
"""

from __future__ import annotations

import enum
import re

import numpy as np

from logsrv.linelog.batch import Block
from logsrv.linelog.framing.lines.counted import (
    HEADER,
    LONGEST_HEADER,
    MAY_BECOME_HEADER,
    cut_counted,
)
from logsrv.linelog.framing.lines.lines import LineFramer
from logsrv.linelog.framing.lines.records import as_part, without_ending
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, for_frames

_LF, _CR, _SPACE, _LESS_THAN, _ONE, _NINE = 10, 13, 32, 60, 49, 9
# Counted frames are cut all at once as long as they are more than one part in so many of a chunk.
_MANY = 8
_MAY_BE_ENDING = re.compile(rb"(?:\r?\n|\r|\0)\Z")
_NOTHING = re.compile(rb"(?:\0+|(?:\r?\n)+)+")
_EMPTY_LINES = re.compile(rb"\n(?:\r?\n)+")
# The next frame that is not a line as those before it.
_OTHERWISE = re.compile(rb"\0<|[\n\0][1-9][0-9]{0,8} <")
# Ends of frames behind NULs, and the bytes of such a frame that cannot be judged without more.
_NO_LONGER = re.compile(rb"\0(?!<)|\n(?=<[0-9]{1,3}>)")
_MAY_BE_NO_LONGER = re.compile(rb"\n|\0(?!<)")
_UNDECIDED = re.compile(rb"\r?\n(?:<[0-9]{0,3})?\Z|\r\Z")
_ENDING_BEFORE_NUL = re.compile(rb"\r?\n\0")


class _Place(enum.Enum):
    """Where the framer stands between two chunks."""

    START = enum.auto()
    """A frame begins."""
    BEHIND_COUNTED = enum.auto()
    """A frame begins, or the LF comes that some senders put behind a counted one."""
    BEHIND_NUL = enum.auto()
    """A frame begins; with `<` it is one that LFs do not end."""
    LINE = enum.auto()
    """Inside a line; the framer of lines has its beginning."""
    COUNTED = enum.auto()
    """Inside a counted frame that is too long to be kept."""
    UNTIL_NUL = enum.auto()
    """Inside a frame behind a NUL."""


_LINES = (_Place.START, _Place.LINE)


class SyslogFramer:
    """The framer of one connection: bytes in with `receive` and `finish`, Blocks out.

    closing: why the connection has to be closed, one sentence, or None.
    """

    __slots__ = (
        "_counts",
        "_few_counted",
        "_held",
        "_left",
        "_limit",
        "_lines",
        "_place",
        "_raw",
    )

    def __init__(self, rules: LineRules, counts: LineCounts) -> None:
        self._raw = rules.raw
        self._counts = counts
        self._limit = rules.max_line
        # Gets every frame as a line; it knows what there is of one that is a line, or is too long to keep.
        self._lines = LineFramer(for_frames(rules), counts)
        self._place = _Place.START
        # The beginning of a counted frame, or too little to know how a frame goes on.
        self._held = b""
        # Bytes that are to come of a counted frame too long to be kept.
        self._left = 0
        # A hint for the next counted frame of a chunk: there are few.
        self._few_counted = False

    @property
    def closing(self) -> str | None:
        return self._lines.closing

    @property
    def answering(self) -> bool:
        """Return false: nothing in a frame is to be answered."""
        return False

    def take_answers(self) -> bytes:
        """Return nothing."""
        return b""

    def receive(self, chunk: bytes) -> Block | None:
        """Return the frames that are complete with `chunk`; never raises on account of the bytes."""
        if self._place is _Place.BEHIND_COUNTED and chunk:
            self._place = _Place.START
            chunk = chunk.removeprefix(b"\n")
        data, self._held = self._held + chunk if self._held else chunk, b""
        if self._place in _LINES and data and self._is_lines(data):
            undecided = self._undecided(data)
            if undecided:
                self._held = data[-undecided:]
                data = data[:-undecided]
            if data:
                self._place = _Place.START if data[-1] == _LF else _Place.LINE
            return self._lines.receive(data)
        return self._lines.receive(b"".join(self._cut(data)))

    def finish(self) -> Block | None:
        """Return what is unfinished: a counted frame without its count. Nothing follows."""
        data, self._held = self._held, b""
        header = HEADER.match(data)
        empty = False
        in_line = self._place is _Place.LINE
        if self._place in (_Place.UNTIL_NUL, _Place.COUNTED):
            data = self._escaped(without_ending(data))
        elif header and not in_line:
            data = self._escaped(without_ending(data[header.end() :]))
        elif not in_line:
            empty = data == b"\r"
            data = data.rstrip(b"\r")
        begun = self._lines.receive(data) if data else None
        last = self._lines.finish()
        if last is not None and bytes(last) == b"\n":
            # It was nothing but a CR.
            empty, last = True, None
        self._counts.empty += empty
        if begun is None or last is None:
            return last if begun is None else begun
        # It turned out to be too long, with its escapes.
        return Block.of(bytes(begun) + bytes(last))

    def _is_lines(self, data: bytes) -> bool:
        """Tell, looking at all of it at once, whether there is nothing but lines, none of them empty."""
        if b"\0" in data or (
            self._place is not _Place.LINE and (data[0] in b"\r\n" or HEADER.match(data))
        ):
            return False
        codes = np.frombuffer(data, np.uint8)
        # There are few ends: all else is done with what stands behind them.
        ends = np.flatnonzero(codes[:-1] == np.uint8(_LF))
        behind = codes[1:][ends]
        if ((behind == _LF) | (behind == _CR)).any():
            return False
        digits = (behind - np.uint8(_ONE)) < _NINE
        return not (digits.any() and _is_header(codes, ends[digits] + 1))

    def _undecided(self, data: bytes) -> int:
        """Return how many bytes at the end can be judged only with what follows.

        They may become the header of a counted frame, or are a CR, which may stand before LF or NUL.
        """
        if data.endswith(b"\r"):
            return 1
        start = max(data.rfind(b"\n", -LONGEST_HEADER), data.rfind(b"\0", -LONGEST_HEADER)) + 1
        if start == 0 and (self._place is _Place.LINE or len(data) > LONGEST_HEADER):
            return 0
        return len(data) - start if MAY_BECOME_HEADER.match(data, start) else 0

    def _without_empty(self, lines: bytes) -> bytes:
        """Return lines of which the first is not empty, without those that are."""
        kept, runs = _EMPTY_LINES.subn(b"\n", lines)
        if runs:
            self._counts.empty += lines.count(b"\n") - kept.count(b"\n")
        return kept

    def _escaped(self, part: bytes) -> bytes:
        return as_part(part, self._raw)

    def _cut(self, data: bytes) -> list[bytes]:
        """Return the frames as lines, in pieces."""
        lines: list[bytes] = []
        at = 0
        self._few_counted = False
        while at < len(data):
            if self._place is _Place.COUNTED:
                at = self._rest_of_counted(data, at, lines)
            elif self._place is _Place.LINE:
                at = self._rest_of_line(data, at, lines)
            elif self._place is _Place.UNTIL_NUL:
                at = self._behind_nuls(data, at, lines)
            elif HEADER.match(data, at):
                at = self._counted(data, at, lines)
            elif len(data) - at <= LONGEST_HEADER and self._undecided(data[at:]) == len(data) - at:
                self._held = data[at:]
                break
            elif self._place is _Place.BEHIND_NUL and data[at] == _LESS_THAN:
                self._place = _Place.UNTIL_NUL
            else:
                at = self._some_lines(data, at, lines)
        return lines

    def _rest_of_line(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Finish the line that the framer of lines has begun."""
        ends = [end for end in (data.find(b"\n", at), data.find(b"\0", at)) if end >= 0]
        if not ends:
            stop = len(data) - data.endswith(b"\r")
            lines.append(data[at:stop])
            self._held = data[stop:]
            return len(data)
        end = min(ends)
        self._place = _behind(data[end] == 0)
        line = data[at:end]
        if data[end] == 0 and line.endswith(b"\r"):
            # A CR before a NUL belongs to the message.
            line = line[:-1] + self._escaped(b"\r")
        lines += line, b"\n"
        return end + 1

    def _counted(self, data: bytes, at: int, lines: list[bytes]) -> int:
        self._place = _Place.START
        cut = cut_counted(data, at, self._limit, self._raw, few=self._few_counted)
        if cut is not None:
            self._few_counted = cut.after - at < (len(data) - at) // _MANY
            lines.append(cut.lines)
            if cut.end == len(data):
                self._place = _Place.BEHIND_COUNTED
            return cut.after
        header = HEADER.match(data, at)
        assert header is not None
        length = int(header[1])
        if length <= self._limit:
            self._held = data[at:]
            return len(data)
        self._left, self._place = length, _Place.COUNTED
        return header.end()

    def _rest_of_counted(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Take more of a counted frame that is too long: the framer of lines has it as a line."""
        part = data[at : at + self._left]
        self._left -= len(part)
        at += len(part)
        if self._left:
            # It may be cut off here, and have an ending.
            ending = _MAY_BE_ENDING.search(part, len(part) - 2 if len(part) > 2 else 0)
            if ending is not None:
                self._held = ending[0]
                self._left += len(self._held)
                part = part[: ending.start()]
            lines.append(self._escaped(part))
            return at
        lines += self._escaped(without_ending(part)), b"\n"
        self._place = _Place.BEHIND_COUNTED if at == len(data) else _Place.START
        return at + (data[at : at + 1] == b"\n")

    def _some_lines(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Take lines that end with LF or NUL, up to a frame of another kind."""
        none = _NOTHING.match(data, at)
        if none is not None:
            self._place = _behind(none[0].endswith(b"\0"))
            self._counts.empty += none[0].count(b"\0") + none[0].count(b"\n")
            return none.end()
        otherwise = _OTHERWISE.search(data, at)
        stop = otherwise.start() + 1 if otherwise else len(data)
        some = data[at:stop]
        if otherwise is None and (undecided := self._undecided(some)):
            self._held = some[-undecided:]
            some = some[:-undecided]
        self._place = _behind(some.endswith(b"\0"))
        if b"\0" in some:
            some = (some if self._raw else some.replace(b"\r\0", rb"\x0d" + b"\n")).replace(
                b"\0", b"\n"
            )
        if not some.endswith(b"\n"):
            self._place = _Place.LINE
        lines.append(self._without_empty(some))
        return stop

    def _behind_nuls(self, data: bytes, at: int, lines: list[bytes]) -> int:
        """Take frames that end with NUL, and may have LFs in them."""
        # No further than it goes on from there: all of the chunk for each frame would be a chunk squared.
        first = _MAY_BE_NO_LONGER.search(data, at)
        if first is None or first[0] == b"\0":
            stop = first.end() if first else len(data)
            unfinished = stop == len(data) and data[-1] != 0
            self._place = _Place.UNTIL_NUL if unfinished else _Place.BEHIND_NUL
            part = data[at:stop]
            if unfinished and part.endswith(b"\r"):
                self._held, part = b"\r", part[:-1]
            lines.append(self._escaped(part).replace(b"\0", b"\n"))
            return stop
        end = _NO_LONGER.search(data, at)
        stop = end.end() if end else len(data)
        part = data[at:stop]
        if end is None and (undecided := _UNDECIDED.search(part)):
            self._held = undecided[0]
            part = part[: undecided.start()]
        self._place = _Place.UNTIL_NUL if end is None else _behind(part.endswith(b"\0"))
        last = b""
        if self._place is _Place.START:
            # The LF that ends it.
            part, last = part[:-1].removesuffix(b"\r"), b"\n"
        part = _ENDING_BEFORE_NUL.sub(b"\0", part)
        text = self._escaped(part).replace(b"\0", b"\n") + last
        lines.append(self._without_empty(text))
        return stop


def _behind(nul: bool) -> _Place:
    return _Place.BEHIND_NUL if nul else _Place.START


def _is_header(codes: np.ndarray[tuple[int], np.dtype[np.uint8]], starts: np.ndarray) -> bool:  # type: ignore[type-arg]
    """Tell whether a count and ` <` stand at one of these places, where there are digits."""
    padded = np.append(codes, np.zeros(LONGEST_HEADER, np.uint8))
    running = np.ones(len(starts), bool)
    for place in range(1, LONGEST_HEADER):
        code = padded[starts + place]
        if (running & (code == _SPACE) & (padded[starts + place + 1] == _LESS_THAN)).any():
            return True
        running &= (code - np.uint8(48)) < 10
        if not running.any():
            return False
    return False
