"""The bytes of a connection that nobody has read yet; taken out as lines or as bytes, in any order.

What a read gives depends on the bytes and on the reads before it, never on how the network cut them. With
the delimiter LF, one CR before it belongs to the ending, and CR NUL, Telnet's bare return (RFC 854), is
removed.

Telnet's commands are removed in place, from the first byte of a line to its end: bytes are read as they
came. A reader that takes nothing but lines says so (`only_lines`), and they are removed from all that is
there at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from operator import length_hint

from logsrv.errors import PeerError
from logsrv.kit.framing.few_commands import SUBNEGOTIATION
from logsrv.kit.framing.line_format import LineFormat
from logsrv.kit.framing.telnet import TelnetFilter

IAC = b"\xff"
_IAC_SB = b"\xff\xfa"
# An iterator at its end, so all may share it.
NO_LINES: Iterator[str] = iter(())
# The bytes of which lines are made at once: of more and more, from one line on, after bytes were read. A
# chunk of many short messages, each a line and bytes, would else be split anew for each.
LEAST_AT_ONCE = 256
MOST_AT_ONCE = 64 * 1024
# Skipped up to the end of a line; the other value of `skipping` is a separator of bytes.
LINE_END = b""


class LineTooLong(PeerError):
    """The peer sent a line longer than `max_line`. Unhandled, it is told so and dismissed.

    The rest of that line is skipped by whoever handles it and reads on.
    """


class LineNotText(PeerError):
    """The peer sent a line that is not text, where `errors` is "reject"."""


class Incoming:
    """Bytes that came, and what is read of them. A read gives None for what has not come yet.

    format: of the lines; settled by the first that is read. lines: those that are made and wait to be
    taken. ended: nothing more will come. answers: to the Telnet commands of what was read; to be sent,
    and set to b"". dropped: bytes of lines that were refused, their delimiters aside.
    skipping: the separator up to which all is dropped, after something was too long; else None.
    """

    __slots__ = (
        "_at_once", "_clean", "_count", "_looked", "_made", "_only_lines", "_raw", "_sought",
        "answers", "dropped", "ended", "format", "lines", "skipping",
    )  # fmt: skip

    def __init__(self, format: LineFormat, *, only_lines: bool = False) -> None:
        self.format = format
        self.lines = NO_LINES
        self.ended = False
        self.answers = b""
        self.dropped = 0
        self._only_lines = only_lines
        # A chunk as it came (bytes), until more is added to it or only some of it is taken.
        self._raw: bytes | bytearray = b""
        # The length of its beginning of which `lines` were made, and how many they were.
        self._made = 0
        self._count = 0
        # Bytes behind those that have no delimiter in them. The length of its beginning that has no Telnet
        # command.
        self._looked = 0
        self._clean = 0
        self._at_once = MOST_AT_ONCE
        # A separator, and the length of the beginning in which none begins.
        self._sought = b"", 0
        self.skipping: bytes | None = None

    def __len__(self) -> int:
        """Return the number of bytes that wait, without those of lines that are made."""
        return len(self._raw) - self._made

    @property
    def exhausted(self) -> bool:
        """Return whether every line that has come was taken; an unfinished one may be there."""
        return (
            not length_hint(self.lines)
            and self._raw.find(self.format.delimiter, self._made + self._looked) < 0
        )

    def receive(self, data: bytes) -> None:
        if self._raw:
            self._changeable().extend(data)
        else:
            self._raw = data

    # Bytes.

    def take_some(self, most: int) -> bytes | None:
        """Take one to `most` bytes; b"" at the end."""
        if not self._as_bytes():
            return None
        return self._take(most) if self._raw or self.ended else None

    def take_exactly(self, number: int) -> bytes | None:
        """Return `number` bytes; None, even at the end, when there are fewer."""
        if not self._as_bytes() or len(self._raw) < number:
            return None
        return self._take(number)

    def take_until(self, separator: bytes, limit: int) -> bytes | None:
        """All up to `separator`, with it; None, even at the end, when there is none.

        Raises LineTooLong when it is not among the first `limit` bytes.
        """
        if not self._as_bytes():
            return None
        before, begin = self._sought
        at = self._raw.find(separator, begin if separator == before else 0, limit)
        if at >= 0:
            return self._take(at + len(separator))
        if len(self._raw) >= limit:
            self.skipping = separator
            raise LineTooLong(f"there is no {separator!r} within {limit} bytes")
        self._sought = separator, max(0, len(self._raw) - len(separator) + 1)
        return None

    def take_all(self) -> bytes:
        """All that is there, at the end."""
        return self._take(len(self._raw)) if self._as_bytes() else b""

    def _as_bytes(self) -> bool:
        """Make bytes again of what was made for lines. Gives whether there is something to read."""
        if self._made:
            rest = b""
            left = length_hint(self.lines)
            if left:
                rest = self._head(self._made).split(self.format.delimiter, self._count - left)[-1]
                # A loop over these lines that is under way ends so.
                deque(self.lines, 0)
            self._drop(self._made - len(rest))
            self._made, self.lines = 0, NO_LINES
        # The next line is made alone.
        self._at_once = self._looked = 0
        return self.skipping is None or self._skip()

    def _take(self, number: int) -> bytes:
        data = self._head(number)
        self._drop(number)
        return data

    def _head(self, number: int) -> bytes:
        raw = self._raw
        if number >= len(raw):
            return bytes(raw)
        with memoryview(raw) as view:
            return bytes(view[:number])

    def _drop(self, number: int) -> None:
        self._looked, self._sought = 0, (b"", 0)
        if number >= len(self._raw):
            self._raw = b""
            self._clean = 0
        elif number:
            del self._changeable()[:number]
            self._clean = max(0, self._clean - number)

    def _changeable(self) -> bytearray:
        raw = self._raw
        if isinstance(raw, bytes):
            self._raw = raw = bytearray(raw)
        return raw

    # Lines.

    def take_line(self) -> str | None:
        """The next line without its ending; at the end an unfinished one, then None.

        Raises LineTooLong and LineNotText.
        """
        line = next(self.lines, None)
        if line is None and self.make_lines():
            line = next(self.lines)
        return line

    def make_lines(self) -> bool:
        """Make `lines` of what is there, when those before are taken. Return whether there are any.

        Raises LineTooLong and LineNotText for the first line, which is dropped.
        """
        if self._made:
            self._drop(self._made)
            self._made, self.lines = 0, NO_LINES
        if self.skipping is not None and not self._skip():
            return False
        raw, format = self._raw, self.format
        if not raw:
            return False
        delimiter = format.delimiter
        if (
            raw.endswith(delimiter)
            and len(raw) <= self._at_once
            and len(raw) <= format.max_line
            and not (format.telnet and IAC in raw)
        ):
            # Most chunks are whole lines, and most peers who come, say a line and go send nothing else.
            try:
                lines = format.split(raw)
            except UnicodeDecodeError:
                return self._make_some()
            self.lines, self._made, self._count = iter(lines), len(raw), len(lines)
            self._looked = 0
            return True
        return self._make_some()

    def _make_some(self) -> bool:
        """Make lines of as much as is good for it, one at least."""
        format = self.format
        delimiter = format.delimiter
        stop = self._end_of_text() if format.telnet else len(self._raw)
        first = self._raw.find(delimiter, self._looked, stop)
        if first < 0:
            if not self._is_unfinished_line(stop):
                return False
            first = stop
            self._changeable().extend(delimiter)
            stop += len(delimiter)
        first += len(delimiter)
        while True:
            end = first
            if self._at_once > first and stop > first:
                last = self._raw.rfind(delimiter, first, min(stop, self._at_once))
                end = first if last < 0 else last + len(delimiter)
            lines = self._split(end)
            if lines is not None:
                break
            if end == first:
                self._refuse(end)
            # A line among them is bad: fewer at once, until it is the first.
            self._at_once = end // 4
        self._at_once = min(4 * self._at_once or LEAST_AT_ONCE, MOST_AT_ONCE)
        self.lines, self._made, self._count = iter(lines), end, len(lines)
        self._looked = 0
        return True

    def _split(self, end: int) -> list[str] | None:
        """The lines up to `end`; None if one of them is too long, or not text."""
        block = self._head(end)
        if end > self.format.max_line:
            lines = block.split(self.format.delimiter)
            if any(
                self.format.is_too_long(line) for line in lines if len(line) > self.format.max_line
            ):
                return None
        try:
            return self.format.split(block)
        except UnicodeDecodeError:
            return None

    def _refuse(self, end: int) -> None:
        """Drop the line up to `end`, and raise what says why."""
        line = self._head(end).removesuffix(self.format.delimiter)
        self.dropped += len(line)
        self._drop(end)
        if self.format.is_too_long(line):
            raise self._too_long()
        raise LineNotText(f"a line is not {self.format.encoding}")

    def _too_long(self) -> LineTooLong:
        return LineTooLong(f"a line is longer than {self.format.max_line} bytes")

    def _is_unfinished_line(self, stop: int) -> bool:
        """Return whether all that is there is the last line. Raises LineTooLong if it is that already."""
        # The last bytes may be the beginning of a delimiter.
        self._looked = max(0, stop - len(self.format.delimiter) + 1)
        if self._looked > self.format.max_line and self.format.is_too_long(
            self._head(self._looked)
        ):
            self.dropped += self._looked
            self._drop(self._looked)
            self.skipping = LINE_END
            raise self._too_long()
        return self.ended and bool(self._raw)

    def _skip(self) -> bool:
        """Drop what is too long, up to its end. Gives whether that was there, or will never be."""
        of_line = self.skipping == LINE_END
        separator = self.format.delimiter if of_line else self.skipping or b""
        stop = self._end_of_text() if of_line and self.format.telnet else len(self._raw)
        at = self._raw.find(separator, 0, stop)
        if at < 0:
            number = len(self._raw) if self.ended else max(0, stop - len(separator) + 1)
            self.dropped += number
            self._drop(number)
            return self.ended
        self.dropped += at
        self._drop(at + len(separator))
        self.skipping = None
        return True

    # Telnet's commands.

    def _end_of_text(self) -> int:
        """Remove commands up to the end of the first line, at least, or of all that is there.

        Return where bytes begin that were not looked at, or that are the beginning of a command.
        """
        while (at := self._raw.find(IAC, self._clean)) >= 0:
            end = len(self._raw)
            if not self._only_lines:
                delimiter = self.format.delimiter
                if self._raw.find(delimiter, 0, at) >= 0:
                    return at
                behind = self._raw.find(delimiter, at)
                end = end if behind < 0 else behind + len(delimiter)
            data, unfinished = self._without_commands(at, end)
            self._clean = at + len(data)
            if unfinished and self.ended:
                self._clean += len(unfinished)
            elif unfinished:
                return self._clean
        self._clean = len(self._raw)
        return self._clean

    def _without_commands(self, at: int, end: int) -> tuple[bytes, bytes]:
        """Remove the commands between two places. Give the data that is left there, and the
        beginning of a command that is behind it.
        """
        raw, telnet = self._changeable(), TelnetFilter()
        data = telnet.receive(bytes(raw[at:end]))
        unfinished = telnet.finish()
        while unfinished[:2] not in (b"", _IAC_SB) and end < len(raw):
            # Never behind an LF: another delimiter, such as NUL, may be the number of an option.
            end += 1
            data += telnet.receive(unfinished + raw[end - 1 : end])
            unfinished = telnet.finish()
        if unfinished and end < len(raw):
            # IAC SB goes on behind a delimiter. What is behind its value may be read as bytes.
            begin = end - len(unfinished)
            decisive = SUBNEGOTIATION.match(raw, begin)
            assert decisive is not None
            alone = TelnetFilter()
            if alone.receive(decisive[0]):
                # It is data, and so its LF ends the line.
                data += unfinished[:2] + telnet.receive(unfinished[2:])
                unfinished = b""
            else:
                end = decisive.end()
                unfinished = alone.finish()
        raw[at:end] = data + unfinished
        self._sought = b"", 0
        self.answers += telnet.take_answers()
        return data, unfinished
