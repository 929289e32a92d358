"""Putting a segment into a lake: each file is read back and compared, and the first file comes last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from tempfile import TemporaryFile
from typing import IO

from logsrv.linelog.ship.lake.day_file import LakeNote, read_note, write_day_file
from logsrv.linelog.ship.lake.days import SegmentDays, first_day, open_segment_days
from logsrv.linelog.ship.target import SentSegment
from logsrv.linelog.store.archive.manifest import segment_base_name
from logsrv.linelog.store.archive.objects import Archive, ArchiveError, ChangedObject
from logsrv.linelog.store.archive.putting import (
    PIECE,
    OtherSegment,
    cancellable_pieces,
    digest_file,
    put_file,
    size_and_sha256,
)
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Segment


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

    Files that are there already stay, if they are of the same text. Raises ArchiveError, OtherSegment,
    OSError, ValueError if the segment is damaged in the store, and PuttingCancelled when `going` returns
    false.
    """
    segment, text = segment_base_name(packed.name), digest_file(packed.name, disk).sha256
    with open_segment_days(packed, disk) as days:
        sizes: dict[str, int] = {}
        for day in days.others:
            note = LakeNote(store, segment, day, text)
            sizes[day] = _put_day(archive, days, note, disk, going)
        _put_day(archive, days, LakeNote(store, segment, days.first, text, sizes), disk, going)
        return SentSegment(segment, days.size, days.lines)


def _put_day(
    archive: Archive, days: SegmentDays, note: LakeNote, disk: Disk, going: Callable[[], bool]
) -> int:
    """Put the file of a day unless it is there; return its size there."""
    name = file_name(note.store, note.segment, note.day)
    size = size_there(archive, name)
    if size is not None and _note_there(archive, name, size, note)[-2:] != note[-2:]:
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
    raise ChangedObject(archive.place, name)


def _note_there(archive: Archive, name: str, size: int, wanted: LakeNote) -> LakeNote:
    """Return the note in a file. Raises ArchiveError if it has none, and OtherSegment for other lines."""
    there = read_note(archive, name, size)
    if there is None:
        raise ArchiveError(
            f"{archive.place} has another file, or a damaged one, under the name {name}: move it away",
            settled=True,
        )
    if there[:4] != wanted[:4]:
        raise OtherSegment(
            f"{archive.place} has another segment {wanted.segment} of store {wanted.store}: this store"
            " was restored or copied; nothing more is sent there until `logsrv ship --new-identity` has"
            " made it another store"
        )
    return there


def size_there(archive: Archive, name: str) -> int | None:
    """Return the size of a file in a lake; None if it is not there. Raises ArchiveError."""
    folder, _, _ = name.partition("/")
    return archive.sizes(f"{folder}/", name[:-1], f"{name}/").get(name)


def has_whole_segment(archive: Archive, store: str, segment: str, size: int) -> bool:
    """Return whether a lake has all files of a segment to their ends. Raises ArchiveError.

    size: of the first file.
    """
    note = read_note(archive, file_name(store, segment), size)
    return (note is not None and note[:2] == (store, segment)) and all(
        size_there(archive, file_name(store, segment, day)) == wanted
        for day, wanted in note.others.items()
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece
