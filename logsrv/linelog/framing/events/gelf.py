"""GELF over streams, where a NUL ends each message (sans-IO)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from logsrv.linelog.framing.bodies.bodies import Records
from logsrv.linelog.framing.events.objects import add_objects_or_text
from logsrv.linelog.framing.lines.lines import LineFramer
from logsrv.linelog.framing.lines.records import escape_line_ends
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, for_frames


class GelfFramer:
    """The framer of one connection: `receive` and `finish` turn bytes into records.

    A message longer than `most` bytes is stored as text while it arrives; `rules` say how long a line may
    be. So the framer keeps at most `most` bytes of a message.
    """

    __slots__ = ("_held", "_in_long", "_lines", "_most", "_raw")

    def __init__(self, rules: LineRules, counts: LineCounts, most: int) -> None:
        self._most = most
        self._raw = rules.raw
        self._held = bytearray()
        self._lines = LineFramer(for_frames(rules), counts)
        self._in_long = False

    @property
    def unfinished_bytes(self) -> int:
        """Return the number of bytes kept of an unfinished message."""
        return len(self._held)

    @property
    def is_ended_by_lf(self) -> bool:
        """Return whether the unfinished message looks whole, with LF in the place of NUL."""
        return self._held.endswith((b"}\n", b"}\r\n"))

    @property
    def closing(self) -> str | None:
        """Return one sentence why the connection must be closed, or None."""
        return self._lines.closing

    def receive(self, data: bytes) -> Generator[Any, None, Records]:
        """Return the records that `data` completes, in steps. It never raises, for any bytes."""
        *messages, rest = data.split(b"\0")
        records = Records()
        whole: list[bytes] = []
        for message in messages:
            if self._held:
                message = bytes(self._held) + message
                self._held.clear()
            if self._in_long or len(message) > self._most:
                yield from add_objects_or_text(whole, self._most, records)
                whole.clear()
                self._add_long_part(message, records)
                self._in_long = False
                self._add_framed_lines(b"\n", records)
            else:
                whole.append(message)
        yield from add_objects_or_text(whole, self._most, records)
        if self._in_long:
            self._add_long_part(rest, records)
            return records
        self._held += rest
        if len(self._held) > self._most:
            self._add_long_part(bytes(self._held), records)
            self._held.clear()
        return records

    def finish(self) -> Generator[Any, None, Records]:
        """Return the unfinished message, in steps. Call it when the connection has closed."""
        records = Records()
        if self._held:
            yield from add_objects_or_text([bytes(self._held)], self._most, records)
            self._held.clear()
        if self._in_long:
            self._add_framed_lines(b"\n", records)
        return records

    def _add_long_part(self, part: bytes, records: Records) -> None:
        """Store part of a message that is too long."""
        if not self._in_long:
            self._in_long = True
            records.as_text += 1
        self._add_framed_lines(escape_line_ends(part, self._raw), records)

    def _add_framed_lines(self, part: bytes, records: Records) -> None:
        block = self._lines.receive(part)
        if block is not None:
            records.add_whole_lines(bytes(block), block.number)
