"""The small files of a store: number, synced, origins, imported and others, and what is under way."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial

import attrs

from logsrv.errors import StoreError
from logsrv.kit.text.words import counted
from logsrv.linelog.store.archive import kept
from logsrv.linelog.store.care.doctor.aside import keep_aside, replace
from logsrv.linelog.store.care.doctor.findings import Remedy, StoreFinding, damaged, lost, note
from logsrv.linelog.store.care.imported import NAME as IMPORTED
from logsrv.linelog.store.care.imported import load as load_imported
from logsrv.linelog.store.care.listed import StoreListing
from logsrv.linelog.store.disk import format, lock
from logsrv.linelog.store.disk.disk import Disk, explanation, reason
from logsrv.linelog.store.origins import origins
from logsrv.linelog.store.origins.notes import read_notes
from logsrv.linelog.store.segments import backup_note
from logsrv.linelog.store.segments.empty import EMPTY, read_empty
from logsrv.linelog.store.segments.removed import REMOVED, read_removed
from logsrv.linelog.store.segments.segment import (
    BACKUP,
    IMPORTING,
    NOWHERE,
    NUMBER,
    RESTORING,
    SYNCED,
    Position,
    number_text,
    place_text,
    read_synced,
    saved_number,
)
from logsrv.linelog.store.segments.waiting import WAITING, read_waiting


def check_notes(listed: StoreListing, reached: Position) -> Iterator[StoreFinding]:
    """Yield what is wrong with the notes of a store. reached: a place that it had come to, by others."""
    disk = listed.disk
    yield from _format(disk)
    yield from _number(listed, reached)
    yield from _synced(disk)
    yield from _runs(disk)
    yield from _origins(disk)
    yield from _imported(disk)
    yield from _archives(disk)
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
        read_synced(disk)
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
    gone = (
        "It had the numbers of segments that {}: readers that stood there are told that they have"
        " missed lines."
    )
    waiting = "It had the sizes of segments: nothing else tells that one of them was cut."
    for name, read, means in (
        (EMPTY, read_empty, gone.format("had no lines")),
        (REMOVED, read_removed, gone.format("were removed")),
        (WAITING, read_waiting, waiting),
    ):
        try:
            read(disk)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            yield damaged(
                name,
                name,
                f"it makes no sense: {explanation(error)}",
                f"No line is lost. {means}",
                "`--repair` puts it aside.",
                Remedy(partial(keep_aside, name, disk)),
            )


def _origins(disk: Disk) -> Iterator[StoreFinding]:
    try:
        found = read_notes(disk.read(origins.NAME))
    except FileNotFoundError:
        return
    except OSError as error:
        yield damaged(
            "origins",
            origins.NAME,
            f"it cannot be read: {reason(error)}",
            "No line is lost. No server starts on the store.",
            "Look at what it is, and at its rights.",
        )
        return
    if found.torn and _left_by(disk):
        yield note(
            "origins-torn",
            origins.NAME,
            "its last line is torn",
            "A server is writing it, or was killed there; the next start cuts it off.",
        )
    else:
        found = found.with_torn_as_damaged()
    again = Remedy(partial(replace, origins.NAME, attrs.evolve(found, damaged=()).text(), disk))
    if found.damaged:
        yield damaged(
            "origins",
            origins.NAME,
            f"of {counted(found.lines, 'line')} {len(found.damaged)} cannot be used: damaged, or missing",
            f"No line is lost. Blocks of {found.refused} are refused, and their senders keep them.",
            "Does a backup of this store have the file as it is after their last block? Then bring it back."
            " Else `--repair` takes out what is damaged, and a block that it told of is stored twice.",
            again,
        )
    elif found.changed:
        yield damaged(
            "origins",
            origins.NAME,
            f"one bit has changed in {counted(found.changed, 'line')}",
            "No line is lost, nor stored twice: the checksums tell how they were.",
            "The next start puts it right, and so does `--repair`.",
            again,
        )


def _imported(disk: Disk) -> Iterator[StoreFinding]:
    try:
        load_imported(disk)
    except (OSError, StoreError) as error:
        yield damaged(
            "imported",
            IMPORTED,
            explanation(error),
            "No line is lost. No import into the store begins.",
            "Nobody else knows which files were imported. A backup may have the file.",
        )


def _archives(disk: Disk) -> Iterator[StoreFinding]:
    for folder, inside in backup_note.folders(disk, passed=OSError):
        for name in sorted(inside.entries()) if folder == kept.FOLDER else ():
            if not name.endswith(kept.SUFFIX):
                continue
            try:
                kept.noted_url(inside, name)
            except (OSError, ValueError) as error:
                yield damaged(
                    "archive",
                    f"{folder}/{name}",
                    f"it names no archive: {explanation(error)}",
                    "No line is lost. A search does not find what is in that archive only.",
                    "A server that ships there writes it anew at its start.",
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
    left_by = _left_by(disk)
    # No server has had a backup: a command was killed there.
    if left_by.isdigit() and not _runs_still(int(left_by)) and not disk.holds(BACKUP):
        yield note(
            "killed",
            lock.NAME,
            f"process {int(left_by)}, which had the store last, was killed, or the power failed",
            "The next start looks over the end of the text, and begins a new segment.",
        )


def _left_by(disk: Disk) -> bytes:
    """Return which process has the store, or has not come to its end; nothing for none."""
    try:
        return disk.read(lock.NAME, 32).strip()
    except OSError:
        return b""


def _runs_still(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
