"""Removal of texts whose lines the backup also has in a newer file."""

from __future__ import annotations

import contextlib
import os

from logsrv.descriptor import PIECE
from logsrv.linelog.store import index
from logsrv.linelog.store.archive.archive_notes import local_manifest
from logsrv.linelog.store.care.store_listing import StoreListing
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Form, Segment
from logsrv.linelog.store.torn import is_stamp_or_beginning


def remove_superseded(disk: Disk) -> list[str]:
    """Remove texts that the backup also has compressed, in an archive, or in full under another name.

    A segment can have two names if its first line has no TIME: then its name has the time of its last
    write. If a compressed segment lacks lines of its text, it is removed, and the text stays. Returns the
    names of these compressed segments. Raises OSError.
    """
    listed, lacking = StoreListing(disk), []
    for one, preferred in listed.files_with_preferred:
        if one is preferred:
            if (
                one.form is Form.PLAIN
                and one.archived in listed.names
                and _archive_has_text(one, disk)
            ):
                disk.unlink(one.name)
        elif preferred.form is Form.PLAIN:
            names = sorted((one.name, preferred.name), key=lambda name: disk.stat(name).st_size)
            if _begins_with_text(names[1], names[0], disk):
                disk.unlink(names[0])
        elif one.form is Form.PLAIN and _has_all_lines(preferred, one, disk):
            disk.unlink(one.name)
        elif one.packed == preferred.packed:
            lacking.append(preferred.name)
            for name in preferred.files:
                disk.unlink(name)
    return lacking


def _archive_has_text(text: Segment, disk: Disk) -> bool:
    """Return whether an archive has this segment, with at least as much text."""
    away = Segment(text.number, text.packed, Form.AWAY)
    with contextlib.suppress(ValueError):
        size = disk.stat(text.name).st_size
        return disk.has_name(away.index) and local_manifest(disk, away).text >= size
    return False


def _has_all_lines(packed: Segment, text: Segment, disk: Disk) -> bool:
    """Return whether a compressed segment has all lines of a text.

    After the text was copied, a start of the server may have repaired NULs or an end without LF in the
    original. These differences do not count. Raises OSError.
    """
    with open(disk.open(text.name, os.O_RDONLY), "rb") as file:
        with contextlib.suppress(ValueError):
            for piece, _ in index.unpack_frames(packed, disk):
                there = file.read(len(piece))
                # `startswith` first: it compares at the speed of memory, the other byte by byte.
                if not (piece.startswith(there) or _differs_only_by_repair(there, piece)):
                    return False
        return not any(b"\n" in piece for piece in iter(lambda: file.read(PIECE), b""))


def _differs_only_by_repair(text: bytes, piece: bytes) -> bool:
    """Return whether `piece` differs from `text` only in holes of `text`, and in stamps before a hole."""
    for at, (a, b) in enumerate(zip(text, piece, strict=False)):
        if a not in (0, b):
            hole = text.find(b"\0", at)
            if hole < 0 or not is_stamp_or_beginning(text[text.rfind(b"\n", 0, at) + 1 : hole]):
                return False
    return True


def _begins_with_text(longer: str, shorter: str, disk: Disk) -> bool:
    """Return whether the longer text begins with all of the shorter one."""
    with open(disk.open(longer, os.O_RDONLY), "rb") as file:
        return all(file.read(len(piece)) == piece for piece in disk.pieces(shorter))
