"""Putting sealed segments into an archive: each file is read back and compared; the manifest is put last.

An archive may lose a file. So `incomplete_segments` checks later whether the archive still has all files,
by the names and sizes in a listing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from logsrv.linelog.archive.catalog import manifest_in_archive
from logsrv.linelog.archive.erased_there import lines_erased_there
from logsrv.linelog.archive.names import manifest_object_name
from logsrv.linelog.objects.interface import (
    Archive,
    ArchiveError,
    ChangedObject,
    ObjectExists,
    ObjectMissing,
)
from logsrv.linelog.objects.putting import ErasedThere, OtherSegment, put_file
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.notes.archive_notes import local_manifest_or_none
from logsrv.linelog.store.notes.digest import PIECE, FileDigest, digest_file
from logsrv.linelog.store.notes.erased import erased_or_none
from logsrv.linelog.store.notes.manifest import (
    Manifest,
    encode_manifest,
    frame_checksum,
    object_name,
    segment_base_name,
)
from logsrv.linelog.store.segment import Segment


def make_manifest(packed: Segment, disk: Disk, store: str) -> Manifest:
    """Return the manifest of a packed segment. store: the identity of its store.

    Raises OSError, and ValueError if the size of the compressed file differs from the size in its index.
    """
    found = index.load(packed, disk)
    files = {
        name.removeprefix(segment_base_name(packed.name)): digest_file(name, disk)
        for name in packed.archived_files
        if name != packed.words or disk.has_name(name)
    }
    return Manifest(
        store,
        segment_base_name(packed.name),
        files,
        found.text,
        found.lines,
        found.times,
        tuple(_frame_checksums(packed, found, disk)),
    )


def _frame_checksums(packed: Segment, found: index.Index, disk: Disk) -> Iterator[str]:
    size = disk.stat(packed.name).st_size
    if size != found.compressed:
        raise ValueError(f"it has {size} bytes, but its index says {found.compressed}")
    with open(disk.open(packed.name, os.O_RDONLY), "rb") as file:
        for frame in range(len(found.frames)):
            yield frame_checksum(file.read(found.packed_extent(frame)[1]))


def find_manifest(archive: Archive, store: str, name: str) -> Manifest | None:
    """Return the manifest of a segment from an archive; None if the archive has none.

    Raises ArchiveError, also for a damaged manifest.
    """
    try:
        return manifest_in_archive(archive, store, name)
    except ObjectMissing:
        return None


def put_segment(
    archive: Archive,
    packed: Segment,
    disk: Disk,
    store: str,
    going: Callable[[], bool] = lambda: True,
) -> Manifest:
    """Put a packed segment into an archive, durably; return the manifest that the archive then has.

    Files of an interrupted attempt are used if they are the same, else replaced. Files that the archive has
    lost, in whole or in part, are put again, and so is a segment in which lines were erased. Raises
    ArchiveError, OtherSegment, ErasedThere if lines are erased there that the store still has, OSError,
    ValueError if the segment is damaged in the store, and PuttingCancelled when `going` returns false.
    """
    made = make_manifest(packed, disk, store)
    known = _manifest_unless_damaged(archive, made, packed, disk)
    is_erased = erased_or_none(disk).touches(packed.number)
    if is_erased and (known is None or known.packed_file != made.packed_file):
        if known is not None and (known.text, known.lines) != (made.text, made.lines):
            # An erase changes neither: this is the text of another store.
            _require_same_text(archive, known, made)
        if lines := lines_erased_there(archive, packed, disk, store):
            raise ErasedThere(archive.address, made.name, len(lines))
    if known is not None and is_erased and known != made:
        # Lines were erased in this store, in the text or in what its indexes have of other lines.
        archive.remove(manifest_object_name(store, made.name))
        known = None
    words = object_name(store, packed.words)
    if known is None and is_erased and words not in made.objects:
        # No file would take the place of the one with words of the erased lines.
        archive.remove(words)
    if known is not None:
        _require_same_text(archive, known, made)
        lost = {
            name: wanted
            for name, wanted in known.objects.items()
            if not _has_size(archive, name, wanted.size)
        }
        if all(made.objects.get(name) == wanted for name, wanted in lost.items()):
            _put_files(archive, lost, disk, going)
            return known
        # The store has made its indexes again since, so the manifest is obsolete: put all files again.
        archive.remove(manifest_object_name(store, made.name))
    _put_files(archive, made.objects, disk, going)
    _put_manifest(archive, made)
    return made


def _manifest_unless_damaged(
    archive: Archive, made: Manifest, packed: Segment, disk: Disk
) -> Manifest | None:
    """Return the manifest of a segment from an archive; None if it has to be made.

    A damaged manifest is removed if the note in the store says that the archive has this text. Raises
    ArchiveError, also for any other damaged manifest.
    """
    try:
        return find_manifest(archive, made.store, packed.name)
    except ChangedObject:
        note = local_manifest_or_none(packed, disk)
        if note is None or (note.store, note.packed_file) != (made.store, made.packed_file):
            raise
        archive.remove(manifest_object_name(made.store, made.name))
        return None


def _has_size(archive: Archive, name: str, size: int) -> bool:
    """Return whether an object exists and has `size` bytes."""
    try:
        return len(archive.read(name, max(0, size - 1), 2)) == min(1, size)
    except ObjectMissing:
        return False


def _put_files(
    archive: Archive, files: Mapping[str, FileDigest], disk: Disk, going: Callable[[], bool]
) -> None:
    for name, wanted in files.items():
        local = name.rpartition("/")[2]
        if not put_file(archive, name, disk.pieces(local, PIECE), wanted, going):
            # A killed attempt left other content, or the archive has lost a part of the file.
            archive.remove(name)
            if not put_file(archive, name, disk.pieces(local, PIECE), wanted, going):
                raise ChangedObject(archive.address, name)


def incomplete_segments(
    archive: Archive, segments: Iterable[Segment], disk: Disk, store: str, sizes: Mapping[str, int]
) -> list[Segment]:
    """Return the archived segments of which the archive now lacks a file, or a part of one.

    sizes: the sizes in bytes of the objects in the archive, by name. Raises ArchiveError.
    """
    return [
        one
        for one in segments
        if disk.has_name(one.archived)
        and not _is_completely_archived(archive, one, disk, store, sizes)
    ]


def _is_completely_archived(
    archive: Archive, segment: Segment, disk: Disk, store: str, sizes: Mapping[str, int]
) -> bool:
    note = local_manifest_or_none(segment, disk)
    manifest = manifest_object_name(store, segment.name)
    if note is not None and (note.store != store or is_as_noted(note, sizes)):
        return True
    if manifest not in sizes:
        return False
    try:
        # The note is damaged, or is about another archive that got other indexes: ask this archive.
        known = find_manifest(archive, store, segment.name)
    except ChangedObject:
        return False
    return known is not None and _has_all_objects(known, sizes)


def is_as_noted(note: Manifest, sizes: Mapping[str, int]) -> bool:
    """Return whether an archive has the files of a note in the store, by the sizes of its objects."""
    manifest = manifest_object_name(note.store, note.name)
    return sizes.get(manifest) == len(encode_manifest(note)) and _has_all_objects(note, sizes)


def _has_all_objects(manifest: Manifest, sizes: Mapping[str, int]) -> bool:
    return all(sizes.get(name) == file.size for name, file in manifest.objects.items())


def _put_manifest(archive: Archive, made: Manifest) -> None:
    name = manifest_object_name(made.store, made.name)
    with suppress(ObjectExists):
        archive.create(name, [encode_manifest(made)])
    known = find_manifest(archive, made.store, made.name)
    if known is None:
        raise ArchiveError(f"{archive.address} accepted {name}, but does not have it")
    _require_same_text(archive, known, made)


def _require_same_text(archive: Archive, known: Manifest, made: Manifest) -> None:
    """Raise OtherSegment if the text differs. Indexes may differ, because they may have been made again."""
    if (known.packed_file, known.text, known.lines) != (made.packed_file, made.text, made.lines):
        raise OtherSegment(
            f"{archive.address} has another segment {made.name} of store {made.store}: this store was"
            " restored or copied; nothing more is archived there until `logsrv ship --new-identity`"
            " has made it another store"
        )
