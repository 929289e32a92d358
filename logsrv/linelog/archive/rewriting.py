"""Segments in which lines were erased: put into an archive in place of the earlier, or compared with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from logsrv.linelog.archive.catalog import add_to_archive_catalogs
from logsrv.linelog.archive.erased_there import lines_erased_there
from logsrv.linelog.archive.names import manifest_object_name
from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.archive_notes import local_manifest_or_none, save_local_manifest
from logsrv.linelog.store.notes.erased import erased_or_none
from logsrv.linelog.store.notes.manifest import encode_manifest, object_name
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

    A segment is read there if an erase has changed it here, or if its files there have other sizes than
    the note beside it. Raises ArchiveError, OSError and ValueError.
    """
    archive, erased = open_archive(url), erased_or_none(disk)
    sizes = archive.sizes(f"{store}/")
    for one in segments:
        if object_name(store, one.name) in sizes and (
            erased.touches(one.number) or not _is_as_noted(one, disk, store, sizes)
        ):
            yield one.number, lines_erased_there(archive, one, disk, store)


def _is_as_noted(one: Segment, disk: Disk, store: str, sizes: Mapping[str, int]) -> bool:
    note = local_manifest_or_none(one, disk)
    manifest = manifest_object_name(store, one.name)
    return (
        note is not None
        and note.store == store
        and sizes.get(manifest) == len(encode_manifest(note))
        and all(sizes.get(name) == file.size for name, file in note.objects.items())
    )
