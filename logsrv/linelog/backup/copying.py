"""The files of a backup: copied to it by a hard link or by a verified copy, and removed from it.

A text is removed from a backup if the backup also has its lines in a newer file.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import zlib
from collections.abc import Iterator

from logsrv.descriptor import PIECE, Descriptor, pieces_between
from logsrv.linelog.fields.erased_line import differs_only_by_erasing
from logsrv.linelog.store.disk import Disk, read_or
from logsrv.linelog.store.frames import unpack_frames
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.notes.archive_notes import local_manifest
from logsrv.linelog.store.notes.backup_note import COMING
from logsrv.linelog.store.segment import Form, Listing, Segment, tmp
from logsrv.linelog.store.starting.torn import is_stamp_or_beginning

# A hard link fails with these errors, and the file is copied: the other directory is on another file
# system, or on one without hard links, or the file belongs to another user.
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES, errno.ENOSYS)


class CopyMethod(enum.Enum):
    """The way in which a file was copied.

    THERE: it was there already. LINKED: a hard link. COPIED: a whole copy. DAMAGED: a copy whose checksums
    are wrong. KEPT: a different file was there and stays, because the new one is damaged or not verified.
    EARLIER: the file from before an erase in an archive stays: the store has no other one.
    """

    THERE = "there before"
    LINKED = "linked"
    COPIED = "copied"
    DAMAGED = "damaged"
    KEPT = "kept as they were"
    EARLIER = "from before an erase"


def link_or_copy(name: str, source: Disk, target: Disk, *, of: Segment | None = None) -> CopyMethod:
    """Link or copy a file, which is never written again, to another directory as `NAME.coming`.

    of: the segment, if the file is its text: then a copy is verified by the checksums in the index. Raises
    OSError; FileNotFoundError if the file is gone.
    """
    wanted = source.stat(name)
    for there in (name, name + COMING):
        found = target.stat_or_none(there)
        if found and (found.st_size, found.st_mtime_ns) == (wanted.st_size, wanted.st_mtime_ns):
            return CopyMethod.THERE
    target.unlink(name + COMING)
    # A sealed segment never changes. So if the backup has a different file, one of the two may be damaged:
    # the new one is copied and verified, not linked.
    replaces = of is not None and target.has_name(name)
    try:
        if not replaces:
            target.link_from(source, name, name + COMING)
            return CopyMethod.LINKED
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
    with Descriptor(source.open(name, os.O_RDONLY)) as fd:
        size = os.fstat(fd).st_size
        pieces = (
            _verified_frames(fd, of, source, sure=replaces)
            if of
            else _leading_pieces(fd, size, name)
        )
        whole = _write_copy(name, fd, pieces, target)
    if replaces and not whole:
        target.unlink(tmp(name))
        return CopyMethod.KEPT
    target.rename(tmp(name), name + COMING)
    return CopyMethod.COPIED if whole else CopyMethod.DAMAGED


def copy_growing_text(
    name: str, fd: int, size: int, target: Disk, *, is_erased: bool = False
) -> bool:
    """Copy the first `size` bytes of a growing text as `NAME.coming`; return False if they are there.

    is_erased: whether lines of it were erased: then the bytes may be others. The file is never linked,
    because a start of a server may repair it in place. Raises OSError.
    """
    written = os.fstat(fd).st_mtime_ns
    for there in (name, name + COMING):
        found = target.stat_or_none(there)
        if found and found.st_size == size and (found.st_mtime_ns == written or not is_erased):
            return False
    _write_copy(name, fd, _leading_pieces(fd, size, name), target)
    target.rename(tmp(name), name + COMING)
    return True


def _write_copy(name: str, fd: int, pieces: Iterator[tuple[bytes, bool]], target: Disk) -> bool:
    """Write pieces to a temporary file with the times of `fd`; return whether all pieces are right."""
    whole = True
    try:
        with Descriptor(target.create_anew(tmp(name))) as made:
            for piece, is_right in pieces:
                target.write(made, piece)
                whole = whole and is_right
            held = os.fstat(fd)
            os.utime(made, ns=(held.st_atime_ns, held.st_mtime_ns))
            target.fdatasync(made)
    except BaseException:
        target.unlink(tmp(name))
        raise
    return whole


def _leading_pieces(fd: int, size: int, name: str) -> Iterator[tuple[bytes, bool]]:
    """Yield the first `size` bytes of a file in pieces, each marked as right.

    Raises OSError if the file has fewer bytes.
    """
    at = 0
    for piece in pieces_between(fd, 0, size):
        yield piece, True
        at += len(piece)
    if at < size:
        raise OSError(errno.EIO, f"it ends after {at} of {size} bytes", name)


def _verified_frames(
    fd: int, packed: Segment, source: Disk, *, sure: bool
) -> Iterator[tuple[bytes, bool]]:
    """Yield the frames of a segment, each with whether its checksum is right.

    sure: whether a frame without a checksum in the index counts as wrong.
    """
    found = read_or(None, index.load, packed, source)
    if found is None or os.fstat(fd).st_size != found.compressed:
        # `logsrv doctor` explains this damage.
        for piece, _ in _leading_pieces(fd, os.fstat(fd).st_size, packed.name):
            yield piece, found is None and not sure
        return
    for number in range(len(found.frames)):
        at, size = found.packed_extent(number)
        piece = os.pread(fd, size, at)
        sums = found.checksums_of_frame(number)
        yield piece, not sure if sums is None else zlib.crc32(piece) == sums.packed


def remove_superseded(disk: Disk) -> list[str]:
    """Remove texts that the backup also has compressed, in an archive, or in full under another name.

    A segment can have two names if its first line has no TIME: then its name has the time of its last
    write. If a compressed segment lacks lines of its text, it is removed, and the text stays. Returns the
    names of these compressed segments. Raises OSError.
    """
    listed, lacking = Listing(disk), []
    for one, preferred in listed.files:
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
    original, or lines may have been erased in it. These differences do not count. Raises OSError.
    """
    with open(disk.open(text.name, os.O_RDONLY), "rb") as file:
        with contextlib.suppress(ValueError):
            for piece, _ in unpack_frames(packed, disk):
                there = file.read(len(piece))
                # `startswith` first: it compares at the speed of memory, the others byte by byte.
                if not (
                    piece.startswith(there)
                    or _differs_only_by_repair(there, piece)
                    or differs_only_by_erasing(there, piece[: len(there)])
                ):
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
