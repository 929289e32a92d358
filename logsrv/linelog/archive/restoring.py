"""Restoring a store from an archive: segment by segment, each verified with its manifest.

The directory has the file `restoring` until all segments are there. After an interruption, the same restore
fetches only the segments that are still missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.archive.names import archived_segment_names
from logsrv.linelog.archive.putting import find_manifest
from logsrv.linelog.objects.interface import Archive, ArchiveError, ChangedObject
from logsrv.linelog.objects.putting import object_pieces
from logsrv.linelog.store import identity, segment
from logsrv.linelog.store.disk import Disk, read_or
from logsrv.linelog.store.notes.archive_notes import save_local_manifest
from logsrv.linelog.store.notes.digest import FileDigest, digest_file, size_and_sha256
from logsrv.linelog.store.notes.manifest import Manifest, object_name
from logsrv.linelog.store.segment import Position


class RestoredSegment(NamedTuple):
    """A restored segment. text: the bytes of its text. here: whether the directory had it before.

    error: why it could not be restored; "" if it was.
    """

    name: str
    text: int = 0
    lines: int = 0
    here: bool = False
    error: str = ""


def begin_restoring(store: str, disk: Disk) -> None:
    """Note that a store is not whole yet: no server starts there. Raises StoreError and OSError.

    A directory with a store is refused.
    """
    if disk.has_name(segment.ACTIVE):
        raise StoreError(
            f"there is a store in {disk.directory} already; restore into a new directory"
        )
    disk.replace_durably(segment.RESTORING, f"{store}\n".encode())


def is_restored(store: str, disk: Disk) -> bool:
    """Return whether an earlier restore, which was interrupted later, has finished this store."""
    if disk.has_name(segment.RESTORING) or not disk.has_name(segment.ACTIVE):
        return False
    found = read_or(None, identity.load, disk)
    return found is not None and found.store == store


def restore_segments(archive: Archive, store: str, disk: Disk) -> Iterator[RestoredSegment]:
    """Restore a store into a locked directory; yield each segment when it is done.

    store: the identity. Raises StoreError if the directory has a store already, or the archive has no
    segment of this store; also ArchiveError and OSError.
    """
    names = archived_segment_names(archive.names(f"{store}/"), store)
    if not names:
        raise StoreError(f"{archive.address} has no segment of store {store}")
    begin_restoring(store, disk)
    for name in names:
        yield _restore_segment(archive, store, name, disk)
    first, last = (int(names[end].partition("-")[0]) for end in (0, -1))
    _finish_restored_store(store, first, last, disk)


def _restore_segment(archive: Archive, store: str, name: str, disk: Disk) -> RestoredSegment:
    try:
        manifest = find_manifest(archive, store, name)
        if manifest is None:
            raise ArchiveError(f"{archive.address} does not have segment {name} any more")
        here = _has_unchanged_text(manifest, disk)
        if not here:
            _fetch_segment(archive, manifest, disk)
    except ArchiveError as error:
        return RestoredSegment(name, error=str(error))
    return RestoredSegment(name, manifest.text, manifest.lines, here=here)


def _has_unchanged_text(manifest: Manifest, disk: Disk) -> bool:
    """Return whether the directory has the unchanged text, and so all files: the text is fetched last."""
    packed = manifest.segment
    return (
        disk.has_name(packed.name)
        and digest_file(packed.name, disk) == manifest.packed_file
        and disk.has_name(packed.archived)
    )


def _fetch_segment(archive: Archive, manifest: Manifest, disk: Disk) -> None:
    packed = manifest.segment
    for whole, wanted in manifest.objects.items():
        name = whole.rpartition("/")[2]
        try:
            _fetch_file(archive, manifest, name, wanted, disk)
        except BaseException:
            disk.unlink(segment.tmp(name))
            raise
        if name == packed.name:
            save_local_manifest(disk, packed, manifest)
        disk.rename(segment.tmp(name), name)
    disk.sync_directory()


def _fetch_file(
    archive: Archive, manifest: Manifest, name: str, wanted: FileDigest, disk: Disk
) -> None:
    """Fetch a file, and write and sync it under its temporary name."""
    whole = object_name(manifest.store, name)

    def written(fd: int) -> Iterator[bytes]:
        for piece in object_pieces(archive, whole, wanted.size):
            disk.write(fd, piece)
            yield piece

    with Descriptor(disk.create_anew(segment.tmp(name))) as fd:
        if size_and_sha256(written(fd)) != wanted:
            raise ChangedObject(archive.address, whole)
        # Retention takes the time of the file as the time of its last line.
        moment = parse_rfc3339(manifest.times.largest or manifest.segment.first_time)
        os.utime(fd, (moment, moment))
        disk.fdatasync(fd)


def _finish_restored_store(store: str, first: int, last: int, disk: Disk) -> None:
    """Make the directory a store whose next segment follows the last restored one."""
    segment.save_number(last + 1, disk)
    segment.repair_synced_file(disk)
    # The store keeps its identity, valid from the first segment on. A shipping target decides whether it
    # accepts a restored store.
    identity.save_identity(disk, identity.Identity(store, Position(first, 0)))
    os.close(disk.create_anew(segment.tmp(segment.ACTIVE)))
    disk.rename(segment.tmp(segment.ACTIVE), segment.ACTIVE)
    disk.sync_directory()
    disk.unlink(segment.RESTORING)
    disk.sync_directory()
