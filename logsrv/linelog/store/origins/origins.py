"""The file `origins`: how far each origin has come, so that no block is stored twice or left out.

Where a line of it is damaged, nobody knows how far some of them have come. Their blocks are refused, and
their senders keep them, until `logsrv doctor --repair` has made the file anew.

Before a block is written there is a note of it on the medium; behind it nothing is written until it is on
the medium itself. So at most the last blocks of the active segment are there in part, and nothing else is
behind them: a start after a crash cuts them off with their notes, and their senders bring them again.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from operator import attrgetter

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv.descriptor import Descriptor
from logsrv.kit.text.words import counted
from logsrv.linelog.store.origins.notes import Note, NotesFile, notes_file, read_notes
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import ACTIVE, Position

log = Logger()
NAME = "origins"
_NONE = NotesFile()
MOST_LINES = 1000
"""Lines after which the file is written anew, with the last notes of each origin."""
_PIECE = 1 << 20


class Origins:
    """The last block of each origin that is on the medium, by the identity of the origin.

    The writer's thread calls `note` and `stored`; `last` and `len` are for all. under_way belongs to the
    reactor's thread.
    """

    def __init__(self, disk: Disk, found: NotesFile = _NONE) -> None:
        self.under_way = UnderWay()
        self._disk = disk
        self._found = found
        self._last: dict[str, Note] = {}
        self._before: dict[str, Note] = {}
        self.stored(found.notes)
        self._fd: int | None = None
        self._lines = 0
        # The file has more lines than its first one tells, or was made by a version that told none.
        self._has_grown = found.lines != found.least

    def __len__(self) -> int:
        return len(self._last)

    def last(self, origin: str) -> Note | None:
        """Return the last block of an origin; None if there is none."""
        return self._last.get(origin)

    def all(self) -> tuple[Note, ...]:
        """Return the last block of each origin; for the writer's thread."""
        return tuple(self._last.values())

    @property
    def is_damaged(self) -> bool:
        """True if the file has lines of no use."""
        return bool(self._found.damaged)

    def damage(self, origin: str) -> str:
        """Return why nobody knows how far an origin has come; "" if that is known."""
        if not self._found.damaged or origin in self._found.sure:
            return ""
        return (
            f"the file {NAME} is damaged, and does not tell for certain up to where this store is here:"
            " nothing of it is taken until `logsrv doctor --repair` has put that right"
        )

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
            self._disk.put(NAME, self._latest() + lines)
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

    def stored(self, notes: Sequence[Note]) -> None:
        """Take it that these are on the medium, with their text."""
        for note in notes:
            if note.origin in self._last:
                self._before[note.origin] = self._last[note.origin]
            self._last[note.origin] = note

    def _latest(self) -> bytes:
        """Return the last two notes of each origin: where one is damaged, the other tells much of it."""
        notes = sorted((*self._before.values(), *self._last.values()), key=attrgetter("at"))
        return notes_file(notes, self._found).text()

    def finish(self) -> None:
        """Let the file tell how many lines it has, now that all are there for good. Raises OSError."""
        self.close()
        if self._has_grown:
            self._disk.put(NAME, self._latest())
            self._has_grown = False

    def close(self) -> None:
        """Let go of the file; the next note writes it anew."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def settle(disk: Disk, number: int, *, crashed: bool) -> NotesFile:
    """Cut off what a crash left of blocks in the active segment, and their notes; return the others.

    number: of the active segment. Raises OSError.
    """
    try:
        data = disk.read(NAME)
    except FileNotFoundError:
        return NotesFile()
    found = read_notes(data)
    if not crashed:
        found = found.with_torn_as_damaged()
    _tell(disk, found)
    notes = found.notes
    kept = len(notes)
    with _active(disk) as fd:
        for index, note in enumerate(notes):
            if note.at.segment >= number and not (
                note.at.segment == number and _whole(fd, note, crashed)
            ):
                kept = index
                break
        gone = notes[kept:]
        if gone and crashed and fd is not None and gone[0].at.segment == number:
            _cut(disk, fd, gone)
        if crashed and fd is not None and kept and notes[kept - 1].at.segment == number:
            # A kill leaves whole what only the kernel has: it is to be there after a power cut, too.
            disk.fdatasync(fd)
    sure = found.sure.difference(note.origin for note in gone)
    left = attrs.evolve(found, notes=notes[:kept], offsets=found.offsets[:kept], sure=sure)
    if gone and (found.damaged or left.lines < left.least):
        disk.put(NAME, left.text())
    elif gone or found.torn:
        # All of them are at the end, so this needs no room.
        _shorten(disk, found.offsets[kept] if gone else len(data) - len(found.torn))
    elif found.changed or found.damaged:
        # For a start after a kill, to which a torn end would be none that tells of a block.
        with contextlib.suppress(OSError):
            disk.put(NAME, left.text())
    return left


def _tell(disk: Disk, found: NotesFile) -> None:
    path = disk.path(NAME)
    if found.changed:
        log.warn(
            "one bit had changed in {lines} of {path}; by the checksums all is as it was",
            lines=counted(found.changed, "line"),
            path=path,
        )
    if found.damaged:
        log.error(
            "{path} is damaged: {number} of its lines are of no use. Blocks of {refused} are refused, and"
            " their senders keep them, until `logsrv doctor --repair` has put that right",
            path=path,
            number=len(found.damaged),
            refused=found.refused,
        )


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


ENOUGH = 32 << 20
"""Bytes of text that are under way, from which on who brings more waits."""


class UnderWay:
    """Blocks that are being stored, in the order in which they came; for the reactor's thread.

    size: bytes of their text, and of those that are being unpacked.
    """

    def __init__(self) -> None:
        self.size = 0
        self._ends: dict[str, deque[Position]] = {}
        self._waiting: deque[tuple[Deferred[None], int]] = deque()
        self._freeing = False

    def __len__(self) -> int:
        return sum(map(len, self._ends.values()))

    def last(self, origin: str) -> Position | None:
        """Return where the last of an origin ends there; None if none is under way."""
        ends = self._ends.get(origin)
        return ends[-1] if ends else None

    def begin(self, origin: str, end: Position, size: int) -> None:
        """Take it that one is under way."""
        self._ends.setdefault(origin, deque()).append(end)
        self.size += size

    def end(self, origin: str, size: int) -> None:
        """Take it that the first of an origin no longer is."""
        ends = self._ends[origin]
        ends.popleft()
        if not ends:
            del self._ends[origin]
        self.free(size)

    def room(self, size: int) -> Deferred[None] | None:
        """Keep room for the text of another one; return what fires when there is some, None if there is."""
        if self.size <= ENOUGH and not self._waiting:
            self.size += size
            return None
        done: Deferred[None] = Deferred()
        self._waiting.append((done, size))
        return done

    def free(self, size: int) -> None:
        """Give room back, to those that wait, in their order."""
        self.size -= size
        if self._freeing:
            # The next one may give its room back at once: hundreds would be too many calls deep.
            return
        self._freeing = True
        try:
            while self._waiting and self.size <= ENOUGH:
                done, wanted = self._waiting.popleft()
                self.size += wanted
                done.callback(None)
        finally:
            self._freeing = False
