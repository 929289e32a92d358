"""Recovery: a store that starts puts in order what a crash, a power cut or a person left.

A torn line is what a kill leaves: the beginning of a line without its LF. It is kept, and the writer
ends it before anything else; unless all of it is our own stamp, or less: then nothing anybody sent is
in it, and it is cut off, so that each line has the stored format. After a power cut some file systems
leave a run of NULs where data had not arrived; they tell nothing but their number, so they are cut
off, counted and reported.

A crash between the steps of a sealing leaves a segment in both forms; a person may put any file beside
a segment. So of files with the same number none is removed but what the other form of the same name
holds, byte by byte.
"""

from __future__ import annotations

import operator
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from twisted.logger import Logger

from logsrv.errors import StoreError
from logsrv.linelog.store import index, indexing, segment
from logsrv.linelog.store.disk import Disk, reason
from logsrv.linelog.store.segment import Form, Segment

log = Logger()
_STEP = 1 << 16
# Longer than any stamp: a name of 64 characters, a path of a UNIX socket with each byte escaped.
LONGEST_STAMP = 1024
_SHAPE_OF_TIME = b"0000-00-00T00:00:00.000000Z"
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")


_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class Active(NamedTuple):
    """The active segment, opened: its size in bytes, and whether its last line has no LF."""

    fd: int
    size: int
    torn: bool


def open_active(disk: Disk) -> Active:
    """Open current.log, or make it. Raises StoreError if something else is in its place."""
    path = disk.path(segment.ACTIVE)
    try:
        if segment.ACTIVE not in disk.entries():
            os.close(disk.create(segment.ACTIVE))
        # One that is there may be a rotation's, killed before its names were on the medium.
        disk.sync_directory()
        kind = stat.S_IFMT(disk.stat(segment.ACTIVE).st_mode)
        if kind != stat.S_IFREG:
            raise StoreError(
                f"{path} is {_KINDS.get(kind, 'a device')}, not a plain file; move it away"
            )
        fd = disk.open(segment.ACTIVE, os.O_RDWR | os.O_APPEND)
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {reason(error)}") from error
    try:
        return _mended(path, fd)
    except BaseException:
        os.close(fd)
        raise


def _mended(path: str, fd: int) -> Active:
    whole = os.fstat(fd).st_size
    texts = ((start, piece.rstrip(b"\0")) for start, piece in _backwards(fd, whole))
    size = next((start + len(text) for start, text in texts if text), 0)
    if size < whole:
        os.ftruncate(fd, size)
        log.warn(
            "{path} ended in {nuls} NUL bytes, as a power cut leaves them; they were cut off",
            path=path,
            nuls=whole - size,
        )
    ends = (start + piece.rfind(b"\n") for start, piece in _backwards(fd, size) if b"\n" in piece)
    start = next(ends, -1) + 1
    torn = size - start
    if torn and is_stamp(os.pread(fd, LONGEST_STAMP, start)):
        os.ftruncate(fd, start)
        log.warn(
            "{path} ended in {torn} bytes of a stamp with nothing behind it; they were cut off",
            path=path,
            torn=torn,
        )
        return Active(fd, start, torn=False)
    if torn:
        log.warn(
            "the last line of {path} is torn after {torn} bytes; it is kept and ended there",
            path=path,
            torn=torn,
        )
    return Active(fd, size, torn > 0)


def is_stamp(text: bytes) -> bool:
    """Return whether `text` is the beginning of `TIME SOURCE `, or all of it, and nothing else."""
    time, space, source = text.partition(b" ")
    shape = time.translate(_ANY_DIGIT)
    if not space:
        return _SHAPE_OF_TIME.startswith(shape)
    return shape == _SHAPE_OF_TIME and b" " not in source[:-1] and len(text) < LONGEST_STAMP


def _backwards(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield what is in a file before `end`, in pieces with their offsets, the last one first."""
    while end:
        start = max(0, end - _STEP)
        yield start, os.pread(fd, end - start, start)
        end = start


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
    for name in segment.no_files(disk):
        log.warn("{path} is no plain file, so it is not a segment", path=disk.path(name))
    for found in segment.half_rotated(disk):
        disk.unlink(found.name)
    settle(disk, set(), 10**segment.DIGITS, operator.call)
    entries = disk.entries()
    for name in map(segment.tmp, (segment.NUMBER, segment.ACTIVE)):
        if entries.get(name):
            disk.unlink(name)
    for found in segment.sealed_segments(disk):
        if found.form is Form.PLAIN:
            _end_torn(found.name, disk)
        else:
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


def _look_at_index(packed: Segment, disk: Disk) -> None:
    """Report a segment that is shorter than its index says, and make an index that is of no use anew."""
    path, size = disk.path(packed.name), disk.stat(packed.name).st_size
    try:
        kept = index.load(packed, disk)
    except (OSError, ValueError):
        kept = None
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
            indexing.rebuild(packed, disk)
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


def settle(disk: Disk, known: set[str], below: int, say: Callable[..., object]) -> None:
    """Remove what is there twice of the segments below number `below`; leave the rest, and say so.

    `known` has the names that were said before, and takes those that are said now. `say` is called
    with a method of a logger and its arguments. Raises OSError.
    """
    found = [(one, counted) for one, counted in segment.rivals(disk) if one.number < below]
    known.intersection_update(one.name for one, _ in found)
    for one, counted in found:
        if one.name in known:
            continue
        held = holder(one, counted, disk) if one.packed == counted.packed else None
        if held is None:
            known.add(one.name)
            say(
                log.warn,
                "{path} has the number of {counted} and is not the same; both are left as they are, and"
                " only the second is read, as segment {number}",
                path=disk.path(one.name),
                counted=counted.name,
                number=counted.number,
            )
            continue
        gone, kept = (one, counted) if held is Form.PACKED else (counted, one)
        # A plain one has no names of its own but the first: the others are the packed one's.
        for name in gone.files if gone.form is Form.PACKED else (gone.name,):
            disk.unlink(name)
        disk.sync_directory()
        say(
            log.info,
            "removed {path}: all that can be read of it is in {kept} as well",
            path=disk.path(gone.name),
            kept=kept.name,
        )


def holder(plain: Segment, packed: Segment, disk: Disk) -> Form | None:
    """Return the form that holds all that the other one does; None if neither. Raises OSError."""
    with open(disk.open(plain.name, os.O_RDONLY), "rb") as file:
        try:
            for text, _ in index.frames(packed, disk):
                same = file.read(len(text))
                if not text.startswith(same):
                    return None
                if len(same) < len(text):
                    return Form.PACKED
        except ValueError:
            return Form.PLAIN
        return Form.PLAIN if file.read(1) else Form.PACKED
