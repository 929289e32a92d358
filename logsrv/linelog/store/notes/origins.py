"""The file `origins`: the last block of each origin, so that no block is stored twice or left out.

If a line of the file is damaged, the last blocks of some origins are unknown. Blocks of these origins are
refused, and their senders keep them, until `logsrv doctor --repair` has made the file anew.

A block is written only when its note is on the medium. Nothing else is written until the block is on the
medium, too. So only the last blocks of the active segment can be incomplete. A start after a crash cuts
off these blocks and their notes, and their senders send them again.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections import deque
from collections.abc import Sequence
from operator import attrgetter

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from logsrv.descriptor import Descriptor, pieces_between
from logsrv.kit.text.words import counted
from logsrv.linelog.store.blocks import (
    BlockNote,
    NotesFile,
    make_notes_file,
    parse_notes_file,
)
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.erased import ErasedNotes, erased_or_none
from logsrv.linelog.store.segment import ACTIVE, Position

log = Logger()
NAME = "origins"
_NONE = NotesFile()
MOST_LINES = 1000
"""The number of added lines after which the file is rewritten with only the last notes of each origin."""


class Origins:
    """The last block of each origin that is on the medium, by the identity of the origin.

    `write_notes`, `record_stored`: for the writer; for any thread: `last_block` and `len`. under_way: the
    blocks that are being stored; belongs to the reactor's thread.
    """

    def __init__(self, disk: Disk, found: NotesFile = _NONE) -> None:
        self.under_way = BlocksUnderWay()
        self._disk = disk
        self._found = found
        self._last: dict[str, BlockNote] = {}
        self._before: dict[str, BlockNote] = {}
        self.record_stored(found.notes)
        self._fd: int | None = None
        self._lines = 0
        # True if the file has more lines than its first line says, or an older version wrote no first line.
        self._has_grown = found.line_count != found.least

    def __len__(self) -> int:
        return len(self._last)

    def last_block(self, origin: str) -> BlockNote | None:
        """Return the last block of an origin; None if there is none."""
        return self._last.get(origin)

    def why_unknown(self, origin: str) -> str:
        """Return a sentence why the last block of an origin is unknown; "" if it is known."""
        if not self._found.damaged or origin in self._found.sure:
            return ""
        return (
            f"the file {NAME} is damaged, so the last block from this store is uncertain: its blocks are"
            " refused until `logsrv doctor --repair` has repaired the file"
        )

    def end_of_last_block(self, origin: str) -> Position | None:
        """Return the end of the last block of an origin, stored or under way; None without one."""
        note = self.last_block(origin)
        return self.under_way.last_end(origin) or (note.end if note else None)

    def write_notes(self, notes: Sequence[BlockNote]) -> None:
        """Write and sync the notes of blocks that will be written next. Raises OSError."""
        lines = b"".join(note.as_line() for note in notes)
        if self._fd is None or self._lines > MOST_LINES + len(self._last):
            self.close()
            # A new file: the old one may have notes of a failed attempt.
            self._disk.replace_durably(NAME, self._latest_notes_bytes() + lines)
            self._lines = len(notes)
            self._has_grown = True
            self._fd = self._disk.open(NAME, os.O_WRONLY | os.O_APPEND)
            return
        try:
            self._disk.write(self._fd, lines)
            self._disk.fdatasync(self._fd)
        except OSError:
            self.close()
            raise
        self._lines += len(notes)

    def record_stored(self, notes: Sequence[BlockNote]) -> None:
        """Record that these notes and the text of their blocks are on the medium."""
        for note in notes:
            if note.origin in self._last:
                self._before[note.origin] = self._last[note.origin]
            self._last[note.origin] = note

    def _latest_notes_bytes(self) -> bytes:
        """Return the content of a file with the last two notes of each origin, as one may get damaged."""
        notes = sorted((*self._before.values(), *self._last.values()), key=attrgetter("at"))
        return make_notes_file(notes, self._found).to_bytes()

    def finish(self) -> None:
        """Close the file at the end of the work; rewrite it if its first line is wrong. Raises OSError."""
        self.close()
        if self._has_grown:
            self._disk.replace_durably(NAME, self._latest_notes_bytes())
            self._has_grown = False

    def close(self) -> None:
        """Close the file; the next `write_notes` rewrites it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def cut_incomplete_blocks(disk: Disk, number: int, *, crashed: bool) -> NotesFile:
    """Cut the incomplete blocks of a crash off the active segment; return the notes of the other blocks.

    The notes of the incomplete blocks are removed as well. number: the number of the active segment. Raises
    OSError.
    """
    if (data := disk.read_or_none(NAME)) is None:
        return NotesFile()
    found = parse_notes_file(data)
    if not crashed:
        found = found.with_torn_as_damaged()
    _log_damage(disk, found)
    notes = found.notes
    kept = len(notes)
    erased = erased_or_none(disk)
    with contextlib.ExitStack() as opened:
        fd = None
        # If current.log is missing, or not ours, `open_and_repair_active` reports it next.
        with contextlib.suppress(OSError):
            fd = opened.enter_context(Descriptor(disk.open(ACTIVE, os.O_RDWR)))
        for index, note in enumerate(notes):
            if note.at.segment >= number and not (
                note.at.segment == number and _is_stored(fd, note, crashed, erased)
            ):
                kept = index
                break
        gone = notes[kept:]
        if gone and crashed and fd is not None and gone[0].at.segment == number:
            _cut_off_blocks(disk, fd, gone)
        if crashed and fd is not None and kept and notes[kept - 1].at.segment == number:
            # After a kill, the text may be only in the kernel's memory: make it survive a power cut.
            disk.fdatasync(fd)
    sure = found.sure.difference(note.origin for note in gone)
    left = attrs.evolve(found, notes=notes[:kept], offsets=found.offsets[:kept], sure=sure)
    if gone and (found.damaged or left.line_count < left.least):
        disk.replace_durably(NAME, left.to_bytes())
    elif gone or found.torn:
        # All lines to remove are at the end, so cutting the file is enough; that works on a full disk.
        _truncate_origins_file(disk, found.offsets[kept] if gone else len(data) - len(found.torn))
    elif found.changed or found.damaged:
        # Write this now: after a later kill, a start would take the torn line, which counts as damaged now,
        # for the note of a block that was not begun.
        with contextlib.suppress(OSError):
            disk.replace_durably(NAME, left.to_bytes())
    return left


def _log_damage(disk: Disk, found: NotesFile) -> None:
    path = disk.path(NAME)
    if found.changed:
        log.warn(
            "one bit had changed in {lines} of {path}; by the checksums it was corrected",
            lines=counted(found.changed, "line"),
            path=path,
        )
    if found.damaged:
        log.error(
            "{path} is damaged: {number} of its lines cannot be used. Blocks of {refused} are refused, and"
            " their senders keep them, until `logsrv doctor --repair` has repaired it",
            path=path,
            number=len(found.damaged),
            refused=found.refused_stores_text,
        )


def _is_stored(fd: int | None, note: BlockNote, crashed: bool, erased: ErasedNotes) -> bool:
    """Return whether the text of a noted block is there. Without a crash, only the size is checked.

    A block in which lines were erased has another checksum, but no NULs, as a power cut leaves them.
    """
    if fd is None or os.fstat(fd).st_size < note.stored_end.offset:
        return False
    if not crashed:
        return True
    crc, has_nuls = 0, False
    for piece in pieces_between(fd, note.at.offset, note.stored_end.offset):
        crc = zlib.crc32(piece, crc)
        has_nuls |= b"\0" in piece
    return crc == note.crc or (not has_nuls and erased.erased_between(note.at, note.stored_end))


def _cut_off_blocks(disk: Disk, fd: int, gone: Sequence[BlockNote]) -> None:
    size, start = os.fstat(fd).st_size, gone[0].at.offset
    if size > max(note.stored_end.offset for note in gone):
        log.error(
            "{path} has lines after an incomplete block of {origin}; they stay, and lines of that block"
            " may be stored twice",
            path=disk.path(ACTIVE),
            origin=gone[0].origin,
        )
    elif size > start:
        os.ftruncate(fd, start)
        disk.fdatasync(fd)
        log.warn(
            "{path} ended in {size} bytes of an incomplete block of {origin}; they were cut off, and its"
            " sender sends the block again",
            path=disk.path(ACTIVE),
            size=size - start,
            origin=gone[0].origin,
        )


def _truncate_origins_file(disk: Disk, size: int) -> None:
    with Descriptor(disk.open(NAME, os.O_WRONLY)) as fd:
        os.ftruncate(fd, size)
        disk.fdatasync(fd)


ENOUGH = 32 << 20
"""The bytes of text under way above which senders of further blocks have to wait."""


@attrs.frozen
class _BlockUnderWay:
    """A block that is being stored. waiting: the Deferreds to fire when it no longer is."""

    end: Position
    waiting: list[Deferred[None]] = attrs.field(factory=list)


class BlocksUnderWay:
    """Blocks that are being stored, in the order of their arrival; belongs to the reactor's thread.

    size: the bytes of their text, and the bytes reserved for blocks that are being unpacked.
    """

    def __init__(self) -> None:
        self.size = 0
        self._blocks: dict[str, deque[_BlockUnderWay]] = {}
        self._waiting: deque[tuple[Deferred[None], int]] = deque()
        self._freeing = False

    def __len__(self) -> int:
        return sum(map(len, self._blocks.values()))

    def last_end(self, origin: str) -> Position | None:
        """Return the end of the origin's last block under way; None if no block is."""
        blocks = self._blocks.get(origin)
        return blocks[-1].end if blocks else None

    def wait_for_last(self, origin: str) -> Deferred[None]:
        """Return a Deferred that fires when the origin's last block now under way no longer is.

        It has fired if no block is under way.
        """
        blocks = self._blocks.get(origin)
        if not blocks:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        blocks[-1].waiting.append(ended)
        return ended

    def add_block(self, origin: str, end: Position, size: int) -> None:
        """Record a block as under way."""
        self._blocks.setdefault(origin, deque()).append(_BlockUnderWay(end))
        self.size += size

    def remove_first_block(self, origin: str, size: int) -> None:
        """Record that the first block of an origin is no longer under way."""
        blocks = self._blocks[origin]
        first = blocks.popleft()
        if not blocks:
            del self._blocks[origin]
        self.release(size)
        for ended in first.waiting:
            ended.callback(None)

    def reserve(self, size: int) -> Deferred[None] | None:
        """Reserve bytes for a block; return None if that is done, else a Deferred that fires when it is."""
        if self.size <= ENOUGH and not self._waiting:
            self.size += size
            return None
        done: Deferred[None] = Deferred()
        self._waiting.append((done, size))
        return done

    def release(self, size: int) -> None:
        """Give back reserved bytes; blocks that wait get them in their order."""
        self.size -= size
        if self._freeing:
            # A fired Deferred may free its bytes at once; hundreds of nested calls would be too deep.
            return
        self._freeing = True
        try:
            while self._waiting and self.size <= ENOUGH:
                done, wanted = self._waiting.popleft()
                self.size += wanted
                done.callback(None)
        finally:
            self._freeing = False
