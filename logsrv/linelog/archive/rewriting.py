"""Segments in which lines were erased: put into an archive in place of the earlier, or compared with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from logsrv.linelog.archive.catalog import add_to_archive_catalogs
from logsrv.linelog.archive.erased_there import lines_erased_there
from logsrv.linelog.archive.putting import find_manifest, is_as_noted, put_segment
from logsrv.linelog.objects.interface import Archive, ChangedObject
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.archive_notes import local_manifest_or_none, save_local_manifest
from logsrv.linelog.store.notes.digest import digest_file
from logsrv.linelog.store.notes.erased import erased_or_none
from logsrv.linelog.store.notes.manifest import object_name
from logsrv.linelog.store.segment import Segment


def rewrite_segments(url: str, disk: Disk, store: str, segments: Iterable[Segment]) -> None:
    """Put segments into an archive anew, and note beside each that the archive has it.

    store: the identity of the store. Raises ArchiveError, OSError and ValueError.
    """
    archive = open_archive(url)
    for segment in segments:
        made = put_segment(archive, segment, disk, store)
        add_to_archive_catalogs(archive, made, disk.read)
        save_local_manifest(disk, segment, made)


def find_erased_lines(
    url: str, disk: Disk, store: str, segments: Iterable[Segment]
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield the numbers of segments with lines that are erased in an archive but not here, and these lines.

    A segment is read there if its text in the archive is another than here, or if its files there have
    other sizes than the note beside it. Raises ArchiveError, OSError and ValueError.
    """
    archive, erased = open_archive(url), erased_or_none(disk)
    sizes = archive.sizes(f"{store}/")
    for one in segments:
        if object_name(store, one.name) not in sizes:
            continue
        if erased.touches(one.number):
            # The note tells of before the erase: the checksum of the text is compared.
            is_same = _has_same_text(archive, one, disk, store)
        else:
            note = local_manifest_or_none(one, disk)
            is_same = note is not None and note.store == store and is_as_noted(note, sizes)
        if not is_same:
            yield one.number, lines_erased_there(archive, one, disk, store)


def _has_same_text(archive: Archive, one: Segment, disk: Disk, store: str) -> bool:
    try:
        there = find_manifest(archive, store, one.name)
    except ChangedObject:
        return False
    return there is not None and there.packed_file == digest_file(one.name, disk)
