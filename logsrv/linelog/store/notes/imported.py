"""The file `imported` of a store: which files were imported, and which import is under way.

It is a line of JSON with a checksum in it (kit/text/checksums.py).
"""

from __future__ import annotations

from typing import Any

import attrs

from logsrv.errors import StoreError
from logsrv.kit.text.checksums import json_with_checksum, read_json_with_checksum
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.segment import NOWHERE, Position

NAME = "imported"
# The most bytes that are read: enough for 500,000 files. A longer file is read in part, so it counts as
# damaged.
_MOST = 64 << 20

FileIdentity = list[Any]
"""An imported file: its path, its size in bytes, the time of its last write in nanoseconds."""


@attrs.frozen
class ImportedFiles:
    """The files that were imported, and an import under way.

    under_way: the files of the present import. begun: the position in the store where it began. zone: its
    time zone. synced: the position up to which its lines are on the medium.
    """

    files: list[FileIdentity] = attrs.field(factory=list)
    under_way: list[FileIdentity] = attrs.field(factory=list)
    begun: Position = NOWHERE
    zone: str = ""
    synced: Position = NOWHERE

    def save(self, disk: Disk) -> None:
        """Write the file to the store; an interruption leaves the old file. Raises OSError."""
        disk.replace_durably(NAME, json_with_checksum(attrs.asdict(self)))


def load(disk: Disk) -> ImportedFiles:
    """Return the content of the file; an empty one if there is no file. Raises OSError and StoreError."""
    try:
        # Older versions wrote no checksum, and "text": how many bytes were synced.
        found = read_json_with_checksum(
            disk.read(NAME, _MOST), [*attrs.fields_dict(ImportedFiles), "text"]
        )
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
            " from a backup, or import into another directory. Without it each file is imported again"
        ) from error
