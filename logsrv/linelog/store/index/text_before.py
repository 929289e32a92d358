"""The text before a segment: its first lines may go on with a record there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator

from logsrv.descriptor import Descriptor
from logsrv.linelog.fields.continuations.way_back import EarlierText
from logsrv.linelog.fields.stored_line import REACH
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import unpack_frame
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.segment import Form, Segment, sealed_segments


def text_before(segment: Segment, disk: Disk) -> bytes:
    """Return whole lines before a segment, of REACH bytes or some more; fewer where others are gone.

    A damaged segment counts as gone. Raises OSError if the directory cannot be read.
    """
    texts = [*_texts_before(segment, disk, sealed_segments(disk))]
    return b"".join(reversed(texts))


def earlier_texts(
    segment: Segment, disk: Disk, others: Callable[[], Iterable[Segment]]
) -> Iterator[tuple[int, EarlierText]]:
    """Yield the same in pieces, as `way_back.Earlier` returns them; each is read when it is asked for.

    others: returns the segments that may be read. No way leads farther back than to the first segment.
    """
    distance = 0
    for text in _texts_before(segment, disk, others()):
        distance += len(text) or sys.maxsize
        yield distance, EarlierText(text)


def _texts_before(segment: Segment, disk: Disk, others: Iterable[Segment]) -> Iterator[bytes]:
    """Yield the texts before a segment, the last first; b"" if the first of them begins the store."""
    there = {one.number: one for one in others}
    left, number = REACH, segment.number - 1
    while left > 0 and number in there:
        try:
            texts = [*_last_texts(there[number], disk, left)]
        except (OSError, ValueError):
            return
        yield from filter(None, reversed(texts))
        left -= sum(map(len, texts))
        number -= 1
    if not number:
        yield b""


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
