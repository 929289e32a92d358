"""Segments in which lines were erased, put into an archive in place of the earlier ones."""

from __future__ import annotations

from collections.abc import Iterable

from logsrv.linelog.archive.catalog import add_to_archive_catalogs
from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.archive_notes import save_local_manifest
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
