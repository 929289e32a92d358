"""The way back from a line to the beginning of its record, over the lines of its source before it.

It is apart from `first_lines.py`, which asks for all lines of a text at once and needs NumPy: a search that
shows few lines asks for these alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from logsrv.linelog.fields.continuation import (
    MOST_BYTES,
    MOST_DOUBT,
    MOST_LINES,
    Joiner,
    Lead,
    has_own_header,
    is_at_once,
    is_soon,
    lead_of_record,
)
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stored_line import REACH, STAMP
from logsrv.linelog.fields.trace_shapes import (
    BEGINS_ANOTHER,
    OPENING_MARKS,
    OPENING_WITHIN,
    OPENING_WORDS,
    goes_on_anywhere,
    kind_of_text,
)

NEAR = 64 << 10
"""Bytes from a line to the next of its record, if only the line before shows that it is one."""

Earlier: TypeAlias = Callable[[], Iterable[tuple[int, bytes]]]
"""Whole lines before a text, the nearest piece first, up to REACH; each with its bytes up to the text."""


_STAMP = rb"^(?:[^ \n]+ [^ \n]+ )?"
# The lines that `first_lines.py` finds with NumPy, and more: no others begin a trace or go on with one.
_MAY_OPEN = re.compile(
    rb"%b(?:[%b]|%b|[A-Za-z]:|[A-Za-z_\x80-\xff][\w$./~%%()*\[\]\x80-\xff-]*[.:]|[^\n]*(?:%b))"
    % (
        _STAMP,
        re.escape(OPENING_MARKS),
        b"|".join(map(re.escape, OPENING_WORDS)),
        re.escape(OPENING_WITHIN),
    ),
    re.MULTILINE,
)
# Within a trace, nearly any text goes on.
_MAY_BE_WITHIN = re.compile(_STAMP + rb"(?!%b)[^\n]" % BEGINS_ANOTHER, re.MULTILINE)
# The next is part of a record whatever stands before it.
_IS_PART = re.compile(STAMP.pattern + rb"[ \t]+[^\s+|^]")
_PART = Lead(continues=True, doubt=0, is_unknown=False, is_any_text=False)
_SECONDS = len("2026-11-20T06:18:42")
# Lines that are passed until the sources are looked at of which none was met.
_PASSED = 64


def may_be_continuation(line: bytes) -> bool:
    """Return whether a line may go on with a record, as nearly each may without a header of its own."""
    return _MAY_BE_WITHIN.match(line) is not None or _MAY_OPEN.match(line) is not None


def may_have_continuations(text: bytes) -> bool:
    """Return whether a line of a text may go on with a record."""
    return _MAY_BE_WITHIN.search(text) is not None or _MAY_OPEN.search(text) is not None


def first_line_of(line: bytes, pieces: Iterable[tuple[int, bytes]]) -> bytes | None:
    """Return the first line of the record that a line goes on with; None if it begins one.

    pieces: as `Earlier` returns them, of the text before the line.
    """
    stamp = STAMP.match(line)
    source = stamp[2] if stamp else b""
    record = Record(line)
    if has_own_header(record) or not record.body.strip() or WayBack(line).is_over:
        return None
    before, _ = lines_of_sources({source: line}, pieces)
    joiner = Joiner()
    for _, earlier in before:
        joiner.first_line(Record(earlier))
    first = joiner.first_line(record)
    is_part = goes_on_anywhere(kind_of_text(first.body))
    return None if first is record or is_part or not first.body.strip() else first.line


def lines_of_sources(
    first: Mapping[bytes, bytes], pieces: Iterable[tuple[int, bytes]]
) -> tuple[list[tuple[int, bytes]], bool]:
    """Return the last lines of some sources that tell which of their records go on, in order.

    first: of each source, its first line in the text. Each line has the bytes from its beginning to the
    text. Of each source they begin with a line that surely begins a record, or where no record can go on.
    False: the text before ended too soon.
    """
    wanted = {source: WayBack(line) for source, line in first.items()}
    found: list[tuple[int, bytes]] = []
    limit = max(one.limit for one in wanted.values())
    passed = 0
    for distance, piece in pieces:
        end = len(piece) - piece.endswith(b"\n")
        while end >= 0 and wanted:
            if len(wanted) == 1:
                end = _end_of_last_line_of(next(iter(wanted)), piece, end)
            start = piece.rfind(b"\n", 0, max(end, 0)) + 1
            far = distance - start
            passed += 1
            if far > limit or passed % _PASSED == 0:
                wanted = {source: one for source, one in wanted.items() if one.limit >= far}
                if not wanted:
                    return found[::-1], True
                limit = max(one.limit for one in wanted.values())
            if end < 0:
                break
            line = piece[start:end]
            stamp = STAMP.match(line)
            source = stamp[2] if stamp else b""
            if source in wanted:
                if wanted[source].add(line, far):
                    found.append((far, line))
                limit = max(limit, wanted[source].limit)
                if wanted[source].is_over:
                    del wanted[source]
            end = start - 1
        if not wanted:
            break
    return found[::-1], not wanted


def _end_of_last_line_of(source: bytes, piece: bytes, end: int) -> int:
    """Return where the last line up to `end` ends that may be of a source; -1 if none is."""
    at = piece.rfind(b" %b " % source, 0, end) if source else end
    if at < 0:
        return -1
    behind = piece.find(b"\n", at, end)
    return end if behind < 0 else behind


class WayBack:
    """The lines of a source from a text on backwards, up to one that begins a record.

    limit: the bytes before the text within which another line may matter. is_over: whether none may.
    """

    def __init__(self, line: bytes) -> None:
        self._lines = self._size = self._doubt = 0
        self.is_over = False
        self._lead = self._look(line, 0)

    def _look(self, line: bytes, distance: int) -> Lead:
        self._record = Record(line)
        lead = lead_of_record(self._record)
        self._doubt = self._doubt + lead.doubt if lead.doubt else 0
        self.limit = min(REACH, distance + NEAR) if lead.is_unknown else REACH
        self.is_over |= has_own_header(self._record) or not lead.continues
        self.is_over |= self._doubt > MOST_DOUBT
        return lead

    def add(self, line: bytes, distance: int) -> bool:
        """Look at the line before; return whether it may matter."""
        if (
            not self._lead.is_any_text
            and distance <= self.limit
            and line[:_SECONDS] == self._record.line[:_SECONDS]
            and (part := _IS_PART.match(line))
        ):
            self._record = Record(line)
            self._doubt = 0
            self.limit = REACH
            self._lead = _PART
            return self._has_added(len(line) - part.end(2) - 1)
        record = Record(line)
        is_any_text = self._lead.is_any_text and bool(self._record.body.strip())
        is_apart = is_any_text and not is_at_once(record, self._record)
        if is_apart or distance > self.limit or not is_soon(record, self._record):
            self.is_over = True
            return False
        self._lead = self._look(line, distance)
        return self._has_added(len(record.body))

    def _has_added(self, size: int) -> bool:
        self._lines += 1
        self._size += size
        self.is_over |= self._lines > MOST_LINES or self._size > MOST_BYTES
        return True
