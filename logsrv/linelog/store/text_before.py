"""The text before a segment: its first lines may go on with a record there."""

from __future__ import annotations

import os
from collections.abc import Iterator

from logsrv.descriptor import Descriptor
from logsrv.linelog.fields.stored_line import REACH
from logsrv.linelog.store import index
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import unpack_frame
from logsrv.linelog.store.segment import Form, Segment, sealed_segments


def text_before(segment: Segment, disk: Disk) -> bytes:
    """Return whole lines before a segment, of REACH bytes or some more; fewer where others are gone.

    A damaged segment counts as gone. Raises OSError if the directory cannot be read.
    """
    there = {one.number: one for one in sealed_segments(disk)}
    found: list[bytes] = []
    left, number = REACH, segment.number - 1
    while left > 0 and number in there:
        try:
            texts = list(_last_texts(there[number], disk, left))
        except (OSError, ValueError):
            break
        found = texts + found
        left -= sum(map(len, texts))
        number -= 1
    return b"".join(found)


def _last_texts(segment: Segment, disk: Disk, size: int) -> Iterator[bytes]:
    """Yield the last texts of a segment in order. Raises OSError, and ValueError if it is damaged."""
    with Descriptor(disk.open(segment.name, os.O_RDONLY)) as fd:
        if segment.form is not Form.PACKED:
            end = os.fstat(fd).st_size
            text = os.pread(fd, size, max(0, end - size))
            yield text[text.find(b"\n") + 1 :] if end > size else text
            return
        found = index.load(segment, disk)
        ends = [*(frame.text for frame in found.frames[1:]), found.text]
        for number, end in enumerate(ends):
            if end > found.text - size:
                at, packed = found.packed_extent(number)
                yield unpack_frame(os.pread(fd, packed, at), end - found.frames[number].text)
