"""`logsrv restore --from URL`: a store from an archive, told segment by segment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from logsrv.errors import UsageError
from logsrv.kit.text.words import shown
from logsrv.linelog.archive.restoring import RestoredSegment, restore_segments
from logsrv.linelog.archive.stores import open_archived_store
from logsrv.linelog.store.disk import make_directory, store_errors
from logsrv.linelog.store.lock import locked


def restore(url: str, wanted: str | None, directory: str, tell: Callable[[str], None]) -> int:
    """Write the segments of a store into a locked directory; return the exit status.

    wanted: the identity of the store, if the archive has several. tell: gets a sentence for each
    segment that is left out. Raises UsageError for the URL, StoreError and ArchiveError.
    """
    try:
        archive, store = open_archived_store(url, wanted)
    except ValueError as error:
        raise UsageError(f"--from {shown(url)}: {error}") from None
    total = _RestoredTotal(tell)
    what = f"{shown(directory)} cannot be written"
    with store_errors(what, "; give the same command again to go on"):
        make_directory(Path(directory))
        with locked(Path(directory)) as disk:
            for one in restore_segments(archive, store, disk):
                total.add(one)
    print(f"{shown(directory)} is store {store}: {total}")
    print(
        "If the store that was archived still runs, or its lines went on elsewhere, give this one"
        " another identity before it ships: logsrv ship --new-identity"
    )
    return 1 if total.left_out else 0


class _RestoredTotal:
    """The numbers of segments, lines and bytes that were restored."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.segments = self.lines = self.text = self.left_out = 0

    def add(self, one: RestoredSegment) -> None:
        if one.error:
            self.left_out += 1
            self._tell(f"{one.name} is left out: {one.error}")
        else:
            self.segments, self.lines = self.segments + 1, self.lines + one.lines
            self.text += one.text

    def __str__(self) -> str:
        return f"{self.segments} segments, {self.lines:,} lines, {self.text:,} bytes of text"
