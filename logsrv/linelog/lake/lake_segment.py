"""A segment put into a lake: a file for each day, read back and compared; the first file comes last.

    day=YYYY-MM-DD/STORE-NUMBER.parquet

STORE is the identity of the store, NUMBER the number of the segment in ten digits, and the day is that of
the lines in the file, in UTC. Lines of the day in the segment's name, and lines without a time, are in its
*first file*: a segment is in the lake if that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from os import O_RDONLY
from tempfile import TemporaryFile
from typing import IO

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.continuations.first_lines import first_lines
from logsrv.linelog.fields.continuations.way_back import EarlierText
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.stored_line import REACH
from logsrv.linelog.lake.lake_file import (
    LakeNote,
    erased_offsets_in_file,
    read_note,
    write_day_file,
)
from logsrv.linelog.objects.interface import Archive, ArchiveError, ChangedObject
from logsrv.linelog.objects.putting import (
    ErasedThere,
    OtherSegment,
    cancellable_pieces,
    put_file,
)
from logsrv.linelog.read.continuations import pieces_before
from logsrv.linelog.read.texts import DamagedSegment, PackedFrames
from logsrv.linelog.ship.targets.target import SentSegment
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.text_before import text_before
from logsrv.linelog.store.notes.digest import PIECE, digest_file, size_and_sha256
from logsrv.linelog.store.notes.erased import erased_or_none
from logsrv.linelog.store.notes.manifest import segment_base_name
from logsrv.linelog.store.sealing.erased_elsewhere import lines_to_erase
from logsrv.linelog.store.segment import Segment

MOST_DAYS = 100
"""The most files of a segment. Lines of further days, which a wild clock gives, are in the first file."""
DATE = len("2026-11-20")
"""The length of a day in a TIME, and in the name of its folder."""
_DAY = 86_400_000_000


class SegmentDays:
    """An open segment whose text is read frame by frame.

    size, lines: the bytes and the lines of its text. first: the day in its name, that of its first line.
    others: the latest of the other days, which get a file each, in order.
    """

    def __init__(self, segment: Segment, frames: PackedFrames, before: bytes) -> None:
        """before: the text before the segment. Raises OSError, and DamagedSegment."""
        self._before = before
        self.size, self.lines = frames.size, frames.index.lines
        self.first = first_day(segment.name)
        self._frames = frames
        self._own = _number_of_day(self.first)
        # The days of the lines in each frame, as numbers since 1970.
        self._days = [self._days_of_frame(frame) for frame in range(frames.count)]
        others = sorted(set[int]().union(*self._days) - {self._own})[1 - MOST_DAYS :]
        self._others = {str(numpy.datetime64(day, "D")): day for day in others}
        self.others = list(self._others)

    def _days_of_frame(self, frame: int) -> set[int]:
        times = self._frames.times_of_frame(frame)
        if times.sure and times.smallest and times.largest:
            day = times.smallest[:DATE]
            if day == times.largest[:DATE]:
                return {_number_of_day(day)}
        texts = self._frames.lines_between(*self._frames.frame_bounds(frame))
        return {
            day for _, text in texts for day in self._days_of_lines(StampedLines(text)).tolist()
        }

    def _days_of_lines(self, stamps: StampedLines) -> Array:
        """Return the day of each line; the first day of the segment if the line has no time."""
        moments = stamps.moments()
        days: Array = numpy.where(moments == NO_TIME, self._own, moments // _DAY)
        return days

    def lines_of(self, day: str) -> Iterator[tuple[StampedLines, Array]]:
        """Yield the lines in the file of a day, in pieces, with the position of each line in the segment.

        The pieces know the first lines of records. Raises OSError and DamagedSegment.
        """
        elsewhere = {*self._others.values()}
        for frame, here in enumerate(self._days):
            wanted = {self._others[day]} if day in self._others else here - elsewhere
            if not here & wanted:
                continue
            for start, text in self._frames.lines_between(*self._frames.frame_bounds(frame)):
                stamps = StampedLines(text)
                known = self._frames.kept_first_lines(start, text)
                earlier = partial(self._earlier, start)
                stamps.first_lines = first_lines(stamps, earlier) if known is None else known
                if here == wanted:
                    yield stamps, stamps.starts + start
                    continue
                rows = numpy.flatnonzero(numpy.isin(self._days_of_lines(stamps), [*wanted]))
                if len(rows):
                    yield stamps.chosen(rows.tolist()), stamps.starts[rows] + start

    def _earlier(self, offset: int) -> Iterator[tuple[int, EarlierText]]:
        """Yield the text before an offset, the last piece first, each with its distance."""
        low = max(0, offset - REACH)
        try:
            for start, text in pieces_before(self._frames, low, offset):
                yield offset - start, EarlierText(text)
        except (DamagedSegment, OSError):
            # No record goes on over it.
            return
        if not low and self._before:
            yield offset + len(self._before), EarlierText(self._before)


@contextmanager
def open_segment_days(segment: Segment, disk: Disk) -> Iterator[SegmentDays]:
    """Open a sealed segment. Raises OSError, and ValueError if it is damaged."""
    found = index.load(segment, disk)
    path, fd = disk.path(segment.name), disk.open(segment.name, O_RDONLY)
    with PackedFrames(segment.number, path, fd, lambda: found) as frames:
        if frames.file_size != found.compressed:
            raise ValueError(
                f"it has {frames.file_size} bytes, but its index says {found.compressed}"
            )
        yield SegmentDays(segment, frames, text_before(segment, disk))


def first_day(name: str) -> str:
    """Return the day in the name of a segment."""
    digits = name.partition("-")[2]
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"


def _number_of_day(day: str) -> int:
    return int(numpy.datetime64(day, "D").astype(numpy.int64))


def folder_name(day: str) -> str:
    """Return the folder of a day, with the slash at its end."""
    return f"day={day}/"


def file_name(store: str, segment: str, day: str = "") -> str:
    """Return the name of a segment's file in a lake; by default of the first."""
    return f"{folder_name(day or first_day(segment))}{store}-{segment.partition('-')[0]}.parquet"


def put_lake_segment(
    archive: Archive, packed: Segment, disk: Disk, store: str, going: Callable[[], bool]
) -> SentSegment:
    """Put the files of a sealed segment into a lake, durably.

    Files that are there already stay, if they are of the same text; if lines were erased in the segment,
    they are made again. Raises ArchiveError, OtherSegment, ErasedThere if lines are erased there that the
    store still has, OSError, ValueError if the segment is damaged in the store, and PuttingCancelled when
    `going` returns false.
    """
    segment, text = segment_base_name(packed.name), digest_file(packed.name, disk).sha256
    with open_segment_days(packed, disk) as days:
        is_erased = erased_or_none(disk).touches(packed.number)
        if is_erased and (lines := lines_erased_there(archive, packed, disk, store, days)):
            raise ErasedThere(archive.address, segment, len(lines))
        sizes: dict[str, int] = {}
        for day in days.others:
            note = LakeNote(store, segment, day, text)
            sizes[day] = _put_day(archive, days, note, disk, going)
        _put_day(archive, days, LakeNote(store, segment, days.first, text, sizes), disk, going)
        return SentSegment(segment, days.size, days.lines)


def lines_erased_there(
    archive: Archive, packed: Segment, disk: Disk, store: str, days: SegmentDays
) -> list[tuple[int, int]]:
    """Return begin and end of each line that is erased in a lake, and that the store still has.

    Raises ArchiveError, OtherSegment, OSError, and ValueError if the segment is damaged in the store.
    """
    segment, text = segment_base_name(packed.name), digest_file(packed.name, disk).sha256
    found: list[int] = []
    for day in (days.first, *days.others):
        name = file_name(store, packed.name, day)
        size = size_there(archive, name)
        note = None if size is None else read_note(archive, name, size)
        if note is not None and note.segment != segment:
            raise _other_segment(archive, segment, store)
        if note is not None and note.text != text:
            found += erased_offsets_in_file(archive, name)
    return lines_to_erase(sorted(found), packed, disk)


def _put_day(
    archive: Archive, days: SegmentDays, note: LakeNote, disk: Disk, going: Callable[[], bool]
) -> int:
    """Put the file of a day unless it is there; return its size there."""
    name = file_name(note.store, note.segment, note.day)
    size = size_there(archive, name)
    is_erased = erased_or_none(disk).touches(int(note.segment.partition("-")[0]))
    if size is not None and not is_erased:
        there = _note_there(archive, name, size, note)
        if there[-2:] != note[-2:] and there.others == note.others:
            # An earlier version read it back when it had put it, and this one would make other bytes.
            return size
    # A temporary file has no name, so a kill leaves nothing.
    with TemporaryFile(dir=disk.directory) as file:
        lines = cancellable_pieces(days.lines_of(note.day), going)
        write_day_file(file, int(note.segment.partition("-")[0]), note, lines)
        wanted = size_and_sha256(_pieces(file))
        for _ in range(2):
            if put_file(archive, name, _pieces(file), wanted, going):
                return wanted.size
            # It was damaged there, or on the way.
            archive.remove(name)
    raise ChangedObject(archive.address, name)


def _note_there(archive: Archive, name: str, size: int, wanted: LakeNote) -> LakeNote:
    """Return the note in a file. Raises ArchiveError if it has none, and OtherSegment for other lines."""
    there = read_note(archive, name, size)
    if there is None:
        raise ArchiveError(
            f"{archive.address} has another file, or a damaged one, under the name {name}: move it away",
            settled=True,
        )
    if there[:4] != wanted[:4]:
        raise _other_segment(archive, wanted.segment, wanted.store)
    return there


def _other_segment(archive: Archive, segment: str, store: str) -> OtherSegment:
    return OtherSegment(
        f"{archive.address} has another segment {segment} of store {store}: this store was restored or"
        " copied; nothing more is sent there until `logsrv ship --new-identity` has made it another store"
    )


def size_there(archive: Archive, name: str) -> int | None:
    """Return the size of a file in a lake; None if it is not there. Raises ArchiveError."""
    folder, _, _ = name.partition("/")
    return archive.sizes(f"{folder}/", name[:-1], f"{name}/").get(name)


def sizes_of_other_days(
    archive: Archive, store: str, segment: str, size: int
) -> Mapping[str, int] | None:
    """Return the sizes of the files of a segment beside its first, by day; None if the first is damaged.

    size: of the first file. Raises ArchiveError.
    """
    note = read_note(archive, file_name(store, segment), size)
    return note.others if note is not None and note[:2] == (store, segment) else None


def has_days(archive: Archive, store: str, segment: str, sizes: Mapping[str, int]) -> bool:
    """Return whether a lake has the files of a segment of some days to their ends. Raises ArchiveError."""
    return all(
        size_there(archive, file_name(store, segment, day)) == wanted
        for day, wanted in sizes.items()
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece
