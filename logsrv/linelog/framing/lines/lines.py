"""The framer of connections: bytes, cut anywhere, become blocks of whole lines (sans-IO).

    bytes ─ Telnet taken out ─ CR NUL, CR LF ─ at LF: Block + rest ─ too long? cut ─ escaped ─► Block

A chunk that needs nothing of that passes through uncopied: `is_plain` says so in a few microseconds.
The result depends on the bytes alone, never on how they were cut into chunks.
"""

from __future__ import annotations

from logsrv.kit.framing.telnet import TelnetFilter
from logsrv.linelog.batch import Block
from logsrv.linelog.framing.lines.clean import escaped, is_plain
from logsrv.linelog.framing.lines.oversize import cut, next_oversize
from logsrv.linelog.framing.lines.returns import HeldReturn, without_returns
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, Oversize

PRESENCE = b"\r\n[logsrv: yes]\r\n"
"""The answer to Telnet's "are you there?"."""

_LF = 10
_FIRST_LOOK = 512


class LineFramer:
    """The framer of one connection: bytes in with `receive` and `finish`, Blocks out.

    closing: why the connection has to be closed, one sentence, or None.

    It holds no more than `max_line` bytes of an unfinished line (and 1 KiB of a Telnet command).
    """

    __slots__ = (
        "_counts",
        "_held",
        "_oversize",
        "_rest",
        "_rest_plain",
        "_rules",
        "_telnet",
        "closing",
    )

    def __init__(self, rules: LineRules, counts: LineCounts) -> None:
        self._rules = rules
        self._counts = counts
        self._rest: bytes | bytearray = b""
        self._rest_plain = True
        self._oversize = False
        self._held = HeldReturn.NONE
        self._telnet: TelnetFilter | None = None
        self.closing: str | None = None

    def receive(self, chunk: bytes) -> Block | None:
        """The lines that are complete with `chunk`, or None; never raises on account of the bytes."""
        if self._rules.raw:
            return self._frame(chunk, True)
        # A sender of CR LF, or of Cyrillic, shows it at the beginning: no need to look at all the rest.
        first = chunk[:_FIRST_LOOK]
        plain = b"\r" not in first and first.isascii() and is_plain(chunk)
        if plain and self._held is HeldReturn.NONE and self._telnet is None:
            return self._frame(chunk, True)
        data = self._interpreted(chunk)
        return self._frame(data, plain if data is chunk else is_plain(data))

    def finish(self) -> Block | None:
        """The unfinished last line, ended; or None. The connection has closed, nothing follows."""
        data = b""
        if self._telnet is not None:
            data = self._without_returns(self._telnet.finish())
        unfinished = data or self._rest
        if self._held is not HeldReturn.NONE or (unfinished and unfinished[-1] != _LF):
            data += self._without_returns(b"\n")
        return self._frame(data, self._rules.raw)

    @property
    def answering(self) -> bool:
        """Return whether there is something in `take_answers`."""
        return self._telnet is not None and self._telnet.answering

    def take_answers(self) -> bytes:
        """Telnet's answers for the peer, mostly b""; each is given once.

        What goes beyond 64 KiB of them is left unanswered.
        """
        return b"" if self._telnet is None else self._telnet.take_answers()

    def _interpreted(self, chunk: bytes) -> bytes:
        """`chunk` without Telnet's commands, and with LF as the only line ending."""
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

    def _frame(self, data: bytes, plain: bool) -> Block | None:
        """Cut `data`, in which only LF ends a line, at its last LF.

        plain: nothing in it needs to be escaped.
        """
        limit = self._rules.max_line
        rest = self._rest
        stop = data.rfind(b"\n") + 1
        if stop == 0:
            skipping = self._oversize and self._rules.oversize is not Oversize.SPLIT
            if skipping or len(rest) + len(data) > limit:
                return self._frame_oversize(data, plain)
            self._keep(data, plain)
            return None
        # The end of the line that began earlier.
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

    def _keep(self, data: bytes, plain: bool) -> None:
        """`data` has no LF: it belongs to the unfinished line."""
        if not self._rest:
            self._rest = data
            self._rest_plain = plain
            return
        # A bytearray grows in place: joining `bytes` again and again would cost the square of it,
        # and a list of them 33 bytes for each byte that came by itself.
        if isinstance(self._rest, bytes):
            self._rest = bytearray(self._rest)
        self._rest += data
        self._rest_plain = self._rest_plain and plain

    def _frame_oversize(self, data: bytes, plain: bool) -> Block | None:
        """Do as `_frame` does, where a line may be too long."""
        plain = plain and self._rest_plain
        result = cut(bytes(self._rest) + data, self._oversize, self._rules, self._counts)
        self._rest = result.rest
        self._rest_plain = plain
        self._oversize = result.oversize
        if self._oversize and self._rules.oversize is Oversize.CLOSE:
            self.closing = f"a line is longer than {self._rules.max_line} bytes"
        if not result.lines:
            return None
        return Block.of(result.lines if plain else escaped(result.lines))
