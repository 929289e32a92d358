"""Lines of a segment that are erased in an archive, and that the store still has.

`put_segment` asks before it replaces a segment, and `logsrv erase --everywhere` erases what it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryFile

from logsrv.linelog.objects.interface import Archive, ObjectMissing
from logsrv.linelog.objects.putting import object_pieces
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import LARGEST_PACKED, unpack_frames_of
from logsrv.linelog.store.notes.manifest import object_name
from logsrv.linelog.store.sealing.erased_elsewhere import erased_offsets, lines_to_erase
from logsrv.linelog.store.segment import Segment


def lines_erased_there(
    archive: Archive, packed: Segment, disk: Disk, store: str
) -> list[tuple[int, int]]:
    """Return begin and end of each such line, in order.

    A text that the archive has lost has no such line, and neither has the part after a damaged frame.
    Raises ArchiveError, OSError, and ValueError if the segment is damaged in the store.
    """
    # A temporary file has no name, so a kill leaves nothing.
    with TemporaryFile(dir=disk.directory) as file:
        try:
            for piece in object_pieces(archive, object_name(store, packed.name), LARGEST_PACKED):
                file.write(piece)
        except ObjectMissing:
            return []
        file.flush()
        return lines_to_erase(erased_offsets(_texts(file.fileno())), packed, disk)


def _texts(fd: int) -> Iterator[bytes]:
    try:
        for text, _ in unpack_frames_of(fd):
            yield text
    except ValueError:
        return
