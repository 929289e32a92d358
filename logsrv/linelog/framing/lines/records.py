"""Records, whatever they are made of, become lines: each of them one (sans-IO).

A record is a message as its sender meant it; it may have newlines in it. Each byte of it is in the line,
an LF inside as `\\x0a`, and what has to be escaped otherwise as in any line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from logsrv.linelog.batch import Block
from logsrv.linelog.framing.lines.clean import escaped, is_plain
from logsrv.linelog.framing.lines.lines import LineFramer
from logsrv.linelog.framing.lines.oversize import cut, next_oversize
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, Oversize, for_frames

_ESCAPED_LF = rb"\x0a"
LONG = 256 << 10
"""Bytes from which on a record of text is to be taken by `long_record`."""
_PIECE = 64 << 10


@attrs.frozen
class RecordRun:
    """Records one behind the other, all of them structured or all of them text."""

    lines: Sequence[bytes]
    structured: bool

    @property
    def size(self) -> int:
        """The bytes of the records."""
        return sum(map(len, self.lines))


def frame_records(
    records: Sequence[bytes], rules: LineRules, counts: LineCounts
) -> tuple[Block | None, str | None]:
    """Return the lines of some records, in their order, and why the connection has to be closed, or None.

    An empty record is none, and counted. One that is longer than `max_line`, before anything is escaped, is
    dealt with as `oversize` says; by CLOSE nothing behind it is stored.
    """
    lines = b"\n".join(records) + b"\n"
    whole = len(records)
    if lines.count(b"\n") > whole or b"" in records:
        lines = b"".join(
            [record.replace(b"\n", _ESCAPED_LF) + b"\n" for record in records if record]
        )
        counts.empty += list(records).count(b"")
    if not records or not lines:
        return None, None
    closing = None
    if (
        next_oversize(lines, 0, rules.max_line) >= 0
        # The escapes of LFs may have made it as long.
        and max(map(len, records)) > rules.max_line
    ):
        lines, closing = _without_oversize(records, rules, counts)
    if not (rules.raw or is_plain(lines)):
        lines = escaped(lines)
    return Block.of(lines), closing


def _without_oversize(
    records: Sequence[bytes], rules: LineRules, counts: LineCounts
) -> tuple[bytes, str | None]:
    """Return the lines of records of which some are too long, and why the connection has to be closed."""
    lines = []
    for place, record in enumerate(records):
        line = record.replace(b"\n", _ESCAPED_LF) + b"\n" if record else b""
        if len(record) > rules.max_line:
            line = cut(line, False, rules, counts).lines
        lines.append(line)
        if len(record) > rules.max_line and rules.oversize is Oversize.CLOSE:
            counts.dropped_closed += sum(map(len, records[place + 1 :]))
            return b"".join(lines), f"a record is longer than {rules.max_line} bytes"
    return b"".join(lines), None


def long_record(record: bytes, rules: LineRules, counts: LineCounts) -> Iterator[Block]:
    """Give the lines of a record of text that is much longer than one, some at a time.

    All of its escapes would take seconds.
    """
    framer = LineFramer(for_frames(rules), counts)
    for at in range(0, len(record), _PIECE):
        block = framer.receive(as_part(record[at : at + _PIECE], rules.raw))
        if block is not None:
            yield block
    block = framer.finish()
    if block is not None:
        yield block


def as_part(part: bytes, raw: bool) -> bytes:
    """Return part of a record so that a framer of lines sees no ending in it."""
    part = part.replace(b"\n", _ESCAPED_LF)
    return part if raw else part.replace(b"\r", rb"\x0d")


def without_ending(record: bytes) -> bytes:
    """Return a record without the one LF, CR LF or NUL that it may end with."""
    if record.endswith(b"\r\n"):
        return record[:-2]
    return record[:-1] if record.endswith((b"\n", b"\0")) else record
