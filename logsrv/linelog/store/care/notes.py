"""The small files of a store: number, synced, store, origins, imported and others."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import attrs

from logsrv.errors import StoreError
from logsrv.kit.text.words import counted
from logsrv.linelog.store.archive import kept
from logsrv.linelog.store.care.aside import keep_aside, replace
from logsrv.linelog.store.care.findings import StoreFinding, finding
from logsrv.linelog.store.care.imported import NAME as IMPORTED
from logsrv.linelog.store.care.imported import load as load_imported
from logsrv.linelog.store.care.listed import StoreListing
from logsrv.linelog.store.origins import origins
from logsrv.linelog.store.origins.notes import read_notes
from logsrv.linelog.store.segments import backup_note, format, identity, lock
from logsrv.linelog.store.segments.disk import Disk, explanation
from logsrv.linelog.store.segments.identity import Identity
from logsrv.linelog.store.segments.removed import EMPTY, REMOVED, read_empty, read_removed
from logsrv.linelog.store.segments.segment import (
    BACKUP,
    NOWHERE,
    NUMBER,
    RESTORING,
    SYNCED,
    Position,
    number_text,
    parse_position,
    place_text,
    read_synced,
    saved_number,
    synced_place,
)
from logsrv.linelog.store.segments.waiting import WAITING, read_waiting

_READERS: dict[str, Callable[[Disk], object]] = {
    format.NAME: format.load,
    SYNCED: read_synced,
    EMPTY: read_empty,
    REMOVED: read_removed,
    WAITING: read_waiting,
    IMPORTED: load_imported,
    BACKUP: backup_note.load,
}
"""The readers of small files, which raise if those are damaged. Names are kinds of findings, too."""
# Bytes: the notes of 100,000 stores. Damaged lines take ten times as much memory.
_MOST_ORIGINS = 32 << 20
_SHORTEST_NOTE = 64
_BEGAN = re.compile(rb'"began":"([0-9:]{1,30})"')
_REMEDIES: dict[str, Callable[[Disk], object]] = {
    SYNCED: lambda disk: replace(SYNCED, place_text(NOWHERE), disk),
    **{name: partial(keep_aside, name) for name in (EMPTY, REMOVED, WAITING)},
}


class KeptPlace(NamedTuple):
    """A place that a reader of the store has kept, in `ship/` or `alerts/`.

    name: `ship/NAME` or `alerts/N`. wrong: why it cannot be read, or "". store: the identity of the store
    that it is of; "" for none.
    """

    name: str
    position: Position = NOWHERE
    store: str = ""
    wrong: str = ""


def check_notes(listed: StoreListing, places: Sequence[KeptPlace]) -> Iterator[StoreFinding]:
    """Yield what is wrong with the notes of a store. places: those that its readers have kept."""
    disk = listed.disk
    for name, read in _READERS.items():
        if why := _fault(read, disk):
            mend = _REMEDIES.get(name)
            yield finding(name, name, why=why, remedy=mend and partial(mend, disk))
    for folder, inside in backup_note.folders(disk, passed=OSError):
        for name in sorted(inside.entries()) if folder == kept.FOLDER else ():
            if name.endswith(kept.SUFFIX) and (why := _fault(kept.noted_url, inside, name)):
                yield finding("archive", f"{folder}/{name}", why=why)
    if RESTORING in listed.names:
        yield finding("restoring", RESTORING, command="restore")
    yield from _number(listed, places)
    yield from _origins(disk)
    yield from _identity(disk, places)


def _fault(read: Callable[..., object], *what: object) -> str:
    """Return why a file is of no use; "" if it is fine, or is not there."""
    try:
        read(*what)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, StoreError) as error:
        return explanation(error)
    return ""


def _number(listed: StoreListing, places: Sequence[KeptPlace]) -> Iterator[StoreFinding]:
    disk = listed.disk
    reached = max([synced_place(disk), *(one.position for one in places)])
    if saved_number(disk) or not (disk.holds(NUMBER) or listed.by_number or reached > NOWHERE):
        return
    number = max(listed.active, reached.segment)
    write = partial(replace, NUMBER, number_text(number), disk)
    yield finding(
        "number",
        NUMBER,
        why="it does not hold the number of a segment" if disk.holds(NUMBER) else "it is missing",
        number=number,
        remedy=write if listed.by_number else None,
    )


def _origins(disk: Disk) -> Iterator[StoreFinding]:
    try:
        data = disk.read(origins.NAME, _MOST_ORIGINS + 1)
        if len(data) > _MOST_ORIGINS or data.count(b"\n") > _MOST_ORIGINS // _SHORTEST_NOTE:
            raise ValueError(f"it has more than {_MOST_ORIGINS >> 20} MiB, or too many lines")
        found = read_notes(data)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        yield finding("origins", origins.NAME, why=explanation(error))
        return
    if not _left_by(disk):
        # No writer is at work, or was killed, that would have left a line without an end.
        found = found.with_torn_as_damaged()
    again = partial(replace, origins.NAME, attrs.evolve(found, damaged=()).text(), disk)
    lines = counted(found.lines, "line")
    if found.damaged:
        why = (
            f"of {lines} {len(found.damaged)} cannot be used: blocks of {found.refused} are refused"
        )
        yield finding("origins", origins.NAME, why=why, remedy=again)
    elif found.changed:
        why = f"one bit has changed in {found.changed} of {lines}"
        yield finding("origins", origins.NAME, why=why, remedy=again)


def _left_by(disk: Disk) -> bytes:
    """Return which process has the store, or has not come to its end; nothing for none."""
    with contextlib.suppress(OSError):
        return disk.read(lock.NAME, 32).strip()
    return b""


def _identity(disk: Disk, places: Sequence[KeptPlace]) -> Iterator[StoreFinding]:
    """Yield what is wrong with the file `store`, which places of targets and alerts know as well."""
    found, why = None, ""
    try:
        found = identity.load(disk)
    except (OSError, ValueError) as error:
        why = explanation(error)
    began = found.began if found else _began(disk)
    # Places before it may be of the store that this was before `logsrv ship --new-identity`.
    others = {one.store for one in places if one.store and one.position > (began or NOWHERE)}
    if not why and (not others or (found is not None and found.store in others)):
        return
    says = f"it says {found.store}" if found else "it is missing"
    why = why or f"{says}, and places of this store name {', '.join(sorted(others))}"
    certain = None if found else identity.before_one_bit(disk)
    if certain is None and began is not None and len(others) == 1:
        certain = Identity(others.pop(), began)
    remedy = None if certain is None else partial(_give, disk, certain)
    yield finding("identity", identity.NAME, why=why, remedy=remedy)


def _began(disk: Disk) -> Position | None:
    """Return where the identity began, as far as a damaged file tells."""
    with contextlib.suppress(OSError, ValueError):
        if match := _BEGAN.search(disk.read(identity.NAME, 1024)):
            return parse_position(match[1].decode())
    return None


def _give(disk: Disk, known: Identity) -> None:
    keep_aside(identity.NAME, disk)
    identity.keep(disk, known)
