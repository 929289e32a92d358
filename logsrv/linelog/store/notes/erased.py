"""The file `erased`: when lines of a store were erased, why, by whom, how many, and in which segments.

    {"changes":3,"segments":{"17":[52311,60128],"18":[0,0]},"erasures":[…]} 561bacaf

An erasure never has the text or the query: "time", "reason", "by", "lines", "records" (lines erased because
they go on with a matching one), "segments". Under "segments" stands between which offsets lines of a
segment were overwritten; 0 and 0 if only its indexes and columns were made again, as they had a copy of an
erased line. `changes` grows with each change of a segment, so that who packs a text learns of it.

Who compares a text with what it was earlier asks here: blocks of other stores, targets, backups, archives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from logsrv.kit.text.checksums import json_then_checksum, read_json_then_checksum
from logsrv.linelog.store.disk import Disk, explanation, read_or
from logsrv.linelog.store.segment import Position

NAME = "erased"
_MOST = 1000
"""The most erasures that are kept; the oldest of more are left out."""
_LARGEST = 16 << 20


@attrs.frozen
class Erasure:
    """An erase: how many lines matched, further ones of their records, and segments that had any."""

    time: str
    reason: str
    by: str
    lines: int
    records: int
    segments: int

    def __str__(self) -> str:
        """Return it as a sentence for a log, which has no text of the lines."""
        more = f" and {self.records:,} of their records" if self.records else ""
        why = f": {self.reason}" if self.reason else ""
        lines = "line" if self.lines == 1 else "lines"
        segments = "segment" if self.segments == 1 else "segments"
        return (
            f"{self.lines:,} {lines}{more} erased in {self.segments:,} {segments} by {self.by}{why}"
        )


@attrs.frozen
class ErasedNotes:
    """The content of the file. segments: the first offset and the end of what was erased, by number."""

    changes: int = 0
    segments: Mapping[int, tuple[int, int]] = attrs.field(factory=dict)
    erasures: tuple[Erasure, ...] = ()

    def touches(self, number: int) -> bool:
        """Return whether a segment, or a file made of it, is another since lines were erased."""
        return number in self.segments

    def erased_between(self, start: Position, end: Position) -> bool:
        """Return whether lines may have been erased between two positions of a segment."""
        first, stop = self.segments.get(start.segment, (0, 0))
        return first < stop and first < end.offset and start.offset < stop

    def with_segment(self, number: int, first: int, stop: int) -> ErasedNotes:
        """Return the notes after a change of a segment between two offsets."""
        before = self.segments.get(number, (0, 0))
        both = [one for one in (before, (first, stop)) if one[0] < one[1]]
        wide = (min(one[0] for one in both), max(one[1] for one in both)) if both else (0, 0)
        return attrs.evolve(
            self, changes=self.changes + 1, segments={**self.segments, number: wide}
        )

    def with_erasure(self, one: Erasure) -> ErasedNotes:
        """Return the notes after another erase."""
        return attrs.evolve(self, erasures=(*self.erasures, one)[-_MOST:])

    def without_segments_before(self, number: int) -> ErasedNotes:
        """Return the notes without the segments that the store no longer has."""
        kept = {one: span for one, span in self.segments.items() if one >= number}
        return attrs.evolve(self, segments=kept)


def load_erased(disk: Disk) -> ErasedNotes:
    """Return the notes; empty ones without the file. Raises OSError, and ValueError if it is damaged."""
    data = disk.read_or_none(NAME, _LARGEST)
    if data is None:
        return ErasedNotes()
    found = read_json_then_checksum(data)
    try:
        return ErasedNotes(
            int(found["changes"]),
            {int(number): _span(*span) for number, span in found["segments"].items()},
            tuple(Erasure(**one) for one in found["erasures"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(explanation(error)) from error


def _span(first: Any, stop: Any) -> tuple[int, int]:
    return int(first), int(stop)


def erased_or_none(disk: Disk) -> ErasedNotes:
    """Return the notes; empty ones if the file is missing, damaged or cannot be read."""
    return read_or(ErasedNotes(), load_erased, disk)


def save_erased(notes: ErasedNotes, disk: Disk) -> None:
    """Write and sync the notes. Raises OSError."""
    found = {
        "changes": notes.changes,
        "segments": {str(number): span for number, span in notes.segments.items()},
        "erasures": [attrs.asdict(one) for one in notes.erasures],
    }
    disk.replace_durably(NAME, json_then_checksum(found))


def state_of_erasing(disk: Disk) -> bytes | None:
    """Return a value that is another after lines were erased; mostly None. Raises OSError.

    A text that was read between two equal values is the text as it is now.
    """
    return disk.read_or_none(NAME, _LARGEST)
