"""Turn records of any input into lines, one line for each record (sans-IO).

A record is one whole message of a sender; it may contain newlines. The line keeps every byte of the record:
an LF inside becomes `\\x0a`, and other bytes are escaped as in any line (`clean.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from logsrv.linelog.batch import Block
from logsrv.linelog.lines.clean import escaped, is_plain_ascii
from logsrv.linelog.lines.rules import (
    LineCounts,
    LineRules,
    Oversize,
    cut_oversize,
    next_oversize,
)

ESCAPED_LF = rb"\x0a"


@attrs.frozen
class RecordRun:
    """Consecutive records that are all structured, or all text."""

    lines: list[bytes]
    structured: bool

    @property
    def number(self) -> int:
        """The number of records."""
        return len(self.lines)

    @property
    def record_bytes(self) -> int:
        """The total length of the records in bytes."""
        return sum(map(len, self.lines))


def frame_records(
    records: Sequence[bytes], rules: LineRules, counts: LineCounts
) -> tuple[Block | None, str | None]:
    """Return records as lines, in order, and the reason to close the connection, or None.

    Empty records are skipped and counted. `rules.oversize` decides about a record that is longer than
    `rules.max_line` before it is escaped; with CLOSE no later record is stored.
    """
    lines = b"\n".join(records) + b"\n"
    whole = len(records)
    if lines.count(b"\n") > whole or b"" in records:
        lines = b"".join(
            [record.replace(b"\n", ESCAPED_LF) + b"\n" for record in records if record]
        )
        counts.empty += list(records).count(b"")
    if not records or not lines:
        return None, None
    closing = None
    if (
        next_oversize(lines, 0, rules.max_line) >= 0
        # Perhaps only the escaped LFs made a line this long.
        and max(map(len, records)) > rules.max_line
    ):
        lines, closing = _cut_oversize_records(records, rules, counts)
    if not (rules.raw or is_plain_ascii(lines)):
        lines = escaped(lines)
    return Block.of(lines), closing


def _cut_oversize_records(
    records: Sequence[bytes], rules: LineRules, counts: LineCounts
) -> tuple[bytes, str | None]:
    """Return the lines if some records are too long, and the reason to close the connection, or None."""
    lines = []
    for index, record in enumerate(records):
        line = record.replace(b"\n", ESCAPED_LF) + b"\n" if record else b""
        if len(record) > rules.max_line:
            line = cut_oversize(line, False, rules, counts).lines
        lines.append(line)
        if len(record) > rules.max_line and rules.oversize is Oversize.CLOSE:
            counts.dropped_closed += sum(map(len, records[index + 1 :]))
            return b"".join(lines), f"a record is longer than {rules.max_line} bytes"
    return b"".join(lines), None


def escape_line_ends(part: bytes, raw: bool) -> bytes:
    """Escape LFs in part of a record, and CRs unless `raw`, so that `LineFramer` does not split there."""
    part = part.replace(b"\n", ESCAPED_LF)
    return part if raw else part.replace(b"\r", rb"\x0d")


def without_ending(record: bytes) -> bytes:
    """Remove one LF, CR LF or NUL from the end of a record, if there is one."""
    if record.endswith(b"\r\n"):
        return record[:-2]
    return record[:-1] if record.endswith((b"\n", b"\0")) else record


def line_pieces(text: bytes, size: int) -> Iterator[bytes]:
    """Yield a text in pieces of `size` bytes or little more, which end with a line."""
    start = 0
    while start < len(text):
        stop = text.find(b"\n", start + size) + 1 or len(text)
        yield text[start:stop]
        start = stop
