"""Recovery: a store that starts puts in order what a crash or a power cut left.

A torn line is what a kill leaves: the beginning of a line without its LF. It is kept, and the writer
ends it before anything else; unless all of it is our own stamp, or less: then nothing anybody sent is
in it, and it is cut off, so that each line has the stored format. After a power cut some file systems
leave a run of NULs where data had not arrived; they tell nothing but their number, so they are cut
off, counted and reported.
"""

from __future__ import annotations

import os
import stat

import attrs
from twisted.logger import Logger

from logsrv.errors import StoreError
from logsrv.linelog.store import index, segment
from logsrv.linelog.store.disk import Disk, reason
from logsrv.linelog.store.index import Index
from logsrv.linelog.store.rivals import settle
from logsrv.linelog.store.segment import Form, Segment

log = Logger()
_STEP = 1 << 16
# Longer than any stamp: a name of 64 characters, a path of a UNIX socket with each byte escaped.
LONGEST_STAMP = 1024
_SHAPE_OF_TIME = b"0000-00-00T00:00:00.000000Z"
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")


@attrs.frozen
class Active:
    """The active segment, opened. Sizes in bytes.

    size: what is in the file now, without `nuls` and `stamp`.
    stamp: how many bytes of a stamp without anything behind it stood at the end and were cut off.
    torn: the length of its last line if that has no LF, else 0.
    nuls: how many NULs stood at the end and were cut off.
    """

    fd: int
    size: int
    torn: int
    nuls: int
    stamp: int = 0


def open_active(disk: Disk) -> Active:
    """Open current.log, or make it. Raises StoreError if something else is in its place."""
    path = disk.path(segment.ACTIVE)
    try:
        found = stat.S_IFMT(disk.stat(segment.ACTIVE).st_mode)
    except FileNotFoundError:
        found = None
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {reason(error)}") from error
    if found not in (None, stat.S_IFREG):
        raise StoreError(
            f"{path} is {_KINDS.get(found, 'a device')}, not a plain file; move it away"
        )
    try:
        if found is None:
            return Active(_created(disk), 0, 0, 0)
        fd = disk.open(segment.ACTIVE, os.O_RDWR | os.O_APPEND)
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {reason(error)}") from error
    try:
        return _mended(path, fd)
    except BaseException:
        os.close(fd)
        raise


def _created(disk: Disk) -> int:
    fd = disk.create(segment.ACTIVE)
    try:
        disk.sync_directory()
    except OSError:
        os.close(fd)
        raise
    return fd


_KINDS: dict[int | None, str] = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


def _mended(path: str, fd: int) -> Active:
    whole = os.fstat(fd).st_size
    size = _without_nuls(fd, whole)
    nuls = whole - size
    if nuls:
        os.ftruncate(fd, size)
        log.warn(
            "{path} ended in {nuls} NUL bytes, as a power cut leaves them; they were cut off",
            path=path,
            nuls=nuls,
        )
    start = _line_start(fd, size)
    torn = size - start
    if torn and is_stamp(os.pread(fd, LONGEST_STAMP, start)):
        os.ftruncate(fd, start)
        log.warn(
            "{path} ended in {torn} bytes of a stamp with nothing behind it; they were cut off",
            path=path,
            torn=torn,
        )
        return Active(fd, start, 0, nuls, torn)
    if torn:
        log.warn(
            "the last line of {path} is torn after {torn} bytes; it is kept and ended there",
            path=path,
            torn=torn,
        )
    return Active(fd, size, torn, nuls)


def is_stamp(text: bytes) -> bool:
    """Return whether `text` is the beginning of `TIME SOURCE `, or all of it, and nothing else."""
    time, space, source = text.partition(b" ")
    shape = time.translate(_ANY_DIGIT)
    if not space:
        return _SHAPE_OF_TIME.startswith(shape)
    return shape == _SHAPE_OF_TIME and b" " not in source[:-1] and len(text) < LONGEST_STAMP


def _without_nuls(fd: int, size: int) -> int:
    """Return the size of the file without the NULs at its end."""
    while size:
        start = max(0, size - _STEP)
        kept = len(os.pread(fd, size - start, start).rstrip(b"\0"))
        if kept:
            return start + kept
        size = start
    return 0


def _line_start(fd: int, size: int) -> int:
    """Return the offset behind the last LF."""
    end = size
    while end:
        start = max(0, end - _STEP)
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def number_active(disk: Disk) -> int:
    """Return the number of the active segment, in its file from now on unless the disk is full."""
    number = segment.active_number(disk)
    saved = segment.saved_number(disk)
    if not saved and segment.NUMBER in disk.entries():
        log.warn(
            "{path} does not hold the number of a segment; lines go on in number {number}",
            path=disk.path(segment.NUMBER),
            number=number,
        )
    if saved != number:
        try:
            segment.save_number(number, disk)
        except OSError as error:
            log.warn("{file} cannot be saved: {why}", file=segment.NUMBER, why=reason(error))
    return number


def tidy(disk: Disk) -> None:
    """Finish or undo what a crash interrupted; afterwards each sealed segment of ours is there once.

    Raises OSError. Removes nothing but what this store left unfinished and what is there twice.
    """
    for name in segment.pretenders(disk):
        log.warn("{path} is no plain file, so it is not a segment", path=disk.path(name))
    for found in segment.half_rotated(disk):
        disk.unlink(found.name)
    settle(disk, set(), 10**segment.DIGITS, lambda say, *args, **fields: say(*args, **fields))
    for found in segment.sealed_segments(disk):
        if found.form is Form.PLAIN:
            _end_torn(found.name, disk)
    entries = disk.entries()
    for name in map(segment.tmp, (segment.NUMBER, segment.ACTIVE)):
        if entries.get(name):
            disk.unlink(name)
    for found in segment.sealed_segments(disk):
        if found.form is Form.PACKED:
            _look_at_index(found, disk)
    for name in segment.loose_files(disk):
        disk.unlink(name)


def _end_torn(name: str, disk: Disk) -> None:
    fd = disk.open(name, os.O_RDWR | os.O_APPEND)
    try:
        if _mended(disk.path(name), fd).torn:
            disk.writev(fd, [b"\n"])
    finally:
        os.close(fd)


def _index_of(packed: Segment, disk: Disk) -> Index | None:
    try:
        return index.load(packed, disk)
    except (OSError, ValueError):
        return None


def _look_at_index(packed: Segment, disk: Disk) -> None:
    """Report a segment that is shorter than its index says, and make an index that is of no use anew."""
    kept, size = _index_of(packed, disk), disk.stat(packed.name).st_size
    path = disk.path(packed.name)
    if kept is not None and size < kept.compressed:
        lines, text = kept.missing(size)
        log.error(
            "{path} is damaged: it ends after {size} of {compressed} bytes, and {lines} lines"
            " ({text} bytes) that its index promises are missing; both are left as they are",
            path=path,
            size=size,
            compressed=kept.compressed,
            lines=lines,
            text=text,
        )
    elif kept is None or size > kept.compressed:
        try:
            index.rebuild(packed, disk)
        except ValueError as error:
            log.error("{path} is damaged and left as it is: {why}", path=path, why=error)
        except OSError as error:
            disk.unlink(segment.tmp(packed.index))
            log.error(
                "{name} cannot be made again: {why}; without it {path} is for zstdcat only",
                name=disk.path(packed.index),
                path=path,
                why=reason(error),
            )
        else:
            log.warn("the index of {path} was missing or of no use, and was made again", path=path)
