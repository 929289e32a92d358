"""The received bytes of a connection that are not read yet. Lines and bytes can be read in any order.

The result of a read depends on the bytes and on earlier reads, never on how the network split the bytes.
With the delimiter LF, one CR before it belongs to the ending, and CR NUL, Telnet's bare return (RFC 854),
is removed.

Telnet commands are removed line by line, just before a line is read: a read of bytes returns them. With
`only_lines` nothing but lines is read, so they are removed from everything received at once.
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
    decoded and wait to be taken. ended: nothing more will come. answers: the answers to the Telnet commands
    in what was read; the owner sends them, and sets this to b"". dropped: the number of bytes of refused
    lines, without delimiters. skipping: after something was too long, the separator up to which all input
    is dropped; else None.
    """

    __slots__ = (
        "_at_once", "_clean", "_count", "_from", "_looked", "_made", "_only_lines", "_raw", "_sought",
        "_whole", "answers", "dropped", "ended", "format", "lines", "skipping",
    )  # fmt: skip

    def __init__(self, format: LineFormat, *, only_lines: bool = False) -> None:
        self.format = format
        self.lines = NO_LINES
        self.ended = False
        self.answers = b""
        self.dropped = 0
        self._only_lines = only_lines
        # Bytes as long as it is one unread chunk, to avoid a copy; else a bytearray.
        self._raw: bytes | bytearray = b""
        # A chunk that is read as bytes, and the place of the first unread one; `_raw` is empty meanwhile.
        self._whole = b""
        self._from = 0
        # The first bytes of `_raw` that `lines` were made of, and the number of these lines.
        self._made = 0
        self._count = 0
        # The bytes after those, without a delimiter in them. The first bytes of `_raw` without a Telnet
        # command.
        self._looked = 0
        self._clean = 0
        self._at_once = MOST_AT_ONCE
        # A separator, and the number of first bytes in which none begins.
        self._sought = b"", 0
        self.skipping: bytes | None = None

    def __len__(self) -> int:
        """Return the number of bytes that wait, without those of decoded lines."""
        return len(self._raw) - self._made + len(self._whole) - self._from

    @property
    def exhausted(self) -> bool:
        """Return whether every complete line was taken; an unfinished one may wait."""
        self._put_back()
        return (
            not length_hint(self.lines)
            and self._raw.find(self.format.delimiter, self._made + self._looked) < 0
        )

    def receive(self, data: bytes) -> None:
        if self._whole:
            self._put_back()
        if self._raw:
            self._changeable().extend(data)
        else:
            self._raw = data

    # Bytes.

    def take_some(self, most: int) -> bytes | None:
        """Return one to `most` bytes; b"" at the end of input."""
        self._put_back()
        if not self._as_bytes():
            return None
        return self._take(most) if self._raw or self.ended else None

    def take_exactly(self, number: int) -> bytes | None:
        """Return `number` bytes; None, also at the end of input, when there are fewer."""
        whole = self._whole or self._chunk()
        end = self._from + number
        size = len(whole)
        if end < size:
            data = whole[self._from : end]
            self._from = end
            return data
        if end == size:
            return self._rest()
        self._put_back()
        if not self._as_bytes() or len(self._raw) < number:
            return None
        return self._take(number)

    def take_until(self, separator: bytes, limit: int) -> bytes | None:
        """Return the bytes up to and with `separator`; None, also at the end of input, when it is missing.

        Raises LineTooLong when it is not among the first `limit` bytes.
        """
        whole = self._whole or self._chunk()
        if whole:
            begin = self._from
            at = whole.find(separator, begin, begin + limit)
            if at >= 0:
                end = at + len(separator)
                if end == len(whole):
                    return self._rest()
                self._from = end
                return whole[begin:end]
        elif not self._raw and self.skipping is None:
            return None
        self._put_back()
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
        """Return all bytes that wait, at the end of input."""
        self._put_back()
        return self._take(len(self._raw)) if self._as_bytes() else b""

    def _chunk(self) -> bytes:
        """Begin to read one unread chunk as bytes, by a place in it; b"" if the bytes need more work."""
        raw = self._raw
        if self._made or self.skipping is not None or type(raw) is not bytes:
            return b""
        self._whole, self._raw = raw, b""
        self._at_once = self._looked = self._clean = 0
        self._sought = b"", 0
        return raw

    def _rest(self) -> bytes:
        """Return the unread bytes of the chunk."""
        data = self._whole[self._from :] if self._from else self._whole
        self._whole, self._from = b"", 0
        return data

    def _put_back(self) -> None:
        """Read the rest of the chunk in other ways, or with more bytes after it."""
        if self._whole:
            self._raw = self._whole[self._from :]
            self._whole, self._from = b"", 0

    def _as_bytes(self) -> bool:
        """Turn decoded lines that were not taken into bytes again. Return False while skipping."""
        if self._made:
            rest = b""
            left = length_hint(self.lines)
            if left:
                rest = self._head(self._made).split(self.format.delimiter, self._count - left)[-1]
                # A loop over these lines that still runs ends here.
                deque(self.lines, 0)
            self._drop(self._made - len(rest))
            self._made, self.lines = 0, NO_LINES
        # The next line is decoded alone.
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
        """Return the next line without its ending; at the end of input an unfinished one, then None.

        Raises LineTooLong and LineNotText.
        """
        if self._whole:
            self._put_back()
        line = next(self.lines, None)
        if line is None and self.make_lines():
            line = next(self.lines)
        return line

    def make_lines(self) -> bool:
        """Decode new `lines` from the waiting bytes, after all lines of before were taken.

        Return whether there are any. Raises LineTooLong or LineNotText for a bad first line, and drops it.
        """
        if self._whole:
            self._put_back()
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
            # The fast path: most chunks are whole lines.
            try:
                lines = format.split(raw)
            except UnicodeDecodeError:
                return self._make_some()
            self.lines, self._made, self._count = iter(lines), len(raw), len(lines)
            self._looked = 0
            return True
        return self._make_some()

    def _make_some(self) -> bool:
        """Decode lines from at most about `_at_once` bytes, but at least one line."""
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
            # One of these lines is bad: decode fewer at a time, until it is the first.
            self._at_once = end // 4
        self._at_once = min(4 * self._at_once or LEAST_AT_ONCE, MOST_AT_ONCE)
        self.lines, self._made, self._count = iter(lines), end, len(lines)
        self._looked = 0
        return True

    def _split(self, end: int) -> list[str] | None:
        """Return the lines up to `end`; None if one of them is too long or not text."""
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
        """Drop the line up to `end`. Raises LineTooLong or LineNotText."""
        line = self._head(end).removesuffix(self.format.delimiter)
        self.dropped += len(line)
        self._drop(end)
        if self.format.is_too_long(line):
            raise self._too_long()
        raise LineNotText(f"a line is not {self.format.encoding}")

    def _too_long(self) -> LineTooLong:
        return LineTooLong(f"a line is longer than {self.format.max_line} bytes")

    def _is_unfinished_line(self, stop: int) -> bool:
        """Return whether the input has ended with an unfinished line. Raises LineTooLong."""
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
        """Drop bytes up to the separator. Return whether it was found, or the input has ended."""
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

    # Telnet commands.

    def _end_of_text(self) -> int:
        """Remove the commands of at least the first line, or of all bytes if it is unfinished.

        Return the end of the bytes that are known to be text: then come others, or an unfinished command.
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
        """Remove the commands from `at` to `end`. Return the data that stays, and an unfinished command."""
        raw, telnet = self._changeable(), TelnetFilter()
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
                unfinished = b""
            else:
                end = decisive.end()
                unfinished = alone.finish()
        raw[at:end] = data + unfinished
        self._sought = b"", 0
        self.answers += telnet.take_answers()
        return data, unfinished
