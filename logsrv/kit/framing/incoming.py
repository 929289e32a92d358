"""The bytes of a connection that nobody has read yet; taken out as bytes or as lines, in any order.

What a read gives depends on the bytes and on the reads before it, never on how the network cut them.
Telnet's commands are looked for only where a line is read, from its first byte to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import length_hint

import attrs

from logsrv.errors import PeerError
from logsrv.kit.framing.lines import LF, LineFormat, LineSplitter
from logsrv.kit.framing.telnet import TelnetFilter

IAC = b"\xff"
NO_LINES: Iterator[str] = iter(())
# Lines are made of so many bytes at once: of one line's behind bytes, then of more and more.
LEAST_AT_ONCE = 256
MOST_AT_ONCE = 64 * 1024


class LineTooLong(PeerError):
    """The peer sent a line longer than `max_line`. Unhandled, it is told so and dismissed.

    The rest of that line is skipped by whoever handles it and reads on.
    """


class Incoming:
    """Bytes that came, and what is read of them. A read gives None for what has not come yet.

    format: of the lines; settled by the first that is read. ended: nothing more will come.
    answers: to the Telnet commands of what was read; to be sent, and set to b"".
    """

    __slots__ = (
        "_at_once", "_block", "_clean", "_count", "_lines", "_looked", "_raw", "_skipping", "_splitter",
        "_telnet", "_whole", "answers", "ended", "format",
    )  # fmt: skip

    def __init__(self, format: LineFormat) -> None:
        self.format = format
        self.ended = False
        self.answers = b""
        self._raw = bytearray()
        # So far there is no separator in it, of the kind that is read for.
        self._looked = 0
        self._lines = NO_LINES
        # What these lines were made of, and how many they were.
        self._block = b""
        self._count = 0
        self._at_once = 0
        self._splitter: LineSplitter | None = None
        # What Telnet's commands were taken out of. It is looked at when the filter was given a whole
        # line: or it would be the cut that says where the filter stops.
        self._telnet: TelnetFilter | None = None
        self._clean = bytearray()
        self._whole = True
        # The end of the line that was too long, which nobody has read yet.
        self._skipping = b""

    def __len__(self) -> int:
        """How many bytes wait, those of lines that are made already aside."""
        return len(self._raw) + len(self._clean)

    @property
    def skipping(self) -> bool:
        """Return whether the end of a line that is too long has not come yet."""
        return bool(self._skipping)

    def receive(self, data: bytes) -> None:
        self._raw += data

    # Bytes.

    def take_some(self, most: int) -> bytes | None:
        """Take one to `most` bytes; b"" at the end."""
        if not self._as_bytes():
            return None
        return self._take(most) if self._raw or self.ended else None

    def take_exactly(self, number: int) -> bytes | None:
        """So many bytes; None, even at the end, when there are fewer."""
        if not self._as_bytes() or len(self._raw) < number:
            return None
        return self._take(number)

    def take_until(self, separator: bytes, limit: int) -> bytes | None:
        """All up to `separator`, with it; None, even at the end, when there is none.

        Raises LineTooLong when it is not among the first `limit` bytes.
        """
        if not self._as_bytes():
            return None
        at = self._raw.find(separator, 0, limit)
        if at >= 0:
            return self._take(at + len(separator))
        if len(self._raw) >= limit:
            self._skipping = separator
            raise LineTooLong(f"there is no {separator!r} within {limit} bytes")
        return None

    def take_all(self) -> bytes:
        """All that is there, at the end."""
        return self._take(len(self._raw)) if self._as_bytes() else b""

    def _take(self, number: int) -> bytes:
        self._looked = 0
        raw = self._raw
        if number >= len(raw):
            data = bytes(raw)
            raw.clear()
        else:
            with memoryview(raw) as view:
                data = bytes(view[:number])
            del raw[:number]
        return data

    def _as_bytes(self) -> bool:
        """Make bytes again of what was made for lines. Gives whether there is something to read."""
        if self._skipping and not self._skip():
            return False
        self._at_once = 0
        if self._splitter is not None:
            rest = b""
            given = self._count - length_hint(self._lines)
            if given < self._count or self._splitter.trouble is not None:
                rest = self._block.split(LF, given)[-1]
                self._splitter.take_rest()
                self._splitter.trouble = None
            self._lines, self._block = NO_LINES, b""
            if self._telnet is not None and (self._clean or self._telnet.unfinished):
                rest += bytes(self._clean) + self._telnet.finish()
                self._clean.clear()
                self._whole = True
            if rest:
                self._raw[:0] = rest
                self._looked = 0
        return True

    # Lines.

    def take_line(self) -> str | None:
        """The next line without its ending; at the end an unfinished one, then None.

        Raises LineTooLong.
        """
        line = next(self._lines, None)
        return self._next_line() if line is None else line

    def _next_line(self) -> str | None:
        self._block = b""
        if self._skipping and not self._skip():
            return None
        if self._splitter is None:
            self._splitter = LineSplitter(attrs.evolve(self.format, telnet=False))
        splitter = self._splitter
        if splitter.trouble is not None:
            raise self._too_long(splitter)
        raw = self._raw
        end = raw.find(LF, self._looked) + 1
        if self.format.telnet and (self._clean or self._speaks_telnet(self._looked, end)):
            return self._next_of_telnet(splitter)
        if not end:
            if not raw and not self.ended:
                return None
            self._looked = len(raw)
            if self._is_too_long(raw):
                self._skipping = LF
                raise self._too_long(splitter)
            return self._last(splitter, raw) if self.ended else None
        if end == len(raw):
            block = bytes(raw)
            raw.clear()
            self._looked = 0
        else:
            block = self._take(self._end_of_lines(end))
        return self._split(splitter, block)

    def _end_of_lines(self, end: int) -> int:
        """The end of as many lines as are made at once; `end` is that of the first."""
        if self._at_once > end:
            end = max(end, self._raw.rfind(LF, end, self._at_once) + 1)
            if self.format.telnet:
                command = self._raw.find(IAC, 0, end)
                if command >= 0:
                    end = self._raw.rfind(LF, 0, command) + 1
        self._at_once = min(max(4 * self._at_once, LEAST_AT_ONCE), MOST_AT_ONCE)
        return end

    def _split(self, splitter: LineSplitter, block: bytes) -> str:
        lines = splitter.receive(block)
        self._block, self._lines, self._count = block, iter(lines), len(lines)
        if lines:
            return next(self._lines)
        raise self._too_long(splitter)

    def _last(self, splitter: LineSplitter, rest: bytearray) -> str | None:
        splitter.receive(bytes(rest))
        rest.clear()
        self._looked = 0
        line = splitter.finish()
        if splitter.trouble is not None:
            raise self._too_long(splitter)
        return line

    def _too_long(self, splitter: LineSplitter) -> LineTooLong:
        """Go on behind the line that is too long."""
        splitter.trouble = None
        rest = splitter.take_rest()
        if rest:
            self._raw[:0] = rest
            self._looked = 0
        self._block, self._lines, self._count = b"", NO_LINES, 0
        return LineTooLong(f"a line is longer than {self.format.max_line} bytes")

    def _is_too_long(self, line: bytearray) -> bool:
        most = self.format.max_line
        return len(line) > most + 1 or (len(line) == most + 1 and line[-1:] != b"\r")

    # Lines with Telnet's commands in them.

    def _speaks_telnet(self, start: int, end: int) -> bool:
        """Return whether there are commands before `end`, or all that is there when that is 0."""
        if self._telnet is not None and self._telnet.unfinished:
            return True
        return self._raw.find(IAC, start, end or len(self._raw)) >= 0

    def _next_of_telnet(self, splitter: LineSplitter) -> str | None:
        clean = self._clean
        while True:
            end = clean.find(LF) + 1
            if self._whole and end:
                line = bytes(clean[:end])
                del clean[:end]
                return self._split(splitter, line)
            if not end and self._is_too_long(clean):
                self._skipping = LF
                raise self._too_long(splitter)
            if not self._raw:
                break
            self._filter()
        if not self.ended:
            return None
        assert self._telnet is not None
        clean += self._telnet.finish()
        self._whole = True
        if LF in clean:
            return self._next_of_telnet(splitter)
        return self._last(splitter, clean)

    def _filter(self) -> None:
        """Take Telnet's commands out of one line, or of as much of it as is there."""
        if self._telnet is None:
            self._telnet = TelnetFilter()
        end = self._raw.find(LF) + 1
        self._whole = bool(end)
        self._clean += self._telnet.receive(self._take(end or len(self._raw)))
        self.answers += self._telnet.take_answers()

    def _skip(self) -> bool:
        """Drop the line that is too long, up to its end. Gives whether that was there."""
        separator = self._skipping
        rest, at = self._raw, -1
        if separator == LF and self._splitter is not None and self.format.telnet:
            rest = self._of_line()
        at = rest.find(separator)
        self._looked = 0
        if at < 0 or (rest is self._clean and not self._whole):
            if at < 0:
                del rest[: max(0, len(rest) - len(separator) + 1)]
            if self.ended:
                self._raw.clear()
                self._clean.clear()
            return self.ended
        del rest[: at + len(separator)]
        self._skipping = b""
        return True

    def _of_line(self) -> bytearray:
        """The bytes in which a line ends: those that came, or those without Telnet's commands."""
        while self._clean or self._speaks_telnet(0, self._raw.find(LF) + 1):
            if not self._raw or (self._whole and LF in self._clean):
                return self._clean
            self._filter()
            if LF not in self._clean:
                self._clean.clear()
        return self._raw
