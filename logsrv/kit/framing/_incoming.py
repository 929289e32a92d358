"""The received bytes of a connection that are not read yet. Lines and bytes can be read in any order.

The result of a read depends on the bytes and on earlier reads, never on how the network split the bytes.
With the delimiter LF, one CR before it belongs to the ending, and CR NUL, Telnet's bare return (RFC 854),
is removed.

Telnet commands are removed line by line, just before a line is read: a read of bytes returns them. With
`only_lines` nothing but lines is read, so they are removed from everything received at once.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from itertools import islice
from operator import length_hint
from typing import NoReturn

from logsrv.errors import PeerError
from logsrv.kit.framing._line_format import LineFormat
from logsrv.kit.framing._telnet_commands import IAC_NUMBER, SUBNEGOTIATION
from logsrv.kit.framing.telnet import TelnetFilter

IAC = b"\xff"
_IAC_SB = b"\xff\xfa"
# An iterator at its end, so all may share it.
NO_LINES: Iterator[str] = iter(())
# The bytes that are split into lines in one step. After a read of bytes that is one line, then LEAST, then
# four times as many each time: a chunk of many short messages, each a line and then bytes, would otherwise
# be split again for each message.
LEAST_AT_ONCE = 256
MOST_AT_ONCE = 64 * 1024
# The `skipping` of a line that is too long; that of `take_until` is its separator.
LINE_END = b""


class LineTooLong(PeerError):
    """The peer sent a line longer than `max_line` bytes, or no separator within the limit of `read_until`.

    If the author's code does not catch this, the peer is told so and dismissed. If it does, the next read
    skips the rest of the line.
    """


class LineNotText(PeerError):
    """The peer sent a line that cannot be decoded, and `errors` is "reject"."""


class Incoming:
    """Received bytes that are not read yet. A read returns None until enough bytes have come.

    format: the format of the lines; it may be changed until the first line is read. lines: lines that are
    decoded and wait to be taken. ended: nothing more will come. answers: the answers to
    the Telnet commands in what was read; the owner sends them, and sets this to b"". dropped: the number of
    bytes of refused lines, without delimiters. skipping: after something was too long, the separator up to
    which all input is dropped; else None.
    """

    __slots__ = (
        "_at", "_at_once", "_clean", "_data", "_later", "_looked", "_made", "_only_lines", "_plain",
        "_sought", "answers", "dropped", "ended", "format", "lines", "skipping",
    )  # fmt: skip

    def __init__(self, format: LineFormat, *, only_lines: bool = False) -> None:
        self.format = format
        # `_later`: decoded lines that follow those in `lines`.
        self.lines = self._later = NO_LINES
        self.ended = False
        self.answers = b""
        self.dropped = 0
        self.skipping: bytes | None = None
        self._only_lines = only_lines
        # Bytes as long as it is one chunk, to avoid a copy; else a bytearray.
        self._data: bytes | bytearray = b""
        # The offset of the first unread byte, and the number of bytes before it that `lines` were made of.
        self._at = self._made = 0
        # True if `_data` is bytes, and no lines and no `skipping` hinder a read of bytes.
        self._plain = False
        # The offsets before which no Telnet command is, and no delimiter begins.
        self._clean = self._looked = 0
        # A separator, and the offset before which none begins.
        self._sought = b"", 0
        self._at_once = MOST_AT_ONCE

    def __len__(self) -> int:
        """Return the number of bytes that wait, without those of decoded lines."""
        return len(self._data) - self._at

    @property
    def decoded(self) -> int:
        """Return the number of decoded lines that wait."""
        return length_hint(self.lines) + length_hint(self._later)

    @property
    def exhausted(self) -> bool:
        """Return whether every complete line was taken; an unfinished one may wait."""
        return not self.decoded and self._data.find(self.format.delimiter, self._at) < 0

    def receive(self, data: bytes) -> None:
        if self._data:
            self._unread_bytearray().extend(data)
        else:
            self._data = data
            self._clean = self._looked = 0
            self._sought = b"", 0

    def is_spent(self) -> bool:
        """Return true if nothing is left of what has come, after `lines` were taken; free its memory.

        `make_lines` would find the same; but most chunks are whole lines, and this is asked after each.
        """
        if (
            self._at < len(self._data)
            or self.ended
            or self.skipping is not None
            or self._later is not NO_LINES
        ):
            return False
        self._data, self._at = b"", 0
        self._made, self.lines, self._plain = 0, NO_LINES, False
        return True

    # Bytes.

    def take_some(self, most: int) -> bytes | None:
        """Return one to `most` bytes; b"" at the end of input."""
        if not self._switch_to_bytes() or not (len(self) or self.ended):
            return None
        return self._take_bytes(most)

    def take_exactly(self, number: int) -> bytes | None:
        """Return `number` bytes; None, also at the end of input, when there are fewer."""
        begin = self._at
        end = begin + number
        if self._plain and end < len(self._data):
            # The fast path, as in `take_until`.
            self._at = end
            return self._data[begin:end]  # type: ignore[return-value]
        if not (self._plain or self._switch_to_bytes()):
            return None
        if self._at + number <= len(self._data):
            return self._take_bytes(number)
        self._free_read_bytes()
        return None

    def take_until(self, separator: bytes, limit: int) -> bytes | None:
        """Return the bytes up to and with `separator`; None, also at the end of input, when it is missing.

        Raises LineTooLong when it is not among the first `limit` bytes.
        """
        if self._plain:
            data, begin = self._data, self._at
            end = data.find(separator, begin, begin + limit) + len(separator)
            if end >= len(separator):
                if end == len(data):
                    return self._take_bytes(end - begin)
                self._at = end
                return data[begin:end]  # type: ignore[return-value]
            if not data:
                return None
        elif not self._switch_to_bytes():
            return None
        before, looked = self._sought
        begin = self._at
        start = max(begin, looked) if separator == before else begin
        found = self._data.find(separator, start, begin + limit)
        if found >= 0:
            return self._take_bytes(found + len(separator) - begin)
        if len(self) >= limit:
            self.skipping, self._plain = separator, False
            raise LineTooLong(f"there is no {separator!r} within {limit} bytes")
        self._free_read_bytes()
        self._sought = separator, len(self._data) - len(separator) + 1
        return None

    def take_all(self) -> bytes:
        """Return all bytes that wait, at the end of input."""
        return self._take_bytes(len(self)) if self._switch_to_bytes() else b""

    def _switch_to_bytes(self) -> bool:
        """Turn decoded lines that were not taken into bytes again. Return False while skipping."""
        if self._made:
            delimiter = self.format.delimiter
            lines = self._data[self._at - self._made : self._at].split(delimiter)
            self._at -= len(delimiter.join(lines[-1 - self.decoded :]))
            # A loop over these lines that still runs ends here.
            deque(self.lines, 0)
            self._made, self.lines, self._later = 0, NO_LINES, NO_LINES
        # The next line is decoded alone.
        self._at_once = self._looked = 0
        if self.skipping is not None and not self._skip_to_separator():
            return False
        self._plain = type(self._data) is bytes
        return True

    def _take_bytes(self, number: int) -> bytes:
        data, begin = self._data, self._at
        self._at = end = begin + number
        if end >= len(data):
            self._data, self._at = b"", 0
        if isinstance(data, bytes):
            return data[begin:end]
        taken = bytes(data[begin:end])
        self._free_read_bytes()
        return taken

    def _free_read_bytes(self) -> None:
        """Free the memory of the bytes that were read."""
        if self._at:
            self._unread_bytearray()

    def _unread_bytearray(self) -> bytearray:
        """Return the buffer as a bytearray, without the bytes that were read."""
        data, begin = self._data, self._at - self._made
        if begin:
            self._at = self._made
            self._clean = max(0, self._clean - begin)
            self._looked, self._sought = 0, (b"", 0)
        if isinstance(data, bytes):
            self._data = data = bytearray(data[begin:])
            self._plain = False
        elif begin:
            del data[:begin]
        return data

    # Lines.

    def take_line(self) -> str | None:
        """Return the next line without its ending; at the end of input an unfinished one, then None.

        Raises LineTooLong and LineNotText.
        """
        line = next(self.lines, None)
        if line is None and self.make_lines():
            line = next(self.lines)
        return line

    def make_lines(self, most: int = sys.maxsize) -> bool:
        """Make at most so many new `lines`, after all of before were taken: decoded ones, or of the bytes.

        Return whether there are any. Raises LineTooLong or LineNotText for a bad first line, and drops it.
        """
        if self._later is not NO_LINES:
            self.lines = iter(list(islice(self._later, most)))
            if not length_hint(self._later):
                self._later = NO_LINES
            return True
        self._made, self.lines, self._plain = 0, NO_LINES, False
        if self.skipping is not None and not self._skip_to_separator():
            return False
        data, begin, format = self._data, self._at, self.format
        number = len(data) - begin
        if not number:
            self._data, self._at = b"", 0
            return False
        if (
            data.endswith(format.delimiter)
            and number <= self._at_once
            and number <= format.max_line
            and not (format.telnet and IAC_NUMBER in data)
        ):
            # The fast path: most chunks are whole lines.
            try:
                lines = format.split(data[begin:] if begin else data)
            except UnicodeDecodeError:
                return self._make_some_lines(most)
            self._made, self._at = number, len(data)
            if len(lines) > most:
                self._later = iter(lines)
                return self.make_lines(most)
            self.lines = iter(lines)
            return True
        return self._make_some_lines(most)

    def _make_some_lines(self, most: int) -> bool:
        """Decode lines from at most about `_at_once` bytes, but at least one line."""
        format = self.format
        delimiter = format.delimiter
        stop = self._remove_commands() if format.telnet else len(self._data) - self._at
        begin, looked = self._at, self._looked
        first = self._data.find(delimiter, looked if looked > begin else begin, begin + stop)
        if first < 0:
            if begin:
                self._unread_bytearray()
            if not self._is_unfinished_line(stop):
                return False
            self._unread_bytearray().extend(delimiter)
            begin, first = 0, stop
        end = first = first + len(delimiter)
        last = self._data.rfind(delimiter, first, begin + min(stop, self._at_once))
        if last >= 0:
            end = last + len(delimiter)
        lines = self._decoded_lines(end)
        if lines is None and end > first:
            # One of these lines is bad: decode the first alone.
            self._at_once, end = 0, first
            lines = self._decoded_lines(end)
        if lines is None:
            self._drop_line(first)
        self._at_once = min(4 * self._at_once or LEAST_AT_ONCE, MOST_AT_ONCE)
        self._made, self._at = end - begin, end
        if len(lines) > most:
            self._later = iter(lines)
            return self.make_lines(most)
        self.lines = iter(lines)
        return True

    def _decoded_lines(self, end: int) -> list[str] | None:
        """Return the lines up to `end`; None if one of them is too long or not text."""
        format = self.format
        block = self._data[self._at : end]
        most = format.max_line
        if len(block) > most:
            lines = block.split(format.delimiter)
            if any(format.is_too_long(line) for line in lines if len(line) > most):
                return None
        try:
            return format.split(block)
        except UnicodeDecodeError:
            return None

    def _is_unfinished_line(self, stop: int) -> bool:
        """Return whether the input has ended with an unfinished line. Raises LineTooLong."""
        # The last bytes may be the beginning of a delimiter.
        self._looked = looked = stop - len(self.format.delimiter) + 1
        if looked > self.format.max_line and self.format.is_too_long(self._data[:looked]):
            self.skipping = LINE_END
            self._drop_line(looked)
        return self.ended and len(self._data) > 0

    def _drop_line(self, end: int) -> NoReturn:
        """Drop the line up to `end`. Raises LineTooLong or LineNotText."""
        line = self._take_bytes(end - self._at).removesuffix(self.format.delimiter)
        self.dropped += len(line)
        if self.format.is_too_long(line):
            raise LineTooLong(f"a line is longer than {self.format.max_line} bytes")
        raise LineNotText(f"a line is not {self.format.encoding}")

    def _skip_to_separator(self) -> bool:
        """Drop bytes up to the separator. Return whether it was found, or the input has ended."""
        of_line = self.skipping == LINE_END
        separator = self.format.delimiter if of_line else self.skipping or b""
        stop = self._remove_commands() if of_line and self.format.telnet else len(self)
        found = self._data.find(separator, self._at, self._at + stop)
        if found < 0:
            number = len(self) if self.ended else max(0, stop - len(separator) + 1)
            self.dropped += len(self._take_bytes(number))
            return self.ended
        self.dropped += found - self._at
        self._take_bytes(found - self._at + len(separator))
        self.skipping = None
        return True

    # Telnet commands.

    def _remove_commands(self) -> int:
        """Remove the commands of at least the first line, or of all bytes if no line has ended.

        Return how many bytes are then known to be text. After them may come more commands, or part of one.
        """
        delimiter = self.format.delimiter
        begin, clean = self._at, self._clean
        at = self._data.find(IAC, clean if clean > begin else begin) - begin
        while at >= 0:
            raw = self._unread_bytearray()
            end = len(raw)
            if not self._only_lines:
                if raw.find(delimiter, 0, at) >= 0:
                    self._clean = at
                    return at
                behind = raw.find(delimiter, at)
                end = end if behind < 0 else behind + len(delimiter)
            data, unfinished = self._remove_commands_between(at, end)
            self._clean = at + len(data)
            if unfinished and self.ended:
                self._clean += len(unfinished)
            elif unfinished:
                return self._clean
            at = raw.find(IAC, self._clean)
        self._clean = end = len(self._data)
        return end - self._at

    def _remove_commands_between(self, at: int, end: int) -> tuple[bytes, bytes]:
        """Remove the commands from `at` to `end`. Return the data that stays, and an unfinished command."""
        raw, telnet = self._unread_bytearray(), TelnetFilter()
        data = telnet.receive(bytes(raw[at:end]))
        unfinished = telnet.finish()
        while unfinished[:2] not in (b"", _IAC_SB) and end < len(raw):
            # Only with a delimiter other than LF: NUL, for one, may be the number of an option.
            end += 1
            data += telnet.receive(unfinished + raw[end - 1 : end])
            unfinished = telnet.finish()
        if unfinished and end < len(raw):
            # The value of IAC SB contains a delimiter. The bytes after the value may be read as bytes.
            begin = end - len(unfinished)
            decisive = SUBNEGOTIATION.match(raw, begin)
            assert decisive is not None
            alone = TelnetFilter()
            if alone.receive(decisive[0]):
                # The IAC SB is data, so its LF ends the line.
                data += unfinished[:2] + telnet.receive(unfinished[2:])
                unfinished = telnet.finish()
            else:
                end = decisive.end()
                unfinished = alone.finish()
        raw[at:end] = data + unfinished
        self._sought = b"", 0
        self.answers += telnet.take_answers()
        return data, unfinished
