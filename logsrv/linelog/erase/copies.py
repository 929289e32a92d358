"""Copies of lines that are elsewhere, as far as the store knows of them, and what to do about each.

The page "personal data" of the documentation has the whole list, with what no program can know.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import counted
from logsrv.linelog.erase.away_lines import is_away_unfinished
from logsrv.linelog.store.disk import Disk, read_or
from logsrv.linelog.store.notes import backup_note
from logsrv.linelog.store.notes.archive_notes import archive_urls
from logsrv.linelog.store.place import saved_places
from logsrv.linelog.store.rule_stores import main_store_of

_LAKE = "lake+"
_STATE = ".state"
_SILENCES = "silences.json"


def copies_of_store(directory: str, disk: Disk) -> Iterator[str]:
    """Yield a sentence for each kind of copy. Raises OSError."""
    archives = [*archive_urls(directory)]
    for url in archives:
        yield (
            f"the archive {one_line(url)} has sealed segments as they were, unless --everywhere was"
            " given: the same command with it puts the new ones there"
        )
    for name, place, _ in saved_places(directory):
        folder, _, target = name.partition("/")
        url = str(place.note.get("target", "")) if place is not None else ""
        # A saved place does not have the options of a URL.
        if folder != "ship" or url in [one.partition("?")[0] for one in archives]:
            continue
        if url.startswith(_LAKE):
            yield (
                f"the lake {one_line(url)} has the lines as rows, unless --everywhere was given: the same"
                " command with it makes its files again"
            )
        else:
            where = one_line(url) or "its receiver"
            yield (
                f"the target {one_line(target)} has sent lines to {where}: erase them there; if it is a"
                " logsrv, give this command there"
            )
    if (main := main_store_of(directory)) is None:
        yield from _copies_of_alerts(disk)
    else:
        # Alerts of the main store see the lines of this one.
        with Disk().open_directory(main) as disk_of_main:
            yield from _copies_of_alerts(disk_of_main, os.path.join(main, ""))
    if is_away_unfinished(directory):
        yield (
            "an erase in archives was interrupted, and they may still have lines: logsrv erase --finish"
            " --everywhere continues it"
        )
    yield (
        "a backup has the lines until the next `logsrv backup` into the same directory; give this command"
        " to other backups with -d BACKUP, and remove copies of the disk"
    )


def _copies_of_alerts(disk: Disk, path: str = "") -> Iterator[str]:
    """Yield a sentence about groups of alerts. path: of their store, if it is not that of the lines."""
    if states := [path + one for one in _names_with(disk, _STATE)]:
        yield (
            f"{counted(len(states), 'alert')} with a condition may keep a value as the name of a group"
            f" ({', '.join(states)}), until its window has passed, if another line has that value: an"
            " erase makes alerts forget groups of erased lines alone"
        )
    if any(_names_with(disk, _SILENCES)):
        yield (
            f"silences of alerts may name a value as a group ({_SILENCES}): logsrv alert --silences lists"
            " them, and --end-silence ID removes one"
        )


def _names_with(disk: Disk, suffix: str) -> Iterator[str]:
    for folder, inside in backup_note.store_folders(disk, passed=OSError):
        for name in sorted(inside.entries()) if folder else ():
            if name.endswith(suffix) and read_or(b"", inside.read, name):
                yield f"{folder}/{name}"
