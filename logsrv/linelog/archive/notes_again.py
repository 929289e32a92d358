"""Segments that only an archive has, in which lines were erased there after a backup of the store was made.

A store that is restored from that backup has their indexes and notes from before the erase. So it takes the
text in the archive for damaged, and its indexes may have words of erased lines. Here it gets the present
ones from the archive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from logsrv.linelog.archive.putting import find_manifest
from logsrv.linelog.fields.erased_line import is_erased
from logsrv.linelog.objects.interface import Archive, ChangedObject
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import unpack_frame
from logsrv.linelog.store.index.segment_index import Index, decode_index
from logsrv.linelog.store.notes.archive_notes import local_manifest_or_none, save_local_manifest
from logsrv.linelog.store.notes.digest import FileDigest, size_and_sha256
from logsrv.linelog.store.notes.erased import load_erased, save_erased
from logsrv.linelog.store.notes.manifest import Manifest, frame_checksum, object_name
from logsrv.linelog.store.segment import Segment


def find_erased_segments(
    url: str, disk: Disk, store: str, segments: Iterable[Segment]
) -> Iterator[Segment]:
    """Yield the segments, of those that only an archive has, in which lines were erased there since.

    Each frame that has changed has an erased line: any other change is damage. Raises ArchiveError, and
    OSError.
    """
    archive, before = open_archive(url), 0
    for one in segments:
        note = local_manifest_or_none(one, disk)
        if note is None or note.store != store:
            continue
        there = find_manifest(archive, store, one.name)
        if there is None or there == note:
            continue
        if there.packed_file == note.packed_file:
            # Its index may have a copy of an erased line. Without one, two archives may have two indexes.
            is_changed = before == one.number - 1
        else:
            is_changed = _is_erased_form(archive, one, note, there)
        if is_changed:
            before = one.number
            yield one


def take_over_segments(url: str, disk: Disk, store: str, segments: Iterable[Segment]) -> None:
    """Replace indexes and notes of such segments by those in an archive. Raises ArchiveError, OSError."""
    archive = open_archive(url)
    for one in segments:
        there = find_manifest(archive, store, one.name)
        if there is None or (index := _fetch(archive, one.index, there)) is None:
            continue
        words = _fetch(archive, one.words, there)
        save_erased(load_erased(disk).with_segment(one.number, 0, there.text), disk)
        # Files that were made of the earlier text go first and the note comes last, as in an erase.
        disk.unlink(one.columns)
        disk.unlink(one.words)
        disk.replace(one.index, index)
        if words is not None:
            disk.replace(one.words, words)
        disk.sync_directory()
        save_local_manifest(disk, one, there)


def _is_erased_form(archive: Archive, one: Segment, note: Manifest, there: Manifest) -> bool:
    same = (note.name, note.text, note.lines, len(note.frames), note.times) == (
        there.name,
        there.text,
        there.lines,
        len(there.frames),
        there.times,
    )
    if not same:
        return False
    data = _fetch(archive, one.index, there)
    try:
        found = decode_index(data or b"")
        changed = [
            number
            for number, (before, after) in enumerate(zip(note.frames, there.frames, strict=True))
            if before != after
        ]
        return there.fits(found) and all(
            _has_erased_line(archive, one, there, found, number) for number in changed
        )
    except ValueError:
        return False


def _has_erased_line(
    archive: Archive, one: Segment, there: Manifest, found: Index, number: int
) -> bool:
    """Return whether a frame in an archive has an erased line. Raises ArchiveError and ValueError."""
    at, size = found.packed_extent(number)
    frame = archive.read(object_name(there.store, one.name), at, size)
    if frame_checksum(frame) != there.frames[number]:
        return False
    ends = [*(each.text for each in found.frames[1:]), found.text]
    text = unpack_frame(frame, ends[number] - found.frames[number].text)
    return any(line and is_erased(line) for line in text.split(b"\n"))


def _fetch(archive: Archive, name: str, there: Manifest) -> bytes | None:
    """Return a file of a segment from an archive; None if the segment has none. Raises ArchiveError."""
    whole = object_name(there.store, name)
    wanted: FileDigest | None = there.objects.get(whole)
    if wanted is None:
        return None
    data = archive.read(whole)
    if size_and_sha256([data]) != wanted:
        raise ChangedObject(archive.address, whole)
    return data
