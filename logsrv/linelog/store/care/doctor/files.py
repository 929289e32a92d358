"""The names in a store's directory: what is no file, twice there, left over, or of the wrong owner."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from functools import partial

from logsrv.kit.text.words import counted
from logsrv.linelog.store.care.doctor.aside import SUFFIX
from logsrv.linelog.store.care.doctor.findings import Remedy, StoreFinding, damaged, note
from logsrv.linelog.store.care.listed import StoreListing
from logsrv.linelog.store.care.owned import files_of, give_files_of_root, is_closed_or_open, let_use
from logsrv.linelog.store.disk.disk import TMP_SUFFIX, Disk
from logsrv.linelog.store.segments.segment import ACTIVE, loose_files, no_files

# Files that are being written are younger.
_OLD = 3600.0


def check_files(listed: StoreListing) -> Iterator[StoreFinding]:
    """Yield what is wrong with names and files, whatever is in them."""
    disk, names = listed.disk, listed.names
    strange = no_files(disk, names)
    if names.get(ACTIVE) is False:
        strange.append(ACTIVE)
    for name in strange:
        yield damaged(
            "no-file",
            name,
            "it has the name of a segment and is no plain file",
            "It is not read. The server does not start if it is current.log.",
            "Move it away; if it is a link, put the file itself here.",
        )
    yield from _twice(listed)
    yield from _left_over(listed)
    yield from _owners(disk)


def _twice(listed: StoreListing) -> Iterator[StoreFinding]:
    for one, preferred in listed.counted:
        if one is preferred:
            continue
        if one.packed == preferred.packed:
            yield note(
                "twice",
                one.name,
                f"segment {one.number} is there compressed as well",
                "It was being compressed when the server was killed; the next start removes what is twice.",
            )
        else:
            yield damaged(
                "rival",
                one.name,
                f"it has the number of {preferred.name}",
                "Only the latter is read. If the lines of this one are others, no search finds them.",
                "Somebody has put it here: move it away, or import it into another store.",
            )


def _left_over(listed: StoreListing) -> Iterator[StoreFinding]:
    disk, now = listed.disk, time.time()
    old = [
        name
        for name, found in files_of(disk)
        if name.endswith(TMP_SUFFIX) and "/" not in name and now - found.st_mtime > _OLD
    ]
    loose = [name for name in loose_files(disk, listed.names) if not name.endswith(TMP_SUFFIX)]
    if left := sorted(old + loose):
        yield note(
            "left-over",
            _some(left),
            "left over from what was interrupted, or from segments that are gone",
            "No line is in them. The next start removes them.",
        )
    if aside := sorted(name for name in listed.names if SUFFIX in name):
        yield note(
            "aside",
            _some(aside),
            "a repair has kept these aside",
            "Nothing reads them.",
            "Remove them when you are sure.",
        )


def _owners(disk: Disk) -> Iterator[StoreFinding]:
    """Yield files that the owner of the directory cannot use, or others may change."""
    owner = disk.stat(".").st_uid
    found = list(files_of(disk))
    others = [path for path, one in found if one.st_uid != owner]
    modes = [path for path, one in found if one.st_uid == owner and is_closed_or_open(one)]
    if others:
        may = os.geteuid() == 0
        yield damaged(
            "owner",
            _some(others),
            f"the owner of the directory does not own {counted(len(others), 'file')}",
            "No line is lost. The server may not be able to read or write them.",
            "`--repair` gives those of root to the owner of the directory."
            if may
            else "As root, `--repair` gives those of root to the owner of the directory.",
            Remedy(partial(give_files_of_root, disk), beside_server=True) if may else None,
        )
    if modes:
        yield damaged(
            "mode",
            _some(modes),
            f"{counted(len(modes), 'file')} cannot be used by the owner, or can be written by everybody",
            "No line is lost. The server may not be able to use them; or anybody may change them.",
            "`--repair` gives them mode 0640.",
            Remedy(partial(let_use, disk), beside_server=True),
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
