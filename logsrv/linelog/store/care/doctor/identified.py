"""The identity of a store, and what else knows it: kept places, and notes of archives."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from functools import partial

from logsrv.linelog.store.archive.kept import archived
from logsrv.linelog.store.care.doctor.aside import keep_aside
from logsrv.linelog.store.care.doctor.findings import Remedy, StoreFinding, damaged
from logsrv.linelog.store.care.doctor.kept import KeptPlace
from logsrv.linelog.store.care.listed import StoreListing
from logsrv.linelog.store.disk.disk import Disk, reason
from logsrv.linelog.store.segments import identity
from logsrv.linelog.store.segments.identity import Identity
from logsrv.linelog.store.segments.segment import NOWHERE, Position, Segment, parse_position

_BEGAN = re.compile(rb'"began":"([0-9:]{1,30})"')


def check_identity(listed: StoreListing, places: Sequence[KeptPlace]) -> Iterator[StoreFinding]:
    """Yield what is wrong with the file `store`."""
    disk, found, what = listed.disk, None, ""
    try:
        found = identity.load(disk)
    except OSError as error:
        what = f"it cannot be read: {reason(error)}"
    except ValueError as error:
        what = str(error)
    others = _known_elsewhere(listed, places, found.began if found else _began(disk))
    if not what:
        if not others or (found is not None and found.store in others):
            return
        says = f"says {found.store}" if found else "is missing"
        what = f"it {says}, and places and archives of this store name {', '.join(sorted(others))}"
    # Others do not know where it began.
    certain = (None if found else identity.before_one_bit(disk)) or _certain(listed, others)
    nothing_shipped = "B" if others else "If nothing was ever shipped, remove the file. Else b"
    yield damaged(
        "identity",
        identity.NAME,
        what,
        "No line is lost. Nothing is shipped, or it goes as lines of another store.",
        f"`--repair` lets it be store {certain.store} from {certain.began} on, as places, archives or its"
        " checksum say."
        if certain
        else f"{nothing_shipped}ring it back from a backup, or make this another store: logsrv ship"
        " --new-identity",
        Remedy(partial(_give, disk, certain)) if certain else None,
    )


def _give(disk: Disk, known: Identity) -> None:
    keep_aside(identity.NAME, disk)
    identity.keep(disk, known)


def _known_elsewhere(
    listed: StoreListing, places: Sequence[KeptPlace], began: Position | None
) -> set[str]:
    """Return the identities that places and archives name, of what is behind `began`.

    What is before it may be of the store that this was before `logsrv ship --new-identity`.
    """
    since = began or NOWHERE
    found = {one.store for one in places if one.store and one.position > since}
    for segment in _archived(listed):
        with contextlib.suppress(OSError, ValueError):
            if segment.number >= since.segment:
                found.add(archived(listed.disk, segment).store)
    return found


def _began(disk: Disk) -> Position | None:
    """Return where the identity began, as far as a damaged file tells."""
    with contextlib.suppress(OSError, ValueError):
        if match := _BEGAN.search(disk.read(identity.NAME, 1024)):
            return parse_position(match[1].decode())
    return None


def _archived(listed: StoreListing) -> list[Segment]:
    """Return some of the segments that an archive has."""
    return [one for one in listed.by_number.values() if one.archived in listed.names][:16]


def _certain(listed: StoreListing, others: set[str]) -> Identity | None:
    """Return the identity that all others name; None where they differ, or nobody tells where it began."""
    if len(others) != 1:
        return None
    [store] = others
    known = [Position(one.number, 0) for one in _archived(listed)]
    began = _began(listed.disk) or min(known, default=None)
    return Identity(store, began) if began else None
