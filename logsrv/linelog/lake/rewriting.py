"""Segments in which lines were erased: put into a lake for the earlier files, or compared with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from logsrv.linelog.lake.lake_segment import (
    lines_erased_there,
    open_segment_days,
    put_lake_segment,
)
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.ship.targets.object_plugins import LAKE
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.erased import erased_or_none
from logsrv.linelog.store.segment import Segment


def rewrite_segments(url: str, disk: Disk, store: str, segments: Iterable[Segment]) -> None:
    """Make the files of segments in a lake anew. store: the identity of the store.

    Raises ArchiveError, OSError and ValueError.
    """
    archive = open_archive(url.removeprefix(LAKE))
    for segment in segments:
        put_lake_segment(archive, segment, disk, store, lambda: True)


def find_erased_lines(
    url: str, disk: Disk, store: str, segments: Iterable[Segment]
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield the numbers of segments with lines that are erased in a lake but not here, and these lines.

    Only segments that an erase has changed here are compared: all others cannot replace a file there.
    Raises ArchiveError, OSError and ValueError.
    """
    archive, erased = open_archive(url.removeprefix(LAKE)), erased_or_none(disk)
    for one in segments:
        if erased.touches(one.number):
            with open_segment_days(one, disk) as days:
                yield one.number, lines_erased_there(archive, one, disk, store, days)
