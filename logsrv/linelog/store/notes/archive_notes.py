"""The notes of a store about its archives and lakes, in three kinds of files.

DIR/ship/NAME.archive      `archive URL` and a checksum: the URL of the archive that is target NAME
DIR/ship/NAME.lake         the same of a lake: readers do not use it, `logsrv erase --everywhere` does
DIR/…Z.log.zst.archived    the manifest of a segment that an archive has, with a checksum in it
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from logsrv.kit.text.checksums import line_with_checksum, strip_checksum
from logsrv.linelog.store.disk import Disk, read_or
from logsrv.linelog.store.notes.manifest import LARGEST, Manifest, decode_manifest, encode_manifest
from logsrv.linelog.store.segment import Segment

FOLDER = "ship"
SUFFIX, LAKE_SUFFIX = ".archive", ".lake"
_LONGEST = 1 << 16
_MARK = b"archive "


def save_archive_url(disk: Disk, name: str, url: str, suffix: str = SUFFIX) -> None:
    """Write the URL of an archive to its note. Raises OSError.

    suffix: LAKE_SUFFIX for a lake, whose URL has options that its place lacks.
    """
    disk.replace_durably(name + suffix, line_with_checksum(_MARK + url.encode()))


def archive_urls(directory: str) -> Iterator[str]:
    """Yield the URLs of the archives of a store; damaged notes are left out."""
    folder = os.path.join(directory, FOLDER)
    try:
        disk = Disk().open_directory(folder)
    except OSError:
        return
    with disk:
        for name in sorted(disk.entries()):
            if name.endswith(SUFFIX):
                with suppress(OSError, ValueError):
                    yield read_archive_url(disk, name)


def has_archives(directory: str) -> bool:
    """Return whether a store has the note of an archive or a lake."""
    try:
        names = os.listdir(os.path.join(directory, FOLDER))
    except OSError:
        return False
    return any(name.endswith((SUFFIX, LAKE_SUFFIX)) for name in names)


def read_archive_url(disk: Disk, name: str) -> str:
    """Return the URL in a file `NAME.archive` or `NAME.lake` of a folder.

    Raises OSError; ValueError if it is damaged.
    """
    data = disk.read(name, _LONGEST)
    if not data.startswith(_MARK) and data.endswith(b"\n"):
        # Older versions wrote only the URL, without a checksum. A URL has no space.
        url = data[:-1].decode()
        if "://" in url and " " not in url:
            return url
    return strip_checksum(data).removeprefix(_MARK).decode()


def save_local_manifest(disk: Disk, packed: Segment, manifest: Manifest) -> None:
    """Write and sync the manifest of a segment beside it, once an archive has it. Raises OSError."""
    disk.replace_durably(packed.archived, encode_manifest(manifest))
    if not (disk.has_name(packed.name) or disk.has_name(packed.index)):
        # Retention has removed the whole segment meanwhile, so the manifest goes, too.
        disk.unlink(packed.archived)


def local_manifest_or_none(segment: Segment, disk: Disk) -> Manifest | None:
    """Return the manifest beside a segment; None if it is missing or damaged."""
    return read_or(None, local_manifest, disk, segment)


def local_manifest(disk: Disk, segment: Segment) -> Manifest:
    """Return the manifest beside a segment. Raises OSError, and ValueError if it is damaged."""
    return decode_manifest(disk.read(segment.archived, LARGEST))
