"""Read the state of a centre, and pieces of its segments, while it writes, seals and removes them.

All functions read the disk, so call them in a thread.
"""

from __future__ import annotations

import os
import stat

from logsrv.descriptor import Descriptor
from logsrv.linelog.inputs.blocks.state import CentreState, PackedFile, is_segment_file_name
from logsrv.linelog.store.origins.notes import Snapshot
from logsrv.linelog.store.segments import index
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import (
    Form,
    Segment,
    away_segments,
    segments,
    segments_and_names,
)

_TRIES = 100
"""The most tries to read a segment whose file changes meanwhile; that does not happen so often in a row."""


def read_centre_state(disk: Disk, store: str, snapshot: Snapshot) -> CentreState:
    """Return the state of a store at the moment of `snapshot`. Raises OSError."""
    for _ in range(_TRIES):
        try:
            return _try_read_state(disk, store, snapshot)
        except FileNotFoundError:
            # A segment was sealed or removed meanwhile.
            continue
    raise OSError("the segments change all the time")


def _try_read_state(disk: Disk, store: str, snapshot: Snapshot) -> CentreState:
    found, names = segments_and_names(disk)
    number, offset = snapshot.position
    packed, texts = [], []
    for one in found:
        if one.number >= number:
            break
        size = disk.stat(one.name).st_size
        if one.form is Form.PACKED:
            words = disk.stat(one.words).st_size if one.words in names else 0
            packed.append(PackedFile(one.name, size, words))
        elif size:
            texts.append((one.number, size))
    if offset:
        texts.append((number, offset))
    away = tuple((one.name, disk.stat(one.archived).st_size) for one in away_segments(names))
    return CentreState(store, snapshot.position, tuple(packed), tuple(texts), away, snapshot.notes)


def read_file_piece(disk: Disk, name: str, begin: int, end: int) -> bytes | None:
    """Return the bytes from `begin` to `end` of a segment's file; None without one. Raises OSError."""
    if not is_segment_file_name(name):
        return None
    try:
        fd = disk.open(name, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with Descriptor(fd):
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        return os.pread(fd, end - begin, begin)


def read_text_piece(disk: Disk, number: int, begin: int, end: int) -> bytes | None:
    """Return the bytes from `begin` to `end` of a segment's text, or fewer; None if it is not here.

    The segment may have any form by now. Raises OSError, and ValueError if it is damaged.
    """
    for _ in range(_TRIES):
        found = _segment_numbered(disk, number)
        if found is None:
            return None
        try:
            if found.form is Form.PACKED:
                return _read_packed_text(disk, found, begin, end)
            fd = disk.open(found.name, os.O_RDONLY)
        except FileNotFoundError:
            continue
        with Descriptor(fd):
            # The opened file was the right one if the segment still has this name.
            if found == _segment_numbered(disk, number):
                return os.pread(fd, end - begin, begin)
    raise OSError(f"segment {number} changes all the time")


def _segment_numbered(disk: Disk, number: int) -> Segment | None:
    return next((one for one in segments(disk) if one.number == number), None)


def _read_packed_text(disk: Disk, packed: Segment, begin: int, end: int) -> bytes:
    kept = index.load(packed, disk)
    number = kept.frame_number_at(begin)
    if number == len(kept.frames):
        return b""
    at, size = kept.packed_extent(number)
    with Descriptor(disk.open(packed.name, os.O_RDONLY)) as fd:
        frame = os.pread(fd, size, at)
    first, *behind = [frame.text for frame in kept.frames[number : number + 2]] + [kept.text]
    try:
        text = index.unpack_frame(frame, behind[0] - first)
    except ValueError as error:
        raise ValueError(f"{disk.path(packed.name)} is damaged: {error}") from None
    return text[begin - first : end - first]
