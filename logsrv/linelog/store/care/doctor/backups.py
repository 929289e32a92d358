"""A backup: whether it is complete, and has all that its note says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from logsrv.kit.text.words import counted
from logsrv.linelog.store.care.doctor.findings import StoreFinding, damaged, lost
from logsrv.linelog.store.disk.disk import Disk, explanation
from logsrv.linelog.store.segments import backup_note
from logsrv.linelog.store.segments.segment import BACKUP


def check_backup(
    disk: Disk, size_of: Callable[[int], int | None], lines: int | None
) -> Iterator[StoreFinding]:
    """Yield what is wrong with a backup.

    size_of: returns the bytes of text of a segment; None: unknown. lines: how many there are, if known.
    """
    try:
        found = backup_note.load(disk)
    except (OSError, ValueError) as error:
        yield damaged(
            "backup",
            BACKUP,
            explanation(error),
            "It is a backup, and nobody knows up to where.",
            "If nothing else is found here, remove the file: then it is a store.",
        )
        return
    if found is None:
        return
    if found.state == backup_note.BEGUN:
        yield lost(
            "backup-begun",
            BACKUP,
            "it has not come to its end",
            "Lines that have not come are missing. No server starts on it.",
            f"Give the same `logsrv {found.command}` again: it goes on.",
        )
        return
    if found.state == backup_note.ARRIVING:
        yield damaged(
            "backup-arriving",
            BACKUP,
            "its last step, which gives files their names, was broken off",
            "Until that is finished it may seem that lines are missing. None is lost.",
            f"Give the same `logsrv {found.command}` again. `logsrv restore` and a server finish it, too.",
        )
        return
    held = size_of(found.place.segment)
    if held is not None and held < found.place.offset:
        yield lost(
            "backup-short",
            BACKUP,
            f"it had all lines up to {found.place}, and the text ends at byte {held:,} there",
            "What stood there is lost.",
            "Back up the store again, if it is there still.",
        )
    elif found.lines is not None and lines is not None and lines < found.lines:
        yield lost(
            "backup-short",
            BACKUP,
            f"it had {counted(found.lines, 'line')}, and has {lines:,}",
            "Somebody has removed segments of it.",
            "Back up the store again, if it is there still.",
            lines=found.lines - lines,
        )
