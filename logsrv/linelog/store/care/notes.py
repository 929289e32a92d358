"""The examination of the small files of a store: number, synced, store, origins, imported and others."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

import attrs

from logsrv.kit.text.words import counted
from logsrv.linelog.store.archive import archive_notes
from logsrv.linelog.store.care.findings import StoreFinding, make_finding, why_unreadable
from logsrv.linelog.store.care.imported import NAME as IMPORTED
from logsrv.linelog.store.care.imported import load as load_imported
from logsrv.linelog.store.care.keep_aside import keep_aside, replace_keeping_old
from logsrv.linelog.store.care.store_listing import StoreListing
from logsrv.linelog.store.origins import origins
from logsrv.linelog.store.origins.notes import parse_notes_file
from logsrv.linelog.store.segments import backup_note, format, identity, lock
from logsrv.linelog.store.segments.disk import Disk, explanation
from logsrv.linelog.store.segments.identity import Identity
from logsrv.linelog.store.segments.removed import EMPTY, REMOVED, read_empty_runs, read_removed
from logsrv.linelog.store.segments.segment import (
    BACKUP,
    NOWHERE,
    NUMBER,
    RESTORING,
    SYNCED,
    Position,
    number_text,
    parse_position,
    read_synced,
    saved_number,
    synced_file_text,
    synced_place,
)
from logsrv.linelog.store.segments.waiting import WAITING, read_waiting


class SavedPlace(Protocol):
    """The saved place of a reader. store: the identity of the store it belongs to; "" if unknown."""

    @property
    def position(self) -> Position: ...
    @property
    def store(self) -> str: ...


Kept = tuple[str, SavedPlace | None, str]
"""The name of a saved place, `ship/NAME` or `alerts/N`; the place or None; why it is unreadable, or ""."""
_READERS: dict[str, tuple[Callable[[Disk], object], Callable[[Disk], object] | None]] = {
    format.NAME: (format.load_format, None),
    SYNCED: (
        read_synced,
        lambda disk: replace_keeping_old(SYNCED, synced_file_text(NOWHERE), disk),
    ),
    EMPTY: (read_empty_runs, partial(keep_aside, EMPTY)),
    REMOVED: (read_removed, partial(keep_aside, REMOVED)),
    WAITING: (read_waiting, partial(keep_aside, WAITING)),
    IMPORTED: (load_imported, None),
    BACKUP: (backup_note.load, None),
}
"""For each small file, a function that raises if the file is damaged, and one that repairs it, or None."""
# The most bytes that are read: enough for the notes of 100,000 stores. A larger file counts as damaged,
# because reading damaged lines takes ten times their size in memory.
_MOST_ORIGINS = 32 << 20
_SHORTEST_NOTE = 64
_BEGAN = re.compile(rb'"began":"([0-9:]{1,30})"')


def check_small_files(listed: StoreListing, places: Sequence[Kept]) -> Iterator[StoreFinding]:
    """Yield the findings about the small files of a store. places: the saved places of its readers."""
    disk, known = listed.disk, [one for _, one, _ in places if one]
    for name, (read, mend) in _READERS.items():
        if why := why_unreadable(read, disk):
            yield make_finding(name, name, why=why, remedy=mend and partial(mend, disk))
    for folder, inside in backup_note.store_folders(disk, passed=OSError):
        for name in sorted(inside.entries()) if folder == archive_notes.FOLDER else ():
            if name.endswith(archive_notes.SUFFIX) and (
                why := why_unreadable(archive_notes.read_archive_url, inside, name)
            ):
                yield make_finding("archive", f"{folder}/{name}", why=why)
    if RESTORING in listed.names:
        yield make_finding("restoring", RESTORING, command="restore")
    yield from _check_number_file(
        listed, max([synced_place(disk), *(one.position for one in known)])
    )
    yield from _check_origins_file(disk)
    yield from _check_identity_file(disk, known)


def _check_number_file(listed: StoreListing, reached: Position) -> Iterator[StoreFinding]:
    """Yield the findings about the file `number`. reached: a place that the store once reached."""
    disk = listed.disk
    is_there = disk.has_name(NUMBER)
    if saved_number(disk) or not (is_there or listed.by_number or reached > NOWHERE):
        return
    number = max(listed.active, reached.segment)
    mend = (
        partial(replace_keeping_old, NUMBER, number_text(number), disk)
        if listed.by_number
        else None
    )
    why = "it does not hold the number of a segment" if is_there else "it is missing"
    yield make_finding("number", NUMBER, why=why, number=number, remedy=mend)


def _check_origins_file(disk: Disk) -> Iterator[StoreFinding]:
    name = origins.NAME
    try:
        data = disk.read(name, _MOST_ORIGINS + 1)
        if len(data) > _MOST_ORIGINS or data.count(b"\n") > _MOST_ORIGINS // _SHORTEST_NOTE:
            raise ValueError(f"it has more than {_MOST_ORIGINS >> 20} MiB, or too many lines")
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        yield make_finding("origins", name, why=explanation(error))
        return
    found, left_by = parse_notes_file(data), b""
    with contextlib.suppress(OSError):
        left_by = disk.read(lock.NAME, 32).strip()
    if not left_by:
        # No writer is running, and none was killed: so an unended line is damage, not a write in progress.
        found = found.with_torn_as_damaged()
    if found.damaged:
        of = f"of {counted(found.line_count, 'line')} {len(found.damaged)} cannot be used"
        again = partial(replace_keeping_old, name, attrs.evolve(found, damaged=()).to_bytes(), disk)
        yield make_finding(
            "origins",
            name,
            why=f"{of}: blocks of {found.refused_stores_text} are refused",
            remedy=again,
        )


def _check_identity_file(disk: Disk, places: Sequence[SavedPlace]) -> Iterator[StoreFinding]:
    """Yield the findings about the file `store`, whose identity the saved places have to name as well."""
    found, why = None, ""
    try:
        found = identity.load(disk)
    except (OSError, ValueError) as error:
        why = explanation(error)
    began = found.began if found else _start_of_identity(disk)
    # Places before `began` may name the older identity that `logsrv ship --new-identity` has replaced.
    others = {one.store for one in places if one.store and one.position > (began or NOWHERE)}
    if not why and (not others or (found is not None and found.store in others)):
        return
    says = f"it says {found.store}" if found else "it is missing"
    why = why or f"{says}, and places of this store name {', '.join(sorted(others))}"
    certain = None if found else identity.identity_before_bit_flip(disk)
    if certain is None and began is not None and len(others) == 1:
        certain = Identity(others.pop(), began)
    text = certain and identity.identity_text(certain)
    mend = partial(replace_keeping_old, identity.NAME, text, disk) if text else None
    yield make_finding("identity", identity.NAME, why=why, remedy=mend)


def _start_of_identity(disk: Disk) -> Position | None:
    """Return the place where the identity began, if a damaged file still has it; else None."""
    with contextlib.suppress(OSError, ValueError):
        if match := _BEGAN.search(disk.read(identity.NAME, 1024)):
            return parse_position(match[1].decode())
    return None
