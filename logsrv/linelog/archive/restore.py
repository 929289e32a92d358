"""`logsrv restore --from URL`: a store from an archive, told segment by segment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from logsrv.errors import UsageError
from logsrv.kit.text.words import LONGEST_ERROR, counted, shown
from logsrv.linelog.archive.restoring import (
    RestoredSegment,
    begin_restoring,
    is_restored,
    restore_segments,
)
from logsrv.linelog.archive.rule_note import stores_of_rules
from logsrv.linelog.archive.stores import open_archived_store
from logsrv.linelog.objects.interface import Archive
from logsrv.linelog.store.disk import Disk, make_directory, store_errors
from logsrv.linelog.store.lock import locked
from logsrv.linelog.store.rule_stores import directory_of_rule


def restore(url: str, wanted: str | None, directory: str, tell: Callable[[str], None]) -> int:
    """Write the segments of a store, and of its rules' stores, into a directory; return the exit status.

    wanted: the identity of the store, if the archive has several. tell: gets a sentence for each
    segment that is left out. Raises UsageError for the URL, StoreError and ArchiveError.
    """
    try:
        archive, store = open_archived_store(url, wanted, is_main=True)
    except ValueError as error:
        raise UsageError(f"--from {shown(url)}: {error}") from None
    what = f"{shown(directory)} cannot be written"
    with store_errors(what, "; give the same command again to continue"):
        make_directory(Path(directory))
        # Until its end, so no server uses the stores of rules without the main one.
        with locked(Path(directory)) as disk:
            begin_restoring(store, disk)
            status = _restore_rule_stores(archive, store, directory, tell)
            status |= _restore_store(archive, store, disk, tell)
    print(
        "If the store that was archived still runs, or its lines went on elsewhere, give this one"
        " another identity before it ships: logsrv ship --new-identity"
    )
    return status


def _restore_rule_stores(
    archive: Archive, main: str, directory: str, tell: Callable[[str], None]
) -> int:
    """Restore the stores of a main store's rules below its directory; return the exit status."""
    status = 0
    for rule, stores in stores_of_rules(archive, main).items():
        place = Path(directory_of_rule(directory, rule))
        *others, newest = stores
        if others:
            which = " or ".join(f"--store {one}" for one in others)
            tell(f"{shown(str(place))} is the last of several stores; {which} restores another")
            status = 1
        make_directory(place.parent)
        make_directory(place)
        with locked(place) as disk:
            if not is_restored(newest, disk):
                status |= _restore_store(archive, newest, disk, tell)
    return status


def _restore_store(archive: Archive, store: str, disk: Disk, tell: Callable[[str], None]) -> int:
    """Restore one store, and print that; return the exit status."""
    total = _RestoredTotal(tell)
    for one in restore_segments(archive, store, disk):
        total.add(one)
    print(f"{shown(str(disk.directory), LONGEST_ERROR)} is store {store}: {total}")
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
        segments, lines = counted(self.segments, "segment"), counted(self.lines, "line")
        return f"{segments}, {lines}, {self.text:,} bytes of text"
