"""The file `imported` of a store: which files were imported, and which import is under way."""

from __future__ import annotations

import json
import os
from typing import Any

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Position, tmp

NAME = "imported"

Identity = list[Any]
"""A path, a size in bytes, a time in nanoseconds."""


_NOWHERE = Position(0, 0)


@attrs.frozen
class Done:
    """Files that were imported; those of an import under way, and where in the store it began."""

    files: list[Identity] = attrs.field(factory=list)
    under_way: list[Identity] = attrs.field(factory=list)
    begun: Position = _NOWHERE
    zone: str = ""

    def save(self, disk: Disk) -> None:
        """Put it into the store, complete or not at all. Raises OSError."""
        fd = disk.create_anew(tmp(NAME))
        try:
            left = json.dumps(attrs.asdict(self)).encode() + b"\n"
            while left:
                left = left[disk.writev(fd, [left]) :]
            disk.fdatasync(fd)
        finally:
            os.close(fd)
        disk.rename(tmp(NAME), NAME)
        disk.sync_directory()


def load(disk: Disk) -> Done:
    """Return what the store says; nothing if it never had an import. Raises OSError, StoreError."""
    try:
        found = json.loads(disk.read(NAME))
        return Done(
            list(found["files"]),
            list(found["under_way"]),
            Position(*map(int, found["begun"])),
            str(found["zone"]),
        )
    except FileNotFoundError:
        return Done()
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"{disk.path(NAME)} does not say what was imported; move it away to import again"
        ) from error
