"""Notes of blocks: where one stands here, and where it stood in the store it is from (no I/O).

    17:52311 1048501 0a0a…0a 3:0 3:1048501 - 1c291ca3 77ab03f2

A line each: the place here, bytes, the identity of the origin, from and to there, the sequence number of
whoever brought it (- for none), the CRC-32 of the text, and the CRC-32 of the line before that.
"""

from __future__ import annotations

import re
import zlib

import attrs

from logsrv.linelog.store.segments.segment import Position, parse_position

_LINE = re.compile(
    rb"([0-9:]+) ([0-9]{1,15}) ([0-9a-f]{32}) ([0-9:]+) ([0-9:]+) (-|[0-9]{1,20}) ([0-9a-f]{8})"
    rb" ([0-9a-f]{8})\n"
)


@attrs.frozen
class Note:
    """A block of an origin that is stored here, or is about to be.

    at: its place here. start, end: its place in the store of the origin. crc: the CRC-32 of its text.
    sequence: the number that whoever brought it gave it, if any.
    """

    at: Position
    origin: str
    start: Position
    end: Position
    crc: int
    sequence: int | None = None

    @property
    def size(self) -> int:
        return self.end.offset - self.start.offset

    @property
    def stop(self) -> Position:
        """The place behind it here."""
        return Position(self.at.segment, self.at.offset + self.size)

    def line(self) -> bytes:
        """Return it as a line of the file."""
        sequence = "-" if self.sequence is None else self.sequence
        text = (
            f"{self.at} {self.size} {self.origin} {self.start} {self.end} {sequence}"
            f" {self.crc:08x} "
        ).encode()
        return b"%s%08x\n" % (text, zlib.crc32(text))


@attrs.frozen
class Standing:
    """The place of the next byte of a store, and the last block of each origin, at one moment."""

    position: Position
    notes: tuple[Note, ...]


def parse_notes(data: bytes) -> list[tuple[int, Note | None]]:
    """Return the notes in a file with the offsets of their lines; None for a line that is damaged."""
    found = []
    offset = 0
    for line in data.splitlines(keepends=True):
        found.append((offset, _parsed(line)))
        offset += len(line)
    return found


def _parsed(line: bytes) -> Note | None:
    match = _LINE.fullmatch(line)
    if match is None or zlib.crc32(line[:-9]) != int(match[8], 16):
        return None
    try:
        at, start, end = (parse_position(match[part].decode()) for part in (1, 4, 5))
    except ValueError:
        return None
    sequence = None if match[6] == b"-" else int(match[6])
    note = Note(at, match[3].decode(), start, end, int(match[7], 16), sequence)
    sensible = start.segment == end.segment and note.size == int(match[2]) > 0
    return note if sensible else None
