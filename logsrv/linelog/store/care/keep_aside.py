"""Keeping replaced files as `….damaged`, because `logsrv doctor` removes nothing."""

from __future__ import annotations

from itertools import count

from logsrv.linelog.store.segments.disk import Disk

SUFFIX = ".damaged"


def keep_aside(name: str, disk: Disk) -> str:
    """Rename a file to a free name `….damaged`; return that name, or "" if there is no such file.

    Raises OSError.
    """
    if not disk.has_name(name):
        return ""
    for number in count(1):
        other = f"{name}{SUFFIX}" if number == 1 else f"{name}{SUFFIX}-{number}"
        if not disk.has_name(other):
            disk.rename(name, other)
            disk.sync_directory()
            return other
    raise AssertionError


def replace_keeping_old(name: str, data: bytes, disk: Disk) -> None:
    """Rewrite a file, and keep the old one under another name. Raises OSError."""
    kept = keep_aside(name, disk)
    try:
        disk.replace_durably(name, data)
    except OSError:
        # On a full disk nothing changes, so that the next examination has the same finding.
        if kept:
            disk.rename(kept, name)
        raise
