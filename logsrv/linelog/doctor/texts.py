"""The examination of the texts of segments, and of the files beside them.

A compressed segment has frames, an index of them, perhaps a word index, and perhaps the note of an
archive. A segment whose text is only in an archive has only the files beside the text. Segments that wait
to be compressed, and current.log, have no checksums.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Protocol

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.words import counted
from logsrv.linelog.columns.child_process import ColumnsCheck
from logsrv.linelog.doctor.findings import StoreFinding, why_unreadable
from logsrv.linelog.doctor.repair import keep_aside, salvage_index
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.frames import LARGEST_PACKED, unpack_frame
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.segment_index import FrameStart, Index
from logsrv.linelog.store.notes.archive_notes import local_manifest
from logsrv.linelog.store.notes.manifest import NewerFormat
from logsrv.linelog.store.segment import Form, Segment
from logsrv.linelog.store.starting import torn
from logsrv.linelog.store.times import UNKNOWN, combine_times
from logsrv.linelog.store.words.build import reindex_segment
from logsrv.linelog.store.words.lookup import WordIndex, check_words

_PIECE = 1 << 20


@attrs.define
class ExaminedText:
    """The result for a segment.

    text, lines: the bytes of its text, and its readable lines; None if unknown. has_outdated_index,
    has_outdated_columns: whether a version with other rules has made them, so that readers read the text.
    """

    text: int | None = None
    lines: int | None = None
    has_outdated_index: bool = False
    has_outdated_columns: bool = False


class ColumnsCare(Protocol):
    """Verifies and makes columns, as `ColumnsProcess` (columns/child_process.py) does."""

    def check(self, packed: Segment, disk: Disk, *, whole: bool) -> ColumnsCheck: ...

    def make(self, packed: Segment, disk: Disk) -> object: ...


@attrs.define
class PackedSegmentCheck:
    """A compressed segment, and the files beside it.

    readers: returns the names of the readers whose saved place is in it. looked: the result.
    columns: verifies and makes its columns; None to leave them alone. others: the segments of the store.
    """

    packed: Segment
    disk: Disk
    readers: Callable[[], Sequence[str]]
    looked: ExaminedText
    columns: ColumnsCare | None
    quick: bool = attrs.field(kw_only=True)
    others: Sequence[Segment] = attrs.field(kw_only=True)

    def findings(self) -> Iterator[StoreFinding]:
        """Yield the findings about it. Raises OSError; FileNotFoundError if the segment is gone now."""
        packed, disk = self.packed, self.disk
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
                    yield StoreFinding("index", packed.index, why, remedy=self._salvage_index)
                else:
                    yield StoreFinding("text", packed.name, "it is empty, and has no index")
            # Retention removes the text first; if it is gone, missing files beside it are no finding.
            disk.stat(packed.name)
        elif found is None and disk.has_name(packed.index):
            yield StoreFinding("index", packed.index, why)
        yield from self._check_files_beside(found)

    def _check_packed_text(self, found: Index, size: int, fd: int) -> Iterator[StoreFinding]:
        self.looked.text, self.looked.lines = found.text, found.lines
        # A segment that was cut keeps its index, which tells how much is missing.
        whole = size == found.compressed
        self.looked.has_outdated_index = whole and not index.is_of_this_version(found)
        lines, text = found.lost_if_cut(size)
        if text:
            ends = f"it ends after {size:,} of {counted(found.compressed, 'byte')}"
            yield self._lost_lines(lines, ends)
        if not self.quick:
            yield from self._check_frames(found, size, fd)

    def _check_frames(self, found: Index, size: int, fd: int) -> Iterator[StoreFinding]:
        bad: list[tuple[FrameStart, FrameStart]] = []
        end = FrameStart(found.text, found.compressed, found.lines, UNKNOWN)
        for number, (frame, after) in enumerate(pairwise((*found.frames, end))):
            if after.at > size:
                break
            data = os.pread(fd, min(after.at - frame.at, LARGEST_PACKED), frame.at)
            sums = found.checksums_of_frame(number)
            try:
                crc = zlib.crc32(unpack_frame(data, after.text - frame.text))
            except ValueError:
                crc = -1
            if crc == -1 or (sums and sums.text != crc):
                bad.append((frame, after))
        if bad:
            lines = sum(after.lines - frame.lines for frame, after in bad) or None
            times = combine_times(frame.times for frame, _ in bad)
            when = f", from {times.smallest} to {times.largest}" if times.smallest else ""
            why = f"damaged frames at {_first_offsets([frame.at for frame, _ in bad])}{when}"
            yield self._lost_lines(lines, why)

    def _lost_lines(self, lines: int | None, why: str) -> StoreFinding:
        known = self.looked.lines
        self.looked.lines = None if known is None or lines is None else known - lines
        said = why if lines is None else f"{counted(lines, 'line')}, {why}"
        return StoreFinding("text", self.packed.name, said)

    def _salvage_index(self) -> None:
        salvage_index(self.packed, self.disk, self.readers(), self.others)
        found = reindex_segment(self.packed, self.disk, self.others)
        # A damaged segment gets no word index.
        if found.of_disk:
            raise StoreError(f"its word index is not made: {found.error}")
        columns = self.columns
        if columns is not None and columns.check(self.packed, self.disk, whole=False).why:
            # By the rules of this version, the index may be another than the one that the columns know.
            self._remake_columns()

    def _remake_words(self) -> None:
        kept = keep_aside(self.packed.words, self.disk)
        found = reindex_segment(self.packed, self.disk, self.others)
        if found.error is not None:
            if kept and found.of_disk:
                # On a full disk nothing changes, so that the next examination has the same finding.
                self.disk.rename(kept, self.packed.words)
            raise StoreError(found.error)

    def _remake_columns(self) -> None:
        assert self.columns is not None
        packed, disk = self.packed, self.disk
        found = disk.stat_or_none(packed.columns)
        if found is not None and stat.S_ISDIR(found.st_mode):
            keep_aside(packed.columns, disk)
        self.columns.make(packed, disk)
        if self.columns.check(packed, disk, whole=False).why:
            # The segment can have none.
            disk.unlink(packed.columns)

    def _check_files_beside(self, found: Index | None) -> Iterator[StoreFinding]:
        """Yield the findings about its word index, and about the note of an archive.

        Raises StoreError for a note of a newer version, which this one cannot judge.
        """
        packed, disk, away = self.packed, self.disk, self.packed.form is Form.AWAY
        # A repair that makes a new index makes new words as well.
        if (found or away) and (why := why_unreadable(self._verify_words, found)):
            again = None if away else self._remake_words
            yield StoreFinding("index", packed.words, why, remedy=again)
        if self.columns is not None and found and not away:
            checked = self.columns.check(packed, disk, whole=not self.quick)
            self.looked.has_outdated_columns = checked.is_outdated
            if checked.why and not checked.is_outdated:
                yield StoreFinding(
                    "index", packed.columns, checked.why, remedy=self._remake_columns
                )
        try:
            self._verify_archive_note(found)
        except FileNotFoundError:
            pass
        except NewerFormat as error:
            raise StoreError(f"{disk.path(packed.archived)}: {error}") from error
        except (OSError, ValueError) as error:
            aside = None if away else partial(keep_aside, packed.archived, disk)
            yield StoreFinding("file", packed.archived, explanation(error), remedy=aside)

    def _verify_words(self, found: Index | None) -> None:
        with Descriptor(self.disk.open(self.packed.words, os.O_RDONLY)) as fd:
            words = WordIndex(fd)
            if found is not None:
                words.require_same_segment(found)
            if not self.quick:
                check_words(words)

    def _verify_archive_note(self, found: Index | None) -> None:
        manifest = local_manifest(self.disk, self.packed)
        of_it = manifest.segment.name == self.packed.name
        if not of_it or (found is not None and manifest.text != found.text):
            raise ValueError("it belongs to another text")
        if self.packed.form is Form.AWAY:
            self.looked.text, self.looked.lines = manifest.text, manifest.lines


def _first_offsets(offsets: Sequence[int]) -> str:
    """Return the offsets in words, a few of many."""
    more = f" and {len(offsets) - 5:,} more" if len(offsets) > 5 else ""
    return f"byte {', '.join(f'{at:,}' for at in offsets[:5])}{more}"


def check_plain_text(
    name: str, fd: int, looked: ExaminedText, *, quick: bool, waits: bool = False
) -> Iterator[StoreFinding]:
    """Yield the findings about the text of a segment that is not compressed. Raises OSError.

    quick: whether to read only its end. waits: whether the segment is complete and waits to be compressed.
    Then an unended last line is a finding; in current.log the next start repairs it.
    """
    looked.text = os.fstat(fd).st_size
    nuls = torn.size_without_nuls(fd, looked.text)
    end = torn.start_of_line(fd, nuls)
    holes = [start for start, _ in ([] if quick else torn.find_holes(fd, 0, nuls))]
    if nuls < looked.text:
        holes.append(nuls)
    if holes:
        why = f"NUL bytes from {_first_offsets(holes)} on, which a start marks or cuts off"
        yield StoreFinding("text", name, why)
    elif waits and end < nuls:
        yield StoreFinding(
            "text", name, f"its last line is cut after {counted(nuls - end, 'byte')}"
        )
    if quick:
        return
    # After `end` a server may be writing.
    pieces = (os.pread(fd, min(_PIECE, end - at), at) for at in range(0, end, _PIECE))
    looked.lines = sum(piece.count(b"\n") for piece in pieces)
