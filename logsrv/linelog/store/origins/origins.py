"""The file `origins`: how far each origin has come, so that no block is stored twice or left out.

Before a block is written there is a note of it on the medium; behind it nothing is written until it is on
the medium itself. So at most the last blocks of the active segment are there in part, and nothing else is
behind them: a start after a crash cuts them off with their notes, and their senders bring them again.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence

from twisted.logger import Logger

from logsrv.descriptor import Descriptor
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.origins.notes import Note, parse_notes
from logsrv.linelog.store.origins.under_way import UnderWay
from logsrv.linelog.store.segments.segment import ACTIVE, Position

log = Logger()
NAME = "origins"
MOST_LINES = 1000
"""Lines after which the file is written anew, with the last note of each origin."""
_PIECE = 1 << 20


class Origins:
    """The last block of each origin that is on the medium, by the identity of the origin.

    The writer's thread calls `note` and `stored`; `last` and `len` are for all. under_way belongs to the
    reactor's thread.
    """

    def __init__(self, disk: Disk, notes: Iterable[Note] = ()) -> None:
        self.under_way = UnderWay()
        self._disk = disk
        self._last = {note.origin: note for note in notes}
        self._fd: int | None = None
        self._lines = 0

    def __len__(self) -> int:
        return len(self._last)

    def last(self, origin: str) -> Note | None:
        """Return the last block of an origin; None if there is none."""
        return self._last.get(origin)

    def all(self) -> tuple[Note, ...]:
        """Return the last block of each origin; for the writer's thread."""
        return tuple(self._last.values())

    def place(self, origin: str) -> Position | None:
        """Return the end of the last block of an origin, if only under way; None if there is none."""
        note = self.last(origin)
        return self.under_way.last(origin) or (note.end if note else None)

    def note(self, notes: Sequence[Note]) -> None:
        """Note what is about to be written; it is on the medium on return. Raises OSError."""
        lines = b"".join(note.line() for note in notes)
        if self._fd is None or self._lines > MOST_LINES + len(self._last):
            self.close()
            # Without what an attempt before this may have left.
            kept = b"".join(note.line() for note in self._last.values())
            self._disk.put(NAME, kept + lines)
            self._lines = len(notes)
            self._fd = self._disk.open(NAME, os.O_WRONLY | os.O_APPEND)
            return
        try:
            self._disk.write(self._fd, lines)
            self._disk.fdatasync(self._fd)
        except OSError:
            self.close()
            raise
        self._lines += len(notes)

    def stored(self, notes: Sequence[Note]) -> None:
        """Take it that these are on the medium, with their text."""
        for note in notes:
            self._last[note.origin] = note

    def close(self) -> None:
        """Let go of the file; the next note writes it anew."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def settle(disk: Disk, number: int, *, crashed: bool) -> list[Note]:
    """Cut off what a crash left of blocks in the active segment, and their notes; return the others.

    number: of the active segment. Raises OSError.
    """
    try:
        data = disk.read(NAME)
    except FileNotFoundError:
        return []
    found = parse_notes(data)
    damaged = sum(note is None for _, note in found[:-1])
    if damaged:
        log.error(
            "{path} has {number} damaged lines: the blocks they told of may be stored twice",
            path=disk.path(NAME),
            number=damaged,
        )
    notes = [(offset, note) for offset, note in found if note is not None]
    kept = len(notes)
    with _active(disk) as fd:
        for index, (_, note) in enumerate(notes):
            if note.at.segment >= number and not (
                note.at.segment == number and _whole(fd, note, crashed)
            ):
                kept = index
                break
        gone = [note for _, note in notes[kept:]]
        if gone and crashed and fd is not None and gone[0].at.segment == number:
            _cut(disk, fd, gone)
        if crashed and fd is not None and kept and notes[kept - 1][1].at.segment == number:
            # A kill leaves whole what only the kernel has: it is to be there after a power cut, too.
            disk.fdatasync(fd)
    if gone or (found and found[-1][1] is None):
        # All of them are at the end, so this needs no room.
        _shorten(disk, notes[kept][0] if gone else found[-1][0])
    return [note for _, note in notes[:kept]]


@contextlib.contextmanager
def _active(disk: Disk) -> Iterator[int | None]:
    try:
        fd = disk.open(ACTIVE, os.O_RDWR)
    except OSError:
        # Missing, or not ours: whoever opens it next says so.
        yield None
        return
    with Descriptor(fd):
        yield fd


def _whole(fd: int | None, note: Note, crashed: bool) -> bool:
    """Return whether the text of a note is there; behind a stop in order its size is enough."""
    if fd is None or os.fstat(fd).st_size < note.stop.offset:
        return False
    if not crashed:
        return True
    crc, at = 0, note.at.offset
    while at < note.stop.offset:
        piece = os.pread(fd, min(_PIECE, note.stop.offset - at), at)
        if not piece:
            return False
        crc = zlib.crc32(piece, crc)
        at += len(piece)
    return crc == note.crc


def _cut(disk: Disk, fd: int, gone: Sequence[Note]) -> None:
    size, start = os.fstat(fd).st_size, gone[0].at.offset
    if size > max(note.stop.offset for note in gone):
        log.error(
            "{path} has lines behind a block of {origin} that is there in part; they stay, and lines of"
            " that block may be stored twice",
            path=disk.path(ACTIVE),
            origin=gone[0].origin,
        )
    elif size > start:
        os.ftruncate(fd, start)
        disk.fdatasync(fd)
        log.warn(
            "{path} ended in {size} bytes of a block of {origin} that had not come to its end; they were"
            " cut off, and its sender brings it again",
            path=disk.path(ACTIVE),
            size=size - start,
            origin=gone[0].origin,
        )


def _shorten(disk: Disk, size: int) -> None:
    with Descriptor(disk.open(NAME, os.O_WRONLY)) as fd:
        os.ftruncate(fd, size)
        disk.fdatasync(fd)
