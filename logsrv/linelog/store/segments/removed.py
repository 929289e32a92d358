"""Sizes of segments that retention has removed: they tell what a late reader has missed.

The file `removed` has the numbers of segments, the bytes and the lines of their texts, the newest last,
with its sum (kit/text/sums.py): `removed 3-16:4294967296:43820412 17:268435456:2738776`. When there are
many, the oldest that follow each other stand together, but not over a number at which a reader still
stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.empty import empty_numbers, noted_words, words_of
from logsrv.linelog.store.segments.segment import Position

REMOVED = "removed"
_MOST = 1000
_LARGEST = 1 << 17


class Missing(NamedTuple):
    """Text that is missing. known: False if there may be more of it, and nobody knows how much."""

    bytes: int = 0
    lines: int = 0
    known: bool = True

    def __bool__(self) -> bool:
        return self != Missing()

    def and_(self, other: Missing) -> Missing:
        """Return both together."""
        return Missing(
            self.bytes + other.bytes, self.lines + other.lines, self.known and other.known
        )


UNKNOWN = Missing(1, 0, known=False)
"""A segment had a byte at least."""


class RemovedRun(NamedTuple):
    """Segments that follow each other and were removed, and the sizes of their texts together."""

    numbers: range
    bytes: int
    lines: int


def removed_runs(disk: Disk) -> list[RemovedRun]:
    """Return the runs in order; those that the file has, if it can be read."""
    try:
        return read_removed(disk)
    except (OSError, ValueError):
        return []


def read_removed(disk: Disk) -> list[RemovedRun]:
    """Return what the file says. Raises OSError, and ValueError if it is damaged."""
    return [_run(word) for word in words_of(disk.read(REMOVED, _LARGEST), REMOVED)]


def note_removed(segments: Iterable[RemovedRun], disk: Disk, kept: Collection[int] = ()) -> None:
    """Let the file `removed` have some more. Raises OSError. kept: the numbers at which readers stand."""
    runs = sorted([*removed_runs(disk), *segments], key=lambda run: run.numbers.start)
    runs = list({run.numbers.start: run for run in runs}.values())
    made: list[RemovedRun] = []
    for left, run in zip(range(len(runs), 0, -1), runs, strict=True):
        last = made[-1] if made else None
        follows = last is not None and last.numbers.stop == run.numbers.start
        if len(made) + left > _MOST and follows and run.numbers.start not in kept:
            assert last is not None
            numbers = range(last.numbers.start, run.numbers.stop)
            made[-1] = RemovedRun(numbers, last.bytes + run.bytes, last.lines + run.lines)
        else:
            made.append(run)
    disk.replace(REMOVED, noted_words(REMOVED, map(_text, made[-_MOST:])))


def gaps(numbers: Iterable[int], explained: Sequence[range]) -> Iterator[range]:
    """Yield the runs of numbers that are missing between others. explained: those that may, in order."""
    for before, after in pairwise(sorted(set(numbers))):
        at = before + 1
        for run in explained if at < after else ():
            if at < min(run.start, after):
                yield range(at, min(run.start, after))
            at = max(at, run.stop)
        if at < after:
            yield range(at, after)


def missed(position: Position, following: int, disk: Disk) -> Missing:
    """Return what there was from a place to the segment `following`, of segments that are gone.

    The lines in front of the place are told by their share of the bytes.
    """
    removed = {run.numbers.start: run for run in removed_runs(disk)}
    empty = empty_numbers(disk)
    known = [following, *removed, *(run.start for run in empty)]
    number, total = position.segment, Missing()
    while number < following:
        if (run := removed.get(number)) is not None:
            total = total.and_(_behind(run, position.offset if number == position.segment else 0))
            number = run.numbers.stop
        elif (nothing := next((one for one in empty if number in one), None)) is not None:
            number = nothing.stop
        else:
            after = min(one for one in known if one > number)
            # Each had a byte at least.
            total = total.and_(Missing(after - number, 0, known=False))
            number = after
    return total


def _behind(run: RemovedRun, offset: int) -> Missing:
    if offset > run.bytes:
        return UNKNOWN
    left = run.bytes - offset
    return Missing(left, round(run.lines * left / run.bytes) if run.bytes else 0)


def _run(word: str) -> RemovedRun:
    numbers, size, *lines = word.split(":")
    first, _, last = numbers.partition("-")
    run = RemovedRun(
        range(int(first), int(last or first) + 1), int(size), int(lines[0]) if lines else 0
    )
    if len(lines) > 1 or not run.numbers or min(run.bytes, run.lines) < 0:
        raise ValueError("it makes no sense")
    return run


def _text(run: RemovedRun) -> str:
    first, last = run.numbers[0], run.numbers[-1]
    return f"{first if first == last else f'{first}-{last}'}:{run.bytes}:{run.lines}"
