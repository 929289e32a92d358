"""The framer of connections: bytes, cut anywhere, become blocks of whole lines (sans-IO).

    bytes ─ BOM, Telnet taken out ─ CR NUL, CR LF ─ at LF: Block + rest ─ too long? cut ─ escaped ─► Block

A chunk that needs none of these steps is not copied; `is_plain_ascii` finds that out in a few microseconds.
The result depends only on the bytes, never on how they were cut into chunks.

Carriage returns are as Telnet and DOS write them: CR NUL is a bare one, CR LF ends a line. First every
CR NUL is removed, from left to right, then every CR before an LF (RFC 854, "The NVT printer and keyboard";
RFC 5198 section 2). Other CRs stay: they are control characters.
"""

from __future__ import annotations

import enum
from typing import Protocol

import attrs
import numpy as np

from logsrv.kit.framing.telnet import TelnetFilter
from logsrv.linelog.batch import Block
from logsrv.linelog.lines.bom import without_bom
from logsrv.linelog.lines.clean import escaped, is_plain_ascii
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize, cut_oversize, next_oversize

# NumPy is faster than `replace` with a pair of bytes from this many bytes on. Searching for a pair is many
# times slower than for one byte, and slower still with many hits; measured on CPython 3.11 with NumPy 2.
_LOOK_FIRST = 2 * 1024

_NUL, _LF, _CR = 0, 10, 13


class HeldReturn(enum.Enum):
    """The CRs held back at the end of a chunk; the next chunk decides about them."""

    NONE = enum.auto()
    OPEN = enum.auto()
    """CR: a NUL or an LF may follow."""
    NO_BARE = enum.auto()
    """CR, after which a CR NUL was removed already: a NUL that comes next does not pair with this CR."""
    TWO = enum.auto()
    """CR CR: a NUL would remove the second CR, and then an LF may follow the first."""


def without_returns(data: bytes, held: HeldReturn) -> tuple[bytes, HeldReturn, int]:
    """Remove every CR NUL, and every CR before an LF.

    held: the CRs held back from the previous chunk; NONE at first. Returns the data without the CRs that
    are held back now, these CRs, and how many bytes of CR NUL were removed.
    """
    if not data:
        return data, held, 0
    if held is HeldReturn.OPEN:
        data = b"\r" + data
    elif held is HeldReturn.TWO:
        data = b"\r\r" + data
    bare = 0
    if b"\r" not in data and held is HeldReturn.NONE:
        return data, held, 0
    ends_open = data.endswith(b"\r")
    if b"\0" in data:
        bare = len(data)
        data = _without_cr_nul(data)
        bare -= len(data)
    if held is HeldReturn.NO_BARE:
        data = b"\r" + data
    if not data.endswith(b"\r"):
        return _with_lf_endings(data), HeldReturn.NONE, bare
    if not ends_open:
        held = HeldReturn.NO_BARE
    else:
        held = HeldReturn.TWO if data.endswith(b"\r\r") else HeldReturn.OPEN
    data = data[: -2 if held is HeldReturn.TWO else -1]
    return _with_lf_endings(data), held, bare


def _without_cr_nul(data: bytes) -> bytes:
    if len(data) < _LOOK_FIRST:
        return data.replace(b"\r\0", b"")
    codes = np.frombuffer(data, np.uint8)
    bare = codes == _CR
    bare[:-1] &= codes[1:] == _NUL
    bare[-1] = False
    bare[1:] |= bare[:-1]
    return codes.compress(~bare).tobytes()


def _with_lf_endings(data: bytes) -> bytes:
    if len(data) < _LOOK_FIRST:
        return data.replace(b"\r\n", b"\n")
    codes = np.frombuffer(data, np.uint8)
    # Compare first, then shift: NumPy is faster on aligned memory.
    stray = codes == _CR
    stray[:-1] &= (codes != _LF)[1:]
    if not stray.any():
        return data.replace(b"\r", b"")
    return codes.compress(stray | (codes != _CR)).tobytes()


PRESENCE = b"\r\n[logsrv: yes]\r\n"
"""The answer to Telnet's AYT, "are you there?"."""

_FIRST_LOOK = 512


class RecordFramer(Protocol):
    """A framer of connections. unfinished_bytes: number of bytes kept of an unfinished record."""

    @property
    def unfinished_bytes(self) -> int: ...


class BlockFramer(Protocol):
    """The methods of a framer such as `LineFramer`; its answers are bytes for the peer.

    more: whether it kept part of a chunk; then call `receive(b"")` again.
    waits: names the bytes whose fate a second of silence decides: call `receive_silence` when it has been
        the same for a second. () if there are none.
    """

    @property
    def more(self) -> bool: ...

    @property
    def waits(self) -> tuple[int, ...]: ...

    @property
    def closing(self) -> str | None: ...

    @property
    def answering(self) -> bool: ...

    def take_answers(self) -> bytes: ...

    def receive(self, chunk: bytes) -> Block | None: ...

    def receive_silence(self) -> Block | None: ...

    def finish(self) -> Block | None: ...


@attrs.define(eq=False)
class LineFramer:
    """The framer of one connection: `receive` and `finish` turn bytes into Blocks.

    start: bytes before the text; None if it begins inside a stream, where a BOM belongs to a line.
    closing: one sentence why the connection must be closed, or None.

    Keeps at most `max_line` bytes of an unfinished line (and 1 KiB of a Telnet command) in memory.
    """

    more = False
    waits = ()

    _rules: LineRules
    _counts: LineCounts
    # The first bytes, while they may be the beginning of a BOM; then None.
    _start: bytes | None = b""
    _rest: bytes | bytearray = b""
    _rest_plain: bool = True
    _oversize: bool = False
    _held: HeldReturn = HeldReturn.NONE
    _telnet: TelnetFilter | None = None
    closing: str | None = None

    def receive(self, chunk: bytes) -> Block | None:
        """Return the lines that `chunk` completes, or None. It never raises, for any bytes."""
        if self._rules.raw:
            return self._frame_lines(chunk, True)
        if self._start is not None:
            self._start, chunk = without_bom(self._start + chunk, self._counts)
        # CR LF, or text such as Cyrillic, usually shows in the first bytes: then the full check is
        # needless.
        first = chunk[:_FIRST_LOOK]
        plain = b"\r" not in first and first.isascii() and is_plain_ascii(chunk)
        if plain and self._held is HeldReturn.NONE and self._telnet is None:
            return self._frame_lines(chunk, True)
        data = self._without_telnet_and_returns(chunk)
        return self._frame_lines(data, plain if data is chunk else is_plain_ascii(data))

    def receive_silence(self) -> Block | None:
        """Return None: silence decides nothing about lines."""
        return None

    def finish(self) -> Block | None:
        """Return the unfinished last line, with an ending, or None. Call it after the last `receive`."""
        data, self._start = self._start or b"", None
        if self._telnet is not None:
            data = self._without_returns(self._telnet.finish())
        unfinished = data or self._rest
        if self._held is not HeldReturn.NONE or (unfinished and unfinished[-1] != _LF):
            data += self._without_returns(b"\n")
        return self._frame_lines(data, self._rules.raw)

    @property
    def answering(self) -> bool:
        """Return whether `take_answers` would return anything."""
        return self._telnet is not None and self._telnet.answering

    def take_answers(self) -> bytes:
        """Return the Telnet answers for the peer since the last call, mostly b"".

        Commands get no answer while 64 KiB of answers wait.
        """
        return b"" if self._telnet is None else self._telnet.take_answers()

    def _without_telnet_and_returns(self, chunk: bytes) -> bytes:
        """Return `chunk` without Telnet commands, and with LF as the only line ending."""
        if self._telnet is None and self._rules.telnet and b"\xff" in chunk:
            self._telnet = TelnetFilter(PRESENCE)
        if self._telnet is None:
            return self._without_returns(chunk)
        before = self._telnet.swallowed
        data = self._telnet.receive(chunk)
        self._counts.dropped_telnet += self._telnet.swallowed - before
        return self._without_returns(data)

    def _without_returns(self, data: bytes) -> bytes:
        data, self._held, bare = without_returns(data, self._held)
        self._counts.dropped_cr_nul += bare
        return data

    def _frame_lines(self, data: bytes, plain: bool) -> Block | None:
        """Split `data`, in which only LF ends a line, at its last LF.

        plain: whether no byte needs to be escaped.
        """
        limit = self._rules.max_line
        rest = self._rest
        stop = data.rfind(b"\n") + 1
        if stop == 0:
            skipping = self._oversize and self._rules.oversize is not Oversize.SPLIT
            if skipping or len(rest) + len(data) > limit:
                return self._frame_oversize(data, plain)
            self._keep_unfinished(data, plain)
            return None
        # The line that began in an earlier chunk ends at `start`.
        start = data.find(b"\n") + 1 if rest else 0
        first = len(rest) + start - 1
        if self._oversize or first > limit or next_oversize(data, start, limit) >= 0:
            return self._frame_oversize(data, plain)
        head = bytes(rest) + data[:start] if rest else b""
        if head and not (plain and self._rest_plain):
            head = escaped(head)
        self._rest = data[stop:]
        self._rest_plain = plain
        lines = data if plain else escaped(data, start, stop)
        if lines is not data:
            start, stop = 0, len(lines)
        return Block(head, lines, start, stop)

    def _keep_unfinished(self, data: bytes, plain: bool) -> None:
        """Append `data`, which has no LF, to the unfinished line."""
        if not self._rest:
            self._rest = data
            self._rest_plain = plain
            return
        # A bytearray grows in place. Joining `bytes` each time would cost quadratic time, and a list of
        # single bytes 33 bytes of memory for each.
        if isinstance(self._rest, bytes):
            self._rest = bytearray(self._rest)
        self._rest += data
        self._rest_plain = self._rest_plain and plain

    def _frame_oversize(self, data: bytes, plain: bool) -> Block | None:
        """Do the work of `_frame_lines` if a line may be too long."""
        plain = plain and self._rest_plain
        result = cut_oversize(bytes(self._rest) + data, self._oversize, self._rules, self._counts)
        self._rest = result.rest
        self._rest_plain = plain
        self._oversize = result.oversize
        if self._oversize and self._rules.oversize is Oversize.CLOSE:
            self.closing = f"a line is longer than {self._rules.max_line} bytes"
        if not result.lines:
            return None
        return Block.of(result.lines if plain else escaped(result.lines))
