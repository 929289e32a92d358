"""The index of a damaged segment that has lost its own: all frames that are whole can be read again.

Without an index a search walks by the heads of frames and blocks, and ends where one is damaged. Here the
next one that is whole is looked for behind it, by the four bytes that each begins with. The places of the
lines behind it are known if the head of the damaged frame still says how much text it had, or if what
stands beside the segment says how much all of it has; else one that has lost its head counts for nothing,
and the places behind it are too low.

Whoever made the file, no place in it is walked over more than a few times, and no more is unpacked than
`ALLOWED` and `excess` say: a frame behind that is taken by its head, as a search takes it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Sequence

from logsrv.descriptor import Descriptor
from logsrv.linelog.store.archive.kept import archived
from logsrv.linelog.store.care.aside import keep_aside
from logsrv.linelog.store.segments import heads, index, indexing
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.index import Index
from logsrv.linelog.store.segments.indexing import Indexer
from logsrv.linelog.store.segments.segment import Segment
from logsrv.linelog.store.words.lookup import Words
from logsrv.linelog.store.words.reindex import has_words

ALLOWED = 1 << 30
"""So much text is unpacked of the frames of a segment that are very small for theirs."""
_PIECE = 1 << 20
# Chains of blocks of so many bytes are remembered, by a bit for each.
_SPAN = 256 << 20
# Frames that end nowhere are seldom one that stands before another that has lost its head.
_DOUBTFUL = 64
# With more damaged frames than these, those in a row are one.
_EACH = 4096


def excess(text: int, size: int) -> int:
    """Return how much of the text of a frame counts: all if it is more than 64 times as large."""
    return text if text > 64 * size else 0


def salvage(packed: Segment, disk: Disk, kept: Sequence[str] = ()) -> None:
    """Make an index of a damaged segment by which its whole frames are read.

    kept: names of readers with a place in it. Raises OSError, and ValueError if that cannot be.
    """
    with Descriptor(disk.open(packed.name, os.O_RDONLY)) as fd:
        size = os.fstat(fd).st_size
        salvaged = _Salvaged(fd, size, packed.number, _text_of(packed, disk, size))
    if kept and not salvaged.places:
        raise ValueError(
            f"{', '.join(kept)} has a place in it, and nothing says how much text a damaged frame had"
        )
    if disk.holds(packed.index):
        keep_aside(packed.index, disk)
    indexing.save(salvaged.made, packed, disk)
    if not has_words(packed, salvaged.made, disk):
        keep_aside(packed.words, disk)
    disk.sync_directory()


def _text_of(packed: Segment, disk: Disk, size: int) -> int | None:
    """Return how much text a segment has by what is beside it; None if nothing whole says so."""
    with contextlib.suppress(OSError, ValueError):
        head = index.load_head(packed, disk)
        if head.compressed == size:
            return head.text
    with contextlib.suppress(OSError, ValueError):
        with Descriptor(disk.open(packed.words, os.O_RDONLY)) as fd:
            words = Words(fd)
        if (words.segment, words.compressed) == (packed.number, size):
            return words.text
    with contextlib.suppress(OSError, ValueError):
        manifest = archived(disk, packed)
        if manifest.segment.name == packed.name and manifest.packed.size == size:
            return manifest.text
    return None


class _Salvaged:
    """The index that is made of a file, and whether its places are what they were.

    known: how much text it should have; None: unknown.
    """

    def __init__(self, fd: int, size: int, number: int, known: int | None) -> None:
        self._fd, self._size, self._known = fd, size, known
        self._allowed = ALLOWED
        self._broken = _Broken()
        self._doubtful = 0
        self.places = True
        self._growing = Indexer(number)
        self._damaged: list[int] = []
        while self._growing.compressed < size:
            self._go_on(self._growing.compressed)
            if len(self._growing.frames) > heads.MOST:
                raise ValueError(f"it has more than {heads.MOST:,} frames")
        made = self._growing.made()
        if self._damaged and len(made.frames) - self._damaged[0] == len(self._damaged):
            raise ValueError("nothing behind the damage is whole")
        self.made = self._moved(made)

    def _moved(self, made: Index) -> Index:
        """Return the index with the frames behind the last damage where they were, if that is known."""
        moved = 0 if self._known is None else self._known - made.text
        if not (moved and self._damaged and self._damaged[-1] + 1 < len(made.frames)):
            return made
        last = self._damaged[-1] + 1
        if made.frames[last].text + moved < made.frames[last - 1].text:
            return made
        behind = tuple(frame._replace(text=frame.text + moved) for frame in made.frames[last:])
        return made._replace(text=made.text + moved, frames=made.frames[:last] + behind)

    def _go_on(self, at: int) -> None:
        """Enter the frame that begins there, whole or not."""
        text = self._head(at)
        extent = None if text is None else self._extent(at)
        if text is not None and extent is not None:
            ends_well = at + extent == self._size or self._head(at + extent) is not None
            if self._is_whole(at, extent, text, ends_well):
                return
            if ends_well:
                self._pass_over(text, extent)
                return
        self.places &= text is not None or self._known is not None
        self._pass_over(text or 0, self._head_behind(at) - at)

    def _is_whole(self, at: int, size: int, text: int, ends_well: bool) -> bool:
        """Enter a frame if it is whole; return whether it is.

        ends_well: another stands behind it, or nothing.
        """
        counted = excess(text, size)
        if counted > self._allowed or (not ends_well and self._doubtful > _DOUBTFUL):
            if ends_well:
                self._growing.pass_over(text, size)
            return ends_well
        self._allowed -= counted
        frame = os.pread(self._fd, size, at)
        try:
            found = index.unpacked(frame, text)
        except ValueError:
            self._doubtful += not ends_well
            return False
        self._growing.add(indexing.look(found, len(found)), frame)
        return True

    def _pass_over(self, text: int, size: int) -> None:
        """Enter a damaged frame, or what may have been one."""
        made = self._growing
        if len(self._damaged) > _EACH and self._damaged[-1] == len(made.frames) - 1:
            made.text += text
            made.compressed += size
            return
        self._damaged.append(len(made.frames))
        made.pass_over(text, size)

    def _head(self, at: int) -> int | None:
        return heads.text_at(os.pread(self._fd, heads.LONGEST, at))

    def _extent(self, at: int) -> int | None:
        """Return how many bytes the frame takes that begins there; None if it does not come to an end."""
        self._broken.go_on(at)
        found = heads.frame_at(self._read, at, self._size, self._broken.holds)
        if found is None or self._doubtful > _DOUBTFUL:
            # Entered, lest another frame that comes to these blocks is followed once more.
            heads.frame_at(self._read, at, self._size, self._broken.enter)
        return found and found[0]

    def _read(self, at: int, size: int) -> bytes:
        return os.pread(self._fd, size, at)

    def _head_behind(self, at: int) -> int:
        """Return where the next head of a frame stands behind a place; the end of the file if none does."""
        at += 1
        while piece := os.pread(self._fd, _PIECE, at):
            place = piece.find(heads.MAGIC)
            while place >= 0:
                if self._head(at + place) is not None:
                    return at + place
                place = piece.find(heads.MAGIC, place + 1)
            at += max(len(piece) - len(heads.MAGIC) + 1, 1)
        return self._size


class _Broken:
    """Places of blocks that belong to no whole frame, in a part of a file that goes on with the reading."""

    def __init__(self) -> None:
        self._begin = 0
        self._bits = mmap.mmap(-1, (_SPAN + heads.LARGEST_PACKED) // 8 + 1)

    def go_on(self, at: int) -> None:
        """Forget what is behind, if that is much."""
        if at - self._begin > _SPAN:
            self._begin = at
            self._bits.close()
            self._bits = mmap.mmap(-1, (_SPAN + heads.LARGEST_PACKED) // 8 + 1)

    def holds(self, place: int) -> bool:
        """Return whether the block at a place is such a one."""
        place -= self._begin
        return bool(self._bits[place >> 3] >> (place & 7) & 1)

    def enter(self, place: int) -> bool:
        """Enter a block; return whether it was entered before."""
        was = self.holds(place)
        place -= self._begin
        self._bits[place >> 3] |= 1 << (place & 7)
        return was
