"""The word index of a segment, written while the segment is sealed, or later from its frames.

A search without a word index reads all frames, so none is required. An incomplete one is removed, and also
one that takes more than 15 % of the size of the compressed text.

The missing indexes of sealed segments are made while a server may seal and remove segments: a file has a
temporary name until it is complete, the text of a sealed segment never changes, and if a segment is removed
meanwhile, its new indexes are removed, too. Only one process makes files beside a segment (making.py).
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator

import attrs

from logsrv.descriptor import Descriptor
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.frames import unpack_frames
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.indexing import rebuild_index
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.segment import Form, Segment, sealed_segments, tmp
from logsrv.linelog.store.starting.making import right_to_make
from logsrv.linelog.store.words.layout import WordIndexTrailer, pack_trailer
from logsrv.linelog.store.words.lookup import WordIndex
from logsrv.linelog.store.words.scan import Array
from logsrv.linelog.store.words.section import SectionBuilder

# Parts of the size of the compressed text. A word index that takes more than the first is removed; its
# tables are folded to about the second.
MOST_PART = 0.15
TABLES_PART = 0.13
# Bytes of text. A segment with a larger frame gets no word index: the scan of a frame takes seven times as
# much memory as its text.
_LARGEST_FRAME = 64 << 20
LEAST_TEXT = 256 << 10
"""The least bytes of text for a word index: for less text, the index was always too large to keep."""


class WordIndexBuilder:
    """A word index under construction, a frame at a time, in a temporary file.

    Sealing frees space on a full disk, so it must not fail because of a word index: an OSError is kept as
    `error`, and nothing more is written.
    """

    def __init__(self, segment: Segment, disk: Disk) -> None:
        self.error: OSError | None = None
        self._number = segment.number
        self._name = tmp(segment.words)
        self._disk = disk
        self._section = SectionBuilder()
        self._sections = self._size = 0
        self._is_complete = self._is_large = False
        self._fd = -1
        with self._noting_errors():
            self._fd = disk.create_anew(self._name)

    @contextlib.contextmanager
    def _noting_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = error

    def add_frame(
        self, chunk: bytes, end: int, compressed: int, newlines: Array | None = None
    ) -> None:
        """Add a frame with the text `chunk[:end]`, which takes `compressed` bytes.

        newlines: the offsets of the LFs in it, if they are known.
        """
        self._is_large |= end > _LARGEST_FRAME
        if self.error is None and not self._is_large:
            with self._noting_errors():
                self._section.add_frame(chunk, end, compressed, newlines)
                if self._section.is_full:
                    self._write_section()

    def finish(self, made: Index) -> bool:
        """Complete and sync the file under its temporary name; return whether it can be used.

        It cannot after an error, or if it is too large. made: the index of all frames that were added.
        """
        if self.error is None:
            with self._noting_errors():
                self._is_complete = self._complete_file(made)
        return self._is_complete

    def _complete_file(self, made: Index) -> bool:
        if self._section.frames:
            self._write_section()
        totals = made.text, made.compressed, len(made.frames), self._sections
        self._write(pack_trailer(WordIndexTrailer(self._number, *totals)))
        if self._is_large or self._size > MOST_PART * made.compressed:
            return False
        self._disk.fdatasync(self._fd)
        if not self._disk.leads_to(self._name, self._fd):
            raise FileNotFoundError(errno.ENOENT, "the temporary file was removed meanwhile")
        return True

    def close(self) -> None:
        """Close the file, and remove it unless it is complete."""
        if self._fd >= 0:
            os.close(self._fd)
        if not self._is_complete:
            with contextlib.suppress(OSError):
                self._disk.unlink(self._name)

    def _write_section(self) -> None:
        self._write(self._section.pack_section(TABLES_PART))
        self._sections += 1
        self._section = SectionBuilder()

    def _write(self, data: bytes) -> None:
        self._size += len(data)
        self._disk.write(self._fd, data)


def write_word_index(packed: Segment, made: Index, disk: Disk) -> bool:
    """Make the word index of a packed segment, instead of an older one. made: the index of the segment.

    Returns False if it would be too large; then the segment has none. Raises OSError, and ValueError if the
    segment is damaged.
    """
    with contextlib.closing(WordIndexBuilder(packed, disk)) as builder:
        for text, frame in unpack_frames(packed, disk):
            builder.add_frame(text, len(text), len(frame))
        worth = builder.finish(made)
    if builder.error is not None:
        raise builder.error
    if worth:
        disk.rename(tmp(packed.words), packed.words)
    else:
        disk.unlink(packed.words)
    return worth


@attrs.frozen
class ReindexedSegment:
    """The result for one segment.

    made: the kinds of files that were made, "index" and "words"; empty if both were there.
    too_large: whether a word index would be too large to be useful.
    gone: whether the segment was removed meanwhile.
    error: the reason of a failure; None if there was none. of_disk: whether it is one of the system, not of
    the segment.
    """

    segment: Segment
    made: tuple[str, ...] = ()
    too_large: bool = False
    gone: bool = False
    error: str | None = None
    of_disk: bool = False


def make_missing_indexes(disk: Disk) -> Iterator[ReindexedSegment]:
    """Make the missing indexes of packed segments; yield the result for each segment. Raises OSError."""
    found = sealed_segments(disk)
    for segment in found:
        if segment.form is Form.PACKED:
            yield reindex_segment(segment, disk, found)


def reindex_segment(
    packed: Segment, disk: Disk, others: Iterable[Segment] = ()
) -> ReindexedSegment:
    """Make the missing indexes of a packed segment; wait for another process that does. Raises OSError.

    others: the segments of the store.
    """
    try:
        with (
            Descriptor(disk.open(packed.name, os.O_RDONLY)) as text,
            right_to_make(text, wait=True),
        ):
            return _reindex_mine(packed, disk, others)
    except FileNotFoundError:
        return ReindexedSegment(packed, gone=True)


def _reindex_mine(packed: Segment, disk: Disk, others: Iterable[Segment]) -> ReindexedSegment:
    made: list[str] = []
    too_large = False
    try:
        found = _usable_index(packed, disk)
        if found is None:
            found = rebuild_index(packed, disk, others)
            made.append("index")
        if not has_usable_words(packed, found, disk):
            too_large = not write_word_index(packed, found, disk)
            if not too_large:
                made.append("words")
    except (OSError, ValueError) as error:
        if disk.has_name(packed.name):
            why = explanation(error)
            return ReindexedSegment(
                packed, tuple(made), error=why, of_disk=isinstance(error, OSError)
            )
    if not disk.has_name(packed.name):
        for name in (packed.index, packed.words, tmp(packed.index), tmp(packed.words)):
            disk.unlink(name)
        return ReindexedSegment(packed, gone=True)
    return ReindexedSegment(packed, tuple(made), too_large)


def _usable_index(packed: Segment, disk: Disk) -> Index | None:
    """Return the existing index; None if a new one has to be made.

    A segment that was cut keeps its index, which tells how much is missing.
    """
    try:
        found = index.load(packed, disk)
    except (FileNotFoundError, ValueError):
        return None
    size = disk.stat(packed.name).st_size
    newest = index.is_of_this_version(found) and size == found.compressed
    return found if newest or size < found.compressed else None


def has_usable_words(packed: Segment, found: Index, disk: Disk) -> bool:
    """Return whether a segment has a usable word index. Raises OSError."""
    try:
        with Descriptor(disk.open(packed.words, os.O_RDONLY)) as fd:
            WordIndex(fd).require_same_segment(found)
    except (FileNotFoundError, ValueError):
        return False
    return True
