"""A segment whose text is in an archive only: what is here to find it by."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from logsrv.linelog.store.archive.kept import archived
from logsrv.linelog.store.archive.manifest import Manifest, StoredFile
from logsrv.linelog.store.care.doctor.findings import StoreFinding, damaged
from logsrv.linelog.store.disk.disk import Disk, explanation
from logsrv.linelog.store.segments.segment import Segment


class AwaySegment:
    """Findings about such a segment, and the bytes and lines of its text; None if nobody knows."""

    def __init__(self, segment: Segment, disk: Disk) -> None:
        self.text: int | None = None
        self.lines: int | None = None
        self.findings = list(self._look(segment, disk))

    def _look(self, segment: Segment, disk: Disk) -> Iterator[StoreFinding]:
        try:
            manifest = archived(disk, segment)
            if manifest.segment.name != segment.name:
                raise ValueError("it is of another segment")
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            yield damaged(
                "archived",
                segment.archived,
                f"the note that an archive has segment {segment.number} is of no use: {explanation(error)}",
                "The lines are in the archive; a search of this store does not find them.",
                "Copy the file from a backup, or search the archive itself by its URL.",
            )
            return
        self.text, self.lines = manifest.text, manifest.lines
        for name in (segment.index, segment.words):
            if disk.holds(name) and not _is_as_archived(name, manifest, disk):
                yield damaged(
                    "away-index",
                    name,
                    "it is not what was archived",
                    f"The lines of segment {segment.number} are in the archive; a search of this store may"
                    " not find them.",
                    "Copy the file of this name from the archive.",
                )


def _is_as_archived(name: str, manifest: Manifest, disk: Disk) -> bool:
    wanted = manifest.files.get(name.removeprefix(manifest.name))
    try:
        data = disk.read(name)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return wanted == StoredFile(len(data), sha256(data).hexdigest())
