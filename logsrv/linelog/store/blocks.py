"""Blocks of lines from other stores, and their notes (no I/O).

A block is stored exactly once, and is synced before it is confirmed. Its note has its position in this
store and in the store that it comes from. The notes are lines of the file `origins`:

    origins 1 5d4f9d7f
    17:52311 1048501 0a0a…0a 3:0 3:1048501 - 1c291ca3 77ab03f2

The first line has the number of lines that followed it when the file was made, and a checksum. More lines
may have been added since. By that number a start notices that the end of the file was cut off. Older
versions did not write the first line.

Each other line is a note: the position in this store, the bytes of the block, the identity of its origin,
its begin and its end in that store, the sequence number that the sender gave it (- for none), the CRC-32 of
its text, and the CRC-32 of the line before that checksum.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence

import attrs
from twisted.internet.defer import Deferred

from logsrv.kit.text.checksums import line_with_checksum, repair_one_bit
from logsrv.linelog.batch import Buffer
from logsrv.linelog.store.segment import Position, parse_position

_HEAD = b"origins "
_FIRST = re.compile(rb"origins ([0-9]{1,9}) [0-9a-f]{8}\n")
# In at most this number of damaged lines, each bit is flipped to find a changed one: some milliseconds for
# a line. All other damaged lines stay damaged.
_MOST_TRIED = 16
_LINE = re.compile(
    rb"([0-9:]+) ([0-9]{1,15}) ([0-9a-f]{32}) ([0-9:]+) ([0-9:]+) (-|[0-9]{1,20}) ([0-9a-f]{8})"
    rb" ([0-9a-f]{8})\n"
)


@attrs.frozen
class BlockNote:
    """A block of an origin that this store has, or that will be stored next.

    at: its position in this store. start, end: its position in the store of the origin. crc: the CRC-32 of
    its text. sequence: the number that its sender gave it, if any.
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
    def stored_end(self) -> Position:
        """The position after the block in this store."""
        return Position(self.at.segment, self.at.offset + self.size)

    def as_line(self) -> bytes:
        """Return the note as a line of the file."""
        sequence = "-" if self.sequence is None else self.sequence
        text = (
            f"{self.at} {self.size} {self.origin} {self.start} {self.end} {sequence}"
            f" {self.crc:08x} "
        ).encode()
        return b"%s%08x\n" % (text, zlib.crc32(text))


@attrs.frozen
class NotesFile:
    """The file `origins`.

    notes, offsets: the notes in order, and the offsets of their lines. least: the number of lines when the
    file was made. torn: the beginning of an unfinished last line. damaged: unusable lines. sure: the
    origins whose last note is after all damaged lines. changed: the number of lines in which one changed
    bit was corrected.
    """

    notes: tuple[BlockNote, ...] = ()
    offsets: tuple[int, ...] = ()
    least: int = 0
    torn: bytes = b""
    damaged: tuple[bytes, ...] = ()
    sure: frozenset[str] = frozenset()
    changed: int = 0

    @property
    def line_count(self) -> int:
        """The number of lines after the first."""
        return len(self.notes) + len(self.damaged)

    @property
    def refused_stores_text(self) -> str:
        """The stores whose blocks are refused while lines are damaged, in words for a message."""
        return f"all stores but {len(self.sure):,}" if self.sure else "all stores"

    def with_torn_as_damaged(self) -> NotesFile:
        """Count a torn line as damaged: a writer that was not killed had written the line completely."""
        if not self.torn:
            return self
        # The added word keeps the line invalid: if it lacks only its LF, it would be valid otherwise.
        damaged = (*self.damaged, self.torn + b" (torn)\n")
        return attrs.evolve(self, torn=b"", damaged=damaged, sure=frozenset())

    def to_bytes(self) -> bytes:
        """Return the content of the file, with the damaged lines before the notes of `sure` origins."""
        known = [note.as_line() for note in self.notes if note.origin in self.sure]
        others = [note.as_line() for note in self.notes if note.origin not in self.sure]
        lines = (*others, *self.damaged, *known)
        return b"".join((line_with_checksum(b"%b%d" % (_HEAD, len(lines))), *lines))


def make_notes_file(notes: Iterable[BlockNote], like: NotesFile | None = None) -> NotesFile:
    """Return a file with these notes, and with the damaged lines of another file, if any."""
    found = tuple(notes)
    if like is not None and like.damaged:
        return NotesFile(found, damaged=like.damaged, sure=like.sure)
    return NotesFile(found, sure=frozenset(note.origin for note in found))


def parse_notes_file(data: bytes) -> NotesFile:
    """Parse the content of a file."""
    lines, changed = _corrected_lines(data)
    torn = b"" if not lines or lines[-1].endswith(b"\n") else lines.pop()
    head = _parse_first_line(lines[0]) if lines else None
    at, notes, offsets, damaged, sure = 0, [], [], [], set()
    for line in lines:
        if (note := _parse_note(line)) is not None:
            notes.append(note)
            offsets.append(at)
            sure.add(note.origin)
        elif at or head is None:
            damaged.append(line)
            sure.clear()
        at += len(line)
    missing = (head or 0) - len(notes) - len(damaged)
    if missing > 0 or not lines:
        damaged.append(b"%d lines or more are missing\n" % max(missing, 1))
        sure.clear()
    return NotesFile(
        tuple(notes), tuple(offsets), head or 0, torn, tuple(damaged), frozenset(sure), changed
    )


def _corrected_lines(data: bytes) -> tuple[list[bytes], int]:
    """Return the lines of a file, and the number of lines in which one changed bit was corrected."""
    found: list[bytes] = []
    changed = tried = 0
    for line in re.findall(rb"[^\n]*\n|[^\n]+", data):
        right = None
        if not _are_valid_lines(line) and tried < _MOST_TRIED:
            tried += 1
            right = repair_one_bit(line, _are_valid_lines)
            changed += right is not None
        # If the changed byte was an LF, the line is two lines.
        found += [line] if right is None else right.splitlines(keepends=True)
    return found, changed


def _are_valid_lines(text: bytes) -> bool:
    return text.endswith(b"\n") and all(
        _parse_note(line) is not None or _parse_first_line(line) is not None
        for line in text.splitlines(keepends=True)
    )


def _parse_first_line(line: bytes) -> int | None:
    """Return the number of lines in the first line of a file; None if `line` is no first line."""
    found = _FIRST.fullmatch(line)
    return int(found[1]) if found and line_with_checksum(_HEAD + found[1]) == line else None


def _parse_note(line: bytes) -> BlockNote | None:
    match = _LINE.fullmatch(line)
    if match is None or zlib.crc32(line[:-9]) != int(match[8], 16):
        return None
    try:
        at, start, end = (parse_position(match[part].decode()) for part in (1, 4, 5))
    except ValueError:
        return None
    sequence = None if match[6] == b"-" else int(match[6])
    note = BlockNote(at, match[3].decode(), start, end, int(match[7], 16), sequence)
    sensible = start.segment == end.segment and note.size == int(match[2]) > 0
    return note if sensible else None


@attrs.frozen
class PendingBlock:
    """A block of an origin, unpacked and checked: whole lines, which are stored unchanged.

    start, end: its position in the store of the origin. crc: the CRC-32 of its text. lines: the number of
    its lines. sequence: the number that its sender gave it. stored: fires when the block is on the medium.
    """

    origin: str
    start: Position
    end: Position
    crc: int
    text: bytes = attrs.field(repr=False)
    lines: int
    sequence: int | None = None
    stored: Deferred[None] = attrs.field(factory=Deferred, eq=False, repr=False)


class Deposit:
    """Pending blocks that are written together, one after the other.

    position: their beginning in this store; None before it is noted. written: the bytes written so far.
    """

    def __init__(self, pending_blocks: Sequence[PendingBlock]) -> None:
        self.pending_blocks = pending_blocks
        self.position: Position | None = None
        self.written = 0
        self.notes: list[BlockNote] = []

    @property
    def texts(self) -> list[Buffer]:
        return [pending.text for pending in self.pending_blocks]

    def goes_on_at(self, position: Position) -> bool:
        """Return whether writing has begun, and `position` is that of the next byte."""
        return self.position is not None and position == (
            self.position.segment,
            self.position.offset + self.written,
        )

    def make_notes(self, position: Position) -> None:
        """Make the notes of the blocks; the first block begins at `position`."""
        self.position, self.written, self.notes = position, 0, []
        number, offset = position
        for each in self.pending_blocks:
            at = Position(number, offset)
            self.notes.append(
                BlockNote(at, each.origin, each.start, each.end, each.crc, each.sequence)
            )
            offset += len(each.text)
