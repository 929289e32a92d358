"""Neighbouring lines of a connection that belong to one record, joined to one line (sans-IO).

    bytes ─ framer of the connection ─► lines ─ one record? joined by `\\x0a` ─► Block

A line of another program ends a record. So the order of a connection stays, and only one record is kept.
A line that is a JSON object is a record by itself: joined to others, it would lose its fields. The parts of
a container's line are joined without a mark; the whole may be an object, too.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from logsrv.linelog.batch import Block
from logsrv.linelog.fields.continuations.joiner import MOST_BYTES, Joiner
from logsrv.linelog.fields.continuations.parts import is_cut, join_parts, part_of_record
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.lines.framer import BlockFramer
from logsrv.linelog.lines.records import ESCAPED_LF
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize

# Lines of one call: 1 to 3 ms.
_MOST_AT_ONCE = 512
# Bytes at the beginning of a line that decide where it belongs: a longer line costs no more time or memory.
_LOOKED_AT = 4096
# A term of Erlang, or an object that Node shows, has no quotation mark there.
_OBJECT = re.compile(rb"\{\s*(?:[\"}]|\Z)")


@attrs.define(eq=False)
class JoiningFramer:
    """A framer around another one: the last record is kept until a line follows that begins another one.

    framer: the other one; its attributes are this one's, too. lines: number of lines so far. The bytes of a
    record that is too long are counted as they would be stored.
    """

    _framer: BlockFramer
    _rules: LineRules
    _counts: LineCounts
    lines: int = 0
    _closing: str | None = None
    # Lines for the next calls.
    _later: bytes = b""
    _joiner: Joiner | None = None
    # The record: its lines, their size, and whether it is longer than a line may be; whether its last line
    # is cut, and whether it begins an object.
    _parts: list[bytes] = attrs.field(factory=list, init=False)
    _size: int = 0
    _oversize: bool = False
    _is_cut: bool = False
    _is_object: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._framer, name)

    @property
    def more(self) -> bool:
        return bool(self._later) or self._framer.more

    @property
    def closing(self) -> str | None:
        """The reason why the connection must be closed, or None."""
        return None if self._later else self._closing or self._framer.closing

    @property
    def waits(self) -> tuple[int, ...]:
        """Return what silence decides: a kept record ends a second after its last line."""
        waits = self._framer.waits
        return (*waits, self.lines) if self._parts else waits

    def receive(self, chunk: bytes) -> Block | None:
        """Return the records that `chunk` completes as lines, or None."""
        if chunk or not self._later:
            self._add_lines(self._framer.receive(chunk))
        return _block_of(self._join_lines(-1 if self._closing else _MOST_AT_ONCE))

    def receive_silence(self) -> Block | None:
        """Return the kept record, and forget what it looked like: no line goes on with it any more."""
        self._add_lines(self._framer.receive_silence())
        lines = self._join_lines(_MOST_AT_ONCE)
        if self._later:
            return _block_of(lines)
        self._joiner = None
        return _block_of(lines + self._take_record())

    def finish(self) -> Block | None:
        """Return the rest as lines, or None. Call it after the last `receive`."""
        self._add_lines(self._framer.finish())
        return _block_of(self._join_lines(-1) + self._take_record())

    def _add_lines(self, block: Block | None) -> None:
        if block is not None:
            self._later += bytes(block)

    def _join_lines(self, most: int) -> bytes:
        lines = self._later.split(b"\n", most)
        self._later = lines.pop()
        self.lines += len(lines)
        return b"".join([self._add_line(line) for line in lines])

    def _add_line(self, line: bytes) -> bytes:
        """Return the lines that are complete now."""
        if self._closing:
            self._counts.dropped_closed += len(line)
            return b""
        record = ParsedLine.of_message(line[:_LOOKED_AT])
        is_object = bool(_OBJECT.match(record.content))
        was_cut, self._is_cut = self._is_cut, not line.startswith(b"{") and is_cut(record)
        if is_object and not (was_cut or self._is_cut):
            self._joiner = None
            return self._take_record() + line + b"\n"
        if self._joiner is None:
            self._joiner = Joiner(1)
        begins = self._joiner.first_line(record) is record
        if begins:
            self._is_object = is_object
        ended = self._keep(line, begins, self._joiner.is_rest)
        if self._is_object and not self._is_cut:
            self._joiner = None
            ended += self._take_record()
        return ended

    def _keep(self, line: bytes, begins: bool, is_rest: bool) -> bytes:
        """Add a line to the record, or begin another one; return the lines that are complete now."""
        size = self._size + 1 + len(line)
        if not begins and size > self._rules.max_line:
            return self._add_to_oversize(line, is_rest)
        if begins or size > MOST_BYTES:
            ended = self._take_record()
            self._parts, self._size = [line], len(line)
            return ended
        self._add_part(line, is_rest)
        self._size = size
        return b""

    def _add_part(self, line: bytes, is_rest: bool) -> None:
        lines = (self._parts.pop(), line) if is_rest else (line,)
        self._parts += [one.line for one in join_parts(map(ParsedLine.of_message, lines))]

    def _add_to_oversize(self, line: bytes, is_rest: bool) -> bytes:
        """Do with a line what the rules say if the record would become too long with it."""
        counts, rules = self._counts, self._rules
        counts.oversize_lines += not self._oversize
        ended = b""
        if rules.oversize is Oversize.SPLIT:
            ended = self._take_record()
            self._parts, self._size = [line], len(line)
        elif rules.oversize is Oversize.TRUNCATE:
            counts.dropped_truncated += len(line)
            self._size = rules.max_line
            if is_rest and (part := part_of_record(ParsedLine.of_message(line))):
                # The next line does not go on with the truncated one.
                self._add_part(line[: part.start], is_rest)
        else:
            counts.dropped_closed += len(line)
            self._closing = f"a record is longer than {rules.max_line} bytes"
        self._oversize = True
        return ended

    def _take_record(self) -> bytes:
        """Return the kept record as one line; b"" if there is none."""
        ended = ESCAPED_LF.join(self._parts) + b"\n" if self._parts else b""
        self._parts, self._size, self._oversize = [], 0, False
        return ended


def _block_of(lines: bytes) -> Block | None:
    return Block.of(lines) if lines else None
