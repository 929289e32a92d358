"""Lines that are erased in a copy of a segment elsewhere, and that the store still has.

A store has such lines if it was restored from a copy that was made before the erase. Its note of erases is
from before, too, so only the copy tells which lines they are. Archives and lakes ask here before they
replace a segment, so that no erased line gets back to them; `logsrv erase --everywhere` erases what it
finds. Lines keep their offsets when they are erased, so the offsets of erased lines are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from logsrv.linelog.fields.erased_line import is_erased
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import unpack_frames
from logsrv.linelog.store.segment import Segment


def erased_offsets(frames: Iterable[bytes]) -> Iterator[int]:
    """Yield the offsets of erased lines in the text of a segment. frames: of whole lines, in order."""
    at = 0
    for text in frames:
        offset = at
        for line in text.split(b"\n"):
            if line and is_erased(line):
                yield offset
            offset += len(line) + 1
        at += len(text)


def lines_to_erase(offsets: Iterable[int], packed: Segment, disk: Disk) -> list[tuple[int, int]]:
    """Return begin and end of the lines at these offsets that are not erased in the text of a segment.

    Raises OSError, and ValueError if the text is damaged, or no line begins at an offset.
    """
    found: list[tuple[int, int]] = []
    begin, left = 0, iter(offsets)
    start = next(left, None)
    for text, _ in unpack_frames(packed, disk):
        while start is not None and start < begin + len(text):
            at = start - begin
            if at and text[at - 1 : at] != b"\n":
                raise ValueError(f"no line begins at byte {start:,}")
            end = text.find(b"\n", at) + 1 or len(text)
            if not is_erased(text[at:end].removesuffix(b"\n")):
                found.append((start, begin + end))
            start = next(left, None)
        begin += len(text)
    return found
