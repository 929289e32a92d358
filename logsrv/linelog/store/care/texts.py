"""The examination of the texts of segments, and of the files beside them.

A compressed segment has frames, an index of them, perhaps a word index, and perhaps the note of an
archive. A segment whose text is only in an archive has only the files beside the text. Segments that wait
to be compressed, and current.log, have no checksums.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.words import counted
from logsrv.linelog.store.archive.archive_notes import local_manifest
from logsrv.linelog.store.archive.manifest import NewerFormat
from logsrv.linelog.store.care.findings import (
    ExaminedText,
    StoreFinding,
    make_finding,
    why_unreadable,
)
from logsrv.linelog.store.care.keep_aside import keep_aside
from logsrv.linelog.store.care.notes import Kept
from logsrv.linelog.store.care.salvage import most_unpacked_bytes, salvage_index
from logsrv.linelog.store.segments import heads, index
from logsrv.linelog.store.segments.disk import Disk, explanation
from logsrv.linelog.store.segments.index import FrameStart, Index
from logsrv.linelog.store.segments.segment import Form, Segment
from logsrv.linelog.store.segments.times import SHAPE, SIZE, UNKNOWN, combine_times, digits_to_zeros
from logsrv.linelog.store.segments.torn import find_holes, size_without_nuls, start_of_line
from logsrv.linelog.store.words.check import check_words
from logsrv.linelog.store.words.lookup import WordIndex
from logsrv.linelog.store.words.reindex import ReindexedSegment, reindex_segment

_PIECE = 1 << 20


@attrs.define(kw_only=True, slots=False)
class ExaminedStore:
    """A store and the options of its examination.

    places: returns the saved places of its readers. quick: whether to read no text. read: called with the
    size of each frame in bytes once it was read, for a line of progress.
    """

    disk: Disk
    places: Callable[[], Sequence[Kept]]
    quick: bool
    read: Callable[[int], object] = lambda _: None

    def readers_in_segment(self, number: int) -> list[str]:
        """Return the names of the readers whose saved place is in a segment."""
        return [name for name, one, _ in self.places() if one and one.position.segment == number]


@attrs.define
class PackedSegmentCheck:
    """A compressed segment, and the files beside it."""

    packed: Segment
    by: ExaminedStore
    looked: ExaminedText

    def findings(self) -> Iterator[StoreFinding]:
        """Yield the findings about it. Raises OSError; FileNotFoundError if the segment is gone now."""
        packed, disk = self.packed, self.by.disk
        found, why = None, "it is missing"
        try:
            found = index.load(packed, disk)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            why = explanation(error)
        if packed.form is not Form.AWAY:
            with Descriptor(disk.open(packed.name, os.O_RDONLY)) as fd:
                size = os.fstat(fd).st_size
                if found is not None and size > found.compressed:
                    found, why = None, "it belongs to a smaller file"
                if found is not None:
                    yield from self._check_packed_text(found, size, fd)
                elif size:
                    yield make_finding("index", packed.index, why=why, remedy=self._salvage_index)
                else:
                    yield make_finding(
                        "segment-cut", packed.name, why="it is empty, and has no index"
                    )
            # Retention removes the text first; if it is gone, missing files beside it are no finding.
            disk.stat(packed.name)
        elif found is None and disk.has_name(packed.index):
            yield make_finding("away-index", packed.index, why=why)
        yield from self._check_files_beside(found)

    def _check_packed_text(self, found: Index, size: int, fd: int) -> Iterator[StoreFinding]:
        self.looked.text, self.looked.lines = found.text, found.lines
        lines, text = found.lost_if_cut(size)
        if text:
            ends = f"it ends after {size:,} of {counted(found.compressed, 'byte')}"
            why = f"{ends}: {counted(lines, 'line')}, {counted(text, 'byte')} are missing"
            yield self._record_lost_text("segment-cut", lines, text, why)
        if not self.by.quick:
            yield from self._check_frames(found, size, fd)

    def _record_lost_text(self, kind: str, lines: int | None, text: int, why: str) -> StoreFinding:
        self.looked.gone += text
        known = self.looked.lines
        self.looked.lines = None if known is None or lines is None else known - lines
        return make_finding(kind, self.packed.name, why=why, missing=lines)

    def _check_frames(self, found: Index, size: int, fd: int) -> Iterator[StoreFinding]:
        if found.text > (most := most_unpacked_bytes(size)):
            yield make_finding("unverified", self.packed.name, most=counted(most, "byte"))
            return
        bad: list[tuple[FrameStart, FrameStart]] = []
        other: list[tuple[FrameStart, FrameStart]] = []
        end = FrameStart(found.text, found.compressed, found.lines, UNKNOWN)
        for number, (frame, after) in enumerate(pairwise((*found.frames, end))):
            if after.at > size:
                break
            data = os.pread(fd, min(after.at - frame.at, heads.LARGEST_PACKED), frame.at)
            self.by.read(len(data))
            sums = found.checksums_of_frame(number)
            try:
                crc = zlib.crc32(index.unpack_frame(data, after.text - frame.text))
            except ValueError:
                crc = -1
            if crc == -1 or (sums and sums.text != crc):
                bad.append((frame, after))
            elif sums and sums.packed != zlib.crc32(data):
                other.append((frame, after))
        if bad:
            lines = sum(after.lines - frame.lines for frame, after in bad) or None
            times = combine_times(frame.times for frame, _ in bad)
            when = f", from {times.smallest} to {times.largest}," if times.smallest else ""
            what = "lines" if lines is None else counted(lines, "line")
            why = f"damaged frames, {_frame_list_text(bad, found)}: {what}{when} cannot be read"
            gone = sum(after.text - frame.text for frame, after in bad)
            yield self._record_lost_text("segment-damaged", lines, gone, why)
        if other:
            yield make_finding("frame", self.packed.name, frames=_frame_list_text(other, found))

    def _salvage_index(self) -> None:
        salvage_index(self.packed, self.by.disk, self.by.readers_in_segment(self.packed.number))
        # The result is ignored, because a damaged segment gets no word index.
        self._reindex()

    def _remake_words(self) -> None:
        keep_aside(self.packed.words, self.by.disk)
        if (why := self._reindex().error) is not None:
            raise StoreError(why)

    def _reindex(self) -> ReindexedSegment:
        return reindex_segment(self.packed, self.by.disk)

    def _check_files_beside(self, found: Index | None) -> Iterator[StoreFinding]:
        """Yield the findings about its word index, and about the note of an archive."""
        packed, away = self.packed, self.packed.form is Form.AWAY
        # A repair that makes a new index makes new words as well.
        if (found or away) and (why := why_unreadable(self._verify_words, found)):
            kind, mend = ("away-index", None) if away else ("words", self._remake_words)
            yield make_finding(kind, packed.words, why=why, remedy=mend)
        if why := why_unreadable(self._verify_archive_note, found):
            if self._is_archive_note_newer():
                yield make_finding("archived-newer", packed.archived, why=why)
                return
            aside = None if away else partial(keep_aside, packed.archived, self.by.disk)
            yield make_finding("archived", packed.archived, why=why, remedy=aside)

    def _is_archive_note_newer(self) -> bool:
        try:
            local_manifest(self.by.disk, self.packed)
        except NewerFormat:
            return True
        except (OSError, ValueError):
            pass
        return False

    def _verify_words(self, found: Index | None) -> None:
        with Descriptor(self.by.disk.open(self.packed.words, os.O_RDONLY)) as fd:
            words = WordIndex(fd)
            if found is not None:
                words.require_same_segment(found)
            if not self.by.quick:
                check_words(words)

    def _verify_archive_note(self, found: Index | None) -> None:
        manifest = local_manifest(self.by.disk, self.packed)
        of_it = manifest.segment.name == self.packed.name
        if not of_it or (found is not None and manifest.text != found.text):
            raise ValueError("it belongs to another text")
        if self.packed.form is Form.AWAY:
            self.looked.text, self.looked.lines = manifest.text, manifest.lines


def _frame_list_text(frames: Sequence[tuple[FrameStart, FrameStart]], of: Index) -> str:
    places = [f"byte {frame.at:,}" for frame, _ in frames[:5]]
    more = " …" if len(frames) > 5 else ""
    return f"{len(frames)} of {len(of.frames)}: {', '.join(places)}{more}"


def check_plain_text(
    name: str, fd: int, looked: ExaminedText, *, quick: bool, waits: bool = False
) -> Iterator[StoreFinding]:
    """Yield the findings about the text of a segment that is not compressed. Raises OSError.

    quick: whether to read only its end. waits: whether the segment is complete and waits to be compressed.
    Then an unended last line is a finding; in current.log the next start repairs it.
    """
    looked.text = os.fstat(fd).st_size
    nuls = size_without_nuls(fd, looked.text)
    end = start_of_line(fd, nuls)
    found = [] if quick else find_holes(fd, 0, nuls)
    for start, stop in [*found, *([(nuls, looked.text)] if nuls < looked.text else [])]:
        yield make_finding("hole", name, at=f"{start} to {stop}")
    if waits and end < nuls:
        yield make_finding("torn-end", name, size=counted(nuls - end, "byte"))
    if quick:
        return
    looked.lines, odd, begins = 0, 0, True
    with open(fd, "rb", closefd=False) as file:
        file.seek(0)
        # After `end` a server may be writing.
        while file.tell() < end and (part := file.readline(_PIECE)):
            odd += begins and digits_to_zeros(part[:SIZE]) != SHAPE
            begins = part.endswith(b"\n")
            looked.lines += begins
    if odd:
        yield make_finding("odd-lines", name, lines=counted(odd, "line"))
