"""The small files of a store: number, synced, origins, empty, removed, format, and what is under way."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial

from logsrv.linelog.store.care.doctor.aside import keep_aside, replace
from logsrv.linelog.store.care.doctor.findings import Remedy, StoreFinding, damaged, lost, note
from logsrv.linelog.store.care.listed import StoreListing
from logsrv.linelog.store.disk import format, lock
from logsrv.linelog.store.disk.disk import Disk, explanation, reason
from logsrv.linelog.store.origins import origins
from logsrv.linelog.store.origins.notes import parse_notes
from logsrv.linelog.store.segments.empty import EMPTY, empty_numbers
from logsrv.linelog.store.segments.removed import REMOVED, removed_runs
from logsrv.linelog.store.segments.segment import (
    BACKUP,
    IMPORTING,
    NOWHERE,
    NUMBER,
    RESTORING,
    SYNCED,
    Position,
    number_text,
    parse_position,
    place_text,
    saved_number,
)


def check_notes(listed: StoreListing, reached: Position) -> Iterator[StoreFinding]:
    """Yield what is wrong with the notes of a store. reached: a place that it had come to, by others."""
    disk = listed.disk
    yield from _format(disk)
    yield from _number(listed, reached)
    yield from _synced(disk)
    yield from _runs(disk)
    yield from _origins(disk)
    yield from _under_way(listed)
    yield from _owner(disk)


def _format(disk: Disk) -> Iterator[StoreFinding]:
    try:
        format.load(disk)
    except (OSError, ValueError) as error:
        yield damaged(
            "format",
            format.NAME,
            explanation(error),
            "No line is lost. No server starts on the store.",
            "Nobody but you knows whether a newer logsrv has had the store.",
        )


def _number(listed: StoreListing, reached: Position) -> Iterator[StoreFinding]:
    disk = listed.disk
    saved = saved_number(disk)
    if saved or not (disk.holds(NUMBER) or listed.by_number or reached > NOWHERE):
        return
    number = max(listed.active, reached.segment)
    certain = bool(listed.by_number)
    yield damaged(
        "number",
        NUMBER,
        "it does not hold the number of a segment" if disk.holds(NUMBER) else "it is missing",
        f"No line is lost. By what else is here, lines go on in segment {number}.",
        f"`--repair` writes {number}."
        if certain
        else "There is no sealed segment to tell it by. The next start takes that number; take a new"
        " directory if lines of this store were shipped.",
        Remedy(partial(replace, NUMBER, number_text(number), disk)) if certain else None,
    )


def _synced(disk: Disk) -> Iterator[StoreFinding]:
    try:
        parse_position(disk.read(SYNCED, 32).decode("latin-1").strip())
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        yield damaged(
            "synced",
            SYNCED,
            explanation(error),
            "No line is lost. A start after a power cut looks through more of the text.",
            "`--repair` writes 0:0, which is always right.",
            Remedy(partial(replace, SYNCED, place_text(NOWHERE), disk)),
        )


def _runs(disk: Disk) -> Iterator[StoreFinding]:
    for name, is_read, of_what in (
        (EMPTY, empty_numbers, "had no lines"),
        (REMOVED, removed_runs, "were removed"),
    ):
        if disk.holds(name) and disk.stat(name).st_size > 1 and not is_read(disk):
            yield damaged(
                name,
                name,
                "it makes no sense",
                f"No line is lost. It had the numbers of segments that {of_what}: readers that stood there"
                " are told that they have missed lines.",
                "`--repair` puts it aside.",
                Remedy(partial(keep_aside, name, disk)),
            )


def _origins(disk: Disk) -> Iterator[StoreFinding]:
    try:
        found = parse_notes(disk.read(origins.NAME))
    except FileNotFoundError:
        return
    except OSError as error:
        yield damaged(
            "origins",
            origins.NAME,
            f"it cannot be read: {reason(error)}",
            "No line is lost. No server starts on the store.",
            "Look at the rights of the file.",
        )
        return
    bad = [offset for offset, one in found if one is None]
    if bad and bad != [found[-1][0]]:
        yield damaged(
            "origins",
            origins.NAME,
            f"{len(bad)} of its {len(found)} lines are damaged",
            "No line is lost. Blocks of other stores that they told of may be stored twice.",
            "Nobody else knows these places. Bring the file back only with all of a backup.",
        )
    elif bad:
        yield note(
            "origins-torn",
            origins.NAME,
            "its last line is torn",
            "A server is writing it, or was killed there; the next start cuts it off.",
        )


def _under_way(listed: StoreListing) -> Iterator[StoreFinding]:
    if RESTORING in listed.names:
        yield lost(
            "restoring",
            RESTORING,
            "the store was not brought back to its end",
            "Lines that have not come are missing. No server starts on it.",
            "Give the same `logsrv restore` again, with the same --from and DIR: it goes on.",
        )
    if IMPORTING in listed.names:
        yield note(
            "importing",
            IMPORTING,
            "an import is under way, or was interrupted",
            "Lines of its files may be missing.",
            "Give the same `logsrv import` again: it goes on.",
        )


def _owner(disk: Disk) -> Iterator[StoreFinding]:
    try:
        found = disk.stat(lock.NAME)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        yield damaged(
            "lock",
            lock.NAME,
            "it is no plain file",
            "No line is lost. No server starts on the store.",
            "Move it away.",
        )
        return
    try:
        left_by = disk.read(lock.NAME, 32).strip()
    except OSError:
        return
    # No server has had a backup: a command was killed there.
    if left_by.isdigit() and not _runs_still(int(left_by)) and not disk.holds(BACKUP):
        yield note(
            "killed",
            lock.NAME,
            f"process {int(left_by)}, which had the store last, was killed, or the power failed",
            "The next start looks over the end of the text, and begins a new segment.",
        )


def _runs_still(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
