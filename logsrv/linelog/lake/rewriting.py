"""Segments in which lines were erased, put into a lake in place of the earlier files."""

from __future__ import annotations

from collections.abc import Iterable

from logsrv.linelog.lake.lake_segment import put_lake_segment
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.ship.targets.object_plugins import LAKE
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Segment


def rewrite_segments(url: str, disk: Disk, store: str, segments: Iterable[Segment]) -> None:
    """Make the files of segments in a lake anew. store: the identity of the store.

    Raises ArchiveError, OSError and ValueError.
    """
    archive = open_archive(url.removeprefix(LAKE))
    for segment in segments:
        put_lake_segment(archive, segment, disk, store, lambda: True)
