"""The file `imported` of a store: which files were imported, and which import is under way.

A line of JSON with its sum in it (kit/text/checked_json.py).
"""

from __future__ import annotations

from typing import Any

import attrs

from logsrv.errors import StoreError
from logsrv.kit.text.checked_json import checked_object, read_object
from logsrv.linelog.store.segments.disk import Disk, explanation
from logsrv.linelog.store.segments.segment import NOWHERE, Position

NAME = "imported"
# Bytes: those of 500,000 files. A longer one is cut off, and so is damaged.
_MOST = 64 << 20

Identity = list[Any]
"""A path, a size in bytes, a time in nanoseconds."""


@attrs.frozen
class ImportedFiles:
    """Files that were imported; those of an import under way, and how far that has come.

    begun: where in the store it began. synced: up to where it is on the medium.
    """

    files: list[Identity] = attrs.field(factory=list)
    under_way: list[Identity] = attrs.field(factory=list)
    begun: Position = NOWHERE
    zone: str = ""
    synced: Position = NOWHERE

    def save(self, disk: Disk) -> None:
        """Put it into the store, complete or not at all. Raises OSError."""
        disk.put(NAME, checked_object(attrs.asdict(self)))


def load(disk: Disk) -> ImportedFiles:
    """Return what the store says; nothing if it never had an import. Raises OSError, StoreError."""
    try:
        # Without a sum only from older versions, which also noted how many bytes were synced.
        found = read_object(disk.read(NAME, _MOST), [*attrs.fields_dict(ImportedFiles), "text"])
        return ImportedFiles(
            list(found["files"]),
            list(found["under_way"]),
            Position(*map(int, found["begun"])),
            str(found["zone"]),
            Position(*map(int, found.get("synced", found["begun"]))),
        )
    except FileNotFoundError:
        return ImportedFiles()
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        why = explanation(error)
        raise StoreError(
            f"{disk.path(NAME)} is damaged and does not say what was imported: {why}; bring it back"
            " from a backup, or import into another directory. Without it each file is a new one"
        ) from error
